"""Parquet files read by pyarrow: footers, the union of schemas, row groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rai_scale.engines.arrow_types import canonical_type, is_number
from rai_scale.engines.partition import BATCH_ROWS
from rai_scale.errors import TableError
from rai_scale.tables.paths import Place, place_of
from rai_scale.tables.readers.arrow import (
    Piece,
    Scan,
    conform,
    has_same_text,
    own_names,
    partition_values,
    pieces_of,
    select,
)
from rai_scale.tables.source import TableSource

_PIECE_BYTES = 64 << 20
_MAX_DIGITS = 38


@dataclass(frozen=True)
class Footers:
    """The schemas of the files of a table, and the schema of the table.

    ``renamed`` says whether columns of files have other names in the table.
    """

    files: tuple[pa.Schema, ...]
    schema: pa.Schema
    partition_columns: tuple[str, ...]
    renamed: bool = False

    def only_native_casts(self) -> bool:
        """Return whether the casts of all engines give the table's types and the same values."""
        wanted = {f.name.casefold(): f.type for f in self.schema}
        return not self.renamed and all(
            _is_native(field.type, wanted[field.name.casefold()])
            for schema in dict.fromkeys(self.files)
            for field in schema
            if field.name not in self.partition_columns
        )


def open_file(file: Place) -> Any:
    """Open a Parquet file as ``pyarrow.parquet.ParquetFile``; this reads its footer."""
    if file.is_local:
        return pq.ParquetFile(file.path, memory_map=False)
    return pq.ParquetFile(file.open(compression=None))


def read_footers(source: TableSource, schemas: Sequence[pa.Schema] = ()) -> Footers:
    """Read the schemas of all files and unite them.

    Parameters
    ----------
    source : TableSource
    schemas : sequence of pyarrow.Schema
        The schemas of the files, if they are known already.

    Returns
    -------
    Footers
        The partition columns are text and come last.

    Raises
    ------
    TableError
        If there is no readable file, or a file has two columns that differ only in case.
    """
    if not source.files:
        kinds = sorted({kind for _, kind in source.unreadable})
        raise TableError(
            f"table {source.name!r} has no readable file: {len(source.unreadable)} unreadable "
            f"({', '.join(kinds) or 'none found'})."
        )
    if not schemas:
        schemas = schemas_of(source)
    for schema in dict.fromkeys(schemas):
        _check_case(source, schema)
    own = [own_names(s.names, f.path) for s, f in zip(schemas, source.files, strict=True)]
    renamed = any(names != s.names for names, s in zip(own, schemas, strict=True))
    named = tuple(s if n == s.names else _renamed(s, n) for s, n in zip(schemas, own, strict=True))
    keys = source.partition_columns
    return Footers(named, _union(named, keys), keys, renamed)


def schemas_of(source: TableSource) -> list[pa.Schema]:
    """Return the schemas of the files; files are opened only if they were not when found."""
    known = [file.schema for file in source.files]
    if all(schema is not None for schema in known):
        return known
    with ThreadPoolExecutor(8) as pool:
        return list(
            pool.map(lambda f: schema_of(place_of(source.file_path(f)), f.path), source.files)
        )


def schema_of(place: Place, relative: str) -> pa.Schema:
    """Return a file's schema without columns that only repeat the value of a folder.

    Parameters
    ----------
    place : Place
        The file.
    relative : str
        Its path relative to the folder of the table.
    """
    with open_file(place) as file:
        schema = file.schema_arrow.remove_metadata()
        values = {k.casefold(): v for k, v in partition_values(relative).items()}
        for name in schema.names:
            key = name.casefold()
            if key in values and _has_only(file.metadata, name, values[key]):
                schema = schema.remove(schema.get_field_index(name))
        return schema


def _has_only(metadata: Any, name: str, value: str | None) -> bool:
    """Return whether the statistics of a column show that all its values are ``value``."""
    for group in range(metadata.num_row_groups):
        columns = map(metadata.row_group(group).column, range(metadata.num_columns))
        column = next((c for c in columns if c.path_in_schema == name), None)
        known = column.statistics if column is not None else None
        if known is None or not known.has_min_max or known.null_count != 0:
            return False
        if not str(known.min) == str(known.max) == value:
            return False
    return True


def _renamed(schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
    return pa.schema([field.with_name(name) for field, name in zip(schema, names, strict=True)])


def _check_case(source: TableSource, schema: pa.Schema) -> None:
    folded = [name.casefold() for name in schema.names]
    double = sorted({n for n in schema.names if folded.count(n.casefold()) > 1})
    if double:
        raise TableError(
            f"table {source.name!r} has columns that differ only in upper and lower case: "
            f"{', '.join(double)}. Spark and DuckDB cannot distinguish them; rename one."
        )


def _union(schemas: Sequence[pa.Schema], partition_columns: Sequence[str]) -> pa.Schema:
    keys = {k.casefold() for k in partition_columns}
    names: dict[str, str] = {}
    kinds: dict[str, list[pa.DataType]] = {}
    for schema in dict.fromkeys(schemas):
        for field in schema:
            folded = field.name.casefold()
            if folded not in keys:
                names.setdefault(folded, field.name)
                kinds.setdefault(folded, []).append(field.type)
    fields = [pa.field(names[f], reduce(_wider, map(_stored_type, kinds[f]))) for f in names]
    fields = [pa.field(f.name, canonical_type(f.type)) for f in fields]
    return pa.schema([*fields, *(pa.field(k, pa.string()) for k in partition_columns)])


def _stored_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_duration(kind):  # a plain integer in Parquet; only pyarrow reads a duration
        return pa.int64()
    return kind if pa.types.is_null(kind) else _without_256(canonical_type(kind))


def _without_256(kind: pa.DataType) -> pa.DataType:
    """Return a type without decimals of 256 bits, which no engine has; large ones become text."""
    if pa.types.is_decimal256(kind):
        fits = kind.precision <= _MAX_DIGITS
        return pa.decimal128(kind.precision, kind.scale) if fits else pa.string()
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_without_256(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(_without_256(kind.value_type))
    if pa.types.is_map(kind):
        return pa.map_(_without_256(kind.key_type), _without_256(kind.item_type))
    return kind


def holds(kind: pa.DataType, is_a: Callable[[pa.DataType], bool]) -> bool:
    """Return whether a type, or a type nested in it, satisfies ``is_a``."""
    return is_a(kind) or any(holds(kind.field(i).type, is_a) for i in range(kind.num_fields))


def _wider(a: pa.DataType, b: pa.DataType) -> pa.DataType:
    """Return a type that holds the values of both types; text if there is none."""
    if a.equals(b) or pa.types.is_null(b):
        return a
    if pa.types.is_null(a):
        return b
    if pa.types.is_integer(a) and pa.types.is_integer(b):
        return a if a.bit_width >= b.bit_width else b
    if is_number(a) and is_number(b):
        return _wider_number(a, b)
    if pa.types.is_nested(a) and pa.types.is_nested(b):
        return _wider_nested(a, b)
    return pa.string()


def _wider_number(a: pa.DataType, b: pa.DataType) -> pa.DataType:
    if pa.types.is_floating(a) or pa.types.is_floating(b):
        return pa.float64()
    scale = max(getattr(a, "scale", 0), getattr(b, "scale", 0))
    digits = max(_whole_digits(a), _whole_digits(b)) + scale
    return pa.decimal128(digits, scale) if digits <= _MAX_DIGITS else pa.string()


def _whole_digits(kind: pa.DataType) -> int:
    if pa.types.is_decimal(kind):
        return int(kind.precision - kind.scale)
    return {8: 3, 16: 5, 32: 10}.get(kind.bit_width, 19)


def _wider_nested(a: pa.DataType, b: pa.DataType) -> pa.DataType:
    schemas = [pa.schema([pa.field("x", kind)]) for kind in (a, b)]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.string()


def _is_native(kind: pa.DataType, wanted: pa.DataType) -> bool:
    if holds(kind, pa.types.is_decimal256):  # DuckDB reads it as a double
        return False
    stored = _stored_type(kind)
    if stored.equals(wanted) or (is_number(stored) and is_number(wanted)):
        return True
    return bool(pa.types.is_null(kind) or (pa.types.is_string(wanted) and has_same_text(stored)))


@dataclass(frozen=True)
class ParquetReader:
    """Reads row groups ``[start, end)`` of a file in the table's schema."""

    schema: pa.Schema

    def __call__(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield batches; see :class:`~rai_scale.tables.readers.arrow.Reader`."""
        target = select(self.schema, columns)
        values = partition_values(piece.relative)
        with open_file(piece.file) as file:
            wanted = {n.casefold() for n in target.names}
            names = file.schema_arrow.names
            own = dict(zip(names, own_names(names, piece.relative), strict=True))
            # a dot in a name means a nested field to pyarrow
            plain = not any("." in n for n in names)
            kept = [n for n in names if own[n].casefold() in wanted] if plain else None
            groups = range(piece.start, file.num_row_groups if piece.end is None else piece.end)
            for batch in file.iter_batches(BATCH_ROWS, row_groups=list(groups), columns=kept):
                table = pa.Table.from_batches([batch])
                table = table.rename_columns([own[name] for name in table.column_names])
                yield conform(table, target, values)


def scan_parquet(source: TableSource, footers: Footers) -> Scan:
    """Split the files into pieces of adjacent row groups of about 64 MB in total."""
    with ThreadPoolExecutor(8) as pool:
        paths = [(source.file_path(f), f.path) for f in source.files]
        split = list(pool.map(lambda p: _row_group_pieces(*p), paths))
    return Scan(ParquetReader(footers.schema), tuple(p for pieces in split for p in pieces))


def scan_whole(source: TableSource, footers: Footers) -> Scan:
    """Plan one piece per file, without opening the files to see their row groups."""
    return Scan(ParquetReader(footers.schema), tuple(pieces_of(source)))


def _row_group_pieces(path: str, relative: str) -> list[Piece]:
    with open_file(place_of(path)) as file:
        groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
    pieces, start, total, first, rows = [], 0, 0, 0, 0
    for i, group in enumerate(groups):
        if i > start and total + group.total_byte_size > _PIECE_BYTES:
            pieces.append(Piece(path, relative, start, i, first_row=first))
            start, total, first = i, 0, rows
        total, rows = total + group.total_byte_size, rows + group.num_rows
    return [*pieces, Piece(path, relative, start, len(groups), first_row=first)]
