"""What a table is, and which tables a path holds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rai_scale.errors import TableError
from rai_scale.tables.formats import check_format
from rai_scale.tables.paths import MissingDriverError, base_name, check_exists, join, place_of

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

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
    """

    path: str
    size: int
    modified: str


@dataclass(frozen=True)
class TableSource:
    """A table that was found; nothing but its footers and headers was read.

    Attributes
    ----------
    name : str
        Path inside the lake with ``/`` between folders (``clinic/visits``); unique in the lake. A
        table of a catalog has its full dotted name.
    format : str
        parquet, delta, csv, jsonl, text, lines or catalog.
    location : str
        The file, the folder, or the catalog name.
    files : tuple of FileInfo
        Readable files; empty for Delta and catalog tables.
    partition_columns : tuple of str
        Names of the ``key=value`` folders.
    unreadable : tuple of (str, str)
        Relative path and type of error of each file that cannot be opened.
    snapshot : str or None
        SHA-256 over paths, sizes and times (or entity tags) of all files, ``delta:<version>``, or
        None where the driver cannot list files.
    folder : str
        What the paths of ``files`` are relative to.
    """

    name: str
    format: str
    location: str
    files: tuple[FileInfo, ...] = ()
    partition_columns: tuple[str, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()
    snapshot: str | None = None
    folder: str = ""

    def file_path(self, file: FileInfo) -> str:
        """Return the full path or address of one of ``files``."""
        return join(self.folder, file.path)


@dataclass(frozen=True)
class Lake:
    """The tables of a path, by name, and the files that belong to none.

    Attributes
    ----------
    tables : tuple of TableSource
    skipped : tuple of str
        Relative paths of visible files whose ending says no known format, and of linked folders.
    """

    tables: tuple[TableSource, ...]
    skipped: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[TableSource]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)

    def __getitem__(self, number: int) -> TableSource:
        return self.tables[number]


def find_tables(source: str, format: str | None = None, engine: Engine | None = None) -> Lake:
    """Find the tables of a file, a folder, an address, or (on Spark) a catalog name.

    A folder with ``_delta_log`` is a Delta table; ``key=value`` folders belong to their parent;
    files that differ only by number or uuid are one table, named after the folder where nothing
    else is in it; the text files of a folder are one table; any other file is a table of its own.
    Names that begin with ``_`` or ``.`` are ignored.

    Parameters
    ----------
    source : str
        Local path, any address with an fsspec driver, ``dbfs:/...``; on Spark also
        ``catalog.schema.table`` and ``catalog.schema.*``.
    format : str, optional
        Read the files as this format; ``lines`` is one row per line of text.
    engine : Engine, optional
        Where the tables will be read. Spark may open addresses that this process cannot list;
        they are then taken as one table and its files are not known.

    Returns
    -------
    Lake
        Sorted by name.

    Raises
    ------
    TableError
        If the path does not exist, holds no table, or has no driver here.
    """
    from rai_scale.tables.discover import discover

    if format is not None:
        check_format(format)
    on_spark = engine is not None and engine.name == "spark"
    try:
        place = place_of(source, on_spark)
    except MissingDriverError:
        if not on_spark:
            raise
        return _unlisted(source, format)
    if on_spark and not place.fs.exists(place.path):
        found = _from_session(source, format, engine)
        if found is not None:
            return found
    check_exists(place)
    lake = discover(place, format)
    if lake.tables:
        return lake
    raise TableError(
        f"{source!r} holds no table: {len(lake.skipped)} file(s) of unknown ending. Known are "
        ".parquet, .csv, .tsv, .jsonl, .ndjson, .json, .txt, .md, .log and Delta folders; or pass "
        "a format."
    )


def one_table(source: str, format: str | None = None, engine: Engine | None = None) -> TableSource:
    """Find the only table of ``source``; raises :class:`TableError` where there are several."""
    lake = find_tables(source, format, engine)
    if len(lake) == 1:
        return lake[0]
    names = ", ".join(table.name for table in lake.tables[:8])
    raise TableError(
        f"{source!r} holds {len(lake)} tables ({names}{', ...' if len(lake) > 8 else ''}); "  # noqa: PLR2004
        "name one of them, or use find_tables."
    )


def _from_session(source: str, format: str | None, engine: Engine | None) -> Lake | None:
    from rai_scale.tables._spark import catalog_tables

    tables = catalog_tables(source, engine)
    if tables is not None:
        return Lake(tuple(sorted(tables, key=lambda table: table.name)))
    return _unlisted(source, format) if source.startswith("dbfs:/") else None


def _unlisted(source: str, format: str | None) -> Lake:
    _LOG.warning(
        "files of %s cannot be listed here: it is read as one %s table by the Spark session, and "
        "its unreadable files and snapshot are not known",
        source,
        format or "parquet",
    )
    return Lake((TableSource(base_name(source), format or "parquet", source, folder=source),))
