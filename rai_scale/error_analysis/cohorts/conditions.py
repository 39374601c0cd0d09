"""Conditions on rows, and their form as dictionaries and as text.

A comparison is false where the value is missing (null or NaN), also ``!=`` and ``not in``. ``not``
gives exactly the other rows: a cohort and its ``not`` hold every row once.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Value = str | bool | int | float | Decimal | dt.date | dt.datetime
NEGATED = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
KEYWORDS = ("and", "or", "not", "in", "is", "null", "between", "true", "false", "right", "wrong")
_PLAIN = re.compile(r"[^\W\d]\w*\Z")


@dataclass(frozen=True)
class Compare:
    """A column compared with one value; false where the column is missing."""

    column: str
    op: str
    value: Value


@dataclass(frozen=True)
class OneOf:
    """A column with one of some values (``inside``), or with another; false where it is missing."""

    column: str
    values: tuple[Value, ...]
    inside: bool = True


@dataclass(frozen=True)
class Missing:
    """A column without a value: null or NaN."""

    column: str


@dataclass(frozen=True)
class Outcome:
    """Whether the prediction is right; false for rows without label or prediction."""

    right: bool


@dataclass(frozen=True)
class Node:
    """A node of an error tree."""

    number: int


@dataclass(frozen=True)
class Not:
    """All other rows."""

    part: Condition


@dataclass(frozen=True)
class AllOf:
    """All parts hold; without parts, every row."""

    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class AnyOf:
    """At least one part holds; without parts, no row."""

    parts: tuple[Condition, ...] = ()


Condition = Compare | OneOf | Missing | Outcome | Node | Not | AllOf | AnyOf


def atoms(condition: Condition) -> Iterator[Compare | OneOf | Missing | Outcome | Node]:
    """Yield the conditions without parts."""
    if isinstance(condition, Not):
        yield from atoms(condition.part)
    elif isinstance(condition, AllOf | AnyOf):
        for part in condition.parts:
            yield from atoms(part)
    else:
        yield condition


def columns_of(condition: Condition) -> list[str]:
    """Return the columns that a condition names, each once."""
    named = (atom.column for atom in atoms(condition) if not isinstance(atom, Outcome | Node))
    return list(dict.fromkeys(named))


def to_text(condition: Condition) -> str:  # noqa: PLR0911
    """Return a condition as text that :func:`~rai_scale.error_analysis.cohort` reads."""
    if isinstance(condition, Compare):
        return f"{_name(condition.column)} {condition.op} {_literal(condition.value)}"
    if isinstance(condition, OneOf):
        listed = ", ".join(map(_literal, condition.values))
        return f"{_name(condition.column)} {'in' if condition.inside else 'not in'} ({listed})"
    if isinstance(condition, Missing):
        return f"{_name(condition.column)} is null"
    if isinstance(condition, Outcome):
        return "right" if condition.right else "wrong"
    if isinstance(condition, Node):
        return f"node {condition.number}"
    if isinstance(condition, Not):
        if isinstance(condition.part, Missing):
            return f"{_name(condition.part.column)} is not null"
        return f"not ({to_text(condition.part)})"
    if not condition.parts:
        return "true" if isinstance(condition, AllOf) else "false"
    word = " and " if isinstance(condition, AllOf) else " or "
    return word.join(map(_inner, condition.parts))


def _inner(condition: Condition) -> str:
    nested = isinstance(condition, AllOf | AnyOf) and len(condition.parts) > 1
    return f"({to_text(condition)})" if nested else to_text(condition)


def _name(column: str) -> str:
    if _PLAIN.match(column) and column.lower() not in KEYWORDS:
        return column
    return '"' + column.replace('"', '""') + '"'


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | dt.date):
        text = value if isinstance(value, str) else value.isoformat()
        return "'" + text.replace("'", "''") + "'"
    return f"{value:f}" if isinstance(value, Decimal) else repr(value)


def to_dict(condition: Condition) -> dict[str, Any]:  # noqa: PLR0911
    """Return a condition as plain values."""
    if isinstance(condition, Compare):
        return {"column": condition.column, condition.op: _plain(condition.value)}
    if isinstance(condition, OneOf):
        listed = [_plain(value) for value in condition.values]
        return {"column": condition.column, "in" if condition.inside else "not in": listed}
    if isinstance(condition, Missing):
        return {"column": condition.column, "missing": True}
    if isinstance(condition, Outcome):
        return {"right": condition.right}
    if isinstance(condition, Node):
        return {"node": condition.number}
    if isinstance(condition, Not):
        return {"not": to_dict(condition.part)}
    word = "and" if isinstance(condition, AllOf) else "or"
    return {word: [to_dict(part) for part in condition.parts]}


def _plain(value: Value) -> Any:
    if isinstance(value, dt.date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
