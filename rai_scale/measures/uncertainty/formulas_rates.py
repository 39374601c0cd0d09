"""Fairlearn's base metrics as formulas over the label cells of one group.

Each returns what ``fairlearn.metrics`` gives on the rows behind the cells. Shapes: ``y_true`` and
``y_pred`` (K,), ``weights`` (..., K) counts or sums of weights; result float64 (...), NaN where the
group has no rows.
"""

from __future__ import annotations

from typing import Any

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


def _positive(y_true: Array, y_pred: Array, weights: Array, pos_label: Any) -> Any:
    """Find the positive label by Fairlearn's rule; raise if Fairlearn would raise."""
    labels = present(weights, y_true, y_pred)
    if pos_label is None:
        found = set(labels.tolist())
        if not (found <= {0, 1} or found <= {-1, 1}):
            raise ConfigError(
                "the rates need pos_label if labels are not from {0, 1} or {-1, 1}; "
                f"a group has {len(found)} distinct labels. Give the metric a pos_label."
            )
        return 1
    at_most_two(labels, "a true or false positive or negative rate")
    if len(labels) == 2 and pos_label not in labels.tolist():  # noqa: PLR2004
        raise ConfigError(
            "pos_label is not a label of any row of a group; check its value and type."
        )
    return pos_label


def _rate(weights: Array, event: Array, given: Array) -> Array:
    # scikit-learn's confusion_matrix(normalize="true") turns 0 / 0 into 0
    return divide(sum_where(weights, event & given), sum_where(weights, given), 0.0)


@over_cells
def true_positive_rate(
    y_true: Array, y_pred: Array, weights: Array, *, pos_label: Any = None
) -> Array:
    """Return TP / (TP + FN), 0.0 without positives."""
    positive = _positive(y_true, y_pred, weights, pos_label)
    return _rate(weights, y_pred == positive, y_true == positive)


@over_cells
def false_negative_rate(
    y_true: Array, y_pred: Array, weights: Array, *, pos_label: Any = None
) -> Array:
    """Return FN / (TP + FN), 0.0 without positives."""
    positive = _positive(y_true, y_pred, weights, pos_label)
    return _rate(weights, y_pred != positive, y_true == positive)


@over_cells
def false_positive_rate(
    y_true: Array, y_pred: Array, weights: Array, *, pos_label: Any = None
) -> Array:
    """Return FP / (FP + TN), 0.0 without negatives."""
    positive = _positive(y_true, y_pred, weights, pos_label)
    return _rate(weights, y_pred == positive, y_true != positive)


@over_cells
def true_negative_rate(
    y_true: Array, y_pred: Array, weights: Array, *, pos_label: Any = None
) -> Array:
    """Return TN / (FP + TN), 0.0 without negatives."""
    positive = _positive(y_true, y_pred, weights, pos_label)
    return _rate(weights, y_pred != positive, y_true != positive)


@over_cells
def selection_rate(y_true: Array, y_pred: Array, weights: Array, *, pos_label: Any = 1) -> Array:
    """Return the share of predictions equal to ``pos_label``."""
    return mean_of(y_pred == pos_label, weights)


@over_cells
def mean_prediction(y_true: Array, y_pred: Array, weights: Array) -> Array:
    """Return the weighted mean of the predictions."""
    return mean_of(y_pred, weights)


@over_cells
def count(y_true: Array, y_pred: Array, weights: Array) -> Array:
    """Return the number of rows; the caller passes counts, even if other metrics are weighted."""
    return total(weights)
