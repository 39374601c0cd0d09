"""What a random table would give: columns shuffled independently, or drawn from their domains.

No table is shuffled: per condition, the engine counts what share of the rows (or of the domain)
matches each known value. Of n random rows, each of which matches with probability q, at least one
matches with 1 - (1 - q)^n, and exactly one with n q (1 - q)^(n - 1). Known rows with the same
candidates are one draw.

- ``uniform``: n is the number of published rows, q the product of the shares of all conditions.
- ``shuffled``: a shuffle keeps how many rows have a value. So n is the number of rows that match
  in the rarest condition, and q the product of the shares of the other conditions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS, Side
from rai_scale.risk.linkage_tables import LinkageTables

# all texts of SQL in this module are made of fixed names and numbers
# ruff: noqa: S608

KINDS = ("shuffled", "uniform")
_NUMBERS = ("n0", "q0", "n1", "q1")
_FINE = 400
"""Probabilities are counted in classes whose limits differ by 1/400 of their logarithm."""


def random_baseline(
    tables: LinkageTables,
    rows: int,
    *,
    codes: Mapping[int, int],
    draws: int,
    random_state: int,
) -> pd.DataFrame:
    """Return what ``rows`` random published rows give; see :class:`Linkage`.

    Parameters
    ----------
    tables : LinkageTables
    rows : int
        The number of published rows.
    codes : mapping of int to int
        Conditions whose published values are codes, with their number of digits: their domain is
        all such codes. The domain of other columns is their distinct values.
    draws, random_state : int
    """
    engine, sql = tables.engine, tables.sql
    places = range(len(sql.conditions))
    sides = {"k": tables.known_blocks()}
    for at in places:
        sides[f"s{at}"] = Side(_shares(tables, at), f"SELECT x0, c, v, s FROM {SQL_DATA}")
    joins = "".join(f" JOIN s{at} ON k.x{at} = s{at}.x0" for at in places)
    values = [f"s{at}" for at in places]
    # known numbers in the same bands have the same candidates
    same = (f"s{at}.s" if at in sql.blocks else f"k.x{at}" for at in places)
    names = ", ".join(f"{name} AS s{at}" for at, name in enumerate(same))
    drawn = ", ".join(_drawn(tables, rows, codes))
    matched = f"SELECT {names}, {drawn}, k.m FROM k{joins}"
    meet = sql.hash_of(values)
    classes = engine.join_sql(sides, f"SELECT *{meet} FROM ({matched}) AS v")
    kept = [*values, *_NUMBERS, "m", *tables.together]
    selected = f"SELECT {', '.join(kept)} FROM {SQL_DATA}"
    keys = ["kind", "n", "bin", "m"]
    table = engine.aggregate_sql(
        *(classes, selected, _histogram(values)), keys=keys, together=tables.together
    ).to_pandas()
    table = table.sort_values(keys)  # so that all engines draw the same
    rng = np.random.default_rng(random_state)
    kinds = [table[table["kind"] == at] for at in range(len(KINDS))]
    return pd.DataFrame(
        [_summary(kind, part, draws, rng) for kind, part in zip(KINDS, kinds, strict=True)]
    )


def _drawn(tables: LinkageTables, rows: int, codes: Mapping[int, int]) -> list[str]:
    """Return the SQL of n and q of each kind; see the top of this module."""
    places = range(len(tables.sql.conditions))
    total = f"CAST({rows} AS DOUBLE)"
    rarest = f"least({', '.join(f's{at}.c' for at in places)})" if len(places) > 1 else "s0.c"
    product = " * ".join(f"(s{at}.c / {total})" for at in places)
    uniform = " * ".join(_domain_share(tables, at, codes) for at in places)
    return [
        f"CAST({rarest} AS BIGINT) AS n0",
        f"least({product} * {total} / nullif({rarest}, 0), 1.0) AS q0",
        f"CAST({rows} AS BIGINT) AS n1",
        f"{uniform} AS q1",
    ]


def _shares(tables: LinkageTables, at: int) -> Any:
    """Return per known value of one condition the rows ``c`` and values ``v`` that match; lazy."""
    one, engine = tables.only(at), tables.engine
    shares = one.candidates(one.known_blocks())
    return shares if engine.sql_sees_all else engine.collect(shares)


def _domain_share(tables: LinkageTables, at: int, codes: Mapping[int, int]) -> str:
    """Return the SQL of the share of a column's domain that matches a known value."""
    one = tables.sql.conditions[at]
    if at in codes:
        digits = min(codes[at], int(one.size)) if one.kind == "prefix" else codes[at]
        is_code = f"length(k.x{at}) = {digits} AND translate(k.x{at}, '0123456789', '') = ''"
        return f"(CASE WHEN {is_code} THEN CAST('{10.0**-digits!r}' AS DOUBLE) ELSE 0.0 END)"
    return f"(s{at}.v / CAST({_domain(tables, at)} AS DOUBLE))"


def _domain(tables: LinkageTables, at: int) -> int:
    """Return the number of distinct published values of one condition; executes."""
    sql, engine = tables.sql.only(at), tables.engine
    if at in tables.sql.blocks:
        return tables.sql.blocks[at].bands
    rows = (
        f"SELECT *{sql.hash_of(['r0'])} FROM ({sql.published_values()}) AS v WHERE r0 IS NOT NULL"
    )
    totals = f"SELECT 1 AS one, CAST(count(DISTINCT r0) AS BIGINT) AS n FROM {SQL_ROWS}"
    found = engine.aggregate_sql(
        *(tables.published.data, rows, totals), keys=["one"], together=tables.together
    )
    return max(1, sum(found["n"].to_pylist()))


def _histogram(values: list[str]) -> str:
    """Return the SELECT of the classes of known rows per n, logarithm of q, and number of rows."""
    keys = ", ".join(values)
    numbers = ", ".join(f"max({name}) AS {name}" for name in _NUMBERS)
    classes = f"SELECT CAST(sum(m) AS BIGINT) AS m, {numbers} FROM {SQL_ROWS} GROUP BY {keys}"
    parts = (
        f"SELECT {at} AS kind, n{at} AS n, CAST(round(ln(q{at}) * {_FINE}) AS BIGINT) AS bin, m, "
        f"CAST(count(*) AS BIGINT) AS classes FROM ({classes}) AS c WHERE n{at} > 0 AND q{at} > 0 "
        "GROUP BY 2, 3, m"
        for at in range(len(KINDS))
    )
    return " UNION ALL ".join(parts)


def _summary(
    kind: str, table: pd.DataFrame, draws: int, rng: np.random.Generator
) -> dict[str, Any]:
    q = np.minimum(np.exp(table["bin"].to_numpy(float) / _FINE), 1)
    n, m, classes = (table[name].to_numpy(np.int64) for name in ("n", "m", "classes"))
    found = 1 - (1 - q) ** n
    weight = m * classes
    drawn = [int((rng.binomial(classes, found) * m).sum()) for _ in range(draws)]
    return {
        "kind": kind,
        "mean": float((weight * found).sum()),
        "sd": float(np.sqrt((weight * m * found * (1 - found)).sum())),
        "lowest": min(drawn),
        "highest": max(drawn),
        "unique": float((weight * n * q * (1 - q) ** (n - 1)).sum()),
    }
