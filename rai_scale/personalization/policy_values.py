"""Values of policies from a log of another one: IPS, SNIPS, direct method, doubly robust."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from rai_scale.engines import engine_of
from rai_scale.engines.dialect import Dialect
from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, TooManyGroupsError
from rai_scale.names import Names, names_of
from rai_scale.personalization.log_faults import clean_log, weighting_faults
from rai_scale.personalization.policy_cells import LogCells, log_cells
from rai_scale.personalization.policy_inputs import named_policies
from rai_scale.personalization.policy_question import Question, prepared, unsupported_text
from rai_scale.personalization.policy_result import PolicyValues
from rai_scale.personalization.policy_strata import Strata, cell_strata, row_strata
from rai_scale.personalization.policy_sums import ESTIMATORS, Sums

CELL_LIMIT = 200_000
"""More cells than this, as with propensities that differ in every row, are summed row by row."""


def evaluate_policy(
    log: Any,
    *,
    action: str,
    propensity: str,
    policy: Any,
    rewards: Mapping[str, str],
    estimators: Sequence[str] = ESTIMATORS,
    context: Names = (),
    groups: Names = (),
    person: str | None = None,
    features: Names = (),
    model: pd.DataFrame | Callable[..., Any] | None = None,
    unsupported: str = "refuse",
    reward_range: Mapping[str, tuple[float, float]] | None = None,
    on_bad: str = "refuse",
    confidence: float = 0.95,
) -> PolicyValues:
    """Estimate what other policies would have earned, from a log with propensities; executes.

    With w = policy's probability / propensity, r = reward, q = predicted reward and n rows:

    - ``ips``: sum(w r) / n (Horvitz and Thompson 1952);
    - ``snips``: sum(w r) / sum(w) (Swaminathan and Joachims 2015);
    - ``dm``: the mean over rows of sum over actions of probability times q;
    - ``dr``: ``dm`` plus the mean of w (r - q) (Dudik, Langford and Li 2011).

    Where policies are tables, the log is counted once per context, group, action and propensity,
    by the engine itself. Intervals follow from the variance of a ratio of sums over people.

    Parameters
    ----------
    log : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect); one row per decision.
    action : str
        The column of the action that was taken.
    propensity : str
        The column of the probability, above 0 and at most 1, with which it was taken.
    policy : mapping of str to policy, or one policy
        A policy is a table (pandas.DataFrame) with the columns of ``context``, that of ``action``
        and ``probability``, which add up to 1 in each context; or a picklable function of the
        ``features`` of a batch (pandas.DataFrame) and the list of actions, which returns
        probabilities of shape (rows, actions); or the name of a column with its probability of
        the logged action, for ``ips`` and ``snips`` only.
    rewards : mapping of str to str
        The column of each reward by its name: numbers or booleans.
    estimators : sequence of {"ips", "snips", "dm", "dr"}
    context : str or sequence of str
        Discrete columns that policies and model depend on; none for a policy that is the same for
        everybody.
    groups : str or sequence of str
        Columns of groups; each is evaluated on its own.
    person : str, optional
        The column of the person. Events of one person resemble each other: intervals that take
        them for independent are too short. Rows without a person count as one person.
    features : str or sequence of str
        Columns that functions receive.
    model : pandas.DataFrame or callable, optional
        Predicted rewards for ``dm`` and ``dr``: a table with the columns of ``context``, that of
        ``action`` and one per reward; or a function as for ``policy``, which returns for each
        reward an array of shape (rows, actions). By default the mean reward per context and
        action in this log.
    unsupported : {"refuse", "bound"}
        What to do with a policy that takes actions that were never logged in their context: raise
        an error, or bound its value by ``reward_range``.
    reward_range : mapping of str to (float, float), optional
        The smallest and largest possible value of each reward, for bounds.
    on_bad : {"refuse", "exclude"}
        What to do with rows whose propensity is missing, not above 0 or above 1, or whose action
        or reward is missing. They are counted before anything is weighted; nothing is clipped.
    confidence : float
        In (0, 1).

    Returns
    -------
    PolicyValues

    Raises
    ------
    ConfigError
        If rows cannot be weighted, a policy has unsupported actions, its probabilities do not add
        up to 1, or an option is unknown.
    MissingColumnError
        If a column does not exist.
    """
    asked = Question(
        action=action,
        propensity=propensity,
        policies=named_policies(policy),
        rewards=dict(rewards),
        estimators=tuple(estimators),
        context=tuple(names_of(context)),
        groups=tuple(names_of(groups)),
        person=person,
        features=tuple(names_of(features)),
        model=model,
        unsupported=unsupported,
        reward_range=dict(reward_range or {}),
        confidence=confidence,
    )
    engine = engine_of(log)
    asked.check(engine.columns(log))
    cells, log, notes = _clean_cells(engine, log, asked, on_bad)
    ready = prepared(cells or _counted(engine, log, asked, None), asked)
    strata = cell_strata(cells, ready, asked) if cells else {}
    if asked.person or not strata:
        strata = row_strata(engine, log, ready, asked, strata)
    return _result(asked, strata, notes)


def _counted(engine: Engine, log: Any, asked: Question, propensity: str | None) -> LogCells:
    """Count the log; without propensities and groups, for support and the fitted model alone."""
    groups = asked.groups if propensity else ()
    found = log_cells(
        engine,
        log,
        keys=list(dict.fromkeys([*asked.context, *groups, asked.action])),
        propensity=propensity,
        rewards=asked.rewards,
        limit=CELL_LIMIT,
    )
    if not len(found.count):
        raise ConfigError("the log has no rows that can be weighted.")
    return found


def _clean_cells(
    engine: Engine, log: Any, asked: Question, on_bad: str
) -> tuple[LogCells | None, Any, tuple[str, ...]]:
    """Return the cells, the log without the rows that cannot be weighted, and notes on these."""
    cells = None
    if asked.discrete:
        try:
            cells = _counted(engine, log, asked, asked.propensity)
        except TooManyGroupsError:
            cells = None
        else:
            if not cells.has_faults(asked.action):
                return cells, log, ()
    conditions = weighting_faults(
        Dialect(engine.dialect),
        engine.schema(log),
        asked.action,
        asked.propensity,
        [*asked.rewards.values()],
    )
    kept, notes = clean_log(engine, log, conditions, on_bad)
    if notes and cells is not None:
        cells = _counted(engine, kept, asked, asked.propensity)
    return cells, kept, notes


def _result(asked: Question, strata: Strata, notes: tuple[str, ...]) -> PolicyValues:
    values, weights = [], []
    names = list(asked.policies)
    whole = strata["", ""]
    for k, name in enumerate(names):
        mass = whole[1][k]["unsupported"] / whole[0][k, 0].total["n"]
        if mass > 0 and asked.unsupported == "refuse":
            raise ConfigError(unsupported_text(name, 0, mass))
    for (by, group), (sums, stats) in sorted(strata.items()):
        start = {"by": by, "group": group}
        for j, reward in enumerate(asked.rewards):
            one = sums[0, j].ratio("r", "n", "r", asked.confidence)
            values.append({**start, **_row("logged", reward, "mean", one)})
        for k, name in enumerate(names):
            rows = sums[k, 0].total["n"]
            mass = stats[k]["unsupported"] / rows if rows else math.nan
            weights.append({**start, **_weights(name, sums[k, 0], stats[k], mass, asked)})
            for j, reward in enumerate(asked.rewards):
                for estimator in asked.estimators:
                    one = sums[k, j].value(estimator, asked.confidence)
                    if mass > 0:
                        one = _bounds(one, estimator, mass, asked.reward_range[reward])
                    values.append({**start, **_row(name, reward, estimator, one)})
    if "dm" in asked.estimators and not (asked.model is None and asked.discrete):
        notes = (*notes, "the intervals of dm leave out the error of the model itself.")
    if any(isinstance(p, str) for p in asked.policies.values()):
        notes = (
            *notes,
            "support cannot be checked for a policy that is a column; a mean weight below 1 shows "
            "actions that the log lacks.",
        )
    rows = int(next(iter(whole[0].values())).total["n"])
    return PolicyValues(pd.DataFrame(values), pd.DataFrame(weights), rows, asked.confidence, notes)


def _row(
    policy: str, reward: str, estimator: str, one: tuple[float, float, float]
) -> dict[str, Any]:
    names = ("policy", "reward", "estimator", "value", "low", "high")
    return dict(zip(names, (policy, reward, estimator, *one), strict=True))


def _weights(
    name: str, sums: Sums, stats: Mapping[str, float], mass: float, asked: Question
) -> dict[str, Any]:
    mean, low, high = sums.ratio("w", "n", "w", asked.confidence)
    squares = stats["squares"]
    return {
        "policy": name,
        "rows": int(sums.total["n"]),
        "people": sums.clusters,
        "mean_weight": mean,
        "low": low,
        "high": high,
        "effective_rows": sums.total["w"] ** 2 / squares if squares else 0.0,
        "largest_weight": stats["largest"],
        "unsupported": mass,
    }


def _bounds(
    one: tuple[float, float, float], estimator: str, mass: float, ends: tuple[float, float]
) -> tuple[float, float, float]:
    """Return the interval over all rewards that unsupported actions could have (Manski 1990)."""
    scale = 1 - mass if estimator == "snips" else 1.0
    return math.nan, one[1] * scale + mass * ends[0], one[2] * scale + mass * ends[1]
