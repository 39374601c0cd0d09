"""What one column of a release costs, and by which mechanism."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import ROUND_CEILING, Context, Decimal
from typing import Any, Literal

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.privacy.ledger.amounts import Amount, Number, exact, from_units, text, to_units
from rai_scale.records.canonical import canonical_json

Accounting = Literal["epsilon-delta", "zcdp"]
ACCOUNTINGS: tuple[Accounting, ...] = ("epsilon-delta", "zcdp")
Neighbours = Literal["add-remove", "replace"]
ADD_REMOVE: Neighbours = "add-remove"
REPLACE: Neighbours = "replace"
NEIGHBOURS: tuple[Neighbours, ...] = (ADD_REMOVE, REPLACE)
KINDS = ("laplace", "gaussian", "discrete_laplace", "discrete_gaussian")
_LABEL = 200
_UPWARDS = Context(prec=40, rounding=ROUND_CEILING)
_ALL_OF_DELTA = 10**18


@dataclass(frozen=True)
class Mechanism:
    """The parameters of additive noise that the tighter accounting uses.

    Parameters
    ----------
    kind
        ``laplace``, ``gaussian``, ``discrete_laplace`` or ``discrete_gaussian``.
    scale
        Laplace's scale b, or the Gaussian's standard deviation, in the units of the sum.
    sensitivity
        By how much one privacy unit can change one noisy number, in the same units; an integer for
        the discrete kinds. With ``count=1``, it may also be the sensitivity of the whole vector: L2
        for ``gaussian``, L1 for ``laplace``.
    count
        How many noisy numbers one privacy unit can change at once (groups per unit).
    """

    kind: str
    scale: float
    sensitivity: float
    count: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(
                f"no mechanism is named {self.kind!r}.{did_you_mean(self.kind, KINDS)} "
                f"Allowed: {', '.join(KINDS)}."
            )
        numbers = (self.scale, self.sensitivity, self.count)
        if not all(math.isfinite(number) and number > 0 for number in numbers):
            raise ConfigError("scale, sensitivity and count of a mechanism must be above 0.")
        if self.kind.startswith("discrete") and int(self.sensitivity) != self.sensitivity:
            raise ConfigError(f"the sensitivity of {self.kind} must be an integer.")


@dataclass(frozen=True)
class Cost:
    """The privacy loss of one column or query.

    Parameters
    ----------
    label
        Name of the column or query; never a value of the data.
    epsilon, delta
        The column is (epsilon, delta)-differentially private.
    rho
        The column is rho-zCDP. If an epsilon is given as well, ``epsilon`` and ``delta`` describe
        the same noise for scopes that count epsilon: a scope that counts in zCDP charges rho alone,
        and any further loss, such as a threshold's delta, is a separate cost. Without an epsilon,
        the column is delta-approximate rho-zCDP. Without rho, a scope that counts in zCDP charges
        epsilon squared over 2, and delta.
    mechanism
        Used for the tighter bound of :mod:`rai_scale.privacy.ledger.accounting`.
    neighbours
        The neighbouring tables: ``add-remove``, a person added or removed, or ``replace``, a person
        replaced by another while the number of people is public.
    """

    label: str
    epsilon: Number | None = None
    delta: Number = 0
    rho: Number | None = None
    mechanism: Mechanism | None = None
    neighbours: Neighbours = ADD_REMOVE

    def __post_init__(self) -> None:
        if not self.label or len(self.label) > _LABEL:
            raise ConfigError(f"a cost needs a label of 1 to {_LABEL} characters.")
        if self.epsilon is None and self.rho is None and not exact(self.delta, "delta"):
            raise ConfigError(f"cost {self.label!r}: give epsilon, rho or delta.")

    @property
    def extra_delta(self) -> Number:
        """The part of delta that is not covered by rho; all of it if there is no rho."""
        return self.delta if self.rho is None or self.epsilon is None else 0

    def charge(self, accounting: Accounting) -> Amount:
        """Return what a scope of this accounting is charged, rounded up.

        An (epsilon, delta)-private release is delta-approximate (epsilon^2 / 2)-zCDP (Bun and
        Steinke 2016, Proposition 3.3 and section 8).

        Raises
        ------
        ConfigError
            If the cost is 0, or is given in rho only and the scope counts epsilon.
        """
        delta = to_units(self.delta, "delta", up=True)
        if accounting == "zcdp":
            extra = to_units(self.extra_delta, "delta", up=True)
            amount = Amount(0, extra, to_units(self._rho(), "rho", up=True))
        elif self.epsilon is None and self.rho is not None:
            raise ConfigError(
                f"cost {self.label!r} is given in rho, and the scope counts epsilon and delta. "
                "Give epsilon, or a delta at which rho is converted, or use a scope with "
                "accounting='zcdp'."
            )
        else:
            amount = Amount(to_units(self.epsilon or 0, "epsilon", up=True), delta, 0)
        if amount == Amount():
            raise ConfigError(f"cost {self.label!r} is 0, but every release has a cost.")
        return amount

    def _rho(self) -> Number:
        if self.rho is not None:
            return self.rho
        return exact(self.epsilon or 0, "epsilon") ** 2 / 2

    def to_dict(self) -> dict[str, Any]:
        """Return the cost as JSON values, amounts as decimal text; the form that is stored."""
        return {
            "label": self.label,
            "epsilon": _text(self.epsilon, "epsilon"),
            "delta": _text(self.delta, "delta"),
            "rho": _text(self.rho, "rho"),
            "mechanism": _mechanism(self.mechanism),
            "neighbours": self.neighbours,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Cost:
        """Return a cost from its stored form."""
        mechanism = stored["mechanism"]
        return cls(**{**stored, "mechanism": Mechanism(**mechanism) if mechanism else None})


def _text(value: Number | None, measure: str) -> str | None:
    return None if value is None else text(to_units(value, measure, up=True), measure)


def _mechanism(mechanism: Mechanism | None) -> dict[str, Any] | None:
    if mechanism is None:
        return None
    plain = asdict(mechanism)
    return {**plain, "scale": float(plain["scale"]), "sensitivity": float(plain["sensitivity"])}


def same_costs(stored: list[dict[str, Any]], asked: list[dict[str, Any]]) -> bool:
    """Return whether two stored costs are equal; early ledgers stored no neighbour relation."""

    def bare(costs: list[dict[str, Any]]) -> str:
        return canonical_json([{**cost, "neighbours": None} for cost in costs])

    return bare(stored) == bare(asked)


def total(
    costs: Iterable[Cost], accounting: Accounting, neighbours: Neighbours = ADD_REMOVE
) -> Amount:
    """Return what a scope is charged for one release: the sum (basic composition).

    In a scope whose neighbours are replacements, the costs of additions and removals are charged
    what a replacement costs, which is a removal and an addition (group privacy; Dwork and
    Roth 2014, Theorem 2.2, with delta as in Vadhan 2017, Lemma 2.2; Bun and Steinke 2016,
    Proposition 1.9): twice epsilon and (1 + exp(epsilon)) times delta, or four times rho.

    Raises
    ------
    ConfigError
        If costs of replacements are charged to a scope that counts additions and removals: they
        cannot be converted, because the number of people is public there. Also if a delta of zCDP
        would have to be converted.
    """
    sums = dict.fromkeys(NEIGHBOURS, Amount())
    for cost in costs:
        sums[cost.neighbours] += cost.charge(accounting)
    if neighbours == REPLACE:
        return sums[REPLACE] + _for_replacement(sums[ADD_REMOVE])
    if sums[REPLACE] != Amount():
        raise ConfigError(
            "this release protects against the replacement of a person (the number of people is "
            "public), but the scope counts people added or removed, so the costs cannot be added. "
            "Use a scope created with neighbours='replace'."
        )
    return sums[ADD_REMOVE]


def _for_replacement(amount: Amount) -> Amount:
    if amount.rho and amount.delta:
        raise ConfigError(
            "a delta in addition to rho cannot be converted from neighbours='add-remove' to "
            "'replace'. Make a release without delta (declared groups), or use a scope that counts "
            "epsilon and delta, or one with neighbours='add-remove'."
        )
    # from epsilon 100 on, any delta is all of it
    power = _UPWARDS.exp(min(Decimal(100), from_units(amount.epsilon, "epsilon")))
    factor = _UPWARDS.add(1, _UPWARDS.next_plus(power))  # exp rounds to the nearest
    delta = min(_ALL_OF_DELTA, math.ceil(_UPWARDS.multiply(amount.delta, factor)))
    return Amount(2 * amount.epsilon, delta, 4 * amount.rho)


def spent(costs: Iterable[Cost]) -> dict[str, float | None]:
    """Return ``epsilon``, ``delta`` and ``rho`` of costs together, for people to read.

    A measure that the costs do not state is None: epsilon if noise is given in rho alone, rho if
    noise is given in epsilon alone.
    """
    costs = list(costs)
    epsilon = rho = None
    if all(cost.epsilon is not None or cost.rho is None for cost in costs):
        epsilon = float(sum(exact(cost.epsilon or 0, "epsilon") for cost in costs))
    if any(cost.rho for cost in costs) and all(cost.rho or not cost.epsilon for cost in costs):
        rho = float(sum(exact(cost.rho or 0, "rho") for cost in costs))
    delta = float(sum(exact(cost.delta, "delta") for cost in costs))
    return {"epsilon": epsilon, "delta": delta, "rho": rho}
