"""Reading a table as a lazy frame, with the same rows and types on every engine."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from rai_scale.engines.choose import engine_named
from rai_scale.errors import TableError
from rai_scale.tables.find import one_table
from rai_scale.tables.formats import CORRUPT, FILE_TABLES, UNREAD
from rai_scale.tables.paths import place_of
from rai_scale.tables.readers.arrow import Scan, check_keys
from rai_scale.tables.readers.csv import scan_csv
from rai_scale.tables.readers.documents import holds_documents, scan_documents
from rai_scale.tables.readers.iceberg import scan_iceberg
from rai_scale.tables.readers.jsonl import read_jsonl
from rai_scale.tables.readers.parquet import read_footers, scan_parquet
from rai_scale.tables.readers.row_numbers import NUMBERS, numbered
from rai_scale.tables.readers.small import read_small
from rai_scale.tables.readers.text import scan_lines, scan_text
from rai_scale.tables.source import TableSource

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine


def read_table(
    source: TableSource | str,
    engine: Engine | str = "local",
    session: Any = None,
    format: str | None = None,
    incomplete: Literal["raise", "warn"] = "raise",
    *,
    row_numbers: bool = False,
) -> Any:
    """Read a table lazily.

    Columns
    -------
    parquet
        The union of the columns of all files. Numbers are widened to a common type; types without
        a common type become text. ``key=value`` folders become text columns after the others. A
        column with the name of a folder is kept as ``<name>_2``, unless its values are known to be
        those of the folder.
    csv
        Text only: types are not guessed. An unquoted empty field is null, a quoted one is ``""``.
        The last column, ``_corrupt_record``, has the text of lines with a wrong number of fields.
    jsonl
        The top-level keys, sorted, as text: strings decoded, numbers as written, objects and
        arrays as compact JSON. The last column, ``_corrupt_record``, has the text of invalid lines
        and of lines in which an object has a key twice. The keys are found by one pass over the
        lines, which is made now.
    text, lines
        ``text``: one row per file, with its ``path``; ``lines``: one row per line, as ``text``.
    avro, orc, xlsx, sqlite
        Those of the files, united as for parquet; a workbook and a database have one table per
        sheet or table. Cells of workbooks and SQLite values are text.
    pdf, docx, pptx, email, xml, html, archive
        One row per block of text: ``file``, ``part`` (the path of an attachment, or of a file in
        an archive), ``place`` (page, line, cell, ...), ``text``. The last column, ``_unread``, is
        null in these rows; for each file that is not read, or only partly, one more row has JSON
        with ``file``, ``status`` and ``why`` there.

    Parameters
    ----------
    source : TableSource or str
        A table from :func:`find_tables`, or a path with one table.
    engine : Engine or {"local", "dask", "spark"}
    session : SparkSession, optional
        By default, the session of the engine.
    format : str, optional
        For a path; see :func:`find_tables`.
    incomplete : {"raise", "warn"}
        What to do if some files of a path cannot be opened. A table from :func:`find_tables` is
        read without them: they are listed in its ``unreadable``. An Avro, ORC, xlsx or SQLite
        file that turns out to be damaged while it is read is an error, or with ``warn`` a row with
        the reason in an additional column ``_unread``.
    row_numbers : bool
        Whether to add the columns ``_rai_file`` (the path of the file of a row) and ``_rai_row``
        (its number in the file). They are missing where the engine does not know them: for tables
        of a catalog, and for text, CSV and JSON Lines that only the Spark session can open.

    Returns
    -------
    duckdb.DuckDBPyRelation, dask.dataframe.DataFrame or pyspark.sql.DataFrame

    Raises
    ------
    TableError
        If no file can be read, if some files of a path cannot be read, or if the engine does not
        support the format.
    """
    if isinstance(engine, str):
        engine = engine_named(engine, session=session)
    if isinstance(source, str):
        source = one_table(source, format, engine)
        _check_complete(source, incomplete)
    _check_reserved(source)
    if engine.name == "spark":
        from rai_scale.tables.readers import spark

        session = session if session is not None else getattr(engine, "session", None)
        return spark.read(source, engine, session, incomplete == "raise", row_numbers)
    if source.format == "catalog":
        raise TableError(f"{source.location!r} is a catalog table, which only Spark can read.")
    add = numbered if row_numbers else _as_it_is
    if source.format == "jsonl":
        lines = _from_scan(add(scan_lines(source)), engine)
        numbers = NUMBERS if row_numbers else pa.schema([])
        return read_jsonl(lines, engine, source.partition_columns, numbers)
    if source.format == "delta":
        return _delta(source, engine, row_numbers)
    if source.format == "parquet":
        return _parquet(source, engine, row_numbers)
    scans = {"csv": scan_csv, "lines": scan_lines, "text": scan_text, "iceberg": scan_iceberg}
    plan = scans.get(source.format) or partial(scan_documents, strict=incomplete == "raise")
    return _from_scan(add(plan(source)), engine)


def _as_it_is(scan: Scan) -> Scan:
    return scan


def read_rows(source: TableSource, engine: Engine, unnumbered: int = -1) -> Any:
    """Read a table as a scan needs it: with row numbers, a small one as a ``pyarrow.Table``.

    What is not read has a reason, as with ``incomplete="warn"`` in :func:`read_table`.

    Parameters
    ----------
    source : TableSource
    engine : Engine
    unnumbered : int
        On the local engine, a table with at most this many rows gets no row numbers: none of its
        rows will be left out.
    """
    if engine.name == "local":
        _check_reserved(source)
        small = read_small(source, unnumbered)
        if small is not None:
            return small
    return read_table(source, engine, incomplete="warn", row_numbers=True)


def is_read_once(source: TableSource, engine: Engine) -> bool:
    """Return whether :func:`rows_of_files` reads a table, and saves a pass over its files.

    On one machine, every table is read once. The places of rows are known from the footers of
    Parquet files; JSON Lines are read once more to find their keys.
    """
    local = engine.name == "local" or place_of(source.folder or source.location).is_of_session
    return not local and source.format in ("csv", *FILE_TABLES) and not holds_documents(source)


def rows_of_files(source: TableSource) -> tuple[Scan, list[int]]:
    """Return the pieces of a table with row numbers as workers read them, and their bytes."""
    plan = scan_csv(source) if source.format == "csv" else scan_documents(source, strict=False)
    sizes = {file.path: file.size for file in source.files}
    pieces = plan.pieces
    return numbered(plan), [sum(sizes[p.relative] for p in (one, *one.more)) for one in pieces]


def _check_reserved(source: TableSource) -> None:
    lines = source.format in ("jsonl", "lines")
    check_keys(source, (CORRUPT, UNREAD, *(["text"] if lines else [])))


def _check_complete(source: TableSource, incomplete: str) -> None:
    """Report the files of a path that are not read: rows would silently be missing."""
    hidden = sum(s.files for s in source.hidden)
    if hidden:
        warnings.warn(
            f"table {source.name!r}: {hidden} file(s) with hidden names are not read.", stacklevel=3
        )
    if not source.unreadable or not source.files:
        return
    kinds = ", ".join(f"{name} ({error})" for name, error in source.unreadable[:5])
    text = f"table {source.name!r}: {len(source.unreadable)} file(s) cannot be read: {kinds}."
    if incomplete == "raise":
        raise TableError(f'{text} Pass incomplete="warn" to read the others.')
    warnings.warn(text, stacklevel=3)


def _from_scan(scan: Scan, engine: Engine) -> Any:
    if engine.name == "local":
        from rai_scale.tables.readers import local

        return local.from_scan(scan)
    from rai_scale.tables.readers import dask

    return dask.from_scan(scan)


def _parquet(source: TableSource, engine: Engine, row_numbers: bool) -> Any:
    footers = read_footers(source)
    if engine.name == "local" and footers.only_native_casts():
        from rai_scale.tables.readers import local

        return local.read_parquet(source, footers, row_numbers)
    plan = scan_parquet(source, footers)
    return _from_scan(numbered(plan) if row_numbers else plan, engine)


def _delta(source: TableSource, engine: Engine, row_numbers: bool) -> Any:
    from rai_scale.tables.readers import delta

    if engine.name == "local":
        return delta.read_local(source, row_numbers)
    plan = delta.scan_delta(source)
    return _from_scan(numbered(plan) if row_numbers else plan, engine)
