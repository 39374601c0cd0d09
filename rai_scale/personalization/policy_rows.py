"""A log row by row: scores of each row, then totals over people, natively."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rai_scale.engines.dialect import Dialect
from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS
from rai_scale.personalization.policy_scores import ScoreRows
from rai_scale.personalization.policy_sql import score_select
from rai_scale.personalization.policy_sums import Sums

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

# all texts of SQL in this module are made of fixed names and numbers
# ruff: noqa: S608


def row_sums(engine: Engine, log: Any, score: ScoreRows) -> pa.Table:
    """Return the totals of clusters for all rows and for each group; one execution.

    The columns ``z0`` ... are 1 where the totals are over all values of a group column.
    """
    groups = [f"g{i}" for i in range(len(score.groups))]
    select = score_select(Dialect(engine.dialect), score)
    if select is None:
        outputs = score.outputs(engine.schema(log))
        log = engine.map_partitions(
            log, score, outputs, inputs=score.inputs(), label="scores of policies"
        )
        person = ["p"] if score.person else []
        select = f"SELECT {', '.join([*person, *groups, *score.numbers()])} FROM {SQL_DATA}"
    if not score.person:
        return _row_clusters(engine, log, score, groups, select)
    part = "" if engine.sql_sees_all else ", CAST(hash(p) >> 1 AS BIGINT) AS part"
    source = f"SELECT *{part} FROM ({select}) AS scores"
    by = [name for g in groups for name in (g, f"z{g[1:]}")]
    keys, together = [*by, *score.tops()], [] if engine.sql_sees_all else ["part"]
    asked = {"keys": keys, "together": together}
    # people are in one group of each kind, unless the log has a fault
    found = engine.aggregate_sql(log, source, _totals_of_one_group(score, groups), **asked)
    if sum(found["mixed"].to_pylist()):
        found = engine.aggregate_sql(log, source, _totals_of_groups(score, groups), **asked)
    return found


def _totals_of_one_group(score: ScoreRows, groups: Sequence[str]) -> str:
    """Return the statement for people with one group each; ``mixed`` counts the others."""
    first, _, outer = _selected(score)
    own = "".join(f", min({g}) AS {g}, max({g}) AS h{g}, count({g}) AS k{g}" for g in groups)
    inner = f"SELECT p, {first}{own} FROM {SQL_ROWS} GROUP BY p"
    several = [f"{g} <> h{g} OR k{g} NOT IN (0, n)" for g in groups]
    mixed = f"CASE WHEN {' OR '.join(several) or 'FALSE'} THEN 1 ELSE 0 END"
    flags = "".join(f"{g}, grouping({g}) AS z{g[1:]}, " for g in groups)
    sets = ", ".join(["()", *(f"({g})" for g in groups)])
    grouped = f" GROUP BY GROUPING SETS ({sets})" if groups else ""
    counted = f"CAST(sum({mixed}) AS BIGINT) AS mixed"
    return f"SELECT {flags}{outer}, {counted} FROM ({inner}) AS c{grouped}"


def _totals_of_groups(score: ScoreRows, groups: Sequence[str]) -> str:
    """Return the statement for people with any number of groups."""
    first, again, outer = _selected(score)
    sets = ", ".join(f"({', '.join(['p', *one])})" for one in [[], *([g] for g in groups)])
    flags = "".join(f", {g}, grouping({g}) AS z{g[1:]}" for g in groups)
    by = ", ".join(f"{g}, z{g[1:]}" for g in groups)
    named = ", ".join(["p", *groups])
    inner = f"SELECT {named}, {first} FROM {SQL_ROWS} GROUP BY {named}"
    inner = f"SELECT {again}{flags} FROM ({inner}) AS o GROUP BY GROUPING SETS ({sets})"
    return f"SELECT {by}, {outer} FROM ({inner}) AS c GROUP BY {by}"


def _row_clusters(
    engine: Engine, log: Any, score: ScoreRows, groups: list[str], select: str
) -> pa.Table:
    names = score.numbers()
    copies = [f"{n}" for n in names] + [f"{n} * {n} AS v{n[1:]}" for n in names if n[0] == "w"]
    copies += [f"w_{name[2:]} AS {name}" for name in score.tops()]
    flags = "".join(f", {g}" for g in groups)
    source = f"SELECT 1.0 AS n, {', '.join(copies)}{flags} FROM ({select}) AS scores"
    _, _, outer = _selected(score)
    by = [name for g in groups for name in (g, f"z{g[1:]}")]
    shown = "".join(f"{g}, grouping({g}) AS z{g[1:]}, " for g in groups)
    sets = ", ".join(["()", *(f"({g})" for g in groups)])
    grouped = f" GROUP BY GROUPING SETS ({sets})" if groups else ""
    totals = f"SELECT {shown}{outer} FROM {SQL_ROWS} AS c{grouped}"
    keys = [*by, *score.tops()]
    return engine.aggregate_sql(log, source, totals, keys=keys)


def _selected(score: ScoreRows) -> tuple[str, str, str]:
    """Return the sums of rows, the sums of these, and totals with those of products."""
    tops = [f"max({name}) AS {name}" for name in score.tops()]
    squares = [f"v{name[1:]}" for name in score.tops()]
    first = ["CAST(count(*) AS DOUBLE) AS n", *(f"sum({n}) AS {n}" for n in score.numbers())]
    for name in score.tops():
        w = f"w{name[1:]}"
        first += [f"sum({w} * {w}) AS v{name[1:]}", f"max({w}) AS {name}"]
    again = [f"sum({n}) AS {n}" for n in ["n", *score.numbers(), *squares]] + tops
    outer = ["CAST(count(*) AS BIGINT) AS clusters", "sum(n * n) AS nn", *again]
    rewards = range(len(score.rewards))
    for j in rewards:
        outer += [f"sum(r_{j} * r_{j}) AS rr_{j}", f"sum(r_{j} * n) AS rn_{j}"]
    for k in range(len(score.policies)):
        outer += [f"sum(w_{k} * w_{k}) AS ww_{k}", f"sum(w_{k} * n) AS wn_{k}"]
        for j in rewards:
            at = f"{k}_{j}"
            for a in score.letters.replace("m", ""):
                outer += [
                    f"sum({a}_{at} * {a}_{at}) AS {a}{a}_{at}",
                    f"sum({a}_{at} * n) AS {a}n_{at}",
                ]
            outer += [f"sum(s_{at} * w_{k}) AS sw_{at}"] if "s" in score.letters else []
    return ", ".join(first), ", ".join(again), ", ".join(outer)


def sums_of_row(row: Mapping[str, Any], k: int, j: int) -> Sums:
    """Return the totals for one policy and reward from a row of :func:`row_sums`."""
    total = {"n": row["n"], "w": row[f"w_{k}"], "r": row[f"r_{j}"]}
    total |= {a: row.get(f"{a}_{k}_{j}") for a in "smed"}
    product = {"nn": row["nn"], "ww": row[f"ww_{k}"], "wn": row[f"wn_{k}"]}
    product |= {"rr": row[f"rr_{j}"], "rn": row[f"rn_{j}"]}
    product |= {a: row.get(f"{a}_{k}_{j}") for a in ("ss", "sn", "sw", "ee", "en", "dd", "dn")}
    return Sums(
        {name: float(value or 0) for name, value in total.items()},
        {name: float(value or 0) for name, value in product.items()},
        int(row["clusters"]),
    )


def merged_maxima(table: pa.Table, groups: Sequence[str], policies: int) -> list[dict[str, Any]]:
    """Merge rows of one group that an engine returned separately, because their maxima differ."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in table.to_pylist():
        key = tuple((row[f"g{i}"], row[f"z{i}"]) for i in range(len(groups)))
        known = found.get(key)
        if known is None:
            found[key] = row
            continue
        tops = {
            f"x_{k}": max(known[f"x_{k}"], row[f"x_{k}"])
            for k in range(policies)
            if f"x_{k}" in row
        }
        kept = {name for i in range(len(groups)) for name in (f"g{i}", f"z{i}")}
        for name, value in row.items():
            if name not in kept:
                known[name] = (known[name] or 0) + (value or 0)
        known |= tops
    return list(found.values())
