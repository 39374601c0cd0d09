"""Counts per group of one batch, and their merge, for engines without counts of their own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.list_keys import bytes_as_lists, is_list_of_numbers, lists_as_bytes
from rai_scale.errors import ConfigError

Sum = str | tuple[str, ...]
"""A column to sum, or columns whose product is summed."""


def factors(name: Sum) -> tuple[str, ...]:
    """Return the columns of a sum: one, or the factors of a product."""
    return (name,) if isinstance(name, str) else tuple(name)


def columns_of(sums: Sequence[Sum]) -> list[str]:
    """Return the columns that the sums need, each once."""
    return list(dict.fromkeys(column for name in sums for column in factors(name)))


def sum_name(name: Sum) -> str:
    """Return the name of a sum's column in the result."""
    return "sum_" + "*".join(factors(name))


def refuse_nested(schema: pa.Schema, keys: Sequence[str]) -> None:
    """Raise :class:`ConfigError` for keys that no engine can compare, such as structs."""
    for key in keys:
        kind = schema.field(key).type
        odd = pa.types.is_interval(kind) or pa.types.is_nested(kind)
        if odd and not is_list_of_numbers(kind):
            raise ConfigError(
                f"column {key!r} has type {kind}, which cannot define groups. Make a column of one "
                "of its parts and use that."
            )


def counts_schema(schema: pa.Schema, keys: Sequence[str], sums: Sequence[Sum]) -> pa.Schema:
    """Return the schema of group counts over a frame of ``schema``."""
    refuse_nested(schema, keys)
    fields = [schema.field(key) for key in keys]
    fields += [pa.field("count", pa.int64())]
    return pa.schema(fields + [pa.field(sum_name(name), pa.float64()) for name in sums])


def count_groups(table: pa.Table, keys: Sequence[str], sums: Sequence[Sum]) -> pa.Table:
    """Count the rows of one batch per group; :func:`merge_counts` merges the results."""
    ones = pa.array(np.ones(table.num_rows, dtype=np.int64))
    values = [ones, *(_product(table, name) for name in sums)]
    names = [*keys, "count", *map(sum_name, sums)]
    return merge_counts(pa.table([*(table[key] for key in keys), *values], names=names), keys)


def _product(table: pa.Table, name: Sum) -> pa.ChunkedArray:
    columns = [pc.cast(table[column], pa.float64()) for column in factors(name)]
    return pc.fill_null(reduce(pc.multiply, columns), float("nan"))


def merge_counts(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Add up the counts of rows with equal keys; associative and commutative."""
    totals = [name for name in table.column_names if name not in keys]
    encoded = lists_as_bytes(table, keys)
    grouped = encoded.group_by(list(keys)).aggregate([(name, "sum") for name in totals])
    grouped = grouped.select([*keys, *(f"{name}_sum" for name in totals)])
    grouped = bytes_as_lists(grouped.rename_columns([*keys, *totals]), table.schema)
    if keys or "count" not in totals:
        return grouped
    at = grouped.schema.get_field_index("count")  # without rows the total is 0, not null
    return grouped.set_column(at, "count", pc.fill_null(grouped["count"], 0))
