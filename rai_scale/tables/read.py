"""One lazy frame of the engine's own kind per table, with the same rows and types on each."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal

from rai_scale.engines.choose import engine_named
from rai_scale.errors import TableError
from rai_scale.tables._arrow import Scan, check_keys
from rai_scale.tables._csv import scan_csv
from rai_scale.tables._iceberg import scan_iceberg
from rai_scale.tables._jsonl import read_jsonl
from rai_scale.tables._parquet import read_footers, scan_parquet
from rai_scale.tables._text import scan_lines, scan_text
from rai_scale.tables.find import one_table
from rai_scale.tables.formats import CORRUPT
from rai_scale.tables.source import TableSource

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine


def read_table(
    source: TableSource | str,
    engine: Engine | str = "local",
    session: Any = None,
    format: str | None = None,
    incomplete: Literal["raise", "warn"] = "raise",
) -> Any:
    """Read a table lazily.

    Columns
    -------
    parquet
        The union of the columns of all files; numbers are widened, types that do not go together
        become text. ``key=value`` folders are text columns after the others; a column of a file
        that has the name of a folder, and not surely its value, is kept as ``<name>_2``.
    csv
        Text only, nothing guessed: an unquoted empty field is null, a quoted one is ``""``. The
        last column ``_corrupt_record`` holds the text of lines with a wrong number of fields.
    jsonl
        The top-level keys, sorted, as text: strings decoded, numbers as written, objects and
        arrays as compact JSON. The last column is ``_corrupt_record``; a line in which an object
        has a key twice stands there whole. One pass over the lines finds the keys now.
    text, lines
        ``path`` and ``text`` per file; ``text`` per line.

    Parameters
    ----------
    source : TableSource or str
        From :func:`find_tables`, or a path that holds one table.
    engine : Engine or {"local", "dask", "spark"}
    session : SparkSession, optional
        The session of the engine by default.
    format : str, optional
        With a path: see :func:`find_tables`.
    incomplete : {"raise", "warn"}
        With a path, what to do where some of its files cannot be opened. What :func:`find_tables`
        found is read as it is: its ``unreadable`` files are known.

    Returns
    -------
    duckdb.DuckDBPyRelation, dask.dataframe.DataFrame or pyspark.sql.DataFrame

    Raises
    ------
    TableError
        If no file can be read, or not all of those of a path, or the engine cannot read the format.
    """
    if isinstance(engine, str):
        engine = engine_named(engine, session=session)
    if isinstance(source, str):
        source = one_table(source, format, engine)
        _check_complete(source, incomplete)
    lines = source.format in ("jsonl", "lines")
    check_keys(source, (CORRUPT, *(["text"] if lines else [])))
    if engine.name == "spark":
        from rai_scale.tables import _spark

        session = session if session is not None else getattr(engine, "session", None)
        return _spark.read(source, engine, session)
    if source.format == "catalog":
        raise TableError(f"{source.location!r} is a catalog table: only Spark can read it.")
    if source.format == "jsonl":
        lines = _from_scan(scan_lines(source), engine)
        return read_jsonl(lines, engine, source.partition_columns)
    if source.format == "delta":
        return _delta(source, engine)
    if source.format == "iceberg":
        return _from_scan(scan_iceberg(source), engine)
    if source.format == "parquet":
        return _parquet(source, engine)
    scans = {"csv": scan_csv, "lines": scan_lines, "text": scan_text}
    return _from_scan(scans[source.format](source), engine)


def _check_complete(source: TableSource, incomplete: str) -> None:
    """Say which files of a path are not read: rows would be missing without a word."""
    hidden = sum(s.files for s in source.beside)
    if hidden:
        warnings.warn(
            f"table {source.name!r}: {hidden} file(s) with hidden names are not read.",
            stacklevel=3,
        )
    if not source.unreadable or not source.files:
        return
    kinds = ", ".join(f"{name} ({error})" for name, error in source.unreadable[:5])
    said = f"table {source.name!r}: {len(source.unreadable)} file(s) cannot be read: {kinds}."
    if incomplete == "raise":
        raise TableError(f'{said} Pass incomplete="warn" to read the others.')
    warnings.warn(said, stacklevel=3)


def _from_scan(scan: Scan, engine: Engine) -> Any:
    if engine.name == "local":
        from rai_scale.tables import _local

        return _local.from_scan(scan)
    from rai_scale.tables import _dask

    return _dask.from_scan(scan)


def _parquet(source: TableSource, engine: Engine) -> Any:
    footers = read_footers(source)
    if engine.name == "local" and footers.only_native_casts():
        from rai_scale.tables import _local

        return _local.read_parquet(source, footers)
    return _from_scan(scan_parquet(source, footers), engine)


def _delta(source: TableSource, engine: Engine) -> Any:
    from rai_scale.tables import _delta

    if engine.name == "local":
        return _delta.read_local(source)
    return _from_scan(_delta.scan_delta(source), engine)
