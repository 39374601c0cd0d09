"""A book of events in a database, which many processes read, append to and verify."""

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
    """A chain of events that many processes append to; created if it does not exist.

    Parameters
    ----------
    address : str, sqlalchemy.URL or sqlalchemy.Engine
        A SQLite file or a PostgreSQL database.
    book : Book
        Its tables.
    force_ephemeral : bool
        Whether to accept a SQLite file that is lost at the end of the job.
    clock : callable, optional
        Returns a datetime with a time zone; by default, the time of the PostgreSQL server or of
        this machine.

    Raises
    ------
    ConfigError
        If a book cannot be stored at this address.
    RecordError
        If the database fails, or the book does not match the key in the environment.
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
        """Append one event durably; return its ``seq``.

        Parameters
        ----------
        kind : str
            At most 20 characters.
        **fields
            The values of the event's columns; ``body`` is any value with a canonical JSON text.
        """
        return self.write(lambda c: self.chain.append(c, self.now(c), kind=kind, **fields))

    def events(self) -> list[Row]:
        """Return all events in order, each checked against its hash and the one before it."""
        return self.read(lambda c: [dict(r._mapping) for r in self.chain.following(c, 0, START)])

    def verify(
        self,
        anchor: str | None = None,
        further: Callable[[Connection, list[Row]], Iterator[str]] | None = None,
    ) -> Verification:
        """Search for changed, removed and inserted rows; see :meth:`Chain.verify`."""
        return self.read(lambda c: self.chain.verify(c, anchor, further))

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run ``work(connection)`` on one consistent state of the book and its other tables."""
        return self.database.read(work)

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """Run ``work(connection)`` durably, as the only writer of all processes."""
        return self.database.write(work)

    def now(self, connection: Connection) -> int:
        """Return the time in microseconds since 1970: of the clock, or of the database."""
        if self._clock is None:
            return self.database.now(connection)
        return int(self._clock().astimezone(UTC).timestamp() * 1_000_000)
