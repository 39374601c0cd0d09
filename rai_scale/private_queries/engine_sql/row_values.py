"""The fields of a selected row: its unit, its groups, and integers, clamped and on the grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pyarrow as pa

from rai_scale.engines.dialect import Dialect, without_nan
from rai_scale.privacy.fixed_point import Grid
from rai_scale.private_queries.engine_sql.columns import Typed, as_found, mismatch, normalised
from rai_scale.private_queries.engine_sql.exact_compare import exact_literal
from rai_scale.private_queries.engine_sql.expressions import Compiler
from rai_scale.private_queries.engine_sql.literals import as_double
from rai_scale.private_queries.engine_sql.node_rules import RULES
from rai_scale.private_queries.metadata import TableFacts
from rai_scale.private_queries.problems import QueryRefusedError
from rai_scale.private_queries.query.aggregates import Aggregate
from rai_scale.private_queries.query.trees import plain_name

_DIGITS = 38


@dataclass(frozen=True)
class Field:
    """A column of the selected rows."""

    name: str
    value: Typed


@dataclass(frozen=True)
class Fields:
    """The fields of a table's rows as SQL of one dialect.

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
        """Return a compiler of expressions; ``filled`` replaces null by ``missing_value``.

        As in SmartNoise, WHERE reads the original values; groups and aggregates read the filled
        ones.
        """
        columns, refused = self._columns(filled=filled)
        return Compiler(self.dialect, RULES, columns, refused)

    def unit(self) -> Field | None:
        """Return the privacy unit's field."""
        if self.facts.unit is None:
            return None
        name = plain_name(self.facts.unit)
        if name not in self.schema.names:
            raise QueryRefusedError(f"the table has no column {name!r}, the privacy unit.")
        found = self.schema.field(name).type
        if pa.types.is_decimal(found):
            return Field("u", Typed(self.dialect.digits(self.dialect.column(name)), "text"))
        return Field("u", normalised(self.dialect, name, found))

    def group(self, number: int, tree: Any) -> Field:
        """Return the field of a GROUP BY expression."""
        found = self.compiler(filled=True).compile(tree)
        if found.sql == "NULL":
            raise QueryRefusedError("GROUP BY NULL is not a group.")
        if found.kind == "float" and type(tree).__name__ != "Column":
            found = Typed(without_nan(found.sql), "float")
        return Field(f"k{number}", found)

    def value(self, number: int, aggregate: Aggregate, grid: Grid | None) -> Field:
        """Return the field of an aggregate over a column: an integer or null.

        For distinct values it is the value itself, in a form that is the same on every engine.
        """
        name = aggregate.column or ""
        compiler = self.compiler(filled=True)
        column = compiler.columns.get(name)
        if name in self.facts.expressions:
            column = compiler.compile(self.facts.expressions[name])
        if column is None:
            compiler.refuse(name)
            raise QueryRefusedError(f"the table has no usable column {name!r}.")
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
        found: list[Any] = [getattr(described, bound, None) for bound in ("lower", "upper")]
        if column.kind not in ("int", "decimal", "float") or None in found:
            return column
        if column.kind == "float":
            low, high = map(self.dialect.double, self.facts.bounds(described.name))
        else:
            low, high = (self._exact(bound, column) for bound in found)
        x = column.sql
        return Typed(
            f"CASE WHEN {x} < {low} THEN {low} WHEN {x} > {high} THEN {high} ELSE {x} END",
            column.kind,
            column.scale,
        )

    def _exact(self, value: float, like: Typed) -> str:
        """Return a bound in the type of a column of integers or decimals, halves upwards."""
        most = 2**63 - 1 if like.kind == "int" else 10**_DIGITS - 1
        units = math.floor(Fraction(value) * 10**like.scale + Fraction(1, 2))
        return exact_literal("BIGINT", like, min(max(units, -most), most))

    def _described(self, name: str) -> Any:
        return next(c for c in self.facts.columns.values() if plain_name(c.name) == name)

    def _fixed(self, name: str, column: Typed, grid: Grid, *, squared: bool) -> str:
        """Clamp, square if requested, and round to the grid; NaN becomes null."""
        low, high = self.facts.bounds(name)
        if column.kind == "bool":
            column = Typed(f"CASE WHEN {column.sql} THEN 1 WHEN NOT {column.sql} THEN 0 END", "int")
        if column.kind == "int" and grid.exponent == 0:
            return self._whole(f"CAST(({column.sql}) AS BIGINT)", low, high, squared=squared)
        if column.kind not in ("int", "decimal", "float"):
            raise QueryRefusedError(
                f"column {name!r} has {column.kind} values in the table; converting them to "
                f"numbers could fail."
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
        """Return ``value`` in grid units, or one of its ``ends`` if ``x`` is beyond the bounds."""
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
        """Clamp integers; ``greatest`` and ``least`` are fast, but skip nulls."""
        least, most = self.dialect.integer(first), self.dialect.integer(last)
        return f"CASE WHEN {x} IS NOT NULL THEN greatest(least({x}, {most}), {least}) END"

    def _whole(self, x: str, low: float, high: float, *, squared: bool) -> str:
        """Clamp integers on a grid of 1, without conversion to doubles."""
        least, most = math.floor(low + 0.5), math.floor(high + 0.5)
        clamped = self._between(x, least, most)
        return f"(({clamped}) * ({clamped}))" if squared else clamped

    def _double(self, name: str, column: Typed) -> str:
        """Return a column as a double, as cheaply as can be."""
        described = self._described(name)
        plain = column.kind == "float" and name not in self.facts.expressions
        if plain and getattr(described, "missing_value", None) is None:
            return as_found(self.dialect, name, self.schema.field(name).type).sql
        return as_double(self.dialect, column)

    def _columns(self, *, filled: bool) -> tuple[dict[str, Typed], dict[str, str]]:
        """Return the columns that can be used, and the reasons why others cannot."""
        found, refused = {}, {}
        for described in self.facts.columns.values():
            name = plain_name(described.name)
            if name not in self.schema.names or described.typename() == "unknown":
                continue
            try:
                column = normalised(self.dialect, name, self.schema.field(name).type)
            except QueryRefusedError as error:
                refused[name] = str(error)
                continue
            declared = described.typename()
            wrong = mismatch(declared, column, self.schema.field(name).type)
            if wrong is not None and not described.is_key:
                refused[name] = f"column {name!r} {wrong}"
                continue
            missing = getattr(described, "missing_value", None)
            found[name] = column if missing is None or not filled else self._fill(column, missing)
        return found, refused

    def _fill(self, column: Typed, missing: Any) -> Typed:
        literal = literal_sql(self.dialect, missing)
        if column.kind == "decimal" and literal.kind in ("int", "float"):
            return Typed(
                f"coalesce({column.sql}, {self._exact(missing, column)})", "decimal", column.scale
            )
        if {literal.kind, column.kind} == {"int", "float"}:
            both = (as_double(self.dialect, side) for side in (column, literal))
            return Typed(f"coalesce({', '.join(both)})", "float")
        if literal.kind != column.kind:
            raise QueryRefusedError(
                f"a missing_value in the metadata is {literal.kind}, but its column is "
                f"{column.kind}."
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


def key_sql(dialect: Dialect, value: Any, like: Typed) -> str:
    """Return a part of a public key as a literal of its group's kind."""
    kind = like.kind
    if kind == "decimal":
        type_of = f"DECIMAL({_DIGITS}, {like.scale})"
        text = "NULL" if value is None else f"'{value:f}'"
        return f"CAST({text} AS {type_of})"
    if value is None:
        return f"CAST(NULL AS {dialect.type_of(kind)})"
    if kind == "date":
        return dialect.time(value.isoformat(), date=True)
    if kind == "time":
        return dialect.time(value.isoformat(" "), date=False)
    return literal_sql(dialect, float(value) if kind == "float" else value).sql
