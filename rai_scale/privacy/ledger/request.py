"""A request to a ledger, and the transaction in which it is processed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert

from rai_scale.errors import ConfigError
from rai_scale.privacy.costs import Cost
from rai_scale.privacy.ledger.accounts import Accounts
from rai_scale.privacy.ledger.schema import leases
from rai_scale.privacy.ledger.state import ANY
from rai_scale.records.chain import Chain


@dataclass(frozen=True)
class Request:
    """The request of a run."""

    scope: str
    analyst: str
    dataset: str
    costs: tuple[Cost, ...]
    key: str | None
    visible_to: Sequence[str]
    note: dict[str, Any]

    def __post_init__(self) -> None:
        checked_names([self.analyst, self.dataset], "analyst and dataset")
        if not self.costs:
            raise ConfigError("a release has at least one cost.")
        if isinstance(self.visible_to, str):
            raise ConfigError("visible_to is a list of analysts.")
        if self.key is not None and not 0 < len(self.key) <= _KEY:
            raise ConfigError(f"an idempotency key is a text of 1 to {_KEY} characters.")


@dataclass(frozen=True)
class Step:
    """The transaction, chain, accounts, time and length of the lease, which every step needs."""

    connection: Connection
    chain: Chain
    accounts: Accounts
    now: int
    lease: int

    def note(self, kind: str, scope: str, **fields: Any) -> None:
        """Append an event."""
        self.chain.append(self.connection, self.now, kind=kind, scope=scope, **fields)

    def hold(self, reservation: str, attempt: int) -> None:
        """Give the lease to an attempt, from now on."""
        until = self.now + self.lease * _SECOND
        self.connection.execute(delete(leases).where(leases.c.reservation == reservation))
        self.connection.execute(
            insert(leases).values(reservation=reservation, attempt=attempt, until=until)
        )


_KEY = 64

_SECOND = 1_000_000


def checked_names(names: Sequence[str], what: str) -> None:
    """Raise :class:`ConfigError` for a name that is not a text of 1 to 200 characters, or ``*``."""
    for name in names:
        if not isinstance(name, str) or not 0 < len(name) <= 200 or name == ANY:  # noqa: PLR2004
            raise ConfigError(f"{what} must be a text of 1 to 200 characters, and not '*'.")
