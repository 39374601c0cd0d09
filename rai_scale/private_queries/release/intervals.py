"""Confidence intervals of columns that are computed from noisy numbers, by interval arithmetic.

Where a column needs ``m`` noisy numbers, each gets an interval at ``1 - alpha / m`` (Bonferroni):
all are valid together with probability at least ``1 - alpha``, and so is any expression of them
that is evaluated on intervals (Moore, Interval Analysis, 1966). An increasing function maps the
ends of its argument's interval; values outside of its domain are ignored.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from rai_scale.private_queries.metadata import TableFacts
from rai_scale.private_queries.query.moments import bare, ends_of
from rai_scale.private_queries.query.trees import bound
from rai_scale.private_queries.release.noise_plan import NoisyColumn
from rai_scale.upstream.smartnoise import ast

_FUNCTIONS = (ast.MathFunction, ast.PowerFunction, ast.RoundFunction)
_RISING: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    **{"CEIL": np.ceil, "CEILING": np.ceil, "FLOOR": np.floor, "SIGN": np.sign},
    **{"EXP": np.exp, "ATAN": np.arctan, "DEGREES": np.degrees},
}
_RISING_FROM_0: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    **{"SQRT": np.sqrt, "LN": np.log, "LOG": np.log, "LOG10": np.log10, "LOG2": np.log2},
}
_LEAST = {"SQRT": 0.0, "EXP": 0.0}
_ULPS = 4  # possible error of a function of the C library
_COUNTS = ("rows", "units", "count", "distinct")
Bounds: TypeAlias = "tuple[np.ndarray, np.ndarray]"


@dataclass(frozen=True)
class NoisyNumbers:
    """A noisy number per group: the released values and their noise."""

    column: NoisyColumn
    values: np.ndarray

    @property
    def counts(self) -> bool:
        """Whether the exact value is a non-negative integer."""
        return self.column.aggregate.kind in _COUNTS

    def interval(self, alpha: float) -> Bounds:
        """Return bounds that are valid with probability ``1 - alpha`` in each group."""
        width = self.column.half_width(alpha)
        low, high = _outward(self.values - width, self.values + width)
        return (np.maximum(low, 0.0), np.maximum(high, 0.0)) if self.counts else (low, high)


@dataclass(frozen=True)
class Intervals:
    """Evaluates an output's expression on intervals.

    Parameters
    ----------
    noisy : mapping of str to NoisyNumbers
        By the bound name of SmartNoise's inner column.
    alpha : float
        Of each noisy number.
    facts : TableFacts, optional
        Of the metadata: averages and variances are kept within the bounds that it states.
    """

    noisy: Mapping[str, NoisyNumbers]
    alpha: float
    facts: TableFacts | None = None

    def of(self, tree: Any) -> Bounds | None:
        """Return the bounds of an expression, or None where a function has no rule here."""
        tree = bare(tree)
        found = self._noisy(tree)
        if found is not None:
            return found.interval(self.alpha)
        if isinstance(tree, ast.Literal):
            return _constant(tree.value)
        if isinstance(tree, ast.ArithmeticExpression):
            return self._arithmetic(tree)
        inside = self.of(tree.expression) if isinstance(tree, _FUNCTIONS) else None
        return None if inside is None else _function(tree, inside)

    def _noisy(self, tree: Any) -> NoisyNumbers | None:
        if not isinstance(tree, ast.Column):
            return None
        return self.noisy.get(bound(tree.name))

    def _arithmetic(self, tree: Any) -> Bounds | None:
        left, right = self.of(tree.left), self.of(tree.right)
        if left is None or right is None:
            return None
        op = str(tree.op)
        if op == "+":
            return _outward(left[0] + right[0], left[1] + right[1])
        if op == "-":
            found = _outward(left[0] - right[1], left[1] - right[0])
            return self._clipped(tree, found)
        if op == "*":
            return _square(left) if tree.left == tree.right else _product(left, right)
        return self._quotient(tree, left, right) if op == "/" else None

    def _quotient(self, tree: Any, left: Bounds, right: Bounds) -> Bounds:
        under = self._noisy(bare(tree.right))
        low, high = right
        if under is not None and under.counts:  # there is no quotient where the count is 0
            low, high = np.maximum(low, 1.0), np.maximum(high, 1.0)
        return self._clipped(tree, _product(left, _inverse(low, high)))

    def _clipped(self, tree: Any, found: Bounds) -> Bounds:
        """Keep an average or a variance of clamped values within its bounds."""
        if self.facts is None:
            return found
        aggregates = {name: noisy.column.aggregate for name, noisy in self.noisy.items()}
        ends = ends_of(tree, aggregates, self.facts)
        return found if ends is None else (np.clip(found[0], *ends), np.clip(found[1], *ends))


def _constant(value: Any) -> Bounds | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if abs(value) > sys.float_info.max:
        return None
    return np.array(float(value)), np.array(float(value))


def _outward(low: Any, high: Any) -> Bounds:
    """Widen by the rounding error of one operation; undefined ends become infinite."""
    low = np.where(np.isnan(low), -np.inf, low)
    high = np.where(np.isnan(high), np.inf, high)
    return np.nextafter(low, -np.inf), np.nextafter(high, np.inf)


def _product(left: Bounds, right: Bounds) -> Bounds:
    with np.errstate(all="ignore"):
        found = np.stack(np.broadcast_arrays(*(a * b for a in left for b in right)))
    wide = np.isnan(found).any(axis=0)
    return _outward(
        np.where(wide, -np.inf, found.min(axis=0)), np.where(wide, np.inf, found.max(axis=0))
    )


def _function(tree: Any, inside: Bounds) -> Bounds | None:
    if isinstance(tree, ast.RoundFunction):
        digits = tree.decimals.value
        return _rising(lambda x: np.round(x, digits), inside)
    if isinstance(tree, ast.PowerFunction):
        return _power(inside, tree.power.value)
    name = str(tree.name).upper()
    if name == "SQUARE":
        return _power(inside, 2)
    if name == "ABS":
        return _even(inside, np.abs(inside[0]), np.abs(inside[1]))
    if name in _RISING_FROM_0:
        low, high = (np.maximum(side, 0.0) for side in inside)
        found = _rising(_RISING_FROM_0[name], (low, high))
    elif name in _RISING:
        found = _rising(_RISING[name], inside)
    else:
        return None
    return np.maximum(found[0], _LEAST.get(name, -np.inf)), found[1]


def _rising(function: Callable[[np.ndarray], np.ndarray], inside: Bounds) -> Bounds:
    with np.errstate(all="ignore"):
        found = function(np.asarray(inside[0], float)), function(np.asarray(inside[1], float))
    for _ in range(_ULPS):
        found = _outward(*found)
    return found


def _power(inside: Bounds, power: Any) -> Bounds | None:
    """Return powers with a positive integer exponent; others of an integer would be truncated."""
    if isinstance(power, bool) or not isinstance(power, int) or power < 1:
        return None
    if power % 2 == 0:
        inside = _even(inside, np.abs(inside[0]), np.abs(inside[1]))
    low, high = _rising(lambda x: np.power(x, float(power)), inside)
    return (low if power % 2 else np.maximum(low, 0.0)), high


def _square(side: Bounds) -> Bounds:
    return _outward(*_even(side, np.abs(side[0]) ** 2, np.abs(side[1]) ** 2))


def _even(side: Bounds, first: np.ndarray, last: np.ndarray) -> Bounds:
    """Return the bounds of a function that decreases up to 0 and then increases, from its ends."""
    low, high = side
    least = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(first, last))
    return least, np.maximum(first, last)


def _inverse(low: np.ndarray, high: np.ndarray) -> Bounds:
    with np.errstate(all="ignore"):
        ends = _outward(1 / np.asarray(high, float), 1 / np.asarray(low, float))
    zero = (low <= 0) & (high >= 0)
    return np.where(zero, -np.inf, ends[0]), np.where(zero, np.inf, ends[1])
