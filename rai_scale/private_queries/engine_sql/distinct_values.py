"""Distinct counts over partitions: one row per group and value, counted on the driver.

Two partitions may contain the same value, so their distinct counts cannot be added. GROUPING SETS
return each column's values and the groups' totals in one pass, and lists of values can be merged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.counts import merge_counts

LEVEL = "of"
"""The kind of a row: 0 for a group's totals, i + 1 for a value of the i-th column."""


def listed_sql(
    keys: Sequence[str], values: Sequence[str], totals: Mapping[str, str], source: str
) -> str:
    """Return a SELECT in DuckDB's SQL of groups' totals and of each column's values per group.

    Parameters
    ----------
    keys, values : sequence of str
        Columns of the groups, and columns whose values are listed.
    totals : mapping of str to str
        Aggregates that add up, by name.
    source : str
        A FROM item.
    """
    sets = [f"({', '.join(keys)})", *(f"({', '.join([*keys, v])})" for v in values)]
    level = " ".join(f"WHEN grouping({v}) = 0 THEN {i + 1}" for i, v in enumerate(values))
    selected = [
        *keys,
        *values,
        f"CAST(CASE {level} ELSE 0 END AS BIGINT) AS {LEVEL}",
        *(f"{sql} AS {name}" for name, sql in totals.items()),
    ]
    return (
        f"SELECT {', '.join(selected)} FROM {source} "  # noqa: S608
        f"GROUP BY GROUPING SETS ({', '.join(sets)})"
    )


def counted(
    listed: pa.Table, keys: Sequence[str], values: Sequence[str], names: Mapping[str, str | None]
) -> pa.Table:
    """Return one row per group: its totals, and the number of values of each column, without null.

    Parameters
    ----------
    listed : pyarrow.Table
        The merged result of :func:`listed_sql`: each group and value once.
    names : mapping of str to str or None
        The columns of the result in order: None for a total, or the column whose values count.
    """
    parts = []
    for level, value in enumerate([None, *values]):
        rows = listed.filter(pc.equal(listed[LEVEL], level))
        if value is not None:
            rows = rows.filter(pc.is_valid(rows[value]))
        none, one = (pa.array([n] * rows.num_rows, pa.int64()) for n in (0, 1))
        columns = {key: rows[key] for key in keys}
        for name, counts in names.items():
            if value is None:
                columns[name] = none if counts else rows[name]
            else:
                columns[name] = one if counts == value else none
        parts.append(pa.table(columns))
    return merge_counts(pa.concat_tables(parts), keys)
