"""From sums over clusters to the values of policies, with intervals.

A cluster is a person, or a row if no person is named. For each cluster, ``n`` is its rows, ``w``
the sum of its weights, ``s`` of weighted rewards, ``m`` of predicted rewards of the policy, ``e``
of ``m`` and the error of a model that was fitted on the same log, and ``d`` of the doubly robust
scores. Everything here follows from the totals of these numbers and of their products.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rai_scale.statistics.clustered_ratios import student

ESTIMATORS = ("ips", "snips", "dm", "dr")
_PAIRS = {
    "ips": ("s", "n", "s"),
    "snips": ("s", "w", "s"),
    "dm": ("m", "n", "e"),
    "dr": ("d", "n", "d"),
}
"""Per estimator: numerator, denominator, and the sum whose variance is that of the numerator."""

PER_POLICY = ("ww", "wn")
PER_REWARD = ("ss", "sn", "sw", "ee", "en", "dd", "dn")
LOGGED = ("rr", "rn")


@dataclass(frozen=True)
class Sums:
    """Totals over the clusters of one group, for one policy and reward.

    Attributes
    ----------
    total : mapping of str to float
        Of ``n``, ``w``, ``s``, ``m``, ``e``, ``d``, and of the logged reward ``r``.
    product : mapping of str to float
        Totals of products of a cluster's sums, such as ``ss``, ``sn`` and ``sw``.
    clusters : int
    """

    total: Mapping[str, float]
    product: Mapping[str, float]
    clusters: int

    def value(self, estimator: str, confidence: float) -> tuple[float, float, float]:
        """Return an estimate with the ends of its interval; NaN where it is not known.

        The variance is that of a ratio of sums over clusters (Cochran 1977, Sampling Techniques,
        6.3), with Student's distribution.
        """
        top, bottom, varies = _PAIRS[estimator]
        return self.ratio(top, bottom, varies, confidence)

    def ratio(
        self, top: str, bottom: str, varies: str, confidence: float
    ) -> tuple[float, float, float]:
        """Return a ratio of two totals with the ends of its interval."""
        if not self.total[bottom]:
            return math.nan, math.nan, math.nan
        value = self.total[top] / self.total[bottom]
        centre = self.total[varies] / self.total[bottom]
        squares = (
            self.product[varies * 2]
            - 2 * centre * self.product[varies + bottom]
            + centre**2 * self.product[bottom * 2]
        )
        if self.clusters < 2 or math.isnan(squares):  # noqa: PLR2004
            return value, math.nan, math.nan
        spread = max(squares, 0.0) * self.clusters / (self.clusters - 1)
        half = student(confidence, self.clusters - 1) * math.sqrt(spread) / self.total[bottom]
        return value, value - half, value + half


def sums_of_cells(
    count: np.ndarray, reward: np.ndarray, squares: np.ndarray, scores: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return totals and products per cell, where each row is a cluster.

    All rows of a cell have the same scores, so that a row contributes a linear function of its
    reward.

    Parameters
    ----------
    count, reward, squares : ndarray, shape (cells,)
        Rows, sum of rewards, and sum of squared rewards.
    scores : mapping of str to ndarray of float64, shape (cells,)
        ``w``: the weight; ``q``: the predicted reward of the logged action; ``m``: that of the
        policy; ``f``: the factor of the error of the fitted model.
    """
    w, q, m, f = (scores[name] for name in "wqmf")
    found = {"n": count, "nn": count, "r": reward, "rr": squares, "rn": reward, "w": w * count}
    found |= {"ww": w**2 * count, "wn": w * count, "s": w * reward, "ss": w**2 * squares}
    found |= {"sn": w * reward, "sw": w**2 * reward, "m": m * count}
    for name, slope in (("e", f), ("d", w)):
        start = m - slope * q
        found[name] = found[f"{name}n"] = start * count + slope * reward
        found[name * 2] = start**2 * count + 2 * start * slope * reward + slope**2 * squares
    return found
