"""Metrics that are shares of rows: their counts, and intervals and tests from these counts."""

from __future__ import annotations

from collections.abc import Sequence

import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import sklearn.metrics as skm
from numpy.typing import ArrayLike
from scipy.stats import norm

from rai_scale.measures.from_cells import Roles
from rai_scale.measures.metrics import Metric
from rai_scale.statistics.cells import Cells
from rai_scale.statistics.wilson import wilson

_OF_ALL, _OF_POSITIVES, _OF_NEGATIVES, _OF_SELECTED = "all", "positive", "negative", "selected"
_IS_SELECTED, _IS_NOT_SELECTED, _IS_RIGHT, _IS_WRONG = "selected", "not selected", "right", "wrong"

PROPORTIONS = {
    fm.selection_rate: (_OF_ALL, _IS_SELECTED),
    fm.true_positive_rate: (_OF_POSITIVES, _IS_SELECTED),
    skm.recall_score: (_OF_POSITIVES, _IS_SELECTED),
    fm.false_negative_rate: (_OF_POSITIVES, _IS_NOT_SELECTED),
    fm.false_positive_rate: (_OF_NEGATIVES, _IS_SELECTED),
    fm.true_negative_rate: (_OF_NEGATIVES, _IS_NOT_SELECTED),
    skm.accuracy_score: (_OF_ALL, _IS_RIGHT),
    skm.zero_one_loss: (_OF_ALL, _IS_WRONG),
    skm.precision_score: (_OF_SELECTED, _IS_RIGHT),
}
"""The denominator and the numerator rows of each metric."""

_ON_ANY_LABELS = (fm.selection_rate, skm.accuracy_score, skm.zero_one_loss)
_BINARY = {0, 1, -1}


def is_proportion(metric: Metric, cells: Cells, roles: Roles) -> bool:
    """Return whether a metric is an unweighted share of rows, given the labels of the cells."""
    if metric.function not in PROPORTIONS or metric.weight is not None or metric.params:
        return False
    if not {roles.y_true, roles.y_pred} <= set(cells.keys):
        return False
    if metric.function in _ON_ANY_LABELS:
        return True
    labels = {v for name in (roles.y_true, roles.y_pred) for v in pd.unique(cells.keys[name])}
    return len(labels) <= 2 and labels <= _BINARY  # noqa: PLR2004


def proportion_counts(
    cells: Cells, roles: Roles, metrics: Sequence[Metric], by: Sequence[str]
) -> pd.DataFrame:
    """Count successes and trials of every share, for the groups of ``by``.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``by`` and ``metric``; ``successes`` and ``trials`` as int64. Metrics that are
        not shares are omitted.
    """
    parts = []
    for metric in metrics:
        if not is_proportion(metric, cells, roles):
            continue
        trials, successes = _chosen(metric, cells, roles)
        counts = {
            "successes": np.where(trials & successes, cells.count, 0),
            "trials": np.where(trials, cells.count, 0),
        }
        keys = [cells.keys[name].to_numpy() for name in by]
        names = np.repeat(metric.name, len(trials))
        found = pd.DataFrame(counts).groupby([*keys, names]).sum()
        parts.append(found.rename_axis([*by, "metric"]))
    if not parts:
        index = pd.MultiIndex.from_arrays([[] for _ in [*by, "metric"]], names=[*by, "metric"])
        return pd.DataFrame({"successes": [], "trials": []}, index, dtype="int64")
    return pd.concat(parts)


def _chosen(metric: Metric, cells: Cells, roles: Roles) -> tuple[np.ndarray, np.ndarray]:
    true, pred = (cells.keys[name].to_numpy() for name in (roles.y_true, roles.y_pred))
    of, what = PROPORTIONS[metric.function]
    trials = {
        _OF_ALL: np.ones(len(true), bool),
        _OF_POSITIVES: true == 1,
        _OF_NEGATIVES: true != 1,
        _OF_SELECTED: pred == 1,
    }[of]
    successes = {
        _IS_SELECTED: pred == 1,
        _IS_NOT_SELECTED: pred != 1,
        _IS_RIGHT: true == pred,
        _IS_WRONG: true != pred,
    }[what]
    return trials, successes


def newcombe(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Return an interval of ``x1/n1 - x2/n2`` for independent groups.

    Method 10 (square-and-add of Wilson intervals) of Newcombe, R. G. (1998), Statistics in
    Medicine 17, 873-890.
    """
    low1, high1 = wilson(x1, n1, confidence)
    low2, high2 = wilson(x2, n2, confidence)
    x1, n1, x2, n2 = (np.asarray(v, float) for v in (x1, n1, x2, n2))
    with np.errstate(divide="ignore", invalid="ignore"):
        p1, p2 = x1 / n1, x2 / n2
    difference = p1 - p2
    return (
        difference - np.hypot(p1 - low1, high2 - p2),
        difference + np.hypot(high1 - p1, p2 - low2),
    )


def ratio_interval(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Return an interval of ``(x1/n1) / (x2/n2)``: normal on the logarithm; NaN if a rate is 0.

    Katz, D. et al. (1978), Biometrics 34, 469-474.
    """
    x1, n1, x2, n2 = (np.asarray(v, float) for v in (x1, n1, x2, n2))
    z = norm.ppf(0.5 + confidence / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (x1 / n1) / (x2 / n2)
        half = z * np.sqrt(1 / x1 - 1 / n1 + 1 / x2 - 1 / n2)
        low, high = ratio * np.exp(-half), ratio * np.exp(half)
    known = (x1 > 0) & (x2 > 0)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def z_test(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Return z and two-sided p for equal shares in two independent groups, with pooled variance.

    Fleiss, Levin & Paik (2003), Statistical Methods for Rates and Proportions, 3.1 (without
    continuity correction). If all rows have the same outcome, z is 0 and p is 1; without rows both
    are NaN.
    """
    x1, n1, x2, n2 = (np.asarray(v, float) for v in (x1, n1, x2, n2))
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (x1 + x2) / (n1 + n2)
        error = np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
        z = np.where(error == 0, 0.0, (x1 / n1 - x2 / n2) / error)
    z = np.where((n1 > 0) & (n2 > 0), z, np.nan)
    return z, 2 * norm.sf(np.abs(z))
