"""From what a user writes to an engine that may hold a book of events, or a clear refusal."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from importlib.util import find_spec

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool, StaticPool

from rai_scale.errors import ConfigError, MissingExtraError
from rai_scale.records.storage import storage_problem

_OBJECT_STORES = {
    *("s3", "s3a", "s3n", "gs", "gcs", "abfs", "abfss", "adl", "az", "wasb", "wasbs", "dbfs"),
    *("hdfs", "oss", "http", "https", "memory"),
}
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):/")
_EXAMPLES = "'sqlite:////srv/rai/ledger.db' or 'postgresql://user@host/database'"


def shown(url: URL) -> str:
    """Return an address without its password."""
    return url.render_as_string(hide_password=True)


def engine_at(address: str | URL | Engine, noun: str, *, force_ephemeral: bool) -> Engine:
    """Return an engine for a book, such as a ledger, at this address.

    Raises
    ------
    ConfigError
        If the address cannot be read, names an object store or another kind of database, or a
        place that does not outlive the job or does not lock.
    """
    url = address.url if isinstance(address, Engine) else _parsed(address, noun)
    kind = url.get_backend_name()
    if kind == "sqlite":
        _check_sqlite(url, noun, force_ephemeral)
        if isinstance(address, Engine) and _in_memory(url):
            return address
        return _sqlite(url)
    if kind == "postgresql":
        return address if isinstance(address, Engine) else _postgres(url)
    raise ConfigError(
        f"a {noun} cannot be kept in {kind!r}: its serialisable transactions are proven on SQLite "
        f"and PostgreSQL only. Give {_EXAMPLES}."
    )


def _parsed(address: str | URL, noun: str) -> URL:
    if isinstance(address, URL):
        return address
    scheme = _SCHEME.match(address)
    if scheme and scheme[1].lower() in _OBJECT_STORES:
        raise ConfigError(
            f"a {noun} cannot be kept on an object store ({scheme[1]}:): what is added must "
            "follow all that was added before, and the conditional writes of object stores differ "
            "too much for that to be proven. Use PostgreSQL: 'postgresql://user@host/database'."
        )
    try:
        return make_url(address)
    except (ArgumentError, ValueError):
        # the text is not shown: it may hold a password
        raise ConfigError(f"the {noun}'s address is no SQLAlchemy URL. Give {_EXAMPLES}.") from None


def _in_memory(url: URL) -> bool:
    database = url.database or ""
    return database in ("", ":memory:") or ":memory:" in database or "mode=memory" in database


def _check_sqlite(url: URL, noun: str, force: bool) -> None:
    advice = (
        "Use PostgreSQL, or a SQLite file on a disk that stays; force_ephemeral=True accepts the "
        "loss (for tests)."
    )
    if _in_memory(url):
        if not force:
            raise ConfigError(
                f"a {noun} in memory is gone when the process ends, and with it the record of "
                f"what happened. {advice}"
            )
        return
    path = str(url.database)
    if path.startswith("file:"):
        raise ConfigError(f"a SQLite {noun} is a plain file: 'sqlite:////srv/rai/ledger.db'.")
    problem = storage_problem(path)
    if problem and not problem.lost:
        raise ConfigError(
            f"the {noun} {path} is on {problem.what}, where SQLite's locks do not hold: two "
            "processes could write over each other. Use PostgreSQL."
        )
    if problem and not force:
        raise ConfigError(
            f"the {noun} {path} is on {problem.what}, which does not outlive the job: it "
            f"would start anew each time. {advice}"
        )


def _sqlite(url: URL) -> Engine:
    if _in_memory(url):
        return create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    _only_for_its_owner(str(url.database))
    # a connection per transaction: nothing to break when the process forks
    return create_engine(url, poolclass=NullPool)


def _only_for_its_owner(path: str) -> None:
    """Make a new file readable by its owner alone; SQLite gives -wal and -shm the same mode.

    A group that was given access to a file on purpose keeps it; others never need it.
    """
    with suppress(OSError):  # SQLite says why it cannot be opened
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK, 0o600))
        for name in (path, f"{path}-wal", f"{path}-shm"):
            mode = os.stat(name).st_mode
            if stat.S_ISREG(mode) and mode & 0o007:
                os.chmod(name, mode & 0o770)


def _postgres(url: URL) -> Engine:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if url.get_driver_name() == "psycopg" and find_spec("psycopg") is None:
        raise MissingExtraError("psycopg", "postgres")
    try:
        return create_engine(url, poolclass=NullPool)
    except (ArgumentError, ImportError):
        raise ConfigError(
            f"the driver of {shown(url)} is not installed. 'postgresql://' alone uses psycopg."
        ) from None
