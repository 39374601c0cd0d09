"""Tails of the hypergeometric distribution: errors among rows that are chosen at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

EXACT_BELOW = 50.0
"""Up to this standard deviation a tail is summed up; above, it is the normal one."""
_TERMS = 1_000


def upper_tail(least: ArrayLike, rows: ArrayLike, errors: int, n: int) -> np.ndarray:
    """Return the probability of at least ``least`` errors among ``rows`` of ``n`` rows.

    Parameters
    ----------
    least, rows : array_like of float, shape (sides,)
        Integers.
    errors, n : int
        Errors of all rows, and all rows.

    Returns
    -------
    ndarray of float64, shape (sides,)
        Exact to about 1e-9 beyond the mean if the standard deviation is at most ``EXACT_BELOW``;
        otherwise the normal tail with the correction for continuity.
    """
    from scipy.special import ndtr

    least, rows = np.asarray(least, float), np.asarray(rows, float)
    mean = rows * errors / n
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(mean * (n - errors) / n * (n - rows) / max(n - 1, 1))
        tail = ndtr(-(least - 0.5 - mean) / spread)
    exact = (spread <= EXACT_BELOW) & (least > mean)
    tail[exact] = _summed(least[exact], rows[exact], errors, n)
    possible = least <= np.minimum(rows, errors)
    certain = least <= np.maximum(rows + errors - n, 0)
    return np.where(certain, 1.0, np.where(possible, np.nan_to_num(tail), 0.0))


def _summed(least: np.ndarray, rows: np.ndarray, errors: int, n: int) -> np.ndarray:
    """Add up the terms of the tail; beyond the mean each is smaller than the one before."""
    k = np.minimum(least, np.minimum(rows, errors))
    first = np.exp(_choose(errors, k) + _choose(n - errors, rows - k) - _choose(n, rows))
    steps = np.arange(_TERMS)[:, None] + k
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (errors - steps) * (rows - steps) / ((steps + 1) * (n - rows - errors + steps + 1))
    terms = np.cumprod(np.clip(np.nan_to_num(ratio), 0, 1), axis=0)
    return np.asarray(first * (1 + terms.sum(axis=0)))


def _choose(n: np.ndarray | int, k: np.ndarray) -> np.ndarray:
    from scipy.special import gammaln

    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
