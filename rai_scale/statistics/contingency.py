"""Measures of tables of counts: distance, and association of two columns."""

from __future__ import annotations

import math

import numpy as np


def total_variation(one: np.ndarray, other: np.ndarray) -> float:
    """Return the total variation between the distributions of two tables of counts."""
    return float(np.abs(one / one.sum() - other / other.sum()).sum() / 2)


def cramers_v(counts: np.ndarray) -> float:
    """Return Cramer's V (1946) over the rows and columns that occur; NaN for a single one."""
    used = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0].astype(float)
    least = min(used.shape) - 1
    if least < 1:
        return math.nan
    total = used.sum()
    expected = np.outer(used.sum(axis=1), used.sum(axis=0)) / total
    return math.sqrt(float(((used - expected) ** 2 / expected).sum()) / total / least)


def spearman(counts: np.ndarray) -> float:
    """Return Spearman's rank correlation of two ordered columns, ties with their middle rank.

    NaN if a column has a single value.
    """
    total = counts.sum()
    if not total:
        return math.nan
    shares = counts / total
    scores = []
    for axis in (1, 0):
        share = shares.sum(axis=axis)
        rank = np.cumsum(share) - share / 2
        centred = rank - (share * rank).sum()
        scores.append((centred, float((share * centred**2).sum())))
    (one, first), (other, second) = scores
    product = first * second
    return float(one @ shares @ other) / math.sqrt(product) if product > 0 else math.nan
