"""Reading tables as Spark frames with the session's own readers, on classic Spark and Connect."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow.dataset import get_partition_keys
from pyspark.sql.types import StringType, StructField

from rai_scale.engines.arrow_types import canonical_schema
from rai_scale.engines.spark import arrow_schema, functions_of, quoted, spark_schema
from rai_scale.errors import RaiScaleError, TableError
from rai_scale.tables.column_names import text_schema
from rai_scale.tables.dialect import TextDialect
from rai_scale.tables.path_names import join, without_scheme
from rai_scale.tables.paths import place_of
from rai_scale.tables.readers.arrow import by_kind, by_kind_and_keys, conform, partition_values
from rai_scale.tables.readers.csv import scan_csv
from rai_scale.tables.readers.delta_files import scan_files
from rai_scale.tables.readers.delta_log import is_plain, open_log
from rai_scale.tables.readers.documents import scan_documents
from rai_scale.tables.readers.iceberg import scan_iceberg
from rai_scale.tables.readers.jsonl import read_jsonl
from rai_scale.tables.readers.parquet import holds, read_footers, scan_parquet
from rai_scale.tables.readers.row_numbers import FILE, NUMBERS, ROW, numbered
from rai_scale.tables.readers.spark_csv import read_csv
from rai_scale.tables.readers.spark_files import (
    Position,
    empty,
    in_workers,
    no_position,
    only_with_driver,
    paths,
    union,
    with_keys,
    with_position,
)
from rai_scale.tables.readers.spark_parquet import session_schemas
from rai_scale.tables.readers.text import (
    TEXT_SCHEMA,
    decode_files,
    is_whole,
    scan_lines,
    whole_lines,
)
from rai_scale.tables.source import FileInfo, TableSource

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

# removes the carriage return of CRLF; the function also turns bytes that are not UTF-8 into U+FFFD
_LINE = r"regexp_replace(value, '\\r\\z', '') AS text"


def read(
    source: TableSource,
    engine: Engine,
    session: Any,
    strict: bool = True,
    row_numbers: bool = False,
) -> Any:
    """Read a table with the readers of ``session``; see :func:`~rai_scale.tables.read_table`.

    Parameters
    ----------
    source : TableSource
    engine : Engine
    session : SparkSession
    strict : bool
        See :func:`~rai_scale.tables.readers.documents.scan_documents`.
    row_numbers : bool
        See :func:`~rai_scale.tables.read_table`.
    """
    if row_numbers and source.format != "catalog":
        return _numbered(source, engine, session, strict)
    if source.format == "catalog":
        return session.table(source.location)
    if source.format == "iceberg":
        only_with_driver(source, "an Iceberg table by its folder")
        return in_workers(scan_iceberg(source), session)
    if source.format == "jsonl":
        return read_jsonl(_lines(source, session), engine, source.partition_columns)
    readers = {
        **{"delta": _delta, "parquet": _parquet},
        **{"csv": read_csv, "lines": _lines, "text": _text},
    }
    if source.format in readers:
        return readers[source.format](source, session)
    only_with_driver(source, f"{source.format} files")
    return in_workers(scan_documents(source, strict), session)


def _numbered(source: TableSource, engine: Engine, session: Any, strict: bool) -> Any:
    """Read with numbers of rows, where pyarrow in the workers or Spark's metadata knows them."""
    if source.format in ("parquet", "delta"):
        readers = {"parquet": _parquet, "delta": _delta}
        return readers[source.format](source, session, with_position)
    if source.format == "text" and source.files:
        functions, frame = functions_of(session), _text(source, session)
        return frame.withColumns({FILE: functions.col("path"), ROW: functions.lit(0).cast("long")})
    empty_table = not source.files and source.format != "iceberg"
    if empty_table or place_of(source.folder or source.location).is_of_session:
        return read(source, engine, session, strict)
    plans = {"csv": scan_csv, "jsonl": scan_lines, "lines": scan_lines, "iceberg": scan_iceberg}
    plan = plans.get(source.format) or partial(scan_documents, strict=strict)
    frame = in_workers(numbered(plan(source)), session)
    if source.format == "jsonl":
        return read_jsonl(frame, engine, source.partition_columns, NUMBERS)
    return frame


def _delta(source: TableSource, session: Any, position: Position = no_position) -> Any:
    reader = session.read.format("delta")
    if source.snapshot:  # the version that was found, even if a newer one was written
        reader = reader.option("versionAsOf", source.snapshot.split(":")[1])
    try:
        frame = reader.load(source.location)
        _ = frame.schema  # Connect reports errors only now
    except Exception as error:
        if "DATA_SOURCE_NOT_FOUND" not in str(error):
            raise TableError(
                f"Delta table {source.name!r} cannot be read: {type(error).__name__}."
            ) from None
        only_with_driver(source, "a Delta table without Delta in the session")
        return _delta_files(source, session, position)
    return position(frame, [*map(quoted, frame.columns)])


def _delta_files(source: TableSource, session: Any, position: Position) -> Any:
    """Read the files of a Delta table in a session without Delta; deltalake reads the log."""
    try:
        table = open_log(source)
        if not is_plain(table):
            plan = scan_files(source, table)
            return in_workers(numbered(plan) if position is with_position else plan, session)
        dataset = table.to_pyarrow_dataset()
    except RaiScaleError as error:
        raise TableError(
            f"this Spark session has no Delta, and without it: {error} Start the session with the "
            "Delta package for its version (io.delta:delta-spark), or use a runtime with Delta."
        ) from None
    schema = canonical_schema(dataset.schema)
    pieces = by_kind(list(dataset.get_fragments()), _partition_of)
    frames = []
    for values, fragments in pieces:
        full = [join(source.location, fragment.path) for fragment in fragments]
        frame = session.read.option("mergeSchema", "true").parquet(*full)
        columns = _columns(frame, schema, frame.columns, dict(values))
        frames.append(position(frame, [*columns]))
    return union(frames) if frames else empty(session, schema)


def _partition_of(fragment: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(get_partition_keys(fragment.partition_expression).items()))


def _columns(
    frame: Any, schema: pa.Schema, have: Collection[str], values: Mapping[str, Any] | None = None
) -> Iterator[Any]:
    """Yield the columns of a schema: constants, columns that the frame has, or nulls."""
    functions, values = functions_of(frame), values or {}
    have = {name.casefold() for name in have}
    for field in spark_schema(schema):
        value = functions.lit(values.get(field.name))
        if field.name not in values and field.name.casefold() in have:
            value = functions.col(quoted(field.name))
        yield value.cast(field.dataType).alias(field.name)


def _parquet(source: TableSource, session: Any, position: Position = no_position) -> Any:
    place = place_of(source.folder)
    merged = session_schemas(place.fs, source) if place.is_of_session else {}
    footers = read_footers(
        source, [arrow_schema(merged[f]) for f in source.files] if merged else ()
    )
    schemas = dict(zip(source.files, footers.files, strict=True))
    if not footers.only_native_casts() or any(
        holds(f.type, _is_unknown) for s in footers.files for f in s
    ):
        only_with_driver(source, "Parquet files with types that only pyarrow can combine")
        plan = scan_parquet(source, footers)
        return in_workers(numbered(plan) if position is with_position else plan, session)
    frames = []
    for (found, keys), files in by_kind_and_keys(source.files, schemas.get):
        full = paths(source, files)
        fields = merged.get(files[0]) or session.read.parquet(full[0]).schema
        frame = with_keys(session.read, source, fields, keys).parquet(*full)
        columns = _columns(frame, footers.schema, [*found.names, *keys])
        frames.append(position(frame, [*columns]))
    return union(frames)


def _is_unknown(kind: pa.DataType) -> bool:
    if pa.types.is_timestamp(kind):
        return bool(kind.unit == "ns")
    return bool(pa.types.is_time(kind) or pa.types.is_float16(kind))


def _lines(source: TableSource, session: Any) -> Any:
    names = ["text", *source.partition_columns]
    schema = text_schema(names)
    reader = session.read.option("lineSep", "\n")
    frames = []
    for (dialect, keys), files in by_kind_and_keys(source.files, lambda f: f.dialect):
        if is_whole(dialect):
            frames.append(_decoded(source, session, files, schema, dialect))
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
    if not source.files:
        return empty(session, TEXT_SCHEMA)
    return _decoded(source, session, source.files, TEXT_SCHEMA)


def _decoded(
    source: TableSource,
    session: Any,
    files: Sequence[FileInfo],
    schema: pa.Schema,
    dialect: TextDialect | None = None,
) -> Any:
    """Read whole files and decode them in the workers: to lines, or without dialect to one row."""
    decode = _DecodeFiles(without_scheme(source.folder).rstrip("/") + "/", schema, dialect)
    found = session.read.format("binaryFile").load(paths(source, files))
    return found.select("path", "content").mapInArrow(decode, spark_schema(schema))


@dataclass(frozen=True)
class _DecodeFiles:
    folder: str
    schema: pa.Schema
    dialect: TextDialect | None

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            full, contents = (column.to_pylist() for column in batch.columns)
            relative = [without_scheme(path).removeprefix(self.folder) for path in full]
            if self.dialect is None:
                yield from decode_files(relative, contents).to_batches()
                continue
            for path, content in zip(relative, contents, strict=True):
                text = pa.array(list(whole_lines(content, self.dialect)), pa.string())
                table = pa.table({"text": text})
                yield from conform(table, self.schema, partition_values(path)).to_batches()
