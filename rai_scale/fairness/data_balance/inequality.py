"""Inequality indices of one benefit per group: SynapseML's aggregates and LiFT's benefit maps.

SynapseML's benefit is the share of each occurring combination of sensitive values. LiFT's is a rate
of the label or the predictions per group. All groups have equal weight, whatever their size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rai_scale.fairness.data_balance.registry import INF, LIFT, SYNAPSEML, Measure, measure, ratio

FAMILY = "inequality"
AGGREGATE = ("atkinson_index", "theil_l_index", "theil_t_index")
"""What SynapseML's ``AggregateBalanceMeasure`` reports."""

NO_BENEFIT = "the mean benefit is 0, or the benefit of a group is undefined"
BOTH = f"{SYNAPSEML}; {LIFT}"
NEAR = 1e-12


@dataclass(frozen=True)
class Benefits:
    """One benefit per group, 0 or above; ``epsilon`` of Atkinson, ``alpha`` of the entropy."""

    values: np.ndarray
    epsilon: float = 1.0
    alpha: float = 2.0

    @property
    def relative(self) -> np.ndarray:
        """Return x_i, each benefit over the mean benefit."""
        return ratio(self.values, self.values.mean())


def _entropy(x: np.ndarray, alpha: float) -> float:
    if np.isnan(x).any():
        return float("nan")
    if abs(alpha) < NEAR:
        return INF if (x == 0).any() else float(-np.log(x).mean())
    if abs(alpha - 1) < NEAR:
        some = x[x > 0]
        return float((some * np.log(some)).sum() / len(x))
    if alpha < 0 and (x == 0).any():
        return INF
    return float((x**alpha - 1).sum() / (len(x) * alpha * (alpha - 1)))


@measure(
    FAMILY,
    "1 - (1/k sum_i x_i^(1 - epsilon))^(1 / (1 - epsilon)); 1 - (prod_i x_i)^(1/k) at epsilon = 1",
    source=f"{BOTH}; Atkinson, 1970",
    between=(0, 1),
    undefined=NO_BENEFIT,
    log="e",
)
def atkinson_index(b: Benefits) -> float:
    """Atkinson index: the share of the total that could be given up if all benefits were equal."""
    x, power = b.relative, 1 - b.epsilon
    if np.isnan(x).any():
        return float("nan")
    if power <= 0 and (x == 0).any():
        return 1.0
    if abs(power) < NEAR:
        return float(1 - np.exp(np.log(x).mean()))
    return float(1 - (x**power).mean() ** (1 / power))


@measure(
    FAMILY,
    "-1/k sum_i ln x_i, infinite where a benefit is 0",
    source=BOTH,
    between=(0, INF),
    undefined=NO_BENEFIT,
    log="e",
)
def theil_l_index(b: Benefits) -> float:
    """Theil L index (mean log deviation), the generalized entropy index at alpha = 0."""
    return _entropy(b.relative, 0)


@measure(
    FAMILY,
    "1/k sum_i x_i ln x_i",
    source=BOTH,
    between=(0, INF),
    undefined=NO_BENEFIT,
    log="e",
)
def theil_t_index(b: Benefits) -> float:
    """Theil T index, the generalized entropy index at alpha = 1; at most ln k."""
    return _entropy(b.relative, 1)


@measure(
    FAMILY,
    "1 / (k alpha (alpha - 1)) sum_i (x_i^alpha - 1)",
    source=f"{LIFT}; Speicher et al., 2018",
    between=(0, INF),
    undefined=NO_BENEFIT,
    log="e at alpha 0 and 1",
)
def generalized_entropy_index(b: Benefits) -> float:
    """Generalized entropy index at ``alpha``, 2 by default."""
    return _entropy(b.relative, b.alpha)


@measure(
    FAMILY,
    "sqrt(1/k sum_i (b_i - mean)^2) / mean",
    source=LIFT,
    between=(0, INF),
    undefined=NO_BENEFIT,
)
def coefficient_of_variation(b: Benefits) -> float:
    """Coefficient of variation, with the variance of a whole population."""
    return ratio(b.values.std(), b.values.mean())


def of_aggregate(measures: dict[str, Measure]) -> dict[str, Measure]:
    """Return those that SynapseML reports."""
    return {name: measures[name] for name in AGGREGATE}
