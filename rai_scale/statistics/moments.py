"""Weighted means and co-moments per group, merged pairwise.

Sums of squares lose digits if the mean is large compared with the standard deviation; centred
moments keep them. Formula: Chan, Golub and LeVeque (1983), in the weighted form of Schubert and
Gertz (2018): with d = mean_b - mean_a and W = W_a + W_b,
mean = mean_a + d W_b / W and C = C_a + C_b + d d' W_a W_b / W.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.key_values import key_values, number_values, row_codes
from rai_scale.statistics.cells import check_weights, refuse_missing, renamed_keys, sorted_rows
from rai_scale.statistics.score_bins import raise_missing_weight

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

Terms = Callable[[pa.Table], np.ndarray]
"""A picklable function of a batch; returns (rows, terms) float64 values to take moments of."""


@dataclass(frozen=True)
class Moments:
    """Moments of several terms.

    Attributes
    ----------
    count : int
        Rows.
    weight, weight_sq : float
        Sum of the weights and of their squares.
    mean : ndarray of float64, shape (terms,)
    comoment : ndarray of float64, shape (terms, terms)
        Weighted sums of products of the centred terms.
    low : ndarray of float64, shape (terms,)
        The rounding error of ``mean``: if the mean is large compared with the standard deviation,
        the difference of two means would otherwise be wrong from its tenth digit on.
    """

    count: int
    weight: float
    weight_sq: float
    mean: np.ndarray
    comoment: np.ndarray
    low: np.ndarray

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both sets of rows; associative up to rounding."""
        weight = self.weight + other.weight
        share = other.weight / weight if weight else 0.0
        distance = (other.mean - self.mean) + (other.low - self.low)
        between = np.outer(distance, distance) * self.weight * share
        mean, low = _two_sum(self.mean, self.low + distance * share)
        count, weight_sq = self.count + other.count, self.weight_sq + other.weight_sq
        comoment = self.comoment + other.comoment + between
        return Moments(count, weight, weight_sq, mean, comoment, low)


def _two_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rounded sum and its rounding error (Knuth 1969)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def moments_of(values: np.ndarray, weights: np.ndarray) -> Moments:
    """Return the moments of ``values`` (rows, terms) with ``weights`` (rows,), both float64."""
    total = float(weights.sum())
    mean = weights @ values / total if total else np.zeros(values.shape[1])
    centred = values - mean
    low = weights @ centred / total if total else np.zeros(values.shape[1])
    centred = centred - low
    comoment = (centred * weights[:, None]).T @ centred
    mean, low = _two_sum(mean, low)
    return Moments(len(values), total, float((weights**2).sum()), mean, comoment, low)


def merge_all(moments: Sequence[Moments]) -> Moments:
    """Merge in halves, so that rounding errors grow with the logarithm of their number."""
    if len(moments) == 1:
        return moments[0]
    middle = len(moments) // 2
    return merge_all(moments[:middle]).merge(merge_all(moments[middle:]))


@dataclass(frozen=True)
class BatchMoments:
    """Table function: one row of moments for each group in the batch."""

    keys: tuple[str, ...]
    terms: Terms
    weight: str | None
    outputs: pa.Schema

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return keys, count, weight, weight_sq and the flattened mean and co-moment."""
        values = self.terms(table)
        ones = np.ones(table.num_rows)
        weights = ones if self.weight is None else number_values(table[self.weight])
        codes = row_codes(table, self.keys)
        first = np.unique(codes, return_index=True)[1]
        found = [moments_of(values[codes == g], weights[codes == g]) for g in range(len(first))]
        return _rows(table.take(pa.array(first)), self.keys, found, self.outputs)


@dataclass(frozen=True)
class MergeGroup:
    """Table function: the moments of one group, merged over its batches."""

    keys: tuple[str, ...]
    outputs: pa.Schema

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row."""
        # sorted, so that the result does not depend on the order of the batches
        order = np.lexsort((table["weight"].to_numpy(), table["count"].to_numpy()))
        merged = merge_all(read_moments(table.take(pa.array(order))))
        return _rows(table.slice(0, 1), self.keys, [merged], self.outputs)


def group_moments(
    engine: Engine,
    data: Any,
    keys: Sequence[str],
    terms: Terms,
    *,
    inputs: Sequence[str],
    weight: str | None = None,
) -> tuple[pd.DataFrame, list[Moments]]:
    """Compute the moments of ``terms`` in each group of ``keys``; executes.

    Parameters
    ----------
    engine : Engine
    data : frame of the engine
    keys : sequence of str
        The columns that define the groups.
    terms : callable
        See :data:`Terms`.
    inputs : sequence of str
        The columns that ``terms`` reads.
    weight : str, optional
        The column of sample weights.

    Returns
    -------
    tuple of (pandas.DataFrame, list of Moments)
        The values of ``keys`` of each group, sorted, and its moments.

    Raises
    ------
    ConfigError
        If a key or a weight is missing in some rows.
    """
    own = list(keys)
    check_weights(engine.schema(data), [] if weight is None else [weight])
    data, keys = renamed_keys(engine, data, own, [field.name for field in _STATE])
    names = list(dict.fromkeys([*keys, *inputs, *([] if weight is None else [weight])]))
    found = engine.schema(data)
    outputs = pa.schema([*(found.field(key) for key in keys), *_STATE])
    batch = BatchMoments(tuple(keys), terms, weight, outputs)
    partial = engine.map_partitions(data, batch, outputs, inputs=names, label="moments")
    merge = MergeGroup(tuple(keys), outputs)
    whole = engine.map_groups(
        partial, list(keys), merge, outputs, inputs=outputs.names, label="moments"
    )
    table = engine.collect(whole)
    refuse_missing(table, keys)
    frame = pd.DataFrame(
        {name: key_values(table[key]) for name, key in zip(own, keys, strict=True)}
    )
    frame, order = sorted_rows(frame)
    states = read_moments(table.take(pa.array(order)))
    raise_missing_weight(np.array([state.weight for state in states]), str(weight))
    return frame, states


_STATE = [
    pa.field("count", pa.int64()),
    *(pa.field(name, pa.float64()) for name in ("weight", "weight_sq")),
    *(pa.field(name, pa.list_(pa.float64())) for name in ("mean", "comoment", "low")),
]


def _rows(
    table: pa.Table, keys: Sequence[str], moments: Sequence[Moments], schema: pa.Schema
) -> pa.Table:
    state = {f.name: [_plain(getattr(m, f.name)) for m in moments] for f in _STATE}
    return pa.table({**{key: table[key] for key in keys}, **state}, schema=schema)


def _plain(value: Any) -> Any:
    return value.ravel().tolist() if isinstance(value, np.ndarray) else value


def read_moments(table: pa.Table) -> list[Moments]:
    """Return the moments in the rows of a table from :class:`BatchMoments`."""
    means = [np.array(m) for m in table["mean"].to_pylist()]
    squares = [
        np.array(c).reshape(len(m), len(m))
        for c, m in zip(table["comoment"].to_pylist(), means, strict=True)
    ]
    lows = [np.array(m) for m in table["low"].to_pylist()]
    columns = (table[name].to_pylist() for name in ("count", "weight", "weight_sq"))
    return [Moments(*state) for state in zip(*columns, means, squares, lows, strict=True)]
