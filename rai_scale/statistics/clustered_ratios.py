"""Intervals of ratios of sums over clusters, such as the precision of texts from few templates.

Rows of one cluster resemble each other, so the rows are fewer independent observations than they
seem. The variance is that of the ratio estimator with clusters as sampling units (Cochran 1977,
section 6.3), and the interval is Wilson's, with the effective number of observations that this
variance implies (Korn & Graubard 1998, Survey Methodology 24, 193-201).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from rai_scale.statistics.wilson import wilson


class Estimate(NamedTuple):
    """A value with the ends of its confidence interval; NaN is not known."""

    value: float
    low: float
    high: float


UNKNOWN = Estimate(math.nan, math.nan, math.nan)


def clustered_ratio(
    numerator: np.ndarray, denominator: np.ndarray, confidence: float = 0.95
) -> Estimate:
    """Return ``sum(numerator) / sum(denominator)`` with an interval that respects clusters.

    Parameters
    ----------
    numerator, denominator : ndarray of float64, shape (clusters,)
        Sums per cluster, with ``0 <= numerator <= denominator`` in total.
    confidence : float
        In (0, 1).

    Returns
    -------
    Estimate
        The ends are NaN with fewer than two clusters, and all is NaN if the denominator is 0.
    """
    total = float(denominator.sum())
    if not total:
        return UNKNOWN
    value = float(numerator.sum()) / total
    clusters = int((denominator > 0).sum())
    if clusters < 2:  # noqa: PLR2004
        return Estimate(value, math.nan, math.nan)
    variance = _variance(_influence(numerator, denominator, value), clusters)
    # without any variation, each cluster is one observation
    effective = min(value * (1 - value) / variance, total) if variance > 0 else clusters
    share = 2 * NormalDist().cdf(student(confidence, clusters - 1)) - 1
    low, high = wilson(value * effective, effective, min(share, 1 - 1e-15))
    return Estimate(value, float(low), float(high))


def paired_difference(
    first: tuple[np.ndarray, np.ndarray],
    second: tuple[np.ndarray, np.ndarray],
    confidence: float = 0.95,
) -> Estimate:
    """Return the first ratio minus the second, both measured on the same clusters.

    Parameters
    ----------
    first, second : tuple of (ndarray, ndarray), each of shape (clusters,)
        Numerator and denominator of each ratio, as in :func:`clustered_ratio`.
    confidence : float
        In (0, 1).

    Returns
    -------
    Estimate
        A linearised interval with Student's distribution; the ends are NaN with fewer than two
        clusters.
    """
    values = [float(a.sum() / b.sum()) if b.sum() else math.nan for a, b in (first, second)]
    if any(map(math.isnan, values)):
        return UNKNOWN
    difference = values[0] - values[1]
    clusters = int(((first[1] > 0) | (second[1] > 0)).sum())
    if clusters < 2:  # noqa: PLR2004
        return Estimate(difference, math.nan, math.nan)
    own, other = (_influence(*p, v) for p, v in zip((first, second), values, strict=True))
    half = student(confidence, clusters - 1) * math.sqrt(_variance(own - other, clusters))
    return Estimate(difference, max(-1.0, difference - half), min(1.0, difference + half))


def _influence(numerator: np.ndarray, denominator: np.ndarray, value: float) -> np.ndarray:
    return (numerator - value * denominator) / denominator.sum()


def _variance(influence: np.ndarray, clusters: int) -> float:
    return float((influence**2).sum()) * clusters / (clusters - 1)


def student(confidence: float, degrees: int) -> float:
    """Return the two-sided quantile of Student's distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + confidence / 2))
