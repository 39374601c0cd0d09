"""What the readers of all formats share: pieces of files, schemas, casts to a common schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.errors import TableError
from rai_scale.tables.dialect import Dialect
from rai_scale.tables.paths import Place, place_of
from rai_scale.tables.source import TableSource

NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"


Item = TypeVar("Item")
Kind = TypeVar("Kind", bound=Hashable)


@dataclass(frozen=True)
class Piece:
    """What one task reads: a file, or row groups or bytes ``[start, end)`` of it.

    ``dialect`` says how a text is written, where that is known.
    """

    path: str
    relative: str
    start: int = 0
    end: int | None = None
    dialect: Dialect | None = None


class Reader(Protocol):
    """Reads pieces of one table; small and picklable."""

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""

    def __call__(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of a piece in tables of (the named columns of) ``schema``."""


@dataclass(frozen=True)
class Scan:
    """A table as pieces and the reader of one piece."""

    reader: Reader
    pieces: tuple[Piece, ...]

    def tables(self) -> Iterator[pa.Table]:
        """Read all pieces, one after another."""
        for piece in self.pieces:
            yield from self.reader(piece)


def pieces_of(source: TableSource) -> list[Piece]:
    """Return one piece per file."""
    return [Piece(source.file_path(f), f.path, dialect=f.dialect) for f in source.files]


def partition_values(relative: str) -> dict[str, str | None]:
    """Return the ``key=value`` folders of a relative path; percent escapes are undone."""
    parts = (p.split("=", 1) for p in relative.split("/")[:-1] if "=" in p)
    return {k: None if v == NULL_FOLDER else unquote(v) for k, v in parts}


def own_names(names: Iterable[str], relative: str) -> list[str]:
    """Return names for the columns of a file that none of the folders above it has.

    What a file holds and what its ``key=value`` folders say may differ: both are kept.
    """
    names = list(names)
    keys = {key.casefold() for key in partition_values(relative)}
    return unique_names(names, keys) if keys & {n.casefold() for n in names} else names


def check_keys(source: TableSource, own: Collection[str]) -> None:
    """Raise :class:`TableError` for folders whose values would hide a column, or each other."""
    folders = {f.path.rpartition("/")[0] for f in source.files}
    keys = [[p.split("=", 1)[0] for p in path.split("/") if "=" in p] for path in folders]
    twice = any(len({k.casefold() for k in found}) < len(found) for found in keys)
    twice |= len({k.casefold() for k in source.partition_columns}) < len(source.partition_columns)
    taken = sorted({k for found in keys for k in found} & {*own})
    if taken or twice:
        what = f"named {taken[0]!r}, as a column of its own is" if taken else "of one name"
        raise TableError(
            f"table {source.name!r} has key=value folders {what}: values would be lost. Rename "
            "them."
        )


def select(schema: pa.Schema, columns: Sequence[str] | None) -> pa.Schema:
    """Return the part of a schema that is asked for; all of it for None."""
    return schema if columns is None else pa.schema([schema.field(n) for n in columns])


def by_kind(files: Iterable[Item], kind: Callable[[Item], Kind]) -> list[tuple[Kind, list[Item]]]:
    """Group files (or fragments) by ``kind(file)``, in the order of their first file."""
    groups: dict[Kind, list[Item]] = {}
    for file in files:
        groups.setdefault(kind(file), []).append(file)
    return list(groups.items())


def unique_names(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Make column names that no engine confuses: not blank, different beyond upper and lower case.

    A later ``ID`` beside ``id`` becomes ``ID_2``; a blank name becomes ``column_<position>``.
    """
    used = {name.casefold() for name in taken}
    result = []
    for position, name in enumerate(names, 1):
        base = name if name.strip() else f"column_{position}"
        tries = (base if n == 1 else f"{base}_{n}" for n in range(1, 100_000))
        unique = next(t for t in tries if t.casefold() not in used)
        used.add(unique.casefold())
        result.append(unique)
    return result


def constant(value: str | None, rows: int) -> pa.ChunkedArray:
    """Return a text column that holds one value in every row."""
    return pa.chunked_array([pa.repeat(pa.scalar(value, pa.string()), rows)])


def conform(
    table: pa.Table, schema: pa.Schema, constants: dict[str, str | None] | None = None
) -> pa.Table:
    """Return ``table`` with exactly the columns of ``schema``.

    Columns are found whatever their case; a missing one is null; ``constants`` win over columns.
    """
    constants = constants or {}
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
    """Cast to a wider type, or to text where the files of a table do not agree on a type."""
    if column.type.equals(kind):
        return column
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if pa.types.is_string(kind) and not _says_itself(column.type):
        return pa.chunked_array([pa.array([_text(v) for v in column.to_pylist()], pa.string())])
    if pa.types.is_duration(column.type):
        column = pc.cast(column, pa.int64())
    return pc.cast(column, kind, safe=not pa.types.is_temporal(kind))


def _says_itself(kind: pa.DataType) -> bool:
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return is_text or pa.types.is_string_view(kind) or says_itself_everywhere(kind)


def says_itself_everywhere(kind: pa.DataType) -> bool:
    """Whether every engine writes values of this type as the same text."""
    return (
        pa.types.is_integer(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_date32(kind)
        or pa.types.is_null(kind)
    )


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return str(value)


def open_piece(piece: Piece) -> Place:
    """Return the place of a piece's file, on the worker that reads it."""
    return place_of(piece.path)
