"""Group counts of one batch as a mergeable state, for engines that cannot count by themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def counts_schema(schema: pa.Schema, keys: Sequence[str], sums: Sequence[str]) -> pa.Schema:
    """Return the schema of group counts over a frame of ``schema``."""
    fields = [schema.field(key) for key in keys]
    fields += [pa.field("count", pa.int64())]
    return pa.schema(fields + [pa.field(f"sum_{name}", pa.float64()) for name in sums])


def count_groups(table: pa.Table, keys: Sequence[str], sums: Sequence[str]) -> pa.Table:
    """Count one batch; the state that :func:`merge_counts` merges."""
    ones = pa.array(np.ones(table.num_rows, dtype=np.int64))
    values = [ones, *(pc.cast(table[name], pa.float64()) for name in sums)]
    names = [*keys, "count", *(f"sum_{name}" for name in sums)]
    return merge_counts(pa.table([*(table[key] for key in keys), *values], names=names), keys)


def merge_counts(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Add up rows of equal keys; associative and commutative."""
    totals = [name for name in table.column_names if name not in keys]
    grouped = table.group_by(list(keys)).aggregate([(name, "sum") for name in totals])
    grouped = grouped.select([*keys, *(f"{name}_sum" for name in totals)])
    grouped = grouped.rename_columns([*keys, *totals])
    if keys or "count" not in totals:
        return grouped
    at = grouped.schema.get_field_index("count")  # the total of no rows is 0, not null
    return grouped.set_column(at, "count", pc.fill_null(grouped["count"], 0))
