"""The rows that are needed to detect a gap, and the smallest gap that a group can show."""

from __future__ import annotations

from functools import cache
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from rai_scale.errors import ConfigError
from rai_scale.measures.long_table import control_names, long_table, strata

if TYPE_CHECKING:
    from rai_scale.measures.counted_frame import CountedMetricFrame

STEPS = 60


@cache
def _normal(share: float) -> float:
    return float(norm.ppf(share))


def rows_needed(gap: float, base_rate: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """Return how many rows per group are needed to detect a gap between two rates.

    ``n = (z_a sqrt(2 m (1 - m)) + z_b sqrt(p (1 - p) + q (1 - q)))^2 / gap^2`` with rates p and
    q, their mean m, z_a of ``1 - alpha / 2`` and z_b of ``power``: Fleiss, Levin & Paik (2003),
    Statistical Methods for Rates and Proportions, formula 4.14, without continuity correction.
    The larger result for ``base_rate + gap`` and ``base_rate - gap`` is returned.

    Parameters
    ----------
    gap : float
        Absolute difference of the two rates, above 0.
    base_rate : float
        Rate of one of the groups, 0 to 1. Rows are those that the rate is a share of: for a true
        positive rate the rows with a positive label.
    power, alpha : float
        Probability of detecting the gap, and of detecting a gap that does not exist (two-sided).

    Returns
    -------
    int
        Rows of each of the two groups.

    Raises
    ------
    ConfigError
        If no rate in 0..1 has this distance, or power does not exceed alpha.
    """
    _check(power, alpha)
    others = [q for q in (base_rate + gap, base_rate - gap) if 0 <= q <= 1]
    if not 0 <= base_rate <= 1 or gap <= 0 or not others:
        raise ConfigError(
            f"a gap of {gap!r} from a base rate of {base_rate!r} is not between 0 and 1; give a "
            f"gap above 0 that can be added to or subtracted from the rate."
        )
    return max(ceil(_rows(base_rate, q, power, alpha)) for q in others)


def _rows(p: float, q: float, power: float, alpha: float) -> float:
    mean = (p + q) / 2
    known = _normal(1 - alpha / 2) * sqrt(2 * mean * (1 - mean))
    return ((known + _normal(power) * sqrt(p * (1 - p) + q * (1 - q))) / (p - q)) ** 2


def smallest_gap(
    base_rate: float, rows: float, other_rows: float, power: float = 0.8, alpha: float = 0.05
) -> float:
    """Return the least gap from ``base_rate`` that a group of ``rows`` can show.

    Solves the formula of :func:`rows_needed`, for groups of unequal size (Fleiss, Levin & Paik
    2003, 4.20): pooled variance under equality, own variances under the gap. The larger of the
    gaps upwards and downwards is returned; directions in which no gap within 0..1 would be detected
    are ignored, and the result is NaN if both are.

    Parameters
    ----------
    base_rate : float
        Rate of the other group, 0 to 1.
    rows, other_rows : float
        Numbers of rows of the group and of the other group.
    power, alpha : float
        As for :func:`rows_needed`.
    """
    _check(power, alpha)
    base, own, other = (np.array([value], float) for value in (base_rate, rows, other_rows))
    found = _gaps(base, own, other, power, alpha)
    return float(found[0])


def _gaps(base: np.ndarray, n: np.ndarray, m: np.ndarray, power: float, alpha: float) -> np.ndarray:
    """Return :func:`smallest_gap` for many groups at once."""
    z = _normal(1 - alpha / 2), _normal(power)
    with np.errstate(divide="ignore", invalid="ignore"):
        both = np.array([_gap(base, up, n, m, z) for up in (1, -1)])
    both = np.where((both > 0) & np.isfinite(both), both, np.nan)
    unknown = np.isnan(base) | (n < 1) | (m < 1)
    return np.where(unknown, np.nan, np.fmax(*both))


def _gap(
    base: np.ndarray, up: int, n: np.ndarray, m: np.ndarray, z: tuple[float, float]
) -> np.ndarray:
    """Bisect for the gap in one direction; inf if beyond 0..1, 0 if the rate is at the end."""
    room = 1 - base if up > 0 else base

    def seen(gap: np.ndarray) -> np.ndarray:
        rate = base + up * gap
        pooled = (n * rate + m * base) / (n + m)
        null = np.sqrt(np.maximum(pooled * (1 - pooled), 0) * (1 / n + 1 / m))
        own = np.sqrt(np.maximum(rate * (1 - rate), 0) / n + base * (1 - base) / m)
        return gap >= z[0] * null + z[1] * own

    low, high = np.zeros(len(base)), room
    for _ in range(STEPS):
        middle = (low + high) / 2
        below = seen(middle)
        low, high = np.where(below, low, middle), np.where(below, middle, high)
    return np.where(room <= 0, 0.0, np.where(seen(room), high, np.inf))


def smallest_gaps(mf: CountedMetricFrame, power: float = 0.8, alpha: float = 0.05) -> pd.DataFrame:
    """Return, per group and share, the smallest detectable gap from all other groups.

    Parameters
    ----------
    mf : CountedMetricFrame
        From :func:`rai_scale.metric_frame`.
    power, alpha : float
        As for :func:`rows_needed`.

    Returns
    -------
    pandas.DataFrame
        The control levels, ``metric``, ``group``, ``rows`` (those the rate is a share of),
        ``rate_of_others``, ``smallest_gap`` (NaN: no possible gap would be detected) and
        ``rows_for_0.1``, the rows that two equal groups need each to detect a gap of 0.1 from that
        rate.
    """
    _check(power, alpha)
    control = control_names(mf)
    own = ["metric", "group", "rows", "rate_of_others", "smallest_gap", "rows_for_0.1"]
    found = [pd.DataFrame(columns=[*control, *own])]
    for _, part in strata(long_table(mf), control):
        shares = part[part["trials"].notna()]
        x, n = (shares[name].to_numpy(float) for name in ("successes", "trials"))
        others = n.sum() - n
        with np.errstate(divide="ignore", invalid="ignore"):
            base = np.where(others > 0, (x.sum() - x) / others, np.nan)
        needed = [np.nan if np.isnan(b) else rows_needed(0.1, b, power, alpha) for b in base]
        sizes: dict[str, Any] = {"rows": n.astype("int64"), "rate_of_others": base}
        sizes |= {"smallest_gap": _gaps(base, n, others, power, alpha), "rows_for_0.1": needed}
        found.append(shares[[*control, "metric", "group"]].assign(**sizes))
    some = [table for table in found if len(table)] or found[:1]
    return pd.concat(some, ignore_index=True)


def _check(power: float, alpha: float) -> None:
    if not 0 < alpha < power < 1:
        raise ConfigError(f"0 < alpha < power < 1 must hold; found alpha {alpha}, power {power}.")
