"""Tables as DuckDB relations, and relations as files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from rai_scale.engines.arrow_types import canonical_table, canonical_type
from rai_scale.engines.database import ArrowStream, relation_of, scan
from rai_scale.engines.sql_tables import quoted
from rai_scale.tables._arrow import Scan, by_kind, partition_values
from rai_scale.tables._parquet import Footers
from rai_scale.tables.paths import Place, place_of
from rai_scale.tables.source import FileInfo, TableSource

_GROUP_ROWS = 120_000
_GROUP_BYTES = 64 << 20
_FILE_BYTES = 512 << 20


def from_scan(plan: Scan) -> duckdb.DuckDBPyRelation:
    """Make a relation that reads the pieces anew each time it is run."""
    return relation_of(ArrowStream(plan.reader.schema, plan.tables))


def read_parquet(source: TableSource, footers: Footers) -> duckdb.DuckDBPyRelation:
    """Let DuckDB read the files itself: one scan per schema found, cast only where they differ."""
    connection = duckdb.connect()
    place = place_of(source.folder)
    if not place.is_local:
        connection.register_filesystem(place.fs)
    schema_of = dict(zip(source.files, footers.files, strict=True))

    def kind(file: FileInfo) -> tuple[pa.Schema, tuple[str, ...]]:
        return schema_of[file], tuple(partition_values(file.path))

    groups: list[Any] = by_kind(source.files, kind)
    selects = [
        _select(found, keys, footers, [_address(source, file) for file in files])
        for (found, keys), files in groups
    ]
    return connection.sql(" UNION ALL ".join(selects))


def _address(source: TableSource, file: FileInfo) -> str:
    place = place_of(source.file_path(file))
    return place.path if place.is_local else place.fs.unstrip_protocol(place.path)


def _select(found: pa.Schema, keys: Sequence[str], footers: Footers, files: Sequence[str]) -> str:
    kinds = {f.name.casefold(): f.type for f in found}
    columns = []
    for field in footers.schema:
        kind = kinds.get(field.name.casefold())
        column = quoted(field.name)
        if field.name in keys:
            columns.append(f"{column}::VARCHAR AS {column}")
        elif kind is None:
            columns.append(f"NULL::{_type_name(field.type)} AS {column}")
        elif _same(kind, field.type):
            columns.append(f"{column} AS {column}")
        else:
            columns.append(f"{column}::{_type_name(field.type)} AS {column}")
    # a key=value folder above the table is not a column of it
    hive = (
        "hive_partitioning=true, hive_types_autocast=false" if keys else "hive_partitioning=false"
    )
    names = ", ".join(_text(_no_glob(name)) for name in files)
    return f"SELECT {', '.join(columns)} FROM read_parquet([{names}], {hive})"  # noqa: S608


def _same(kind: pa.DataType, wanted: pa.DataType) -> bool:
    return not pa.types.is_null(kind) and canonical_type(kind).equals(wanted)


def _type_name(kind: pa.DataType) -> str:
    empty = pa.table({"x": pa.array([], kind)})
    return str(duckdb.connect().from_arrow(empty).types[0])


def _no_glob(path: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def tables_of(data: Any, engine: Any) -> Iterator[pa.Table]:
    """Execute a frame of the local engine and yield its rows in canonical types."""
    schema = engine.schema(data)
    found = scan(data) if isinstance(data, duckdb.DuckDBPyRelation) else [engine.collect(data)]
    for table in found:
        yield canonical_table(table, schema)


def write_files(data: Any, engine: Any, target: Place) -> None:
    """Stream the rows into files of about ``_FILE_BYTES``; at least one is written."""
    schema = engine.schema(data)
    groups = _row_groups(tables_of(data, engine), schema)
    waiting: pa.Table | None = next(groups)
    for number in count():
        if waiting is None:
            return
        with (
            target.child(f"part-{number:05d}.parquet").create() as file,
            pq.ParquetWriter(file, schema) as writer,
        ):
            size = 0
            while waiting is not None and size < _FILE_BYTES:
                writer.write_table(waiting)
                size += waiting.nbytes
                waiting = next(groups, None)


def _row_groups(tables: Iterator[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """Join small tables to row groups; yields at least one table."""
    waiting, size, rows, none_yet = [schema.empty_table()], 0, 0, True
    for table in tables:
        waiting.append(table)
        size, rows = size + table.nbytes, rows + table.num_rows
        if size >= _GROUP_BYTES or rows >= _GROUP_ROWS:
            yield pa.concat_tables(waiting)
            waiting, size, rows, none_yet = [schema.empty_table()], 0, 0, False
    if rows or none_yet:
        yield pa.concat_tables(waiting)
