"""The text of a value, the same on every engine, whatever type each of them reads it as."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa

_PLAIN_DIGITS = 400
"""A number with more digits stays in exponent form."""


def whole_text(value: Any) -> str:
    """Return the text of a value that is replaced as a whole; equal values have equal texts.

    Numbers have no exponent and no trailing zeros, whatever their type. A timestamp at midnight is
    written as its date (pandas has no dates), and one with a time zone in UTC. A duration is
    written as Python does, to the microsecond. Bytes are read as UTF-8.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, float | Decimal):
        return plain_number(str(value))
    if isinstance(value, dt.datetime):
        if value.tzinfo is not None:
            return str(value.astimezone(dt.UTC))
        return str(value.date() if value.time() == dt.time() else value)
    return str(_python_duration(value))


def _python_duration(value: Any) -> Any:
    """Return a duration of pandas or DuckDB as Python's own, and anything else as it is."""
    if isinstance(value, dt.timedelta):
        return dt.timedelta(value.days, value.seconds, value.microseconds)
    if isinstance(value, pa.MonthDayNano):
        days = dt.timedelta(value.days, microseconds=value.nanoseconds // 1000)
        return f"{value.months} months, {days}" if value.months else days
    return value


def plain_number(text: str) -> str:
    """Return a number as plain digits; one that is huge, tiny or not finite stays as it is."""
    number = Decimal(text)
    if not number.is_finite() or abs(number.adjusted()) > _PLAIN_DIGITS:
        return text
    plain = f"{number:f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain == "-0" else plain
