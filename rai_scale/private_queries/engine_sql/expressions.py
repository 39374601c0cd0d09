"""WHERE and GROUP BY expressions as SQL that means the same on every engine and never raises.

Numbers are computed in double precision.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rai_scale.engines.dialect import Dialect
from rai_scale.private_queries.engine_sql.columns import Typed
from rai_scale.private_queries.engine_sql.literals import (
    as_double,
    int_literal,
    is_null,
    literal_like,
)
from rai_scale.private_queries.problems import QueryRefusedError
from rai_scale.private_queries.query.time_zones import local
from rai_scale.private_queries.query.trees import is_literal

_NUMBER = ("int", "decimal", "float")
_LONGEST = 50_000
_SAFE_DIGITS = 36


@dataclass(frozen=True)
class Compiler:
    """Compiles SmartNoise's trees for one dialect.

    Parameters
    ----------
    dialect : Dialect
        Of the engine.
    rules : mapping of str to callable
        How each type of node becomes SQL.
    columns : mapping of str to Typed
        The columns that may be used; others are refused.
    refused : mapping of str to str
        The reason why a column of the table cannot be used, by column.
    """

    dialect: Dialect
    rules: Mapping[str, Callable[[Compiler, Any], Typed]]
    columns: Mapping[str, Typed]
    refused: Mapping[str, str] = field(default_factory=dict)

    def refuse(self, name: str) -> None:
        """Raise if a column exists but cannot be used."""
        if name in self.refused:
            raise QueryRefusedError(self.refused[name])

    def boolean(self, node: Any) -> str:
        """Return the SQL of a condition."""
        found = self.compile(node)
        if found.kind != "bool":
            raise QueryRefusedError(f"a condition must be a boolean expression: {node}.")
        return found.sql

    def compile(self, node: Any) -> Typed:
        """Return the SQL of an expression; the type of the node chooses the rule."""
        rule = self.rules.get(type(node).__name__)
        if rule is None:
            raise QueryRefusedError(
                f"{type(node).__name__} cannot be used on rows: {node}. It may fail on a row's "
                "value, differ between engines, or draw at random."
            )
        found = rule(self, node)
        if len(found.sql) > _LONGEST:
            raise QueryRefusedError("an expression is nested too deeply.")
        return found

    def number(self, node: Any) -> str:
        """Return the SQL of an expression as a double."""
        found = self.compile(node)
        if found.kind not in _NUMBER:
            raise QueryRefusedError(f"a number is expected, found {found.kind}: {node}.")
        return as_double(self.dialect, found)

    def text(self, node: Any) -> str:
        """Return the SQL of an expression that is a text."""
        found = self.compile(node)
        if found.kind != "text":
            raise QueryRefusedError(f"a text is expected, found {found.kind}: {node}.")
        return found.sql

    def comparable(self, nodes: list[Any]) -> list[Typed]:
        """Compile expressions for a comparison; TRUE and FALSE become 1 and 0, as in SmartNoise."""
        found = [self.compile(node) for node in nodes]
        kinds = {f.kind for n, f in zip(nodes, found, strict=True) if not is_literal(n)}
        if kinds == {"bool"}:
            nodes = [literal_like(n, bool) for n in nodes]
        elif kinds and kinds <= set(_NUMBER):
            nodes = [literal_like(n, int) for n in nodes]
        pairs = zip(nodes, found, strict=True)
        return self._one_kind(nodes, [self.compile(n) if is_literal(n) else f for n, f in pairs])

    def alike(self, nodes: list[Any]) -> list[Typed]:
        """Compile expressions and bring them to one kind."""
        return self._one_kind(nodes, [self.compile(node) for node in nodes])

    def _one_kind(self, nodes: list[Any], found: list[Typed]) -> list[Typed]:
        kinds = {f.kind for n, f in zip(nodes, found, strict=True) if not is_null(n)}
        if kinds <= {"int"} or (len(kinds) == 1 and kinds.isdisjoint(_NUMBER)):
            return found
        if "decimal" in kinds and kinds <= {"decimal", "int"}:
            exact = self._decimals(nodes, found)
            if exact is not None:
                return exact
        if kinds <= set(_NUMBER):
            return [
                f if f.sql == "NULL" else Typed(as_double(self.dialect, f), "float") for f in found
            ]
        wanted = {f.kind for n, f in zip(nodes, found, strict=True) if not is_literal(n)}
        if len(wanted) == 1 and kinds <= wanted | {"text"}:
            kind = wanted.pop()
            return [
                f if f.kind == kind else self._literal_as(n, kind)
                for n, f in zip(nodes, found, strict=True)
            ]
        if len(wanted) > 1 and wanted <= set(_NUMBER) and kinds <= {*_NUMBER, "text"}:
            found = [
                f if f.kind in _NUMBER else self._literal_as(n, "float")
                for n, f in zip(nodes, found, strict=True)
            ]
            return [Typed(as_double(self.dialect, f), "float") for f in found]
        raise QueryRefusedError(
            f"values of different kinds ({', '.join(sorted(kinds))}) are mixed: "
            f"{', '.join(map(str, nodes))}. A conversion could fail on a value."
        )

    def _decimals(self, nodes: list[Any], found: list[Typed]) -> list[Typed] | None:
        """Convert decimals of one scale, and the literals with them, to one type if possible."""
        scales = {f.scale for n, f in zip(nodes, found, strict=True) if not is_literal(n)}
        others = [f for n, f in zip(nodes, found, strict=True) if not is_literal(n)]
        if len(scales) != 1 or any(f.kind != "decimal" for f in others):
            return None
        kind = f"DECIMAL(38, {scales.copy().pop()})"
        if any(is_literal(n) and len(str(n.value)) + max(scales) > _SAFE_DIGITS for n in nodes):
            return None
        return [
            f if f.kind == "decimal" or f.sql == "NULL"
            else Typed(f"CAST({f.sql} AS {kind})", "decimal", max(scales))
            for f in found
        ]  # fmt: skip

    def _literal_as(self, node: Any, kind: str) -> Typed:
        """Return a quoted literal in the type that it is compared with; no data are read."""
        value = node.value
        if value is None:
            return Typed("NULL", kind)  # type: ignore[arg-type]
        try:
            if kind == "int":
                return int_literal(self.dialect, int(str(value)))
            if kind == "float":
                return Typed(self.dialect.double(float(value)), "float")
            if kind == "date":
                day = datetime.date.fromisoformat(str(value))
                return Typed(self.dialect.time(day.isoformat(), date=True), "date")
            if kind == "time":
                at = datetime.datetime.fromisoformat(str(value))
                at = local(at, self.dialect.time_zone)
                return Typed(self.dialect.time(at.isoformat(" "), date=False), "time")
        except (ValueError, OverflowError):
            pass
        raise QueryRefusedError(
            f"the literal {node} is compared with a value of type {kind}, but does not have this "
            f"type."
        )
