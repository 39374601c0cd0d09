"""SmartNoise SQL's private names, with corrections of two of its methods."""

from __future__ import annotations

from typing import Any

from snsql._ast import ast
from snsql._ast.ast import Query
from snsql._ast.expressions.date import parse_datetime
from snsql._ast.expressions.logical import ops as comparisons
from snsql._ast.expressions.logical import parse_bool
from snsql._ast.expressions.string import LowerFunction, UpperFunction
from snsql._ast.tokens import Seq
from snsql.sql.private_reader import PrivateReader

__all__ = [
    "LowerFunction",
    "Query",
    "UpperFunction",
    "ast",
    "comparisons",
    "parse_bool",
    "parse_datetime",
    "rewritten",
    "symbols",
]


def _same_items(self: Seq, other: object) -> bool:
    return isinstance(other, Seq) and list(self.seq) == list(other.seq)


def _hash_of_items(self: Seq) -> int:
    return hash(tuple(self.seq))


# SmartNoise treats lists of different lengths as equal, and cannot hash IN in a GROUP BY
Seq.__eq__ = _same_items
Seq.__hash__ = _hash_of_items


def rewritten(reader: PrivateReader, query: Query) -> tuple[Query, Query]:
    """Return SmartNoise's inner query of aggregates and its outer query."""
    inner, outer = reader._rewrite_ast(query)
    return inner, outer


def symbols(query: Query) -> list[Any]:
    """Return the columns that a query of SmartNoise selects, with their names and types."""
    return list(query._select_symbols)
