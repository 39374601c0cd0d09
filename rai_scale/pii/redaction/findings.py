"""Findings and row status as nested columns, and the tables that are derived from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.pii.redaction.operators import KEEP
from rai_scale.tables.formats import CORRUPT

STATUS, ERROR, FINDINGS = "_rai_status", "_rai_error", "_rai_findings"
OK, FAILED = "ok", "error"

DECISION = pa.struct(
    {
        "pattern": pa.string(),
        "original_score": pa.float64(),
        "context_word": pa.string(),
        "validated": pa.bool_(),
    }
)
FINDING = pa.struct(
    {
        **dict.fromkeys(("column", "entity"), pa.string()),
        **dict.fromkeys(("start", "end"), pa.int32()),
        "score": pa.float64(),
        **dict.fromkeys(("recognizer", "operator"), pa.string()),
        "decision": DECISION,
    }
)
DETAILS = pa.schema([(STATUS, pa.string()), (ERROR, pa.string()), (FINDINGS, pa.list_(FINDING))])


@dataclass(frozen=True)
class QuarantineCorrupt:
    """Mark a line that could not be parsed as a failed row, and drop its raw text."""

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
    """Count the findings of the rows that succeeded, per column, entity and operator.

    ``cells`` counts the rows in which a value of the column was changed; the operator ``keep``
    changes nothing.
    """

    schema = pa.schema(
        {
            **dict.fromkeys(("column", "entity", "operator"), pa.string()),
            **dict.fromkeys(("findings", "cells"), pa.int64()),
        }
    )
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the counts of a staged batch; the rows that count ``cells`` have no entity."""
        findings: Counter[tuple[str, str, str]] = Counter()
        changed: Counter[str] = Counter()
        for row in _good(table)[FINDINGS].to_pylist():
            findings.update((f["column"], f["entity"], f["operator"]) for f in row)
            changed.update({f["column"] for f in row if f["operator"] != KEEP})
        rows: list[tuple[Any, ...]] = [(*key, n, 0) for key, n in findings.items()]
        rows += [(column, None, None, 0, n) for column, n in changed.items()]
        return table_of_rows(rows, self.schema)


@dataclass(frozen=True)
class GoodRows:
    """Keep the rows that succeeded, without status, error and findings."""

    columns: tuple[str, ...]
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the output rows of a staged batch."""
        return _good(table).select(list(self.columns))


@dataclass(frozen=True)
class FailedRows:
    """Keep the key and the error of each row that failed, and none of its values."""

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
    """One row per finding in a row that succeeded, with that row's key; never the value."""

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


def table_of_rows(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    """Return an Arrow table made of rows, each with its values in the order of ``schema``."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in schema)
    arrays = [pa.array(list(c), f.type) for c, f in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema)


def _good(table: pa.Table) -> pa.Table:
    return table.filter(pc.equal(table[STATUS], OK))
