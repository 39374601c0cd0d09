"""Metrics from cells: Fairlearn's functions run on a few cells, with their counts as weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import fairlearn.metrics as fm
import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError, check_columns
from rai_scale.measures.count_metrics import by_counts, count_table
from rai_scale.measures.metrics import Metric, base_function, call_metric
from rai_scale.measures.refusals import ArgumentError
from rai_scale.statistics.cells import Cells
from rai_scale.upstream.fairlearn import DUPLICATE_FEATURE_NAME, DisaggregatedResult

COUNT = "\0count"
ROLE = "\0role "
WEIGHT = "\0weight "
"""Prefixes that no column of a table has, so that groups may have any name."""


@dataclass(frozen=True)
class Roles:
    """The roles of a table's columns."""

    y_true: str
    y_pred: str
    sensitive: tuple[str, ...]
    control: tuple[str, ...] = ()

    @property
    def groups(self) -> list[str]:
        """Control features first, as in Fairlearn's index."""
        return [*self.control, *self.sensitive]

    def keys(self, metrics: Sequence[Metric]) -> list[str]:
        """Return the columns whose combinations make a cell."""
        params = [column for metric in metrics for column in metric.params.values()]
        return list(dict.fromkeys([*self.groups, self.y_true, self.y_pred, *params]))


def check_roles(roles: Roles, asked: Sequence[str], found: Sequence[str]) -> None:
    """Raise if columns of ``asked`` do not exist, or the groups are empty or repeated."""
    check_columns(asked, found)
    if not roles.sensitive:
        raise ConfigError("sensitive_features is empty; name at least one column.")
    double = {name for name in roles.groups if roles.groups.count(name) > 1}
    if double:
        name = min(double)
        raise ArgumentError(
            DUPLICATE_FEATURE_NAME.format(name), f"{name!r} occurs twice among the groups."
        )


@dataclass(frozen=True)
class CellMetric:
    """A metric that Fairlearn calls with a group's cells instead of its rows."""

    metric: Metric
    y_true: str
    y_pred: str

    def __call__(self, frame: pd.DataFrame) -> Any:
        """Return the metric of the group whose cells are in ``frame``."""
        count = frame[COUNT].to_numpy()
        metric = self.metric
        if base_function(metric.function) is fm.count:
            return int(count.sum())
        columns = {"y_true": self.y_true, "y_pred": self.y_pred, **metric.params}
        values = {name: _column(frame, column) for name, column in columns.items()}
        if not metric.takes_weight:
            return self._call({name: np.repeat(v, count, axis=0) for name, v in values.items()})
        weight = count if metric.weight is None else frame[WEIGHT + metric.weight].to_numpy()
        if len(count) == 1 and count[0] > 1:
            # functions that count rows (R2 needs two) need more than one
            values = {name: np.repeat(v, 2, axis=0) for name, v in values.items()}
            weight = _in_two(weight[0])
        return self._call({**values, "sample_weight": weight})

    def _call(self, values: dict[str, Any]) -> Any:
        y_true, y_pred = values.pop("y_true"), values.pop("y_pred")
        return call_metric(self.metric.name, self.metric.function, y_true, y_pred, **values)


def _in_two(weight: Any) -> np.ndarray:
    if isinstance(weight, np.integer):
        return np.array([1, weight - 1])
    return np.array([weight / 2, weight / 2])


def _column(frame: pd.DataFrame, name: str) -> np.ndarray:
    values = frame[ROLE + name].to_numpy()
    return np.stack(list(values)) if values.dtype == object else values


def frame_of(cells: Cells, roles: Roles, metrics: Sequence[Metric]) -> pd.DataFrame:
    """Return the cells as the frame that :class:`CellMetric` reads."""
    named = {f"{ROLE}{key}": cells.keys[key].to_numpy() for key in cells.keys}
    weights = {WEIGHT + m.weight: cells.sums[m.weight] for m in metrics if m.weight is not None}
    groups = {name: cells.keys[name].to_numpy() for name in roles.groups}
    return pd.DataFrame({**groups, **named, **weights, COUNT: cells.count})


def refuse_empty(cells: Cells) -> None:
    """Raise if there are no rows."""
    if not len(cells.count):
        raise ArgumentError("the table has no rows", "there is nothing to measure.")


def disaggregate(cells: Cells, roles: Roles, metrics: Sequence[Metric]) -> DisaggregatedResult:
    """Compute all metrics overall and by group, as Fairlearn groups.

    Metrics that are arithmetic on counts are computed for all groups at once; others are called
    once per group.
    """
    refuse_empty(cells)
    counted = by_counts(cells, roles.y_true, roles.y_pred, metrics)
    rest = [metric for metric in metrics if metric not in counted]
    called = _called(cells, roles, rest) if rest or not metrics else None
    if called is not None and not (counted and _of_numbers(called.by_group)):
        return _called(cells, roles, metrics) if counted else called
    asked = (cells, roles.y_true, roles.y_pred, counted)
    by_group = _product(count_table(*asked, roles.groups))
    overall: Any = _product(count_table(*asked, roles.control))
    if not roles.control:
        overall = of_one_type(overall).iloc[0].rename(None)
    if called is not None:
        names = [metric.name for metric in metrics]
        by_group = pd.concat([by_group, called.by_group], axis=1)[names]
        overall = pd.concat([overall, called.overall], axis=1 if roles.control else 0)[names]
    return DisaggregatedResult(of_one_type(overall), of_one_type(by_group))


def _of_numbers(table: pd.DataFrame) -> bool:
    """Return whether all values are numbers; with matrices, Fairlearn keeps object columns."""
    return all(pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes)


def _called(cells: Cells, roles: Roles, metrics: Sequence[Metric]) -> DisaggregatedResult:
    return DisaggregatedResult.create(
        data=frame_of(cells, roles, metrics),
        annotated_functions={m.name: CellMetric(m, roles.y_true, roles.y_pred) for m in metrics},
        sensitive_feature_names=list(roles.sensitive),
        control_feature_names=list(roles.control) or None,
    )


def _product(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table over all combinations of several features, as in Fairlearn."""
    if table.index.nlevels == 1:
        return table
    count = table.index.nlevels
    levels: list[Any] = [np.unique(table.index.get_level_values(i)) for i in range(count)]
    return table.reindex(pd.MultiIndex.from_product(levels, names=table.index.names))


def of_one_type(table: Any) -> Any:
    """Return the columns in their common type, as in Fairlearn, where each row is a Series."""
    types = list(set(table.dtypes)) if isinstance(table, pd.DataFrame) else [table.dtype]
    if len(types) == 1:
        return table
    numbers = all(pd.api.types.is_numeric_dtype(t) for t in types)
    return table.astype(np.result_type(*types) if numbers else object)


def group_rows(cells: Cells, roles: Roles, index: pd.Index) -> pd.Series:
    """Return the number of rows per group, 0 for combinations that do not occur."""
    counts = pd.Series(cells.count).groupby(
        [cells.keys[name].to_numpy() for name in roles.groups], sort=True
    )
    return counts.sum().rename_axis(index.names).reindex(index, fill_value=0).rename("count")
