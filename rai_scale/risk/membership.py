"""Membership inference: does a model give away which rows it was fitted on?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pandas as pd

from rai_scale.engines import engine_of
from rai_scale.errors import ConfigError, check_share, did_you_mean
from rai_scale.models.model import CheckedModel, check_model
from rai_scale.names import Names, names_of
from rai_scale.risk.columns import refuse_measured
from rai_scale.risk.membership_attacks import ATTACKS, WITH_SHADOWS, attack_scores
from rai_scale.risk.membership_measures import LIMITS, area, epsilon_bound, rates, threshold
from rai_scale.risk.membership_result import Membership
from rai_scale.risk.membership_rows import class_codes, joined_rows, sampled_rows
from rai_scale.risk.shadow_models import (
    Fit,
    Training,
    class_probabilities,
    fitted,
    halves,
    shadow_predictions,
)

LEAST_SHADOWS = 4
BY_GROUP = (
    *("members", "non_members", "auc", "limit", "threshold"),
    *("tpr", "tpr_low", "tpr_high", "fpr", "fpr_low", "fpr_high"),
)


def membership_inference(
    model: Any,
    members: Any,
    non_members: Any,
    *,
    y_true: str,
    features: Names,
    attack: Literal["loss", "shadow", "lira", "rmia"] = "loss",
    fit: Fit | None = None,
    shadows: int = 32,
    person: str | None = None,
    sensitive_features: Names | None = None,
    delta: float = 0.0,
    confidence: float = 0.95,
    max_rows: int = 20_000,
    random_state: int = 0,
) -> Membership:
    """Measure how well an attacker recognises the rows that a classifier was fitted on; executes.

    An attack gives each row a score, which is higher for rows that look like members:

    - ``loss``: minus the log loss of the row (Yeom et al., 2018). It needs the model alone;
    - ``shadow``: per class, a logistic regression that separates the predictions of shadow models
      for rows they were fitted on from those for others (Shokri et al., 2017);
    - ``lira``: the likelihood ratio of the confidence ln(p / (1 - p)) under shadow models with and
      without the row, both normal (Carlini et al., 2022, online). With fewer than 64 shadow models
      the variances are pooled over rows;
    - ``rmia``: the share of non-members that the row dominates, by the ratio of its probability
      to its mean under the shadow models (Zarifzadeh et al., 2024, online, gamma = 2).

    A shadow model is fitted on a random half of all rows of both tables; each row is in the half
    of exactly half of the models, which run as parallel tasks of the engine. The true positive
    rate is measured at a threshold that at most .1 % or 1 % of the non-members exceed: an average
    over all rows hides that a few people are recognised with certainty.

    Parameters
    ----------
    model : Model, estimator, function, path or None
        A fitted classifier with probabilities; see :class:`~rai_scale.models.Model`. None fits it
        with ``fit`` on the members.
    members, non_members : DataFrame, DuckDB relation or pyarrow.Table
        The rows that the model was fitted on, and rows of the same distribution that it was not
        fitted on. If they differ in another way (such as their time), this is measured too.
    y_true : str
        The column of labels.
    features : str or sequence of str
        The columns that the model reads.
    attack : {"loss", "shadow", "lira", "rmia"}
    fit : callable, optional
        Takes a pandas frame of the features and a Series of labels, and returns a fitted model,
        such as ``LGBMClassifier().fit``. Shadow models need it, and should be fitted as the model
        was.
    shadows : int
        The number of shadow models, even and at least 4.
    person : str, optional
        The column of people, who may have several rows. The rows of a person are together in the
        halves of the shadow models, and the mean of their scores is the person's score.
    sensitive_features : str or sequence of str, optional
        Also measure each group, with the thresholds of all rows.
    delta : float
        The delta of the bound of epsilon.
    confidence : float
        Of the intervals (Clopper and Pearson, per rate, for a given threshold) and of the bound.
    max_rows : int
        The most rows of each table that are used; from a larger table they are sampled.
    random_state : int
        The seed of samples, halves and guesses.

    Returns
    -------
    Membership

    Raises
    ------
    ConfigError
        If a table has no rows, a label is null or not a class of the model, a person is in both
        tables, the model has no probabilities, or an option is wrong.
    MissingColumnError
        If a column does not exist.

    Notes
    -----
    ``epsilon_low`` follows Steinke, Nasr and Jagielski (2023): with this confidence, training was
    not (epsilon, delta)-private for a smaller epsilon. It holds if each row (person) was put into
    one of the tables by chance, with equal probabilities.
    """
    names, people, groups = names_of(features), names_of(person), names_of(sensitive_features)
    _check(attack, fit, model, shadows=shadows, confidence=confidence, delta=delta)
    refuse_measured(groups, BY_GROUP)
    engine = engine_of(members)
    columns = list(dict.fromkeys([*names, y_true, *people, *groups]))
    parts = [
        sampled_rows(side, frame, columns, max_rows, random_state)
        for side, frame in (("members", members), ("non_members", non_members))
    ]
    frame = joined_rows([part for part, _ in parts])
    inside = np.arange(len(frame)) < len(parts[0][0])
    rows, labels = frame[names], frame[y_true]
    if labels.isna().any():  # before a model is fitted
        raise ConfigError(f"column {y_true!r} has {int(labels.isna().sum()):,} nulls.")
    target = _target(model, fit, rows, labels, inside)
    classes, codes = class_codes(target, labels, y_true)
    units = _units(frame, person, inside)
    rng = np.random.default_rng(random_state)
    predicted, seen = None, None
    if attack in WITH_SHADOWS and fit is not None:
        seen = halves(units, shadows, rng)
        predicted = shadow_predictions(engine, Training(fit, rows, labels, seen, classes))
    own = class_probabilities(target, rows, classes)
    scores = attack_scores(attack, own, codes, inside, shadows=predicted, fitted_on=seen)
    each, is_member = _per_unit(scores, inside, units)
    cuts = {limit: threshold(each, is_member, limit) for limit in LIMITS}

    def measured(which: np.ndarray) -> list[dict[str, Any]]:
        own, known = each[which], is_member[which]
        return [
            {"limit": limit, "threshold": cut, **rates(own, known, cut, confidence)}
            for limit, cut in cuts.items()
        ]

    return Membership(
        rates=pd.DataFrame(measured(np.arange(len(each)))),
        groups=pd.DataFrame(
            values
            | {
                "members": int(is_member[at].sum()),
                "non_members": int((~is_member[at]).sum()),
                "auc": area(each[at], is_member[at]),
            }
            | row
            for values, at in _groups(frame, groups, units)
            for row in measured(at)
        )
        if groups
        else None,
        auc=area(each, is_member),
        epsilon_low=epsilon_bound(each, is_member, delta=delta, confidence=confidence, rng=rng),
        attack=attack,
        members=int(is_member.sum()),
        non_members=int((~is_member).sum()),
        counted="people" if person else "rows",
        confidence=confidence,
        notes=tuple(note for _, note in parts if note) + _few(int((~is_member).sum())),
    )


def _check(
    attack: str, fit: Fit | None, model: Any, *, shadows: int, confidence: float, delta: float
) -> None:
    if attack not in ATTACKS:
        hint = did_you_mean(attack, ATTACKS)
        raise ConfigError(f"unknown attack {attack!r}; choose one of {', '.join(ATTACKS)}.{hint}")
    if fit is None and (attack in WITH_SHADOWS or model is None):
        what = f"the attack {attack!r} fits shadow models" if model is not None else "model is None"
        raise ConfigError(f"{what}: give fit, a function of features and labels.")
    if attack in WITH_SHADOWS and (shadows < LEAST_SHADOWS or shadows % 2):
        raise ConfigError(f"shadows must be an even number of at least 4; found {shadows!r}.")
    check_share("confidence", confidence)
    if not 0 <= delta < 1:
        raise ConfigError(f"delta must be at least 0 and below 1; found {delta!r}.")


def _target(
    model: Any, fit: Fit | None, rows: pd.DataFrame, labels: pd.Series, inside: np.ndarray
) -> CheckedModel:
    if model is not None or fit is None:
        return check_model(model, list(rows.columns), rows.head(5))
    return fitted(fit, rows[inside], labels[inside])


def _units(frame: pd.DataFrame, person: str | None, inside: np.ndarray) -> np.ndarray:
    """Number people, or rows; rows without a person are people of their own."""
    if person is None:
        return np.arange(len(frame))
    codes = pd.factorize(frame[person])[0]
    alone = codes < 0
    codes[alone] = codes.max() + 1 + np.arange(alone.sum())
    both = np.intersect1d(codes[inside], codes[~inside])
    if len(both):
        raise ConfigError(
            f"{len(both):,} values of column {person!r} are in both tables. A person with rows "
            "among the members is a member: remove their rows from non_members."
        )
    return codes


def _per_unit(
    scores: np.ndarray, inside: np.ndarray, units: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean score of each unit, and whether it is a member."""
    rows = np.bincount(units)
    member = np.bincount(units, inside) > 0
    return np.bincount(units, scores) / rows, member


def _groups(
    frame: pd.DataFrame, groups: list[str], units: np.ndarray
) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """Yield each group and its units; a person is in every group that has a row of theirs."""
    for values, part in frame.groupby(groups, dropna=False, observed=True, sort=True):
        yield dict(zip(groups, values, strict=True)), np.unique(units[part.index])


def _few(others: int) -> tuple[str, ...]:
    if others * LIMITS[0] >= 1:
        return ()
    return (
        f"there are {others:,} non-members: at a limit of .1 %, none of them may exceed the "
        "threshold.",
    )
