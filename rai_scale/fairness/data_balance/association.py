"""SynapseML's feature balance: association of a group with the positive label.

Each function gives a value per group. For a pair of groups A and B (A after B in sort order) the
gap is reported: the value of A minus the value of B, 0 if both are equal. A gap above 0 means a
stronger association of the positive label with A. For ``n_pmi_y`` and ``n_pmi_xy`` a gap below 0
does, because they divide by a negative number.

Source: SynapseML, ``FeatureBalanceMeasure``; Aka et al., Measuring Model Biases in the Absence of
Ground Truth, 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rai_scale.fairness.data_balance.registry import INF, SYNAPSEML, log, measure, ratio

FAMILY = "feature_balance"
association = partial(measure, FAMILY, source=SYNAPSEML)
NO_LABELS = "no row has the positive label"


@dataclass(frozen=True)
class Association:
    """Weights per group of rows (``x``) and positive rows (``xy``); ``n`` rows, ``y`` positive."""

    x: NDArray[np.float64]
    xy: NDArray[np.float64]
    n: float
    y: float

    @property
    def p_x(self) -> NDArray[np.float64]:
        """Return P(X), the share of each group."""
        return ratio(self.x, self.n)

    @property
    def p_y(self) -> NDArray[np.float64]:
        """Return P(Y), the share of the positive label, once per group."""
        return np.broadcast_to(ratio(self.y, self.n), self.x.shape)

    @property
    def p_xy(self) -> NDArray[np.float64]:
        """Return P(X, Y), the share of positive rows of each group."""
        return ratio(self.xy, self.n)


def gap(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a - b, and 0 if both are equal, including infinite values."""
    done = np.zeros(np.broadcast(a, b).shape)
    np.subtract(a, b, out=done, where=~(a == b))
    return done


@association("P(X, Y) / P(X)", undefined="a group has no weight")
def dp(a: Association) -> NDArray[np.float64]:
    """Demographic parity: the rate of the positive label in the group."""
    return ratio(a.p_xy, a.p_x)


@association("P(X, Y) / (P(X) + P(Y))", between=(-0.5, 0.5))
def sdc(a: Association) -> NDArray[np.float64]:
    """Sorensen-Dice coefficient, without the factor 2, as SynapseML has it."""
    return ratio(a.p_xy, a.p_x + a.p_y)


@association("P(X, Y) / (P(X) + P(Y) - P(X, Y))", source=SYNAPSEML)
def ji(a: Association) -> NDArray[np.float64]:
    """Jaccard index of being in the group and having the positive label."""
    return ratio(a.p_xy, a.p_x + a.p_y - a.p_xy)


@association(
    "ln(P(X, Y) / P(Y))", between=(-INF, INF), undefined="a group has no positive label", log="e"
)
def llr(a: Association) -> NDArray[np.float64]:
    """Log-likelihood ratio."""
    return log(ratio(a.p_xy, a.p_y))


@association(
    "ln(P(X, Y) / P(X)), minus infinity where P(X, Y) = 0",
    between=(-INF, INF),
    undefined="a group has no weight",
    log="e",
)
def pmi(a: Association) -> NDArray[np.float64]:
    """Pointwise mutual information; SynapseML leaves out P(Y), which cancels in the gap."""
    rate = dp(a)
    return np.where(rate == 0, -INF, log(rate))


@association(
    "pmi / ln P(Y), 0 where P(Y) = 0",
    between=(-INF, INF),
    undefined="every row has the positive label",
    log="e",
)
def n_pmi_y(a: Association) -> NDArray[np.float64]:
    """Pointwise mutual information, normalised by P(Y); a larger gap means less association."""
    return np.where(a.p_y == 0, 0.0, ratio(pmi(a), log(a.p_y)))


@association(
    "pmi / ln P(X, Y), 0 where P(X, Y) = 0",
    undefined="every row is in one group with the positive label",
    log="e",
)
def n_pmi_xy(a: Association) -> NDArray[np.float64]:
    """Pointwise mutual information, normalised by P(X, Y); a larger gap means less association."""
    return np.where(a.p_xy == 0, 0.0, ratio(pmi(a), log(a.p_xy)))


@association(
    "ln(P(X, Y)^2 / (P(X) P(Y))), 0 where P(X) P(Y) = 0",
    between=(-INF, INF),
    undefined="a group has no positive label",
    log="e",
)
def s_pmi(a: Association) -> NDArray[np.float64]:
    """Squared pointwise mutual information."""
    both = a.p_x * a.p_y
    return np.where(both == 0, 0.0, log(ratio(a.p_xy**2, both)))


@association(
    "(n^2 (1 - 2 P(X) - 2 P(Y) + 2 P(X, Y) + 2 P(X) P(Y)) + n (2 P(X) + 2 P(Y) - 4 P(X, Y) - 1)) "
    "/ (n^2 sqrt((P(X) - P(X)^2) (P(Y) - P(Y)^2)))",
    between=(-INF, INF),
    undefined="all rows are of one group or of one label",
)
def krc(a: Association) -> NDArray[np.float64]:
    """Kendall rank correlation as SynapseML defines it; not the tau-b of SciPy, not in -1..1."""
    x, y, xy = a.p_x, a.p_y, a.p_xy
    above = a.n**2 * (1 - 2 * x - 2 * y + 2 * xy + 2 * x * y)
    above = above + a.n * (2 * x + 2 * y - 4 * xy - 1)
    inside = np.maximum((x - x**2) * (y - y**2), 0)
    return ratio(above, a.n**2 * np.sqrt(inside))


@association("(P(X, Y) - P(X) P(Y)) / sqrt(P(X) P(Y))", between=(-INF, INF), undefined=NO_LABELS)
def t_test(a: Association) -> NDArray[np.float64]:
    """The t statistic without the number of rows, as SynapseML has it; it has no p-value."""
    both = a.p_x * a.p_y
    return ratio(a.p_xy - both, np.sqrt(both))
