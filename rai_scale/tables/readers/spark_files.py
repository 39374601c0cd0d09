"""Code that Spark's readers of files share."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql.types import StringType, StructField, StructType

from rai_scale.engines.spark import functions_of, spark_schema
from rai_scale.errors import TableError
from rai_scale.tables.paths import place_of
from rai_scale.tables.readers.arrow import Reader, Scan
from rai_scale.tables.readers.row_numbers import FILE, ROW
from rai_scale.tables.session_files import escaped
from rai_scale.tables.source import FileInfo, TableSource

Position = Callable[[Any, Sequence[Any]], Any]
"""Selects columns of a frame, and perhaps where its rows are."""


def paths(source: TableSource, files: Sequence[FileInfo]) -> list[str]:
    """Return the full paths of files, escaped so that Spark does not read them as patterns."""
    return [escaped(source.file_path(file)) for file in files]


def with_keys(reader: Any, source: TableSource, fields: Any, keys: Sequence[str]) -> Any:
    """Set the columns of a Spark reader: ``fields``, and the ``key=value`` folders as text."""
    texts = [StructField(key, StringType()) for key in keys]
    folded = {key.casefold() for key in keys}
    kept = [field for field in fields if field.name.casefold() not in folded]
    reader = reader.option("basePath", source.folder) if keys else reader
    return reader.schema(StructType([*kept, *texts]))


def no_position(frame: Any, columns: Sequence[Any]) -> Any:
    """Select columns of a frame of files."""
    return frame.select(*columns)


def with_position(frame: Any, columns: Sequence[Any]) -> Any:
    """Select columns, and where each row is, if Spark knows it (Parquet, since Spark 3.5)."""
    functions = functions_of(frame)
    if "_metadata" in frame.columns:  # a column of the table hides the metadata of the files
        return frame.select(*columns)
    path = functions.col("_metadata.file_path").alias(FILE)
    found = frame.select(*columns, path, functions.col("_metadata.row_index").alias(ROW))
    try:
        _ = found.schema  # Connect reports errors only now
    except Exception as error:
        if "_metadata" not in str(error) and "row_index" not in str(error):
            raise
        return frame.select(*columns)
    return found


def union(frames: Sequence[Any]) -> Any:
    """Return the union of frames with the same columns."""
    result = frames[0]
    for frame in frames[1:]:
        result = result.unionByName(frame)
    return result


def empty(session: Any, schema: pa.Schema) -> Any:
    """Return a frame without rows."""
    return session.createDataFrame([], spark_schema(schema))


def only_with_driver(source: TableSource, what: str) -> None:
    """Raise :class:`TableError` if workers would have to read files that only the session opens."""
    place = place_of(source.folder)
    if place.is_of_session:
        raise TableError(
            f"table {source.name!r}: to read {what}, install a driver for {place.url!r} on all "
            "machines (adlfs, s3fs, gcsfs), use the table's catalog name (catalog.schema.table), "
            "or start the session with Delta or Iceberg."
        )


def in_workers(scan: Scan, session: Any) -> Any:
    """Let pyarrow read the files in the workers, for types that Spark's reader does not have."""
    rows = [(pickle.dumps(piece),) for piece in scan.pieces]
    if not rows:
        return empty(session, scan.reader.schema)
    tasks = session.createDataFrame(rows, "piece binary").repartition(len(rows))
    return tasks.mapInArrow(_ReadPieces(scan.reader), spark_schema(scan.reader.schema))


@dataclass(frozen=True)
class _ReadPieces:
    reader: Reader

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for piece in batch.column(0).to_pylist():
                for table in self.reader(pickle.loads(piece)):  # noqa: S301 - made above
                    yield from table.combine_chunks().to_batches()
