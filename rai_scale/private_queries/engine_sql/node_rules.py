"""One rule per node of SmartNoise's tree: its SQL is the same on every engine and never raises.

Nodes without a rule are refused by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rai_scale.engines.dialect import UPPER, without_nan
from rai_scale.private_queries.engine_sql.columns import Typed
from rai_scale.private_queries.engine_sql.exact_compare import exact_comparison
from rai_scale.private_queries.engine_sql.literals import as_double, check_text, literal
from rai_scale.private_queries.problems import QueryRefusedError
from rai_scale.private_queries.query.trees import is_literal, parts_of, pattern_of, plain_name

if TYPE_CHECKING:
    from rai_scale.private_queries.engine_sql.expressions import Compiler

_COMPARE = {"=": "=", "==": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_WHOLE = {"CEIL": "ceil", "CEILING": "ceil", "FLOOR": "floor"}
_NUMBER = ("int", "decimal", "float")
_MOST_DIGITS = 15
_LONGEST_TEXT = 1_000_000
_PARTS = ("year", "month", "day", "hour", "minute", "second", "weekday")


def _column(c: Compiler, node: Any) -> Typed:
    name = plain_name(node.name)
    if name in c.columns:
        return c.columns[name]
    c.refuse(name)
    quoted = parts_of(node.name)[-1] != name
    found = [] if quoted else [n for n in c.columns if n.lower() == name.lower()]
    if len(found) != 1:
        raise QueryRefusedError(f"column {name!r} is not described in the metadata.")
    return c.columns[found[0]]


def _bare(c: Compiler, node: Any) -> Typed:
    name = str(node.name).upper()
    if name == "PI":
        return Typed(c.dialect.double(math.pi), "float")
    raise QueryRefusedError(f"{name}() cannot be used on rows: it is random (BareFunction).")


def _compare(c: Compiler, node: Any) -> Typed:
    op = str(node.op).upper()
    if op in ("AND", "OR"):
        return Typed(f"({c.boolean(node.left)} {op} {c.boolean(node.right)})", "bool")
    if op not in _COMPARE:
        raise QueryRefusedError(f"operator {op} is not supported in private SQL.")
    return Typed(_compared(c, node.left, _COMPARE[op], node.right), "bool")


def _compared(c: Compiler, one: Any, op: str, other: Any) -> str:
    exact = exact_comparison(c, one, op, other)
    if exact is not None:
        return exact
    left, right = c.comparable([one, other])
    return f"({left.sql} {op} {right.sql})"


def _predicate(c: Compiler, node: Any) -> Typed:  # noqa: PLR0911
    test = node.predicate
    kind = type(test).__name__
    no = "NOT " if test.is_not else ""
    if kind == "InCondition" and pattern_of(test) is not None:
        return _like(c, node, pattern_of(test), no)
    if kind == "InCondition":
        asked = [node.expression, *test.expressions.seq]
        if not all(is_literal(item) for item in asked[1:]):
            raise QueryRefusedError("IN accepts only literals in private SQL.")
        if c.compile(node.expression).kind in ("int", "decimal"):
            tests = [_compared(c, node.expression, "=", item) for item in asked[1:]]
            return Typed(f"({no}({' OR '.join(tests)}))", "bool")
        value, *items = c.comparable(asked)
        return Typed(f"({value.sql} {no}IN ({', '.join(i.sql for i in items)}))", "bool")
    if kind == "BetweenCondition" and c.compile(node.expression).kind in ("int", "decimal"):
        ends = ((">=", test.lower), ("<=", test.upper))
        tests = [_compared(c, node.expression, op, end) for op, end in ends]
        return Typed(f"({no}({' AND '.join(tests)}))", "bool")
    if kind == "BetweenCondition":
        value, low, high = c.comparable([node.expression, test.lower, test.upper])
        return Typed(f"({no}({value.sql} >= {low.sql} AND {value.sql} <= {high.sql}))", "bool")
    word = str(test.value).upper()
    if word == "NULL":
        return Typed(f"({c.compile(node.expression).sql} IS {no}NULL)", "bool")
    return Typed(
        f"({c.boolean(node.expression)} IS {no}{'TRUE' if word == 'TRUE' else 'FALSE'})", "bool"
    )


def _like(c: Compiler, node: Any, pattern: Any, no: str) -> Typed:
    """Compare with a pattern whose escape is an exclamation mark: plain in both dialects."""
    found = check_text(str(pattern)).replace("!", "!!")
    found = re.sub(r"\\(.)", lambda m: m[1] if m[1] == "\\" else "!" + m[1], found)
    return Typed(f"({c.text(node.expression)} {no}LIKE {c.dialect.text(found)} ESCAPE '!')", "bool")


def _arithmetic(c: Compiler, node: Any) -> Typed:
    op = str(node.op)
    right = node.right
    if op in ("/", "%") and not (
        is_literal(right) and isinstance(right.value, int | float) and right.value
    ):
        raise QueryRefusedError(
            f"the divisor must be a number other than 0, because other divisions may fail on a "
            f"value: {node}."
        )
    # the remainder of doubles is exact in both dialects, with the sign of the dividend
    return Typed(without_nan(f"({c.number(node.left)} {op} {c.number(right)})"), "float")


def _math(c: Compiler, node: Any) -> Typed:
    name = str(node.name).upper()
    x = c.number(node.expression)
    if name in _WHOLE:
        return Typed(c.dialect.whole(_WHOLE[name], x), "float")
    if name == "ABS":
        return Typed(f"abs({x})", "float")
    if name == "SIGN":
        return Typed(f"CAST(sign({x}) AS DOUBLE)", "float")
    if name == "SQUARE":
        return Typed(f"({x} * {x})", "float")
    if name == "SQRT":
        return Typed(f"(CASE WHEN {x} >= 0 THEN sqrt({x}) ELSE NULL END)", "float")
    raise QueryRefusedError(
        f"{name} on rows is refused: its last digits differ between engines. It may be used on "
        "aggregates."
    )


def _round(c: Compiler, node: Any) -> Typed:
    digits = node.decimals.value
    if not isinstance(digits, int) or abs(digits) > _MOST_DIGITS:
        raise QueryRefusedError(
            f"ROUND and TRUNC accept -{_MOST_DIGITS} to {_MOST_DIGITS} digits on rows: {node}."
        )
    x, power = c.number(node.expression), c.dialect.double(10.0 ** abs(digits))
    there, back = ("*", "/") if digits >= 0 else ("/", "*")
    if type(node).__name__ == "RoundFunction":  # halves away from 0
        size = c.dialect.whole("floor", f"(abs({x}) {there} {power} + {c.dialect.double(0.5)})")
        whole = f"CAST(sign({x}) AS DOUBLE) * {size}"
    else:
        whole = c.dialect.whole("floor", f"({x} {there} {power})")
    return Typed(without_nan(f"({whole} {back} {power})"), "float")


def _power(c: Compiler, node: Any) -> Typed:
    x = c.number(node.expression)
    if node.power.value not in (1, 2, 3):
        raise QueryRefusedError(
            "POWER on rows accepts the exponents 1, 2 and 3: others differ between engines."
        )
    return Typed("(" + " * ".join([x] * int(node.power.value)) + ")", "float")


def _cast(c: Compiler, node: Any) -> Typed:
    wanted = str(node.dbtype).upper()
    found = c.compile(node.expression)
    if wanted == "FLOAT" and found.kind in _NUMBER:
        return Typed(as_double(c.dialect, found), "float")
    if wanted in ("VARCHAR", "NVARCHAR") and found.kind in ("int", "text"):
        return found if found.kind == "text" else Typed(c.dialect.as_text(found.sql), "text")
    raise QueryRefusedError(
        f"this CAST may fail on a value, or differ between engines: {node}. Only a number AS FLOAT "
        f"and an integer AS VARCHAR are supported."
    )


def _case(c: Compiler, node: Any) -> Typed:
    thens = [when.then for when in node.when_exprs]
    values = c.alike([*thens, *([node.else_expr] if node.else_expr is not None else [])])
    tests = []
    for when in node.when_exprs:
        if node.expression is None:
            tests.append(c.boolean(when.expression))
        else:
            tests.append(_compared(c, node.expression, "=", when.expression))
    return _branches(tests, values)


def _iif(c: Compiler, node: Any) -> Typed:
    return _branches([c.boolean(node.test)], c.alike([node.yes, node.no]))


def _branches(tests: list[str], values: list[Typed]) -> Typed:
    whens = [f"WHEN {t} THEN {v.sql}" for t, v in zip(tests, values, strict=False)]
    rest = values[len(tests)].sql if len(values) > len(tests) else "NULL"
    like = next((v for v in values if v.sql != "NULL"), values[0])
    return Typed(f"(CASE {' '.join(whens)} ELSE {rest} END)", like.kind, like.scale)


def _coalesce(c: Compiler, node: Any) -> Typed:
    found = c.alike(list(node.expressions))
    like = next((f for f in found if f.sql != "NULL"), found[0])
    return Typed(f"coalesce({', '.join(f.sql for f in found)})", like.kind, like.scale)


def _letters(c: Compiler, node: Any) -> Typed:
    up = type(node).__name__ == "UpperFunction"
    pair = (UPPER.lower(), UPPER) if up else (UPPER, UPPER.lower())
    return Typed(f"translate({c.text(node.expression)}, '{pair[0]}', '{pair[1]}')", "text")


def _concat(c: Compiler, node: Any) -> Typed:
    parts = [c.text(e) for e in node.expressions]
    # a long text, repeated many times, could exceed an engine's memory
    length = " + ".join(f"CAST(length({part}) AS BIGINT)" for part in parts)
    most = c.dialect.integer(_LONGEST_TEXT)
    return Typed(f"(CASE WHEN {length} <= {most} THEN {' || '.join(parts)} END)", "text")


def _substring(c: Compiler, node: Any) -> Typed:
    given = [n for n in (node.start, node.length) if n is not None]
    if not all(
        is_literal(n) and isinstance(n.value, int) and 1 <= n.value <= _LONGEST_TEXT for n in given
    ):
        raise QueryRefusedError(
            f"SUBSTRING accepts integers from 1 to {_LONGEST_TEXT:,} in private SQL."
        )
    numbers = ", ".join(str(int(n.value)) for n in given)
    return Typed(f"substring({c.text(node.source)}, {numbers})", "text")


def _extract(c: Compiler, node: Any) -> Typed:
    part = str(node.date_part).lower()
    found = c.compile(node.expression)
    if found.kind not in ("date", "time") or part not in _PARTS:
        raise QueryRefusedError(f"EXTRACT needs a date or time and one of {', '.join(_PARTS)}.")
    if found.kind == "date" and part in ("hour", "minute", "second"):
        return Typed(
            f"CASE WHEN {found.sql} IS NULL THEN NULL ELSE {c.dialect.integer(0)} END", "int"
        )
    if part == "weekday":  # Monday is 0, as in SmartNoise
        sql = f"weekday({found.sql})" if c.dialect.spark else f"(isodow({found.sql}) - 1)"
        return Typed(f"CAST({sql} AS BIGINT)", "int")
    return Typed(f"CAST({part}({found.sql}) AS BIGINT)", "int")


RULES: dict[str, Callable[[Compiler, Any], Typed]] = {
    "Literal": lambda c, n: literal(c.dialect, n.value),
    "Column": _column,
    "BooleanCompare": _compare,
    "PredicatedExpression": _predicate,
    "LogicalNot": lambda c, n: Typed(f"(NOT {c.boolean(n.expression)})", "bool"),
    "ColumnBoolean": lambda c, n: Typed(c.boolean(n.expression), "bool"),
    "NestedBoolean": lambda c, n: Typed(f"({c.boolean(n.expression)})", "bool"),
    "NestedExpression": lambda c, n: c.compile(n.expression),
    "ArithmeticExpression": _arithmetic,
    "MathFunction": _math,
    "RoundFunction": _round,
    "TruncFunction": _round,
    "PowerFunction": _power,
    "CastFunction": _cast,
    "CaseExpression": _case,
    "IIFFunction": _iif,
    "CoalesceFunction": _coalesce,
    "UpperFunction": _letters,
    "LowerFunction": _letters,
    "BareFunction": _bare,
    "TrimFunction": lambda c, n: Typed(c.dialect.trimmed(c.text(n.expression)), "text"),
    "CharLengthFunction": lambda c, n: Typed(
        f"CAST(length({c.text(n.expression)}) AS BIGINT)", "int"
    ),
    "ConcatFunction": _concat,
    "SubstringFunction": _substring,
    "ExtractFunction": _extract,
}
