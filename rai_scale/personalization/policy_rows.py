"""A log row by row: scores of each row in one pass, then totals over people, natively."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rai_scale.engines.frames import TEXT, arrow_to_frame
from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS
from rai_scale.errors import ConfigError
from rai_scale.personalization.policy_cells import Fit, number_column
from rai_scale.personalization.policy_inputs import Space
from rai_scale.personalization.policy_sums import Sums

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

# all texts of SQL in this module are made of fixed names and numbers
# ruff: noqa: S608


@dataclass(frozen=True)
class ScoreRows:
    """Table function: weights and scores of each row, for every policy and reward.

    Attributes
    ----------
    space : Space
    policies : tuple
        Per policy a column, a matrix of probabilities, or a function.
    model : callable, or tuple of ndarray
        Per reward a matrix of predicted rewards; or one function for all of them.
    fitted : Fit or None
        If the model was fitted on this log.
    support : ndarray of bool
        Which actions were logged, shape (contexts, actions).
    propensity, rewards, person, groups, features
        Names of columns.
    """

    space: Space
    policies: tuple[Any, ...]
    model: Any
    fitted: Fit | None
    support: np.ndarray
    propensity: str
    rewards: tuple[str, ...]
    person: str | None
    groups: tuple[str, ...]
    features: tuple[str, ...]

    def inputs(self) -> list[str]:
        """Return the columns that are read."""
        columns = [p for p in self.policies if isinstance(p, str)]
        person = [self.person] if self.person else []
        names = [*self.space.names, self.propensity, *self.rewards, *columns, *person]
        return list(dict.fromkeys([*names, *self.groups, *self.features]))

    def outputs(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema of the result."""
        fields = [schema.field(self.person).with_name("p")] if self.person else []
        fields += [schema.field(g).with_name(f"g{i}") for i, g in enumerate(self.groups)]
        return pa.schema([*fields, *(pa.field(name, pa.float64()) for name in self.numbers())])

    def numbers(self) -> list[str]:
        """Return the names of the scores."""
        names = [f"r_{j}" for j in range(len(self.rewards))]
        for k in range(len(self.policies)):
            names += [f"w_{k}", f"u_{k}"]
            names += [f"{a}_{k}_{j}" for j in range(len(self.rewards)) for a in "smed"]
        return names

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the scores of a batch."""
        rows = np.arange(table.num_rows)
        features = arrow_to_frame(table.select([*self.features]), TEXT) if self.features else None
        at, chosen = self.space.contexts_of(table), self.space.actions_of(table)
        models = self._models(features, at)
        found: dict[str, Any] = {}
        p = number_column(table[self.propensity], self.propensity)
        for j, name in enumerate(self.rewards):
            found[f"r_{j}"] = number_column(table[name], name)
        for k, policy in enumerate(self.policies):
            if isinstance(policy, str):
                own, full = number_column(table[policy], policy), None
            else:
                full = self._policy(policy, features, at)
                own = full[rows, chosen]
            w = found[f"w_{k}"] = own / p
            found[f"u_{k}"] = np.zeros(len(rows))
            if full is not None:
                found[f"u_{k}"] = np.where(self.support[at], 0.0, full).sum(axis=1)
            for j in range(len(self.rewards)):
                r, m, q = found[f"r_{j}"], np.zeros(len(rows)), np.zeros(len(rows))
                if full is not None and models:
                    predicted = np.nan_to_num(np.where(self.support[at], models[j], 0.0))
                    m, q = (full * predicted).sum(axis=1), predicted[rows, chosen]
                error = r - q
                slope = self._factor(policy, at, chosen, own)
                found[f"s_{k}_{j}"] = w * r
                found[f"m_{k}_{j}"] = m
                found[f"e_{k}_{j}"] = m + slope * error
                found[f"d_{k}_{j}"] = m + w * error
        keys = [table[self.person]] if self.person else []
        keys += [table[g] for g in self.groups]
        names = [*(["p"] if self.person else []), *(f"g{i}" for i in range(len(self.groups)))]
        numbers = self.numbers()
        return pa.table([*keys, *(found[n] for n in numbers)], names=[*names, *numbers])

    def _policy(self, policy: Any, features: Any, at: np.ndarray) -> np.ndarray:
        if isinstance(policy, np.ndarray):
            return np.asarray(policy[at])
        found = np.asarray(policy(features, self.space.action.to_pylist()), dtype=float)
        return checked(found, (len(at), self.space.shape[1]), "policy", probability=True)

    def _models(self, features: Any, at: np.ndarray) -> list[np.ndarray]:
        if self.model is None:
            return []
        if isinstance(self.model, tuple):
            return [np.asarray(one[at]) for one in self.model]
        given = self.model(features, self.space.action.to_pylist())
        shape = (len(at), self.space.shape[1])
        return [checked(np.asarray(given[j], dtype=float), shape, "model") for j in given]

    def _factor(self, policy: Any, at: Any, chosen: Any, own: np.ndarray) -> np.ndarray:
        if self.fitted is None or not isinstance(policy, np.ndarray):
            return np.zeros(len(own))
        rows = self.fitted.count.sum(axis=1)[at]
        return np.asarray(own * rows / self.fitted.count[at, chosen])


def checked(
    found: np.ndarray, shape: tuple[int, int], what: str, probability: bool = False
) -> np.ndarray:
    """Return what a function gave; raise :class:`ConfigError` if it is not what it must be."""
    if found.shape != shape:
        raise ConfigError(
            f"the function of the {what} must return an array of shape (rows, actions) = "
            f"{shape}; found {found.shape}."
        )
    near = 1e-6
    if probability and not ((found >= 0).all() and (abs(found.sum(axis=1) - 1) <= near).all()):
        raise ConfigError(f"the function of the {what} must return probabilities that add up to 1.")
    return found


def row_sums(engine: Engine, log: Any, score: ScoreRows) -> pa.Table:
    """Return the totals of clusters for all rows and for each group; one execution.

    The columns ``z0`` ... are 1 where the totals are over all values of a group column.
    """
    outputs = score.outputs(engine.schema(log))
    rows = engine.map_partitions(
        log, score, outputs, inputs=score.inputs(), label="scores of policies"
    )
    groups = [f"g{i}" for i in range(len(score.groups))]
    if not score.person:
        return _row_clusters(engine, rows, score, groups)
    sums, outer = _selected(score)
    sets = ", ".join(f"({', '.join(['p', *one])})" for one in [[], *([g] for g in groups)])
    flags = "".join(f", {g}, grouping({g}) AS z{g[1:]}" for g in groups)
    by = [name for g in groups for name in (g, f"z{g[1:]}")]
    whole = engine.sql_sees_all
    part = "" if whole else ", CAST(hash(p) >> 1 AS BIGINT) AS part"
    inner = f"SELECT {sums}{flags} FROM {SQL_ROWS} GROUP BY GROUPING SETS ({sets})"
    named = "".join(f"{name}, " for name in by)
    grouped = f" GROUP BY {', '.join(by)}" if by else ""
    totals = f"SELECT {named}{outer} FROM ({inner}) AS c{grouped}"
    keys = [*by, *(f"x_{k}" for k in range(len(score.policies)))]
    together = [] if whole else ["part"]
    columns = ", ".join(["p", *groups, *score.numbers()])
    source = f"SELECT {columns}{part} FROM {SQL_DATA}"
    return engine.aggregate_sql(rows, source, totals, keys=keys, together=together)


def _row_clusters(engine: Engine, rows: Any, score: ScoreRows, groups: list[str]) -> pa.Table:
    names = score.numbers()
    copies = [f"{n}" for n in names] + [f"{n} * {n} AS v{n[1:]}" for n in names if n[0] == "w"]
    copies += [f"w_{k} AS x_{k}" for k in range(len(score.policies))]
    flags = "".join(f", {g}" for g in groups)
    source = f"SELECT 1.0 AS n, {', '.join(copies)}{flags} FROM {SQL_DATA}"
    _, outer = _selected(score)
    by = [name for g in groups for name in (g, f"z{g[1:]}")]
    shown = "".join(f"{g}, grouping({g}) AS z{g[1:]}, " for g in groups)
    sets = ", ".join(["()", *(f"({g})" for g in groups)])
    grouped = f" GROUP BY GROUPING SETS ({sets})" if groups else ""
    totals = f"SELECT {shown}{outer} FROM {SQL_ROWS} AS c{grouped}"
    keys = [*by, *(f"x_{k}" for k in range(len(score.policies)))]
    return engine.aggregate_sql(rows, source, totals, keys=keys)


def _selected(score: ScoreRows) -> tuple[str, str]:
    """Return the sums of a cluster, and the totals of these sums and of their products."""
    inner = ["CAST(count(*) AS DOUBLE) AS n", *(f"sum({n}) AS {n}" for n in score.numbers())]
    outer = ["CAST(count(*) AS BIGINT) AS clusters", "sum(n) AS n", "sum(n * n) AS nn"]
    outer += [f"sum({n}) AS {n}" for n in score.numbers()]
    rewards = range(len(score.rewards))
    for j in rewards:
        outer += [f"sum(r_{j} * r_{j}) AS rr_{j}", f"sum(r_{j} * n) AS rn_{j}"]
    for k in range(len(score.policies)):
        inner += [f"sum(w_{k} * w_{k}) AS v_{k}", f"max(w_{k}) AS x_{k}"]
        outer += [f"sum(v_{k}) AS v_{k}", f"max(x_{k}) AS x_{k}"]
        outer += [f"sum(w_{k} * w_{k}) AS ww_{k}", f"sum(w_{k} * n) AS wn_{k}"]
        for j in rewards:
            at = f"{k}_{j}"
            outer += [f"sum({a}_{at} * {a}_{at}) AS {a}{a}_{at}" for a in "sed"]
            outer += [f"sum({a}_{at} * n) AS {a}n_{at}" for a in "sed"]
            outer += [f"sum(s_{at} * w_{k}) AS sw_{at}"]
    return ", ".join(inner), ", ".join(outer)


def sums_of_row(row: Mapping[str, Any], k: int, j: int) -> Sums:
    """Return the totals for one policy and reward from a row of :func:`row_sums`."""
    total = {"n": row["n"], "w": row[f"w_{k}"], "r": row[f"r_{j}"]}
    total |= {a: row[f"{a}_{k}_{j}"] for a in "smed"}
    product = {"nn": row["nn"], "ww": row[f"ww_{k}"], "wn": row[f"wn_{k}"]}
    product |= {"rr": row[f"rr_{j}"], "rn": row[f"rn_{j}"]}
    product |= {a: row[f"{a}_{k}_{j}"] for a in ("ss", "sn", "sw", "ee", "en", "dd", "dn")}
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
        tops = {f"x_{k}": max(known[f"x_{k}"], row[f"x_{k}"]) for k in range(policies)}
        kept = {name for i in range(len(groups)) for name in (f"g{i}", f"z{i}")}
        for name, value in row.items():
            if name not in kept:
                known[name] = (known[name] or 0) + (value or 0)
        known |= tops
    return list(found.values())
