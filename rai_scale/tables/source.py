"""What a table is, and which tables a path holds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from rai_scale.tables.dialect import Dialect
from rai_scale.tables.path_names import join

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class FileInfo:
    """One file of a table.

    Attributes
    ----------
    path : str
        Relative to the folder of the table.
    size : int
        Bytes.
    modified : str
        Entity tag or time of the last change, as the store says it.
    dialect : Dialect or None
        How a text file is written; None for other files, or where that was not looked up.
    """

    path: str
    size: int
    modified: str
    dialect: Dialect | None = None


@dataclass(frozen=True)
class TableSource:
    """A table that was found; nothing but its footers and headers was read.

    Attributes
    ----------
    name : str
        Path inside the lake with ``/`` between folders (``clinic/visits``); unique in the lake. A
        table of a catalog has its full dotted name.
    format : str
        parquet, delta, iceberg, csv, jsonl, text, lines or catalog.
    location : str
        The file, the folder, or the catalog name.
    files : tuple of FileInfo
        Readable files; empty for Delta, Iceberg and catalog tables.
    partition_columns : tuple of str
        Names of the ``key=value`` folders.
    unreadable : tuple of (str, str)
        Relative path (as it may be shown) and type of error of each file that cannot be opened.
    unreadable_bytes : tuple of int
        The sizes of those files.
    snapshot : str or None
        SHA-256 over paths, sizes and times (or entity tags) of all files, ``delta:<version>``,
        ``iceberg:<metadata file>``, or None where the driver cannot list files.
    folder : str
        What the paths of ``files`` are relative to.
    beside : tuple of Skipped
        What has a hidden name in that folder and may hold rows of the table; it is not read.
    """

    name: str
    format: str
    location: str
    files: tuple[FileInfo, ...] = ()
    partition_columns: tuple[str, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()
    snapshot: str | None = None
    folder: str = ""
    unreadable_bytes: tuple[int, ...] = ()
    beside: tuple[Skipped, ...] = ()

    def file_path(self, file: FileInfo) -> str:
        """Return the full path or address of one of ``files``."""
        return join(self.folder, file.path)


@dataclass(frozen=True)
class Skipped:
    """A file, or a folder of ``files``, that is part of no table.

    ``bytes`` is None where it is not known. ``harmless`` is what holds no data, or is left out
    because the user said so; anything else was not looked at.
    """

    path: str
    reason: str
    files: int = 1
    bytes: int | None = None
    harmless: bool = False


@dataclass(frozen=True)
class Lake:
    """The tables of a path, by name, and the files that belong to none.

    Attributes
    ----------
    tables : tuple of TableSource
    skipped : tuple of Skipped
        Files of a kind that is not read, links, pipes, hidden names, folders that cannot be listed.
    """

    tables: tuple[TableSource, ...]
    skipped: tuple[Skipped, ...] = ()

    def __iter__(self) -> Iterator[TableSource]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)

    def __getitem__(self, number: int) -> TableSource:
        return self.tables[number]
