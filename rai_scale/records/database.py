"""Transactions of a book: writers run one at a time, and a write is durable when it returns.

A transaction is retried if the database rolled it back, never if its outcome is unknown.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from rai_scale.errors import RaiScaleError
from rai_scale.records.address import shown
from rai_scale.records.book import Book

Result = TypeVar("Result")

_TRIES = 12
_WAIT_MS = 60_000
# serialization failure, deadlock: rolled back for certain
_RETRIED = {"40001", "40P01"}
_LOCK_TIMEOUT = "55P03"
_CREATE_LOCK = 0x7261695F7363616C
_LONGEST_PAUSE = 0.5


class Database:
    """Runs functions in transactions of a database.

    Parameters
    ----------
    engine : sqlalchemy.Engine
    book : Book
        The book in this database.
    """

    def __init__(self, engine: Engine, book: Book) -> None:
        self.engine, self.book = engine, book
        self.name = shown(engine.url)
        self._called = f"the {book.noun} {self.name}"
        self._sqlite = engine.dialect.name == "sqlite"
        self._one_at_a_time = threading.RLock()
        if self._sqlite and not event.contains(engine, "connect", _make_durable):
            event.listen(engine, "connect", _make_durable)

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """Run ``work(connection)`` alone and durably; again if the database rolled it back.

        Raises
        ------
        RecordBusyError
            If the database is locked for more than a minute.
        RecordError
            If the database fails otherwise.
        """
        for attempt in range(_TRIES):
            try:
                with self._transaction("SERIALIZABLE") as connection:
                    self._begin_write(connection)
                    return work(connection)
            except _OrderError:
                time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.01 * 2**attempt)))  # noqa: S311
        raise self.book.busy(f"{self._called} is too busy; nothing was changed. Try again.")

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run ``work(connection)`` on one consistent state of the book; errors as :meth:`write`."""
        with self._transaction("REPEATABLE READ") as connection:
            if self._sqlite:
                connection.exec_driver_sql("BEGIN")
            return work(connection)

    def prepare(self, found: Callable[[Connection], None]) -> None:
        """Create the book's tables if they are missing; ``found`` writes the first event."""
        if self.read(self.book.exists):
            return
        with self._transaction("READ COMMITTED") as connection:
            if self._sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _CREATE_LOCK})
            if not self.book.exists(connection):
                self.book.create(connection)
                found(connection)

    def now(self, connection: Connection) -> int:
        """Return the time in microseconds since 1970: the server's for PostgreSQL."""
        if self._sqlite:
            return time.time_ns() // 1000
        found = connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp()) * 1000000")
        return int(found.scalar_one())

    @contextmanager
    def _transaction(self, isolation: str) -> Iterator[Connection]:
        with self._one_at_a_time, self._errors(), self.engine.connect() as connection:
            if not self._sqlite:  # overrides the caller's engine, which may be set to AUTOCOMMIT
                connection.execution_options(isolation_level=isolation)
            with connection.begin():
                yield connection

    def _begin_write(self, connection: Connection) -> None:
        if self._sqlite:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        # the lock comes before the first query, so that the snapshot is taken after it
        connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_WAIT_MS}")
        connection.exec_driver_sql(f"LOCK TABLE {self.book.head.name} IN EXCLUSIVE MODE")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None)
            locked = self._sqlite and "locked" in str(error.orig)
            if state in _RETRIED:
                raise _OrderError from None
            if locked or state == _LOCK_TIMEOUT:
                raise self.book.busy(
                    f"{self._called} was locked for {_WAIT_MS // 1000} s. Try again."
                ) from None
            raise self.book.failed(
                self._failed(type(error.orig).__name__, str(error.orig))
            ) from None
        except SQLAlchemyError as error:
            raise self.book.failed(self._failed(type(error).__name__, "")) from None

    def _failed(self, kind: str, detail: str) -> str:
        first = detail.strip().split("\n")[0]
        password = self.engine.url.password
        if password:
            first = first.replace(str(password), "***")
        return f"{self._called} failed: {kind} {first}".rstrip()


class _OrderError(RaiScaleError):
    """The database rolled back a transaction that conflicted with another."""


def _make_durable(connection: object, _record: object) -> None:
    """Make commits survive a power failure: a lost event would not be noticed.

    EXTRA also syncs the folder of the rollback journal; without that, the journal could reappear
    and undo a commit.
    """
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")
    cursor.execute("PRAGMA journal_mode = DELETE")
    cursor.execute("PRAGMA synchronous = EXTRA")
    cursor.close()
