"""Quantiles of a column from counts that merge: exact, or from bins with a known error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.errors import ConfigError, TooManyGroupsError
from rai_scale.statistics.cells import counts_of
from rai_scale.statistics.score_bins import BIN, as_floats, bin_of, check_numeric

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

DEFAULT_MAX_DISTINCT = 100_000
DEFAULT_BINS = 65_536
_HALF = 0.5


@dataclass(frozen=True)
class Distribution:
    """How many rows lie where, from the lowest value to the highest.

    Attributes
    ----------
    value : ndarray of float64
        Distinct values, or the middles of bins that hold rows; increasing.
    count : ndarray of int64
        Rows of each.
    low, high : float
        The lowest and highest value, exact.
    missing : int
        Rows without a value (null, NaN); they are left out.
    error_bound : float
        No quantile is further from the exact one; 0 where values were counted.
    """

    value: np.ndarray
    count: np.ndarray
    low: float
    high: float
    missing: int
    error_bound: float = 0.0

    @property
    def rows(self) -> int:
        """Rows that have a value."""
        return int(self.count.sum())

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum(self.count)

    def order_statistics(self, ranks: np.ndarray) -> np.ndarray:
        """Return the values of the rows with these ranks (0 is the lowest)."""
        found = self.value[np.searchsorted(self._ends, ranks, side="right")]
        ends = [ranks == 0, ranks == self.rows - 1]
        return np.select(ends, [self.low, self.high], found)

    def percentile(self, percents: Sequence[float] | np.ndarray) -> np.ndarray:
        """Return what ``numpy.percentile`` gives for the whole column (method ``linear``)."""
        at = (self.rows - 1) * (np.asarray(percents, dtype=np.float64) / 100)
        below = np.floor(at)
        a = self.order_statistics(below.astype(np.int64))
        b = self.order_statistics(np.minimum(below + 1, self.rows - 1).astype(np.int64))
        share, step = at - below, b - a
        # numpy interpolates from the nearer end, and so does this, to the bit
        return np.where(share >= _HALF, b - step * (1 - share), a + step * share)

    def mquantiles(self, shares: Sequence[float]) -> np.ndarray:
        """Return what ``scipy.stats.mstats.mquantiles`` gives, which scikit-learn's grids use."""
        share = np.asarray(shares, dtype=np.float64)
        rows = self.rows
        at = rows * share + 0.4 + share * (1 - 0.4 - 0.4)
        rank = np.floor(at.clip(1, max(rows - 1, 1))).astype(np.int64)
        above = (at - rank).clip(0, 1)
        low = self.order_statistics(rank - 1)
        high = self.order_statistics(np.minimum(rank, rows - 1))
        return (1 - above) * low + above * high


_RANGE = pa.schema(
    [
        ("column", pa.int32()),
        ("rows", pa.int64()),
        ("missing", pa.int64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
    ]
)


@dataclass(frozen=True)
class BatchRanges:
    """Table function: rows, missing values, lowest and highest value per column."""

    columns: tuple[str, ...]
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row per column."""
        rows = []
        for number, name in enumerate(self.columns):
            values = as_floats(table[name])
            good = values[~np.isnan(values)]
            low, high = (good.min(), good.max()) if len(good) else (None, None)
            rows.append((number, len(values), len(values) - len(good), low, high))
        return pa.table(list(map(list, zip(*rows, strict=True))), schema=_RANGE)


def column_ranges(engine: Engine, data: Any, columns: Sequence[str]) -> pd.DataFrame:
    """Return rows, missing, low and high per column (the index), all in one pass.

    Raises
    ------
    ConfigError
        If a column holds no numbers, or has infinite values or no value at all.
    """
    names = tuple(columns)
    schema = engine.schema(data)
    for name in names:
        check_numeric(schema, name, "quantile")
    made = engine.map_partitions(data, BatchRanges(names), _RANGE, inputs=names, label="ranges")
    parts = engine.collect(made).to_pandas().groupby("column")
    found = parts.agg({"rows": "sum", "missing": "sum", "low": "min", "high": "max"})
    found = found.reindex(range(len(names))).set_axis(list(names))
    finite = np.isfinite(found[["low", "high"]].astype(float)).all(axis=1)
    if not finite.all():
        bad = ", ".join(map(repr, found.index[~finite]))
        raise ConfigError(f"columns {bad} have infinite values, or no values at all.")
    return found


def distribution(
    engine: Engine,
    data: Any,
    column: str,
    *,
    max_distinct: int = DEFAULT_MAX_DISTINCT,
    bins: int = DEFAULT_BINS,
) -> Distribution:
    """Count a numeric column's values on the engine, or its bins where there are too many.

    Parameters
    ----------
    engine : Engine
    data : frame of the engine
    column : str
    max_distinct : int
        So many distinct values come to the driver at most; more are counted in bins.
    bins : int
        Bins of equal width from the lowest value to the highest; the error is half a width.

    Raises
    ------
    ConfigError
        If the column holds no numbers, or has infinite values or no value at all.
    """
    check_numeric(engine.schema(data), column, "quantile")
    try:
        counted = counts_of(engine, data, [column], limit=max_distinct)
    except TooManyGroupsError:
        return _binned(engine, data, column, bins)
    values, count = as_floats(counted.column(0)), counted.column(1).to_numpy()
    missing = np.isnan(values)
    order = np.argsort(values[~missing])
    values, count, lost = values[~missing][order], count[~missing][order], count[missing].sum()
    if not len(values) or not np.isfinite(values[[0, -1]]).all():
        raise ConfigError(f"column {column!r} has infinite values, or no values at all.")
    return Distribution(values, count, float(values[0]), float(values[-1]), int(lost))


@dataclass(frozen=True)
class BatchBins:
    """Table function: the bins of a batch and the rows in each."""

    column: str
    edges: np.ndarray
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return bin and rows; missing values are left out."""
        values = as_floats(table[self.column])
        found, rows = np.unique(bin_of(values[~np.isnan(values)], self.edges), return_counts=True)
        return pa.table([found.astype(np.int32), rows.astype(np.float64)], schema=_BINS)


_BINS = pa.schema([(BIN, pa.int32()), ("rows", pa.float64())])


def _binned(engine: Engine, data: Any, column: str, bins: int) -> Distribution:
    ranges = column_ranges(engine, data, [column]).loc[column]
    low, high = float(ranges["low"]), float(ranges["high"])
    edges = np.linspace(low, high, bins + 1)
    made = engine.map_partitions(
        data, BatchBins(column, edges), _BINS, inputs=[column], label="bins"
    )
    counted = engine.group_counts(made, [BIN], ["rows"]).sort_by(BIN)
    at = counted[BIN].to_numpy()
    count = counted["sum_rows"].to_numpy().round().astype(np.int64)
    middle = (edges[at] + edges[at + 1]) / 2
    return Distribution(
        middle, count, low, high, int(ranges["missing"]), float(np.diff(edges).max() / 2)
    )
