"""The columns of a frame as the expressions see them: six kinds, nulls for NaN.

Dates and times outside of the years 1 to 9999 are null as well, and texts that are no UTF-8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from rai_scale.private_queries.dialect import Dialect, without_nan
from rai_scale.private_queries.problems import QueryRefusedError

Kind = Literal["int", "float", "text", "bool", "date", "time"]
_SAFE_DECIMAL = 15  # digits that a double holds


@dataclass(frozen=True)
class Typed:
    """A SQL expression that cannot raise, and its kind."""

    sql: str
    kind: Kind


def kind_of(name: str, found: pa.DataType) -> Kind:
    """Return the kind of a canonical Arrow type.

    Raises
    ------
    QueryRefusedError
        For nested and binary columns and durations.
    """
    if pa.types.is_boolean(found):
        return "bool"
    if pa.types.is_integer(found):
        return "int"
    if pa.types.is_floating(found) or pa.types.is_decimal(found):
        return "float"
    if pa.types.is_string(found):
        return "text"
    if pa.types.is_date(found):
        return "date"
    if pa.types.is_timestamp(found):
        return "time"
    raise QueryRefusedError(f"column {name!r} is of type {found}, which private SQL cannot use.")


def as_found(dialect: Dialect, name: str, found: pa.DataType) -> Typed:
    """Return a column in the type of its kind; a double may still be NaN."""
    kind = kind_of(name, found)
    sql = dialect.column(name)
    if kind == "int":
        return Typed(f"CAST({sql} AS BIGINT)", kind)
    if pa.types.is_decimal(found) and found.precision > _SAFE_DECIMAL:
        sql = dialect.as_text(sql)  # parsing text rounds correctly on every engine
    if kind == "float":
        return Typed(f"CAST({sql} AS DOUBLE)", kind)
    if pa.types.is_timestamp(found):
        time = dialect.naive_time(sql) if found.tz else dialect.in_years(sql, date=False)
        return Typed(time, kind)
    if kind == "date":
        return Typed(dialect.in_years(sql, date=True), kind)
    if kind == "text":
        return Typed(dialect.valid_text(sql), kind)
    return Typed(sql, kind)


def normalised(dialect: Dialect, name: str, found: pa.DataType) -> Typed:
    """Return a column of the frame in the form that is the same on every engine."""
    column = as_found(dialect, name, found)
    return Typed(without_nan(column.sql), "float") if column.kind == "float" else column
