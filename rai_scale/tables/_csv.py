"""CSV by pyarrow: every column is text, and no line is lost.

An unquoted empty field is null and a quoted one is ``""``. A line with the wrong number of fields
keeps its text in ``_corrupt_record``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from rai_scale.errors import TableError
from rai_scale.tables._arrow import (
    Piece,
    Scan,
    conform,
    open_piece,
    own_names,
    partition_values,
    pieces_of,
    select,
)
from rai_scale.tables.dialect import Dialect
from rai_scale.tables.formats import CORRUPT
from rai_scale.tables.path_names import base_name
from rai_scale.tables.paths import Place, place_of
from rai_scale.tables.probe import dialect_of
from rai_scale.tables.source import FileInfo, TableSource

_BLOCK_BYTES = 8 << 20
_MAX_BLOCK_BYTES = 1 << 30


def _decoded(stream: Any, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, encoding, errors="replace", newline="")


def _after_header(text: io.TextIOWrapper, dialect: Dialect) -> None:
    if dialect.header:
        lines = csv.reader(text, delimiter=dialect.delimiter)
        next((line for line in lines if line), None)


class _Body(io.RawIOBase):
    """What is left of a text, as UTF-8: the parser takes no other bytes, and no empty file."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        first = text.read(1 << 16)
        while first and not first.strip("\r\n"):
            first = text.read(1 << 16)
        self._rest = first.encode("utf-8")
        self.blank = not first

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._rest or self._text.read(max(1, len(buffer) // 4)).encode("utf-8")
        size = min(len(buffer), len(data))
        buffer[:size] = data[:size]
        self._rest = data[size:]
        return size


def dialects_of(source: TableSource) -> dict[FileInfo, Dialect]:
    """Return how each file that has columns is written; an empty file adds nothing to a table.

    A column with the name of a folder that its file stands in gets a name of its own.
    """
    found = {f: f.dialect or dialect_of("csv", place_of(source.file_path(f))) for f in source.files}
    return {
        file: replace(dialect, names=tuple(own_names(dialect.names, file.path)))
        for file, dialect in found.items()
        if dialect.names
    }


def csv_schema(headers: Sequence[Sequence[str]], partition_columns: Sequence[str]) -> pa.Schema:
    """Unite headers: columns as first seen, partition columns, then ``_corrupt_record``."""
    keys = {k.casefold() for k in partition_columns}
    names: dict[str, str] = {}
    for header in headers:
        for name in header:
            if name.casefold() not in keys:
                names.setdefault(name.casefold(), name)
    ordered = [*names.values(), *partition_columns, CORRUPT]
    return pa.schema([pa.field(name, pa.string()) for name in ordered])


def scan_csv(source: TableSource) -> Scan:
    """Plan the reading of a CSV table: a piece is a file, as a quoted field may span lines."""
    dialects = dialects_of(source)
    schema = csv_schema([d.names for d in dialects.values()], source.partition_columns)
    kept = {f.path: d for f, d in dialects.items()}
    pieces = (replace(p, dialect=kept.get(p.relative)) for p in pieces_of(source))
    return Scan(CsvReader(schema), tuple(p for p in pieces if p.dialect is not None))


@dataclass(frozen=True)
class CsvReader:
    """Reads a whole CSV file, in the table's schema; ``dialect`` is of pieces that have none."""

    schema: pa.Schema
    dialect: Dialect | None = None

    def __call__(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield blocks; see :class:`~rai_scale.tables._arrow.Reader`."""
        file = open_piece(piece)
        target = select(self.schema, columns)
        values = partition_values(piece.relative)
        dialect = piece.dialect or self.dialect or dialect_of("csv", file)
        for table in _read(file, dialect):
            yield conform(table, target, values)


def _read(file: Place, dialect: Dialect) -> Iterator[pa.Table]:
    """Read with blocks as large as the longest row needs; rows already given are not repeated."""
    block, good, bad = _BLOCK_BYTES, 0, 0
    while True:
        skip_good, skip_bad = good, bad
        try:
            for table, corrupt in _blocks(file, block, dialect):
                fresh = table.slice(min(skip_good, table.num_rows))
                new = corrupt[min(skip_bad, len(corrupt)) :]
                skip_good -= table.num_rows - fresh.num_rows
                skip_bad -= len(corrupt) - len(new)
                good, bad = good + fresh.num_rows, bad + len(new)
                yield fresh
                yield _corrupt_rows(new)
            return
        except pa.ArrowInvalid as error:
            if "straddling" not in str(error) or block >= _MAX_BLOCK_BYTES:
                raise _unreadable(file, error) from None
            block *= 8


def _unreadable(file: Place, error: Exception) -> TableError:
    # the message of the parser quotes the row
    return TableError(f"CSV file {base_name(file.path)!r} cannot be read: {type(error).__name__}.")


def _blocks(file: Place, block: int, dialect: Dialect) -> Iterator[tuple[pa.Table, list[str]]]:
    corrupt: list[str] = []

    def keep(row: Any) -> str:
        corrupt.append(row.text)
        return "skip"

    with file.open() as stream:
        text = _decoded(stream, dialect.encoding)
        names = dialect.names
        _after_header(text, dialect)
        body = _Body(text)
        if body.blank:
            return
        reader = pa_csv.open_csv(
            body,
            pa_csv.ReadOptions(column_names=list(names), block_size=block),
            pa_csv.ParseOptions(
                delimiter=dialect.delimiter,
                newlines_in_values=True,
                invalid_row_handler=keep,
            ),
            pa_csv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        for batch in reader:
            done, corrupt[:] = list(corrupt), []
            yield pa.Table.from_batches([batch]), done
    yield reader.schema.empty_table(), corrupt


def _corrupt_rows(texts: list[str]) -> pa.Table:
    return pa.table({CORRUPT: pa.array(texts, pa.string())})
