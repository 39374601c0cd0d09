"""SQLite files, opened read-only and without the files that SQLite would write beside them."""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from rai_scale.names import quoted
from rai_scale.tables.column_names import text_schema, unique_names
from rai_scale.tables.documents.tabular import Outline, batched, plain, text_rows, text_table
from rai_scale.tables.documents.work import Entry, Row, Work

_WAL = "its newest changes are in a write-ahead log, which was not read"
_SHORT = "damaged: its end is missing"
_BYTES = "values that are bytes and not text"


def outlines(entry: Entry, work: Work, inner: str | None) -> list[Outline]:
    """Return the tables of a database, or only one of them; views repeat them."""
    connection = _open(entry, work)
    try:
        found = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
            "ESCAPE '\\' ORDER BY name"
        )
        names = [name for (name,) in found.fetchall() if inner in (None, name)]
        return [outline for name in names if (outline := _outline(connection, name, work))]
    finally:
        connection.close()


def batches(entry: Entry, outline: Outline, work: Work) -> Iterator[pa.Table]:
    """Yield the rows of a table, as text."""
    connection = _open(entry, work)
    try:
        rows = connection.execute(f"SELECT * FROM {quoted(outline.inner)}")  # noqa: S608 - quoted
        for some in batched([_text(value, work) for value in row] for row in rows):
            yield text_table(outline.schema.names, some)
    finally:
        connection.close()


def read_database(entry: Entry, work: Work) -> Iterator[Row]:
    """Yield each row as text."""
    return text_rows("sqlite", entry, work)


def _check_size(entry: Entry, work: Work) -> None:
    """Note a file that is shorter than its header says: SQLite would read zeros."""
    head, size = entry.head(), entry.size()
    page, counter, pages = struct.unpack_from(">H6xII", head, 16)
    (valid_for,) = struct.unpack_from(">I", head, 92)
    page = 1 << 16 if page == 1 else page
    expected = page * pages if counter == valid_for else 0
    if (page and size % page) or size < expected:
        work.note_once(_SHORT)


def _open(entry: Entry, work: Work) -> sqlite3.Connection:
    _check_size(entry, work)
    if entry.path is not None:
        log = f"{entry.path}-wal"
        if os.path.exists(log) and os.path.getsize(log):
            work.note_once(_WAL)
        uri = f"file:{quote(entry.path)}?mode=ro&immutable=1"
        connection = sqlite3.connect(uri, uri=True)
    else:
        connection = sqlite3.connect(":memory:")
        connection.deserialize(entry.content(work))
    connection.text_factory = lambda content: content.decode("utf-8", "replace")
    for pragma in ("temp_store = MEMORY", "trusted_schema = OFF", "query_only = ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _outline(connection: sqlite3.Connection, name: str, work: Work) -> Outline | None:
    try:
        # "table_info" would leave out generated columns
        columns = connection.execute(f"SELECT * FROM {quoted(name)} LIMIT 0").description  # noqa: S608
    except sqlite3.OperationalError:
        work.note("table of an extension that is not installed")
        return None
    return Outline(name, text_schema(unique_names([column[0] for column in columns])))


def _text(value: Any, work: Work) -> str | None:
    if not isinstance(value, bytes):
        return plain(value)
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        work.note(_BYTES)
        return None
    return text or None
