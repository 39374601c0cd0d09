"""The life of a release: reserved, reading, released; or cancelled before any data were read.

Each function is one step inside of one serialisable transaction.

A crashed run may be repeated without another charge, for this reason: only the bytes that
:func:`store` committed are ever shown, and a primary key allows one release per charge. Noise that
was drawn and not stored was never seen. An observer can see that a run failed, so the number of
runs per charge is bounded, and nothing that can fail on a noisy value may come before ``store``.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from rai_scale.errors import ConfigError
from rai_scale.privacy.costs import same_costs, total
from rai_scale.privacy.ledger.problems import LedgerBusyError, LedgerError
from rai_scale.privacy.ledger.request import _SECOND, Request, Step
from rai_scale.privacy.ledger.reservation import Release, Reservation, parse_metadata
from rai_scale.privacy.ledger.schema import events, leases, releases
from rai_scale.privacy.ledger.sharing import may_see, share
from rai_scale.privacy.ledger.state import enforce, standing
from rai_scale.privacy.ledger.verify import release_digests

MAX_ATTEMPTS = 5


def reserve(step: Step, request: Request) -> Reservation:
    """Return the stored release of the request's key, or use its charge, or make a new charge."""
    account = step.accounts.of(step.connection, request.scope)
    charge = total(request.costs, account.accounting, account.scope.neighbours)
    costs = [cost.to_dict() for cost in request.costs]
    if request.key is not None:
        found = _known(step, request, costs)
        if found:
            return found
    who = {"analyst": request.analyst, "dataset": request.dataset}
    held = account.limits(step.now, (request.analyst, request.dataset))
    enforce(request.scope, held, charge)
    reservation = uuid.uuid4().hex
    step.note(
        "reserved",
        request.scope,
        **who,
        reservation=reservation,
        attempt=1,
        request_key=request.key,
        epsilon=charge.epsilon,
        delta=charge.delta,
        rho=charge.rho,
        body={"costs": costs, "visible_to": list(request.visible_to), **request.note},
    )
    step.hold(reservation, 1)
    return _reservation(request, reservation, 1, charged=True)


def _known(step: Step, request: Request, costs: list[dict[str, Any]]) -> Reservation | None:
    chosen = standing(request.scope).where(
        events.c.request_key == request.key, events.c.dataset == request.dataset
    )
    rows = step.connection.execute(chosen.order_by(events.c.seq)).all()
    for row in sorted(rows, key=lambda row: row.analyst != request.analyst):  # one's own first
        if not may_see(step.connection, row, request.analyst):
            continue
        if not same_costs(json.loads(row.body)["costs"], costs):
            raise LedgerError(
                "this idempotency key was used with other costs. The key must differ whenever "
                "epsilon, delta or anything else that determines the noise differs."
            )
        share(step, row, request)
        release = stored(step.connection, row.reservation)
        if release:
            return _reservation(request, row.reservation, 1, charged=False, release=release)
        attempt = _next_attempt(step, row.reservation)
        if attempt <= MAX_ATTEMPTS:
            fields = {"analyst": request.analyst, "dataset": request.dataset}
            step.note("resumed", row.scope, reservation=row.reservation, attempt=attempt, **fields)
            step.hold(row.reservation, attempt)
            return _reservation(request, row.reservation, attempt, charged=False)
    return None


def _reservation(
    request: Request,
    reservation: str,
    attempt: int,
    *,
    charged: bool,
    release: Release | None = None,
) -> Reservation:
    held = (request.scope, request.analyst, request.dataset, request.key)
    return Reservation(reservation, *held, attempt, charged, release)


def _next_attempt(step: Step, reservation: str) -> int:
    lease = step.connection.execute(
        select(leases).where(leases.c.reservation == reservation)
    ).one_or_none()
    if lease and lease.until > step.now:
        seconds = -(-(lease.until - step.now) // _SECOND)
        raise LedgerBusyError(
            f"another run is computing the same release; its reservation lasts {seconds} s more "
            f"unless it is renewed. Wait for it: its release will be returned, and nothing is "
            f"charged."
        )
    last = select(func.max(events.c.attempt)).where(
        events.c.reservation == reservation, events.c.kind.in_(("reserved", "resumed"))
    )
    return int(step.connection.execute(last).scalar_one()) + 1


def mark_reading(step: Step, held: Reservation) -> None:
    """Record that data are read from now on; nothing is refunded after this."""
    _standing_event(step.connection, held.id)
    if not _noted(step.connection, held.id, "reading", held.attempt):
        step.note("reading", held.scope, reservation=held.id, attempt=held.attempt)
    renew(step, held)


def renew(step: Step, held: Reservation) -> None:
    """Extend the lease, unless another attempt has it."""
    until = step.now + step.lease * _SECOND
    step.connection.execute(_lease_of(held).values(until=until))


def let_go(step: Step, held: Reservation) -> None:
    """End the lease of this attempt, so that the next run does not have to wait."""
    step.connection.execute(_lease_of(held).values(until=0))


def _lease_of(held: Reservation) -> Any:
    return update(leases).where(leases.c.reservation == held.id, leases.c.attempt == held.attempt)


def store(step: Step, held: Reservation, arrow: bytes, metadata: str) -> Release:
    """Store the release of a charge; return what is stored, which may come from another run.

    Raises
    ------
    LedgerError
        If the data were not marked as read, the charge was refunded, or the same attempt stored
        another release before.
    """
    _standing_event(step.connection, held.id)
    found = stored(step.connection, held.id)
    if found:
        same = found.arrow == arrow and found.metadata == json.loads(metadata)
        if _stored_attempt(step.connection, held.id) == held.attempt and not same:
            raise LedgerError("this charge already has a release; a second one is refused.")
        return found
    if not _noted(step.connection, held.id, "reading", held.attempt):
        raise LedgerError("call mark_reading before you read the data and store a release.")
    values = {"reservation": held.id, "attempt": held.attempt, "at": step.now}
    step.connection.execute(insert(releases).values(**values, arrow=arrow, metadata=metadata))
    body = release_digests(step.chain.sealer, arrow, metadata)
    step.note("released", held.scope, reservation=held.id, attempt=held.attempt, body=body)
    let_go(step, held)
    return Release(held.id, arrow, parse_metadata(metadata), step.now)


def cancel(step: Step, reservation: str) -> None:
    """Refund a charge whose data were never read.

    Raises
    ------
    LedgerError
        If any attempt marked the data as read.
    """
    row = _standing_event(step.connection, reservation)
    if _noted(step.connection, reservation, "reading"):
        raise LedgerError("the data of this charge were read, so it cannot be refunded.")
    step.note("cancelled", row.scope, reservation=reservation)


def stored(connection: Connection, reservation: str) -> Release | None:
    """Return the release of a charge, if it is stored."""
    row = connection.execute(
        select(releases).where(releases.c.reservation == reservation)
    ).one_or_none()
    if row is None:
        return None
    return Release(reservation, bytes(row.arrow), parse_metadata(row.metadata), row.at)


def shown_to(connection: Connection, reservation: str, analyst: str) -> Release:
    """Return a release to an analyst who may see it.

    Raises
    ------
    ConfigError
        If there is no such release, or this analyst may not see it; the message does not reveal
        which.
    """
    row = connection.execute(
        select(events).where(events.c.kind == "reserved", events.c.reservation == reservation)
    ).one_or_none()
    release = stored(connection, reservation)
    if row is None or release is None or not may_see(connection, row, analyst):
        raise ConfigError(f"there is no release {reservation!r} that {analyst!r} may see.")
    return release


def _stored_attempt(connection: Connection, reservation: str) -> int:
    chosen = select(releases.c.attempt).where(releases.c.reservation == reservation)
    return int(connection.execute(chosen).scalar_one())


def _noted(connection: Connection, reservation: str, kind: str, attempt: int | None = None) -> bool:
    chosen = select(events.c.seq).where(events.c.reservation == reservation, events.c.kind == kind)
    if attempt is not None:
        chosen = chosen.where(events.c.attempt == attempt)
    return connection.execute(chosen.limit(1)).first() is not None


def _standing_event(connection: Connection, reservation: str) -> Any:
    row = connection.execute(
        select(events).where(events.c.kind == "reserved", events.c.reservation == reservation)
    ).one_or_none()
    if row is None:
        raise LedgerError("the ledger has no such reservation.")
    if _noted(connection, reservation, "cancelled"):
        raise LedgerError("this reservation was cancelled and refunded: reserve again.")
    return row
