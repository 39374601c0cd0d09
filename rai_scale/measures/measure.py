"""How the metrics of a table are measured: from cells, or otherwise if there are too many."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import sklearn.metrics as skm

from rai_scale.errors import ConfigError, TooManyGroupsError
from rai_scale.measures.averages import Averages, averages_table, is_average, measure_averages
from rai_scale.measures.from_cells import Roles, disaggregate, of_one_type
from rai_scale.measures.levels import makers_of, named, named_cells
from rai_scale.measures.metrics import RANKS, Metric, base_function
from rai_scale.measures.positive_labels import refuse_absent_label
from rai_scale.measures.row_metrics import measure_rows
from rai_scale.statistics.cells import Cells, count_cells
from rai_scale.statistics.histogram import DEFAULT_BINS, ScoreCells, score_cells
from rai_scale.statistics.score_metrics import auc_with_bound, average_precision_with_bound
from rai_scale.upstream.fairlearn import DisaggregatedResult


@dataclass(frozen=True)
class Measured:
    """The counts and metrics behind a frame with Fairlearn's methods.

    ``counted`` are the metrics that came from ``cells``; those of ``averages`` came from moments.
    """

    result: DisaggregatedResult
    cells: Cells
    roles: Roles
    metrics: list[Metric]
    counted: list[Metric]
    averages: list[Averages] = field(default_factory=list)
    bounds: pd.DataFrame | None = None


@dataclass(frozen=True)
class Limits:
    """How many cells may be brought to the driver, and whether scores are always binned.

    If rows are to be ``resampled``, cells also distinguish the columns that metrics of rows read.
    """

    max_cells: int
    bins: int | None = None
    resampled: bool = False


def measure(
    engine: Any, frame: Any, roles: Roles, metrics: list[Metric], limits: Limits
) -> Measured:
    """Measure all metrics; those that cannot be computed from counts run on a group's rows."""
    return named_measures(_measure(engine, frame, roles, metrics, limits), frame)


def _measure(
    engine: Any, frame: Any, roles: Roles, metrics: list[Metric], limits: Limits
) -> Measured:
    counted = [metric for metric in metrics if metric.takes_weight]
    rest = [metric for metric in metrics if not metric.takes_weight]
    also = rest if limits.resampled else []
    measured = _measure_counted(engine, frame, roles, counted, limits, also)
    if not rest:
        return measured
    found = measure_rows(engine, frame, roles, rest)
    parts = [measured.result, found] if counted else [found]
    return replace(measured, result=_combined(metrics, roles, parts), metrics=metrics)


def _measure_counted(  # noqa: PLR0917 - what to measure, and on what
    engine: Any,
    frame: Any,
    roles: Roles,
    metrics: list[Metric],
    limits: Limits,
    also: list[Metric],
) -> Measured:
    if limits.bins is None or not metrics:
        try:
            cells = _count(engine, frame, roles, metrics, also, limits.max_cells)
        except TooManyGroupsError as error:
            if not metrics:
                raise
            _refuse_labels(metrics, error)
        else:
            refuse_absent_label(metrics, roles, cells.keys)
            return Measured(disaggregate(cells, roles, metrics), cells, roles, metrics, metrics)
    else:
        _refuse_labels(metrics, None)
    return _measure_scores(engine, frame, roles, metrics, limits.bins or DEFAULT_BINS)


def _count(  # noqa: PLR0917 - what to count, and on what
    engine: Any,
    frame: Any,
    roles: Roles,
    metrics: list[Metric],
    also: list[Metric],
    limit: int,
) -> Cells:
    """Count cells; they also distinguish the columns ``also``, unless there are too many cells."""
    weights = list(dict.fromkeys(m.weight for m in metrics if m.weight is not None))

    def counted(keys: list[str]) -> Cells:
        numbers = set(keys) - set(roles.groups)
        return count_cells(engine, frame, keys, weights=weights, limit=limit, numbers=numbers)

    if also:
        with suppress(TooManyGroupsError):
            return counted(roles.keys([*metrics, *also]))
    return counted(roles.keys(metrics) if metrics else roles.groups)


def _refuse_labels(metrics: Sequence[Metric], error: TooManyGroupsError | None) -> None:
    names = [m.name for m in metrics if not (m.function in RANKS or is_average(m))]
    if names:
        why = "bins were requested" if error is None else f"found {error}"
        raise ConfigError(
            f"{', '.join(map(repr, names))} cannot be computed from binned scores, and {why} "
            "Pass predicted labels to such metrics (or a higher max_cells); from scores come "
            "roc_auc_score, average_precision_score, log_loss, brier_score_loss, mean_prediction, "
            "mean_absolute_error, mean_squared_error, root_mean_squared_error and r2_score."
        )


def _measure_scores(
    engine: Any, frame: Any, roles: Roles, metrics: list[Metric], bins: int
) -> Measured:
    """Measure metrics of scores with too many distinct values to be counted one by one."""
    ranks = [m for m in metrics if m.function in RANKS]
    averages = [m for m in metrics if m.function not in RANKS]
    parts, moments, bounds = [], [], []
    cells: Cells | None = None
    for weight in dict.fromkeys(m.weight for m in ranks):
        mine = [m for m in ranks if m.weight == weight]
        histogram = score_cells(
            engine,
            frame,
            groups=roles.groups,
            label=roles.y_true,
            score=roles.y_pred,
            sample_weight=weight,
            bins=bins,
        )
        cells = _as_cells(histogram, roles, weight)
        parts.append(disaggregate(cells, roles, mine))
        bounds.append(_bounds(histogram, roles, mine))
    for weight in dict.fromkeys(m.weight for m in averages):
        mine = [m for m in averages if m.weight == weight]
        found = measure_averages(engine, frame, roles, mine, weight)
        moments.append(found)
        parts.append(_from_averages(found, roles))
        if cells is None:
            cells = Cells(found.groups, np.array([m.count for m in found.moments]))
    assert cells is not None
    bound = pd.concat(bounds, axis=1) if bounds else None
    result = _combined(metrics, roles, parts)
    return Measured(result, cells, roles, metrics, ranks, moments, bound)


def _as_cells(histogram: ScoreCells, roles: Roles, weight: str | None) -> Cells:
    keys = histogram.groups.take(histogram.code).reset_index(drop=True)
    keys[roles.y_true] = histogram.label
    keys[roles.y_pred] = histogram.score
    sums = {} if weight is None else {weight: histogram.weight}
    return Cells(keys, histogram.count, sums, weight)


def _bounds(histogram: ScoreCells, roles: Roles, metrics: Sequence[Metric]) -> pd.DataFrame:
    index = _index(histogram.groups, roles)
    columns = {}
    for metric in metrics:
        auc = base_function(metric.function) is skm.roc_auc_score
        bounded = auc_with_bound(histogram) if auc else average_precision_with_bound(histogram)
        columns[metric.name] = bounded.by_group["bound"].to_numpy()
    return pd.DataFrame(columns, index=index)


def _index(groups: pd.DataFrame, roles: Roles) -> pd.Index:
    if len(roles.groups) == 1:
        return pd.Index(groups[roles.groups[0]], name=roles.groups[0])
    return pd.MultiIndex.from_frame(groups[roles.groups])


def _from_averages(averages: Averages, roles: Roles) -> DisaggregatedResult:
    by_group = averages_table(averages, roles.groups)
    overall = averages_table(averages, roles.control)
    return DisaggregatedResult(overall if roles.control else overall.iloc[0].rename(None), by_group)


def _combined(
    metrics: Sequence[Metric], roles: Roles, parts: Sequence[DisaggregatedResult]
) -> DisaggregatedResult:
    """Join the parts, in the order of the metrics, over all combinations of groups."""
    names = [metric.name for metric in metrics]
    by_group = pd.concat([part.by_group for part in parts], axis=1)
    overall = pd.concat([part.overall for part in parts], axis=1 if roles.control else 0)
    by_group, overall = _product(by_group, roles.groups), _product(overall, roles.control)
    return DisaggregatedResult(of_one_type(overall[names]), of_one_type(by_group[names]))


def _product(table: Any, names: Sequence[str]) -> Any:
    """Return a table over all combinations of its levels."""
    if len(names) < 2:  # noqa: PLR2004
        return table
    levels = [pd.Index(np.unique(table.index.get_level_values(name))) for name in names]
    return table.reindex(pd.MultiIndex.from_product(levels, names=list(names)))


def named_measures(measured: Measured, frame: Any) -> Measured:
    """Return the measurement with the original values of groups instead of texts, in order."""
    makers = makers_of(frame, measured.roles)
    if not makers:
        return measured

    def table(values: Any) -> Any:
        index = values.index
        if not set(index.names) & set(makers):
            return values
        levels = named(
            index.to_frame(index=False), {n: makers[n] for n in index.names if n in makers}
        )
        several = isinstance(index, pd.MultiIndex)
        values = values.set_axis(
            pd.MultiIndex.from_frame(levels)
            if several
            else pd.Index(levels.iloc[:, 0].to_numpy(), name=index.name)
        )
        return values.sort_index()

    result = measured.result
    return replace(
        measured,
        result=DisaggregatedResult(table(result.overall), table(result.by_group)),
        cells=named_cells(measured.cells, makers),
        averages=[replace(a, groups=named(a.groups, makers)) for a in measured.averages],
        bounds=None if measured.bounds is None else table(measured.bounds),
    )
