"""Wilson's interval of a proportion."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike


def wilson(
    successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper ends of Wilson's score interval; NaN if there are no trials.

    Wilson, E. B. (1927), Journal of the American Statistical Association 22, 209-212. The interval
    has a width also for proportions of 0 and 1, for which a bootstrap interval is a point. There,
    the end is exactly 0 or 1: rounding must not exclude the proportion itself.

    Parameters
    ----------
    successes, trials : array_like of float
        Of the same shape.
    confidence : float
        In (0, 1).

    Returns
    -------
    tuple of (ndarray of float64, ndarray of float64)
    """
    x, n = np.asarray(successes, float), np.asarray(trials, float)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = x / n
        middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low = np.where(x == 0, 0.0, middle - half)
    high = np.where(x == n, 1.0, middle + half)
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)
