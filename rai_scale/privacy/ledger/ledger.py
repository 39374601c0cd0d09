"""The ledger: a budget that outlives the job, and every release under one charge."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import URL, Engine

from rai_scale.privacy.costs import Accounting, Cost, Neighbours
from rai_scale.privacy.ledger import lifecycle, setup
from rai_scale.privacy.ledger.amounts import Number
from rai_scale.privacy.ledger.problems import LedgerBusyError
from rai_scale.privacy.ledger.reading import LedgerReader
from rai_scale.privacy.ledger.request import Request, Step
from rai_scale.privacy.ledger.reservation import Release, Reservation, check_ipc
from rai_scale.privacy.ledger.schema import BOOK
from rai_scale.records.canonical import canonical_json, mask_literals
from rai_scale.records.journal import Clock, Journal

Result = TypeVar("Result")
LEASE_SECONDS = 60
_POLL = 0.5


class Ledger(LedgerReader):
    """A record of what was spent and released; made by :func:`open_ledger`.

    Every method is one transaction. Methods that write are serialised over all processes and are
    durable when they return.
    """

    def __init__(self, journal: Journal, lease: int) -> None:
        super().__init__(journal)
        self._lease = lease

    def __repr__(self) -> str:
        return f"Ledger({self._journal.database.name!r})"

    def create_scope(
        self,
        name: str,
        *,
        epsilon: Number | None = None,
        delta: Number = 0,
        rho: Number | None = None,
        accounting: Accounting = "epsilon-delta",
        neighbours: Neighbours = "add-remove",
    ) -> None:
        """Create a set of privacy units with a hard cap that is never renewed or changed.

        Parameters
        ----------
        name
            For example ``patients``: one name per population whose members are protected.
        epsilon, delta
            Cap of ``accounting="epsilon-delta"`` (basic composition; pure with ``delta=0``).
        rho, delta
            Cap of ``accounting="zcdp"`` (delta-approximate rho-zCDP).
        neighbours
            The neighbouring tables that the cap refers to: ``add-remove``, a person added or
            removed (private SQL and counts); or ``replace``, a person replaced by another while the
            number of people is public (private EBMs; SQL and counts are charged there what a
            replacement costs, twice epsilon).
        """
        self._write(
            lambda step: setup.create_scope(
                step,
                name,
                accounting=accounting,
                epsilon=epsilon,
                delta=delta,
                rho=rho,
                neighbours=neighbours,
            )
        )

    def grant(
        self,
        scope: str,
        *,
        analyst: str | None = None,
        dataset: str | None = None,
        epsilon: Number | None = None,
        delta: Number = 0,
        rho: Number | None = None,
        window: timedelta | None = None,
    ) -> None:
        """Allow one analyst, or all together, to spend on one dataset, or on all together.

        As soon as a scope has a grant, only requests that match a grant are allowed. Each must fit
        every grant that matches it, and the hard cap. A grant with a ``window`` counts the charges
        of the last ``window`` seconds; a grant without it counts all charges. An amount of 0
        revokes a grant.
        """
        self._write(
            lambda step: setup.grant(
                step,
                scope,
                analyst=analyst,
                dataset=dataset,
                epsilon=epsilon,
                delta=delta,
                rho=rho,
                window=window,
            )
        )

    def reserve(
        self,
        scope: str,
        analyst: str,
        dataset: str,
        costs: Sequence[Cost],
        *,
        idempotency_key: str | None = None,
        visible_to: Sequence[str] = (),
        query: str | None = None,
        keep_query: bool = False,
        wait: float = 0.0,
    ) -> Reservation:
        """Charge the budget before any data are read, or return an earlier charge and its release.

        Parameters
        ----------
        scope, analyst, dataset
            Who is charged, and for which data. The ledger does not check the analyst's identity.
        costs
            One per column or query of the release; their sum is charged.
        idempotency_key
            From :func:`~rai_scale.records.canonical.idempotency_key`. If its release is stored and
            the analyst may see it, it is returned and nothing is charged. If a run with this key
            crashed, its charge is used.
        visible_to
            Further analysts who may see the release (``"*"``: all). The analyst who was charged may
            add more in a second call with the same key.
        query
            Kept as a hash; with ``keep_query`` also as text without its literals.
        wait
            Seconds to wait for another run that makes the same release.

        Raises
        ------
        BudgetExceededError
            If the hard cap or a grant does not allow it.
        LedgerBusyError
            If another run holds the same key.
        LedgerError
            If the chain of events does not verify.
        """
        request = Request(
            scope=scope,
            analyst=analyst,
            dataset=dataset,
            costs=tuple(costs),
            key=idempotency_key,
            visible_to=visible_to,
            note=self._query_note(query, keep_query),
        )
        self._journal.read(self._accounts.names)  # the long first reading blocks no other process
        until = time.monotonic() + wait
        while True:
            try:
                return self._write(lambda step: lifecycle.reserve(step, request))
            except LedgerBusyError:
                if time.monotonic() >= until:
                    raise
                time.sleep(min(_POLL, max(0.0, until - time.monotonic())))

    def mark_reading(self, reservation: Reservation) -> None:
        """Record that data are read from now on; after this nothing is refunded."""
        self._write(lambda step: lifecycle.mark_reading(step, reservation))

    def renew(self, reservation: Reservation) -> None:
        """Hold a reservation for another ``lease_seconds``, so that no other run takes it over."""
        self._write(lambda step: lifecycle.renew(step, reservation))

    def store_release(
        self, reservation: Reservation, arrow: bytes, metadata: Mapping[str, Any]
    ) -> Release:
        """Store the release and return what is stored; show only what is returned.

        If another run with the same charge was first, its release is returned and this one is
        discarded. ``arrow`` is an Arrow IPC stream; ``metadata`` are JSON values without personal
        data.
        """
        check_ipc(arrow)
        text = canonical_json(dict(metadata))
        return self._write(lambda step: lifecycle.store(step, reservation, arrow, text))

    def abandon(self, reservation: Reservation) -> None:
        """End a run without a release: the charge stays, and another run may use it immediately."""
        self._write(lambda step: lifecycle.let_go(step, reservation))

    def cancel(self, reservation: Reservation | str) -> None:
        """Refund a reservation (or its id) whose data were never read."""
        found = reservation if isinstance(reservation, str) else reservation.id
        self._write(lambda step: lifecycle.cancel(step, found))

    def _write(self, work: Callable[[Step], Result]) -> Result:
        return self._journal.write(
            lambda connection: work(
                Step(
                    connection,
                    self._journal.chain,
                    self._accounts,
                    self._journal.now(connection),
                    self._lease,
                )
            )
        )

    def _query_note(self, query: str | None, keep: bool) -> dict[str, Any]:
        if query is None:
            return {}
        hashed = {"query_hash": self._journal.sealer.digest("query", query.encode())}
        masked = mask_literals(query) if keep else None
        return hashed if masked is None else {**hashed, "query": masked}


def open_ledger(
    address: str | URL | Engine,
    *,
    force_ephemeral: bool = False,
    lease_seconds: int = LEASE_SECONDS,
    clock: Clock | None = None,
) -> Ledger:
    """Open a ledger; create it if there is none.

    Parameters
    ----------
    address
        SQLAlchemy URL or engine: ``sqlite:////srv/rai/ledger.db`` or
        ``postgresql://user@host/database``.
    force_ephemeral
        Accept a SQLite ledger that does not outlive the job.
    lease_seconds
        How long other runs wait before they take over the charge of a run that stopped responding.
    clock
        Returns an aware datetime; by default the PostgreSQL server's time, or this machine's.

    Raises
    ------
    ConfigError
        If a budget cannot be kept at this address.
    LedgerError
        If the database fails, or the ledger does not fit the key in ``RAI_SCALE_LEDGER_KEY``.
    """
    journal = Journal(address, BOOK, force_ephemeral=force_ephemeral, clock=clock)
    return Ledger(journal, lease_seconds)
