"""Shares of rows from noisy counts: which are usable, and intervals for noise and sampling.

A share is ``A / B``: noisy rows that a metric counts over noisy rows that it is a share of. For a
candidate ``t`` the number ``A - t B`` has mean 0 and at most the variance ::

    k B t (1 - t)  +  s^2 (a (1 - t)^2 + b t^2)

with ``s^2`` the variance of a cell's noise, ``a`` cells in ``A``, ``b`` further cells in ``B``,
and at most ``k`` rows of a unit. The first part is the variance of ``B`` independent rows times
``k``: rows of a unit may be similar, and by the Cauchy-Schwarz inequality ``k`` is the largest
possible factor (the design effect of a cluster of ``k`` equal rows, Kish 1965). The interval
consists of every ``t`` that is not rejected. It is Wilson's (1927) for ``k = 1`` without noise, and
Fieller's (1954) for a ratio of noisy sums. Tails of Laplace noise are heavier than normal ones: the
quantile is corrected for the kurtosis of ``A - t B`` (Cornish and Fisher 1938), at most to
Laplace's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from rai_scale.privacy.noise import Noise

LEAST_ROWS = 30
"""A value is usable if it is based on at least this many rows, times ``max_rows``."""
NOISE_MULTIPLE = 10.0
"""A value is usable if it is at least this many standard deviations of its noise."""
NEAR = 13.0
"""Values below this many standard deviations may be usable only because of their noise."""
NEAR_TAIL = 1 / 50
"""Factor of the tails of such values: their intervals are 99.9 % instead of 95 %."""
_PASSES = 3


@dataclass(frozen=True)
class Shares:
    """One metric of all groups, a share of rows; arrays of shape (..., groups).

    Attributes
    ----------
    successes, trials : ndarray of float64
        Noisy; not yet projected to zero or more.
    cells_in, cells_out : ndarray of float64, shape (groups,)
        Number of cells in ``successes``, and of further cells in ``trials``.
    usable, near : ndarray of bool
        Whether the value is usable, and whether only just.
    noise : Noise
    max_rows : int
    """

    successes: np.ndarray
    trials: np.ndarray
    cells_in: np.ndarray
    cells_out: np.ndarray
    usable: np.ndarray
    near: np.ndarray
    noise: Noise
    max_rows: int

    @property
    def estimate(self) -> np.ndarray:
        """The shares, clamped to 0 and 1."""
        with np.errstate(divide="ignore", invalid="ignore"):
            shares: np.ndarray = np.clip(self.successes / self.trials, 0, 1)
        return shares

    def end(self, tail: float | np.ndarray, *, upper: bool) -> np.ndarray:
        """Return the end of the one-sided interval that is wrong with probability ``tail``.

        NaN where the share is not usable.
        """
        tails = np.where(self.near, tail * NEAR_TAIL, tail)
        normal = norm.isf(tails)
        heaviest = np.maximum(normal, -np.log(2 * tails) / np.sqrt(2))
        z = normal
        for _ in range(_PASSES):
            found = self._root(z, upper)
            stretched = normal + (normal**3 - 3 * normal) / 24 * self._kurtosis(found)
            z = np.clip(stretched, 0, heaviest)
        return np.where(self.usable, found, np.nan)

    def _root(self, z: np.ndarray, upper: bool) -> np.ndarray:
        a, b = self.successes, self.trials
        noise = z**2 * variance_of(self.noise)
        rows = z**2 * self.max_rows * b
        square = b**2 + rows - noise * (self.cells_in + self.cells_out)
        line = -2 * a * b - rows + 2 * noise * self.cells_in
        rest = a**2 - noise * self.cells_in
        with np.errstate(divide="ignore", invalid="ignore"):
            root = np.sqrt(np.maximum(line**2 - 4 * square * rest, 0))
            found = (-line + root if upper else -line - root) / (2 * square)
        ends: np.ndarray = np.clip(found, 0, 1)
        return ends

    def _kurtosis(self, t: np.ndarray) -> np.ndarray:
        each = variance_of(self.noise)
        fourth = 3 * each**2 + each if self.noise.kind == "laplace" else 0.0
        noise = each * (self.cells_in * (1 - t) ** 2 + self.cells_out * t**2)
        rows = self.max_rows * np.maximum(self.trials, 0) * t * (1 - t)
        whole = np.maximum(noise + rows, 1e-100)
        parts = self.cells_in * (1 - t) ** 4 + self.cells_out * t**4
        return np.asarray(fourth * parts / whole**2)


def variance_of(noise: Noise) -> float:
    """Return the variance of a cell's noise; for the discrete Gaussian, an upper bound."""
    if noise.kind == "gaussian":
        return noise.scale**2
    ratio = np.exp(-1 / noise.scale)
    return float(2 * ratio / (1 - ratio) ** 2)


def enough_rows(
    rows: np.ndarray, cells: np.ndarray, noise: Noise, max_rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return where noisy sums of rows are usable, and where barely; see ``LEAST_ROWS``.

    Parameters
    ----------
    rows : ndarray of float64
        Noisy sums.
    cells : ndarray
        The number of noisy counts in each.
    noise : Noise
        Of each count.
    max_rows : int
        The most rows of one unit that were counted.
    """
    deviation = np.sqrt(variance_of(noise) * cells)
    needed = np.maximum(LEAST_ROWS * max_rows, NOISE_MULTIPLE * deviation)
    return rows >= needed, rows < NEAR * deviation
