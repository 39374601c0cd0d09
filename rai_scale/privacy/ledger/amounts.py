"""Exact amounts of privacy loss: integers of a small unit, so that sums never drift.

Epsilon and rho are counted in units of 1e-12, delta in units of 1e-18. Costs are rounded up, caps
and shares down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from rai_scale.errors import ConfigError

Number = int | float | str | Decimal | Fraction

_DIGITS = {"epsilon": 12, "delta": 18, "rho": 12}
_LARGEST = {"epsilon": 10**6, "delta": 1, "rho": 10**6}
MEASURES = tuple(_DIGITS)


@dataclass(frozen=True)
class Amount:
    """Units of epsilon (1e-12), delta (1e-18) and rho (1e-12); int each."""

    epsilon: int = 0
    delta: int = 0
    rho: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.epsilon + other.epsilon, self.delta + other.delta, self.rho + other.rho)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.epsilon - other.epsilon, self.delta - other.delta, self.rho - other.rho)

    def of(self, measure: str) -> int:
        """Return the units of one measure."""
        return int(getattr(self, measure))


def exact(value: Number, name: str) -> Fraction:
    """Return the exact value of a number.

    A float is read as the shortest decimal that converts back to it, so that ten times 0.1 is 1.

    Raises
    ------
    ConfigError
        If the value is not a finite number.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        if isinstance(value, float):
            return Fraction(repr(float(value)))
        if isinstance(value, Decimal | Fraction):
            return Fraction(value)
        return Fraction(str(value))
    except (TypeError, ValueError, OverflowError, ZeroDivisionError, InvalidOperation):
        kind = type(value).__name__
        raise ConfigError(f"{name} must be a finite number, found {value!r} ({kind}).") from None


def one_of(epsilon: Number | None, rho: Number | None) -> None:
    """Raise unless a budget is given in exactly one measure.

    Raises
    ------
    ConfigError
        If not exactly one of the two is given.
    """
    if (epsilon is None) == (rho is None):
        raise ConfigError("give exactly one of epsilon and rho.")


def above_zero(value: Number | None, measure: str) -> Fraction:
    """Return a budget as an exact number.

    Raises
    ------
    ConfigError
        If it is not above 0, or out of range.
    """
    number = exact(0 if value is None else value, measure)
    to_units(number, measure, up=True)
    if number <= 0:
        raise ConfigError(f"{measure} must be above 0.")
    return number


def to_units(value: Number, measure: str, *, up: bool) -> int:
    """Return a number of ``measure`` in its units, rounded ``up`` (costs) or down (caps).

    Raises
    ------
    ConfigError
        If the value is negative, not finite or too large (1e6; for delta 1).
    """
    number = exact(value, measure)
    if not 0 <= number <= _LARGEST[measure]:
        raise ConfigError(
            f"{measure} must be between 0 and {_LARGEST[measure]}, found {float(number)!r}."
        )
    units: Fraction = number * 10 ** _DIGITS[measure]
    return math.ceil(units) if up else math.floor(units)


def from_units(units: int, measure: str) -> Decimal:
    """Return units of ``measure`` as a decimal number, exactly."""
    return Decimal(units).scaleb(-_DIGITS[measure]).normalize()


def text(units: int, measure: str) -> str:
    """Return units of ``measure`` as plain decimal text."""
    return f"{from_units(units, measure):f}"


def shares(
    total: Number, weights: Sequence[Number], measure: str = "epsilon"
) -> tuple[Decimal, ...]:
    """Split a budget into parts in proportion to ``weights``; their sum never exceeds it.

    Parameters
    ----------
    total
        The budget, in ``measure`` (``epsilon``, ``delta`` or ``rho``).
    weights
        One positive number per part.

    Returns
    -------
    tuple of Decimal
        One part per weight, each rounded down to the unit that ledgers count in.
    """
    parts = [exact(weight, "weight") for weight in weights]
    if not parts or min(parts) <= 0:
        raise ConfigError("weights of shares must be one or more positive numbers.")
    units = to_units(total, measure, up=False)
    whole = sum(parts)
    return tuple(from_units(math.floor(units * part / whole), measure) for part in parts)
