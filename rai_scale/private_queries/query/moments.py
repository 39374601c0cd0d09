"""Averages and variances in SmartNoise's trees: post-processing keeps them within their bounds.

A mean of clamped values is between their bounds, and their variance is at most a quarter of the
squared range (Popoviciu 1935).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rai_scale.privacy.fixed_point import Grid, grid_for, squares
from rai_scale.private_queries.metadata import TableFacts
from rai_scale.private_queries.query.trees import bound
from rai_scale.upstream.smartnoise import ast

Ends = tuple[float, float]


def bare(tree: Any) -> Any:
    """Return the tree inside of parentheses."""
    while isinstance(tree, ast.NestedExpression):
        tree = tree.expression
    return tree


def grid_of(aggregate: Any, facts: TableFacts) -> Grid:
    """Return the grid of a ``sum`` or ``squares``."""
    low, high = facts.bounds(aggregate.column)
    whole = facts.whole(aggregate.column)
    grid = grid_for(low, high, whole=whole)
    return squares(grid, whole=whole) if aggregate.kind == "squares" else grid


def ends_of(tree: Any, aggregates: Mapping[str, Any], facts: TableFacts) -> Ends | None:
    """Return the bounds of an expression, if it is an average or a variance.

    Parameters
    ----------
    aggregates : mapping of str to Aggregate
        By the bound name of SmartNoise's inner column.
    """
    mean = _mean_of(tree, aggregates)
    if mean is not None:
        grid = grid_of(mean, facts)
        return grid.units(grid.lower) * grid.step, grid.units(grid.upper) * grid.step
    column = _variance_of(tree, aggregates)
    if column is None:
        return None
    low, high = facts.bounds(column)
    # rounding to the grids: squares and values each differ by at most half a step of their grid
    slack = 2 * max(abs(low), abs(high), 1.0) ** 2 * 2.0**-26
    return 0.0, (high - low) ** 2 / 4 + slack


def _mean_of(tree: Any, aggregates: Mapping[str, Any]) -> Any | None:
    tree = bare(tree)
    if not isinstance(tree, ast.ArithmeticExpression) or str(tree.op) != "/":
        return None
    over, under = (_aggregate(side, aggregates) for side in (tree.left, tree.right))
    if over is None or under is None or over.kind not in ("sum", "squares"):
        return None
    return over if under.kind == "count" and under.column == over.column else None


def _variance_of(tree: Any, aggregates: Mapping[str, Any]) -> str | None:
    tree = bare(tree)
    if not isinstance(tree, ast.ArithmeticExpression) or str(tree.op) != "-":
        return None
    square = bare(tree.right)
    if not isinstance(square, ast.ArithmeticExpression) or str(square.op) != "*":
        return None
    left, *sides = (_mean_of(t, aggregates) for t in (tree.left, square.left, square.right))
    if left is None or left.kind != "squares":
        return None
    means = all(s is not None and (s.kind, s.column) == ("sum", left.column) for s in sides)
    return left.column if means else None


def _aggregate(tree: Any, aggregates: Mapping[str, Any]) -> Any | None:
    tree = bare(tree)
    return aggregates.get(bound(tree.name)) if isinstance(tree, ast.Column) else None
