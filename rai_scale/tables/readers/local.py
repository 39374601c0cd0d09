"""Reading tables as DuckDB relations, and writing frames of the local engine as files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from rai_scale.engines.arrow_types import canonical_table, canonical_type
from rai_scale.engines.database import ArrowStream, relation_of, scan
from rai_scale.engines.sql_tables import text_literal
from rai_scale.names import quoted
from rai_scale.tables.paths import Place, place_of
from rai_scale.tables.readers.arrow import Scan, by_kind_and_keys
from rai_scale.tables.readers.parquet import Footers
from rai_scale.tables.readers.row_numbers import FILE, ROW
from rai_scale.tables.source import FileInfo, TableSource

_GROUP_ROWS = 120_000
_GROUP_BYTES = 64 << 20
_FILE_BYTES = 512 << 20


def from_scan(plan: Scan) -> duckdb.DuckDBPyRelation:
    """Return a relation that reads the pieces again each time it is executed."""
    return relation_of(ArrowStream(plan.reader.schema, plan.tables))


def read_parquet(
    source: TableSource, footers: Footers, row_numbers: bool = False
) -> duckdb.DuckDBPyRelation:
    """Let DuckDB read the files: one scan per schema, with casts only where schemas differ."""
    place = place_of(source.folder)
    connection = duckdb.connect()
    if place.is_local:
        # DuckDB would keep in memory what it read, which grows with the files
        connection.execute("SET enable_external_file_cache = false")
    else:
        connection.register_filesystem(place.fs)
    schemas = dict(zip(source.files, footers.files, strict=True))
    first = source.files[0]
    folder = len(_address(source, first)) - len(first.path) if row_numbers else None
    selects = [
        _select(found, keys, footers, [_address(source, file) for file in files], folder)
        for (found, keys), files in by_kind_and_keys(source.files, schemas.get)
    ]
    return connection.sql(" UNION ALL ".join(selects))


def _address(source: TableSource, file: FileInfo) -> str:
    place = place_of(source.file_path(file))
    return place.path if place.is_local else place.fs.unstrip_protocol(place.path)


def _select(
    found: pa.Schema,
    keys: Sequence[str],
    footers: Footers,
    files: Sequence[str],
    folder: int | None,
) -> str:
    """Return the scan of files; with the length of their folder, rows have numbers."""
    kinds = {f.name.casefold(): f.type for f in found}
    columns = []
    for field in footers.schema:
        kind = kinds.get(field.name.casefold())
        column = quoted(field.name)
        value = column
        if field.name in keys:
            value = f"{column}::VARCHAR"
        elif kind is None or not _same(kind, field.type):
            value = f"{'NULL' if kind is None else column}::{_type_name(field.type)}"
        columns.append(f"{value} AS {column}")
    # a key=value folder above the table is not a column of it
    hive = (
        "hive_partitioning=true, hive_types_autocast=false" if keys else "hive_partitioning=false"
    )
    if folder is not None:
        columns.append(f"substr(filename, {folder + 1}) AS {FILE}, file_row_number AS {ROW}")
        hive += ", filename=true, file_row_number=true"
    names = ", ".join(text_literal(_no_glob(name)) for name in files)
    return f"SELECT {', '.join(columns)} FROM read_parquet([{names}], {hive})"  # noqa: S608


def _same(kind: pa.DataType, wanted: pa.DataType) -> bool:
    return not pa.types.is_null(kind) and canonical_type(kind).equals(wanted)


def _type_name(kind: pa.DataType) -> str:
    empty = pa.table({"x": pa.array([], kind)})
    return str(duckdb.connect().from_arrow(empty).types[0])


def _no_glob(path: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)


def tables_of(data: Any, engine: Any) -> Iterator[pa.Table]:
    """Execute a frame of the local engine and yield its rows in canonical types."""
    schema = engine.schema(data)
    found = scan(data) if isinstance(data, duckdb.DuckDBPyRelation) else [engine.collect(data)]
    for table in found:
        yield canonical_table(table, schema)


def write_files(data: Any, engine: Any, target: Place) -> None:
    """Stream the rows into files of about 512 MB; at least one file is written."""
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
    """Join small tables into row groups; yields at least one table."""
    waiting, size, rows, none_yet = [schema.empty_table()], 0, 0, True
    for table in tables:
        waiting.append(table)
        size, rows = size + table.nbytes, rows + table.num_rows
        if size >= _GROUP_BYTES or rows >= _GROUP_ROWS:
            yield pa.concat_tables(waiting)
            waiting, size, rows, none_yet = [schema.empty_table()], 0, 0, False
    if rows or none_yet:
        yield pa.concat_tables(waiting)
