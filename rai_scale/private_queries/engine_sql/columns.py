"""The columns of a frame as expressions use them: six kinds of values, null instead of NaN.

Dates and times outside of the years 1 to 9999 are null too, and so are texts that are not valid
UTF-8.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from rai_scale.engines.arrow_types import Kind, kind_of_type
from rai_scale.engines.dialect import Dialect, without_nan
from rai_scale.private_queries.problems import QueryRefusedError

_SAFE_DECIMAL = 15  # digits that a double holds
_SAFE_WHOLE = 18  # digits that 64 bits hold
_MOST_DIGITS = 38


@dataclass(frozen=True)
class Typed:
    """A SQL expression that cannot raise, its kind, and the scale of decimals."""

    sql: str
    kind: Kind
    scale: int = 0


_DECLARED: dict[str, tuple[Kind, ...]] = {
    "int": ("int", "bool"),
    "float": ("int", "float", "bool"),
    "string": ("text",),
    "boolean": ("bool",),
    "datetime": ("date", "time"),
}


def mismatch(declared: str, column: Typed, found: pa.DataType) -> str | None:
    """Return why a column of the table does not match the metadata; None if it does."""
    kind: Kind = "int" if column.kind == "decimal" and not column.scale else column.kind
    kind = "float" if kind == "decimal" else kind
    if kind in _DECLARED.get(declared, ()):
        return None
    fits = [name for name, kinds in _DECLARED.items() if kind in kinds]
    nulls = " (pandas stores integers with missing values as doubles: use 'Int64')"
    return (
        f"is declared {declared} in the metadata, but the table has {found}. Declare it "
        f"{' or '.join(fits)}, or convert the column"
        f"{nulls if (declared, kind) == ('int', 'float') else ''}."
    )


def kind_of(name: str, found: pa.DataType) -> Kind:
    """Return the kind of a canonical Arrow type.

    Raises
    ------
    QueryRefusedError
        For nested and binary columns and durations.
    """
    kind = kind_of_type(found)
    if kind is not None:
        return _kind_of_decimal(name, found) if kind == "decimal" else kind
    raise QueryRefusedError(f"column {name!r} is of type {found}, which private SQL cannot use.")


def _kind_of_decimal(name: str, found: pa.DataType) -> Kind:
    """Return the cheapest kind that distinguishes all values."""
    if found.precision > _MOST_DIGITS:
        raise QueryRefusedError(
            f"column {name!r} is of type {found}: private SQL uses decimals of up to "
            f"{_MOST_DIGITS} digits. Convert the column."
        )
    if found.scale == 0 and found.precision <= _SAFE_WHOLE:
        return "int"
    return "float" if found.precision <= _SAFE_DECIMAL or found.scale < 0 else "decimal"


def as_found(  # noqa: PLR0911
    dialect: Dialect, name: str, found: pa.DataType
) -> Typed:
    """Return a column in the type of its kind; a double may still be NaN."""
    kind = kind_of(name, found)
    sql = dialect.column(name)
    if kind == "int":
        return Typed(f"CAST({sql} AS BIGINT)", kind)
    if kind == "decimal":
        return Typed(f"CAST({sql} AS DECIMAL({_MOST_DIGITS}, {found.scale}))", kind, found.scale)
    if kind == "float":
        return Typed(f"CAST({sql} AS DOUBLE)", kind)
    if pa.types.is_timestamp(found):
        time = dialect.local_time(sql) if found.tz else dialect.in_years(sql, date=False)
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
