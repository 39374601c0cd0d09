"""Code that all readers share: pieces of files, schemas, and casts to a common schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.arrow_types import is_text
from rai_scale.errors import TableError
from rai_scale.tables.column_names import unique_names
from rai_scale.tables.dialect import TextDialect
from rai_scale.tables.paths import Place, place_of
from rai_scale.tables.source import FileInfo, TableSource

NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"
"""The value of a ``key=value`` folder that means null."""

Item = TypeVar("Item")
Kind = TypeVar("Kind", bound=Hashable)


@dataclass(frozen=True)
class Piece:
    """The part of a file that one task reads.

    Attributes
    ----------
    path : str
        The full path or address of the file.
    relative : str
        Its path relative to the folder of the table.
    start, end : int
        Row groups or bytes ``[start, end)``; without ``end``, up to the end of the file.
    dialect : TextDialect, optional
        How a text file is written, if that is known.
    more : tuple of Piece
        Small files that the same task reads after this one.
    first_row : int
        The number of the first row of the piece in its file; of lines, the position of a byte.
    """

    path: str
    relative: str
    start: int = 0
    end: int | None = None
    dialect: TextDialect | None = None
    more: tuple[Piece, ...] = ()
    first_row: int = 0

    @property
    def file(self) -> Place:
        """The file, as the process that reads it opens it."""
        return place_of(self.path)


class Reader(Protocol):
    """Reads the pieces of one table; small and picklable."""

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""

    def __call__(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of a piece, with the named columns of ``schema`` (all by default)."""


@dataclass(frozen=True)
class Scan:
    """The plan for reading a table: its pieces, and the reader of one piece."""

    reader: Reader
    pieces: tuple[Piece, ...]

    def tables(self) -> Iterator[pa.Table]:
        """Read all pieces, one after another."""
        for piece in self.pieces:
            yield from self.reader(piece)


def pieces_of(
    source: TableSource, dialects: Mapping[str, TextDialect] | None = None
) -> list[Piece]:
    """Return one piece per file, with the dialect of its path if ``dialects`` are given."""
    return [
        Piece(
            source.file_path(f),
            f.path,
            dialect=f.dialect if dialects is None else dialects.get(f.path),
        )
        for f in source.files
    ]


def partition_values(relative: str) -> dict[str, str | None]:
    """Return the ``key=value`` folders of a relative path, with percent escapes decoded."""
    parts = (p.split("=", 1) for p in relative.split("/")[:-1] if "=" in p)
    return {k: None if v == NULL_FOLDER else unquote(v) for k, v in parts}


def own_names(names: Iterable[str], relative: str) -> list[str]:
    """Return names for a file's columns that differ from those of the folders above it.

    A column and a ``key=value`` folder of the same name may have different values: both are kept.
    """
    names = list(names)
    keys = {key.casefold() for key in partition_values(relative)}
    return unique_names(names, keys) if keys & {n.casefold() for n in names} else names


def check_keys(source: TableSource, own: Collection[str]) -> None:
    """Raise :class:`TableError` if a ``key=value`` folder would hide a column or another folder."""
    folders = {f.path.rpartition("/")[0] for f in source.files}
    keys = [[p.split("=", 1)[0] for p in path.split("/") if "=" in p] for path in folders]
    twice = any(len({k.casefold() for k in found}) < len(found) for found in keys)
    twice |= len({k.casefold() for k in source.partition_columns}) < len(source.partition_columns)
    taken = sorted({k for found in keys for k in found} & {*own})
    if taken or twice:
        what = f"the reserved name {taken[0]!r}" if taken else "the same name twice"
        raise TableError(
            f"table {source.name!r} has key=value folders with {what}: values would be lost. "
            "Rename them."
        )


def select(schema: pa.Schema, columns: Sequence[str] | None) -> pa.Schema:
    """Return the named columns of a schema; all by default."""
    return schema if columns is None else pa.schema([schema.field(n) for n in columns])


def by_kind(files: Iterable[Item], kind: Callable[[Item], Kind]) -> list[tuple[Kind, list[Item]]]:
    """Group files (or fragments) by ``kind(file)``, in the order of their first occurrence."""
    groups: dict[Kind, list[Item]] = {}
    for file in files:
        groups.setdefault(kind(file), []).append(file)
    return list(groups.items())


def by_kind_and_keys(
    files: Iterable[FileInfo], kind: Callable[[FileInfo], Any]
) -> list[tuple[Any, list[FileInfo]]]:
    """Group files by ``kind(file)`` and the names of their ``key=value`` folders."""
    return by_kind(files, lambda file: (kind(file), tuple(partition_values(file.path))))


def constant(value: str | None, rows: int) -> pa.ChunkedArray:
    """Return a text column with the same value in every row."""
    return pa.chunked_array([pa.repeat(pa.scalar(value, pa.string()), rows)])


def conform(
    table: pa.Table, schema: pa.Schema, constants: dict[str, str | None] | None = None
) -> pa.Table:
    """Return ``table`` with exactly the columns of ``schema``.

    Parameters
    ----------
    table : pyarrow.Table
        Its columns are matched without regard to case; a missing column becomes null.
    schema : pyarrow.Schema
    constants : dict of str to (str or None), optional
        Text columns with one value, which replace columns of the table.
    """
    constants = constants or {}
    if not constants and table.schema.equals(schema, check_metadata=True):
        return table
    at = {name.casefold(): i for i, name in enumerate(table.column_names)}
    columns = []
    for field in schema:
        found = at.get(field.name.casefold())
        if field.name in constants:
            columns.append(constant(constants[field.name], table.num_rows))
        elif found is None:
            columns.append(pa.chunked_array([pa.nulls(table.num_rows, field.type)]))
        else:
            columns.append(cast(table.column(found), field.type))
    return pa.Table.from_arrays(columns, schema=schema)


def cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Cast to a wider type, or to text if the files of a table have types without a common one."""
    if column.type.equals(kind):
        return column
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if pa.types.is_string(kind) and not (is_text(column.type) or has_same_text(column.type)):
        return pa.chunked_array([pa.array([_text(v) for v in column.to_pylist()], pa.string())])
    if pa.types.is_duration(column.type):
        column = pc.cast(column, pa.int64())
    return pc.cast(column, kind, safe=not pa.types.is_temporal(kind))


def has_same_text(kind: pa.DataType) -> bool:
    """Return whether every engine casts values of this type to the same text."""
    same = (pa.types.is_integer, pa.types.is_boolean, pa.types.is_date32, pa.types.is_null)
    return any(is_same(kind) for is_same in same)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return str(value)
