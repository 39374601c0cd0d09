"""A linkage attack: which published rows may belong to the people that somebody knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS, Side
from rai_scale.errors import ConfigError
from rai_scale.risk.conditions import conditions_of
from rai_scale.risk.linkage_baseline import random_baseline
from rai_scale.risk.linkage_result import Linkage
from rai_scale.risk.linkage_tables import LinkageTables, Pair, linkage_tables
from rai_scale.risk.text_forms import code_length, lost_zeros, text_forms

Forms = dict[str, pd.DataFrame]


def linkage_attack(
    published: Any,
    known: Any,
    *,
    on: Sequence[Sequence[Any]],
    truth: Pair | None = None,
    baseline: int = 20,
    random_state: int = 0,
) -> Linkage:
    """Count which published rows may belong to the rows that an attacker knows; executes.

    A published row is a candidate of a known row if all conditions hold. Both tables are counted
    by the values that are compared, and the counts are joined on them: pairs of rows are never
    made, and a value that many rows share costs nothing. A null matches nothing.

    The answer stands next to two random tables of the size of the published one: ``shuffled``,
    whose columns keep their values and lose their connection, and ``uniform``, whose values are
    drawn from the domain of each column (all codes of as many digits, or the distinct values).
    Matches that they also give are chance, and prove nothing about the published table.

    Parameters
    ----------
    published, known : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect); both of one engine.
    on : sequence of tuple
        The conditions, each a kind, a column (or a pair of its names in both tables), and a size:

        - ``("equal", "gender")``: the same value, of the same type;
        - ``("prefix", "zip", 3)``: texts with the same first 3 characters (code points);
        - ``("within_band", "age")``: the published text is a band such as ``20-29``, ``[20, 30)``,
          ``90+``, ``<18`` or ``*``, and holds the known number;
        - ``("near", "income", 500)``: numbers (or dates) that differ by at most 500 (days).
    truth : str or pair of str, optional
        The column that identifies the same person or row in both tables. It is not part of the
        attack, only of its judgement.
    baseline : int
        The number of random tables of each kind whose lowest and highest result is reported.
    random_state : int
        The seed of these draws.

    Returns
    -------
    Linkage

    Raises
    ------
    ConfigError
        If columns have types that cannot be compared, such as text and integers, the tables have
        different engines or no rows, or an option is unknown.
    MissingColumnError
        If a column does not exist.
    TooManyGroupsError
        If a column of bands has more than 10,000 distinct values.
    """
    conditions = conditions_of(on)
    if baseline < 1:
        raise ConfigError(f"baseline: {baseline} random tables cannot be drawn; give at least 1.")
    tables, ids = linkage_tables(published, known, conditions, _pair(truth))
    engine = tables.engine
    rows = [_rows(engine, side.data) for side in (tables.published, tables.known)]
    if not all(rows):
        empty = "published" if not rows[0] else "known"
        raise ConfigError(f"the {empty} table has no rows, so nothing can be linked.")
    left, right = _forms(tables)
    known_rows = tables.known_blocks() if ids is None else tables.with_truth(ids)
    codes = {
        at: length
        for at, one in enumerate(conditions)
        if one.kind in ("equal", "prefix")
        and (length := _code_length(tables, left, at)) is not None
    }
    chance = random_baseline(
        tables, rows[0], codes=codes, draws=baseline, random_state=random_state
    )
    return Linkage(
        sizes=_sizes(tables, tables.candidates(known_rows)),
        baseline=chance,
        on=tuple(one.named() for one in conditions),
        published=rows[0],
        known=rows[1],
        has_truth=ids is not None,
        notes=(*tables.notes, *_text_notes(tables, left, right)),
    )


def linkage_pairs(published: Any, known: Any, *, on: Sequence[Sequence[Any]], row_ids: Pair) -> Any:
    """Return the pairs of rows for which all conditions of a linkage attack hold; lazy.

    There may be many more pairs than rows: count them with :func:`linkage_attack` first.

    Parameters
    ----------
    published, known : DataFrame, DuckDB relation or pyarrow.Table
    on : sequence of tuple
        See :func:`linkage_attack`.
    row_ids : str or pair of str
        The column that identifies a row, or its names in both tables.

    Returns
    -------
    DuckDB relation, or DataFrame of Dask or Spark
        ``published_id`` and ``known_id``.

    Raises
    ------
    ConfigError, MissingColumnError, TooManyGroupsError
        As :func:`linkage_attack`.
    """
    ids = _pair(row_ids)
    tables, _ = linkage_tables(published, known, conditions_of(on), ids)
    assert ids is not None
    sql, engine = tables.sql, tables.engine
    names = tables.published.short[ids[0]], tables.known.short[ids[1]]
    values = sql.published_values(f"{names[0]} AS id, CAST(1 AS BIGINT) AS n, ")
    p = engine.join_sql(
        {"p": Side(tables.published.data, values), **tables.bands(blocks=True)},
        sql.with_bands(blocks=True),
    )
    known_values = sql.known_values(f"{names[1]} AS id, ")
    k = engine.join_sql({"k": Side(tables.known.data, known_values)}, "SELECT * FROM k")
    sides = {"p": Side(p, sql.published_blocks(extra="id, ")), "k": Side(k, sql.known_row_blocks())}
    return engine.join_sql(sides, sql.pairs(), together=tables.together)


def _pair(names: Pair | None) -> tuple[str, str] | None:
    if names is None:
        return None
    pair = [names, names] if isinstance(names, str) else list(names)
    if len(pair) != 2 or not all(isinstance(name, str) for name in pair):  # noqa: PLR2004
        raise ConfigError("name one column of both tables, or a pair (published, known).")
    return pair[0], pair[1]


def _rows(engine: Any, data: Any) -> int:
    return int(sum(engine.group_counts(data, [])["count"].to_pylist()))


def _sizes(tables: LinkageTables, candidates: Any) -> pd.DataFrame:
    rows = f"SELECT c, t, m FROM {SQL_DATA}"  # noqa: S608
    totals = f"SELECT c, t, CAST(sum(m) AS BIGINT) AS m FROM {SQL_ROWS} GROUP BY c, t"  # noqa: S608
    table = tables.engine.aggregate_sql(candidates, rows, totals, keys=["c", "t"]).to_pandas()
    table = table.rename(columns={"c": "candidates", "t": "true", "m": "rows"}).astype("int64")
    return table.sort_values(["candidates", "true"], ignore_index=True)


def _forms(tables: LinkageTables) -> tuple[Forms, Forms]:
    """Return the forms of the texts that are compared, of both tables."""
    found = []
    for side, columns in enumerate((tables.published, tables.known)):
        compared = zip(tables.sql.conditions, tables.sql.columns, strict=True)
        names = [pair[side] for one, pair in compared if one.kind in ("equal", "prefix")]
        texts = [name for name in dict.fromkeys(names) if name in columns.texts]
        found.append(text_forms(tables.engine, columns.data, texts))
    return found[0], found[1]


def _code_length(tables: LinkageTables, forms: Forms, at: int) -> int | None:
    name = tables.sql.columns[at][0]
    return code_length(forms[name]) if name in forms else None


def _text_notes(tables: LinkageTables, left: Forms, right: Forms) -> list[str]:
    notes = []
    sides = ((left, tables.published, "published"), (right, tables.known, "known"))
    for forms, columns, side in sides:
        for name, table in forms.items():
            called = f"column {columns.called(name)!r} of the {side} table"
            if lost_zeros(table):
                lengths = f"{table['digits'].min()} to {table['digits'].max()}"
                notes.append(
                    f"{called} has codes of {lengths} digits, and none begins with 0. They were "
                    "probably read as numbers, which lose leading zeros: prefixes of shorter codes "
                    "are wrong, and rows that should match do not. Read the column as text."
                )
            if odd := int(table["odd"].sum()):
                notes.append(
                    f"{called}: {odd:,} rows have spaces around the value or combining characters. "
                    "Values that look alike do not match; clean them first."
                )
    return notes
