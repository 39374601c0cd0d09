"""Functions that all formulas over cells use: sums over label cells with leading replicate axes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from rai_scale.errors import ConfigError

Array = np.ndarray
Formula = Callable[..., Array]


def over_cells(function: Callable[..., Array]) -> Formula:
    """Make a formula: NaN where a group has no weight, no warnings about divisions."""

    @wraps(function)
    def formula(y_true: Any, y_pred: Any, weights: Any, **parameters: Any) -> Array:
        weights = np.asarray(weights)
        if weights.shape[-1] == 0:
            return np.full(weights.shape[:-1], np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = function(np.asarray(y_true), np.asarray(y_pred), weights, **parameters)
        return np.where(weights.sum(axis=-1) > 0, value, np.nan)

    return formula


def sum_where(weights: Array, mask: Array) -> Array:
    """Sum the weights of the cells of a mask, shape (...)."""
    return weights.astype(np.float64, copy=False) @ mask.astype(np.float64)


def total(weights: Array) -> Array:
    """Sum all weights as float64, shape (...)."""
    return np.asarray(weights.sum(axis=-1), np.float64)


def mean_of(values: Array, weights: Array) -> Array:
    """Return the weighted mean of one number per cell, shape (...)."""
    return weights.astype(np.float64, copy=False) @ values.astype(np.float64) / total(weights)


def divide(numerator: Array, denominator: Array, otherwise: float) -> Array:
    """Divide, with a fixed value where the denominator is 0."""
    safe = np.where(denominator == 0, 1.0, denominator)
    return np.where(denominator == 0, otherwise, numerator / safe)


def labels_of(*arrays: Array) -> Array:
    """Return the sorted distinct labels of cells."""
    return np.unique(np.concatenate(arrays))


def present(weights: Array, *arrays: Array) -> Array:
    """Return the distinct labels of the cells that have weight in some replicate."""
    some = (weights > 0).reshape(-1, weights.shape[-1]).any(axis=0)
    return np.unique(np.concatenate([y[some] for y in arrays]))


def at_most_two(labels: Array, metric: str) -> None:
    """Raise if a group has more than the two classes that a metric supports."""
    if len(labels) > 2:  # noqa: PLR2004
        raise ConfigError(
            f"{metric} is for two classes, but a group has {len(labels)} distinct labels. "
            "Use a multiclass metric (average='macro', 'micro' or 'weighted')."
        )


def one_hot(y: Array, labels: Array) -> Array:
    """Return 1.0 where a cell has a label, shape (K, L)."""
    return np.asarray(y[:, None] == labels[None, :], np.float64)
