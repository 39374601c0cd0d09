"""The answer: SELECT, HAVING, ORDER BY and LIMIT over noisy aggregates, and never over data.

SmartNoise's trees evaluate themselves, row by row. What is added: a missing group is unknown in
comparisons and sorts first; a cell for whose values an expression is not defined is missing, so
that a release which was paid for can always be read.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from rai_scale.errors import did_you_mean
from rai_scale.private_queries.column_names import real_name
from rai_scale.private_queries.metadata import TableFacts
from rai_scale.private_queries.problems import QueryRefusedError
from rai_scale.private_queries.query.nulls import null_safe, within_bounds
from rai_scale.private_queries.query.parse import Parsed
from rai_scale.private_queries.query.trees import bound, nodes
from rai_scale.upstream.smartnoise import ast, parse_datetime, symbols

Row: TypeAlias = "dict[str, Any]"
_INT64 = 2**63
_EXACT_FLOATS = 2**53
_FAILURES = (ValueError, TypeError, ArithmeticError, AttributeError, KeyError, IndexError)


@dataclass(frozen=True)
class _EvaluatedColumn:
    """A column: its name, what was selected, SmartNoise's tree of it, its type, its aggregate."""

    name: str
    selected: Any
    tree: Any
    kind: str
    aggregate: str

    def value(self, row: Row) -> Any:
        found = self.tree.evaluate(row)
        if self.aggregate in ("VAR", "VARIANCE"):
            found = max(found, 0.0)
        if self.aggregate in ("STD", "STDDEV") and np.isnan(found):
            found = 0.0
        return _converted(found, self.kind)


class Answer:
    """What follows from noisy aggregates, by the query alone.

    Parameters
    ----------
    parsed : Parsed
        The query.
    inner, outer : snsql Query
        SmartNoise's rewriting.
    aggregates : mapping of str to Aggregate
        Of the inner query, by their bound names.

    Raises
    ------
    QueryRefusedError
        If a column, HAVING or ORDER BY uses an unknown name or a random function.
    """

    def __init__(
        self, parsed: Parsed, inner: Any, outer: Any, aggregates: Mapping[str, Any]
    ) -> None:
        query = parsed.query
        self._inner = [bound(symbol.name) for symbol in symbols(inner)]
        _refuse_twice(self._inner, "parts of the query")
        counts = [bool(symbol.expression.is_count) for symbol in symbols(inner)]
        self._counts = [i for i, c in enumerate(counts) if c and parsed.facts.clamp_counts]
        self._outputs = _outputs(query, outer, aggregates, parsed.facts)
        self.names = [real_name(output.name) for output in self._outputs]
        self._bound = [bound(output.name) for output in self._outputs]
        _refuse_twice(self._bound, "columns of the result")
        for output in self._outputs:
            _refuse_unknown(output.tree, self._inner, output.name, "GROUP BY")
        self._having = None
        if query.having is not None:
            self._having = self._over(query.having.condition, "HAVING")
        items = [] if query.order is None else list(query.order.sortItems)
        self._order = [
            (self._over(i.expression, "ORDER BY"), str(i.order or "").upper() == "DESC")
            for i in items
        ]
        self._limit = _limit(query)

    def frame(self, columns: Sequence[Sequence[Any]], rows: int) -> tuple[pd.DataFrame, list[int]]:
        """Return the result, and the index of the input row of each of its rows.

        Parameters
        ----------
        columns : sequence of sequences
            SmartNoise's inner columns in their order, with the noise in them.
        rows : int
            Their length.
        """
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = self._given(columns, rows)
            found = [_each(output.value, given)[0] for output in self._outputs]
            order = self._ordered(found, rows)
        shown = [_of_one_kind([values[i] for i in order]) for values in found]
        return pd.DataFrame(dict(zip(self.names, shown, strict=True))), order

    def check(self, columns: Sequence[Sequence[Any]], rows: int) -> None:
        """Evaluate on invented rows, so that a query that always fails is not charged.

        Raises
        ------
        QueryRefusedError
            If a column, HAVING or ORDER BY fails on each of the rows.
        """
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = self._given(columns, rows)
            found = [_each(output.value, given) for output in self._outputs]
            shown = self._shown([values for values, _ in found], rows)
            tried = [(o.name, failed) for o, (_, failed) in zip(self._outputs, found, strict=True)]
            if self._having is not None:
                tried.append(("HAVING", _each(self._having.evaluate, shown)[1]))
            tried += [("ORDER BY", _each(tree.evaluate, shown)[1]) for tree, _ in self._order]
        for name, failed in tried:
            if failed == rows:
                raise QueryRefusedError(
                    f"{name} cannot be computed from aggregates, whatever their values: look for "
                    "operands of different types and functions that SmartNoise does not evaluate."
                )

    def _given(self, columns: Sequence[Sequence[Any]], rows: int) -> list[Row]:
        given = [list(values) for values in columns]
        for i in self._counts:
            given[i] = [max(value, 0) for value in given[i]]
        lines = zip(*given, strict=True) if given else [()] * rows
        return [dict(zip(self._inner, line, strict=True)) for line in lines]

    def _shown(self, values: Sequence[Sequence[Any]], rows: int) -> list[Row]:
        if self._having is None and not self._order:
            return []
        return [dict(zip(self._bound, (v[i] for v in values), strict=True)) for i in range(rows)]

    def _ordered(self, values: Sequence[Sequence[Any]], rows: int) -> list[int]:
        shown, order = self._shown(values, rows), list(range(rows))
        if self._having is not None:
            kept = _each(self._having.evaluate, shown)[0]
            order = [i for i in order if kept[i] is not None and bool(kept[i])]
        for tree, descending in reversed(self._order):
            ranks = [_rank(value) for value in _each(tree.evaluate, shown)[0]]
            order.sort(key=ranks.__getitem__, reverse=descending)
        return order[: self._limit]

    def _over(self, tree: Any, part: str) -> Any:
        """Return a tree of HAVING or ORDER BY over the columns of the result."""
        tree = copy.deepcopy(tree)
        if not (isinstance(tree, ast.Column) and bound(tree.name) in self._bound):
            for output, name in zip(self._outputs, self._bound, strict=True):
                tree = tree.replaced(output.selected, ast.Column(name), lock=True)
        _refuse_unknown(tree, self._bound, part, "SELECT")
        return null_safe(tree)


def _outputs(
    query: Any, outer: Any, aggregates: Mapping[str, Any], facts: TableFacts
) -> list[_EvaluatedColumn]:
    found = []
    columns = zip(
        symbols(outer),
        outer.select.namedExpressions,
        query.select.namedExpressions,
        strict=True,
    )
    for i, (symbol, named, own) in enumerate(columns):
        name = str(symbol.name) if symbol.name != "???" else f"column_{i + 1}"
        selected = own.expression
        aggregate = str(selected.name).upper() if isinstance(selected, ast.AggFunction) else ""
        try:
            kind = str(symbol.expression.type())
        except ValueError as error:
            raise QueryRefusedError(f"{name} has no type: {error}.") from None
        tree = within_bounds(copy.deepcopy(named.expression), aggregates, facts)
        found.append(_EvaluatedColumn(name, selected, tree, kind, aggregate))
    return found


def _limit(query: Any) -> int | None:
    top = query.select.quantifier
    top = top.n if isinstance(top, ast.Top) else None
    if query.limit is None:
        return top
    if top is not None:
        raise QueryRefusedError("a query has either LIMIT or TOP, not both.")
    return int(query.limit.n)


def _refuse_twice(names: Sequence[str], what: str) -> None:
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise QueryRefusedError(f"two {what} are named {twice!r}: name each column by AS.")


def _refuse_unknown(tree: Any, known: Sequence[str], part: str, where: str) -> None:
    """Refuse names that are not among the values that a tree is evaluated on."""
    for node in nodes(tree):
        if isinstance(node, ast.AggFunction):
            raise QueryRefusedError(
                f"{part} uses {node}, which SmartNoise does not find in {where}: add it as a "
                f"column to SELECT."
            )
        if isinstance(node, ast.Column) and bound(node.name) not in known:
            raise QueryRefusedError(
                f"{part} uses {node.name}, which is not in {where}."
                f"{did_you_mean(bound(node.name), known)}"
            )


def _each(function: Callable[[Row], Any], rows: Sequence[Row]) -> tuple[list[Any], int]:
    """Return the function's value for each row, None if it fails, and the number of failures."""
    found, failed = [], 0
    for row in rows:
        try:
            found.append(function(row))
        except _FAILURES:
            found.append(None)
            failed += 1
    return found, failed


def _rank(value: Any) -> tuple[int, str, Any]:
    """Return a sort key: missing values first, then by kind, so that any two values compare."""
    if value is None or value != value:  # noqa: PLR0124
        return (0, "", 0)
    number = isinstance(value, bool | int | float | Decimal | np.generic)
    return (1, "" if number else type(value).__name__, value)


def _of_one_kind(values: list[Any]) -> Any:
    """Return a column as texts if it mixes kinds, as IIF(n > 5, 'many', n) does."""
    if any(isinstance(value, Decimal) for value in values):
        values = _whole_where_they_fit(values)
    known = [value for value in values if value is not None]
    whole = all(type(value) is int and abs(value) < _INT64 for value in known)
    if whole and len(known) < len(values) and max(map(abs, known), default=0) > _EXACT_FLOATS:
        return pd.array(values, "Int64")  # pandas would convert them to doubles
    if any(isinstance(value, Decimal) for value in values):
        return values
    kinds = {float if type(value) is int else type(value) for value in values}
    if len(kinds - {type(None)}) < 2:  # noqa: PLR2004
        return values
    return [None if value is None else str(value) for value in values]


def _whole_where_they_fit(values: list[Any]) -> list[Any]:
    """Return decimals as integers if all are integers within 64 bits."""
    known = [value for value in values if value is not None]
    if all(value == int(value) and abs(value) < _INT64 for value in known):
        return [None if value is None else int(value) for value in values]
    return [None if value is None else Decimal(value) for value in values]


def _converted(value: Any, kind: str) -> Any:  # noqa: PLR0911
    """Return a value in the type that SmartNoise gives to its column."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, Decimal):
        return value
    if kind == "int" or (kind == "unknown" and type(value) is int):
        whole = value if type(value) is int else int(float(value))
        return whole if abs(whole) < _INT64 else float(whole)
    if kind == "float":
        return float(value)
    if kind == "string":
        return str(value)
    if kind == "boolean":
        return value != 0 if isinstance(value, int) else bool(str(value))
    if kind == "datetime":
        return parse_datetime(value)
    if isinstance(value, list | tuple):
        raise TypeError("not one value")
    return value
