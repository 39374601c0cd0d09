"""Releases without a ledger, which must be requested, and the accepted forms of a ledger."""

from __future__ import annotations

import time
import uuid
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import URL, Engine

from rai_scale.errors import ConfigError
from rai_scale.privacy.costs import Cost
from rai_scale.privacy.ledger.ledger import Ledger, open_ledger
from rai_scale.privacy.ledger.problems import PrivacyWarning
from rai_scale.privacy.ledger.reservation import Release, Reservation, check_ipc, parse_metadata
from rai_scale.records.canonical import canonical_json


class NoLedger:
    """Has the methods of a ledger, but stores and refuses nothing."""

    def __init__(self) -> None:
        warnings.warn(
            "ledger='none': this release is not charged to any budget and not stored. Each further "
            "release of the same data adds to what can be learned about a person.",
            PrivacyWarning,
            stacklevel=3,
        )

    def __repr__(self) -> str:
        return "NoLedger()"

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
        """Return a reservation that charged nothing."""
        if not costs:
            raise ConfigError("a release has at least one cost.")
        held = (scope, analyst, dataset, idempotency_key)
        return Reservation(uuid.uuid4().hex, *held, attempt=1, charged=False)

    def mark_reading(self, reservation: Reservation) -> None:
        """Do nothing."""

    def renew(self, reservation: Reservation) -> None:
        """Do nothing."""

    def abandon(self, reservation: Reservation) -> None:
        """Do nothing."""

    def cancel(self, reservation: Reservation | str) -> None:
        """Do nothing."""

    def store_release(
        self, reservation: Reservation, arrow: bytes, metadata: Mapping[str, Any]
    ) -> Release:
        """Return the release, kept in memory only."""
        check_ipc(arrow)
        plain = parse_metadata(canonical_json(dict(metadata)))
        return Release(reservation.id, arrow, plain, time.time_ns() // 1000)


def ledger_of(value: Any, *, force_ephemeral: bool = False) -> Ledger | NoLedger:
    """Return the ledger that a caller gave.

    Parameters
    ----------
    value
        SQLAlchemy URL (text or object), engine, ledger, or the text ``none``.
    force_ephemeral
        As in :func:`~rai_scale.privacy.ledger.ledger.open_ledger`.

    Raises
    ------
    ConfigError
        For None and everything else: a release without a budget must be requested explicitly.
    """
    if isinstance(value, Ledger | NoLedger):
        return value
    if isinstance(value, str) and value == "none":
        return NoLedger()
    if isinstance(value, str | URL | Engine):
        return open_ledger(value, force_ephemeral=force_ephemeral)
    found = "None" if value is None else f"a {type(value).__name__}"
    raise ConfigError(
        f"a private release needs a ledger, found {found}. Give a SQLAlchemy URL such as "
        "'sqlite:////srv/rai/ledger.db', a Ledger, or 'none' for a release without a budget."
    )
