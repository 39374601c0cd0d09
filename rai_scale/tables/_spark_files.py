"""What Spark's readers of files share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql.types import StringType, StructField, StructType

from rai_scale.engines.spark import spark_schema
from rai_scale.tables._arrow import Piece, Reader, Scan, by_kind, partition_values
from rai_scale.tables.source import FileInfo, TableSource


def groups(source: TableSource, kind: Any) -> list[Any]:
    """Group files by ``kind(file)`` and the names of their ``key=value`` folders."""
    return by_kind(source.files, lambda f: (kind(f), tuple(partition_values(f.path))))


def paths(source: TableSource, files: Sequence[FileInfo]) -> list[str]:
    """Return the full paths of files, so written that Spark sees no pattern in them."""
    full = (source.file_path(f) for f in files)
    return [re.sub(r"([\\*?\[\]{}])", r"\\\1", path) for path in full]


def with_keys(reader: Any, source: TableSource, fields: Any, keys: Sequence[str]) -> Any:
    """Give a reader its columns, with the ``key=value`` folders as text."""
    texts = [StructField(key, StringType()) for key in keys]
    folded = {key.casefold() for key in keys}
    kept = [field for field in fields if field.name.casefold() not in folded]
    reader = reader.option("basePath", source.folder) if keys else reader
    return reader.schema(StructType([*kept, *texts]))


def union(frames: Sequence[Any]) -> Any:
    """Put frames of the same columns under each other."""
    result = frames[0]
    for frame in frames[1:]:
        result = result.unionByName(frame)
    return result


def empty(session: Any, schema: pa.Schema) -> Any:
    """Make a frame without rows."""
    return session.createDataFrame([], spark_schema(schema))


def in_workers(scan: Scan, session: Any) -> Any:
    """Let pyarrow read the files in the workers, where Spark's reader cannot say the types."""
    rows = [(p.path, p.relative, p.start, p.end) for p in scan.pieces]
    plan = "path string, relative string, start long, end long"
    tasks = session.createDataFrame(rows, plan).repartition(max(1, len(rows)))
    return tasks.mapInArrow(_ReadPieces(scan.reader), spark_schema(scan.reader.schema))


@dataclass(frozen=True)
class _ReadPieces:
    reader: Reader

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row in batch.to_pylist():
                for table in self.reader(Piece(**row)):
                    yield from table.combine_chunks().to_batches()
