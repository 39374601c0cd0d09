"""The question of an evaluation of policies: its options, and its tables as matrices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError, check_columns, check_not_taken, did_you_mean
from rai_scale.personalization.policy_cells import Fit, LogCells, fit_of
from rai_scale.personalization.policy_inputs import (
    PROBABILITY,
    Space,
    action_values,
    matrix,
    probabilities,
    space_of,
)
from rai_scale.personalization.policy_sums import ESTIMATORS

_MODELS = ("dm", "dr")


@dataclass(frozen=True)
class Question:
    """The arguments of :func:`~rai_scale.personalization.evaluate_policy`."""

    action: str
    propensity: str
    policies: dict[str, Any]
    rewards: dict[str, str]
    estimators: tuple[str, ...]
    context: tuple[str, ...]
    groups: tuple[str, ...]
    person: str | None
    features: tuple[str, ...]
    model: Any
    unsupported: str
    reward_range: dict[str, tuple[float, float]]
    confidence: float

    @property
    def discrete(self) -> bool:
        """Whether all policies and the model are tables."""
        tables = all(isinstance(p, pd.DataFrame) for p in self.policies.values())
        return tables and not callable(self.model)

    def check(self, columns: Sequence[str]) -> None:
        """Raise if an option is unknown, or a column is missing."""
        for name in self.estimators:
            if name not in ESTIMATORS:
                raise ConfigError(
                    f"no estimator {name!r}.{did_you_mean(name, ESTIMATORS)} "
                    f"There are: {', '.join(ESTIMATORS)}."
                )
        if not self.rewards or not self.estimators:
            raise ConfigError("evaluate_policy needs at least one reward and one estimator.")
        if self.unsupported not in ("refuse", "bound"):
            raise ConfigError(
                f"unsupported must be 'refuse' or 'bound'; found {self.unsupported!r}."
            )
        if self.unsupported == "bound" and set(self.reward_range) != set(self.rewards):
            raise ConfigError("unsupported='bound' needs reward_range for each reward.")
        given = [p for p in self.policies.values() if isinstance(p, str)]
        if given and set(self.estimators) & set(_MODELS):
            raise ConfigError(
                "a policy that is a column has no probabilities of the other actions, which dm and "
                "dr need. Give estimators=('ips', 'snips'), or the policy as a table or function."
            )
        if "logged" in self.policies:
            raise ConfigError("policy: 'logged' is the name of the log's own mean; use another.")
        made = [*self.rewards] if isinstance(self.model, pd.DataFrame) else []
        known = [*self.context, self.action]
        check_not_taken(known, [PROBABILITY, *made], "a table of a policy or model")
        person = [self.person] if self.person else []
        names = [self.action, self.propensity, *self.rewards.values(), *given, *person]
        check_columns([*names, *self.context, *self.groups, *self.features], columns)


@dataclass(frozen=True)
class Prepared:
    """What a question means for the contexts and actions of a log.

    Attributes
    ----------
    space : Space
    fitted : Fit
        Of the rewards of the log.
    policies : tuple
        A matrix of probabilities for each policy that is a table; else as given.
    model : tuple of ndarray, callable or None
        Per reward a matrix of predictions, without those for actions that were never logged.
    """

    space: Space
    fitted: Fit
    policies: tuple[Any, ...]
    model: Any


def prepared(cells: LogCells, asked: Question) -> Prepared:
    """Return the policies and the model over the contexts and actions of the cells.

    Raises
    ------
    ConfigError
        If a policy has unsupported actions that are to be refused, or the model lacks predictions.
    """
    more = [v for p in asked.policies.values() for v in action_values(p, asked.action)]
    more += action_values(asked.model, asked.action)
    space = space_of(cells.keys, asked.context, asked.action, more)
    fitted = fit_of(cells, space)
    policies = {
        name: probabilities(name, p, space) if isinstance(p, pd.DataFrame) else p
        for name, p in asked.policies.items()
    }
    if asked.unsupported == "refuse":
        _refuse_unsupported(policies, fitted)
    return Prepared(space, fitted, tuple(policies.values()), _model(asked, space, fitted, policies))


def _model(asked: Question, space: Space, fitted: Fit, policies: Mapping[str, Any]) -> Any:
    if not set(asked.estimators) & set(_MODELS):
        return None
    if callable(asked.model):
        return asked.model
    if asked.model is None:
        return tuple(fitted.mean[name] for name in asked.rewards)
    models = tuple(matrix(asked.model, space, r, "model", math.nan) for r in asked.rewards)
    for name, p in policies.items():
        if isinstance(p, np.ndarray):
            needed = (p > 0) & (fitted.count > 0)
            if any((needed & np.isnan(m)).any() for m in models):
                raise ConfigError(
                    f"model: predictions are missing for actions of policy {name!r}. Add a row "
                    "for each context and action."
                )
    return tuple(np.where(fitted.count > 0, m, math.nan) for m in models)


def _refuse_unsupported(matrices: Mapping[str, Any], fitted: Fit) -> None:
    share = fitted.count.sum(axis=1) / fitted.count.sum()
    for name, p in matrices.items():
        if not isinstance(p, np.ndarray):
            continue
        never = (p > 0) & (fitted.count == 0)
        if never.any():
            mass = float((np.where(never, p, 0).sum(axis=1) * share).sum())
            raise ConfigError(unsupported_text(name, int(never.sum()), mass))


def unsupported_text(name: str, cells: int, mass: float) -> str:
    """Return the message about a policy with unsupported actions."""
    many = f"{cells:,} combinations of context and action that were" if cells else "actions"
    return (
        f"policy {name!r} takes {many} never logged; their mean probability is {mass:.4g}. "
        "Nothing in the log shows their reward. Collect it by exploration, or give "
        "unsupported='bound' and reward_range."
    )
