"""Findings and row status as nested columns, and the tables that are taken from them."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

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
class GoodRows:
    """Keep the rows that did not fail, without the nested columns."""

    columns: tuple[str, ...]
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the output rows of a staged batch."""
        return table.filter(pc.equal(table[STATUS], OK)).select(list(self.columns))


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
    """One row per finding, with the key of its row; never the value."""

    keys: tuple[str, ...]
    cheap = True

    def schema(self, data: pa.Schema) -> pa.Schema:
        """Return the schema of the findings table."""
        return pa.schema([*(data.field(key) for key in self.keys), *FINDING])

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the findings of a staged batch."""
        nested = table[FINDINGS].combine_chunks()
        rows = pc.list_parent_indices(nested)
        flat = pc.list_flatten(nested)
        fields = [pc.struct_field(flat, field.name) for field in FINDING]
        keys = [table[key].combine_chunks().take(rows) for key in self.keys]
        return pa.table([*keys, *fields], names=[*self.keys, *(f.name for f in FINDING)])
