"""DuckDB: one database per process for tables in memory, and relations over streams.

The database is shared because starting and closing one takes several times as long as counting a
few thousand rows.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from rai_scale.engines.arrow_types import canonical_table
from rai_scale.engines.frames import frame_to_arrow
from rai_scale.engines.partition import BATCH_ROWS
from rai_scale.engines.sql_tables import named_in, scannable
from rai_scale.engines.sql_verbs import SQL_DATA
from rai_scale.names import quoted

_SPILL_MB, _SPILL_THREADS = 256, 4
_started: list[duckdb.DuckDBPyConnection] = []


def _leave_inherited() -> None:
    """Keep the parent's database open: closing it would wait for threads that a fork lacks."""
    for inherited in _started:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))
    _started.clear()


os.register_at_fork(after_in_child=_leave_inherited)


def connection() -> duckdb.DuckDBPyConnection:
    """Return a new connection to this process's database; each thread and relation has its own.

    A database that was closed by an error in DuckDB is started again.
    """
    try:
        found = _started[-1].cursor()
        found.execute("SELECT 1")
    except (IndexError, duckdb.Error):
        _started.append(duckdb.connect())
        return _started[-1].cursor()
    return found


@dataclass(frozen=True)
class ArrowStream:
    """A table that is produced again for each scan; DuckDB reads it batch by batch.

    Attributes
    ----------
    schema : pyarrow.Schema
    batches : callable
        Returns an iterator over the table's parts; their types are cast to ``schema``.
    """

    schema: pa.Schema
    batches: Callable[[], Iterator[pa.Table]]

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Open one scan (the Arrow PyCapsule protocol)."""
        batches = (
            b for table in self.batches() for b in table.cast(self.schema).to_batches(BATCH_ROWS)
        )
        reader = pa.RecordBatchReader.from_batches(self.schema, batches)
        return reader.__arrow_c_stream__(requested_schema)


def relation_of(stream: ArrowStream) -> duckdb.DuckDBPyRelation:
    """Return a lazy relation over a stream, on a connection of its own.

    A connection cannot read from a stream that reads from the same connection.
    """
    return duckdb.connect().from_arrow(stream)


def scan(relation: duckdb.DuckDBPyRelation) -> Iterator[pa.Table]:
    """Execute a relation and yield its rows in tables of at most ``BATCH_ROWS`` rows."""
    open_reader = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
    for batch in open_reader(BATCH_ROWS):
        yield pa.Table.from_batches([batch])


def evaluated(table: pa.Table, expressions: Mapping[str, str]) -> pa.Table:
    """Return SQL expressions of each row of a table, in the order of its rows."""
    listed = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in expressions.items())
    return connection().from_arrow(scannable(table, listed)).project(listed).to_arrow_table()


def scanned(data: pa.Table | duckdb.DuckDBPyRelation, sql: str) -> duckdb.DuckDBPyRelation:
    """Return a relation of the columns that ``sql`` names, with null for text that is not UTF-8.

    DuckDB checks text that it reads from files, and does not check Arrow's. What a relation reads
    is not known here (``explain`` would show its plan in a notebook), so all text is checked.
    """
    if isinstance(data, pa.Table):
        return connection().from_arrow(scannable(data, sql))
    kinds = zip(data.columns, data.types, strict=True)
    wanted = {n: str(kind) for n, kind in kinds if n in named_in([n], sql)}
    if not wanted:
        return data
    checked = (
        f"TRY(decode(encode({quoted(n)}))) AS {quoted(n)}" if kind == "VARCHAR" else quoted(n)
        for n, kind in wanted.items()
    )
    return data.project(", ".join(checked))


def named(data: pd.DataFrame | pa.Table, sql: str) -> pa.Table:
    """Return the columns that ``sql`` names, or any one."""
    if isinstance(data, pa.Table):
        return data
    return frame_to_arrow(data, named_in(data.columns, sql) or list(data.columns)[:1])


def queried(data: Any, rows: str, query: str) -> duckdb.DuckDBPyRelation:
    """Return a query over :data:`SQL_DATA`, which is a frame of the columns that ``rows`` names."""
    data = named(data, rows) if isinstance(data, pd.DataFrame) else data
    return scanned(data, rows).query(SQL_DATA, query)


def joined(tables: Mapping[str, pa.Table], sql: str, threads: int | None = None) -> pa.Table:
    """Run one SELECT over tables that DuckDB can scan, by name.

    A number of threads needs a database of its own, because it holds for a whole database.
    """
    with connection() if threads is None else duckdb.connect() as own:
        if threads is not None:
            own.execute(f"SET threads = {int(threads)}")
        for name, table in tables.items():
            own.register(name, table)
        return canonical_table(own.sql(sql).to_arrow_table())


def spilling(name: str, rows: ArrowStream, sql: str) -> Iterator[pa.Table]:
    """Run one SELECT over a stream of any length, in about 256 MB of memory.

    The rest is written to a folder of its own among the temporary files, which only this user may
    read, and which is removed.
    """
    threads = min(_SPILL_THREADS, len(os.sched_getaffinity(0)))  # each needs memory of its own
    with tempfile.TemporaryDirectory(prefix="rai_scale_") as folder:
        config: dict[str, Any] = {
            "memory_limit": f"{_SPILL_MB}MB",
            "threads": threads,
            "temp_directory": folder,
        }
        with duckdb.connect(config=config) as own:
            own.register(name, rows)
            yield from scan(own.sql(sql))


@dataclass(frozen=True)
class SqlColumns:
    """Table function: SQL expressions of each row, by name."""

    expressions: Mapping[str, str]
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the values of the expressions."""
        return evaluated(table, self.expressions)
