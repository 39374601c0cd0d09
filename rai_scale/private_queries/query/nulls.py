"""SmartNoise's trees by SQL's rules: HAVING gives the same answer as WHERE on the same values.

A comparison with a missing value is unknown; a comparison of values of different kinds raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from rai_scale.private_queries.metadata import TableFacts
from rai_scale.private_queries.query.moments import ends_of
from rai_scale.private_queries.query.time_zones import local
from rai_scale.private_queries.query.trees import nodes, pattern_of
from rai_scale.upstream.smartnoise import LowerFunction, UpperFunction, ast, comparisons, parse_bool

_NUMBERS = (bool, int, float, Decimal, np.generic)


def _compared(left: Any, op: str, right: Any) -> bool | None:
    """Compare two values; a text compared with another kind is converted to that kind."""
    if left is None or right is None:
        return None
    if isinstance(left, str) and not isinstance(right, str):
        left = _read_as(left, right)
    elif isinstance(right, str) and not isinstance(left, str):
        right = _read_as(right, left)
    if _kind(left) is not _kind(right):
        raise TypeError("values of different kinds are compared")
    return bool(comparisons[op.lower()](left, right))


def _kind(value: Any) -> type:
    kinds: dict[type, Any] = {float: _NUMBERS, str: str, datetime: datetime, date: date}
    return next(kind for kind, found in kinds.items() if isinstance(value, found))


def _read_as(text: str, like: Any) -> Any:
    if isinstance(like, bool):
        return parse_bool(text)
    if isinstance(like, _NUMBERS):
        return Decimal(text) if isinstance(like, Decimal) else _number(text)
    if isinstance(like, datetime):
        found = datetime.fromisoformat(text)
        return local(found, "UTC")
    return date.fromisoformat(text)


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


class _Compare(ast.BooleanCompare):  # type: ignore[misc]
    def evaluate(self, bindings: dict[str, Any]) -> bool | None:
        """Return true, false, or None for unknown."""
        left, right = self.left.evaluate(bindings), self.right.evaluate(bindings)
        if str(self.op).upper() in ("AND", "OR"):
            return _joined(str(self.op).upper() == "OR", parse_bool(left), parse_bool(right))
        return _compared(left, str(self.op), right)


def _joined(either: bool, *sides: Any) -> bool | None:
    """Return OR (``either``) or AND of sides that may be unknown."""
    if either in sides:
        return either
    return None if None in sides else not either


class _Predicate(ast.PredicatedExpression):  # type: ignore[misc]
    def evaluate(self, bindings: dict[str, Any]) -> bool | None:
        """Return whether LIKE, IN, BETWEEN or IS holds; None for unknown."""
        found = self._holds(self.expression.evaluate(bindings), bindings)
        return None if found is None else found != bool(self.predicate.is_not)

    def _holds(self, value: Any, bindings: dict[str, Any]) -> bool | None:
        test = self.predicate
        if isinstance(test, ast.IsCondition):
            word = str(test.value).upper()
            return value is None if word == "NULL" else parse_bool(value) is (word == "TRUE")
        if isinstance(test, ast.BetweenCondition):
            ends = ((">=", test.lower), ("<=", test.upper))
            sides = [_compared(value, op, end.evaluate(bindings)) for op, end in ends]
            return _joined(False, *sides)
        pattern = pattern_of(test)
        if pattern is None:
            items = [item.evaluate(bindings) for item in test.expressions.seq]
            return _joined(True, *(_compared(value, "=", item) for item in items))
        return None if value is None else _like(value, pattern)


def _like(value: Any, pattern: str) -> bool:
    if not isinstance(value, str):
        raise TypeError("LIKE compares texts")
    wild = {"%": ".*", "_": "."}
    parts = re.findall(r"\\.|[^\\]", pattern, re.DOTALL)
    found = "".join(wild.get(part) or re.escape(part[-1]) for part in parts)
    return re.fullmatch(found, value, re.DOTALL) is not None


class _Upper(UpperFunction):  # type: ignore[misc]
    def evaluate(self, bindings: dict[str, Any]) -> Any:
        """Return the text in upper case; missing stays missing."""
        return None if self.expression.evaluate(bindings) is None else super().evaluate(bindings)


class _Lower(LowerFunction):  # type: ignore[misc]
    def evaluate(self, bindings: dict[str, Any]) -> Any:
        """Return the text in lower case; missing stays missing."""
        return None if self.expression.evaluate(bindings) is None else super().evaluate(bindings)


class _Not(ast.LogicalNot):  # type: ignore[misc]
    def evaluate(self, bindings: dict[str, Any]) -> bool | None:
        """Return the negation; the negation of unknown is unknown."""
        found = parse_bool(self.expression.evaluate(bindings))
        return None if found is None else not found


class _Arithmetic(ast.ArithmeticExpression):  # type: ignore[misc]
    def evaluate(self, bindings: dict[str, Any]) -> Any:
        """Return the number, None if a side is missing; division by 0 gives 0.

        SmartNoise's own node gives 0 for every divisor between -1 and 1. A remainder has the sign
        of the dividend, as on rows.
        """
        left, right = self.left.evaluate(bindings), self.right.evaluate(bindings)
        if left is None or right is None:
            return None
        if self.op == "/":
            return 0 if right == 0 else left / right
        if self.op == "%":
            size = abs(left) % abs(right)
            return -size if left < 0 else size
        return super().evaluate(bindings)


class _Bounded(_Arithmetic):
    ends: tuple[float, float]

    def evaluate(self, bindings: dict[str, Any]) -> Any:
        """Return an average or a variance within its public bounds."""
        found = super().evaluate(bindings)
        return None if found is None else min(max(found, self.ends[0]), self.ends[1])


class _Power(ast.PowerFunction):  # type: ignore[misc]
    def evaluate(self, bindings: dict[str, Any]) -> float:
        """Return a power in double precision: 64-bit integers would wrap around."""
        return float(np.power(float(self.expression.evaluate(bindings)), float(self.power.value)))


_INSTEAD: dict[type, type] = {
    ast.ArithmeticExpression: _Arithmetic,
    ast.BooleanCompare: _Compare,
    ast.LogicalNot: _Not,
    LowerFunction: _Lower,
    ast.PowerFunction: _Power,
    ast.PredicatedExpression: _Predicate,
    UpperFunction: _Upper,
}


def within_bounds(tree: Any, aggregates: Mapping[str, Any], facts: TableFacts) -> Any:
    """Make a tree null-safe, and keep each average and variance in it within its bounds."""
    found = [(node, ends_of(node, aggregates, facts)) for node in nodes(tree)]
    tree = null_safe(tree)
    for node, ends in found:
        if ends is not None and isinstance(node, ast.ArithmeticExpression):
            node.__class__, node.ends = _Bounded, ends
    return tree


def null_safe(tree: Any) -> Any:
    """Change a tree in place, so that it evaluates by SQL's rules; it must not be shared."""
    for node in nodes(tree):
        if type(node) in _INSTEAD:
            node.__class__ = _INSTEAD[type(node)]
    return tree
