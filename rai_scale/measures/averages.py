"""Metrics that are averages over rows, from moments, for tables with too many cells to count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import pyarrow as pa
import sklearn.metrics as skm

from rai_scale.engines.key_values import number_values
from rai_scale.errors import ConfigError
from rai_scale.measures.from_cells import Roles
from rai_scale.measures.metrics import Metric
from rai_scale.statistics.moments import Moments, group_moments, merge_all


@dataclass(frozen=True)
class Average:
    """A metric as a function of means: its ``terms`` per row, and ``value`` of their means."""

    terms: Callable[[np.ndarray, np.ndarray], list[np.ndarray]]
    value: Callable[[np.ndarray], np.ndarray]


def _squared(y: np.ndarray, p: np.ndarray) -> list[np.ndarray]:
    return [(y - p) ** 2]


def _absolute(y: np.ndarray, p: np.ndarray) -> list[np.ndarray]:
    return [np.abs(y - p)]


def _prediction(y: np.ndarray, p: np.ndarray) -> list[np.ndarray]:
    return [p]


def _log(y: np.ndarray, p: np.ndarray) -> list[np.ndarray]:
    eps = np.finfo(p.dtype).eps  # scikit-learn clips at the precision of the scores
    p = np.clip(p, eps, 1 - eps).astype(float)
    return [-np.log(np.where(y == 1, p, 1 - p))]


def _residual(y: np.ndarray, p: np.ndarray) -> list[np.ndarray]:
    return [(y - p) ** 2, y, y**2]


def _mean(means: np.ndarray) -> np.ndarray:
    return means[..., 0]


def _root(means: np.ndarray) -> np.ndarray:
    return np.sqrt(means[..., 0])


def _explained(means: np.ndarray) -> np.ndarray:
    return _r2(means[..., 0], means[..., 2] - means[..., 1] ** 2)


def _r2(error: np.ndarray, variance: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        value = 1 - error / variance
    return np.where(variance > 0, value, np.where(error == 0, 1.0, 0.0))


AVERAGES: dict[Callable[..., Any], Average] = {
    fm.mean_prediction: Average(_prediction, _mean),
    skm.mean_absolute_error: Average(_absolute, _mean),
    skm.mean_squared_error: Average(_squared, _mean),
    skm.root_mean_squared_error: Average(_squared, _root),
    skm.brier_score_loss: Average(_squared, _mean),
    skm.log_loss: Average(_log, _mean),
    skm.r2_score: Average(_residual, _explained),
}
PROBABILITIES = (skm.brier_score_loss, skm.log_loss)


@dataclass(frozen=True)
class RowTerms:
    """The terms of several averages for each row of a batch."""

    y_true: str
    y_pred: str
    functions: tuple[Callable[..., Any], ...]

    def __call__(self, table: pa.Table) -> np.ndarray:
        """Return (rows, terms) values.

        Raises
        ------
        ConfigError
            If labels or predictions are missing or invalid for the metrics.
        """
        for name in (self.y_true, self.y_pred):
            if table[name].null_count:
                raise ConfigError(f"column {name!r} has missing values; fill or drop those rows.")
        y, given = (number_values(table[n]) for n in (self.y_true, self.y_pred))
        y, p = y.astype(float), given.astype(float)
        if not np.isfinite(y).all() or not np.isfinite(p).all():
            raise ConfigError("labels and predictions must be finite numbers.")
        if any(function in PROBABILITIES for function in self.functions):
            if not np.isin(y, (0, 1)).all():
                raise ConfigError(f"column {self.y_true!r} must have only the labels 0 and 1.")
            if ((p < 0) | (p > 1)).any():
                raise ConfigError(f"column {self.y_pred!r} must have probabilities from 0 to 1.")
        floats = given if np.issubdtype(given.dtype, np.floating) else p
        terms = {f: floats if f is skm.log_loss else p for f in self.functions}
        return np.column_stack([t for f in self.functions for t in AVERAGES[f].terms(y, terms[f])])


@dataclass(frozen=True)
class Averages:
    """Moments per group, and which of their terms belong to which metric."""

    groups: pd.DataFrame
    moments: list[Moments]
    metrics: list[Metric]
    slices: list[slice]

    def values(self, moments: Moments) -> list[float]:
        """Return each metric's value from the moments of some rows."""
        return [
            float(self._one(metric, moments, part))
            for metric, part in zip(self.metrics, self.slices, strict=True)
        ]

    def _one(self, metric: Metric, moments: Moments, part: slice) -> np.ndarray:
        if metric.function is skm.r2_score and moments.count < 2:  # noqa: PLR2004
            return np.array(np.nan)  # as in scikit-learn
        if metric.function is skm.r2_score:  # the central moment is more precise than y**2
            variance = moments.comoment[part.start + 1, part.start + 1] / moments.weight
            return _r2(moments.mean[part.start], variance)
        return AVERAGES[metric.function].value(moments.mean[part])

    def resampled(self, moments: Moments, n_boot: int, rng: np.random.Generator) -> np.ndarray:
        """Return (n_boot, metrics) values with normally distributed means.

        This approximates the bootstrap distribution of means in large groups, as those measured
        here. With weights, the effective number of rows is (sum w)^2 / sum w^2.
        """
        covariance = moments.comoment / moments.weight * moments.weight_sq / moments.weight**2
        means = rng.multivariate_normal(moments.mean, covariance, n_boot, method="svd")
        return np.column_stack(
            [
                AVERAGES[metric.function].value(means[:, part])
                for metric, part in zip(self.metrics, self.slices, strict=True)
            ]
        )


def measure_averages(
    engine: Any, frame: Any, roles: Roles, metrics: Sequence[Metric], weight: str | None
) -> Averages:
    """Compute metrics that share a weight from one pass of moments."""
    functions = tuple(metric.function for metric in metrics)
    widths = [len(AVERAGES[f].terms(np.zeros(1), np.zeros(1))) for f in functions]
    starts = np.cumsum([0, *widths])
    slices = [slice(int(a), int(b)) for a, b in pairwise(starts)]
    terms = RowTerms(roles.y_true, roles.y_pred, functions)
    inputs = [roles.y_true, roles.y_pred]
    groups, moments = group_moments(
        engine, frame, roles.groups, terms, inputs=inputs, weight=weight
    )
    return Averages(groups, moments, list(metrics), slices)


def is_average(metric: Metric) -> bool:
    """Return whether the metric, without options, can be computed from moments."""
    return not isinstance(metric.function, partial) and metric.function in AVERAGES


def averages_table(averages: Averages, by: Sequence[str]) -> pd.DataFrame:
    """Return the metrics for each combination of the columns ``by``; one row if there are none."""
    names = [metric.name for metric in averages.metrics]
    if not by:
        return pd.DataFrame([averages.values(merge_all(averages.moments))], columns=names)
    places = averages.groups.groupby(list(by), sort=True).indices
    rows = [
        averages.values(merge_all([averages.moments[i] for i in places[key]])) for key in places
    ]
    return pd.DataFrame(rows, columns=names, index=_index(list(places), by))


def _index(levels: list[Any], names: Sequence[str]) -> pd.Index:
    if len(names) == 1:
        return pd.Index(levels, name=names[0])
    return pd.MultiIndex.from_tuples(levels, names=list(names))
