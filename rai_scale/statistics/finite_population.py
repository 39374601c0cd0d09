"""Exact bounds of a share of a finite population, from a sample without replacement.

The bounds invert the tails of the hypergeometric distribution, as Clopper and Pearson (1934) do for
the binomial: the upper bound is the largest share for which at most the observed number of hits has
a probability above ``tail`` (Buonaccorsi 1987, The American Statistician 41, 215-218). Each bound
is wrong with probability at most ``tail``, whatever the truth, and both are exact if the sample is
the population.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

_LARGEST = 1 << 31
"""A larger population is treated as one of this size: its sample is as good as independent draws,
and the logarithms of larger factorials lose digits."""
_TABLE = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1.0, 32.0)))])


def share_bounds(
    hits: ArrayLike, drawn: int, total: int, tail: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper bound of the share of hits in a population.

    Parameters
    ----------
    hits : array_like of int, shape (claims,)
        Hits among the drawn rows, from 0 to ``drawn``.
    drawn, total : int
        Rows of the sample, and of the population.
    tail : float
        Probability, below 0.25, with which each of the two bounds may be wrong.

    Returns
    -------
    tuple of (ndarray of float64, ndarray of float64)
        0 and 1 if nothing was drawn.
    """
    distinct, at = np.unique(np.asarray(hits, dtype=np.int64), return_inverse=True)
    if drawn >= total:
        exact = distinct / max(total, 1)
        return exact[at], exact[at]
    if not drawn:
        return np.zeros(len(at)), np.ones(len(at))
    high = _upper(distinct, drawn, min(total, _LARGEST), tail)
    low = 1 - _upper(drawn - distinct, drawn, min(total, _LARGEST), tail)
    return low[at], high[at]


def _upper(hits: np.ndarray, drawn: int, total: int, tail: float) -> np.ndarray:
    """Return the upper bounds, by bisection over the hits in the population."""
    low = np.floor(hits * (total / drawn)).astype(np.int64)
    low = np.clip(low, hits, total - (drawn - hits))
    high = total - (drawn - hits) + 1
    while np.any(high - low > 1):
        middle = (low + high) // 2
        possible = _at_most(hits, middle, drawn, total) > tail
        low, high = np.where(possible, middle, low), np.where(possible, high, middle)
    return np.asarray(low / total)


def _at_most(hits: np.ndarray, inside: np.ndarray, drawn: int, total: int) -> np.ndarray:
    """Return P(X <= hits) for ``inside`` hits in the population, not below the share of ``hits``.

    The terms fall from ``hits`` downwards, so that those four standard deviations away do not
    count.
    """
    first = np.exp(
        _log_choose(inside, hits)
        + _log_choose(total - inside, drawn - hits)
        - _log_choose(np.array([total]), np.array([drawn]))
    )
    steps = int(min(hits.max(initial=0), 2 * np.sqrt(drawn) + 50))
    at = hits[:, None] - np.arange(steps)
    rest = total - drawn - inside[:, None]
    falls = at * (rest + at) / ((inside[:, None] - at + 1.0) * (drawn - at + 1.0))
    return np.asarray(first * (1 + np.cumprod(np.maximum(falls, 0.0), axis=1).sum(axis=1)))


def _log_choose(of: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return _log_factorial(of) - _log_factorial(chosen) - _log_factorial(of - chosen)


def _log_factorial(values: np.ndarray) -> np.ndarray:
    """Return the logarithms of factorials (Stirling's series above 31)."""
    x = np.maximum(values, 32).astype(np.float64)
    series = (1 / 12 - (1 / 360 - 1 / (1260 * x**2)) / x**2) / x
    large = x * np.log(x) - x + 0.5 * np.log(2 * np.pi * x) + series
    return np.where(values < len(_TABLE), _TABLE[np.minimum(values, len(_TABLE) - 1)], large)
