"""What was not searched: files, tables and values, each with the reason."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.pii.scanning.table_scan import TableScan
from rai_scale.tables.formats import UNREAD as UNREAD_COLUMN
from rai_scale.tables.path_names import shown
from rai_scale.tables.readers.documents import PARTLY
from rai_scale.tables.source import TableSource


@dataclass(frozen=True)
class UnreadItem:
    """Something that was not searched.

    Attributes
    ----------
    what : {"file", "folder", "table", "part", "cells"}
        ``part`` is the rest of a file that was partly read; ``cells`` are values of a column.
    where, reason : str
    count : int
        Files, tables or values.
    bytes : int or None
        Size; None if unknown.
    """

    what: str
    where: str
    reason: str
    count: int
    bytes: int | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


def split_unread(table: pa.Table) -> tuple[pa.Table, list[str]]:
    """Separate the rows of data from those that report a file which was not read completely.

    Returns
    -------
    tuple of (pyarrow.Table, list of str)
        The data, and the values of the column ``_unread``.
    """
    if UNREAD_COLUMN not in table.column_names:
        return table, []
    column = table[UNREAD_COLUMN]
    data = table.filter(pc.is_null(column)).drop_columns([UNREAD_COLUMN])
    return data, column.drop_null().to_pylist()


def file_facts(
    known: Mapping[str, Any], source: TableSource, reports: Collection[str]
) -> dict[str, Any]:
    """Add the files that were partly read or not read, as found while their rows were read.

    ``known`` and the result are fields of :class:`TableScan`.
    """
    if not reports:
        return {}
    sizes = {shown(file.path): file.size for file in source.files}
    found = [json.loads(report) for report in sorted(reports)]
    partly = tuple((r["file"], r["why"]) for r in found if r["status"] == PARTLY)
    never = [(r["file"], r["why"]) for r in found if r["status"] != PARTLY]
    lost = tuple(sizes.get(file, 0) for file, _ in never)
    size = known["bytes"]
    return {
        "partly_read": (*known["partly_read"], *partly),
        "unreadable": (*known["unreadable"], *never),
        "unreadable_bytes": (*known["unreadable_bytes"], *lost),
        "bytes": size if size is None else size - sum(lost),
    }


def unread_of(table: TableScan) -> Iterator[UnreadItem]:
    """Yield what was not searched in a table."""
    sizes = table.unreadable_bytes or (None,) * len(table.unreadable)
    for (name, error), size in zip(table.unreadable, sizes, strict=True):
        yield UnreadItem("file", f"{table.table}/{name}", f"cannot be read ({error})", 1, size)
    for name, why in table.partly_read:
        yield UnreadItem("part", f"{table.table}/{name}", f"partly read ({why})", 1, None)
    if table.left_out:
        what = "table" if table.status == "left out" else "part"
        size = table.bytes if what == "table" else None
        yield UnreadItem(what, table.table, f"left out: {table.left_out}", 1, size)
    if table.stopped:
        reason = "the budget was used up before its claims held; other rows were not analysed"
        yield UnreadItem("part", table.table, reason, 1, None)
    if table.status == "unreadable" and not (table.unreadable and not table.bytes):
        yield UnreadItem("table", table.table, table.note or "cannot be read", 1, table.bytes)
    if table.status in ("clean", "findings"):  # all values were searched
        return
    for c in table.columns:
        where = f"{table.table}: {c.column}"
        if c.errors:
            yield UnreadItem("cells", where, "the analysis failed", c.errors, c.error_bytes)
        if c.unread:
            yield UnreadItem("cells", where, "bytes that are not text", c.unread, c.unread_bytes)


def file_totals(tables: Iterable[TableScan]) -> dict[str, int]:
    """Return how many files of tables were read, partly read, and not read.

    A file with several tables counts once, in its worst state.
    """
    tables = [table for table in tables if table.format != "frame"]
    # masked paths of different files may be equal, so a first table counts its files one by one
    first = sum(len(table.unreadable) for table in tables if not table.again)
    known = {(t.folder, file) for t in tables if not t.again for file, _ in t.unreadable}
    later = {(t.folder, file) for t in tables if t.again for file, _ in t.unreadable} - known
    partly = {(t.folder, file) for t in tables for file, _ in t.partly_read} - known - later
    files = sum(table.files for table in tables if not table.again)
    return {
        "files_unreadable": first,
        "files_partly_read": len(partly | later),
        "files_read": files - first - len(partly | later),
    }
