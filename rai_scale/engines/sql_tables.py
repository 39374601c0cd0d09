"""Arrow tables made fit for DuckDB's scan, which must not fail on a row's value.

An error that one row causes would tell of that row. DuckDB converts some types while it scans, and
computes on bytes that are no UTF-8 as if they were, or fails on them.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.arrow_types import canonical_column

_UTF8 = (
    r"\A(?:[\x00-\x7F]|[\xC2-\xDF][\x80-\xBF]|\xE0[\xA0-\xBF][\x80-\xBF]"
    r"|[\xE1-\xEC\xEE\xEF][\x80-\xBF]{2}|\xED[\x80-\x9F][\x80-\xBF]"
    r"|\xF0[\x90-\xBF][\x80-\xBF]{2}|[\xF1-\xF3][\x80-\xBF]{3}|\xF4[\x80-\x8F][\x80-\xBF]{2})*\z"
)
"""Well-formed byte sequences (Unicode 15, table 3-7)."""

ROW = "rai_scale_row"


def quoted(name: str) -> str:
    """Return a name as an identifier of DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def named_in(names: Iterable[str], sql: str) -> list[str]:
    """Return the names that stand in a SQL text, in any case; a few more may be among them."""
    text = sql.lower()
    return [name for name in names if name.lower().replace('"', '""') in text]


def scannable(table: pa.Table, sql: str) -> pa.Table:
    """Return the columns that a query names, such that no value makes their scan fail.

    Times that 64 bits of microseconds do not hold, and texts that are no UTF-8, are null. Columns
    that DuckDB scans without a conversion stay as they are.
    """
    names = named_in(table.column_names, sql)
    if not names:  # rows are counted, and DuckDB scans no table without columns
        return pa.table({ROW: pa.nulls(table.num_rows)})
    return pa.table([_column(table[name]) for name in names], names=names)


def valid_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of texts with null for those that are no UTF-8."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        raw = column.cast(pa.large_binary())
        valid = pc.match_substring_regex(raw, _UTF8)
        return pc.if_else(valid, raw, pa.scalar(None, raw.type)).cast(pa.large_string())
    return column


def is_scanned(kind: pa.DataType) -> bool:
    """Whether DuckDB reads a type from Arrow, and gives it back, as it is."""
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return is_scanned(kind.value_type)
    known = pa.types.is_decimal256, pa.types.is_float16, pa.types.is_duration
    return not (isinstance(kind, pa.BaseExtensionType) or any(is_a(kind) for is_a in known))


def _column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        column = canonical_column(column)
        kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return valid_text(column)
    if pa.types.is_decimal256(kind):  # unknown to DuckDB; its text is cast to a double like others
        return column.cast(pa.string())
    # the last of the nanoseconds is infinity to DuckDB, and not a time
    odd = pa.types.is_timestamp(kind) and (kind.tz is not None or kind.unit == "ns")
    converted = odd or pa.types.is_date64(kind) or pa.types.is_float16(kind)
    return canonical_column(column) if converted else column
