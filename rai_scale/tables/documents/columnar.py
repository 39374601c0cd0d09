"""Avro files, read by fastavro, and ORC and Parquet files, read by pyarrow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from rai_scale.tables.column_names import unique_names
from rai_scale.tables.documents.kinds import kind_of
from rai_scale.tables.documents.tabular import BATCH, Outline, batched, text_rows
from rai_scale.tables.documents.work import Entry, Row, Work

_PRIMITIVES = {
    **{"null": pa.null(), "boolean": pa.bool_(), "int": pa.int32(), "long": pa.int64()},
    **{"float": pa.float32(), "double": pa.float64(), "bytes": pa.binary(), "string": pa.string()},
}
_LOGICAL = {
    **{"date": pa.date32(), "uuid": pa.string()},
    **dict.fromkeys(("timestamp-millis", "timestamp-micros"), pa.timestamp("us", "UTC")),
    **dict.fromkeys(("local-timestamp-millis", "local-timestamp-micros"), pa.timestamp("us")),
    **dict.fromkeys(("time-millis", "time-micros"), pa.time64("us")),
}
_DIGITS = 38


def outlines(entry: Entry, work: Work, inner: str | None) -> list[Outline]:
    """Return the one table of the file."""
    kind = kind_of(entry)
    if kind == "avro":
        schema = _avro_schema(_avro(entry))
    elif kind == "orc":
        schema = _orc(entry).schema
    else:
        schema = _parquet(entry).schema_arrow
    return [Outline("", _renamed(schema.remove_metadata()))]


def batches(entry: Entry, outline: Outline, work: Work) -> Iterator[pa.Table]:
    """Yield the rows of the file."""
    kind = kind_of(entry)
    if kind == "avro":
        for some in batched(_avro(entry)):
            yield _avro_table(some, outline.schema)
        return
    for batch in (
        _orc_batches(_orc(entry)) if kind == "orc" else _parquet(entry).iter_batches(BATCH)
    ):
        yield pa.Table.from_batches([batch]).rename_columns(outline.schema.names)


def read_columnar(entry: Entry, work: Work) -> Iterator[Row]:
    """Yield each row as text."""
    return text_rows(kind_of(entry), entry, work)


def _renamed(schema: pa.Schema) -> pa.Schema:
    names = unique_names(schema.names)
    return pa.schema([f.with_name(name) for f, name in zip(schema, names, strict=True)])


def _orc(entry: Entry) -> Any:
    from pyarrow import orc

    entry.stream.seek(0)
    return orc.ORCFile(pa.PythonFile(entry.stream, "r"))


def _orc_batches(file: Any) -> Iterator[pa.RecordBatch]:
    for stripe in range(file.nstripes):
        batch = file.read_stripe(stripe)
        for start in range(0, batch.num_rows, BATCH):
            yield batch.slice(start, BATCH)


def _parquet(entry: Entry) -> Any:
    import pyarrow.parquet as pq

    entry.stream.seek(0)
    return pq.ParquetFile(entry.stream)


def _avro(entry: Entry) -> Any:
    import fastavro

    entry.stream.seek(0)
    return fastavro.reader(entry.stream, handle_unicode_errors="replace")


def _avro_schema(reader: Any) -> pa.Schema:
    written = reader.writer_schema
    if isinstance(written, dict) and written.get("type") == "record":
        named: dict[str, Any] = {}
        kind = _type(written, named)
        return pa.schema(list(kind))
    return pa.schema([("value", _type(written, {}))])


def _type(schema: Any, named: dict[str, Any]) -> pa.DataType:  # noqa: PLR0911 - one per Avro type
    """Return the Arrow type; text for a union of several types, and for a type within itself."""
    if isinstance(schema, list):
        others = [one for one in schema if one != "null"]
        return _type(others[0], named) if len(others) == 1 else pa.string()
    if isinstance(schema, str):
        return _PRIMITIVES.get(schema) or named.get(schema) or pa.string()
    kind, logical = schema["type"], schema.get("logicalType")
    if logical == "decimal":
        fits = schema["precision"] <= _DIGITS
        return pa.decimal128(schema["precision"], schema.get("scale", 0)) if fits else pa.string()
    if logical in _LOGICAL:
        return _LOGICAL[logical]
    if kind in ("record", "error"):
        fields = [pa.field(f["name"], _type(f["type"], named)) for f in schema["fields"]]
        named[schema["name"]] = pa.struct(fields)
        return named[schema["name"]]
    if kind == "array":
        return pa.list_(_type(schema["items"], named))
    if kind == "map":
        return pa.map_(pa.string(), _type(schema["values"], named))
    if kind in ("enum", "fixed"):
        named[schema["name"]] = pa.string() if kind == "enum" else pa.binary()
        return named[schema["name"]]
    return _type(kind, named)


def _avro_table(records: list[Any], schema: pa.Schema) -> pa.Table:
    if not all(isinstance(record, Mapping) for record in records):
        records = [{schema.names[0]: record} for record in records]
    columns = []
    for position, field in enumerate(schema):
        values = [_fitted(list(record.values())[position], field.type) for record in records]
        columns.append(pa.array(values, field.type))
    return pa.table(columns, schema=schema)


def _fitted(value: Any, kind: pa.DataType) -> Any:
    """Return a value with text where the type is text."""
    if value is None or (pa.types.is_string(kind) and isinstance(value, str)):
        return value
    if pa.types.is_string(kind):
        nested = isinstance(value, list | dict)
        return json.dumps(value, ensure_ascii=False, default=str) if nested else str(value)
    if pa.types.is_struct(kind):
        return {f.name: _fitted(value.get(f.name), f.type) for f in kind}
    if pa.types.is_list(kind):
        return [_fitted(one, kind.value_type) for one in value]
    if pa.types.is_map(kind):
        return [(key, _fitted(one, kind.item_type)) for key, one in value.items()]
    return value
