"""Quantiles of a column from counts: exact, or from bins with a known error bound."""

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
from rai_scale.statistics.score_bins import BIN, as_floats, bin_of, check_numeric, value_ranges

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

DEFAULT_MAX_DISTINCT = 100_000
DEFAULT_BINS = 65_536
_HALF = 0.5


@dataclass(frozen=True)
class Distribution:
    """The number of rows per value, from the lowest value to the highest.

    Attributes
    ----------
    value : ndarray of float64
        Distinct values, or the middles of bins that hold rows; increasing.
    count : ndarray of int64
        Rows with each value.
    low, high : float
        The lowest and highest value, exact.
    missing : int
        Rows without a value (null, NaN); they are not counted.
    error_bound : float
        The largest difference of a quantile from the exact one; 0 if values were counted.
    """

    value: np.ndarray
    count: np.ndarray
    low: float
    high: float
    missing: int
    error_bound: float = 0.0

    @property
    def rows(self) -> int:
        """The number of rows that have a value."""
        return int(self.count.sum())

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum(self.count)

    def order_statistics(self, ranks: np.ndarray) -> np.ndarray:
        """Return the values (float64) of the rows with these ranks (int64; 0 is the lowest)."""
        found = self.value[np.searchsorted(self._ends, ranks, side="right")]
        ends = [ranks == 0, ranks == self.rows - 1]
        return np.asarray(np.select(ends, [self.low, self.high], found))

    def percentile(self, percents: Sequence[float] | np.ndarray) -> np.ndarray:
        """Return the result of ``numpy.percentile`` for the column (method ``linear``)."""
        at = (self.rows - 1) * (np.asarray(percents, dtype=np.float64) / 100)
        below = np.floor(at)
        a = self.order_statistics(below.astype(np.int64))
        b = self.order_statistics(np.minimum(below + 1, self.rows - 1).astype(np.int64))
        share, step = at - below, b - a
        # numpy interpolates from the nearer end; this gives the same bits
        return np.asarray(np.where(share >= _HALF, b - step * (1 - share), a + step * share))

    def mquantiles(self, shares: Sequence[float]) -> np.ndarray:
        """Return ``scipy.stats.mstats.mquantiles``, which scikit-learn uses for its grids."""
        share = np.asarray(shares, dtype=np.float64)
        rows = self.rows
        at = rows * share + 0.4 + share * (1 - 0.4 - 0.4)
        rank = np.floor(at.clip(1, max(rows - 1, 1))).astype(np.int64)
        above = (at - rank).clip(0, 1)
        low = self.order_statistics(rank - 1)
        high = self.order_statistics(np.minimum(rank, rows - 1))
        return np.asarray((1 - above) * low + above * high)


def column_ranges(engine: Engine, data: Any, columns: Sequence[str]) -> pd.DataFrame:
    """Return rows, missing, low and high of each column (the index), in one pass.

    Raises
    ------
    ConfigError
        If a column is not numeric, or has infinite values or no values at all.
    """
    schema = engine.schema(data)
    for name in columns:
        check_numeric(schema, name, "quantile")
    found = value_ranges(engine, data, columns)
    bad = found.index[found["infinite"].gt(0) | found["low"].isna()]
    if len(bad):
        named = ", ".join(map(repr, bad))
        raise ConfigError(f"{named}: the column has infinite values, or no values at all.")
    return found.drop(columns="infinite")


def distribution(
    engine: Engine,
    data: Any,
    column: str,
    *,
    max_distinct: int = DEFAULT_MAX_DISTINCT,
    bins: int = DEFAULT_BINS,
) -> Distribution:
    """Count the values of a numeric column on the engine, or its bins if there are too many.

    Parameters
    ----------
    engine : Engine
    data : frame of the engine
    column : str
    max_distinct : int
        The largest number of distinct values to bring to the driver; beyond it, bins are counted.
    bins : int
        Bins of equal width from the lowest value to the highest; the error bound is half a width.

    Raises
    ------
    ConfigError
        If the column is not numeric, or has infinite values or no values at all.
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
        raise ConfigError(f"{column!r}: the column has infinite values, or no values at all.")
    return Distribution(values, count, float(values[0]), float(values[-1]), int(lost))


@dataclass(frozen=True)
class BatchBins:
    """Table function: the bins that occur in a batch, and the rows in each."""

    column: str
    edges: np.ndarray
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return bin (int32) and rows (float64); missing values are not counted."""
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
