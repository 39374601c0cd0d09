"""Tables as Spark frames, by the session's own readers; classic and Connect alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow.dataset import get_partition_keys
from pyspark.sql.types import StringType, StructField

from rai_scale.engines.arrow_types import canonical_schema
from rai_scale.engines.spark import arrow_schema, functions_of, quoted, spark_schema
from rai_scale.errors import RaiScaleError, TableError
from rai_scale.tables._arrow import by_kind, conform, partition_values
from rai_scale.tables._delta_files import scan_files
from rai_scale.tables._delta_log import is_plain, open_log
from rai_scale.tables._iceberg import scan_iceberg
from rai_scale.tables._jsonl import read_jsonl
from rai_scale.tables._parquet import Footers, read_footers, scan_parquet
from rai_scale.tables._spark_csv import read_csv
from rai_scale.tables._spark_files import (
    empty,
    groups,
    in_workers,
    only_with_driver,
    paths,
    union,
    with_keys,
)
from rai_scale.tables._spark_parquet import session_schemas
from rai_scale.tables._text import TEXT_SCHEMA, decode_files, is_whole, whole_lines
from rai_scale.tables.dialect import Dialect
from rai_scale.tables.path_names import join, without_scheme
from rai_scale.tables.paths import place_of
from rai_scale.tables.source import TableSource

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

# without the carriage return of CRLF; the function also turns what is not UTF-8 into U+FFFD
_LINE = r"regexp_replace(value, '\\r\\z', '') AS text"


def read(source: TableSource, engine: Engine, session: Any) -> Any:
    """Read a table with the readers of ``session``."""
    if source.format == "catalog":
        return session.table(source.location)
    if source.format == "delta":
        return _delta(source, session)
    if source.format == "iceberg":
        only_with_driver(source, "an Iceberg table by its folder")
        return in_workers(scan_iceberg(source), session)
    if source.format == "jsonl":
        return read_jsonl(_lines(source, session), engine, source.partition_columns)
    readers = {"parquet": _parquet, "csv": read_csv, "lines": _lines, "text": _text}
    return readers[source.format](source, session)


def _delta(source: TableSource, session: Any) -> Any:
    reader = session.read.format("delta")
    if source.snapshot:  # the version that was found, whatever is written meanwhile
        reader = reader.option("versionAsOf", source.snapshot.split(":")[1])
    try:
        frame = reader.load(source.location)
        _ = frame.schema  # Connect finds out only now
    except Exception as error:
        if "DATA_SOURCE_NOT_FOUND" not in str(error):
            raise TableError(
                f"Delta table {source.name!r} cannot be read: {type(error).__name__}."
            ) from None
        only_with_driver(source, "a Delta table without Delta in the session")
        return _delta_files(source, session)
    return frame


def _delta_files(source: TableSource, session: Any) -> Any:
    """Read the files of a Delta table where the session has no Delta: deltalake knows the log."""
    try:
        table = open_log(source)
        if not is_plain(table):
            return in_workers(scan_files(source, table), session)
        dataset = table.to_pyarrow_dataset()
    except RaiScaleError as error:
        raise TableError(
            f"this Spark session has no Delta, and without it: {error} Start the session with the "
            "Delta package of its version (io.delta:delta-spark), or use a runtime that has Delta."
        ) from None
    schema = canonical_schema(dataset.schema)
    pieces = by_kind(list(dataset.get_fragments()), _partition_of)
    frames = []
    for values, fragments in pieces:
        full = [join(source.location, fragment.path) for fragment in fragments]
        frame = session.read.option("mergeSchema", "true").parquet(*full)
        frames.append(frame.select(*_delta_columns(frame, schema, dict(values))))
    return union(frames) if frames else empty(session, schema)


def _partition_of(fragment: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(get_partition_keys(fragment.partition_expression).items()))


def _delta_columns(frame: Any, schema: pa.Schema, values: dict[str, Any]) -> Iterator[Any]:
    functions = functions_of(frame)
    for field in spark_schema(schema):
        if field.name in values:
            value = functions.lit(values[field.name])
        elif field.name in frame.columns:
            value = functions.col(quoted(field.name))
        else:
            value = functions.lit(None)
        yield value.cast(field.dataType).alias(field.name)


def _parquet(source: TableSource, session: Any) -> Any:
    place = place_of(source.folder)
    merged = session_schemas(place.fs, source) if place.is_of_session else {}
    footers = read_footers(
        source, [arrow_schema(merged[f]) for f in source.files] if merged else ()
    )
    schemas = dict(zip(source.files, footers.files, strict=True))
    if not footers.only_native_casts() or any(map(_unknown_to_spark, footers.files)):
        only_with_driver(source, "Parquet files of types that only pyarrow puts together")
        return in_workers(scan_parquet(source, footers), session)
    frames = []
    for (found, keys), files in groups(source, schemas.get):
        full = paths(source, files)
        fields = merged.get(files[0]) or session.read.parquet(full[0]).schema
        frame = with_keys(session.read, source, fields, keys).parquet(*full)
        frames.append(frame.select(*_parquet_columns(frame, found, keys, footers)))
    return union(frames)


def _parquet_columns(
    frame: Any, found: pa.Schema, keys: Sequence[str], footers: Footers
) -> Iterator[Any]:
    functions = functions_of(frame)
    have = {name.casefold() for name in [*found.names, *keys]}
    wanted = spark_schema(footers.schema)
    for field in wanted:
        there = field.name.casefold() in have
        value = functions.col(quoted(field.name)) if there else functions.lit(None)
        yield value.cast(field.dataType).alias(field.name)


def _unknown_to_spark(schema: pa.Schema) -> bool:
    return any(_unknown_type(field.type) for field in schema)


def _unknown_type(kind: pa.DataType) -> bool:
    if pa.types.is_timestamp(kind):
        return kind.unit == "ns"
    if pa.types.is_time(kind) or pa.types.is_float16(kind):
        return True
    return any(_unknown_type(kind.field(i).type) for i in range(kind.num_fields))


def _lines(source: TableSource, session: Any) -> Any:
    names = ["text", *source.partition_columns]
    schema = pa.schema([pa.field(name, pa.string()) for name in names])
    reader = session.read.option("lineSep", "\n")
    frames = []
    for (dialect, keys), files in groups(source, lambda f: f.dialect):
        if is_whole(dialect):
            whole = _DecodeWhole(dialect, without_scheme(source.folder).rstrip("/") + "/", schema)
            found = session.read.format("binaryFile").load(paths(source, files))
            found = found.select("path", "content").mapInArrow(whole, spark_schema(schema))
            frames.append(found)
            continue
        fields = [StructField("value", StringType())]
        frame = with_keys(reader, source, fields, keys).text(paths(source, files))
        values = [quoted(k) if k in keys else "NULL" for k in source.partition_columns]
        texts = [
            f"CAST({v} AS string) AS {quoted(n)}" for v, n in zip(values, names[1:], strict=True)
        ]
        frames.append(frame.selectExpr(_LINE, *texts))
    return union(frames) if frames else empty(session, schema)


def _text(source: TableSource, session: Any) -> Any:
    reader = session.read.format("binaryFile")
    if not source.files:
        return empty(session, TEXT_SCHEMA)
    files = reader.load(paths(source, source.files))
    decode = _DecodeFiles(without_scheme(source.folder).rstrip("/") + "/")
    return files.select("path", "content").mapInArrow(decode, spark_schema(TEXT_SCHEMA))


@dataclass(frozen=True)
class _DecodeFiles:
    folder: str

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            paths = [without_scheme(path) for path in batch.column(0).to_pylist()]
            relative = [path.removeprefix(self.folder) for path in paths]
            yield from decode_files(relative, batch.column(1).to_pylist()).to_batches()


@dataclass(frozen=True)
class _DecodeWhole:
    dialect: Dialect
    folder: str
    schema: pa.Schema

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for path, content in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                values = partition_values(without_scheme(path).removeprefix(self.folder))
                text = pa.array(list(whole_lines(content, self.dialect)), pa.string())
                yield from conform(pa.table({"text": text}), self.schema, values).to_batches()
