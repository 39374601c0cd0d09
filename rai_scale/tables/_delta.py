"""Delta tables by the ``deltalake`` package, for the engines that are not Spark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rai_scale.engines.arrow_types import canonical_schema
from rai_scale.errors import MissingExtraError, TableError
from rai_scale.tables._arrow import Piece, Scan, conform, select
from rai_scale.tables._parquet import open_file
from rai_scale.tables.paths import Place
from rai_scale.tables.source import TableSource

_BATCH_ROWS = 10_000


def dataset_of(source: TableSource) -> Any:
    """Open the version that was found as a pyarrow dataset.

    Raises
    ------
    MissingExtraError
        If ``deltalake`` is not installed.
    TableError
        If the log is damaged or asks for features that the package does not have.
    """
    try:
        from deltalake import DeltaTable
    except ImportError:
        raise MissingExtraError("deltalake", "delta") from None
    version = int(source.snapshot.split(":")[1]) if source.snapshot else None
    try:
        return DeltaTable(source.location, version=version).to_pyarrow_dataset()
    except Exception as error:
        raise TableError(
            f"Delta table {source.name!r} cannot be opened: {type(error).__name__}. Its log is "
            "damaged, its store is unknown to the deltalake package, or it uses a feature "
            "(deletion vectors, column mapping) that only Spark reads."
        ) from None


def read_local(source: TableSource) -> Any:
    """Make a relation over the dataset; DuckDB hands filters and columns down to it."""
    import duckdb

    return duckdb.connect().from_arrow(dataset_of(source))


def scan_delta(source: TableSource) -> Scan:
    """Plan a piece per file of the version that was found."""
    dataset = dataset_of(source)
    reader = DeltaReader(canonical_schema(dataset.schema), dataset.schema)
    pieces = [FragmentPiece(f.path, f.path, fragment=f) for f in dataset.get_fragments()]
    return Scan(reader, tuple(pieces))


@dataclass(frozen=True)
class FragmentPiece(Piece):
    """A file of a Delta table with its store and its partition values."""

    fragment: Any = None


@dataclass(frozen=True)
class DeltaReader:
    """Reads one file of a Delta table."""

    schema: pa.Schema
    stored: pa.Schema

    def __call__(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield batches; see :class:`~rai_scale.tables._arrow.Reader`."""
        target = select(self.schema, columns)
        fragment = piece.fragment  # type: ignore[attr-defined]
        for batch in fragment.to_batches(
            schema=self.stored, columns=target.names, batch_size=_BATCH_ROWS
        ):
            yield conform(pa.Table.from_batches([batch]), target)


def write_stream(location: str, schema: pa.Schema, tables: Iterable[pa.Table]) -> int:
    """Replace a Delta table in one commit, streaming; returns the number of rows."""
    try:
        from deltalake import write_deltalake
    except ImportError:
        raise MissingExtraError("deltalake", "delta") from None
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
    """Replace a Delta table by the rows of Parquet files; returns their number."""
    return write_stream(location, schema, _tables(schema, files))


def _tables(schema: pa.Schema, files: Iterable[Place]) -> Iterator[pa.Table]:
    for place in files:
        with open_file(place) as file:
            for batch in file.iter_batches(_BATCH_ROWS):
                yield pa.Table.from_batches([batch]).cast(schema)
