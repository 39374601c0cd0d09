"""scikit-learn's classification metrics on labels as formulas over the label cells of one group.

Shapes as in :mod:`rai_scale.measures.uncertainty.formulas_rates`. As in scikit-learn, a label
without rows in a replicate is not one of its classes.
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
    labels_of,
    mean_of,
    one_hot,
    over_cells,
    present,
    sum_where,
    total,
)


@over_cells
def accuracy_score(
    y_true: Array, y_pred: Array, weights: Array, *, normalize: bool = True
) -> Array:
    """Return the share (or with ``normalize=False`` the weight) of correct predictions."""
    right = y_true == y_pred
    return mean_of(right, weights) if normalize else sum_where(weights, right)


@over_cells
def zero_one_loss(y_true: Array, y_pred: Array, weights: Array) -> Array:
    """Return the share of wrong predictions."""
    return 1.0 - mean_of(y_true == y_pred, weights)


@over_cells
def balanced_accuracy_score(
    y_true: Array, y_pred: Array, weights: Array, *, adjusted: bool = False
) -> Array:
    """Return the mean recall over the classes of ``y_true``."""
    labels = np.unique(y_true)
    true = sum_where(weights, one_hot(y_true, labels))
    hit = sum_where(weights, one_hot(y_true, labels) * (y_true == y_pred)[:, None])
    classes = (true > 0).sum(axis=-1)
    score = divide(hit, true, 0.0).sum(axis=-1) / classes
    return (score - 1 / classes) / (1 - 1 / classes) if adjusted else score


def precision_recall_fbeta(
    y_true: Array,
    y_pred: Array,
    weights: Array,
    *,
    score: str,
    beta: float = 1.0,
    labels: Sequence[Any] | None = None,
    pos_label: Any = 1,
    average: str = "binary",
    zero_division: Any = "warn",
) -> Array:
    """Compute precision, recall and F as in ``sklearn.metrics``, averaged over labels."""
    if average == "binary":
        _check_binary(y_true, y_pred, weights, pos_label)
        labels = [pos_label]
    classes = labels_of(y_true, y_pred) if labels is None else np.asarray(labels)
    true, pred, hit = _label_sums(y_true, y_pred, weights, classes)
    counted = np.ones_like(true, dtype=bool) if labels is not None else (true + pred) > 0
    if average == "micro":
        true, pred, hit = (sums.sum(axis=-1, keepdims=True) for sums in (true, pred, hit))
        counted = np.ones_like(true, dtype=bool)
    empty = {"warn": 0.0}.get(zero_division, zero_division)
    if score == "fbeta" and 0 < beta < np.inf:
        value = divide((1 + beta**2) * hit, beta**2 * true + pred, float(empty))
    elif score == "precision" or (score == "fbeta" and beta == 0):
        value = divide(hit, pred, float(empty))
    else:
        value = divide(hit, true, float(empty))
    return _average(value, true if average == "weighted" else None, counted)


def _check_binary(y_true: Array, y_pred: Array, weights: Array, pos_label: Any) -> None:
    labels = present(weights, y_true, y_pred)
    at_most_two(labels, "average='binary'")
    if len(labels) == 2 and pos_label not in labels.tolist():  # noqa: PLR2004
        raise ConfigError(
            "pos_label is not a label of any row of a group; check its value and type."
        )


def _label_sums(
    y_true: Array, y_pred: Array, weights: Array, classes: Array
) -> tuple[Array, Array, Array]:
    true, pred = one_hot(y_true, classes), one_hot(y_pred, classes)
    return sum_where(weights, true), sum_where(weights, pred), sum_where(weights, true * pred)


def _average(value: Array, by: Array | None, counted: Array) -> Array:
    """Average over labels, without NaN; if all weights are 0, labels count equally."""
    known = counted & ~np.isnan(value)
    equal = known.astype(np.float64)
    share = equal if by is None else np.where(known, by, 0.0)
    share = np.where(share.sum(axis=-1, keepdims=True) == 0, equal, share)
    return (np.where(known, value, 0.0) * share).sum(axis=-1) / share.sum(axis=-1)


@over_cells
def precision_score(y_true: Array, y_pred: Array, weights: Array, **parameters: Any) -> Array:
    """Return TP / (TP + FP), averaged over labels by ``average``."""
    return precision_recall_fbeta(y_true, y_pred, weights, score="precision", **parameters)


@over_cells
def recall_score(y_true: Array, y_pred: Array, weights: Array, **parameters: Any) -> Array:
    """Return TP / (TP + FN), averaged over labels by ``average``."""
    return precision_recall_fbeta(y_true, y_pred, weights, score="recall", **parameters)


@over_cells
def fbeta_score(y_true: Array, y_pred: Array, weights: Array, **parameters: Any) -> Array:
    """Return the weighted harmonic mean of precision and recall."""
    return precision_recall_fbeta(y_true, y_pred, weights, score="fbeta", **parameters)


@over_cells
def f1_score(y_true: Array, y_pred: Array, weights: Array, **parameters: Any) -> Array:
    """Return 2 TP / (2 TP + FP + FN), averaged over labels by ``average``."""
    return precision_recall_fbeta(y_true, y_pred, weights, score="fbeta", **parameters)


@over_cells
def matthews_corrcoef(y_true: Array, y_pred: Array, weights: Array) -> Array:
    """Return the multiclass correlation of Gorodkin (2004); 0.0 if one side is constant."""
    true, pred, hit = _label_sums(y_true, y_pred, weights, labels_of(y_true, y_pred))
    rows = pred.sum(axis=-1)
    both = hit.sum(axis=-1) * rows - (true * pred).sum(axis=-1)
    spread = (rows**2 - (pred**2).sum(axis=-1)) * (rows**2 - (true**2).sum(axis=-1))
    constant = ((true > 0).sum(axis=-1) < 2) | ((pred > 0).sum(axis=-1) < 2)  # noqa: PLR2004
    return np.where(constant, 0.0, divide(both, np.sqrt(spread), 0.0))


@over_cells
def cohen_kappa_score(
    y_true: Array,
    y_pred: Array,
    weights: Array,
    *,
    labels: Sequence[Any] | None = None,
    weighting: str | None = None,
    replace_undefined_by: float = np.nan,
) -> Array:
    """Return 1 - observed / expected disagreement; ``weighting`` is scikit-learn's ``weights``."""
    classes = labels_of(y_true, y_pred) if labels is None else np.asarray(labels)
    size = len(classes)
    pairs = one_hot(y_true, classes)[:, :, None] * one_hot(y_pred, classes)[:, None, :]
    confusion = sum_where(weights, pairs.reshape(len(y_true), size * size))
    confusion = confusion.reshape(*confusion.shape[:-1], size, size)
    true, pred = confusion.sum(axis=-1), confusion.sum(axis=-2)
    counted = (true + pred) > 0 if labels is None else np.ones_like(true, dtype=bool)
    price = _prices(counted, weighting)
    rows = pred.sum(axis=-1)[..., None, None]
    observed = (price * confusion).sum(axis=(-2, -1))
    expected = (price * true[..., :, None] * pred[..., None, :] / rows).sum(axis=(-2, -1))
    undefined = (rows[..., 0, 0] == 0) | (expected == 0)
    return np.where(undefined, replace_undefined_by, 1.0 - observed / expected)


def _prices(counted: Array, weighting: str | None) -> Array:
    """Return the cost of each disagreement; classes are ranked among those that are counted."""
    rank = np.cumsum(counted, axis=-1).astype(np.float64)
    apart = np.abs(rank[..., :, None] - rank[..., None, :])
    if weighting == "linear":
        return apart
    return apart**2 if weighting == "quadratic" else 1.0 - np.eye(counted.shape[-1])


@over_cells
def hamming_loss(y_true: Array, y_pred: Array, weights: Array) -> Array:
    """Return the share of wrong predictions."""
    return sum_where(weights, y_true != y_pred) / total(weights)
