"""Parquet by pyarrow: footers, the union of schemas, row groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rai_scale.engines.arrow_types import canonical_type
from rai_scale.errors import TableError
from rai_scale.tables._arrow import (
    Piece,
    Scan,
    conform,
    open_piece,
    partition_values,
    says_itself_everywhere,
    select,
)
from rai_scale.tables.paths import Place, place_of
from rai_scale.tables.source import TableSource

_PIECE_BYTES = 64 << 20
_BATCH_ROWS = 10_000
_MAX_DIGITS = 38


@dataclass(frozen=True)
class Footers:
    """Schemas of the files of a table, and the schema of the table."""

    files: tuple[pa.Schema, ...]
    schema: pa.Schema
    partition_columns: tuple[str, ...]

    def only_native_casts(self) -> bool:
        """Whether the engines' own casts bring every file to the schema with the same values."""
        wanted = {f.name.casefold(): f.type for f in self.schema}
        return all(
            _is_native(field.type, wanted[field.name.casefold()])
            for schema in dict.fromkeys(self.files)
            for field in schema
            if field.name not in self.partition_columns
        )


def open_file(file: Place) -> Any:
    """Open a Parquet file; reads its footer."""
    if file.is_local:
        return pq.ParquetFile(file.path, memory_map=False)
    return pq.ParquetFile(file.open(compression=None))


def read_footers(source: TableSource, schemas: Sequence[pa.Schema] = ()) -> Footers:
    """Read the schemas of all files (unless given) and unite them.

    Partition columns are text and come last.

    Raises
    ------
    TableError
        If there is no readable file, or one has two columns that differ only in case.
    """
    if not source.files:
        kinds = sorted({kind for _, kind in source.unreadable})
        raise TableError(
            f"table {source.name!r} has no readable file: {len(source.unreadable)} unreadable "
            f"({', '.join(kinds) or 'none found'})."
        )
    if not schemas:
        with ThreadPoolExecutor(8) as pool:
            schemas = list(pool.map(_schema_of, map(source.file_path, source.files)))
    for schema in dict.fromkeys(schemas):
        _check_case(source, schema)
    return Footers(
        tuple(schemas), _union(schemas, source.partition_columns), source.partition_columns
    )


def _schema_of(path: str) -> pa.Schema:
    with open_file(place_of(path)) as file:
        return file.schema_arrow.remove_metadata()


def _check_case(source: TableSource, schema: pa.Schema) -> None:
    folded = [name.casefold() for name in schema.names]
    double = sorted({n for n in schema.names if folded.count(n.casefold()) > 1})
    if double:
        raise TableError(
            f"table {source.name!r} has columns that differ only in upper and lower case: "
            f"{', '.join(double)}. Spark and DuckDB cannot tell them apart; rename one."
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
    if pa.types.is_duration(kind):  # a plain integer in Parquet; only pyarrow sees more in it
        return pa.int64()
    return kind if pa.types.is_null(kind) else canonical_type(kind)


def _wider(a: pa.DataType, b: pa.DataType) -> pa.DataType:
    """Return the type that holds the values of both; text where there is none."""
    if a.equals(b) or pa.types.is_null(b):
        return a
    if pa.types.is_null(a):
        return b
    if pa.types.is_integer(a) and pa.types.is_integer(b):
        return a if a.bit_width >= b.bit_width else b
    if _is_number(a) and _is_number(b):
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
        return kind.precision - kind.scale
    return {8: 3, 16: 5, 32: 10}.get(kind.bit_width, 19)


def _wider_nested(a: pa.DataType, b: pa.DataType) -> pa.DataType:
    schemas = [pa.schema([pa.field("x", kind)]) for kind in (a, b)]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.string()


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def _is_native(kind: pa.DataType, wanted: pa.DataType) -> bool:
    stored = _stored_type(kind)
    if stored.equals(wanted) or (_is_number(stored) and _is_number(wanted)):
        return True
    return pa.types.is_null(kind) or (pa.types.is_string(wanted) and says_itself_everywhere(stored))


@dataclass(frozen=True)
class ParquetReader:
    """Reads row groups ``[start, end)`` of a file, in the table's schema."""

    schema: pa.Schema

    def __call__(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield batches; see :class:`~rai_scale.tables._arrow.Reader`."""
        target = select(self.schema, columns)
        values = partition_values(piece.relative)
        with open_file(open_piece(piece)) as file:
            wanted = {n.casefold() for n in target.names}
            names = file.schema_arrow.names
            # a dot in a name means a nested field to pyarrow
            plain = not any("." in n for n in names)
            kept = [n for n in names if n.casefold() in wanted] if plain else None
            groups = range(piece.start, file.num_row_groups if piece.end is None else piece.end)
            for batch in file.iter_batches(_BATCH_ROWS, row_groups=list(groups), columns=kept):
                yield conform(pa.Table.from_batches([batch]), target, values)


def scan_parquet(source: TableSource, footers: Footers) -> Scan:
    """Cut the files into pieces of neighbouring row groups, of about 64 MB."""
    with ThreadPoolExecutor(8) as pool:
        paths = [(source.file_path(f), f.path) for f in source.files]
        cut = list(pool.map(lambda p: _row_group_pieces(*p), paths))
    return Scan(ParquetReader(footers.schema), tuple(p for pieces in cut for p in pieces))


def _row_group_pieces(path: str, relative: str) -> list[Piece]:
    with open_file(place_of(path)) as file:
        sizes = [file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups)]
    pieces, start, total = [], 0, 0
    for i, size in enumerate(sizes):
        if i > start and total + size > _PIECE_BYTES:
            pieces.append(Piece(path, relative, start, i))
            start, total = i, 0
        total += size
    return [*pieces, Piece(path, relative, start, len(sizes))]
