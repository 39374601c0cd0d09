"""A tighter bound on what was spent, by privacy loss distributions; reported, never enforced.

A ledger enforces the sum of all costs. Distributions compose more tightly, but only for mechanisms
whose parameters were fixed in advance; analysts choose theirs one after another.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from rai_scale.errors import ConfigError
from rai_scale.privacy.costs import Cost, Mechanism
from rai_scale.privacy.ledger.amounts import exact

if TYPE_CHECKING:
    from dp_accounting.pld.privacy_loss_distribution import PrivacyLossDistribution

# dp-accounting lists every integer up to the scale or sensitivity
_LARGEST_SCALE = 20_000
_LARGEST_SENSITIVITY = 100_000
# a distribution's grid grows with its epsilon
_LARGEST_EPSILON = 50.0


def pld_epsilon(costs: Iterable[Cost], delta: float) -> float:
    """Return an epsilon such that all costs together are (epsilon, delta)-differentially private.

    Laplace and Gaussian noise, also discrete, is composed by its privacy loss distribution
    (dp-accounting, pessimistic on a grid of 1e-4). A cost without a mechanism counts as the worst
    mechanism of its epsilon. A cost with rho alone is composed as zCDP and added (Bun and Steinke
    2016). All deltas are first subtracted from ``delta``, except those that describe, together with
    an epsilon, noise whose rho or Gaussian scale is known; there the delta of a threshold is a
    separate cost.

    Parameters
    ----------
    costs
        What was released; the order does not matter.
    delta
        Target, between 0 and 1.

    Returns
    -------
    float
        Not above the sum of the epsilons if all costs have one and their deltas fit; infinity if
        ``delta`` is too small for what was released.
    """
    if not 0 <= delta < 1:
        raise ConfigError(f"delta must be between 0 and 1, found {delta!r}.")
    counted = Counter(costs)
    parts, rho = [], 0.0
    for cost, times in counted.items():
        if _by_rho(cost):
            rho += _rho(cost) * times
        else:
            parts.append(_distribution(cost).self_compose(times))
    left = exact(delta, "delta") - sum(_on_top(cost) * n for cost, n in counted.items())
    share = float(left / 2 if rho and parts else left)
    if left < 0:
        return _additive(counted, delta)
    return min(_additive(counted, delta), _composed(parts, share) + _zcdp_epsilon(rho, share))


def _on_top(cost: Cost) -> Fraction:
    """Return the delta of a cost that the parameters of its noise do not cover."""
    if _is_gaussian(cost) and cost.rho is None:
        return Fraction(0)
    return exact(cost.extra_delta, "delta")


def _deltas(counted: dict[Cost, int]) -> Fraction:
    return sum((exact(cost.delta, "delta") * n for cost, n in counted.items()), Fraction(0))


def _additive(counted: dict[Cost, int], delta: float) -> float:
    """Return the sum of the epsilons (basic composition), or infinity if a cost has no epsilon."""
    if _deltas(counted) > exact(delta, "delta"):
        return math.inf
    if any(cost.epsilon is None and cost.rho is not None for cost in counted):
        return math.inf
    return float(sum(exact(cost.epsilon or 0, "epsilon") * n for cost, n in counted.items()))


def _is_gaussian(cost: Cost) -> bool:
    return cost.mechanism is not None and "gaussian" in cost.mechanism.kind


def _by_rho(cost: Cost) -> bool:
    """Return whether a cost is composed by its rho: nothing else is known, or it is too large."""
    mechanism = cost.mechanism
    if mechanism is None:
        return cost.rho is not None
    large = mechanism.kind == "discrete_gaussian" and mechanism.scale > _LARGEST_SCALE
    return _is_gaussian(cost) and (large or _is_weak(mechanism))


def _is_weak(mechanism: Mechanism) -> bool:
    return mechanism.sensitivity / mechanism.scale > _LARGEST_EPSILON


def _rho(cost: Cost) -> float:
    mechanism = cost.mechanism
    if mechanism is None:
        return float(exact(cost.rho or 0, "rho"))
    ratio = mechanism.sensitivity / mechanism.scale
    return mechanism.count * ratio * ratio / 2


def _zcdp_epsilon(rho: float, delta: float) -> float:
    """Return epsilon of rho-zCDP at ``delta`` (Bun and Steinke 2016, Proposition 1.3)."""
    if not rho:
        return 0.0
    return math.inf if delta <= 0 else rho + 2 * math.sqrt(rho * math.log(1 / delta))


def _composed(parts: list[PrivacyLossDistribution], delta: float) -> float:
    if not parts:
        return 0.0
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.compose(part)
    return float(whole.get_epsilon_for_delta(delta))


def _distribution(cost: Cost) -> PrivacyLossDistribution:
    pld = _pld()
    mechanism = cost.mechanism
    if mechanism is None:
        return _worst(pld, float(exact(cost.epsilon or 0, "epsilon")))
    scale, sensitivity = float(mechanism.scale), mechanism.sensitivity
    if mechanism.kind == "gaussian":
        one = pld.from_gaussian_mechanism(scale, sensitivity)
    elif mechanism.kind == "discrete_gaussian":
        one = pld.from_discrete_gaussian_mechanism(scale, int(sensitivity))
    elif _is_weak(mechanism):
        one = _worst(pld, sensitivity / scale)
    elif mechanism.kind == "laplace":
        one = pld.from_laplace_mechanism(scale, sensitivity)
    elif sensitivity <= _LARGEST_SENSITIVITY:
        one = pld.from_discrete_laplace_mechanism(1 / scale, int(sensitivity))
    else:
        one = _worst(pld, sensitivity / scale)
    return one.self_compose(mechanism.count)


def _worst(pld: Any, epsilon: float) -> PrivacyLossDistribution:
    """Return the distribution of randomised response, the worst of all that are epsilon-private."""
    return pld.from_privacy_parameters(pld.common.DifferentialPrivacyParameters(epsilon, 0.0))


def _pld() -> Any:
    from dp_accounting.pld import privacy_loss_distribution

    return privacy_loss_distribution
