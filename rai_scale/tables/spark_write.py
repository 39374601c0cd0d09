"""Writing Spark frames with Spark's own writers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from rai_scale.engines.spark import functions_of, quoted
from rai_scale.errors import TableError
from rai_scale.tables.paths import Place


def write_files(data: Any, engine: Any, target: Place) -> None:
    """Write Parquet files into the new folder ``target``; an empty frame writes one file.

    They are appended, because Spark's ``overwrite`` would delete the record in the folder.
    """
    with _timestamps_with_zone(data.sparkSession):
        _without_void(data).write.mode("append").parquet(target.url)


@contextmanager
def _timestamps_with_zone(session: Any) -> Iterator[None]:
    """Write timestamps as the other engines do: Spark's INT96 does not record that they are UTC."""
    name = "spark.sql.parquet.outputTimestampType"
    with suppress(Exception):  # some platforms forbid this setting
        before = session.conf.get(name)
        session.conf.set(name, "TIMESTAMP_MICROS")
    try:
        yield
    finally:
        with suppress(Exception):
            session.conf.set(name, before)


def write_delta(data: Any, location: str) -> None:
    """Replace a Delta table in one commit, in a session with Delta."""
    writer = _without_void(data).write.format("delta").mode("overwrite")
    writer.option("overwriteSchema", "true").save(location)


def check_delta(session: Any, location: str) -> None:
    """Raise :class:`TableError` if the session has no Delta; ``location`` need not exist."""
    try:
        _ = session.read.format("delta").load(location).schema
    except Exception as error:
        if "DATA_SOURCE_NOT_FOUND" in str(error):
            raise TableError(
                "this Spark session has no Delta. Start it with the Delta package for its version "
                "(io.delta:delta-spark), use a runtime with Delta, or write parquet."
            ) from None


def _without_void(data: Any) -> Any:
    """Cast columns of type void, which files cannot have, to text."""
    functions = functions_of(data)
    void = [f.name for f in data.schema if f.dataType.simpleString() == "void"]
    for name in void:
        data = data.withColumn(name, functions.col(quoted(name)).cast("string"))
    return data
