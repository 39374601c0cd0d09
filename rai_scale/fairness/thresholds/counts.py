"""The threshold points of every group of a frame: exact, from hulls of ranges, or binned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.errors import TooManyGroupsError
from rai_scale.fairness.thresholds.hull import RANGE_FIELDS, RangeHull
from rai_scale.fairness.thresholds.points import ThresholdPoints, binned_points, exact_points
from rai_scale.statistics.cells import renamed_keys
from rai_scale.statistics.histogram import (
    DEFAULT_BINS,
    ScoreColumns,
    binned_cells,
    exact_cells,
)
from rai_scale.statistics.score_bins import BIN, bin_edges, score_range, with_bins
from rai_scale.statistics.score_codes import group_levels

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

RANGE_ROWS = 1_000_000


@dataclass(frozen=True)
class GroupPoints:
    """Groups, one row each and sorted, with the points of each.

    ``mode`` is ``"exact"`` (all distinct scores), ``"hulls"`` (only those on hulls of ranges, which
    include every vertex of the whole hull) or ``"binned"``.
    """

    levels: pd.DataFrame
    points: list[ThresholdPoints]
    mode: str


def group_points(
    engine: Engine,
    data: Any,
    columns: ScoreColumns,
    *,
    max_cells: int,
    bins: int | None,
    range_rows: int = RANGE_ROWS,
) -> GroupPoints:
    """Count a frame; ``bins`` requests bins, ``max_cells`` is the limit of distinct scores."""
    if bins is not None:
        cells = binned_cells(engine, data, columns, bins)
        assert cells.edges is not None
        points = [binned_points(cells.steps(i), cells.edges) for i in range(len(cells.groups))]
        return GroupPoints(cells.groups, points, "binned")
    try:
        cells = exact_cells(engine, data, columns, max_cells)
    except TooManyGroupsError:
        return _points_of_ranges(engine, data, columns, range_rows)
    points = [exact_points(cells.steps(i)) for i in range(len(cells.groups))]
    return GroupPoints(cells.groups, points, "exact")


def _points_of_ranges(
    engine: Engine, data: Any, columns: ScoreColumns, range_rows: int
) -> GroupPoints:
    """Reduce each range of each group's scores to hull vertices on the workers, and merge them.

    A vertex of the hull of all points is a vertex of the hull of its range: other ranges only add a
    constant to its counts, which shifts the hull without changing its shape.
    """
    edges = _range_edges(engine, data, columns.score, range_rows)
    own = list(columns.groups)
    data, groups = renamed_keys(engine, data, own, [field.name for field in RANGE_FIELDS])
    columns = replace(columns, groups=tuple(groups))
    keys = [*columns.groups, BIN]
    ranged = with_bins(engine, data, columns.score, edges, kept=columns.keys, keep_score=True)
    schema = engine.schema(ranged)
    outputs = pa.schema([schema.field(key) for key in keys] + RANGE_FIELDS)
    hulls = engine.map_groups(
        ranged,
        keys,
        RangeHull(columns.label, columns.score, columns.groups),
        outputs,
        inputs=[*keys, columns.label, columns.score],
        label="threshold hulls",
    )
    found = merge_ranges(engine.collect(hulls), columns.groups)
    return replace(found, levels=found.levels.set_axis(own, axis=1))


def _range_edges(engine: Engine, data: Any, score: str, range_rows: int) -> np.ndarray:
    """Return the edges of ranges of about ``range_rows`` rows: fine bins, counted and merged."""
    _, low, high = score_range(engine, data, score)
    edges = bin_edges(low, high, DEFAULT_BINS)
    counted = engine.group_counts(with_bins(engine, data, score, edges, kept=[]), [BIN])
    rows = np.zeros(len(edges) - 1, dtype=np.int64)
    rows[counted[BIN].to_numpy()] = counted["count"].to_numpy()
    number = np.cumsum(rows) // range_rows
    ends = np.flatnonzero(number[1:] != number[:-1]) + 1
    return edges[np.r_[0, ends, len(edges) - 1]]


def merge_ranges(table: pa.Table, groups: tuple[str, ...]) -> GroupPoints:
    """Join the vertices of all ranges to the points of each group."""
    fp, tp = (table[name].to_numpy() for name in ("false_positives", "true_positives"))
    score, following, top = (table[n].to_numpy() for n in ("score", "next_score", "top"))
    bins = table[BIN].to_numpy()
    ends = np.isnan(following)
    levels, code = group_levels(table, groups, np.where(ends, fp + tp, 0))
    order = np.lexsort((fp + tp, -bins, code))
    parts = np.split(order, np.searchsorted(code[order], np.arange(1, len(levels))))
    points = []
    for part in parts:
        last = ends[part]
        below = np.r_[top[part][1:], -np.inf]  # the highest score of the next lower range
        threshold = np.r_[np.inf, (score[part] + np.where(last, below, following[part])) / 2]
        fps, tps = (_carried(counts[part], last) for counts in (fp, tp))
        points.append(ThresholdPoints(fps, tps, threshold, threshold))
    return GroupPoints(levels, points, "hulls")


def _carried(counts: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Add to each range's counts the totals of the ranges above it, and a first point of 0."""
    totals = np.where(last, counts, 0)
    return np.r_[0, counts + np.cumsum(totals) - totals]
