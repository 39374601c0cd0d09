"""Errors of a regression per group from merged moments, and a histogram of its residuals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.protocol import Engine
from rai_scale.errors import TooManyGroupsError
from rai_scale.statistics.moments import Moments, group_moments, merge_all
from rai_scale.statistics.score_bins import (
    BIN,
    as_floats,
    bin_edges,
    check_numeric,
    raise_missing,
    score_range,
    with_bins,
)

ALL = "_rai_all"
RESIDUAL = "_rai_residual"
BINS = 65_536


@dataclass(frozen=True)
class Residuals:
    """The moments and residual counts that a regression's errors are computed from.

    Attributes
    ----------
    groups : DataFrame
        One row per group, sorted; no columns if there are no groups.
    moments : list of Moments
        Per group, of y, the squared residual and the absolute residual.
    code : ndarray of int, shape (cells,)
        The group of each cell.
    residual : ndarray of float64, shape (cells,)
        ``y - prediction``; in a binned histogram the upper edge of the bin.
    count : ndarray of int64, shape (cells,)
    """

    groups: pd.DataFrame
    moments: list[Moments]
    code: np.ndarray
    residual: np.ndarray
    count: np.ndarray

    def density(self, group: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Return residuals and their counts, of one group or of all rows."""
        part = slice(None) if group is None else self.code == group
        return self.residual[part], self.count[part]

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return rows, mse, rmse, mae and r2, by group and overall."""
        by_group = pd.DataFrame([_errors(m) for m in self.moments])
        overall = pd.DataFrame([_errors(merge_all(self.moments))])
        return pd.concat([self.groups, by_group], axis=1), overall


@dataclass(frozen=True)
class ErrorTerms:
    """The terms of a batch whose moments are taken: y, squared residual, absolute residual."""

    y_true: str
    score: str

    def __call__(self, table: pa.Table) -> np.ndarray:
        """Return float64 of shape (rows, 3)."""
        y = as_floats(table[self.y_true])
        residual = y - as_floats(table[self.score])
        raise_missing(int((~np.isfinite(residual)).sum()), "value or score", self.score)
        return np.column_stack([y, residual**2, np.abs(residual)])


@dataclass(frozen=True)
class AddResidual:
    """Table function: the residual, and a constant key that puts all rows in one group."""

    y_true: str
    score: str

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return two columns."""
        residual = as_floats(table[self.y_true]) - as_floats(table[self.score])
        zeros = np.zeros(table.num_rows, dtype=np.int32)
        return pa.table({RESIDUAL: residual, ALL: zeros})


def regression_residuals(  # noqa: PLR0917
    engine: Engine,
    data: Any,
    groups: Sequence[str],
    y_true: str,
    score: str,
    sample_weight: str | None,
    max_cells: int,
) -> Residuals:
    """Compute the moments of the errors, and count residuals, exactly if they are few enough.

    Parameters
    ----------
    engine : Engine
        Of ``data``.
    data : frame of the engine
        One row per prediction.
    groups : sequence of str
        Columns that make the groups.
    y_true, score : str
        Numeric columns of values and of predictions.
    sample_weight : str, optional
        Column of weights.
    max_cells : int
        The most distinct residuals per group that are counted exactly; beyond it, in bins.
    """
    schema = engine.schema(data)
    for name, role in ((y_true, "value"), (score, "score")):
        check_numeric(schema, name, role)
    added = pa.schema([(RESIDUAL, pa.float64()), (ALL, pa.int32())])
    columns = list(dict.fromkeys([y_true, score]))
    data = engine.with_columns(
        data, AddResidual(y_true, score), added, inputs=columns, label="residuals"
    )
    keys = [*groups, ALL]
    levels, moments = group_moments(
        engine, data, keys, ErrorTerms(y_true, score), inputs=columns, weight=sample_weight
    )
    code, residual, count = _count(engine, data, keys, levels, max_cells)
    return Residuals(levels.drop(columns=ALL), moments, code, residual, count)


def _count(
    engine: Engine, data: Any, keys: list[str], levels: pd.DataFrame, max_cells: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    try:
        counted = engine.group_counts(data, [*keys, RESIDUAL], limit=max_cells)
        residual = as_floats(counted.column(len(keys)))
    except TooManyGroupsError:
        _, low, high = score_range(engine, data, RESIDUAL)
        edges = bin_edges(low, high, BINS)
        binned = with_bins(engine, data, RESIDUAL, edges, kept=keys)
        counted = engine.group_counts(binned, [*keys, BIN])
        residual = edges[counted.column(len(keys)).to_numpy() + 1]
    found = counted.select(range(len(keys))).to_pandas()
    known = {row: n for n, row in enumerate(levels.itertuples(index=False, name=None))}
    code = np.array([known[row] for row in found.itertuples(index=False, name=None)], dtype=int)
    return code, residual, counted.column(len(keys) + 1).to_numpy().astype(np.int64)


def _errors(moments: Moments) -> dict[str, float]:
    """Return the errors of scikit-learn's regression metrics; R2 is 1 - SSE / SST."""
    mse, spread = moments.mean[1], moments.comoment[0, 0]
    r2 = 1 - mse * moments.weight / spread if spread > 0 else float(mse == 0)
    if moments.count < 2:  # noqa: PLR2004
        r2 = float("nan")
    return {
        "rows": moments.count,
        "mse": float(mse),
        "rmse": float(np.sqrt(mse)),
        "mae": float(moments.mean[2]),
        "r2": float(r2),
    }
