"""Arrow tables prepared so that no value can make DuckDB's scan fail.

An error that one row causes would reveal something about that row. DuckDB converts some types
during a scan, and on bytes that are not UTF-8 it fails, or computes as if they were.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.arrow_types import canonical_column, is_text

_UTF8 = (
    r"\A(?:[\x00-\x7F]|[\xC2-\xDF][\x80-\xBF]|\xE0[\xA0-\xBF][\x80-\xBF]"
    r"|[\xE1-\xEC\xEE\xEF][\x80-\xBF]{2}|\xED[\x80-\x9F][\x80-\xBF]"
    r"|\xF0[\x90-\xBF][\x80-\xBF]{2}|[\xF1-\xF3][\x80-\xBF]{3}|\xF4[\x80-\x8F][\x80-\xBF]{2})*\z"
)
"""Well-formed byte sequences (Unicode 15, table 3-7)."""

ROW = "rai_scale_row"


def text_literal(value: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def named_in(names: Iterable[str], sql: str) -> list[str]:
    """Return the names that may occur in a SQL text, in upper or lower case."""
    text = sql.lower()
    return [name for name in names if name.lower().replace('"', '""') in text]


def scannable(table: pa.Table, sql: str) -> pa.Table:
    """Return the columns that a query names, prepared so that no value makes the scan fail.

    Times that do not fit in 64 bits of microseconds, and text that is not UTF-8, become null.
    Columns that DuckDB scans without a conversion stay unchanged.
    """
    names = named_in(table.column_names, sql)
    if not names:  # rows are counted, and DuckDB cannot scan a table without columns
        return pa.table({ROW: pa.nulls(table.num_rows)})
    return pa.table([_column(table[name]) for name in names], names=names)


def valid_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a text column with null for values that are not UTF-8."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        raw = column.cast(pa.large_binary())
        valid = pc.match_substring_regex(raw, _UTF8)
        return pc.if_else(valid, raw, pa.scalar(None, raw.type)).cast(pa.large_string())
    return column


def without_invalid_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column in which text that is not UTF-8 is null; its type stays.

    Without this, one such text fails a later step, or makes all texts of its batch null.
    """
    return valid_text(column).cast(column.type) if is_text(column.type) else column


def is_scanned(kind: pa.DataType) -> bool:
    """Return whether DuckDB reads and returns values of an Arrow type unchanged."""
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return is_scanned(kind.value_type)
    known = pa.types.is_decimal256, pa.types.is_float16, pa.types.is_duration
    return not (isinstance(kind, pa.BaseExtensionType) or any(is_a(kind) for is_a in known))


def _column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        column = canonical_column(column)
        kind = column.type
    if is_text(kind):
        return valid_text(column)
    if pa.types.is_decimal256(kind):  # unknown to DuckDB; SQL casts the text to a double
        return column.cast(pa.string())
    # DuckDB reads the largest number of nanoseconds as infinity
    odd = pa.types.is_timestamp(kind) and (kind.tz is not None or kind.unit == "ns")
    converted = odd or pa.types.is_date64(kind) or pa.types.is_float16(kind)
    return canonical_column(column) if converted else column
