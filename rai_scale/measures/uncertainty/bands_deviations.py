"""Deviations of replicates from their estimates, with two corrections for proportions.

The caller gives the number of rows of each proportion (``sizes``):

- A rate of 0 or 1 has no variance in the bootstrap, although 0 of 10 does not show that the rate
  is 0. Each group's variance is at least :func:`smoothed_variance`; independent normal noise is
  added to its replicates to reach it.
- The standard error of an extreme rate is too small, so each replicate is studentised by its own
  standard error (the bootstrap-t, Efron & Tibshirani 1993, chapter 12).
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from rai_scale.errors import ConfigError
from rai_scale.measures.uncertainty.resample import generator_of

_TINY = 1e-12


class Deviations(NamedTuple):
    """The estimates, deviations and variances that bands are computed from.

    Attributes
    ----------
    estimate : ndarray of float64, shape (groups,)
        NaN for groups that have no value, or no rows behind it.
    apart : ndarray of float64, shape (B, groups)
        Replicates minus estimates.
    variance : ndarray of float64, shape (groups,)
    replicate_variance : ndarray of float64, shape (B, groups), or None
        The variance as each replicate would estimate it; None where that is not known.
    """

    estimate: np.ndarray
    apart: np.ndarray
    variance: np.ndarray
    replicate_variance: np.ndarray | None = None

    def scale(self, *groups: int | slice) -> np.ndarray | float:
        """Return the standard error of replicates of a difference, relative to that of the data.

        Groups have no rows in common, so the variance of their difference is a sum.
        """
        if self.replicate_variance is None:
            return 1.0
        drawn = sum(self._columns(self.replicate_variance, g) for g in groups)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.sqrt(drawn / sum(self.variance[g] for g in groups))

    @staticmethod
    def _columns(values: np.ndarray, group: int | slice) -> np.ndarray:
        return values[:, group] if isinstance(group, slice) else values[:, [group]]


def smoothed_variance(rate: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the least variance that is assumed for a rate.

    The greater of the unbiased ``p (1 - p) / (n - 1)`` and the one with a success and a failure
    added (Agresti & Caffo 2000).

    Parameters
    ----------
    rate : array of float64
        Between 0 and 1.
    size : array of float64
        Rows behind the rate; for weighted rows Kish's ``(sum w)^2 / sum w^2``.
    """
    rate, size = np.asarray(rate, float), np.asarray(size, float)
    smooth = (rate * size + 1) / (size + 2)
    unbiased = rate * (1 - rate) / np.maximum(size - 1, 1)
    return np.maximum(unbiased, smooth * (1 - smooth) / (size + 2))


def standard_deviation(values: np.ndarray) -> np.ndarray:
    """Return the standard deviation over replicates, without NaN; 0 if nothing varies."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # groups without any value
        found = np.nanstd(values, axis=0, ddof=1)
    return np.where(found > _TINY, found, 0.0)


def deviations(
    estimate: np.ndarray, replicates: np.ndarray, sizes: np.ndarray | None = None
) -> Deviations:
    """Return the deviations of replicates of a metric.

    Parameters
    ----------
    estimate : array of float64, shape (groups,)
    replicates : array of float64, shape (B, groups)
    sizes : array of float64, shape (groups,), optional
        Rows behind each group's rate; only for proportions.
    """
    estimate, replicates = _checked(estimate, replicates)
    if sizes is None:
        return _unfloored(estimate, replicates)
    sizes = _checked_sizes(estimate, sizes)
    floors = smoothed_variance(estimate, sizes), smoothed_variance(replicates, sizes)
    return _floored(estimate, replicates, sizes, floors)


def log_deviations(
    estimate: np.ndarray, replicates: np.ndarray, sizes: np.ndarray | None = None
) -> Deviations:
    """Return the deviations of the logarithms of a metric that is not negative.

    With ``sizes``, half a success and half a failure are added to rates, in the data and in
    replicates. Without ``sizes``, a group with a value of 0 in the data or in a replicate does not
    vary.
    """
    estimate, replicates = _checked(estimate, replicates)
    if sizes is None:
        zero = (estimate <= 0) | (replicates <= 0).any(axis=0)
        logs = np.log(np.where(zero, 1.0, estimate))
        return _unfloored(logs, np.where(zero, logs, np.log(np.where(zero, 1.0, replicates))))
    sizes = _checked_sizes(estimate, sizes)

    def log_variance(rate: np.ndarray) -> np.ndarray:
        return smoothed_variance(rate, sizes) / ((rate * sizes + 1) / (sizes + 2)) ** 2

    floors = log_variance(estimate), log_variance(replicates)
    logs, drawn = (np.log((v * sizes + 0.5) / (sizes + 1)) for v in (estimate, replicates))
    return _floored(logs, drawn, sizes, floors)


def _checked(estimate: np.ndarray, replicates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    estimate, replicates = np.asarray(estimate, float), np.asarray(replicates, float)
    if replicates.ndim != 2 or replicates.shape[1:] != estimate.shape:  # noqa: PLR2004
        raise ConfigError(
            f"replicates of shape {replicates.shape} do not fit estimates of shape "
            f"{estimate.shape}; give (replicates, groups) and (groups,)."
        )
    return estimate, replicates


def _checked_sizes(estimate: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    if (estimate < 0).any() or (estimate > 1).any():
        raise ConfigError("sizes are for proportions, but an estimate is not between 0 and 1.")
    return np.asarray(sizes, float)


def _unfloored(estimate: np.ndarray, replicates: np.ndarray) -> Deviations:
    apart = replicates - estimate
    known = np.where(np.isnan(apart).all(axis=0), np.nan, estimate)
    return Deviations(known, apart, standard_deviation(apart) ** 2)


def _floored(
    estimate: np.ndarray,
    replicates: np.ndarray,
    sizes: np.ndarray,
    floors: tuple[np.ndarray, np.ndarray],
) -> Deviations:
    """Raise deviations to a minimum variance; scale the replicates' variances accordingly."""
    least, drawn = floors
    apart = np.where(sizes > 0, replicates - estimate, np.nan)
    lacking = np.maximum(least - standard_deviation(apart) ** 2, 0.0)
    apart += generator_of(0).standard_normal(apart.shape) * np.sqrt(lacking)
    known = np.where(np.isnan(apart).all(axis=0), np.nan, estimate)
    variance = np.maximum(least, standard_deviation(apart) ** 2)
    return Deviations(known, apart, variance, drawn * (variance / least))
