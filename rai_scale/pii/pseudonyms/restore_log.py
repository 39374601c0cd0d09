"""The log of restores: who restored which tokens, and why, as a hash chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rai_scale.records.book import Book
from rai_scale.records.journal import Journal

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

KEY_VARIABLE = "RAI_SCALE_RESTORE_LOG_KEY"
RESTORE, ROTATE = "restore", "rotate"
"""The kinds of its events."""
BOOK = Book(
    noun="restore log",
    prefix="rai_scale_restores",
    columns=(),
    empty={},
    key_variable=KEY_VARIABLE,
)


def open_restore_log(address: str | URL | Engine, *, force_ephemeral: bool = False) -> Journal:
    """Open a restore log; it is created if it does not exist.

    Parameters
    ----------
    address : str, sqlalchemy.URL or sqlalchemy.Engine
        A SQLite file or a PostgreSQL database.
    force_ephemeral : bool
        Whether to accept a SQLite file that is lost at the end of the job.

    Returns
    -------
    Journal
        Its events have the kind ``restore`` or ``rotate`` and a ``body`` with ``run_id``,
        ``analyst``, ``purpose``, ``source``, ``tables`` (columns and number of tokens), ``key_ids``
        and ``tokens``; never a value.

    Raises
    ------
    ConfigError
        If a log cannot be stored at this address.
    RecordError
        If the database fails, or the log does not match the key in the environment.
    """
    return Journal(address, BOOK, force_ephemeral=force_ephemeral)
