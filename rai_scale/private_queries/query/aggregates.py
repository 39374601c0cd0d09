"""What a query needs: which groups, which exact aggregates, in SmartNoise's own order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from snsql.metadata import Metadata

from rai_scale.private_queries.problems import QueryRefusedError
from rai_scale.private_queries.query.parse import Parsed
from rai_scale.private_queries.query.post_processing import Answer
from rai_scale.private_queries.query.rewriting import rewrite
from rai_scale.private_queries.query.trees import bound, nodes, plain_name
from rai_scale.upstream.smartnoise import ast, symbols


@dataclass(frozen=True)
class Aggregate:
    """An exact aggregate of the bounded rows.

    Attributes
    ----------
    kind : str
        ``rows``, ``units``, ``count`` (rows where ``column`` is not null), ``distinct`` (values of
        ``column``, without null), ``sum``, or ``squares`` (sum of squares).
    column : str, optional
        For the last four.
    """

    kind: str
    column: str | None = None

    @property
    def label(self) -> str:
        """A name of the aggregate, for ledgers and tables."""
        return self.kind if self.column is None else f"{self.kind}({self.column})"


@dataclass(frozen=True)
class ResultColumn:
    """A column of the result: its name, the aggregates that it is computed from, and how."""

    name: str
    parts: tuple[Aggregate, ...]
    direct: bool
    tree: Any


@dataclass(frozen=True)
class Shape:
    """What SmartNoise's inner query needs.

    Attributes
    ----------
    groups : list
        Trees of the GROUP BY expressions, each once.
    inner : list of (str, int or Aggregate)
        The inner query's columns in order: their names, and the group's number or the aggregate.
    outputs : list of ResultColumn
        The columns of the result.
    answer : Answer
        Computes the result from the inner query's columns.
    """

    groups: list[Any]
    inner: list[tuple[str, int | Aggregate]]
    outputs: list[ResultColumn]
    answer: Answer

    @property
    def aggregates(self) -> list[Aggregate]:
        """The aggregates, each once."""
        return list(dict.fromkeys(a for _, a in self.inner if isinstance(a, Aggregate)))


def shape_of(parsed: Parsed, metadata: Metadata) -> Shape:
    """Extract groups, aggregates and outputs from SmartNoise's rewriting of the query.

    Raises
    ------
    QueryRefusedError
        If SmartNoise does not accept the query.
    """
    _refuse_ambiguous(parsed.query)
    subquery, outer = rewrite(parsed, metadata)
    groups: list[Any] = []
    if parsed.query.agg is not None:
        for item in parsed.query.agg.groupingExpressions:
            if item.expression not in groups:
                groups.append(item.expression)
    inner: list[tuple[str, int | Aggregate]] = []
    for symbol, named in zip(symbols(subquery), subquery.select.namedExpressions, strict=True):
        if isinstance(named.expression, ast.AggFunction):
            inner.append((symbol.name, _aggregate(named.expression, parsed)))
        else:
            inner.append((symbol.name, len(inner)))
    if sum(isinstance(a, int) for _, a in inner) != len(groups):
        raise QueryRefusedError(
            "the groups of the query cannot be distinguished: use each group once."
        )
    found = {bound(name): a for name, a in inner if isinstance(a, Aggregate)}
    answer = Answer(parsed, subquery, outer, found)
    outputs = []
    for name, named in zip(answer.names, outer.select.namedExpressions, strict=True):
        used = [bound(n.name) for n in nodes(named.expression) if isinstance(n, ast.Column)]
        parts = tuple(dict.fromkeys(found[u] for u in used if u in found))
        outputs.append(ResultColumn(name, parts, _is_direct(named.expression), named.expression))
    return Shape(groups, inner, outputs, answer)


def _is_direct(tree: Any) -> bool:
    """Return whether an output is one unchanged inner column."""
    while isinstance(tree, ast.NestedExpression):
        tree = tree.expression
    return isinstance(tree, ast.Column)


def _aggregate(node: Any, parsed: Parsed) -> Aggregate:
    name = str(node.name).upper()
    inside = node.expression
    if isinstance(inside, ast.AllColumns):
        return Aggregate("rows")
    column = plain_name(next(n.name for n in nodes(inside) if isinstance(n, ast.Column)))
    distinct = str(node.quantifier or "").upper() == "DISTINCT"
    if name == "COUNT" and column == plain_name(parsed.facts.unit or ""):
        return Aggregate("units" if distinct else "rows")
    if name == "COUNT":
        return Aggregate("distinct" if distinct else "count", column)
    return Aggregate("sum" if isinstance(inside, ast.Column) else "squares", column)


def _refuse_ambiguous(tree: Any) -> None:
    """Refuse chains like ``a - b + c``, which SmartNoise's grammar reads as ``a - (b + c)``."""
    weaker = {"-": ("+", "-"), "/": ("*", "/", "%"), "%": ("*", "/", "%"), "*": ("/", "%")}
    for node in nodes(tree):
        if not isinstance(node, ast.ArithmeticExpression):
            continue
        right = node.right
        if isinstance(right, ast.ArithmeticExpression) and str(right.op) in weaker.get(
            str(node.op), ()
        ):
            raise QueryRefusedError(
                f"write parentheses in {node}: SmartNoise's grammar evaluates such a chain from "
                f"the right."
            )
