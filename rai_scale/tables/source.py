"""Descriptions of tables, their files, and the tables of a path."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from rai_scale.tables.dialect import TextDialect
from rai_scale.tables.documents.limits import DEFAULT_LIMITS, DocumentLimits
from rai_scale.tables.path_names import join

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class FileInfo:
    """One file of a table.

    Attributes
    ----------
    path : str
        Its path relative to the folder of the table.
    size : int
        Bytes.
    modified : str
        The entity tag or the time of the last change, as the store reports it.
    dialect : TextDialect or None
        How a text file or a sheet is written; None for other files, or if it is not known.
    schema : pyarrow.Schema or None
        The columns of an Avro or ORC file, a sheet, or a table of a SQLite file.
    """

    path: str
    size: int
    modified: str
    dialect: TextDialect | None = None
    schema: pa.Schema | None = None


@dataclass(frozen=True)
class TableSource:
    """A table that was found; only footers and first bytes of its files were read.

    Attributes
    ----------
    name : str
        Its path in the lake, with ``/`` between folders (``clinic/visits``), unique in the lake;
        the full dotted name of a catalog table.
    format : str
        parquet, delta, iceberg, csv, jsonl, text, lines, orc, avro, xlsx, sqlite, pdf, docx, pptx,
        email, xml, html, archive or catalog.
    location : str
        Its file, folder or catalog name.
    files : tuple of FileInfo
        The readable files; empty for Delta, Iceberg and catalog tables.
    partition_columns : tuple of str
        The names of the ``key=value`` folders.
    unreadable : tuple of (str, str)
        The relative path (masked for display) and the type of the error of each unreadable file.
    unreadable_bytes : tuple of int
        The sizes of those files.
    snapshot : str or None
        The SHA-256 of the paths, sizes and times (or entity tags) of all files,
        ``delta:<version>`` or ``iceberg:<metadata file>``; None if the state is not known.
    folder : str
        The folder that the paths of ``files`` are relative to.
    hidden : tuple of Skipped
        Entries with hidden names in that folder that may contain rows; they are not read.
    inner : str or None
        The sheet, or the table of a SQLite file.
    again : bool
        Whether another table, such as another sheet, has the same files and counts them.
    limits : DocumentLimits
        Limits on reading each file.
    seen : tuple of FileInfo
        Files that an earlier run has read, and that are neither opened nor read now.
    only : tuple of FileInfo or None
        The files of a version of a Delta table to read, if they are known; other formats with a
        log, and ``files``, are read completely.
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
    hidden: tuple[Skipped, ...] = ()
    inner: str | None = None
    again: bool = False
    limits: DocumentLimits = DEFAULT_LIMITS
    seen: tuple[FileInfo, ...] = ()
    only: tuple[FileInfo, ...] | None = None

    @property
    def all_files(self) -> tuple[FileInfo, ...]:
        """The readable files, including those that an earlier run has read."""
        return (*self.seen, *self.new_files)

    @property
    def new_files(self) -> tuple[FileInfo, ...]:
        """The readable files that no earlier run has read."""
        return self.files if self.only is None else self.only

    def file_path(self, file: FileInfo) -> str:
        """Return the full path or address of one of ``files``."""
        return join(self.folder, file.path)


@dataclass(frozen=True)
class Skipped:
    """A file or folder that is not part of any table.

    Attributes
    ----------
    path : str
    reason : str
    files : int
        The number of files in a folder; 1 for a file.
    bytes : int or None
        Their size; None if it is not known.
    harmless : bool
        Whether it has no data, or was excluded by the user. Other entries may contain
        data that was not examined.
    """

    path: str
    reason: str
    files: int = 1
    bytes: int | None = None
    harmless: bool = False


@dataclass(frozen=True)
class Lake:
    """The tables of a path, and the files that belong to none; iterates over the tables.

    Attributes
    ----------
    tables : tuple of TableSource
        Sorted by name.
    skipped : tuple of Skipped
        Files in other formats, links, pipes, hidden names, and folders that cannot be listed.
    """

    tables: tuple[TableSource, ...]
    skipped: tuple[Skipped, ...] = ()

    def __iter__(self) -> Iterator[TableSource]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)

    def __getitem__(self, number: int) -> TableSource:
        return self.tables[number]
