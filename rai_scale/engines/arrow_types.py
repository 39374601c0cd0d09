"""Canonical Arrow types: those that every engine supports."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

Kind = Literal["int", "decimal", "float", "text", "bool", "date", "time"]
_AS_TEXT = ("pandas.interval", "pandas.period", "arrow.uuid")
_DAY = 86_400_000
_MICROS = {"s": 1_000_000, "ms": 1_000}


def is_number(kind: pa.DataType) -> bool:
    """Return whether values of a type are integers, floats or decimals."""
    known = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return any(is_known(kind) for is_known in known)


def is_text(kind: pa.DataType) -> bool:
    """Return whether values of a type are text, in any of Arrow's layouts."""
    known = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(is_known(kind) for is_known in known)


def kind_of_type(found: pa.DataType) -> Kind | None:  # noqa: PLR0911
    """Return the kind of values of a type; None for nested, binary and other types."""
    if pa.types.is_boolean(found):
        return "bool"
    if pa.types.is_integer(found):
        return "int"
    if pa.types.is_floating(found):
        return "float"
    if pa.types.is_decimal(found):
        return "decimal"
    if is_text(found):
        return "text"
    if pa.types.is_date(found):
        return "date"
    return "time" if pa.types.is_timestamp(found) else None


def canonical_type(kind: pa.DataType) -> pa.DataType:  # noqa: PLR0911, PLR0912
    """Return the type that replaces ``kind`` on every engine.

    Spark has no unsigned integers, dictionaries, nanoseconds or 64-bit offsets, so no function
    receives them on any engine.
    """
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return canonical_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        text = kind.extension_name in _AS_TEXT
        return pa.string() if text else canonical_type(kind.storage_type)
    if is_text(kind) or pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.binary()
    if pa.types.is_uint64(kind):
        return pa.decimal128(20, 0)
    if pa.types.is_unsigned_integer(kind):
        return pa.int64()
    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", "UTC" if kind.tz else None)
    if pa.types.is_duration(kind):
        return pa.duration("us")
    if pa.types.is_date64(kind):
        return pa.date32()
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(f.name, canonical_type(f.type)) for f in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.list_(canonical_type(kind.value_type))
    if pa.types.is_map(kind):
        return pa.map_(canonical_type(kind.key_type), canonical_type(kind.item_type))
    return kind


def canonical_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema with canonical types, without metadata; every field is nullable."""
    return _canonical(schema) if schema.metadata is None else _canonical(schema.remove_metadata())


@lru_cache(256)
def _canonical(schema: pa.Schema) -> pa.Schema:
    return pa.schema([pa.field(f.name, canonical_type(f.type)) for f in schema])


def canonical_table(table: pa.Table, schema: pa.Schema | None = None) -> pa.Table:
    """Cast a table to its canonical types, or to the given canonical ``schema``."""
    target = canonical_schema(table.schema) if schema is None else schema
    if table.schema.equals(target):
        return table
    columns = [_cast(table.column(f.name), f.type) for f in target]
    return pa.table(columns, schema=target) if columns else table.select([])


def canonical_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cast a column to its canonical type; times outside that type's range become null."""
    return _cast(column, canonical_type(column.type))


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.type.equals(kind):
        return column
    if pa.types.is_dictionary(column.type):
        column = _decoded(column)
    if pa.types.is_run_end_encoded(column.type):
        column = pc.run_end_decode(column)
    if isinstance(column.type, pa.BaseExtensionType):
        if column.type.extension_name in _AS_TEXT:
            return _texts(column)
        column = pa.chunked_array(
            [chunk.storage for chunk in column.chunks], column.type.storage_type
        )
    column = _in_range(column, kind)
    # safe=False only drops nanoseconds: all other casts here widen the type and cannot fail
    return pc.cast(column, kind, safe=not pa.types.is_temporal(kind))


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the values of a dictionary column of any value type."""
    held = column.type.value_type
    if not isinstance(held, pa.BaseExtensionType) and not pa.types.is_nested(held):
        return pc.cast(column, held)
    kind = canonical_type(column.type)
    values = [canonical_column(pa.chunked_array([part.dictionary])) for part in column.chunks]
    parts = zip(values, column.chunks, strict=True)
    return pa.chunked_array(
        [found.combine_chunks().take(part.indices) for found, part in parts], kind
    )


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the text that Python gives each value."""
    values = column.to_pandas()
    missing = values.isna()
    texts = [None if gone else str(v) for v, gone in zip(values, missing, strict=True)]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _in_range(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Return the column with null for times that would overflow in the cast to ``kind``."""
    found = column.type
    if pa.types.is_date64(found) and pa.types.is_date32(kind):
        most = (2**31 - 1) * _DAY
    elif getattr(found, "unit", None) in _MICROS and getattr(kind, "unit", None) == "us":
        most = (2**63 - 1) // _MICROS[found.unit]
    else:
        return column
    whole = column.cast(pa.int64())
    near = pc.and_(pc.greater_equal(whole, -most), pc.less_equal(whole, most))
    return pc.if_else(near, column, pa.scalar(None, found))


def overlay(table: pa.Table, columns: pa.Table) -> pa.Table:
    """Return ``table`` with ``columns``: those of the same name replaced, the others appended."""
    for field, column in zip(columns.schema, columns.columns, strict=True):
        at = table.schema.get_field_index(field.name)
        table = (
            table.append_column(field, column) if at < 0 else table.set_column(at, field, column)
        )
    return table


def overlay_schema(schema: pa.Schema, outputs: pa.Schema) -> pa.Schema:
    """Return the schema of the result of :func:`overlay`."""
    for field in outputs:
        at = schema.get_field_index(field.name)
        schema = schema.append(field) if at < 0 else schema.set(at, field)
    return schema
