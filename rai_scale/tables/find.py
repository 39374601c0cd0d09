"""Find the tables at a path or an address, or by a catalog name."""

from __future__ import annotations

import gc
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rai_scale.errors import TableError
from rai_scale.tables.dialect import check_csv_options, check_fit
from rai_scale.tables.discovery.discover import discover
from rai_scale.tables.discovery.known_files import NOTHING, KnownFiles
from rai_scale.tables.documents.limits import DEFAULT_LIMITS, DocumentLimits
from rai_scale.tables.formats import check_format
from rai_scale.tables.path_names import base_name, join, parent
from rai_scale.tables.paths import Place, check_exists, no_driver, place_of, session_place
from rai_scale.tables.pointer import RUN_PREFIX, read_pointer
from rai_scale.tables.readers.documents import holds_documents
from rai_scale.tables.source import Lake, TableSource

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

_RUN = re.compile(rf"/{RUN_PREFIX}[^/]+(?=/)")
"""The folder of a run in the path of a table; :func:`find_tables` finds the current one itself."""


def find_tables(
    source: str,
    format: str | None = None,
    engine: Engine | None = None,
    *,
    csv: Mapping[str, Mapping[str, Any]] | None = None,
    ignore: Sequence[str] = (),
    documents: DocumentLimits | None = None,
    known: KnownFiles = NOTHING,
) -> Lake:
    """Find the tables of a file, a folder, an address, or (on Spark) a catalog name.

    A folder with ``_delta_log`` is a Delta table, and one with Iceberg's ``metadata`` an Iceberg
    table; tables of other formats with their own log are listed and not read. ``key=value`` folders
    belong to their parent. Files whose names differ only by a number or UUID are one table, which
    has the name of the folder if nothing else is in it. The text files of a folder are one table,
    and so are its documents of one format; sheets and tables of SQLite files are tables; any other
    file is a table of its own. Hidden names (which start with ``_`` or ``.``), links,
    pipes and devices are listed and not opened. The delimiter, encoding and header of a CSV file
    are guessed from its first bytes unless ``csv`` gives them.

    Parameters
    ----------
    source : str
        A local path, any address with an fsspec driver, or ``dbfs:/...``; on Spark also addresses
        that only the session opens, ``schema.table``, ``catalog.schema.table`` and
        ``catalog.schema.*``, with backticks around parts that contain dots or spaces.
    format : str, optional
        Read the files in this format; ``lines`` gives one row per line of text.
    engine : Engine, optional
        The engine that will read the tables; local by default.
    csv : mapping of str to mapping, optional
        By pattern of file names, any of ``{"delimiter": ";", "encoding": "latin-1", "header":
        False}``. A pattern that matches no CSV file is an error.
    ignore : sequence of str
        Patterns of paths or names to leave out; they are listed in ``skipped``. A pattern that
        matches nothing is listed too, and logged.
    documents : DocumentLimits, optional
        Limits on reading each document, workbook, database or archive.
    known : KnownFiles
        Files that an earlier run has read: they are listed in ``seen`` and not opened.

    Returns
    -------
    Lake
        The tables, sorted by name, and what was skipped.

    Raises
    ------
    TableError
        If the path does not exist, contains no table, or has no driver here.
    ConfigError
        If ``csv`` is not valid.
    """
    if format is not None:
        check_format(format)
    on_spark = engine is not None and engine.name == "spark"
    if on_spark and (tables := _of_catalog(source, engine)):
        check_fit(check_csv_options(csv or {}), ())
        return tables
    place = place_of(source, on_spark)
    if place.is_of_session and not on_spark:
        raise no_driver(source)
    if on_spark and source.startswith("dbfs:/") and not place.fs.exists(place.path):
        place = session_place(source) or place  # the store is not mounted here
    place = _in_current_run(place)
    check_exists(place)
    options = check_csv_options(csv or {})
    with _uncollected():
        lake = discover(place, format, ignore, options, documents or DEFAULT_LIMITS, known)
    if lake.tables:
        return lake
    why = Counter(skipped.reason for skipped in lake.skipped)
    kinds = "; ".join(f"{n} file(s): {reason}" for reason, n in why.most_common(5))
    raise TableError(
        f"{source!r} holds no table. Found: {kinds or 'nothing'}. Supported are .parquet, .csv, "
        ".tsv, .jsonl, .ndjson, .json, .txt, .md, .log, .orc, .avro, documents and archives, and "
        "Delta and Iceberg folders; or pass a format."
    )


@contextmanager
def _uncollected() -> Iterator[None]:
    """Do not collect garbage while a path is listed.

    A listing makes many objects and no cycles; each full collection would visit all of them, and
    all of a loaded language model.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def one_table(source: str, format: str | None = None, engine: Engine | None = None) -> TableSource:
    """Return the only table of ``source``.

    Parameters
    ----------
    source, format, engine
        As for :func:`find_tables`.

    Raises
    ------
    TableError
        If there is no table, or more than one.
    """
    lake = find_tables(source, format, engine)
    # documents next to the files of a table, such as a README.html, are not meant
    tables = [table for table in lake if not holds_documents(table)] or list(lake)
    if len(tables) == 1:
        return tables[0]
    paths = ", ".join(_RUN.sub("", table.location) for table in tables[:8])
    raise TableError(
        f"{source!r} holds {len(tables)} tables; use find_tables, or the path of one of them: "
        f"{paths}{', ...' if len(tables) > 8 else ''}."  # noqa: PLR2004
    )


def _in_current_run(place: Place) -> Place:
    """Return where a path is if it leads through the output of a job: in its current run."""
    url, rest = place.url, ""
    while not place.is_of_session and not place.fs.exists(place.path) and parent(url) != url:
        url, rest = parent(url), join(base_name(url), rest).rstrip("/")
        above = place_of(url)
        if above.fs.exists(above.path):
            pointer = read_pointer(above)
            return above.child(join(pointer[0], rest)) if pointer else place
    return place


def _of_catalog(source: str, engine: Engine | None) -> Lake | None:
    """Return the tables of a catalog name; None if it is a path or not such a name."""
    from rai_scale.tables.discovery.spark_catalog import catalog_tables, name_parts

    if name_parts(source) is None or place_of(source).fs.exists(place_of(source).path):
        return None
    tables = catalog_tables(source, engine)
    return Lake(tuple(sorted(tables, key=lambda table: table.name))) if tables else None
