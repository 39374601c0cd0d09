"""Rows counted by (group, label, score): with distinct scores, or with bins of scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.errors import ConfigError, TooManyGroupsError, check_columns
from rai_scale.statistics.cells import MAX_CELLS, check_weights, counts_of
from rai_scale.statistics.score_bins import (
    BIN,
    NO_ROWS,
    as_floats,
    bin_edges,
    check_numeric,
    raise_missing,
    raise_missing_weight,
    score_range,
    with_bins,
)
from rai_scale.statistics.score_codes import binary_labels, group_levels

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

DEFAULT_BINS = 65_536


@dataclass(frozen=True)
class ScoreSteps:
    """The rows of each distinct score, from the highest score to the lowest.

    Attributes
    ----------
    score : ndarray of float64
        Distinct, decreasing; in a binned histogram the upper edge of the bin.
    negatives, positives : ndarray of int64
        Rows with each label.
    negative_weight, positive_weight : ndarray of float64
        Their total weights; without weights, the number of rows.
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
        The cell's row in ``groups``.
    label : ndarray of int8, shape (cells,)
        1 for the positive label, else 0.
    score : ndarray of float64, shape (cells,)
        The score; in a binned histogram, the upper edge of the bin ``(lower, upper]``.
    count : ndarray of int64, shape (cells,)
        Rows.
    weight : ndarray of float64, shape (cells,)
        Sum of the sample weights; without weights, the number of rows.
    exact : bool
        Whether ``score`` is the score itself and not the edge of a bin.
    edges : ndarray of float64, shape (bins + 1,), or None
        The edges of the bins; None with distinct scores.
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
        """Return the steps of one group (its row number in ``groups``), or of all rows."""
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
    first = np.flatnonzero(np.r_[True, score[1:] != score[:-1]][: len(score)])
    sums = [
        np.add.reduceat(np.where(label == which, values, 0), first)[::-1]
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
    max_cells: int = MAX_CELLS,
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
        Columns that define the groups; may be empty.
    label : str
        Column with two values: 0/1, False/True, -1/1, or any two with ``pos_label``.
    score : str
        Numeric column without missing or infinite values.
    sample_weight : str, optional
        Numeric column of weights.
    max_cells : int
        The largest number of cells with distinct scores; beyond it, scores are binned.
    bins : int, optional
        The number of bins, used at once. By default 65,536, if distinct scores do not fit.
    pos_label : optional
        The positive label.

    Raises
    ------
    ConfigError
        If a score, label or group is missing in some rows, or there are more than two labels.
    """
    asked = ScoreColumns(tuple(groups), label, score, sample_weight, pos_label)
    if bins is None:
        try:
            return exact_cells(engine, data, asked, max_cells)
        except TooManyGroupsError:
            bins = DEFAULT_BINS
    return binned_cells(engine, data, asked, bins)


@dataclass(frozen=True)
class ScoreColumns:
    """The columns of a histogram; see :func:`score_cells`.

    With ``only_0_and_1``, labels other than 0 and 1 are an error.
    """

    groups: tuple[str, ...]
    label: str
    score: str
    sample_weight: str | None = None
    pos_label: Any = None
    only_0_and_1: bool = False

    def check(self, schema: pa.Schema) -> None:
        """Raise :class:`ConfigError` for columns that cannot be counted."""
        names = [*self.groups, self.label, self.score, *self.weights]
        check_columns(names, schema.names)
        check_numeric(schema, self.score, "score")
        check_weights(schema, self.weights)
        if len(set(self.groups)) < len(self.groups):
            raise ConfigError("a column is named twice among the groups. Name it once.")
        if BIN in names:
            raise ConfigError(f"{BIN!r} is a reserved column name. Rename the column.")
        if self.score in self.keys:
            raise ConfigError(f"the score column {self.score!r} is also the label or a group.")

    @property
    def weights(self) -> list[str]:
        """The weight column, if there is one."""
        return [self.sample_weight] if self.sample_weight else []

    @property
    def keys(self) -> list[str]:
        """The group columns and the label, each once."""
        return list(dict.fromkeys([*self.groups, self.label]))


def exact_cells(engine: Engine, data: Any, asked: ScoreColumns, max_cells: int) -> ScoreCells:
    """Count distinct scores; raises :class:`TooManyGroupsError` beyond ``max_cells``."""
    asked.check(engine.schema(data))
    counted = counts_of(engine, data, [*asked.keys, asked.score], asked.weights, max_cells)
    return _cells(counted, asked, None)


def binned_cells(engine: Engine, data: Any, asked: ScoreColumns, bins: int) -> ScoreCells:
    """Count bins of scores, in one pass for the range of the scores and one for the counts."""
    asked.check(engine.schema(data))
    _, low, high = score_range(engine, data, asked.score)
    edges = bin_edges(low, high, bins)
    kept = list(dict.fromkeys([*asked.keys, *asked.weights]))
    binned = with_bins(engine, data, asked.score, edges, kept=kept)
    return _cells(counts_of(engine, binned, [*asked.keys, BIN], asked.weights), asked, edges)


def _cells(counted: pa.Table, asked: ScoreColumns, edges: np.ndarray | None) -> ScoreCells:
    """Make cells from counts with the columns keys, score or bin, count, weight (if any)."""
    keys = asked.keys
    key_columns = counted.select(range(len(keys)))
    scores = as_floats(counted.column(len(keys)))
    count = counted.column(len(keys) + 1).to_numpy().astype(np.int64, copy=False)
    if not count.sum():
        raise ConfigError(NO_ROWS)
    weight = count.astype(np.float64)
    if asked.sample_weight:
        weight = as_floats(counted.column(len(keys) + 2))
        raise_missing_weight(weight, asked.sample_weight)
    raise_missing(int(count[~np.isfinite(scores)].sum()), "score", asked.score)
    if edges is not None:
        scores = edges[scores.astype(np.int64) + 1]
    labels = binary_labels(
        key_columns[asked.label], count, asked.label, asked.pos_label, asked.only_0_and_1
    )
    levels, code = group_levels(key_columns, asked.groups, count)
    order = _by_group_score_label(code, scores, labels)
    code, labels, scores, count, weight = (
        values[order] for values in (code, labels, scores, count, weight)
    )
    return ScoreCells(levels, code, labels, scores, count, weight, edges is None, edges)


def _by_group_score_label(code: np.ndarray, score: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return the sorted order; stable sorts, and up to 32,767 groups are sorted by radix."""
    order = np.argsort(label, kind="stable")
    order = order[np.argsort(score[order], kind="stable")]
    few = code.max(initial=0) < np.iinfo(np.int16).max
    groups = code[order].astype(np.int16 if few else np.int64)
    return order[np.argsort(groups, kind="stable")]
