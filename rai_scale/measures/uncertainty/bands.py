"""Simultaneous (max-T) bands for groups, differences and ratios.

The percentile bootstrap of ``max - min`` over groups does not have its stated coverage at parity:
in each replicate the maximum adds noise, so the replicates are above the true value. Here every
pair of groups gets an interval, all of them are valid together with probability 1 - alpha, and
bounds of ``max - min`` follow from them. The half-width of pair (i, j) is ``c * se_ij``; ``c`` is
the 1 - alpha quantile over replicates of ``max |d*_ij - d_ij| / se*_ij`` (Westfall & Young 1993;
Romano & Wolf 2005).

Give ``sizes`` (:func:`~rai_scale.measures.uncertainty.bands_sizes.rate_sizes`) wherever the metric
is a proportion: :mod:`~rai_scale.measures.uncertainty.bands_deviations` explains why. For other
metrics ``se*`` is that of the data, and a group whose replicates do not vary has no finite bounds.

Common parameters: ``estimate`` float64 (groups,), NaN for groups without a value; ``replicates``
float64 (B, groups); ``alpha``; ``sizes`` float64 (groups,), rows behind each rate, or None.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rai_scale.errors import check_share
from rai_scale.measures.uncertainty.bands_deviations import (
    Deviations,
    deviations,
    log_deviations,
    standard_deviation,
)


class Band(NamedTuple):
    """Point estimates with simultaneous bounds; arrays of one shape, or single numbers."""

    estimate: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


class PairBands(NamedTuple):
    """Differences ``estimate[second] - estimate[first]`` of all pairs of groups with a value."""

    first: np.ndarray
    second: np.ndarray
    band: Band


def group_bands(
    estimate: np.ndarray,
    replicates: np.ndarray,
    *,
    alpha: float = 0.05,
    sizes: np.ndarray | None = None,
) -> Band:
    """Return bounds of all groups' values that are valid together with probability 1 - alpha.

    Arrays have shape (groups,). With ``sizes`` the bounds stay between 0 and 1.
    """
    found = deviations(estimate, replicates, sizes)
    band = _group_band(found.estimate, found, alpha)
    if sizes is None:
        return band
    return Band(band.estimate, np.clip(band.lower, 0, 1), np.clip(band.upper, 0, 1))


def pair_bands(
    estimate: np.ndarray,
    replicates: np.ndarray,
    *,
    alpha: float = 0.05,
    sizes: np.ndarray | None = None,
) -> PairBands:
    """Return bounds of all pairs' differences that are valid together with probability 1 - alpha.

    Groups without a value are in no pair.
    """
    return _pair_bands(deviations(estimate, replicates, sizes), alpha)


def difference_band(
    estimate: np.ndarray,
    replicates: np.ndarray,
    *,
    alpha: float = 0.05,
    sizes: np.ndarray | None = None,
) -> Band:
    """Return the greatest difference between groups (max - min) with valid bounds.

    The result has single numbers. For proportions the upper bound is at most 1.
    """
    band = largest_of(pair_bands(estimate, replicates, alpha=alpha, sizes=sizes).band)
    return band if sizes is None else band._replace(upper=np.minimum(band.upper, 1.0))


def overall_bands(
    estimate: np.ndarray,
    overall: float,
    replicates: np.ndarray,
    overall_replicates: np.ndarray,
    *,
    alpha: float = 0.05,
    sizes: np.ndarray | None = None,
) -> Band:
    """Return bounds of all groups' differences from overall, group minus overall, shape (groups,).

    :func:`largest_of` of it bounds Fairlearn's ``difference(method="to_overall")``. ``overall`` is
    the value of all rows, ``overall_replicates`` its replicates, shape (B,).
    """
    found = deviations(estimate, replicates, sizes)
    return _overall_bands(found, overall, np.asarray(overall_replicates, float), alpha)


def ratio_band(
    estimate: np.ndarray,
    replicates: np.ndarray,
    *,
    alpha: float = 0.05,
    sizes: np.ndarray | None = None,
) -> Band:
    """Return the least ratio between groups (min / max) with valid bounds.

    The bounds come from the bands of differences of logarithms; the estimate is Fairlearn's ratio,
    without smoothing. Without ``sizes`` a group with a value of 0, in the data or in a replicate,
    leaves the lower bound at 0. If a value is negative, no bounds are known (infinite).
    """
    values = np.asarray(estimate, float)
    point = _divide(np.fmin.reduce(values, initial=np.nan), np.fmax.reduce(values, initial=np.nan))
    if (values < 0).any():
        return _unknown(point)
    return _ratio(
        point, largest_of(_pair_bands(log_deviations(estimate, replicates, sizes), alpha).band)
    )


def overall_ratio_band(
    estimate: np.ndarray,
    overall: float,
    replicates: np.ndarray,
    overall_replicates: np.ndarray,
    *,
    alpha: float = 0.05,
    sizes: np.ndarray | None = None,
) -> Band:
    """Return the least ratio between a group and all rows, inverted if above 1, with valid bounds.

    Bounds as in :func:`ratio_band`; infinite if the value of all rows is 0.
    """
    values, whole = np.asarray(estimate, float), np.asarray(overall_replicates, float)
    ratios = _divide(values, np.full(values.shape, overall))
    turned = np.where(ratios > 1, _divide(np.ones(values.shape), ratios), ratios)
    point = np.fmin.reduce(turned, initial=np.nan)
    if (values < 0).any() or not overall > 0 or not (whole > 0).all():
        return _unknown(point)
    found = log_deviations(estimate, replicates, sizes)
    return _ratio(point, largest_of(_overall_bands(found, np.log(overall), np.log(whole), alpha)))


def largest_of(band: Band) -> Band:
    """Return the greatest absolute value of a simultaneous band, with bounds that follow from it.

    The lower bound is the greatest distance of an interval from 0 (0 if all contain 0), the upper
    bound the greatest end. NaN without any value.
    """
    known = ~np.isnan(band.estimate)
    if not known.any():
        return Band(*(np.array(np.nan) for _ in band))
    estimate, lower, upper = (part[known] for part in band)
    nearest = np.maximum(np.maximum(lower, -upper), 0.0)
    return Band(np.abs(estimate).max(), nearest.max(), np.maximum(upper, -lower).max())


def _pair_bands(found: Deviations, alpha: float) -> PairBands:
    kept = np.flatnonzero(~np.isnan(found.estimate))
    optional = found.replicate_variance
    drawn = None if optional is None else optional[:, kept]
    found = Deviations(found.estimate[kept], found.apart[:, kept], found.variance[kept], drawn)
    largest, spreads = np.full(len(found.apart), np.nan), [np.empty(0)]
    for i in range(len(kept) - 1):  # group by group: all pairs at once may not fit
        others = slice(i + 1, None)
        differences = found.apart[:, others] - found.apart[:, [i]]
        varies = (found.variance[i] > 0) & (found.variance[others] > 0)
        spreads.append(np.where(varies, standard_deviation(differences), 0.0))
        studentised = differences / found.scale(i, others)
        largest = np.fmax(largest, _largest(studentised, spreads[-1]))
    first, second = np.triu_indices(len(kept), 1)
    differences = found.estimate[second] - found.estimate[first]
    band = _band(differences, np.concatenate(spreads), _critical(largest, alpha))
    return PairBands(kept[first], kept[second], band)


def _overall_bands(
    found: Deviations, overall: float, overall_replicates: np.ndarray, alpha: float
) -> Band:
    apart = found.apart - (overall_replicates - overall)[:, None]
    return _group_band(found.estimate - overall, found._replace(apart=apart), alpha)


def _group_band(estimate: np.ndarray, found: Deviations, alpha: float) -> Band:
    spread = np.where(found.variance > 0, standard_deviation(found.apart), 0.0)
    largest = _largest(found.apart / found.scale(slice(None)), spread)
    return _band(estimate, spread, _critical(largest, alpha))


def _largest(apart: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return the largest studentised deviation of each replicate; NaN where nothing varies."""
    safe = np.where(spread > 0, spread, np.nan)
    return np.fmax.reduce(np.abs(apart) / safe, axis=1, initial=np.nan)


def _critical(largest: np.ndarray, alpha: float) -> float:
    check_share("alpha", alpha)
    known = largest[~np.isnan(largest)]
    return float(np.quantile(known, 1 - alpha, method="higher")) if len(known) else np.inf


def _band(estimate: np.ndarray, spread: np.ndarray, critical: float) -> Band:
    varies = spread > 0
    half = np.where(varies, critical * np.where(varies, spread, 1.0), np.inf)
    half = np.where(np.isnan(estimate), np.nan, half)
    return Band(estimate, estimate - half, estimate + half)


def _divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(a, float) / np.asarray(b, float)


def _unknown(point: np.ndarray) -> Band:
    return Band(point, np.array(-np.inf), np.array(np.inf))


def _ratio(point: np.ndarray, logs: Band) -> Band:
    lower, upper = np.exp(-logs.upper), np.exp(-logs.lower)
    return Band(point, np.fmin(lower, point), np.fmax(upper, point))
