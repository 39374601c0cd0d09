"""CSV files read by pyarrow: every column is text, and no line is lost.

An unquoted empty field becomes null, a quoted one ``""``. The text of a line with a wrong number of
fields is kept in the column ``_corrupt_record``.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from rai_scale.errors import TableError
from rai_scale.tables.column_names import text_schema
from rai_scale.tables.dialect import TextDialect
from rai_scale.tables.formats import CORRUPT
from rai_scale.tables.path_names import base_name
from rai_scale.tables.paths import Place, place_of
from rai_scale.tables.readers.arrow import (
    Piece,
    Scan,
    conform,
    own_names,
    partition_values,
    pieces_of,
    select,
)
from rai_scale.tables.readers.file_dialect import dialect_of
from rai_scale.tables.source import FileInfo, TableSource

_BLOCK_BYTES = 8 << 20
_MAX_BLOCK_BYTES = 1 << 30
_NO_ROWS = pa.table({})
_SPLIT_BYTES = 1 << 13


class _Body(io.RawIOBase):
    """The rest of a text as UTF-8, which the parser needs; it cannot parse an empty file."""

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


def dialects_of(source: TableSource) -> dict[FileInfo, TextDialect]:
    """Return the dialect of each file, without files that have no columns.

    A column with the name of a ``key=value`` folder above its file is renamed.
    """
    found = {f: f.dialect or dialect_of("csv", place_of(source.file_path(f))) for f in source.files}
    return {file: _own(dialect, file) for file, dialect in found.items() if dialect.names}


def _own(dialect: TextDialect, file: FileInfo) -> TextDialect:
    names = tuple(own_names(dialect.names, file.path))
    return dialect if names == dialect.names else replace(dialect, names=names)


def csv_schema(headers: Sequence[Sequence[str]], partition_columns: Sequence[str]) -> pa.Schema:
    """Return all columns of the headers, the partition columns and ``_corrupt_record``, as text."""
    keys = {k.casefold() for k in partition_columns}
    names: dict[str, str] = {}
    for header in headers:
        for name in header:
            if name.casefold() not in keys:
                names.setdefault(name.casefold(), name)
    return text_schema([*names.values(), *partition_columns, CORRUPT])


def scan_csv(source: TableSource) -> Scan:
    """Plan one piece per file: a quoted field may span lines, so files cannot be split."""
    dialects = dialects_of(source)
    schema = csv_schema([d.names for d in dialects.values()], source.partition_columns)
    kept = {f.path: d for f, d in dialects.items()}
    pieces = pieces_of(source, kept)
    return Scan(CsvReader(schema), tuple(p for p in pieces if p.dialect is not None))


@dataclass(frozen=True)
class CsvReader:
    """Reads a whole CSV file in the table's schema; ``dialect`` is for pieces without their own."""

    schema: pa.Schema
    dialect: TextDialect | None = None

    def __call__(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield blocks; see :class:`~rai_scale.tables.readers.arrow.Reader`."""
        file = piece.file
        target = select(self.schema, columns)
        values = partition_values(piece.relative)
        dialect = piece.dialect or self.dialect or dialect_of("csv", file)
        for table in _read(file, dialect):
            yield conform(table, target, values)


def _read(file: Place, dialect: TextDialect) -> Iterator[pa.Table]:
    """Read with blocks as large as the longest row needs, without repeating rows."""
    block, good, bad = _BLOCK_BYTES, 0, 0
    while True:
        skip_good, skip_bad = good, bad
        try:
            for table, corrupt in _blocks(file, block, dialect):
                fresh = table.slice(min(skip_good, table.num_rows)) if skip_good else table
                new = corrupt[min(skip_bad, len(corrupt)) :]
                skip_good -= table.num_rows - fresh.num_rows
                skip_bad -= len(corrupt) - len(new)
                good, bad = good + fresh.num_rows, bad + len(new)
                if fresh.num_rows:
                    yield fresh
                if new:
                    yield pa.table({CORRUPT: pa.array(new, pa.string())})
            return
        except pa.ArrowInvalid as error:
            if "straddling" not in str(error) or block >= _MAX_BLOCK_BYTES:
                name, kind = base_name(file.path), type(error).__name__
                # the parser's message quotes the row
                raise TableError(f"CSV file {name!r} cannot be read: {kind}.") from None
            block *= 8


def _blocks(file: Place, block: int, dialect: TextDialect) -> Iterator[tuple[pa.Table, list[str]]]:
    rows = _rows_in_memory(file, dialect)
    if rows is not None:
        plain = len(rows) <= _SPLIT_BYTES and b'"' not in rows
        if plain and rows.count(b"\r") == rows.count(b"\r\n"):
            yield _split(rows, dialect)
        elif rows.strip(b"\r\n"):
            yield from _parsed(pa.BufferReader(rows), len(rows) + 1, dialect)
        return
    with file.open() as stream:
        text = io.TextIOWrapper(stream, dialect.encoding, errors="replace", newline="")
        if dialect.header:
            next(filter(None, csv.reader(text, delimiter=dialect.delimiter)), None)
        body = _Body(text)
        if not body.blank:
            yield from _parsed(body, block, dialect)


def _rows_in_memory(file: Place, dialect: TextDialect) -> bytes | None:
    """Return the bytes below the header of a small UTF-8 file; None if they must be converted."""
    content = file.small_content(_BLOCK_BYTES) if dialect.plain else None
    if content is None:
        return None
    try:
        content.isascii() or content.decode()
    except UnicodeDecodeError:
        return None
    content = content.removeprefix(codecs.BOM_UTF8)
    return _below_header(content, dialect.delimiter) if dialect.header else content


def _below_header(content: bytes, delimiter: str) -> bytes | None:
    """Return what follows the first record; None if lines end with a carriage return alone."""
    at = 0

    def lines() -> Iterator[str]:
        nonlocal at
        while at < len(content):
            end = content.find(b"\n", at) + 1 or len(content)
            line = content[at:end]
            if b"\r" in line.removesuffix(b"\r\n"):
                raise csv.Error
            at = end
            yield line.decode()

    try:
        next(filter(None, csv.reader(lines(), delimiter=delimiter)), None)
    except csv.Error:
        return None
    return content[at:]


def _split(content: bytes, dialect: TextDialect) -> tuple[pa.Table, list[str]]:
    """Parse a few lines without quotes, for which starting pyarrow's parser takes longest."""
    mark, width = dialect.delimiter, len(dialect.names)
    text = content.decode().replace("\r\n", "\n").strip("\n")
    lines = text.split("\n")
    if not text or "\n\n" in text:
        lines = list(filter(None, lines))
    marks = list(map(str.count, lines, repeat(mark)))
    good, bad = lines, []
    if set(marks) != {width - 1}:
        good = [line for line, count in zip(lines, marks, strict=True) if count == width - 1]
        bad = [line for line, count in zip(lines, marks, strict=True) if count != width - 1]
    fields = mark.join(good).split(mark) if good else []
    texts = _texts([field for at in range(width) for field in fields[at::width]])
    arrays = [texts.slice(at * len(good), len(good)) for at in range(width)]
    arrays.append(pa.nulls(len(good), pa.string()))
    return pa.Table.from_arrays(arrays, schema=text_schema((*dialect.names, CORRUPT))), bad


def _texts(fields: list[str]) -> pa.Array:
    """Return texts, with null for empty fields."""
    values = [field or None for field in fields] if "" in fields else fields
    return pa.array(values, pa.string())


def _parsed(body: Any, block: int, dialect: TextDialect) -> Iterator[tuple[pa.Table, list[str]]]:
    corrupt: list[str] = []

    def keep(row: Any) -> str:
        corrupt.append(row.text)
        return "skip"

    names = dialect.names
    reader = pa_csv.open_csv(
        body,
        pa_csv.ReadOptions(column_names=list(names), block_size=block),
        pa_csv.ParseOptions(
            delimiter=dialect.delimiter, newlines_in_values=True, invalid_row_handler=keep
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
    yield _NO_ROWS, corrupt
