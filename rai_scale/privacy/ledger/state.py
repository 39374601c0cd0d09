"""Limits on spending: the cap of a scope, and the grants within it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select

from rai_scale.errors import BudgetExceededError
from rai_scale.privacy.costs import Accounting, Neighbours
from rai_scale.privacy.ledger.amounts import MEASURES, Amount, text
from rai_scale.privacy.ledger.schema import events

ANY = "*"


@dataclass(frozen=True)
class Scope:
    """A set of privacy units: one neighbour relation, and a cap that is never renewed."""

    name: str
    accounting: Accounting
    cap: Amount
    neighbours: Neighbours

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures that this scope counts."""
        return ("rho", "delta") if self.accounting == "zcdp" else ("epsilon", "delta")


@dataclass(frozen=True)
class Limit:
    """The cap of a scope, or a grant, and what was spent against it.

    ``window`` is in seconds; ``*`` as analyst or dataset means all of them together. Every limit
    counts all charges that match it, whoever made them.
    """

    name: str
    analyst: str
    dataset: str
    window: int | None
    cap: Amount
    spent: Amount

    def remaining(self, measure: str) -> int:
        """Return the units left, never below 0."""
        return max(0, self.cap.of(measure) - self.spent.of(measure))


def enforce(scope: str, held: list[Limit], charge: Amount) -> None:
    """Refuse a charge that exceeds any limit: the additive filter.

    The sum of adaptively chosen (epsilon, delta) or zCDP costs, stopped before it passes a bound
    fixed in advance, is private with that bound (Rogers, Roth, Ullman and Vadhan 2016, Privacy
    Odometers and Filters; Feldman and Zrnic 2021 for the Renyi kind).

    Raises
    ------
    BudgetExceededError
        With the first limit that is exceeded.
    """
    for limit in held:
        for measure in MEASURES:
            if charge.of(measure) > limit.remaining(measure):
                raise BudgetExceededError(
                    scope,
                    limit.name,
                    measure,
                    text(charge.of(measure), measure),
                    text(limit.spent.of(measure), measure),
                    text(limit.remaining(measure), measure),
                )


def standing(scope: str) -> Select[Any]:
    """Return a query of the charges of a scope that were not refunded."""
    refunded = select(events.c.reservation).where(
        events.c.kind == "cancelled", events.c.scope == scope
    )
    return (
        select(events)
        .where(events.c.kind == "reserved", events.c.scope == scope)
        .where(events.c.reservation.not_in(refunded))
    )
