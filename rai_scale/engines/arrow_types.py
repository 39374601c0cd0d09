"""Canonical Arrow types: the ones that every engine can say."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_AS_TEXT = ("pandas.interval", "pandas.period", "arrow.uuid")
_DAY = 86_400_000
_MICROS = {"s": 1_000_000, "ms": 1_000}


def canonical_type(kind: pa.DataType) -> pa.DataType:  # noqa: PLR0911, PLR0912
    """Map a type to the one that stands for it on every engine.

    Spark knows no unsigned integers, dictionaries, nanoseconds or 64-bit offsets; what it cannot
    say, no function sees.
    """
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return canonical_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        text = kind.extension_name in _AS_TEXT
        return pa.string() if text else canonical_type(kind.storage_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind):
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
    return pa.schema([pa.field(f.name, canonical_type(f.type)) for f in schema])


def canonical_table(table: pa.Table, schema: pa.Schema | None = None) -> pa.Table:
    """Cast a table to its canonical types, or to the canonical ``schema`` given."""
    target = canonical_schema(table.schema) if schema is None else schema
    if table.schema.equals(target):
        return table
    columns = [_cast(table.column(f.name), f.type) for f in target]
    return pa.table(columns, schema=target) if columns else table.select([])


def canonical_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cast a column to its canonical type; a time that is out of that type's range is null."""
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
    # safe=False only drops nanoseconds: widening casts cannot fail, and others are not asked for.
    return pc.cast(column, kind, safe=not pa.types.is_temporal(kind))


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the values of a dictionary column, of whatever type they are."""
    held = column.type.value_type
    if not isinstance(held, pa.BaseExtensionType) and not pa.types.is_nested(held):
        return pc.cast(column, column.type.value_type)
    kind = canonical_type(column.type)
    values = [canonical_column(pa.chunked_array([part.dictionary])) for part in column.chunks]
    parts = zip(values, column.chunks, strict=True)
    return pa.chunked_array(
        [found.combine_chunks().take(part.indices) for found, part in parts], kind
    )


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the text of each value, as pandas and Python say it."""
    values = column.to_pandas()
    missing = values.isna()
    texts = [None if gone else str(v) for v, gone in zip(values, missing, strict=True)]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _in_range(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Put null for times that would wrap around in the cast to ``kind``."""
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
    """Replace the columns of the same name in place and append the others."""
    for field, column in zip(columns.schema, columns.columns, strict=True):
        at = table.schema.get_field_index(field.name)
        table = (
            table.append_column(field, column) if at < 0 else table.set_column(at, field, column)
        )
    return table


def overlay_schema(schema: pa.Schema, outputs: pa.Schema) -> pa.Schema:
    """Return the schema that :func:`overlay` gives."""
    return overlay(schema.empty_table(), outputs.empty_table()).schema
