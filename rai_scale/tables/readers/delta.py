"""Delta tables through the ``deltalake`` package, for all engines except Spark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rai_scale.engines.arrow_types import canonical_schema
from rai_scale.engines.partition import BATCH_ROWS
from rai_scale.tables.paths import Place
from rai_scale.tables.readers.arrow import Piece, Scan, conform, select
from rai_scale.tables.readers.delta_files import scan_files
from rai_scale.tables.readers.delta_log import is_plain, open_log
from rai_scale.tables.readers.parquet import open_file
from rai_scale.tables.readers.row_numbers import numbered
from rai_scale.tables.source import TableSource


def read_local(source: TableSource, row_numbers: bool = False) -> Any:
    """Return a relation over the files; DuckDB pushes down filters and columns if it can."""
    import duckdb

    from rai_scale.tables.readers.local import from_scan

    if row_numbers:
        return from_scan(numbered(scan_delta(source)))
    table = open_log(source)
    if is_plain(table) and not source.seen:
        return duckdb.connect().from_arrow(table.to_pyarrow_dataset())
    return from_scan(scan_files(source, table))


def stored_bytes(source: TableSource) -> int | None:
    """Return the size of the files of a Delta table; None if the log cannot be read here."""
    try:
        actions = pa.table(open_log(source).get_add_actions())
    except Exception:  # a session may open what this process cannot
        return None
    return int(sum(actions["size_bytes"].to_pylist()))


def scan_delta(source: TableSource) -> Scan:
    """Plan one piece per file of the version that was found."""
    table = open_log(source)
    whole = is_plain(table) and not source.seen
    return scan_plain(table) if whole else scan_files(source, table)


def scan_plain(table: Any) -> Scan:
    """Plan one piece per file of a table that needs no special reader."""
    dataset = table.to_pyarrow_dataset()
    reader = DeltaReader(canonical_schema(dataset.schema), dataset.schema)
    pieces = [FragmentPiece(f.path, f.path, fragment=f) for f in dataset.get_fragments()]
    return Scan(reader, tuple(pieces))


@dataclass(frozen=True)
class FragmentPiece(Piece):
    """A file of a Delta table, with its store and partition values in ``fragment``."""

    fragment: Any = None


@dataclass(frozen=True)
class DeltaReader:
    """Reads one file of a Delta table."""

    schema: pa.Schema
    stored: pa.Schema

    def __call__(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield batches; see :class:`~rai_scale.tables.readers.arrow.Reader`."""
        target = select(self.schema, columns)
        fragment = piece.fragment  # type: ignore[attr-defined]
        options = {"schema": self.stored, "columns": target.names, "batch_size": BATCH_ROWS}
        for batch in fragment.to_batches(**options):
            yield conform(pa.Table.from_batches([batch]), target)


def write_stream(location: str, schema: pa.Schema, tables: Iterable[pa.Table]) -> int:
    """Replace a Delta table by a stream of tables in one commit; return the number of rows."""
    from deltalake import write_deltalake

    rows = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal rows
        for table in tables:
            rows += table.num_rows
            yield from table.to_batches()

    reader = pa.RecordBatchReader.from_batches(schema, batches())
    write_deltalake(location, reader, mode="overwrite", schema_mode="overwrite")
    return rows


def write_files(location: str, schema: pa.Schema, files: Iterable[Place]) -> int:
    """Replace a Delta table by the rows of Parquet files; return the number of rows."""
    return write_stream(location, schema, _tables(schema, files))


def _tables(schema: pa.Schema, files: Iterable[Place]) -> Iterator[pa.Table]:
    for place in files:
        with open_file(place) as file:
            for batch in file.iter_batches(BATCH_ROWS):
                yield pa.Table.from_batches([batch]).cast(schema)
