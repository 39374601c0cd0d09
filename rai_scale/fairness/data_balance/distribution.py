"""How far the shares of the groups are from reference shares: SynapseML's and LiFT's measures.

A group that is only in the reference counts with 0 rows (SynapseML drops it); a group that is only
in the data has the reference share 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from rai_scale.fairness.data_balance.registry import (
    INF,
    LIFT,
    SYNAPSEML,
    measure,
    ratio,
)
from rai_scale.statistics.distances import jensen_shannon, relative_entropy

BALANCE = "distribution_balance"
balance = partial(measure, BALANCE, source=SYNAPSEML)
DIVERGENCE = "divergence"
divergence = partial(measure, DIVERGENCE, source=LIFT)
SKEW = "skew"
EMPTY = "the groups have no weight"


@dataclass(frozen=True)
class ObservedShares:
    """Weights of the groups, and the reference's shares (sum 1) in the same order."""

    observed: np.ndarray
    reference: np.ndarray

    @property
    def p(self) -> np.ndarray:
        """Return the observed shares."""
        return ratio(self.observed, self.observed.sum())

    @property
    def q(self) -> np.ndarray:
        """Return the reference's shares."""
        return self.reference

    @property
    def n(self) -> float:
        """Return the total weight."""
        return float(self.observed.sum())


@balance("sum_i p_i ln(p_i / q_i)", between=(0, INF), undefined=EMPTY, log="e")
def kl_divergence(c: ObservedShares) -> float:
    """Kullback-Leibler divergence of the observed shares from the reference, in nats."""
    return relative_entropy(c.p, c.q)


@balance(
    "sqrt((KL(p, m) + KL(q, m)) / 2), m = (p + q) / 2",
    between=(0, float(np.sqrt(np.log(2)))),
    undefined=EMPTY,
    log="e",
)
def js_dist(c: ObservedShares) -> float:
    """Jensen-Shannon distance, the root of the divergence."""
    return float(np.sqrt(jensen_shannon(c.p, c.q)))


@balance("max_i |p_i - q_i|", between=(0, 1), undefined=EMPTY)
def inf_norm_dist(c: ObservedShares) -> float:
    """Infinity norm (Chebyshev) distance."""
    return float(np.abs(c.p - c.q).max())


@balance("1/2 sum_i |p_i - q_i|", between=(0, 1), undefined=EMPTY)
def total_variation_dist(c: ObservedShares) -> float:
    """Total variation distance: the share of rows that would have to change group."""
    return float(np.abs(c.p - c.q).sum() / 2)


@balance("1/k sum_i |p_i - q_i|, k groups", between=(0, 1), undefined=EMPTY)
def wasserstein_dist(c: ObservedShares) -> float:
    """Wasserstein distance of order 1 between the two sets of shares, as SynapseML has it."""
    return float(np.abs(c.p - c.q).mean())


@balance(
    "sum_i (n p_i - n q_i)^2 / (n q_i), infinite where only q_i = 0",
    between=(0, INF),
    undefined=EMPTY,
)
def chi_sq_stat(c: ObservedShares) -> float:
    """Pearson's chi-squared statistic of the counts against the reference."""
    expected = c.n * c.q
    never = expected == 0
    if (c.observed[never] > 0).any():
        return INF
    terms = ratio((c.observed - expected) ** 2, expected)[~never]
    return float(terms.sum()) if c.n > 0 else float("nan")


@balance(
    "P(chi-squared with k - 1 degrees of freedom > chi_sq_stat)",
    source=f"{SYNAPSEML}; where the statistic is infinite SynapseML says 1, here it is 0",
    between=(0, 1),
    ideal=1,
    undefined="there is one group only, or no weight",
)
def chi_sq_p_value(c: ObservedShares) -> float:
    """The p-value of the chi-squared test; near 0 for tiny differences of many rows."""
    from scipy.stats import chi2

    freedom = len(c.observed) - 1
    return float(chi2.sf(chi_sq_stat(c), freedom)) if freedom else float("nan")


@divergence(
    "log2 form of sum_i p_i log(p_i / s_i), s_i = (n q_i + 1) / (n + k)",
    between=(0, INF),
    undefined=EMPTY,
    log="2",
)
def kl_divergence_bits(c: ObservedShares) -> float:
    """Kullback-Leibler divergence from the reference with add-one smoothing, in bits."""
    return relative_entropy(c.p, ratio(c.n * c.q + 1, c.n + len(c.q))) / float(np.log(2))


@divergence("(KL(p, m) + KL(q, m)) / 2, m = (p + q) / 2", between=(0, 1), undefined=EMPTY, log="2")
def js_divergence_bits(c: ObservedShares) -> float:
    """Jensen-Shannon divergence (not its root), without smoothing, in bits."""
    return js_dist(c) ** 2 / float(np.log(2))


@divergence("1/2 sum_i |p_i - q_i|", between=(0, 1), undefined=EMPTY)
def total_var_dist(c: ObservedShares) -> float:
    """Total variation distance."""
    return total_variation_dist(c)


@divergence("max_i |p_i - q_i|", between=(0, 1), undefined=EMPTY)
def infinity_norm_dist(c: ObservedShares) -> float:
    """Infinity norm distance."""
    return inf_norm_dist(c)


@measure(
    SKEW,
    "ln((n p_i + 1) / (n + k)) - ln((n q_i + 1) / (n + k))",
    source=f"{LIFT}; Geyik et al., Fairness-Aware Ranking, 2019",
    between=(-INF, INF),
    log="e",
)
def skew(c: ObservedShares) -> np.ndarray:
    """Skew per group with add-one smoothing; above 0, the group exceeds its reference share."""
    return np.log(c.observed + 1) - np.log(c.n * c.q + 1)


@divergence("min_i skew_i", between=(-INF, 0), log="e")
def min_skew(c: ObservedShares) -> float:
    """The smallest skew of all groups."""
    return float(skew(c).min())


@divergence("max_i skew_i", between=(0, INF), log="e")
def max_skew(c: ObservedShares) -> float:
    """The largest skew of all groups."""
    return float(skew(c).max())
