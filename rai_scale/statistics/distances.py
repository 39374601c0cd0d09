"""Distances between two distributions over the same categories, in nats."""

from __future__ import annotations

import math

import numpy as np


def relative_entropy(p: np.ndarray, q: np.ndarray) -> float:
    """Return the relative entropy (Kullback and Leibler 1951), the sum of p ln(p / q).

    Parameters
    ----------
    p, q : ndarray of float64, shape (categories,)
        Shares, which sum to 1.

    Returns
    -------
    float
        Terms with p = 0 are 0; infinite if q = 0 for a category with p > 0; NaN if a share is NaN.
    """
    if np.isnan(p).any() or np.isnan(q).any():
        return math.nan
    some = p > 0
    if (q[some] == 0).any():
        return math.inf
    return float(max(0.0, np.sum(p[some] * np.log(p[some] / q[some]))))


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    """Return the Jensen-Shannon divergence (Lin 1991), at most ln 2; not its square root.

    ``p`` and ``q`` are as in :func:`relative_entropy`.
    """
    middle = (p + q) / 2
    return (relative_entropy(p, middle) + relative_entropy(q, middle)) / 2


def population_stability(p: np.ndarray, q: np.ndarray) -> float:
    """Return the population stability index, the sum of (p - q) ln(p / q).

    It is the sum of both relative entropies (Jeffreys 1946). It is infinite if a category occurs in
    only one of the two: merge rare categories first. ``p`` and ``q`` are as in
    :func:`relative_entropy`.
    """
    return relative_entropy(p, q) + relative_entropy(q, p)
