"""Find the tables of a path, an address or a catalog name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rai_scale.errors import TableError
from rai_scale.tables.dialect import check_asked, check_fit
from rai_scale.tables.discover import discover
from rai_scale.tables.formats import check_format
from rai_scale.tables.paths import check_exists, no_driver, place_of, session_place
from rai_scale.tables.source import Lake, TableSource

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine


def find_tables(
    source: str,
    format: str | None = None,
    engine: Engine | None = None,
    *,
    csv: Mapping[str, Mapping[str, Any]] | None = None,
    ignore: Sequence[str] = (),
) -> Lake:
    """Find the tables of a file, a folder, an address, or (on Spark) a catalog name.

    A folder with ``_delta_log`` is a Delta table, one with Iceberg's ``metadata`` an Iceberg table;
    tables of other formats with a log of their own are named and not read. ``key=value`` folders
    belong to their parent; files that differ only by number or uuid are one table, named after the
    folder where nothing else is in it; the text files of a folder are one table; any other file is
    a table of its own.
    Names that begin with ``_`` or ``.``, links, pipes and devices are named and not opened. How a
    CSV file is written (delimiter, encoding, header) is told by its beginning; see ``csv``.

    Parameters
    ----------
    source : str
        Local path, any address with an fsspec driver, ``dbfs:/...``; on Spark also addresses that
        only the session opens, ``schema.table``, ``catalog.schema.table`` and
        ``catalog.schema.*``, each part in backticks where it holds dots or spaces.
    format : str, optional
        Read the files as this format; ``lines`` is one row per line of text.
    engine : Engine, optional
        Where the tables will be read.
    csv : mapping, optional
        Patterns of file names to ``{"delimiter": ";", "encoding": "latin-1", "header": False}``,
        any part of it: what is given is not guessed. A pattern that fits no CSV file is an error.
    ignore : sequence of str
        Patterns of paths or names that are left out, and named as such. One that fits nothing is
        named too (in ``skipped``) and logged.

    Returns
    -------
    Lake
        Sorted by name.

    Raises
    ------
    TableError
        If the path does not exist, holds no table, or has no driver here.
    """
    if format is not None:
        check_format(format)
    on_spark = engine is not None and engine.name == "spark"
    if on_spark and (tables := _of_catalog(source, engine)):
        check_fit(check_asked(csv or {}), ())
        return tables
    place = place_of(source, on_spark)
    if place.is_of_session and not on_spark:
        raise no_driver(source)
    if on_spark and source.startswith("dbfs:/") and not place.fs.exists(place.path):
        place = session_place(source) or place  # nothing is mounted here
    check_exists(place)
    lake = discover(place, format, ignore, check_asked(csv or {}))
    if lake.tables:
        return lake
    why = Counter(skipped.reason for skipped in lake.skipped)
    kinds = "; ".join(f"{n} file(s): {reason}" for reason, n in why.most_common(5))
    raise TableError(
        f"{source!r} holds no table. Found: {kinds or 'nothing'}. Known are .parquet, .csv, .tsv, "
        ".jsonl, .ndjson, .json, .txt, .md, .log, Delta and Iceberg folders; or pass a format."
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


def _of_catalog(source: str, engine: Engine | None) -> Lake | None:
    """Return the tables of a catalog name; None for what is there as a path or is no name."""
    from rai_scale.tables._spark_catalog import catalog_tables, name_parts

    if name_parts(source) is None or place_of(source).fs.exists(place_of(source).path):
        return None
    tables = catalog_tables(source, engine)
    return Lake(tuple(sorted(tables, key=lambda table: table.name))) if tables else None
