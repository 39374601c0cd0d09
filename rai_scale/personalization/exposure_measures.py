"""Measures of exposure from counts: concentration, parity, and shares with intervals."""

from __future__ import annotations

import math

import numpy as np

from rai_scale.statistics.clustered_ratios import student


def gini(counts: np.ndarray, catalogue: int) -> float:
    """Return the Gini coefficient of exposure over a catalogue (0: equal; near 1: one item).

    Items of the catalogue without exposure count as 0. With sorted values x and their ranks i from
    1: sum((2 i - n - 1) x) / (n sum(x)) (Dixon et al. 1987).
    """
    size = max(catalogue, len(counts))
    values = np.r_[np.zeros(size - len(counts)), np.sort(counts)]
    total = values.sum()
    if not total:
        return math.nan
    return float(((2 * np.arange(1, size + 1) - size - 1) * values).sum() / (size * total))


def hhi(counts: np.ndarray) -> float:
    """Return the Herfindahl-Hirschman index: the sum of squared shares."""
    return float(((counts / counts.sum()) ** 2).sum()) if counts.sum() else math.nan


def entropy(counts: np.ndarray) -> float:
    """Return the entropy of the shares, in nats."""
    found = counts[counts > 0]
    shares = found / found.sum() if len(found) else found
    return float(-(shares * np.log(shares)).sum()) if len(found) else math.nan


def parity(values: np.ndarray) -> float:
    """Return the smallest value divided by the largest; 1 is parity."""
    known = values[~np.isnan(values)]
    return float(known.min() / known.max()) if len(known) > 1 and known.max() > 0 else math.nan


def ratio_interval(
    total: float,
    rows: float,
    products: tuple[float, float, float],
    people: int,
    confidence: float,
) -> tuple[float, float, float]:
    """Return a ratio of sums over people with the ends of its interval (Cochran 1977, 6.3).

    Parameters
    ----------
    total, rows : float
        Numerator and denominator.
    products : tuple of float
        Totals over people of numerator squared, numerator times denominator, denominator squared.
    people : int
    confidence : float
    """
    if not rows:
        return math.nan, math.nan, math.nan
    value = total / rows
    squares = products[0] - 2 * value * products[1] + value**2 * products[2]
    if people < 2:  # noqa: PLR2004
        return value, math.nan, math.nan
    spread = math.sqrt(max(squares, 0.0) * people / (people - 1)) / rows
    half = student(confidence, people - 1) * spread
    return value, value - half, value + half
