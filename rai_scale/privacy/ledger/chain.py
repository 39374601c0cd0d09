"""The hash chain: what is appended, and what a look at it afterwards can prove."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert, select, update

from rai_scale.errors import ConfigError
from rai_scale.privacy.ledger.problems import LedgerError
from rai_scale.privacy.ledger.schema import events, head
from rai_scale.records.canonical import canonical_json

KEY_VARIABLE = "RAI_SCALE_LEDGER_KEY"
START = "0" * 64
_SHORTEST_KEY = 16
_CONTENT = [column.name for column in events.columns if column.name != "hash"]
_EMPTY: dict[str, Any] = {
    **dict.fromkeys(("scope", "analyst", "dataset", "reservation", "request_key")),
    **dict.fromkeys(("attempt", "epsilon", "delta", "rho"), 0),
    "body": {},
}


class Sealer:
    """Hashes texts, with a key where there is one: SHA-256 or HMAC-SHA-256.

    Each use has a name, so that a hash made for one is none for another.
    """

    def __init__(self, key: str | None = None) -> None:
        if key is not None and len(key) < _SHORTEST_KEY:
            raise ConfigError(
                f"{KEY_VARIABLE} must have at least {_SHORTEST_KEY} characters, found {len(key)}."
            )
        self._key = key.encode() if key else None

    @classmethod
    def from_environment(cls) -> Sealer:
        """Return a sealer with the key of the environment, if it holds one."""
        return cls(os.environ.get(KEY_VARIABLE) or None)

    @property
    def keyed(self) -> bool:
        """Whether hashes need a key."""
        return self._key is not None

    def digest(self, use: str, content: bytes) -> str:
        """Return 64 hexadecimal digits."""
        message = use.encode() + b"\n" + content
        if self._key is None:
            return hashlib.sha256(message).hexdigest()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def event(self, row: Mapping[str, Any]) -> str:
        """Return the hash of an event: of all its columns, among them the hash before it."""
        content = canonical_json({name: row[name] for name in _CONTENT})
        return self.digest("event", content.encode())

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Return whether an event still has the content that it was hashed with."""
        try:
            return bool(row["hash"] == self.event(row))
        except ConfigError:  # a type that no event has
            return False

    def seal(self, count: int, last: str) -> str:
        """Return the seal of a head."""
        return self.digest("head", f"{count}:{last}".encode())


def found_ledger(connection: Connection, sealer: Sealer, now: int, identity: str) -> None:
    """Write the first event and the head of an empty ledger."""
    seal = sealer.seal(0, START)
    connection.execute(insert(head).values(id=1, length=0, hash=START, seal=seal))
    body = {"format": 1, "ledger": identity, "keyed": sealer.keyed}
    append(connection, sealer, now, kind="founded", body=body)


def append(connection: Connection, sealer: Sealer, now: int, **fields: Any) -> int:
    """Add an event at the end of the chain, in a transaction that holds the head; return its seq.

    Raises
    ------
    LedgerError
        If head and last event disagree: somebody changed the ledger.
    """
    count, last, latest = checked_head(connection, sealer)
    # a clock that was set back must not let a charge look older than it is
    row = {**_EMPTY, **fields, "seq": count, "at": max(now, latest), "previous": last}
    row["body"] = canonical_json(row["body"])
    row["hash"] = sealer.event(row)
    connection.execute(insert(events).values(row))
    seal = sealer.seal(count + 1, row["hash"])
    connection.execute(update(head).values(length=count + 1, hash=row["hash"], seal=seal))
    return count


def checked_head(connection: Connection, sealer: Sealer) -> tuple[int, str, int]:
    """Return the number of events, and hash and time of the last, if they fit together."""
    row = connection.execute(select(head)).one_or_none()
    last = connection.execute(
        select(events.c.seq, events.c.hash, events.c.at).order_by(events.c.seq.desc()).limit(1)
    ).one_or_none()
    ends = (last.seq + 1, last.hash) if last else (0, START)
    if row is None or (row.length, row.hash) != ends:
        raise LedgerError(
            "the last event of the ledger is not the one that its head names: rows were removed "
            "or added by hand. Nothing was charged; run verify, and restore a backup."
        )
    if row.seal != sealer.seal(row.length, row.hash):
        raise LedgerError(wrong_key(sealer))
    return row.length, row.hash, last.at if last else 0


def wrong_key(sealer: Sealer) -> str:
    """Return the message for a head or first event that does not fit the key."""
    state = "is not the one that this ledger was founded with" if sealer.keyed else "is not set"
    return (
        f"the ledger's seal does not fit: {KEY_VARIABLE} {state}, or the head was changed by hand. "
        "Set the key that the ledger was founded with (unset it for a ledger without a key)."
    )
