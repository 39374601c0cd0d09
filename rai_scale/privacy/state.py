"""What the events of a scope add up to: its cap, its grants, what was spent."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Connection, Select, func, select

from rai_scale.errors import BudgetExceededError, ConfigError, did_you_mean
from rai_scale.privacy.budget import MEASURES, Amount, text
from rai_scale.privacy.costs import Accounting
from rai_scale.privacy.schema import events

ANY = "*"
_SECOND = 1_000_000


@dataclass(frozen=True)
class Scope:
    """A namespace of privacy units with a cap that never refreshes."""

    name: str
    accounting: Accounting
    cap: Amount

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures that this scope counts."""
        return ("rho", "delta") if self.accounting == "zcdp" else ("epsilon", "delta")


@dataclass(frozen=True)
class Limit:
    """The cap of a scope, or a grant, and what was spent against it.

    ``window`` is in seconds; ``*`` as analyst or dataset stands for all of them together.
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


def scope_of(connection: Connection, name: str) -> Scope:
    """Return a scope.

    Raises
    ------
    ConfigError
        If there is none of this name.
    """
    row = connection.execute(
        select(events).where(events.c.kind == "scope", events.c.scope == name)
    ).one_or_none()
    if row is None:
        known = scope_names(connection)
        raise ConfigError(
            f"the ledger has no scope {name!r}.{did_you_mean(name, known)} "
            f"Scopes: {', '.join(known) or 'none yet'}. create_scope makes one."
        )
    cap = Amount(row.epsilon, row.delta, row.rho)
    return Scope(name, json.loads(row.body)["accounting"], cap)


def scope_names(connection: Connection) -> list[str]:
    """Return the names of all scopes in the order in which they were made."""
    chosen = select(events.c.scope).where(events.c.kind == "scope").order_by(events.c.seq)
    return list(connection.execute(chosen).scalars())


def limits(connection: Connection, scope: Scope, now: int) -> list[Limit]:
    """Return the cap of a scope, then its grants.

    Every limit counts the charges that match it, of whoever made them. A later grant for the same
    analyst and dataset takes the place of the earlier one.
    """
    found = [Limit("hard cap", ANY, ANY, None, scope.cap, _spent(connection, scope.name))]
    latest = {}
    chosen = select(events).where(events.c.kind == "grant", events.c.scope == scope.name)
    for row in connection.execute(chosen.order_by(events.c.seq)):
        latest[row.analyst, row.dataset] = row
    for row in latest.values():
        window = json.loads(row.body)["window"]
        since = None if window is None else now - window * _SECOND
        spent = _spent(connection, scope.name, row.analyst, row.dataset, since)
        cap = Amount(row.epsilon, row.delta, row.rho)
        name = f"grant of analyst {row.analyst!r} on dataset {row.dataset!r}"
        found.append(Limit(name, row.analyst, row.dataset, window, cap, spent))
    return found


def matching(found: list[Limit], analyst: str, dataset: str) -> list[Limit]:
    """Return the limits that hold for a request: once there are grants, it needs one of them."""
    cap, *grants = found
    held = [
        limit
        for limit in grants
        if limit.analyst in (ANY, analyst) and limit.dataset in (ANY, dataset)
    ]
    if grants and not held:
        held = [Limit("no grant for you", analyst, dataset, None, Amount(), Amount())]
    return [cap, *held]


def enforce(
    connection: Connection, scope: Scope, now: int, *, analyst: str, dataset: str, charge: Amount
) -> None:
    """Refuse a charge that goes over any limit: the additive filter.

    The sum of adaptively chosen (epsilon, delta) or zCDP costs, stopped before it passes a bound
    fixed in advance, is private with that bound (Rogers, Roth, Ullman and Vadhan 2016, Privacy
    Odometers and Filters; Feldman and Zrnic 2021 for the Renyi kind).

    Raises
    ------
    BudgetExceededError
        With the first limit that is passed.
    """
    for limit in matching(limits(connection, scope, now), analyst, dataset):
        for measure in MEASURES:
            if charge.of(measure) > limit.remaining(measure):
                raise BudgetExceededError(
                    scope.name,
                    limit.name,
                    measure,
                    text(charge.of(measure), measure),
                    text(limit.spent.of(measure), measure),
                    text(limit.remaining(measure), measure),
                )


def standing(scope: str) -> Select:
    """Return a query of the charges of a scope that were not refunded."""
    refunded = select(events.c.reservation).where(
        events.c.kind == "cancelled", events.c.scope == scope
    )
    return (
        select(events)
        .where(events.c.kind == "reserved", events.c.scope == scope)
        .where(events.c.reservation.not_in(refunded))
    )


def _spent(
    connection: Connection,
    scope: str,
    analyst: str = ANY,
    dataset: str = ANY,
    since: int | None = None,
) -> Amount:
    chosen = standing(scope)
    if analyst != ANY:
        chosen = chosen.where(events.c.analyst == analyst)
    if dataset != ANY:
        chosen = chosen.where(events.c.dataset == dataset)
    if since is not None:
        chosen = chosen.where(events.c.at > since)
    part = chosen.subquery()
    sums = select(*(func.coalesce(func.sum(part.c[measure]), 0) for measure in MEASURES))
    return Amount(*(int(units) for units in connection.execute(sums).one()))
