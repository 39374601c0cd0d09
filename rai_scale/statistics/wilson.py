"""Wilson's interval of a share."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike


def wilson(
    successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of Wilson's score interval; NaN where there are no trials.

    Wilson, E. B. (1927), Journal of the American Statistical Association 22, 209-212. It keeps a
    width at 0 and at 1, where a bootstrap interval shrinks to a point. The ends of a share of 0 or
    1 are exact: rounding must not put the share outside of its interval.
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
