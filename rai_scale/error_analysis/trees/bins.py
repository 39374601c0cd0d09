"""LightGBM's bins of a feature, from the number of rows per value.

LightGBM makes them from at most 200,000 rows (``bin_construct_sample_cnt``), here they are made
from all rows. The names are LightGBM's (``src/io/bin.cpp``, version 4): a bin for zero, one for
missing values, and for categories one for all that are rare or missing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rai_scale.engines.key_values import positions
from rai_scale.statistics.score_bins import as_floats

MAX_BIN = 255
MIN_DATA_IN_BIN = 3
ZERO = float(np.float32(1e-35))
"""Values up to this size are zero: the float32 nearest to 1e-35."""
_MOST_CATEGORIES = np.float32(0.99)


@dataclass(frozen=True)
class NumericBins:
    """Bins of numbers.

    Attributes
    ----------
    bounds : ndarray of float64
        The upper bound of each bin, increasing; the last is infinite.
    missing : bool
        Whether some rows have no value; they have a bin of their own, after the others.
    """

    bounds: np.ndarray
    missing: bool

    @property
    def count(self) -> int:
        """The number of bins."""
        return len(self.bounds) + self.missing

    def of(self, column: pa.ChunkedArray) -> np.ndarray:
        """Return the bin (int64) of each value."""
        values = as_floats(column)
        bins = np.minimum(np.searchsorted(self.bounds, values), len(self.bounds) - 1)
        return np.where(np.isnan(values), self.count - 1, bins).astype(np.int64)


@dataclass(frozen=True)
class CategoryBins:
    """Bins of categories: bin 0 for missing and rare ones, then one per category.

    Attributes
    ----------
    values : pyarrow.Array
        The distinct values of the column, sorted.
    codes : ndarray of int64
        The position in ``values`` of the category of each bin from 1 on; the most frequent first.
    """

    values: pa.Array
    codes: np.ndarray
    missing = False

    @property
    def count(self) -> int:
        """The number of bins."""
        return len(self.codes) + 1

    def of(self, column: pa.ChunkedArray) -> np.ndarray:
        """Return the bin (int64) of each value."""
        bins = np.zeros(len(self.values) + 1, np.int64)  # the last is that of position -1
        bins[self.codes] = np.arange(1, self.count)
        return np.asarray(bins[positions(column, self.values)])


Bins = NumericBins | CategoryBins


def numeric_bins(values: np.ndarray, rows: np.ndarray, max_bin: int = MAX_BIN) -> NumericBins:
    """Return the bins of a numeric column.

    Parameters
    ----------
    values : ndarray of float64, shape (values,)
        Distinct values; NaN is missing.
    rows : ndarray of int64, shape (values,)
    max_bin : int
        The most bins, that of missing values included.
    """
    known = ~np.isnan(values)
    missing = int(rows[~known].sum())
    value, count = _distinct(values[known], rows[known])
    bounds = _zero_as_one_bin(value, count, max_bin - (missing > 0))
    return NumericBins(np.array(bounds), missing > 0)


def _distinct(values: np.ndarray, rows: np.ndarray) -> tuple[list[float], list[int]]:
    """Sort the values, with zero as one of them; neighbouring doubles become the larger one."""
    zero = np.abs(values) <= ZERO
    order = np.argsort(values[~zero], kind="stable")
    value, count = values[~zero][order].tolist(), rows[~zero][order].tolist()
    zeros = int(rows[zero].sum())
    found: list[float] = []
    counts: list[int] = []
    before = -math.inf if not value else math.nan
    if not value or (value[0] > 0 and zeros):
        found, counts = [0.0], [zeros]
    for v, n in zip(value, count, strict=True):
        if not math.isnan(before) and v <= math.nextafter(before, math.inf):
            found[-1] = v
            counts[-1] += n
        else:
            if before < 0 < v:
                found.append(0.0)
                counts.append(zeros)
            found.append(v)
            counts.append(n)
        before = v
    if value and value[-1] < 0 and zeros:
        found.append(0.0)
        counts.append(zeros)
    return found, counts


def _zero_as_one_bin(value: list[float], count: list[int], max_bin: int) -> list[float]:
    """``FindBinWithZeroAsOneBin``."""
    left = next((i for i, v in enumerate(value) if v > -ZERO), len(value))
    right = next((i for i in range(left, len(value)) if value[i] > ZERO), len(value))
    bounds: list[float] = []
    if left and max_bin > 1:
        nonzero = sum(count) - sum(count[left:right])
        most = max(1, int(_divided(sum(count[:left]), nonzero) * (max_bin - 1)))
        bounds = _greedy(value[:left], count[:left], most)
        bounds[-1] = -ZERO
    rest = max_bin - 1 - len(bounds)
    if right < len(value) and rest > 0:
        return [*bounds, ZERO, *_greedy(value[right:], count[right:], rest)]
    return [*bounds, math.inf]


def _greedy(value: list[float], count: list[int], max_bin: int) -> list[float]:
    """``GreedyFindBin``: about equal numbers of rows per bin; frequent values have their own."""
    if len(value) <= max_bin:
        cuts: list[float] = []
        rows = 0
        for i in range(len(value) - 1):
            rows += count[i]
            if rows >= MIN_DATA_IN_BIN:
                bound = _between(value[i], value[i + 1])
                if not cuts or not _same(cuts[-1], bound):
                    cuts.append(bound)
                    rows = 0
        return [*cuts, math.inf]
    bounds: list[float] = []
    for low, high in _cuts(value, count, max_bin):
        bound = _between(low, high)
        if not bounds or not _same(bounds[-1], bound):
            bounds.append(bound)
    return [*bounds, math.inf]


def _cuts(value: list[float], count: list[int], max_bin: int) -> list[tuple[float, float]]:
    """Return the values on both sides of each cut, for more values than bins."""
    total = sum(count)
    max_bin = max(min(max_bin, total // MIN_DATA_IN_BIN), 1)
    big = [n >= total / max_bin for n in count]
    free = max_bin - sum(big)
    rest = total - sum(n for n, large in zip(count, big, strict=True) if large)
    size = _divided(rest, free)
    cuts: list[tuple[float, float]] = []
    rows = 0
    for i in range(len(value) - 1):
        rest -= 0 if big[i] else count[i]
        rows += count[i]
        if big[i] or rows >= size or (big[i + 1] and rows >= max(1.0, size * 0.5)):
            cuts.append((value[i], value[i + 1]))
            if len(cuts) >= max_bin - 1:
                break
            rows = 0
            if not big[i]:
                free -= 1
                size = _divided(rest, free)
    return cuts


def _divided(part: float, whole: float) -> float:
    if whole:
        return part / whole
    return math.copysign(math.inf, part) if part else math.nan


def _between(low: float, high: float) -> float:
    return math.nextafter((low + high) / 2.0, math.inf)


def _same(low: float, high: float) -> bool:
    return high <= math.nextafter(low, math.inf)


def category_bins(values: pa.Array, rows: np.ndarray, missing: int) -> CategoryBins:
    """Return the bins of a categorical column.

    Parameters
    ----------
    values : pyarrow.Array
        Distinct values without null, sorted.
    rows : ndarray of int64, shape (values,)
    missing : int
        Rows without a value.
    """
    order = np.argsort(-rows, kind="stable")
    enough = int(float(np.float32(rows.sum()) * _MOST_CATEGORIES) + 0.5)
    most = min(len(rows) + (missing > 0), MAX_BIN)
    used = bins = 0
    for number, count in enumerate(rows[order].tolist()):
        full = used >= enough and bins + 1 >= most
        if full or (count < MIN_DATA_IN_BIN and number > 1):
            break
        used += count
        bins += 1
    return CategoryBins(values, order[:bins])


def is_useless(bins: Bins, rows: np.ndarray, min_child_samples: int) -> bool:
    """Return whether no split can leave enough rows on both sides (``NeedFilter``).

    Parameters
    ----------
    bins : NumericBins or CategoryBins
    rows : ndarray of int64, shape (bins,)
        Rows per bin.
    min_child_samples : int
    """
    if bins.count <= 1:
        return True
    total = int(rows.sum())
    if isinstance(bins, CategoryBins):
        if bins.count > 2:  # noqa: PLR2004
            return False
        left: Sequence[int] = rows[:-1].tolist()
    else:
        left = np.cumsum(rows)[:-1].tolist()
    return not any(n >= min_child_samples and total - n >= min_child_samples for n in left)
