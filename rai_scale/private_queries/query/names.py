"""Names of a query in the metadata's spelling, and the expressions that GROUP BY refers to."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from snsql.metadata import Metadata

from rai_scale.errors import did_you_mean
from rai_scale.private_queries.column_names import encoded_name, is_plain, is_quoted
from rai_scale.private_queries.metadata import TableFacts
from rai_scale.private_queries.problems import QueryRefusedError
from rai_scale.private_queries.query.spelling import KEYWORDS
from rai_scale.private_queries.query.trees import nodes, parts_of, plain_name
from rai_scale.upstream.smartnoise import ast


def encoded_names(metadata: Metadata) -> Metadata:
    """Return a copy in which all names of columns are identifiers of SmartNoise's grammar.

    A key is the column's name as it is, or that name in quotes.
    """
    found = copy.deepcopy(metadata)
    for table in found.tables():
        for column in table.columns():
            name = str(column.name)
            if is_quoted(name) or not is_plain(name) or name.upper() in KEYWORDS:
                column.name = encoded_name(name)
        table.m_columns = {column.name: column for column in table.columns()}
    return found


def resolve(query: Any, facts: TableFacts, alias: str | None) -> None:
    """Change a query's names to the metadata's spelling, in place.

    Parameters
    ----------
    query : snsql Query
        Without symbols.
    alias : str, optional
        Of the table.

    Raises
    ------
    QueryRefusedError
        If a name is qualified by another table, or a position in GROUP BY does not exist.
    """
    table = alias or facts.name.split(".")[-1]
    for node in nodes(query):
        if isinstance(node, ast.Column):
            node.name = _spelled(str(node.name), facts, table)
    selected = list(query.select.namedExpressions)
    for item in [] if query.agg is None else query.agg.groupingExpressions:
        item.expression = _written_out(item.expression, selected, facts, "GROUP BY")
    for item in [] if query.order is None else query.order.sortItems:
        if _is_place(item.expression):
            item.expression = _written_out(item.expression, selected, facts, "ORDER BY")


def _spelled(name: str, facts: TableFacts, table: str) -> str:
    parts = parts_of(name)
    if len(parts) > 1 and plain_name(parts[0]).lower() != plain_name(table).lower():
        raise QueryRefusedError(
            f"{name} names a table that is not read: the query reads {table!r}."
            f"{did_you_mean(plain_name(parts[0]), [table])}"
        )
    own, plain = parts[-1], plain_name(parts[-1])
    same = [c for c in facts.columns if plain_name(c) == plain]
    if not same and own == plain:
        same = [c for c in facts.columns if plain_name(c).lower() == plain.lower()]
    if not same and plain.upper() in KEYWORDS:
        same = [c for c in facts.columns if plain_name(c).lower() == plain.lower()]
    return same[0] if len(same) == 1 else own


def _is_place(tree: Any) -> bool:
    return isinstance(tree, ast.Literal) and type(tree.value) is int


def _written_out(tree: Any, selected: Sequence[Any], facts: TableFacts, part: str) -> Any:
    """Return the output that a position (from 1) or a name refers to, else the tree itself."""
    if _is_place(tree):
        if not 1 <= tree.value <= len(selected):
            raise QueryRefusedError(
                f"{part} {tree.value} is not a position: the query selects {len(selected)} columns."
            )
        found = selected[tree.value - 1].expression
    else:
        if not isinstance(tree, ast.Column) or facts.find(plain_name(tree.name)) is not None:
            return tree
        name = plain_name(tree.name).lower()
        named = [s for s in selected if s.name is not None and plain_name(s.name).lower() == name]
        if len(named) != 1:
            return tree
        found = named[0].expression
    if part == "GROUP BY" and any(isinstance(n, ast.AggFunction) for n in nodes(found)):
        raise QueryRefusedError(f"{part} {tree} refers to {found}, which is an aggregate.")
    return copy.deepcopy(found)
