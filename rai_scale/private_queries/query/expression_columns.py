"""Aggregates over expressions: each expression becomes a column with bounds of its own.

The bounds follow from the metadata by interval arithmetic. They determine the noise, and each row's
value is clamped to them like that of any other column, so the noise is sufficient even if a bound
is wrong.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from snsql.metadata import Boolean, DateTime, Float, Int, Metadata, String, Table

from rai_scale.private_queries.metadata import TableFacts
from rai_scale.private_queries.query.trees import nodes, plain_name
from rai_scale.upstream.smartnoise import ast

Ends = tuple[float, float]
_MOMENTS = ("SUM", "AVG", "VAR", "VARIANCE", "STD", "STDDEV")
_TEXTS = ("UpperFunction", "LowerFunction", "TrimFunction", "ConcatFunction", "SubstringFunction")
_PARTS: dict[str, Ends] = {
    **{"year": (1, 9999), "month": (1, 12), "day": (1, 31), "weekday": (0, 6)},
    **{"hour": (0, 23), "minute": (0, 59), "second": (0, 59)},
}
_POWERS = (1, 2, 3)


@dataclass(frozen=True)
class _Described:
    """A SmartNoise type, and the bounds of its values if there are any."""

    kind: str
    ends: Ends | None = None

    def column(self, name: str) -> Any:
        """Return SmartNoise's object for such a column."""
        if self.kind in ("int", "float"):
            low, high = (None, None) if self.ends is None else self.ends
            return (Int if self.kind == "int" else Float)(name, lower=low, upper=high)
        return {"boolean": Boolean, "datetime": DateTime}.get(self.kind, String)(name)


def with_columns(
    query: Any, facts: TableFacts, metadata: Metadata
) -> tuple[TableFacts, dict[str, Any]]:
    """Replace each aggregated expression by a column, in the query and the metadata, in place.

    Returns
    -------
    TableFacts
        With the columns.
    dict
        Each column's expression, by its name.
    """
    table = metadata[facts.name]
    assert isinstance(table, Table)
    found: dict[str, Any] = {}
    for part in (query.select, query.having, query.order):
        for node in nodes(part):
            if isinstance(node, ast.AggFunction) and _is_derived(node, facts):
                node.expression = ast.Column(_name_of(node.expression, found, facts))
    for name, tree in found.items():
        table.m_columns[name] = _describe(tree, facts).column(name)
    return replace(facts, columns=dict(table.m_columns)), found


def _is_derived(node: Any, facts: TableFacts) -> bool:
    inside = node.expression
    if isinstance(inside, ast.AllColumns):
        return False
    if not isinstance(inside, ast.Column):
        return True
    column = facts.find(plain_name(inside.name))
    return column is not None and column.typename() == "boolean" and node.name in _MOMENTS


def _name_of(tree: Any, found: dict[str, Any], facts: TableFacts) -> str:
    for name, known in found.items():
        if str(known) == str(tree):  # SmartNoise treats lists of different lengths as equal
            return name
    names = (f"expression_{i}" for i in itertools.count(1))
    name = next(n for n in names if n not in found and facts.find(n) is None)
    found[name] = tree
    return name


def _describe(tree: Any, facts: TableFacts) -> _Described:  # noqa: PLR0911
    """Return the type and the bounds of an expression; a boolean counts as 0 and 1."""
    kind = type(tree).__name__
    if isinstance(tree, ast.NestedExpression):
        return _describe(tree.expression, facts)
    if isinstance(tree, ast.Column):
        return _of_column(tree, facts)
    if isinstance(tree, ast.Literal):
        return _of_literal(tree.value)
    if kind == "ExtractFunction":
        return _Described("int", _PARTS.get(str(tree.date_part).lower()))
    if kind == "CharLengthFunction":
        return _Described("int")
    if kind in _TEXTS:
        return _Described("string")
    if kind == "CastFunction":
        inner = _describe(tree.expression, facts)
        return _Described("float", inner.ends) if tree.dbtype == "FLOAT" else _Described("string")
    branches = _branches(tree, kind)
    if branches:
        return _joined([_describe(b, facts) for b in branches if not _is_null(b)])
    if isinstance(tree, ast.ArithmeticExpression):
        left, right = (_describe(side, facts).ends for side in (tree.left, tree.right))
        return _Described("float", _arithmetic(str(tree.op), left, right))
    if hasattr(tree, "expression"):
        return _Described("float", _function(tree, kind, _describe(tree.expression, facts).ends))
    return _Described("float")


def _of_column(tree: Any, facts: TableFacts) -> _Described:
    column = facts.find(plain_name(tree.name))
    kind = "unknown" if column is None else column.typename()
    if kind == "boolean":
        return _Described("int", (0, 1))
    ends = [getattr(column, end, None) for end in ("lower", "upper")]
    bounded = None not in ends or getattr(column, "sensitivity", None) is not None
    return _Described(kind, facts.bounds(tree.name) if bounded else None)


def _of_literal(value: Any) -> _Described:
    if isinstance(value, bool):
        return _Described("int", (int(value), int(value)))
    if isinstance(value, str):
        return _Described("string")
    if isinstance(value, int) and abs(value) < 2**63:
        return _Described("int", (value, value))
    return _Described("float", _finite(float(value), float(value)))


def _branches(tree: Any, kind: str) -> Sequence[Any]:
    if kind == "CaseExpression":
        rest = [] if tree.else_expr is None else [tree.else_expr]
        return [*(when.then for when in tree.when_exprs), *rest]
    if kind == "IIFFunction":
        return [tree.yes, tree.no]
    return list(tree.expressions) if kind == "CoalesceFunction" else []


def _is_null(tree: Any) -> bool:
    return isinstance(tree, ast.Literal) and tree.value is None


def _joined(found: list[_Described]) -> _Described:
    kinds = {part.kind for part in found}
    kind = "float" if kinds == {"int", "float"} else next(iter(kinds), "int")
    ends = [part.ends for part in found if part.ends is not None]
    if not ends or len(ends) < len(found):
        return _Described(kind)
    return _Described(kind, (min(low for low, _ in ends), max(high for _, high in ends)))


def _finite(low: float, high: float) -> Ends | None:
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def _corners(*values: float) -> Ends | None:
    return _finite(min(values), max(values))


def _arithmetic(  # noqa: PLR0911
    op: str, left: Ends | None, right: Ends | None
) -> Ends | None:
    if right is None or (left is None and op != "%"):
        return None
    if op == "%":
        most = max(abs(right[0]), abs(right[1]))
        return _finite(-most, most)
    assert left is not None
    if op == "+":
        return _finite(left[0] + right[0], left[1] + right[1])
    if op == "-":
        return _finite(left[0] - right[1], left[1] - right[0])
    if op == "*":
        return _corners(*(float(a) * float(b) for a in left for b in right))
    if op == "/" and right[0] == right[1] != 0:
        return _corners(left[0] / right[0], left[1] / right[0])
    return None


def _function(  # noqa: PLR0911
    tree: Any, kind: str, ends: Ends | None
) -> Ends | None:
    name = str(getattr(tree, "name", "")).upper()
    if name == "SIGN":
        return (-1, 1)
    if ends is None:
        return None
    low, high = map(float, ends)
    size = max(abs(low), abs(high))
    if name == "ABS":
        return (0.0 if low < 0 < high else min(abs(low), abs(high)), size)
    if name == "SQRT":
        return (math.sqrt(max(low, 0.0)), math.sqrt(max(high, 0.0)))
    if name in ("CEIL", "CEILING", "FLOOR"):
        return (math.floor(low), math.ceil(high))
    power = 2 if name == "SQUARE" else getattr(getattr(tree, "power", None), "value", None)
    if power in _POWERS:
        ends = _corners(*(end ** int(power) for end in (low, high)))
        even = low < 0 < high and power % 2 == 0
        return (0.0, ends[1]) if ends and even else ends
    if kind in ("RoundFunction", "TruncFunction"):
        step = 10.0 ** -int(tree.decimals.value)
        return _finite(low - step, high + step)
    return None
