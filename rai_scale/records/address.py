"""Database engines for a book of events, from the address that a user gives."""

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
    """Return an address with its password hidden."""
    return url.render_as_string(hide_password=True)


def engine_at(address: str | URL | Engine, noun: str, *, force_ephemeral: bool) -> Engine:
    """Return a database engine for a book, such as a ledger, at an address.

    Parameters
    ----------
    address : str, sqlalchemy.URL or sqlalchemy.Engine
        A SQLite file or a PostgreSQL database.
    noun : str
        What the book is called in messages, such as ``ledger``.
    force_ephemeral : bool
        Whether to accept a SQLite file that is lost at the end of the job.

    Raises
    ------
    ConfigError
        If the address is not valid, if it names an object store or another kind of database, or if
        a file there would be lost at the end of the job or could not be locked.
    MissingExtraError
        If the driver of PostgreSQL is not installed.
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
        f"a {noun} cannot be stored in {kind!r}: serialisable transactions are verified for SQLite "
        f"and PostgreSQL only. Use {_EXAMPLES}."
    )


def _parsed(address: str | URL, noun: str) -> URL:
    if isinstance(address, URL):
        return address
    scheme = _SCHEME.match(address)
    if scheme and scheme[1].lower() in _OBJECT_STORES:
        raise ConfigError(
            f"a {noun} cannot be stored on an object store ({scheme[1]}:): each event must follow "
            "all earlier events, and the conditional writes of object stores differ too much to "
            "guarantee that. Use PostgreSQL: 'postgresql://user@host/database'."
        )
    try:
        return make_url(address)
    except (ArgumentError, ValueError):
        # the address is not shown: it may contain a password
        raise ConfigError(
            f"the address of the {noun} is not a SQLAlchemy URL. Use {_EXAMPLES}."
        ) from None


def _in_memory(url: URL) -> bool:
    database = url.database or ""
    return database in ("", ":memory:") or ":memory:" in database or "mode=memory" in database


def _check_sqlite(url: URL, noun: str, force: bool) -> None:
    advice = (
        "Use PostgreSQL, or a SQLite file on a persistent disk; force_ephemeral=True accepts the "
        "loss (for tests)."
    )
    if _in_memory(url):
        if not force:
            raise ConfigError(
                f"a {noun} in memory is lost when the process ends, and with it the record of "
                f"what happened. {advice}"
            )
        return
    path = str(url.database)
    if path.startswith("file:"):
        raise ConfigError(f"a SQLite {noun} must be a plain path: 'sqlite:////srv/rai/ledger.db'.")
    problem = storage_problem(path)
    if problem and not problem.lost:
        raise ConfigError(
            f"the {noun} {path} is on {problem.what}, where SQLite's locks do not work: two "
            "processes could overwrite each other's events. Use PostgreSQL."
        )
    if problem and not force:
        raise ConfigError(
            f"the {noun} {path} is on {problem.what}, which is lost at the end of the job: each "
            f"job would start with an empty {noun}. {advice}"
        )


def _sqlite(url: URL) -> Engine:
    if _in_memory(url):
        return create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    _only_for_its_owner(str(url.database))
    # one connection per transaction, so that a fork of the process cannot break it
    return create_engine(url, poolclass=NullPool)


def _only_for_its_owner(path: str) -> None:
    """Make the file readable by its owner only; SQLite gives -wal and -shm the same mode.

    A group that was given access to an existing file keeps it; all other users lose it.
    """
    with suppress(OSError):  # SQLite reports why it cannot be opened
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
            f"the driver of {shown(url)} is not installed. 'postgresql://' uses psycopg."
        ) from None
