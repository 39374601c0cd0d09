"""Exact intervals of a proportion and of a rate of events, without SciPy.

Clopper & Pearson (1934), Biometrika 26, 404-413; for events Garwood (1936), Biometrika 28, 437-442.
Their coverage is at least the confidence, whatever the truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable

_STEPS = 80


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the ends of the exact interval of a proportion.

    Parameters
    ----------
    successes, trials : int
        ``0 <= successes <= trials``; without trials nothing is known: (0, 1).
    confidence : float
        In (0, 1).
    """
    tail = (1 - confidence) / 2
    if not trials:
        return 0.0, 1.0
    low = high = successes / trials
    if successes:
        low = _solve(lambda p: 1 - _binomial_cdf(successes - 1, trials, p) - tail, 0.0, low)
    if successes < trials:
        high = _solve(lambda p: tail - _binomial_cdf(successes, trials, p), high, 1.0)
    return (low if successes else 0.0), (high if successes < trials else 1.0)


def garwood(events: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the ends of the exact interval of the expected number of Poisson events.

    Parameters
    ----------
    events : float
        At least 0; need not be an integer, if counts were divided by their dispersion.
    confidence : float
        In (0, 1).
    """
    tail = (1 - confidence) / 2
    most = events + 20 * math.sqrt(events + 1) + 20
    low = _solve(lambda m: _gamma_cdf(events, m) - tail, 0.0, events) if events else 0.0
    return low, _solve(lambda m: _gamma_cdf(events + 1, m) - (1 - tail), events, most)


def _solve(rising: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2


def _binomial_cdf(most: int, trials: int, share: float) -> float:
    if share <= 0 or share >= 1:
        return float(share <= 0 or most >= trials)
    one, other = math.log(share), math.log1p(-share)
    terms = (
        math.lgamma(trials + 1)
        - math.lgamma(k + 1)
        - math.lgamma(trials - k + 1)
        + k * one
        + (trials - k) * other
        for k in range(most + 1)
    )
    return min(1.0, math.fsum(map(math.exp, terms)))


def _gamma_cdf(shape: float, x: float) -> float:
    """Return the regularised lower incomplete gamma function, by its series."""
    if x <= 0:
        return 0.0
    term = total = 1 / shape
    k = shape
    while term > total * 1e-15:
        k += 1
        term *= x / k
        total += term
    return min(1.0, total * math.exp(-x + shape * math.log(x) - math.lgamma(shape)))
