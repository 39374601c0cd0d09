"""What a row becomes: its unit, its groups, and whole numbers, clamped and on the grid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rai_scale.privacy.fixed_point import Grid
from rai_scale.private_queries.columns import Kind, Typed, as_found, normalised
from rai_scale.private_queries.dialect import Dialect, without_nan
from rai_scale.private_queries.expressions import Compiler
from rai_scale.private_queries.metadata import TableFacts
from rai_scale.private_queries.problems import QueryRefusedError
from rai_scale.private_queries.shape import Aggregate
from rai_scale.private_queries.trees import plain_name

_LARGEST = 2.0**63


@dataclass(frozen=True)
class Field:
    """A column of the selected rows."""

    name: str
    value: Typed


@dataclass(frozen=True)
class Fields:
    """Makes the fields of a table's rows in one dialect.

    Parameters
    ----------
    facts : TableFacts
        Of the metadata.
    schema : pyarrow.Schema
        Canonical, of the table.
    dialect : Dialect
        Of the engine.
    """

    facts: TableFacts
    schema: pa.Schema
    dialect: Dialect

    def compiler(self, *, filled: bool) -> Compiler:
        """Return a compiler of expressions; ``filled`` puts ``missing_value`` for null.

        As in SmartNoise, WHERE sees the values as they are, groups and aggregates the filled ones.
        """
        return Compiler(self.dialect, self._columns(filled=filled))

    def unit(self) -> Field | None:
        """Return the privacy unit's field."""
        if self.facts.unit is None:
            return None
        name = plain_name(self.facts.unit)
        if name not in self.schema.names:
            raise QueryRefusedError(f"the table has no column {name!r}, the privacy unit.")
        found = self.schema.field(name).type
        if pa.types.is_decimal(found):
            return Field("u", Typed(self.dialect.as_text(self.dialect.column(name)), "text"))
        return Field("u", normalised(self.dialect, name, found))

    def group(self, number: int, tree: Any) -> Field:
        """Return the field of a GROUP BY expression."""
        found = self.compiler(filled=True).compile(tree)
        if found.sql == "NULL":
            raise QueryRefusedError("GROUP BY NULL is no group.")
        if found.kind == "float" and type(tree).__name__ != "Column":
            found = Typed(without_nan(found.sql), "float")
        return Field(f"k{number}", found)

    def value(self, number: int, aggregate: Aggregate, grid: Grid | None) -> Field:
        """Return the field of an aggregate over a column: a whole number or null.

        Of distinct values it is the value itself, in the form that is the same on every engine.
        """
        name = aggregate.column or ""
        compiler = self.compiler(filled=True)
        column = compiler.columns.get(name)
        if name in self.facts.expressions:
            column = compiler.compile(self.facts.expressions[name])
        if column is None:
            raise QueryRefusedError(f"the table has no column {name!r} that could be used.")
        if aggregate.kind == "distinct":
            return Field(f"v{number}", self._clamped(name, column))
        if grid is None:
            sql = f"CASE WHEN {column.sql} IS NULL THEN NULL ELSE {self.dialect.integer(1)} END"
        else:
            sql = self._fixed(name, column, grid, squared=aggregate.kind == "squares")
        return Field(f"v{number}", Typed(sql, "int"))

    def _clamped(self, name: str, column: Typed) -> Typed:
        """Clamp numbers to the metadata's bounds, if there are any, as for a sum."""
        described = self._described(name)
        found = [getattr(described, bound, None) for bound in ("lower", "upper")]
        if column.kind not in ("int", "float") or None in found:
            return column
        bounds = self.facts.bounds(described.name)
        if column.kind == "int":
            whole = (math.floor(min(max(b, -_LARGEST), _LARGEST) + 0.5) for b in bounds)
            low, high = (self.dialect.integer(min(b, 2**63 - 1)) for b in whole)
        else:
            low, high = map(self.dialect.double, bounds)
        x = column.sql
        return Typed(
            f"CASE WHEN {x} < {low} THEN {low} WHEN {x} > {high} THEN {high} ELSE {x} END",
            column.kind,
        )

    def _described(self, name: str) -> Any:
        return next(c for c in self.facts.columns.values() if plain_name(c.name) == name)

    def _fixed(self, name: str, column: Typed, grid: Grid, *, squared: bool) -> str:
        """Clamp, square where asked, and round to whole units of the grid; NaN is null."""
        low, high = self.facts.bounds(name)
        if column.kind == "bool":
            column = Typed(f"CASE WHEN {column.sql} THEN 1 WHEN NOT {column.sql} THEN 0 END", "int")
        if column.kind == "int" and grid.exponent == 0:
            return self._whole(f"CAST(({column.sql}) AS BIGINT)", low, high, squared=squared)
        if column.kind not in ("int", "float"):
            raise QueryRefusedError(
                f"column {name!r} holds {column.kind} in the table: a conversion to numbers could "
                "fail on a row's value."
            )
        x = self._double(name, column)
        if squared:
            return self._by_cases(x, f"({x} * {x})", grid, (low, high), (low * low, high * high))
        if self.dialect.spark:
            return self._by_cases(x, x, grid, (low, high), (low, high))
        rounded = self.dialect.saturated(f"{x} * {self.dialect.double(2.0**-grid.exponent)}")
        return self._between(rounded, grid.units(low), grid.units(high))

    def _by_cases(
        self, x: str, value: str, grid: Grid, bounds: tuple[float, float], ends: tuple[float, float]
    ) -> str:
        """Return ``value`` in units, and its ``ends`` where ``x`` is beyond the bounds."""
        double, integer = self.dialect.double, self.dialect.integer
        low, high = bounds
        least, most = (integer(grid.units(end)) for end in ends)
        inside = self.dialect.rounded(f"{value} * {double(2.0**-grid.exponent)}")
        # NaN is above all numbers in both dialects
        return (
            f"CASE WHEN {x} > {double(high)} THEN CASE WHEN isnan({x}) THEN NULL ELSE {most} END "
            f"WHEN {x} < {double(low)} THEN {least} ELSE {inside} END"
        )

    def _between(self, x: str, first: int, last: int) -> str:
        """Clamp whole numbers; ``greatest`` and ``least`` are fast, but skip nulls."""
        least, most = self.dialect.integer(first), self.dialect.integer(last)
        return f"CASE WHEN {x} IS NOT NULL THEN greatest(least({x}, {most}), {least}) END"

    def _whole(self, x: str, low: float, high: float, *, squared: bool) -> str:
        """Clamp whole numbers on a grid of 1: no detour over doubles."""
        least, most = math.floor(low + 0.5), math.floor(high + 0.5)
        clamped = self._between(x, least, most)
        return f"(({clamped}) * ({clamped}))" if squared else clamped

    def _double(self, name: str, column: Typed) -> str:
        """Return a column as a double, as cheaply as can be."""
        described = self._described(name)
        plain = column.kind == "float" and name not in self.facts.expressions
        if plain and getattr(described, "missing_value", None) is None:
            return as_found(self.dialect, name, self.schema.field(name).type).sql
        return f"CAST({column.sql} AS DOUBLE)"

    def _columns(self, *, filled: bool) -> Mapping[str, Typed]:
        found = {}
        for described in self.facts.columns.values():
            name = plain_name(described.name)
            if name not in self.schema.names or described.typename() == "unknown":
                continue
            kind = self.schema.field(name).type
            if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_duration(kind):
                continue
            column = normalised(self.dialect, name, kind)
            missing = getattr(described, "missing_value", None)
            found[name] = column if missing is None or not filled else self._fill(column, missing)
        return found

    def _fill(self, column: Typed, missing: Any) -> Typed:
        literal = literal_sql(self.dialect, missing)
        if {literal.kind, column.kind} == {"int", "float"}:
            both = (f"CAST({side.sql} AS DOUBLE)" for side in (column, literal))
            return Typed(f"coalesce({', '.join(both)})", "float")
        if literal.kind != column.kind:
            raise QueryRefusedError(
                f"a missing_value in the metadata is {literal.kind}, its column {column.kind}."
            )
        return Typed(f"coalesce({column.sql}, {literal.sql})", column.kind)


def literal_sql(dialect: Dialect, value: Any) -> Typed:
    """Return a plain value as a literal."""
    if isinstance(value, bool):
        return Typed("TRUE" if value else "FALSE", "bool")
    if isinstance(value, int):
        return Typed(dialect.integer(value), "int")
    if isinstance(value, float):
        return Typed(dialect.double(value), "float")
    return Typed(dialect.text(str(value)), "text")


def key_sql(dialect: Dialect, value: Any, kind: Kind) -> str:
    """Return a part of a public key as a literal of its group's kind."""
    if value is None:
        return f"CAST(NULL AS {dialect.type_of(kind)})"
    if kind == "date":
        return dialect.time(value.isoformat(), date=True)
    if kind == "time":
        return dialect.time(value.isoformat(" "), date=False)
    return literal_sql(dialect, float(value) if kind == "float" else value).sql
