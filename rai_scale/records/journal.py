"""A book in a database: opened, read, added to by many writers, and verified."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine

from rai_scale.records.address import engine_at
from rai_scale.records.book import Book
from rai_scale.records.chain import START, Chain, Row, Verification
from rai_scale.records.database import Database
from rai_scale.records.sealer import Sealer

Result = TypeVar("Result")
Clock = Callable[[], datetime]


class Journal:
    """A chain of events that many processes add to; made where there is none.

    Parameters
    ----------
    address
        SQLAlchemy URL or engine of a SQLite file or a PostgreSQL database.
    book : Book
        Its tables.
    force_ephemeral
        Accept a SQLite file that does not outlive the job.
    clock
        Returns an aware datetime; by default the PostgreSQL server's time, or this machine's.

    Raises
    ------
    ConfigError
        If a book cannot be kept at this address.
    RecordError
        If the database fails, or the book does not fit the key in the environment.
    """

    def __init__(
        self,
        address: str | URL | Engine,
        book: Book,
        *,
        force_ephemeral: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.database = Database(
            engine_at(address, book.noun, force_ephemeral=force_ephemeral), book
        )
        self.sealer = Sealer.from_environment(book.key_variable)
        self.chain = Chain(book, self.sealer)
        self._clock = clock
        identity = uuid.uuid4().hex
        self.database.prepare(lambda c: self.chain.found(c, self.now(c), identity))
        self.database.read(self.chain.end)

    def append(self, kind: str, **fields: Any) -> int:
        """Add one event durably; return its number. ``body`` holds plain values."""
        return self.write(lambda c: self.chain.append(c, self.now(c), kind=kind, **fields))

    def events(self) -> list[Row]:
        """Return all events in order, each held against its hash and the one before it."""
        return self.read(lambda c: [dict(r._mapping) for r in self.chain.following(c, 0, START)])

    def verify(
        self,
        anchor: str | None = None,
        further: Callable[[Connection, list[Row]], Iterator[str]] | None = None,
    ) -> Verification:
        """Look for changed, removed and inserted rows; ``anchor`` is of an earlier verification."""

        def work(connection: Connection) -> Verification:
            own = None if further is None else (lambda rows: further(connection, rows))
            return self.chain.verify(connection, anchor, own)

        return self.read(work)

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run ``work`` on one state of the book and of the tables beside it."""
        return self.database.read(work)

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """Run ``work`` alone over all processes, and durably."""
        return self.database.write(work)

    def now(self, connection: Connection) -> int:
        """Return the time in microseconds since 1970."""
        if self._clock is None:
            return self.database.now(connection)
        return int(self._clock().astimezone(UTC).timestamp() * 1_000_000)
