"""scikit-learn's metrics on scores and numbers as formulas over the cells of one group.

Shapes as in :mod:`rai_scale.measures.uncertainty.formulas_rates`. If scikit-learn raises because a
replicate has only one class (``log_loss`` without ``labels``), the value is NaN, so that one
replicate does not end a bootstrap. The classes of all replicates are those of the group's cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rai_scale.errors import ConfigError
from rai_scale.measures.uncertainty.formulas_cells import (
    Array,
    at_most_two,
    divide,
    mean_of,
    over_cells,
    present,
    sum_where,
    total,
)


@over_cells
def mean_absolute_error(y_true: Array, y_pred: Array, weights: Array) -> Array:
    """Return the mean of ``|y_true - y_pred|``, in the unit of ``y_true``."""
    return mean_of(np.abs(_numbers(y_true) - _numbers(y_pred)), weights)


@over_cells
def mean_squared_error(y_true: Array, y_pred: Array, weights: Array) -> Array:
    """Return the mean of ``(y_true - y_pred) ** 2``, in the squared unit of ``y_true``."""
    return mean_of((_numbers(y_true) - _numbers(y_pred)) ** 2, weights)


@over_cells
def root_mean_squared_error(y_true: Array, y_pred: Array, weights: Array) -> Array:
    """Return the root of the mean squared error, in the unit of ``y_true``."""
    return np.sqrt(mean_of((_numbers(y_true) - _numbers(y_pred)) ** 2, weights))


def _numbers(y: Array) -> Array:
    return y.astype(np.float64)


@over_cells
def r2_score(y_true: Array, y_pred: Array, weights: Array, *, force_finite: bool = True) -> Array:
    """Return 1 - SS_residual / SS_total.

    NaN for fewer than two rows, if ``weights`` are integer counts. A constant ``y_true`` is
    recognised exactly, whereas scikit-learn's sums may have a rounding error.
    """
    true, masses = _numbers(y_true), weights.astype(np.float64)
    residual = masses @ (true - _numbers(y_pred)) ** 2
    shifted = true - true[0]  # exact zeros for constant targets, and less rounding
    centre = masses @ shifted / total(weights)
    spread = (masses * (shifted - centre[..., None]) ** 2).sum(axis=-1)
    low = np.where(masses > 0, true, np.inf).min(axis=-1)
    high = np.where(masses > 0, true, -np.inf).max(axis=-1)
    spread = np.where(low == high, 0.0, spread)
    value = 1.0 - residual / spread
    if force_finite:
        value = np.where(spread == 0, np.where(residual == 0, 1.0, 0.0), value)
    whole = np.issubdtype(weights.dtype, np.integer)
    return np.where(whole & (weights.sum(axis=-1) < 2), np.nan, value)  # noqa: PLR2004


def _probabilities(scores: Array) -> Array:
    scores = scores if scores.dtype == np.float32 else scores.astype(np.float64)
    if scores.size and (scores.max() > 1 or scores.min() < 0):
        raise ConfigError("log_loss and brier_score_loss need probabilities from 0 to 1.")
    return scores


@over_cells
def log_loss(
    y_true: Array, y_pred: Array, weights: Array, *, labels: Sequence[Any] | None = None
) -> Array:
    """Return the mean of -log(probability of the true class), natural logarithm, two classes.

    Probabilities are clipped at a distance of their type's ``eps`` from 0 and 1, as in
    scikit-learn.
    """
    classes = present(weights, y_true) if labels is None else np.unique(np.asarray(labels))
    at_most_two(classes, "log_loss of one score per row")
    if len(classes) < 2:  # noqa: PLR2004
        return np.full(weights.shape[:-1], np.nan)
    scores = _probabilities(y_pred)
    eps = np.finfo(scores.dtype).eps
    likely = np.where(y_true == classes[1], scores, 1 - scores)
    value = mean_of(-np.log(np.clip(likely, eps, 1 - eps)), weights)
    if labels is not None:
        return value
    positives = sum_where(weights, y_true == classes[1])
    negatives = sum_where(weights, y_true == classes[0])
    return np.where((positives > 0) & (negatives > 0), value, np.nan)


@over_cells
def brier_score_loss(
    y_true: Array,
    y_pred: Array,
    weights: Array,
    *,
    pos_label: Any = None,
    scale_by_half: bool | str = "auto",
) -> Array:
    """Return the mean of ``(y_true - score) ** 2``, two classes; twice that unless halved."""
    classes = present(weights, y_true)
    at_most_two(classes, "brier_score_loss of one score per row")
    if pos_label is None:
        found = set(classes.tolist())
        usual = found <= {0, 1} or found <= {-1, 1}
        if not usual and y_true.dtype.kind in "OUS":
            raise ConfigError("brier_score_loss needs pos_label if labels are texts.")
        pos_label = 1 if usual or not len(classes) else classes[-1]
    squares = ((y_true == pos_label).astype(np.float64) - _probabilities(y_pred)) ** 2
    return mean_of(squares, weights) * (1.0 if scale_by_half else 2.0)


def _by_score(y_pred: Array, positive: Array, weights: Array) -> tuple[Array, Array]:
    """Sum weights of positives and negatives per distinct score, from high to low."""
    order = np.argsort(-_numbers(y_pred), kind="stable")
    scores = y_pred[order]
    starts = np.concatenate([[0], np.flatnonzero(scores[1:] != scores[:-1]) + 1])
    masses = weights[..., order].astype(np.float64)
    hits = np.add.reduceat(masses * positive[order], starts, axis=-1)
    misses = np.add.reduceat(masses * ~positive[order], starts, axis=-1)
    return hits, misses


@over_cells
def roc_auc_score(y_true: Array, y_pred: Array, weights: Array) -> Array:
    """Return the area under the ROC curve (ties count half); NaN if there is only one class.

    Hanley & McNeil (1982): the probability that a positive has a higher score than a negative.
    """
    classes = present(weights, y_true)
    at_most_two(classes, "roc_auc_score of one score per row")
    if len(classes) < 2:  # noqa: PLR2004
        return np.full(weights.shape[:-1], np.nan)
    hits, misses = _by_score(y_pred, y_true == classes[1], weights)
    above = np.cumsum(hits, axis=-1) - hits / 2
    pairs = hits.sum(axis=-1) * misses.sum(axis=-1)
    return divide((misses * above).sum(axis=-1), pairs, np.nan)


@over_cells
def average_precision_score(
    y_true: Array, y_pred: Array, weights: Array, *, pos_label: Any = 1
) -> Array:
    """Return the sum of precision times gain in recall over thresholds; 0.0 without positives."""
    classes = present(weights, y_true)
    at_most_two(classes, "average_precision_score of one score per row")
    if len(classes) == 2 and pos_label not in classes.tolist():  # noqa: PLR2004
        raise ConfigError(
            "pos_label is not a label of any row of a group; check its value and type."
        )
    hits, misses = _by_score(y_pred, y_true == pos_label, weights)
    right = np.cumsum(hits, axis=-1)
    precision = divide(right, right + np.cumsum(misses, axis=-1), 0.0)
    return divide((hits * precision).sum(axis=-1), right[..., -1], 0.0)
