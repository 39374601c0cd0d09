"""Differencing: published tables of counts whose differences are counts of a few rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines import engine_of
from rai_scale.engines.arrow_types import is_number
from rai_scale.errors import ConfigError, check_columns, did_you_mean
from rai_scale.risk.columns import short_columns
from rai_scale.risk.differencing_result import COLUMNS, Differencing
from rai_scale.risk.plain_columns import refuse_lists
from rai_scale.risk.published_counts import Published, pairs, solved
from rai_scale.statistics.cells import MAX_CELLS

Values = dict[str, list[Any]]


def differencing_risk(
    tables: Mapping[str, Any],
    *,
    k: int = 5,
    count: str = "count",
    rows_of: Mapping[str, str] | None = None,
    subset_of: Mapping[str, str] | None = None,
) -> Differencing:
    """Find counts of fewer than ``k`` rows that follow from published counts; executes.

    A table shows how many rows each group has; all columns except ``count`` define its groups. A
    null count is hidden (suppressed). A group that is not listed has no rows. Checked are:

    - ``published``: counts from 1 to k - 1 that a table shows;
    - ``difference``: for each pair of tables where the rows of one are all, or a subset of, the
      rows of the other: the count of the other minus the shown counts of the one, per group of
      the columns that both have. This is the number of rows in its hidden groups, or outside of
      its set of rows. For one pair this is complete: whatever sum or difference of their shown
      counts is the count of a set of rows, this set contains one of these, or a shown group;
    - ``solved``: hidden counts of a table that follow by linear algebra from all tables of the
      same rows, summed to the columns that they share. What follows is filled in, and everything
      is checked again until nothing new follows.

    Not checked are bounds (a hidden count between 1 and 3), differences of three or more tables of
    different sets of rows, and anything an attacker knows from elsewhere. Counts must be exact;
    this does not apply to counts with noise.

    Parameters
    ----------
    tables : mapping of str to DataFrame, DuckDB relation or pyarrow.Table
        The published tables by name, each of any engine, with one row per group. A table with the
        column ``count`` alone is a total. For tables with nested bands, add the wider band as a
        column to the table with the narrower one.
    k : int
        Counts from 1 to k - 1 are a risk; at least 2.
    count : str
        The column of counts in every table: integers of at least 0, or null.
    rows_of : mapping of str to str, optional
        The set of rows that each table counts, by a name of your choice; ``"all"`` by default.
    subset_of : mapping of str to str, optional
        For a set of rows, the set that contains it, such as ``{"consented": "all"}``.

    Returns
    -------
    Differencing

    Raises
    ------
    ConfigError
        If tables contradict each other, a group is listed twice, a count is negative or not an
        integer, a column has different types in two tables, or an option is wrong.
    MissingColumnError
        If a table has no column ``count``.
    TooManyGroupsError
        If a table has more than 2,000,000 groups.

    Notes
    -----
    Willenborg and de Waal (2001), Elements of Statistical Disclosure Control, 1.3 and 6.
    """
    if k < 2:  # noqa: PLR2004
        raise ConfigError(f"k must be at least 2; found {k!r}.")
    if not tables:
        raise ConfigError("give at least one table.")
    sets = dict.fromkeys(tables, "all") | _known(rows_of, tables, "rows_of")
    inside = _inside(_known(subset_of, {*sets.values()}, "subset_of"), sets.values())
    read, values = _read(tables, count, sets)
    found = [
        _finding(values, t.columns, t.codes[i], t.counts[i], kind="published", hidden=0)
        | {"table": t.name, "other": t.name}
        for t in read
        for i in np.flatnonzero((t.counts > 0) & (t.counts < k))
    ]
    more, unsolved = _derived(read, inside, k, values)
    return Differencing(
        findings=pd.DataFrame([*found, *more], columns=COLUMNS).astype({"rows": "int64"}),
        k=k,
        tables=len(read),
        published=sum(len(t.counts) for t in read),
        hidden=sum(int(t.hidden.sum()) for t in read),
        unsolved=unsolved,
    )


def _derived(
    tables: list[Published], inside: set[tuple[str, str]], k: int, values: Values
) -> tuple[list[dict[str, Any]], int]:
    """Return the findings that are not shown, and the number of hidden counts not solved."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}

    def add(row: dict[str, Any]) -> None:
        found.setdefault(tuple(row[name] for name in ("table", "columns", "group", "rows")), row)

    while True:
        for one in pairs(tables, inside):
            names = {"table": one.one.name, "other": one.other.name, "kind": "difference"}
            for i in np.flatnonzero((one.rows > 0) & (one.rows < k)):
                left: dict[str, Any] = {**names, "hidden": int(one.hidden[i])}
                add(_finding(values, *one.group(int(i)), one.rows[i], **left))
        done = [solved(table, tables) for table in tables]
        for before, (after, _) in zip(tables, done, strict=True):
            names = {"table": after.name, "other": "all", "kind": "solved"}
            for i in np.flatnonzero(before.hidden & (after.counts > 0) & (after.counts < k)):
                add(_finding(values, after.columns, after.codes[i], after.counts[i], **names))
        if all((a.hidden == b.hidden).all() for a, (b, _) in zip(tables, done, strict=True)):
            return list(found.values()), sum(left for _, left in done)
        tables = [table for table, _ in done]


def _finding(
    values: Values, columns: Sequence[str], codes: np.ndarray, rows: float, **named: Any
) -> dict[str, Any]:
    each = zip(columns, codes, strict=True)
    group = ", ".join(f"{name}={values[name][code]}" for name, code in each)
    return {"hidden": 1, **named, "columns": ", ".join(columns), "rows": int(rows), "group": group}


def _read(
    tables: Mapping[str, Any], count: str, sets: Mapping[str, str]
) -> tuple[list[Published], Values]:
    """Read all tables, with one code per value of a column in all of them."""
    read = {name: _groups(name, frame, count) for name, frame in tables.items()}
    columns = list(dict.fromkeys(c for groups, _ in read.values() for c in groups.column_names))
    codes: dict[str, dict[str, np.ndarray]] = {name: {} for name in read}
    values: Values = {}
    for column in columns:
        having = {
            n: groups[column] for n, (groups, _) in read.items() if column in groups.schema.names
        }
        kinds = {"number" if is_number(v.type) else str(v.type) for v in having.values()}
        if len(kinds) > 1:
            raise ConfigError(
                f"column {column!r} has the types {', '.join(sorted(kinds))} in tables "
                f"{', '.join(map(repr, having))}. Give it one type: a text never equals a number."
            )
        together = [value for one in having.values() for value in one.to_pylist()]
        numbers, distinct = pd.factorize(pd.Series(together, dtype=object), use_na_sentinel=False)
        values[column] = ["null" if pd.isna(v) else v for v in distinct]
        ends = np.cumsum([len(one) for one in having.values()])[:-1]
        for name, part in zip(having, np.split(numbers, ends), strict=True):
            codes[name][column] = part
    found = []
    for name, (groups, counts) in read.items():
        own = tuple(groups.column_names)
        block = np.array([codes[name][c] for c in own], np.int64).reshape(len(own), len(counts)).T
        found.append(Published(name, own, block, counts, sets[name]))
    return found, values


def _groups(name: str, frame: Any, count: str) -> tuple[pa.Table, np.ndarray]:
    """Return the groups of a table, and their counts."""
    engine = engine_of(frame)
    names = list(engine.columns(frame))
    check_columns([count], names)
    keys = [one for one in names if one != count]
    short = {**{one: f"q{i}" for i, one in enumerate(keys)}, count: "n0"}
    columns = short_columns(engine, frame, short)
    if not is_number(columns.types["n0"]):
        raise ConfigError(
            f"column {count!r} of table {name!r} is {columns.types['n0']}; give integers, and null "
            "for a hidden count."
        )
    refuse_lists({one: columns.types[short[one]] for one in keys})
    groups = [short[one] for one in keys]
    table = engine.group_counts(columns.data, groups, ["n0"], limit=MAX_CELLS)
    rows = table["count"].to_numpy()
    if not rows.sum():
        raise ConfigError(f"table {name!r} has no rows.")
    if (rows > 1).any():
        twice = int((rows > 1).sum())
        raise ConfigError(f"table {name!r} lists {twice:,} groups more than once; add them up.")
    counts = table["sum_n0"].to_numpy().astype(float)
    shown = counts[~np.isnan(counts)]
    if (shown < 0).any() or (shown != np.round(shown)).any():
        raise ConfigError(f"column {count!r} of table {name!r} has values that are not counts.")
    return table.select(groups).rename_columns(keys), counts


def _known(given: Mapping[str, str] | None, names: Iterable[str], option: str) -> dict[str, str]:
    found, known = dict(given or {}), list(names)
    for name in found:
        if name not in known:
            raise ConfigError(f"{option}: unknown name {name!r}.{did_you_mean(name, known)}")
    return found


def _inside(subset_of: Mapping[str, str], sets: Iterable[str]) -> set[tuple[str, str]]:
    """Return all pairs (smaller set, larger set)."""
    known = {*sets, *subset_of}
    found = set()
    for name in subset_of:
        at, seen = name, [name]
        while at in subset_of:
            at = subset_of[at]
            if at not in known:
                raise ConfigError(f"subset_of: unknown name {at!r}.{did_you_mean(at, known)}")
            if at in seen:
                raise ConfigError(f"subset_of: {at!r} cannot be a subset of itself.")
            seen.append(at)
            found.add((name, at))
    return found
