"""Bootstrap of a table from its cells: rows are never read again.

Resampling n rows with replacement is equivalent to drawing the counts of the cells from a
multinomial distribution with n trials and the observed shares (Efron & Tibshirani 1993, section 6).
Fairlearn's ``DataFrame.sample(frac=1, replace=True)`` over the whole table does this, so replicates
of any metric that is a function of cell counts have exactly Fairlearn's distribution.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rai_scale.errors import ConfigError
from rai_scale.measures.refusals import ArgumentError

if TYPE_CHECKING:
    from rai_scale.statistics.cells import Cells

CHUNK_NUMBERS = 4_000_000
"""Replicates times cells in memory at a time: 32 MB of int64."""

EQUAL_WEIGHTS = 1e-12
"""A relative variance of weights below this is treated as 0, because it is rounding."""


class Draw(NamedTuple):
    """Some replicates of all cells.

    Attributes
    ----------
    counts : ndarray of int64, shape (b, cells)
        Rows of each cell in each replicate.
    weights : dict of str to ndarray of float64, shape (b, cells)
        Sums of each sample weight, by its name; empty where rows are not weighted.
    """

    counts: np.ndarray
    weights: Mapping[str, np.ndarray] = MappingProxyType({})

    def masses(self, weight: str | None) -> np.ndarray:
        """Return the sums of a weight, or for None the counts."""
        return self.counts if weight is None else self.weights[weight]


def generator_of(random_state: Any) -> np.random.Generator:
    """Return a NumPy generator from None, an int, a ``RandomState`` or a generator."""
    if random_state is None or isinstance(random_state, np.random.Generator):
        return np.random.default_rng(random_state)
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, 2**32, size=4, dtype=np.uint32))
    if isinstance(random_state, numbers.Integral) and int(random_state) >= 0:
        return np.random.default_rng(int(random_state))
    raise ArgumentError(
        f"Unsupported random_state: {random_state}",
        "give None, a non-negative integer, a numpy.random.Generator or a "
        "numpy.random.RandomState.",
    )


def resample_counts(
    count: np.ndarray, n_boot: int, random_state: Any = None
) -> Iterator[np.ndarray]:
    """Draw bootstrap replicates of the counts of all cells of a table jointly.

    Parameters
    ----------
    count : array of int64, shape (cells,)
        Rows of each cell. Random numbers are assigned in the order of the cells, so use a fixed
        order (sorted by key).
    n_boot : int
        Number of replicates, at least 1.
    random_state : int, numpy.random.Generator, numpy.random.RandomState, optional

    Yields
    ------
    ndarray of int64, shape (b, cells)
        In all ``n_boot`` replicates; each sums to the number of rows.
    """
    count = np.asarray(count, dtype=np.int64)
    if isinstance(n_boot, bool) or not isinstance(n_boot, numbers.Integral) or n_boot < 1:
        raise ConfigError(f"n_boot must be an integer of at least 1; found {n_boot!r}.")
    if count.ndim != 1 or (count < 0).any() or not count.sum():
        raise ConfigError("a bootstrap needs at least one row, and no negative counts.")
    rng = generator_of(random_state)
    filled = np.flatnonzero(count)
    rows = int(count.sum())
    shares = count[filled] / rows
    size = max(1, CHUNK_NUMBERS // len(count))
    for start in range(0, int(n_boot), size):
        draws = np.zeros((min(size, int(n_boot) - start), len(count)), dtype=np.int64)
        draws[:, filled] = rng.multinomial(rows, shares, size=len(draws))
        yield draws


def resample_weights(
    counts: np.ndarray,
    count: np.ndarray,
    weight: np.ndarray,
    weight_sq: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw the sums of weights of replicates whose counts are known.

    A cell that is drawn m times has a sum of m weights, each drawn from the cell's weights with
    equal probability. Its mean ``m * S / n`` and its variance ``m * (Q / n - (S / n) ** 2)`` are
    exact (n rows, sum S, sum of squares Q), and so are the covariances between cells, which come
    from the counts. Only the shape of the noise within a cell is approximate: a gamma distribution
    of that mean and variance replaces the sum of m drawn weights. Unlike a normal distribution, it
    is never negative. Equal weights within a cell give ``m * weight`` without noise.

    Parameters
    ----------
    counts : array of int64, shape (b, cells)
    count : array of int64, shape (cells,)
    weight, weight_sq : array of float64, shape (cells,)
        Sum of weights, and of squared weights, of the rows of a cell; weights are not negative.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64, shape (b, cells)
    """
    n = np.maximum(count, 1)
    mean = weight / n
    variance = weight_sq / n - mean**2
    varies = variance > EQUAL_WEIGHTS * mean**2
    sums = counts * mean
    if varies.any():
        shape = counts[:, varies] * (mean[varies] ** 2 / variance[varies])
        scale = variance[varies] / mean[varies]
        sums[:, varies] = rng.standard_gamma(shape) * scale
    return sums


def resample_cells(
    cells: Cells, n_boot: int, random_state: Any = None, weights: Sequence[str] | None = None
) -> Iterator[Draw]:
    """Draw bootstrap replicates of cells, with their weights if they have any.

    Parameters
    ----------
    cells : Cells
        Counts, and for each weight its sums and sums of squares (``sums[w]``, ``sums["w*w"]``).
    n_boot : int
    random_state : int, numpy.random.Generator, numpy.random.RandomState, optional
        A seed gives the same counts for any weights.
    weights : list of str, optional
        Names in ``cells.sums``; the sample weight of ``cells`` by default.

    Yields
    ------
    Draw
    """
    names = [cells.weight_name] if weights is None and cells.weight_name else list(weights or ())
    for name in names:
        if name not in cells.sums or f"{name}*{name}" not in cells.sums:
            raise ConfigError(
                f"a bootstrap weighted by {name!r} needs the sums of these weights and of their "
                "squares in each cell, and the cells do not have both."
            )
        if (cells.sums[name] < 0).any():
            raise ConfigError(f"some weights in {name!r} are negative; weights must be 0 or above.")
    rng, *noises = generator_of(random_state).spawn(1 + len(names))
    for counts in resample_counts(cells.count, n_boot, rng):
        sums = {}
        for name, noise in zip(names, noises, strict=True):
            totals = (cells.count, cells.sums[name], cells.sums[f"{name}*{name}"])
            sums[name] = resample_weights(counts, *totals, noise)
        yield Draw(counts, sums)
