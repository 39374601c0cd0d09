"""How likely a node's best split is if its errors do not depend on the features.

The best of many splits is looked for, so its own test would be far too optimistic. Here the errors
of the node's rows are thought to be permuted, and the probabilities of all splits that were tried
are added up: for each, of a standardised difference as large as the one found. Neighbouring
thresholds are almost the same test; Worsley's bound (1982, Biometrika 69, 297-302) counts only what
each adds to the one before, in the form of Lausen, Sauerbrei and Schumacher (1994, Computational
Statistics, 483-496).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.stats import chi2, norm

from rai_scale.error_analysis.trees.bins import Bins, CategoryBins
from rai_scale.error_analysis.trees.gradients import Sums
from rai_scale.error_analysis.trees.splits import CAT_SMOOTH, MAX_CAT_TO_ONEHOT
from rai_scale.statistics.hypergeometric import EXACT_BELOW, upper_tail

_SMALL_STEP = 0.5


def split_p_value(
    left: np.ndarray, chosen: Sums, searched: Iterable[tuple[Bins, Sums]], least: int
) -> float:
    """Return the p-value of a node's split, corrected for all splits that were tried.

    Parameters
    ----------
    left : ndarray of bool, shape (bins,)
        The bins on the left, of the feature that was chosen.
    chosen : Sums
        Of that feature, per bin.
    searched : iterable of (NumericBins or CategoryBins, Sums)
        All features that were tried.
    least : int
        The least rows of a child.

    Returns
    -------
    float
        An upper bound, at most 1.
    """
    z = float(np.sqrt(_chi_square(chosen.take(left).total(), chosen.total())))
    if not np.isfinite(z):
        return 1.0
    return min(1.0, sum(_of_feature(z, bins, sums, least) for bins, sums in searched))


def _chi_square(side: Sums, whole: Sums) -> np.ndarray:
    """Return the squared standardised difference of a side's errors from their expectation."""
    gap = side.error - side.weight * whole.mean()
    return np.asarray(gap**2 / _variance(side, whole))


def _variance(side: Sums, whole: Sums) -> np.ndarray:
    """Return the variance of a side's errors over permutations of the node's rows."""
    spread = whole.square - whole.error * whole.mean()
    unequal = whole.rows * whole.weight_sq / whole.weight**2  # 1 without weights (Kish 1965)
    share = side.weight * (whole.weight - side.weight) / whole.weight
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = share * spread / whole.weight * unequal * whole.rows / (whole.rows - 1)
    return np.asarray(variance)


def _of_feature(z: float, bins: Bins, sums: Sums, least: int) -> float:
    whole = sums.total()
    if isinstance(bins, CategoryBins):
        if bins.count <= MAX_CAT_TO_ONEHOT:
            single = sums.take(np.arange(1, bins.count))
            return float(_tails(z, single, whole, least)[0].sum())
        groups = int((sums.rows[1:] >= CAT_SMOOTH).sum())
        # no set of categories differs more from the rest than all categories from each other
        return float(chi2.sf(z**2, max(groups, 1)))
    last = bins.count - bins.missing
    below = Sums.stack(np.cumsum(sums.columns()[:, :last], axis=1))
    if not bins.missing:
        return _along(z, below.take(np.arange(last - 1)), whole, least)
    with_missing = Sums.stack(below.columns() + sums.columns()[:, -1:])
    scans = (below, with_missing.take(np.arange(last - 1)))
    return sum(_along(z, sides, whole, least) for sides in scans)


def _along(z: float, sides: Sums, whole: Sums, least: int) -> float:
    """Return the bound for a sequence of growing sides."""
    tails, kept = _tails(z, sides, whole, least)
    if not len(tails):
        return 0.0
    rows, total = sides.weight[kept], float(whole.weight)
    before, after = rows[:-1], rows[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.sqrt(np.maximum(1 - before * (total - after) / ((total - before) * after), 0))
    added = np.exp(-(z**2) / 2) / np.pi * (step - (z**2 / 4 - 1) * step**3 / 6)
    valid = (z**2 / 4 - 1) * step**2 / 6 < _SMALL_STEP
    share = np.where(valid, np.minimum(added / (2 * norm.sf(z)), 1.0), 1.0) if z < 30 else 1.0  # noqa: PLR2004
    return float(tails[0] + (tails[1:] * share).sum())


def _tails(z: float, sides: Sums, whole: Sums, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability per side of a difference of at least ``z``, and which were tried."""
    kept = (sides.rows >= least) & (whole.rows - sides.rows >= least)
    sides = sides.take(kept)
    deviation = np.sqrt(_variance(sides, whole))
    tails = np.full(len(sides.rows), 2 * norm.sf(z))
    counted = np.array_equal(whole.square, whole.error) and whole.weight == whole.rows
    exact = (deviation < EXACT_BELOW) & counted
    if exact.any():
        rows, errors, n = sides.rows[exact], round(float(whole.error)), int(whole.rows)
        mean, far = rows * errors / n, z * deviation[exact] * (1 - 1e-9)
        high, low = np.ceil(mean + far), np.floor(mean - far)
        tails[exact] = upper_tail(high, rows, errors, n) + upper_tail(
            errors - low, n - rows, errors, n
        )
    return np.minimum(tails, 1.0), kept
