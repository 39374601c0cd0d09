"""Exact intervals of a proportion and of a rate of events.

Clopper & Pearson (1934), Biometrika 26, 404-413; for events Garwood (1936), Biometrika 28, 437-442.
Their coverage is at least the confidence, whatever the truth.
"""

from __future__ import annotations


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the ends of the exact interval of a proportion.

    Parameters
    ----------
    successes, trials : int
        ``0 <= successes <= trials``; without trials nothing is known: (0, 1).
    confidence : float
        In (0, 1).
    """
    from scipy.special import betaincinv

    tail, failures = (1 - confidence) / 2, trials - successes
    low = betaincinv(successes, failures + 1, tail) if successes else 0.0
    high = betaincinv(successes + 1, failures, 1 - tail) if failures else 1.0
    return float(low), float(high)


def garwood(events: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the ends of the exact interval of the expected number of Poisson events.

    Parameters
    ----------
    events : float
        At least 0; need not be an integer, if counts were divided by their dispersion.
    confidence : float
        In (0, 1).
    """
    from scipy.special import gammaincinv

    tail = (1 - confidence) / 2
    low = gammaincinv(events, tail) if events else 0.0
    return float(low), float(gammaincinv(events + 1, 1 - tail))
