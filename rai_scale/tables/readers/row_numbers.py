"""Where each row is: its file, and its number in the file, the same on every engine.

Rows of Parquet, Delta, Iceberg, Avro, ORC, CSV and SQLite files and of sheets are numbered from 0.
Lines are numbered from the first byte of the piece of the file that they are read in, so that no
reader must know how many lines are before it; the pieces are the same on every engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pyarrow as pa

from rai_scale.tables.readers.arrow import Piece, Reader, Scan, constant

FILE, ROW = "_rai_file", "_rai_row"
"""Columns that are added: the path of the file in the folder of the table, and the number."""
NUMBERS = pa.schema([(FILE, pa.string()), (ROW, pa.int64())])


@dataclass(frozen=True)
class NumberedReader:
    """Adds :data:`FILE` and :data:`ROW` to what a reader yields, in the order of the rows."""

    reader: Reader

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table, and where a row is."""
        return _with_numbers(self.reader.schema)

    def __call__(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of a piece; see :class:`~rai_scale.tables.readers.arrow.Reader`."""
        wanted = None if columns is None else list(columns)
        own = wanted and [name for name in wanted if name not in NUMBERS.names]
        # a batch needs a column to have rows
        own = self.reader.schema.names[:1] if own == [] else own
        for one in (piece, *piece.more):
            start = 0
            for table in self.reader(replace(one, more=()) if one.more else one, own):
                rows = _numbers(one, start, table.num_rows)
                start += table.num_rows
                done = _added(table, one.relative, rows)
                yield done if wanted is None else done.select(wanted)


def numbered(scan: Scan) -> Scan:
    """Return a scan that also yields where each row is."""
    return replace(scan, reader=NumberedReader(scan.reader))


def with_numbers(table: pa.Table, pieces: Sequence[tuple[Piece, int]]) -> pa.Table:
    """Add :data:`FILE` and :data:`ROW` to the rows of several pieces at once.

    Parameters
    ----------
    table : pyarrow.Table
        The rows of all pieces, in their order.
    pieces : sequence of (Piece, int)
        Each piece of a file with the number of its rows.
    """
    rows = np.array([count for _, count in pieces], dtype=np.int64)
    firsts = np.array([piece.first_row for piece, _ in pieces], dtype=np.int64)
    starts = np.cumsum(rows) - rows
    numbers = np.arange(table.num_rows, dtype=np.int64) + np.repeat(firsts - starts, rows)
    at = pa.array(np.repeat(np.arange(len(rows), dtype=np.int32), rows))
    names = pa.array([piece.relative for piece, _ in pieces], pa.string())
    columns = [*table.columns, names.take(at), pa.array(numbers)]
    return pa.table(columns, schema=_with_numbers(table.schema))


def _added(table: pa.Table, relative: str, rows: np.ndarray) -> pa.Table:
    columns = [*table.columns, constant(relative, table.num_rows), pa.array(rows)]
    return pa.table(columns, schema=_with_numbers(table.schema))


@lru_cache(256)
def _with_numbers(schema: pa.Schema) -> pa.Schema:
    return pa.schema([*schema, *NUMBERS])


def _numbers(piece: Piece, start: int, rows: int) -> np.ndarray:
    """Return the numbers of the rows that a reader yields from row ``start`` on."""
    deleted = getattr(piece, "deleted", None)
    if deleted is None:
        return piece.first_row + np.arange(start, start + rows, dtype=np.int64)
    positions = np.sort(np.asarray(deleted, dtype=np.int64))
    kept_before = positions - np.arange(len(positions))
    found = np.arange(start, start + rows, dtype=np.int64)
    return found + np.searchsorted(kept_before, found, side="right")
