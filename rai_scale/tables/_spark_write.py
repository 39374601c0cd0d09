"""Tables from Spark frames, by Spark's own writers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from rai_scale.engines.spark import functions_of, quoted
from rai_scale.errors import TableError
from rai_scale.tables.paths import Place


def write_files(data: Any, engine: Any, target: Place) -> None:
    """Write Parquet files into ``target``, which is new; an empty frame also writes one.

    Spark's ``overwrite`` would take the record out of the folder.
    """
    with _timestamps_with_zone(data.sparkSession):
        _without_void(data).write.mode("append").parquet(target.url)


@contextmanager
def _timestamps_with_zone(session: Any) -> Iterator[None]:
    """Write timestamps as the other engines do: Spark's INT96 loses that they are in UTC."""
    name = "spark.sql.parquet.outputTimestampType"
    with suppress(Exception):  # a platform may not let this be set
        before = session.conf.get(name)
        session.conf.set(name, "TIMESTAMP_MICROS")
    try:
        yield
    finally:
        with suppress(Exception):
            session.conf.set(name, before)


def write_delta(data: Any, location: str) -> None:
    """Replace a Delta table in one commit; the session must have Delta."""
    writer = _without_void(data).write.format("delta").mode("overwrite")
    writer.option("overwriteSchema", "true").save(location)


def check_delta(session: Any, location: str) -> None:
    """Raise :class:`TableError` if the session has no Delta; the place need not exist."""
    try:
        _ = session.read.format("delta").load(location).schema
    except Exception as error:
        if "DATA_SOURCE_NOT_FOUND" in str(error):
            raise TableError(
                "this Spark session has no Delta. Start it with the Delta package of its version "
                "(io.delta:delta-spark), use a runtime that has Delta, or write parquet."
            ) from None


def _without_void(data: Any) -> Any:
    """Make columns without a type text: files have no such thing."""
    functions = functions_of(data)
    void = [f.name for f in data.schema if f.dataType.simpleString() == "void"]
    for name in void:
        data = data.withColumn(name, functions.col(quoted(name)).cast("string"))
    return data
