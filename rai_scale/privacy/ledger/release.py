"""All steps of a release in one call; its noise is drawn once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from rai_scale.privacy.costs import Cost
from rai_scale.privacy.ledger.ledger import LEASE_SECONDS
from rai_scale.privacy.ledger.problems import LedgerError
from rai_scale.privacy.ledger.reservation import Release, Reservation

if TYPE_CHECKING:
    from rai_scale.privacy.ledger.ledger import Ledger
    from rai_scale.privacy.ledger.no_ledger import NoLedger

Compute = Callable[[], tuple[bytes, Mapping[str, Any]]]
_RENEW_EVERY = LEASE_SECONDS / 4


def release_once(
    ledger: Ledger | NoLedger,
    compute: Compute,
    *,
    scope: str,
    analyst: str,
    dataset: str,
    costs: Sequence[Cost],
    idempotency_key: str | None = None,
    visible_to: Sequence[str] = (),
    query: str | None = None,
    keep_query: bool = False,
    wait: float = 2.0 * LEASE_SECONDS,
) -> Release:
    """Charge, read, draw noise, store, and return the stored release; or return an earlier one.

    Parameters
    ----------
    compute
        Reads the data and draws the noise; returns an Arrow IPC stream and metadata. Called at
        most once, after the charge is durable. Code that may fail on a noisy value must come after
        this function, not inside it.
    ledger, scope, analyst, dataset, costs, idempotency_key, visible_to, query, keep_query, wait
        As in :meth:`~rai_scale.privacy.ledger.ledger.Ledger.reserve`.

    Raises
    ------
    BudgetExceededError
        Before ``compute`` is called.
    """
    held = ledger.reserve(
        scope,
        analyst,
        dataset,
        costs,
        idempotency_key=idempotency_key,
        visible_to=visible_to,
        query=query,
        keep_query=keep_query,
        wait=wait,
    )
    if held.release is not None:
        return held.release
    ledger.mark_reading(held)
    try:
        with keep_alive(ledger, held):
            arrow, metadata = compute()
        return ledger.store_release(held, arrow, metadata)
    except BaseException:
        with suppress(LedgerError):  # the lease then ends by itself
            ledger.abandon(held)
        raise


@contextmanager
def keep_alive(
    ledger: Ledger | NoLedger, reservation: Reservation, every: float = _RENEW_EVERY
) -> Iterator[None]:
    """Renew a reservation at regular intervals while the block runs.

    A renewal that fails is ignored: at worst another run takes over the charge, and only one of the
    two releases is stored.
    """
    done = threading.Event()

    def renew() -> None:
        while not done.wait(every):
            try:
                ledger.renew(reservation)
            except LedgerError:
                continue

    thread = threading.Thread(target=renew, daemon=True, name="rai-scale-lease")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
