"""SmartNoise's trees with SQL's three values: a comparison with a missing value is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from snsql._ast import ast
from snsql._ast.expressions.logical import parse_bool

from rai_scale.private_queries.metadata import TableFacts
from rai_scale.private_queries.moments import ends_of
from rai_scale.private_queries.trees import nodes


class _Compare(ast.BooleanCompare):
    def evaluate(self, bindings: dict[str, Any]) -> bool | None:
        """Return true, false, or None for unknown."""
        left, right = self.left.evaluate(bindings), self.right.evaluate(bindings)
        if str(self.op).upper() in ("AND", "OR"):
            decides = str(self.op).upper() == "OR"
            sides = [parse_bool(left), parse_bool(right)]
            if decides in sides:
                return decides
            return None if None in sides else not decides
        return None if left is None or right is None else bool(super().evaluate(bindings))


class _Not(ast.LogicalNot):
    def evaluate(self, bindings: dict[str, Any]) -> bool | None:
        """Return the negation; of unknown it is unknown."""
        found = parse_bool(self.expression.evaluate(bindings))
        return None if found is None else not found


class _Arithmetic(ast.ArithmeticExpression):
    def evaluate(self, bindings: dict[str, Any]) -> Any:
        """Return the number, None where a side is missing; a quotient by 0 is 0.

        SmartNoise's own gives 0 for every divisor between -1 and 1.
        """
        left, right = self.left.evaluate(bindings), self.right.evaluate(bindings)
        if left is None or right is None:
            return None
        if self.op == "/":
            return 0 if right == 0 else left / right
        return super().evaluate(bindings)


class _Bounded(_Arithmetic):
    ends: tuple[float, float]

    def evaluate(self, bindings: dict[str, Any]) -> Any:
        """Return an average or a variance within its public bounds."""
        found = super().evaluate(bindings)
        return None if found is None else min(max(found, self.ends[0]), self.ends[1])


class _Power(ast.PowerFunction):
    def evaluate(self, bindings: dict[str, Any]) -> float:
        """Return a power in double precision: 64-bit whole numbers would wrap around."""
        return float(np.power(float(self.expression.evaluate(bindings)), float(self.power.value)))


_INSTEAD: dict[type, type] = {
    ast.ArithmeticExpression: _Arithmetic,
    ast.BooleanCompare: _Compare,
    ast.LogicalNot: _Not,
    ast.PowerFunction: _Power,
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
    """Change a tree, which nobody else must hold, so that it evaluates by SQL's rules."""
    for node in nodes(tree):
        if type(node) in _INSTEAD:
            node.__class__ = _INSTEAD[type(node)]
    return tree
