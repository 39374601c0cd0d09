"""Metric values of all replicates, overall and by group, from draws of cells."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from fairlearn.metrics import count as fairlearn_count

from rai_scale.errors import ConfigError
from rai_scale.measures.uncertainty.formulas import base_metric, vectorised
from rai_scale.measures.uncertainty.formulas_cells import Formula
from rai_scale.measures.uncertainty.resample import Draw


@dataclass(frozen=True)
class GroupLayout:
    """Which cell belongs to which group, in Fairlearn's order of groups.

    Attributes
    ----------
    y_true, y_pred : ndarray, shape (cells,) or (cells, outputs)
    group : ndarray of int64, shape (cells,)
        Position in ``groups``.
    groups : pandas.Index
        The index of Fairlearn's ``by_group``: control features first; with several features, all
        combinations of their values, also those without rows.
    control : ndarray of int64, shape (cells,), or None
        Position in ``controls``.
    controls : pandas.Index or None
        The index of Fairlearn's ``overall`` if there are control features.
    control_of_group : ndarray of int64, shape (groups,), or None
    """

    y_true: np.ndarray
    y_pred: np.ndarray
    group: np.ndarray
    groups: pd.Index
    control: np.ndarray | None = None
    controls: pd.Index | None = None
    control_of_group: np.ndarray | None = None


@dataclass(frozen=True)
class Replicates:
    """Metric values of bootstrap replicates.

    Attributes
    ----------
    metrics : tuple of str
    overall : ndarray of float64, shape (B, metrics) or (B, control levels, metrics)
    by_group : ndarray of float64, shape (B, groups, metrics)
        NaN if a replicate has no rows of a group.
    groups, controls, control_of_group
        As in :class:`GroupLayout`.
    """

    metrics: tuple[str, ...]
    overall: np.ndarray
    by_group: np.ndarray
    groups: pd.Index
    controls: pd.Index | None = None
    control_of_group: np.ndarray | None = None


def layout_of(
    keys: pd.DataFrame,
    sensitive_features: Sequence[str],
    control_features: Sequence[str] = (),
    *,
    y_true: str = "y_true",
    y_pred: str = "y_pred",
) -> GroupLayout:
    """Find groups and control levels of cells.

    Parameters
    ----------
    keys : pandas.DataFrame
        One row per cell.
    sensitive_features, control_features : list of str
        Columns of ``keys``.
    y_true, y_pred : str
        Columns of ``keys``.
    """
    labels = (_labels(keys[y_true]), _labels(keys[y_pred]))
    groups, group = _index_of(keys, [*control_features, *sensitive_features])
    if not control_features:
        return GroupLayout(*labels, group, groups)
    controls, control = _index_of(keys, list(control_features))
    levels = groups.to_frame(index=False)[list(control_features)]
    return GroupLayout(*labels, group, groups, control, controls, _find(levels, controls))


def _labels(values: pd.Series) -> np.ndarray:
    """Return labels, or the scores of several classes, one row per cell."""
    vectors = len(values) and isinstance(values.iloc[0], np.ndarray)
    return np.stack(list(values)) if vectors else values.to_numpy()


def _index_of(keys: pd.DataFrame, names: list[str]) -> tuple[pd.Index, np.ndarray]:
    """Return the index that Fairlearn gives these features, and each cell's position in it."""
    values = [pd.Index(np.unique(keys[name])) for name in names]
    index = values[0].rename(names[0])
    if len(names) > 1:
        index = pd.MultiIndex.from_product(values, names=names)
    return index, _find(keys[names], index)


def _find(rows: pd.DataFrame, index: pd.Index) -> np.ndarray:
    several = rows.shape[1] > 1
    wanted = pd.MultiIndex.from_frame(rows) if several else pd.Index(rows.iloc[:, 0].to_numpy())
    return index.get_indexer(wanted).astype(np.int64)


@dataclass(frozen=True)
class _Slice:
    """The label cells of some cells of the table: cells with equal labels are merged."""

    y_true: np.ndarray
    y_pred: np.ndarray
    order: np.ndarray
    starts: np.ndarray

    def weights(self, masses: np.ndarray) -> np.ndarray:
        """Sum the replicates (b, cells) of the table over its label cells: (b, label cells)."""
        if not len(self.order):
            return masses[:, :0]
        chosen = masses[:, self.order]
        if len(self.starts) == len(self.order):
            return chosen
        return np.add.reduceat(chosen, self.starts, axis=1)


def _slice(layout: GroupLayout, codes: np.ndarray, cells: np.ndarray) -> _Slice:
    order = cells[np.argsort(codes[cells], kind="stable")]
    starts = np.unique(codes[order], return_index=True)[1]
    firsts = order[starts]
    return _Slice(layout.y_true[firsts], layout.y_pred[firsts], order, starts)


def _label_codes(layout: GroupLayout) -> np.ndarray:
    true, pred = _codes(layout.y_true), _codes(layout.y_pred)
    return true * (1 + pred.max(initial=0)) + pred


def _codes(values: np.ndarray) -> np.ndarray:
    if values.ndim > 1:
        return np.unique(values, axis=0, return_inverse=True)[1].ravel().astype(np.int64)
    return pd.factorize(values, use_na_sentinel=False)[0].astype(np.int64)


def replicate_metrics(
    draws: Iterable[Draw],
    metrics: Mapping[str, Callable[..., Any]],
    layout: GroupLayout,
    *,
    weights: Mapping[str, str | None] | None = None,
    params: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    repeated: Collection[str] = (),
) -> Replicates:
    """Compute metrics for each replicate.

    Metrics with a formula (:func:`~rai_scale.measures.uncertainty.formulas.vectorised`) are
    computed for all replicates at once; others are called once per replicate and group with
    ``sample_weight``.
    ``fairlearn.metrics.count`` counts rows, whatever their weights, as Fairlearn does.

    Parameters
    ----------
    draws : iterable of Draw
        As :func:`~rai_scale.measures.uncertainty.resample.resample_cells` yields them.
    metrics : dict of str to callable
    layout : GroupLayout
    weights : dict of str to str, optional
        The weight of each metric, by the metric's name; other metrics use counts.
    params : dict of str to dict of str to ndarray of shape (cells,), optional
        Further sample parameters of a metric, one value per cell.
    repeated : collection of str, optional
        Names of metrics without a weight: they are called on each cell repeated by its count.
    """
    weights, params = weights or {}, params or {}
    columns = [
        _column(metric, weights.get(name), params.get(name, {}), layout, name in repeated)
        for name, metric in metrics.items()
    ]
    codes = _label_codes(layout)
    groups = _slices(layout, codes, layout.group, len(layout.groups))
    if layout.control is None or layout.controls is None:
        whole = [_slice(layout, codes, np.arange(len(codes)))]
    else:
        whole = _slices(layout, codes, layout.control, len(layout.controls))
    by_group, overall = [], []
    for draw in draws:
        by_group.append(_values(draw, groups, columns, layout))
        overall.append(_values(draw, whole, columns, layout))
    found = np.concatenate(overall)
    if layout.controls is None:
        found = found[:, 0]
    index = (layout.groups, layout.controls, layout.control_of_group)
    return Replicates(tuple(metrics), found, np.concatenate(by_group), *index)


@dataclass(frozen=True)
class _Column:
    """Computes one metric: by its formula, or by calling it on the cells of a replicate."""

    metric: Callable[..., Any]
    formula: Formula | None
    weight: str | None
    params: Mapping[str, np.ndarray]
    repeated: bool = False


def _column(
    metric: Callable[..., Any],
    weight: str | None,
    params: Mapping[str, np.ndarray],
    layout: GroupLayout,
    repeated: bool,
) -> _Column:
    if repeated:
        return _Column(metric, None, None, params, repeated)
    parts = base_metric(metric)
    if parts is not None and parts[0] is fairlearn_count:
        weight = None
    vectors = layout.y_true.ndim > 1 or layout.y_pred.ndim > 1
    formula = None if params or vectors else vectorised(metric)
    if formula is None:
        _refuse_unweighted(metric)
    return _Column(metric, formula, weight, params)


def _slices(layout: GroupLayout, codes: np.ndarray, part: np.ndarray, parts: int) -> list[_Slice]:
    return [_slice(layout, codes, np.flatnonzero(part == p)) for p in range(parts)]


def _values(
    draw: Draw, slices: list[_Slice], columns: list[_Column], layout: GroupLayout
) -> np.ndarray:
    """Return the metrics of all slices, shape (b, slices, metrics)."""
    values = np.empty((len(draw.counts), len(slices), len(columns)))
    for s, part in enumerate(slices):
        merged = {c.weight: part.weights(draw.masses(c.weight)) for c in columns}
        for m, column in enumerate(columns):
            if column.formula is None:
                values[:, s, m] = _loop(draw, part.order, column, layout)
            else:
                values[:, s, m] = column.formula(part.y_true, part.y_pred, merged[column.weight])
    return values


def _loop(draw: Draw, cells: np.ndarray, column: _Column, layout: GroupLayout) -> np.ndarray:
    """Call a metric that has no formula once for each replicate of some cells."""
    masses = draw.masses(column.weight)[:, cells]
    values = np.full(len(masses), np.nan)
    for b, row in enumerate(masses):
        some = np.repeat(cells, row) if column.repeated else cells[row > 0]
        if len(some):
            params = {name: array[some] for name, array in column.params.items()}
            if not column.repeated:
                params["sample_weight"] = row[row > 0]
            values[b] = column.metric(layout.y_true[some], layout.y_pred[some], **params)
    return values


def _refuse_unweighted(metric: Callable[..., Any]) -> None:
    try:
        parameters = list(inspect.signature(metric).parameters.values())
    except (TypeError, ValueError):  # a compiled function may hide its parameters
        return
    if any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters):
        return
    raise ConfigError(
        f"the metric {getattr(metric, '__name__', 'given')!r} has no parameter sample_weight, so "
        f"it cannot be bootstrapped from counts."
    )
