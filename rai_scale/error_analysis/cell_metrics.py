"""Metrics of groups of rows, from counts of labels and predictions per group."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import sklearn.metrics as skm

from rai_scale.error_analysis.trees.counting import NODE, CountedFrame
from rai_scale.errors import ConfigError, TooManyGroupsError, did_you_mean
from rai_scale.measures.averages import AVERAGES, measure_averages
from rai_scale.measures.from_cells import CellMetric, Roles, frame_of
from rai_scale.measures.metrics import Metric
from rai_scale.measures.uncertainty.proportions import is_proportion, newcombe, proportion_counts
from rai_scale.statistics.cells import MAX_CELLS, Cells, count_cells
from rai_scale.statistics.moments import merge_all


def _averaged(function: Callable[..., Any], average: str) -> Callable[..., Any]:
    return partial(function, average=average, zero_division=0)


METRICS: dict[str, Callable[..., Any]] = {
    "error_rate": skm.zero_one_loss,
    "accuracy": skm.accuracy_score,
    **{
        f"{name}{suffix}": _averaged(function, average)
        for name, function in (
            ("precision", skm.precision_score),
            ("recall", skm.recall_score),
            ("f1", skm.f1_score),
        )
        for suffix, average in (("", "binary"), ("_micro", "micro"), ("_macro", "macro"))
    },
    "false_positive_rate": fm.false_positive_rate,
    "false_negative_rate": fm.false_negative_rate,
    "selection_rate": fm.selection_rate,
    "mean_prediction": fm.mean_prediction,
    "mean_absolute_error": skm.mean_absolute_error,
    "mean_squared_error": skm.mean_squared_error,
    "root_mean_squared_error": skm.root_mean_squared_error,
    "median_absolute_error": skm.median_absolute_error,
    "r2": skm.r2_score,
}
"""Metrics by name; each is scikit-learn's or Fairlearn's function, on counts as its weights."""


def check_metric_name(name: str) -> None:
    """Raise :class:`ConfigError` if a name is not in ``METRICS``."""
    if name not in METRICS:
        raise ConfigError(
            f"unknown metric {name!r}; choose from {', '.join(METRICS)}."
            f"{did_you_mean(str(name), METRICS)}"
        )


def loss_of(metric: str) -> str | None:
    """Return the loss whose sums a metric needs: absolute, squared, or None for errors."""
    absolute = ("mean_absolute_error", "median_absolute_error")
    squared = ("mean_squared_error", "root_mean_squared_error", "r2")
    if metric in absolute:
        return "mean_absolute_error"
    return "mean_squared_error" if metric in squared else None


def metrics_by_group(
    counted: CountedFrame,
    group_sql: str,
    metrics: Sequence[str],
    groups: Mapping[int, Collection[int]],
) -> pd.DataFrame:
    """Compute metrics of groups of rows; executes.

    Parameters
    ----------
    counted : CountedFrame
    group_sql : str
        The number of each row's cell (an integer) as SQL; rows with null are left out.
    metrics : sequence of str
        Names of ``METRICS``.
    groups : mapping of int to collection of int
        The cells of each group; groups may overlap.

    Returns
    -------
    pandas.DataFrame
        One row per group, one column per metric; NaN for a group without rows.

    Raises
    ------
    ConfigError
        If there are more than 2,000,000 pairs of label and prediction, and a metric is not an
        average of differences.
    """
    roles = Roles(counted.roles.y_true, counted.roles.y_pred, (NODE,))
    asked = [Metric(name, METRICS[name], counted.roles.sample_weight) for name in metrics]
    data = counted.at_nodes(group_sql).data
    engine, weights = counted.engine, counted.roles.sample_weight
    data = engine.where(data, f"{counted.dialect.column(NODE)} IS NOT NULL")
    try:
        cells = count_cells(
            engine,
            data,
            [NODE, roles.y_true, roles.y_pred],
            weights=[] if weights is None else [weights],
            limit=MAX_CELLS,
            numbers=(roles.y_true, roles.y_pred),
        )
    except TooManyGroupsError as error:
        return _from_moments(engine, data, roles, asked, groups, error)
    frame = frame_of(cells, roles, asked)
    found = {}
    for group, members in groups.items():
        part = frame[frame[NODE].isin(list(members))]
        found[group] = [
            CellMetric(metric, roles.y_true, roles.y_pred)(part) if len(part) else float("nan")
            for metric in asked
        ]
    return pd.DataFrame.from_dict(found, orient="index", columns=list(metrics), dtype=float)


def _from_moments(  # noqa: PLR0917 - what to measure, and on what
    engine: Any,
    data: Any,
    roles: Roles,
    asked: Sequence[Metric],
    groups: Mapping[int, Collection[int]],
    error: TooManyGroupsError,
) -> pd.DataFrame:
    names = [metric.name for metric in asked]
    odd = [metric.name for metric in asked if metric.function not in AVERAGES]
    if odd:
        raise ConfigError(
            f"{odd[0]!r} is computed from counts, and there are {error} Round the predictions, or "
            "ask for an average such as mean_absolute_error."
        )
    averages = measure_averages(engine, data, roles, asked, asked[0].weight)
    nodes = averages.groups[NODE].tolist()
    found = {}
    for group, members in groups.items():
        parts = [m for n, m in zip(nodes, averages.moments, strict=True) if n in members]
        found[group] = averages.values(merge_all(parts)) if parts else [float("nan")] * len(names)
    return pd.DataFrame.from_dict(found, orient="index", columns=names, dtype=float)


@dataclass(frozen=True)
class Resampled:
    """Metrics of some rows with bootstrap replicates, from the cells of labels and predictions.

    Attributes
    ----------
    values : dict of str to float
    counts : dict of str to tuple of int
        Successes and trials of metrics that are shares of rows.
    replicates : dict of str to ndarray of float64
        Of the other metrics.
    rows : int
    """

    values: dict[str, float]
    counts: dict[str, tuple[int, int]]
    replicates: dict[str, np.ndarray]
    rows: int

    @classmethod
    def of(cls, counted: CountedFrame, metrics: Sequence[str], n_boot: int, seed: int) -> Resampled:
        """Count the cells of a frame; executes."""
        roles = Roles(counted.roles.y_true, counted.roles.y_pred, ())
        asked = [Metric(name, METRICS[name]) for name in metrics]
        keys = (roles.y_true, roles.y_pred)
        cells = count_cells(counted.engine, counted.data, keys, limit=MAX_CELLS, numbers=keys)
        shares = [metric for metric in asked if is_proportion(metric, cells, roles)]
        found = proportion_counts(cells, roles, shares, [])
        counts = {
            str(name): (int(row["successes"]), int(row["trials"])) for name, row in found.iterrows()
        }
        random = np.random.default_rng(seed)
        draws = random.multinomial(cells.rows, cells.count / cells.rows, n_boot)
        rest = [metric for metric in asked if metric not in shares]
        return cls(
            {m.name: _metric_of(m, cells, roles) for m in asked},
            counts,
            {
                m.name: np.array([_metric_of(m, _drawn(cells, draw), roles) for draw in draws])
                for m in rest
            },
            cells.rows,
        )

    def difference(self, other: Resampled, metric: str, confidence: float) -> tuple[float, float]:
        """Return an interval of the difference from other, independent rows."""
        if metric in self.counts and metric in other.counts:
            low, high = newcombe(*self.counts[metric], *other.counts[metric], confidence)
            return float(low), float(high)
        if metric not in self.replicates or metric not in other.replicates:
            return float("nan"), float("nan")
        gaps = self.replicates[metric] - other.replicates[metric]
        tail = (1 - confidence) / 2
        low, high = np.quantile(gaps, [tail, 1 - tail])
        return float(low), float(high)


def _drawn(cells: Cells, count: np.ndarray) -> Cells:
    return replace(cells, count=count).select(count > 0)


def _metric_of(metric: Metric, cells: Cells, roles: Roles) -> float:
    return float(CellMetric(metric, roles.y_true, roles.y_pred)(frame_of(cells, roles, [metric])))
