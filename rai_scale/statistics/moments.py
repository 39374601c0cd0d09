"""Weighted means and co-moments per group, merged with Chan's rule.

Sums of squares lose digits where the mean is large against the spread; centred moments that are
merged pairwise keep them. Formula: Chan, Golub, LeVeque (1983), in the weighted form of
Schubert and Gertz (2018): with d = mean_b - mean_a, W = W_a + W_b,
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
from rai_scale.errors import ConfigError
from rai_scale.statistics.cells import check_weights, refuse_missing, renamed_keys

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

Terms = Callable[[pa.Table], np.ndarray]
"""A picklable function of a batch: the (rows, terms) float64 values whose moments are wanted."""


@dataclass(frozen=True)
class Moments:
    """Moments of T terms: ``count`` rows, ``weight``, ``mean`` (T,), ``comoment`` (T, T).

    ``low`` (T,) is what ``mean`` lost by rounding: where the mean is large against the spread,
    the distance of two means would otherwise be wrong from its tenth digit on.
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
        return Moments(
            self.count + other.count,
            weight,
            self.weight_sq + other.weight_sq,
            mean,
            self.comoment + other.comoment + between,
            low,
        )


def _two_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rounded sum and its error (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def moments_of(values: np.ndarray, weights: np.ndarray) -> Moments:
    """Return the moments of (rows, terms) ``values`` with ``weights`` (rows,)."""
    total = float(weights.sum())
    mean = weights @ values / total if total else np.zeros(values.shape[1])
    centred = values - mean
    low = weights @ centred / total if total else np.zeros(values.shape[1])
    centred = centred - low
    comoment = (centred * weights[:, None]).T @ centred
    mean, low = _two_sum(mean, low)
    return Moments(len(values), total, float((weights**2).sum()), mean, comoment, low)


def merge_all(moments: Sequence[Moments]) -> Moments:
    """Merge in halves, so that rounding grows with the logarithm of their number."""
    if len(moments) == 1:
        return moments[0]
    middle = len(moments) // 2
    return merge_all(moments[:middle]).merge(merge_all(moments[middle:]))


@dataclass(frozen=True)
class BatchMoments:
    """Table function: one row of moments per group of the batch."""

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
    """Table function: the moments of one group, of all its batches."""

    keys: tuple[str, ...]
    outputs: pa.Schema

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row."""
        # equal sets of batches are merged in one order, whoever brought them
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
    """Return the groups of ``keys`` (sorted) and the moments of ``terms`` in each; executes.

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
    order = frame.sort_values(own, kind="stable").index.to_numpy()
    states = read_moments(table.take(pa.array(order)))
    if not all(np.isfinite(state.weight) for state in states):
        raise ConfigError(
            f"the weights in column {weight!r} have missing or infinite values; fill or drop them."
        )
    return frame.iloc[order].reset_index(drop=True), states


_STATE = [
    pa.field("count", pa.int64()),
    pa.field("weight", pa.float64()),
    pa.field("weight_sq", pa.float64()),
    pa.field("mean", pa.list_(pa.float64())),
    pa.field("comoment", pa.list_(pa.float64())),
    pa.field("low", pa.list_(pa.float64())),
]


def _rows(
    table: pa.Table, keys: Sequence[str], moments: Sequence[Moments], schema: pa.Schema
) -> pa.Table:
    state = {
        "count": [m.count for m in moments],
        "weight": [m.weight for m in moments],
        "weight_sq": [m.weight_sq for m in moments],
        "mean": [m.mean.tolist() for m in moments],
        "comoment": [m.comoment.ravel().tolist() for m in moments],
        "low": [m.low.tolist() for m in moments],
    }
    return pa.table({**{key: table[key] for key in keys}, **state}, schema=schema)


def read_moments(table: pa.Table) -> list[Moments]:
    """Return the moments in the rows of a table that :class:`BatchMoments` made."""
    means = [np.array(m) for m in table["mean"].to_pylist()]
    squares = [
        np.array(c).reshape(len(m), len(m))
        for c, m in zip(table["comoment"].to_pylist(), means, strict=True)
    ]
    lows = [np.array(m) for m in table["low"].to_pylist()]
    columns = (table[name].to_pylist() for name in ("count", "weight", "weight_sq"))
    return [Moments(*state) for state in zip(*columns, means, squares, lows, strict=True)]
