"""Scores of rows as SQL of the engine, where policies and models are tables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rai_scale.engines.dialect import Dialect
from rai_scale.engines.sql_verbs import SQL_DATA
from rai_scale.personalization.policy_scores import ScoreRows

# all texts of SQL in this module are made of quoted names, numbers and fixed words
# ruff: noqa: S608

MOST_COMBINATIONS = 5_000
"""More combinations of context and action than this are looked up in Python, batch by batch."""


def score_select(dialect: Dialect, score: ScoreRows) -> str | None:
    """Return a SELECT with the scores of each row, as :class:`ScoreRows` makes them in Python.

    Returns
    -------
    str or None
        None if a policy or the model is not a table, or the tables cannot be written as SQL.
    """
    tables = all(isinstance(policy, np.ndarray) for policy in score.policies)
    if not tables or callable(score.model) or math.prod(score.space.shape) > MOST_COMBINATIONS:
        return None
    keys = _keys(dialect, score)
    if keys is None:
        return None
    names = [f"k{n}" for n in range(len(score.space.names))]
    columns: dict[str, np.ndarray] = {}
    for j in range(len(score.rewards)):
        columns[f"q_{j}"] = _predicted(score, j)
    for k, policy in enumerate(score.policies):
        columns[f"pi_{k}"] = policy
        never = np.where(score.support, 0.0, policy).sum(axis=1, keepdims=True)
        columns[f"u_{k}"] = np.broadcast_to(never, policy.shape)
        if score.fitted is not None:
            count = score.fitted.count
            rows = count.sum(axis=1, keepdims=True)
            columns[f"f_{k}"] = np.divide(
                policy * rows, count, out=np.zeros(policy.shape), where=count > 0
            )
        for j in range(len(score.rewards)):
            mean = (policy * columns[f"q_{j}"]).sum(axis=1, keepdims=True)
            columns[f"m_{k}_{j}"] = np.broadcast_to(mean, policy.shape)
    numbers = [values.ravel() for values in columns.values()]
    rows = [
        f"({', '.join([*key, *(dialect.double(v[n]) for v in numbers)])})"
        for n, key in enumerate(keys)
        if score.support.ravel()[n]
    ]
    known = f"(VALUES {', '.join(rows)}) AS c({', '.join([*names, *columns])})"
    same = " AND ".join(
        f"l.{dialect.column(name)} IS NOT DISTINCT FROM c.{key}"
        if any(values[n] == "NULL" for values in keys)
        else f"l.{dialect.column(name)} = c.{key}"
        for n, (name, key) in enumerate(zip(score.space.names, names, strict=True))
    )
    made = ", ".join(f"{sql} AS {name}" for name, sql in _scores(dialect, score).items())
    return f"SELECT {made} FROM {SQL_DATA} AS l JOIN {known} ON {same}"


def _scores(dialect: Dialect, score: ScoreRows) -> dict[str, str]:
    """Return the expression of each column."""
    found = {"p": f"l.{dialect.column(score.person)}"} if score.person else {}
    found |= {f"g{i}": f"l.{dialect.column(name)}" for i, name in enumerate(score.groups)}
    rewards = [f"CAST(l.{dialect.column(name)} AS DOUBLE)" for name in score.rewards]
    found |= {f"r_{j}": r for j, r in enumerate(rewards)}
    for k in range(len(score.policies)):
        w = f"(c.pi_{k} / CAST(l.{dialect.column(score.propensity)} AS DOUBLE))"
        found |= {f"w_{k}": w} if score.known else {f"w_{k}": w, f"u_{k}": f"c.u_{k}"}
        for j, r in enumerate(rewards):
            m, error = f"c.m_{k}_{j}", f"({r} - c.q_{j})"
            slope = f" + c.f_{k} * {error}" if score.fitted is not None else ""
            one = {"s": f"{w} * {r}", "m": m, "e": f"{m}{slope}", "d": f"{m} + {w} * {error}"}
            found |= {f"{a}_{k}_{j}": one[a] for a in score.letters}
    return found


def _predicted(score: ScoreRows, j: int) -> np.ndarray:
    if score.model is None:
        return np.zeros(score.space.shape)
    return np.asarray(np.nan_to_num(np.where(score.support, score.model[j], 0.0)))


def _keys(dialect: Dialect, score: ScoreRows) -> list[list[str]] | None:
    """Return the literals of context and action of each combination; None without a literal."""
    space = score.space
    contexts = space.context.to_pylist() if space.names[:-1] else [{}]
    actions = space.action.to_pylist()
    known: dict[Any, str | None] = {}

    def literal(value: Any) -> str | None:
        at = (type(value), value)
        if at not in known:
            known[at] = _literal(dialect, value)
        return known[at]

    found = [
        [literal(value) for value in (*context.values(), action)]
        for context in contexts
        for action in actions
    ]
    return None if any(one is None for row in found for one in row) else found  # type: ignore[return-value]


def _literal(dialect: Dialect, value: Any) -> str | None:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return dialect.integer(value) if abs(value) < 2**63 else None
    if isinstance(value, float):
        return dialect.double(value) if math.isfinite(value) else None
    return dialect.text(value) if isinstance(value, str) else None
