"""Comparisons of integers and decimals with literals: exact, without conversion to doubles."""

from __future__ import annotations

import math
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

from rai_scale.private_queries.engine_sql.columns import Typed
from rai_scale.private_queries.problems import QueryRefusedError
from rai_scale.private_queries.query.trees import is_literal

if TYPE_CHECKING:
    from rai_scale.private_queries.engine_sql.expressions import Compiler

_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_EXACT = ("int", "decimal")
_WIDE = Context(prec=800)
_DIGITS = 38


def exact_comparison(c: Compiler, left: Any, op: str, right: Any) -> str | None:
    """Return the SQL of a comparison of exact numbers, or None if a side is not exact.

    Raises
    ------
    QueryRefusedError
        Where two columns have no common exact type.
    """
    if is_literal(left) == is_literal(right):
        return None if is_literal(left) else _of_columns(c.compile(left), op, c.compile(right))
    if is_literal(left):
        left, right, op = right, left, _FLIPPED.get(op, op)
    found = c.compile(left)
    value = _number(right.value, found.kind)
    return None if value is None or found.kind not in _EXACT else _with(c, found, op, value)


def _of_columns(left: Typed, op: str, right: Typed) -> str | None:
    kinds = {left.kind, right.kind}
    if "decimal" not in kinds or not kinds <= set(_EXACT):
        return None
    if left.scale != right.scale or (kinds == set(_EXACT) and max(left.scale, right.scale)):
        raise QueryRefusedError(
            "decimal columns of different scales cannot be compared exactly: CAST both AS FLOAT."
        )
    wide = (f"CAST({side.sql} AS DECIMAL({_DIGITS}, 0))" for side in (left, right))
    one, other = (left.sql, right.sql) if kinds == {"decimal"} else wide
    return f"({one} {op} {other})"


def _number(value: Any, kind: str) -> Decimal | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        if isinstance(value, str):
            found = Decimal(int(value)) if kind == "int" else Decimal(value)
        else:
            found = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except (ArithmeticError, ValueError):
        return None
    return found if found.is_finite() and abs(found.adjusted()) < _WIDE.prec // 2 else None


def _with(c: Compiler, found: Typed, op: str, value: Decimal) -> str:
    x = found.sql
    always, never = f"({x} = {x})", f"({x} <> {x})"  # null where the value is
    units = _WIDE.scaleb(value, found.scale)
    whole = units == math.floor(units)
    if op in ("=", "<>") and not whole:
        return always if op == "<>" else never
    at = math.ceil(units) if op in ("<", ">=") else math.floor(units)
    least, most = (-(2**63), 2**63 - 1) if found.kind == "int" else _ends()
    if not least <= at <= most:
        below = op in ("<", "<=")
        holds = op == "<>" or (op != "=" and below == (at > most))
        return always if holds else never
    return f"({x} {op} {exact_literal(c.dialect.type_of('int'), found, at)})"


def _ends() -> tuple[int, int]:
    return 1 - 10**_DIGITS, 10**_DIGITS - 1


def exact_literal(whole: str, like: Typed, units: int) -> str:
    """Return a number of ``like``'s kind, given in units of its last digit."""
    kind = whole if like.kind == "int" else f"DECIMAL({_DIGITS}, {like.scale})"
    return f"CAST('{_WIDE.scaleb(Decimal(units), -like.scale):f}' AS {kind})"
