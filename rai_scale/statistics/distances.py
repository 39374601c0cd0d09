"""Distances between two sets of shares over the same categories, in nats."""

from __future__ import annotations

import math

import numpy as np


def relative_entropy(p: np.ndarray, q: np.ndarray) -> float:
    """Return the sum of p ln(p / q): 0 where p is 0, infinite where only q is 0."""
    if np.isnan(p).any() or np.isnan(q).any():
        return math.nan
    some = p > 0
    if (q[some] == 0).any():
        return math.inf
    return float(max(0.0, np.sum(p[some] * np.log(p[some] / q[some]))))


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    """Return the Jensen-Shannon divergence (not its root), at most ln 2 (Lin 1991)."""
    middle = (p + q) / 2
    return (relative_entropy(p, middle) + relative_entropy(q, middle)) / 2


def population_stability(p: np.ndarray, q: np.ndarray) -> float:
    """Return the population stability index, the sum of (p - q) ln(p / q).

    It is the relative entropy both ways (Jeffreys 1946), and infinite where a category is in one
    of the two only: merge rare categories first.
    """
    return relative_entropy(p, q) + relative_entropy(q, p)
