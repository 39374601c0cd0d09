"""Parse SQL to SmartNoise's tree, and refuse by name what is not supported."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from snsql.metadata import Metadata
from snsql.sql.parse import QueryParser

from rai_scale.private_queries.column_names import with_quotes
from rai_scale.private_queries.metadata import TableFacts, table_facts
from rai_scale.private_queries.problems import QueryRefusedError, parser_error, shown
from rai_scale.private_queries.query.expression_columns import with_columns
from rai_scale.private_queries.query.names import encoded_names, resolve
from rai_scale.private_queries.query.spelling import read_back, spelled
from rai_scale.private_queries.query.time_zones import zone_of
from rai_scale.private_queries.query.trees import nodes, plain_name
from rai_scale.upstream.smartnoise import Query, ast

_WORDS = {
    r"^\s*WITH\b": "a CTE (WITH)",
    r"\bMEDIAN\s*\(": "MEDIAN",
    r"\bOVER\s*\(": "a window function (OVER)",
    r"\bUNION\b": "UNION",
    r"\bINTERSECT\b": "INTERSECT",
    r"\bEXCEPT\b": "EXCEPT",
    r"\bJOIN\b": "a JOIN",
    r"\bTRY_CAST\s*\(": "TRY_CAST",
    r"\b(?:ILIKE|RLIKE|REGEXP|SIMILAR)\b": "pattern matching other than LIKE",
}
_AGGREGATES = ("COUNT", "SUM", "AVG", "VAR", "VARIANCE", "STD", "STDDEV")
_CHANGING = (
    "BareFunction",
    "CurrentTimeFunction",
    "CurrentDateFunction",
    "CurrentTimestampFunction",
)


@dataclass(frozen=True)
class Parsed:
    """A query that passed all checks on its form.

    Attributes
    ----------
    query : snsql Query
        The tree, with symbols.
    facts : TableFacts
        Of its one table.
    text : str
        The canonical text: the same for all forms of white space and comments.
    metadata : snsql Metadata
        With a column for each aggregated expression.
    """

    query: Query
    facts: TableFacts
    text: str
    metadata: Metadata


def parse(text: str, metadata: Metadata, time_zone: str = "UTC") -> Parsed:
    """Parse one query; times with a zone are read in ``time_zone``.

    Raises
    ------
    QueryRefusedError
        With the name of what is not supported.
    ConfigError
        If the metadata do not describe the table.
    """
    if not isinstance(text, str):
        raise QueryRefusedError(f"a query is a text, found a {type(text).__name__}.")
    text = spelled(text)
    _refuse_words(_without_texts(text))
    try:
        bare = QueryParser().queries(text)
    except ValueError as error:
        raise parser_error(error) from None
    except AttributeError:
        raise QueryRefusedError(
            "SmartNoise's parser fails on this query. ROUND and TRUNC need the number of digits, "
            "as in ROUND(x, 0)."
        ) from None
    if len(bare) != 1:
        raise QueryRefusedError(f"exactly one query is expected, found {len(bare)}.")
    query = bare[0]
    name, alias = _simple_source(query)
    metadata = encoded_names(metadata)
    zone_of(time_zone)
    facts = replace(table_facts(metadata, name), time_zone=time_zone)
    resolve(query, facts, alias)
    _count_rows(query)
    _drop_distinct(query)
    _refuse_nodes(query, facts)
    canonical = shown(str(_plain_numbers(query)))
    facts, expressions = with_columns(_with_values(query), facts, metadata)
    try:
        query = QueryParser(metadata).queries(str(_plain_numbers(query)))[0]
    except (ValueError, ArithmeticError, AttributeError) as error:
        raise parser_error(error) from None
    facts = replace(facts, expressions=expressions)
    query = _plain_numbers(_with_values(query))
    _refuse_offsets(query, time_zone)
    return Parsed(query, facts, canonical, metadata)


def _refuse_offsets(query: Query, time_zone: str) -> None:
    """Refuse times with an offset in HAVING, which SmartNoise's own code converts to UTC."""
    for node in nodes(query.having) if query.having is not None and time_zone != "UTC" else ():
        with suppress(ValueError):
            value = getattr(node, "value", None) if isinstance(node, ast.Literal) else None
            if isinstance(value, str) and datetime.fromisoformat(value).tzinfo:
                raise QueryRefusedError(
                    f"HAVING has a time with an offset, and time_zone is {time_zone}: write it as "
                    f"a local time, without an offset."
                )


def _with_values(query: Query) -> Query:
    """Decode literals: exact for rows, as doubles if SmartNoise evaluates them."""
    for part in (query.having, query.order, query.limit):
        read_back(part, rows=False)
    for part in (query.select, query.where, query.agg):
        read_back(part, rows=True)
    return query


def _count_rows(query: Query) -> None:
    """Write COUNT(1) as COUNT(*)."""
    for node in nodes(query):
        if isinstance(node, ast.AggFunction) and str(node.name).upper() == "COUNT":
            inside = node.expression
            literal = isinstance(inside, ast.Literal) and inside.value is not None
            if literal and not node.quantifier:
                node.expression = ast.AllColumns()


def _without_texts(text: str) -> str:
    """Blank out comments, quoted texts and names, which may contain any word."""
    quoted = r"'(?:[^'\\]|\\.)*'|\"[^\"]*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/"
    return re.sub(quoted, " x ", text, flags=re.DOTALL)


def _refuse_words(words: str) -> None:
    for pattern, name in _WORDS.items():
        if re.search(pattern, words, re.IGNORECASE):
            raise QueryRefusedError(f"{name} is not supported in private SQL.")
    if len(re.findall(r"\bSELECT\b", words, re.IGNORECASE)) > 1:
        raise QueryRefusedError("a subquery is not supported in private SQL.")


def _simple_source(query: Query) -> tuple[str, str | None]:
    """Return the table's name and alias, and remove parentheses around it."""
    alias: Any = None
    relations = list(query.source.relations)
    while True:
        if len(relations) != 1 or relations[0].joins:
            raise QueryRefusedError("a JOIN is not supported in private SQL: name one table.")
        primary = relations[0].primary
        alias = primary.alias or alias
        if not isinstance(primary, ast.AliasedRelation):
            break
        relations = [primary.relation]
    if not isinstance(primary, ast.Table):
        raise QueryRefusedError("a subquery is not supported in private SQL.")
    primary.alias, primary.name = None, with_quotes(str(primary.name))
    query.source = ast.From(relations)
    return str(primary.name), None if alias is None else str(alias)


def _plain_numbers(query: Query) -> Query:
    """Write numbers as plain decimals: the grammar that parses trees has no exponents."""
    for node in nodes(query):
        if isinstance(node, ast.Literal) and isinstance(node.value, float):
            node.text = f"{Decimal(repr(node.value)):f}"
    return query


def _drop_distinct(query: Query) -> None:
    """Remove DISTINCT if all rows differ anyway, because every group is among the columns."""
    if str(getattr(query.select, "quantifier", "") or "").upper() != "DISTINCT":
        return
    groups = [] if query.agg is None else [g.expression for g in query.agg.groupingExpressions]
    selected = [named.expression for named in query.select.namedExpressions]
    if any(group not in selected for group in groups):
        raise QueryRefusedError(
            "SELECT DISTINCT is supported only where every group is selected: select all groups, "
            "or remove DISTINCT."
        )
    query.select.quantifier = None


def _refuse_nodes(query: Query, facts: TableFacts) -> None:
    if not any(isinstance(n, ast.AggFunction) for n in nodes(query.select)) and not query.agg:
        raise QueryRefusedError("a query without an aggregate would show rows, which is refused.")
    for part in (query.select, query.having, query.order):
        for node in nodes(part):
            if type(node).__name__ in _CHANGING:
                raise QueryRefusedError(
                    f"{node} is not supported in private SQL: SmartNoise cannot compute it, or the "
                    f"result would differ each time it is shown."
                )
    for node in nodes(query):
        if isinstance(node, ast.RankingFunction):
            raise QueryRefusedError("a window function is not supported in private SQL.")
        if isinstance(node, ast.AggFunction):
            _refuse_aggregate(node)
    for part, where in (
        (query.select, "SELECT"),
        (query.where, "WHERE"),
        (query.agg, "GROUP BY"),
        (query.having, "HAVING"),
        (query.order, "ORDER BY"),
    ):
        if part is not None:
            _refuse_unit(part, facts, where)


def _refuse_aggregate(node: Any) -> None:
    name = str(node.name).upper()
    if name not in _AGGREGATES:
        raise QueryRefusedError(
            f"{name} is not supported in private SQL. Use one of COUNT, SUM, AVG, VAR, STDDEV."
        )
    if any(isinstance(n, ast.AggFunction) for n in nodes(node.expression)):
        raise QueryRefusedError(f"an aggregate in {name} is not supported in private SQL.")
    distinct = str(node.quantifier or "").upper() == "DISTINCT"
    if distinct and name != "COUNT":
        raise QueryRefusedError(f"{name}(DISTINCT ...) is not supported in private SQL.")
    if distinct and isinstance(node.expression, ast.AllColumns):
        raise QueryRefusedError("COUNT(DISTINCT *) is not supported: name one column.")


def _is_unit(node: Any, facts: TableFacts) -> bool:
    """Return whether a node names the privacy unit, in upper or lower case."""
    if not isinstance(node, ast.Column) or facts.unit is None:
        return False
    return plain_name(node.name).lower() == plain_name(facts.unit).lower()


def _refuse_unit(part: Any, facts: TableFacts, where: str) -> None:
    """Refuse the privacy unit everywhere except in COUNT."""
    counted = isinstance(part, ast.AggFunction) and str(part.name).upper() == "COUNT"
    if counted and isinstance(part.expression, ast.Column | ast.AllColumns):
        return
    if isinstance(part, ast.Column) and _is_unit(part, facts):
        raise QueryRefusedError(
            f"the privacy unit {facts.unit!r} in {where}: it may only be counted, as in "
            f"COUNT(DISTINCT {facts.unit}); as a group, an output or a part of an expression it "
            f"would identify a person."
        )
    if not isinstance(part, str) and hasattr(part, "children"):
        for child in part.children():
            if child is not None:
                _refuse_unit(child, facts, where)
