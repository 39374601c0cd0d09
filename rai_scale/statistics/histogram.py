"""Scores as a (group, label, score) histogram: exact distinct scores, or bins with known limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.errors import ConfigError, TooManyGroupsError, check_columns
from rai_scale.statistics.score_bins import (
    BIN,
    as_floats,
    bin_edges,
    check_numeric,
    raise_missing,
    score_range,
    with_bins,
)

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

DEFAULT_BINS = 65_536
DEFAULT_MAX_CELLS = 2_000_000


@dataclass(frozen=True)
class ScoreSteps:
    """What falls on each distinct score, from the highest score to the lowest.

    Attributes
    ----------
    score : ndarray of float64
        Distinct, decreasing; in a binned histogram the upper edge of the bin.
    negatives, positives : ndarray of int64
        Rows of either label.
    negative_weight, positive_weight : ndarray of float64
        Their weights; equal to the rows where no weights were given.
    """

    score: np.ndarray
    negatives: np.ndarray
    positives: np.ndarray
    negative_weight: np.ndarray
    positive_weight: np.ndarray


@dataclass(frozen=True)
class ScoreCells:
    """Rows counted by (group, label, score), in increasing order of (group, score, label).

    Attributes
    ----------
    groups : DataFrame
        One row per group, sorted: the values of the group columns.
    code : ndarray of int64, shape (cells,)
        The row of ``groups`` that a cell belongs to.
    label : ndarray of int8, shape (cells,)
        1 for the positive label, else 0.
    score : ndarray of float64, shape (cells,)
        The score; in a binned histogram the upper edge of the bin ``(lower, upper]``.
    count : ndarray of int64, shape (cells,)
        Rows.
    weight : ndarray of float64, shape (cells,)
        Sum of the sample weights; the rows where none were given.
    exact : bool
        Whether ``score`` is the score itself.
    edges : ndarray of float64, shape (bins + 1,), or None
        The edges of the bins.
    """

    groups: pd.DataFrame
    code: np.ndarray
    label: np.ndarray
    score: np.ndarray
    count: np.ndarray
    weight: np.ndarray
    exact: bool
    edges: np.ndarray | None = None

    def steps(self, group: int | None = None) -> ScoreSteps:
        """Return the steps of one group (a row number of ``groups``), or of all rows."""
        if group is None:
            order = np.argsort(self.score, kind="stable")
            return _steps(*(a[order] for a in (self.score, self.label, self.count, self.weight)))
        start, end = np.searchsorted(self.code, [group, group + 1])
        part = slice(start, end)
        return _steps(self.score[part], self.label[part], self.count[part], self.weight[part])

    def frame(self) -> pd.DataFrame:
        """Return one row per cell: the group columns, label, score, count, weight."""
        cells = {n: getattr(self, n) for n in ("label", "score", "count", "weight")}
        levels = self.groups.take(self.code).reset_index(drop=True)
        return pd.concat([levels, pd.DataFrame(cells)], axis=1)


def _steps(
    score: np.ndarray, label: np.ndarray, count: np.ndarray, weight: np.ndarray
) -> ScoreSteps:
    first = (
        np.flatnonzero(np.r_[True, score[1:] != score[:-1]]) if len(score) else np.array([], int)
    )
    sums = [
        np.add.reduceat(np.where(label == which, values, 0), first)[::-1]
        if len(first)
        else values[:0]
        for values in (count, weight)
        for which in (0, 1)
    ]
    return ScoreSteps(score[first][::-1], *sums)


def score_cells(
    engine: Engine,
    data: Any,
    *,
    groups: Sequence[str],
    label: str,
    score: str,
    sample_weight: str | None = None,
    max_cells: int = DEFAULT_MAX_CELLS,
    bins: int | None = None,
    pos_label: Any = None,
) -> ScoreCells:
    """Count rows by (group, label, score) on the engine.

    Parameters
    ----------
    engine : Engine
        The engine of ``data``.
    data : frame
        The engine's own frame.
    groups : sequence of str
        Columns that make the groups; may be empty.
    label : str
        Column of two values: 0/1, False/True, -1/1, or any two with ``pos_label``.
    score : str
        Numeric column without missing or infinite values.
    sample_weight : str, optional
        Numeric column whose sums are carried.
    max_cells : int
        Distinct scores are kept while there are at most so many cells.
    bins : int, optional
        Use that many bins at once. By default 65,536 bins, where distinct scores do not fit.
    pos_label : optional
        The positive label.

    Raises
    ------
    ConfigError
        For rows with a missing score, label or group, or more than two labels; says how many.
    """
    names = [*groups, label, score, *([sample_weight] if sample_weight else [])]
    schema = engine.schema(data)
    check_columns(names, schema.names)
    check_numeric(schema, score, "score")
    if score in [*groups, label]:
        raise ConfigError(f"the score column {score!r} cannot be the label or a group as well.")
    keys = list(dict.fromkeys([*groups, label]))
    weights = [sample_weight] if sample_weight else []
    if bins is None:
        try:
            counted = engine.group_counts(data, [*keys, score], weights, limit=max_cells)
            return _cells(counted, list(groups), label, score, pos_label, None)
        except TooManyGroupsError:
            bins = DEFAULT_BINS
    _, low, high = score_range(engine, data, score)
    edges = bin_edges(low, high, bins)
    kept = list(dict.fromkeys([*keys, *weights]))
    binned = with_bins(engine, data, score, edges, kept=kept)
    counted = engine.group_counts(binned, [*keys, BIN], weights)
    return _cells(counted, list(groups), label, score, pos_label, edges)


def _cells(
    counted: pa.Table,
    groups: list[str],
    label: str,
    score: str,
    pos_label: Any,
    edges: np.ndarray | None,
) -> ScoreCells:
    """Make cells of counts; ``count`` is the column after the keys."""
    keys = len(dict.fromkeys([*groups, label])) + 1
    count = counted.column(keys).to_numpy().astype(np.int64, copy=False)
    if not count.sum():
        raise ConfigError("there are no rows to count.")
    weight = count.astype(np.float64)
    if counted.num_columns > keys + 1:
        weight = as_floats(counted.column(keys + 1))
        raise_missing(int(count[~np.isfinite(weight)].sum()), "weight", "sample_weight")
    scores = as_floats(counted.column(keys - 1))
    raise_missing(int(count[~np.isfinite(scores)].sum()), "score", score)
    if edges is not None:
        scores = edges[scores.astype(np.int64) + 1]
    labels = binary_labels(
        counted.column(keys - 2 if label not in groups else label), count, label, pos_label
    )
    levels, code = group_levels(counted, groups, count)
    order = _by_group_score_label(code, scores, labels)
    parts = (a[order] for a in (code, labels, scores, count, weight))
    return ScoreCells(levels, *parts, exact=edges is None, edges=edges)


def _by_group_score_label(code: np.ndarray, score: np.ndarray, label: np.ndarray) -> np.ndarray:
    # few groups sort by radix: much faster than one sort by three keys
    order = np.argsort(score, kind="stable")
    small = np.int16 if len(code) == 0 or code.max() < np.iinfo(np.int16).max // 2 else np.int64
    within = code[order] if small is np.int64 else code[order].astype(small)
    order = order[np.argsort(within, kind="stable")]
    ties = np.flatnonzero(
        (score[order][1:] == score[order][:-1]) & (code[order][1:] == code[order][:-1])
    )
    return order if len(ties) == 0 else order[np.lexsort((label[order], score[order], code[order]))]


def binary_labels(
    column: pa.ChunkedArray, count: np.ndarray, name: str, pos_label: Any = None
) -> np.ndarray:
    """Return 1 for the positive label and 0 for the other (int8).

    Parameters
    ----------
    column : ChunkedArray
        One label per cell.
    count : ndarray of int64
        Rows per cell, for messages.
    name : str
        The label column, for messages.
    pos_label : optional
        The positive label; 1 by default.
    """
    missing = np.asarray(pc.is_null(column, nan_is_null=pa.types.is_floating(column.type)))
    raise_missing(int(count[missing].sum()), "label", name)
    coded = column.combine_chunks().dictionary_encode()
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    found = coded.dictionary.to_pylist()
    positive = 1 if pos_label is None else pos_label
    known = pos_label is not None and len(found) <= 2  # noqa: PLR2004
    if not (known or set(found) <= {0, 1} or set(found) <= {-1, 1}):
        raise ConfigError(
            f"the label column {name!r} has {len(found)} distinct values. Two are needed: 0 and 1 "
            "(or -1 and 1), or any two with pos_label naming the positive one."
        )
    is_positive = np.array([value == positive for value in found], dtype=np.int8)
    return is_positive[coded.indices.to_numpy()]


def group_levels(
    table: pa.Table, groups: Sequence[str], count: np.ndarray
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the distinct groups, sorted, and the row of each cell's group among them."""
    codes = np.zeros(table.num_rows, dtype=np.int64)
    values = []
    for name in groups:
        column = table[name]
        missing = np.asarray(pc.is_null(column, nan_is_null=pa.types.is_floating(column.type)))
        raise_missing(int(count[missing].sum()), "group", name)
        coded = column.combine_chunks().dictionary_encode()
        coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
        values.append(coded.dictionary.to_pandas())
        codes = codes * len(values[-1]) + coded.indices.to_numpy()
    found, code = np.unique(codes, return_inverse=True)
    levels: dict[str, Any] = {}
    rest = found
    for name, distinct in zip(reversed(groups), reversed(values), strict=True):
        rest, at = np.divmod(rest, len(distinct))
        levels[name] = distinct.take(at).reset_index(drop=True)
    frame = pd.DataFrame(levels, index=pd.RangeIndex(len(found)))[list(groups)]
    if not groups:
        return frame, code
    order = frame.sort_values(list(groups), kind="stable").index.to_numpy()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return frame.take(order).reset_index(drop=True), rank[code]
