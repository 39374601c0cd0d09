"""Group counts of one batch as a mergeable state, for engines that cannot count by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.list_keys import bytes_as_lists, is_list_of_numbers, lists_as_bytes
from rai_scale.errors import ConfigError, TooManyGroupsError

Sum = str | tuple[str, ...]
"""A column to sum, or columns whose product is summed."""


def factors(name: Sum) -> tuple[str, ...]:
    """Return the columns of a sum."""
    return (name,) if isinstance(name, str) else tuple(name)


def columns_of(sums: Sequence[Sum]) -> list[str]:
    """Return the columns that the sums need, each once."""
    return list(dict.fromkeys(column for name in sums for column in factors(name)))


def sum_name(name: Sum) -> str:
    """Return the name of the column that holds a sum."""
    return "sum_" + "*".join(factors(name))


def check_limit(table: pa.Table, keys: Sequence[str], limit: int | None) -> pa.Table:
    """Return ``table``, or raise if it has more rows than the limit."""
    if limit is not None and table.num_rows > limit:
        raise TooManyGroupsError(keys, limit)
    return table


def refuse_nested(schema: pa.Schema, keys: Sequence[str]) -> None:
    """Raise for keys that no engine compares: structs, maps, lists of other than numbers."""
    for key in keys:
        kind = schema.field(key).type
        odd = pa.types.is_interval(kind) or pa.types.is_nested(kind)
        if odd and not is_list_of_numbers(kind):
            raise ConfigError(
                f"column {key!r} is of type {kind}, and groups are made of single values. Name one "
                "of its parts as a column of its own."
            )


def counts_schema(schema: pa.Schema, keys: Sequence[str], sums: Sequence[Sum]) -> pa.Schema:
    """Return the schema of group counts over a frame of ``schema``."""
    refuse_nested(schema, keys)
    fields = [schema.field(key) for key in keys]
    fields += [pa.field("count", pa.int64())]
    return pa.schema(fields + [pa.field(sum_name(name), pa.float64()) for name in sums])


def count_groups(table: pa.Table, keys: Sequence[str], sums: Sequence[Sum]) -> pa.Table:
    """Count one batch; the state that :func:`merge_counts` merges."""
    ones = pa.array(np.ones(table.num_rows, dtype=np.int64))
    values = [ones, *(_product(table, name) for name in sums)]
    names = [*keys, "count", *map(sum_name, sums)]
    return merge_counts(pa.table([*(table[key] for key in keys), *values], names=names), keys)


def _product(table: pa.Table, name: Sum) -> pa.ChunkedArray:
    columns = [pc.cast(table[column], pa.float64()) for column in factors(name)]
    return pc.fill_null(reduce(pc.multiply, columns), float("nan"))


def merge_counts(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Add up rows of equal keys; associative and commutative."""
    totals = [name for name in table.column_names if name not in keys]
    encoded = lists_as_bytes(table, keys)
    grouped = encoded.group_by(list(keys)).aggregate([(name, "sum") for name in totals])
    grouped = grouped.select([*keys, *(f"{name}_sum" for name in totals)])
    grouped = bytes_as_lists(grouped.rename_columns([*keys, *totals]), table.schema)
    if keys or "count" not in totals:
        return grouped
    at = grouped.schema.get_field_index("count")  # the total of no rows is 0, not null
    return grouped.set_column(at, "count", pc.fill_null(grouped["count"], 0))
