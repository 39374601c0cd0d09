"""The budget of one release as exact numbers, as accounting and noise need it."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from rai_scale.errors import ConfigError
from rai_scale.privacy.ledger.amounts import above_zero, exact
from rai_scale.privacy.noise import epsilon_for, rho_for
from rai_scale.privacy.options import Privacy


class ReleaseBudget(NamedTuple):
    """Exact amounts; without ``rho``, only pure epsilon-DP is possible.

    Attributes
    ----------
    epsilon : Fraction or None
        None for a rho that is charged without a delta.
    delta : Fraction
    rho : Fraction or None
        As given, or the one that (epsilon, delta) is converted to.
    """

    epsilon: Fraction | None
    delta: Fraction
    rho: Fraction | None


def budget_of(privacy: Privacy) -> ReleaseBudget:
    """Return the budget of a release; epsilon with a delta, and rho, are converted to each other.

    Raises
    ------
    ConfigError
        If the budget is not a number or out of range.
    """
    delta = exact(privacy.delta, "delta")
    if not 0 <= delta < 1:
        raise ConfigError("delta must be at least 0 and below 1.")
    if privacy.rho is not None:
        rho = above_zero(privacy.rho, "rho")
        return ReleaseBudget(epsilon_for(rho, delta) if delta else None, delta, rho)
    epsilon = above_zero(privacy.epsilon, "epsilon")
    return ReleaseBudget(epsilon, delta, rho_for(epsilon, delta) if delta else None)


def given_amounts(privacy: Privacy) -> dict[str, Fraction | None]:
    """Return epsilon, delta and rho as they were given; None for those that were not."""
    budget = {"epsilon": privacy.epsilon, "delta": privacy.delta, "rho": privacy.rho}
    return {name: None if v is None else exact(v, name) for name, v in budget.items()}
