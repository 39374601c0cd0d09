"""Scores of the rows of a log, for every policy and reward, in one pass of Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rai_scale.engines.frames import TEXT, arrow_to_frame
from rai_scale.errors import ConfigError
from rai_scale.personalization.policy_cells import Fit, number_column
from rai_scale.personalization.policy_inputs import Space


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
    letters : str
        Which scores are needed: ``s`` weighted rewards, ``m`` predicted ones, ``e`` these with the
        error of the fitted model, ``d`` doubly robust ones.
    known : bool
        Whether the totals over rows are known from cells, so that only products of the sums of
        people are needed.
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
    letters: str = "smed"
    known: bool = False

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
            names += [f"w_{k}"] if self.known else [f"w_{k}", f"u_{k}"]
            names += [f"{a}_{k}_{j}" for j in range(len(self.rewards)) for a in self.letters]
        return names

    def tops(self) -> list[str]:
        """Return the names of the largest weights, which do not add up."""
        return [] if self.known else [f"x_{k}" for k in range(len(self.policies))]

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
