"""Findings and row status as nested columns, and the tables that are taken from them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.pii.operators import KEEP
from rai_scale.tables.formats import CORRUPT

STATUS, ERROR, FINDINGS = "_rai_status", "_rai_error", "_rai_findings"
OK, FAILED = "ok", "error"

FINDING = pa.struct(
    [
        ("column", pa.string()),
        ("entity", pa.string()),
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("score", pa.float64()),
        ("recognizer", pa.string()),
        ("operator", pa.string()),
    ]
)
DETAILS = pa.schema([(STATUS, pa.string()), (ERROR, pa.string()), (FINDINGS, pa.list_(FINDING))])


@dataclass(frozen=True)
class QuarantineCorrupt:
    """Make a line that could not be read a failed row, and drop its raw text."""

    outputs = pa.schema([(CORRUPT, pa.string()), *list(DETAILS)[:2]])
    inputs = (CORRUPT, STATUS, ERROR)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the columns of ``outputs``."""
        good = pc.is_null(table[CORRUPT])
        return pa.table(
            [
                pa.nulls(table.num_rows, pa.string()),
                pc.if_else(good, table[STATUS], FAILED),
                pc.if_else(good, table[ERROR], "CorruptRecord"),
            ],
            schema=self.outputs,
        )


@dataclass(frozen=True)
class CountFindings:
    """Count what was replaced or kept, per column, entity and operator, in the rows that are good.

    ``cells`` counts the rows in which a column was changed; what is kept is not.
    """

    schema = pa.schema(
        [
            ("column", pa.string()),
            ("entity", pa.string()),
            ("operator", pa.string()),
            ("findings", pa.int64()),
            ("cells", pa.int64()),
        ]
    )
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the counts of a staged batch; cells per column have no entity."""
        findings: Counter[tuple[str, str | None, str | None]] = Counter()
        cells: Counter[tuple[str, str | None, str | None]] = Counter()
        for row in _good(table)[FINDINGS].to_pylist():
            for found in row:
                findings[found["column"], found["entity"], found["operator"]] += 1
            for column in {found["column"] for found in row if found["operator"] != KEEP}:
                cells[column, None, None] += 1
        rows = [(*key, n, 0) for key, n in findings.items()]
        rows += [(*key, 0, n) for key, n in cells.items()]
        columns = list(zip(*rows, strict=True)) or [()] * len(self.schema)
        return pa.table(
            [pa.array(c, f.type) for c, f in zip(columns, self.schema, strict=True)], self.schema
        )


@dataclass(frozen=True)
class GoodRows:
    """Keep the rows that did not fail, without the nested columns."""

    columns: tuple[str, ...]
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the output rows of a staged batch."""
        return _good(table).select(list(self.columns))


@dataclass(frozen=True)
class FailedRows:
    """Keep the keys of the rows that failed, and what failed; no value of the row."""

    keys: tuple[str, ...]
    cheap = True

    def schema(self, data: pa.Schema) -> pa.Schema:
        """Return the schema of the quarantine table."""
        return pa.schema([*(data.field(key) for key in self.keys), pa.field(ERROR, pa.string())])

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the quarantined rows of a staged batch."""
        return table.filter(pc.equal(table[STATUS], FAILED)).select([*self.keys, ERROR])


@dataclass(frozen=True)
class FindingRows:
    """One row per finding of a good row, with the key of its row; never the value."""

    keys: tuple[str, ...]
    cheap = True

    def schema(self, data: pa.Schema) -> pa.Schema:
        """Return the schema of the findings table."""
        return pa.schema([*(data.field(key) for key in self.keys), *FINDING])

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the findings of a staged batch."""
        table = _good(table)
        nested = table[FINDINGS].combine_chunks()
        rows = pc.list_parent_indices(nested)
        flat = pc.list_flatten(nested)
        fields = [pc.struct_field(flat, field.name) for field in FINDING]
        keys = [table[key].combine_chunks().take(rows) for key in self.keys]
        return pa.table([*keys, *fields], names=[*self.keys, *(f.name for f in FINDING)])


def _good(table: pa.Table) -> pa.Table:
    return table.filter(pc.equal(table[STATUS], OK))
