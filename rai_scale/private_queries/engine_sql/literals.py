"""Literals of a query as SQL, decided before any data are read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rai_scale.engines.dialect import Dialect
from rai_scale.private_queries.engine_sql.columns import Typed
from rai_scale.private_queries.problems import QueryRefusedError
from rai_scale.private_queries.query.trees import is_literal

_INT64 = 2**63


def as_double(dialect: Dialect, found: Typed) -> str:
    """Return the SQL of a number as a double."""
    if found.kind == "decimal":  # parsing text rounds correctly on every engine
        return f"CAST(CAST({found.sql} AS {dialect.type_of('text')}) AS DOUBLE)"
    return found.sql if found.kind == "float" else f"CAST({found.sql} AS DOUBLE)"


def is_null(node: Any) -> bool:
    """Return whether a node is the literal NULL."""
    return is_literal(node) and node.value is None


def int_literal(dialect: Dialect, value: int) -> Typed:
    """Return an integer, as a double if it exceeds 64 bits."""
    if -_INT64 < value < _INT64:
        return Typed(dialect.integer(value), "int")
    try:
        return Typed(dialect.double(float(value)), "float")
    except OverflowError:
        raise QueryRefusedError("a literal exceeds the range of doubles.") from None


def literal(dialect: Dialect, value: Any) -> Typed:
    """Return a literal's value as SQL; an integer beyond 64 bits is a double."""
    if value is None:
        return Typed("NULL", "bool")
    if isinstance(value, bool):
        return Typed("TRUE" if value else "FALSE", "bool")
    if isinstance(value, int):
        return int_literal(dialect, value)
    if isinstance(value, float | Decimal):
        return Typed(dialect.double(float(value)), "float")
    return Typed(dialect.text(check_text(str(value))), "text")


def check_text(value: str) -> str:
    """Return a text that every engine supports.

    Raises
    ------
    QueryRefusedError
        If a character is not valid UTF-8, or U+0000.
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        raise QueryRefusedError("a literal contains a character that is not valid UTF-8.") from None
    if "\0" in value:
        raise QueryRefusedError("a literal contains the character U+0000.")
    return value


def literal_like(node: Any, kind: type[bool] | type[int]) -> Any:
    """Return a literal 0 or 1 as a bool, TRUE or FALSE as an int, anything else as it is."""
    value = node.value if is_literal(node) else None
    if kind is bool and isinstance(value, int) and value in (0, 1):
        return type(node)(bool(value))
    if kind is int and isinstance(value, bool):
        return type(node)(int(value))
    return node
