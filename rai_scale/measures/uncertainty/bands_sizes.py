"""The number of rows behind each group's rate, for the smoothed variance of bands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fairlearn.metrics as flm
import numpy as np
import sklearn.metrics as skm

from rai_scale.measures.uncertainty.formulas import base_metric
from rai_scale.measures.uncertainty.replicates import GroupLayout

_OF_ALL = (flm.selection_rate, skm.accuracy_score, skm.zero_one_loss, skm.hamming_loss)
_OF_POSITIVES = (flm.true_positive_rate, flm.false_negative_rate, skm.recall_score)
_OF_NEGATIVES = (flm.false_positive_rate, flm.true_negative_rate)
_OF_SELECTED = (skm.precision_score,)


def rate_sizes(
    metric: Callable[..., Any],
    layout: GroupLayout,
    count: np.ndarray,
    weight: np.ndarray | None = None,
    weight_sq: np.ndarray | None = None,
) -> np.ndarray | None:
    """Return the denominator of a rate in each group, or None where the metric is not a proportion.

    Parameters
    ----------
    metric : callable
        A function of Fairlearn or scikit-learn, also inside ``functools.partial``.
    layout : GroupLayout
    count : array of int64, shape (cells,)
    weight, weight_sq : array of float64, shape (cells,), optional
        Sums of weights and of squared weights: the sizes are then Kish's ``(sum w)^2 / sum w^2``.

    Returns
    -------
    ndarray of float64, shape (groups,), or None
    """
    behind = _behind(metric, layout)
    if behind is None:
        return None

    def total(values: np.ndarray) -> np.ndarray:
        kept = np.where(behind, values, 0).astype(np.float64)
        return np.bincount(layout.group, weights=kept, minlength=len(layout.groups))

    if weight is None or weight_sq is None:
        return total(count)
    squares = total(weight_sq)
    return np.where(squares > 0, total(weight) ** 2 / np.where(squares > 0, squares, 1.0), 0.0)


def _behind(metric: Callable[..., Any], layout: GroupLayout) -> np.ndarray | None:
    """Return the cells that form the denominator of a rate."""
    parts = base_metric(metric)
    if parts is None:
        return None
    function, parameters = parts
    if not parameters.get("normalize", True) or parameters.get("average", "binary") != "binary":
        return None
    positive = parameters.get("pos_label")
    positive = 1 if positive is None else positive
    if function in _OF_ALL:
        return np.ones(len(layout.group), dtype=bool)
    if function in _OF_POSITIVES:
        return layout.y_true == positive
    if function in _OF_NEGATIVES:
        return layout.y_true != positive
    return layout.y_pred == positive if function in _OF_SELECTED else None
