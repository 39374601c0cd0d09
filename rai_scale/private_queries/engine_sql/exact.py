"""The exact bounded aggregates, computed by the engine: the same integers for any partitioning.

Two SELECTs: the first works row by row (WHERE, group expressions, clamping, fixed point), the
second bounds each unit's rows by the canonical hash and computes the sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rai_scale.engines.dialect import Dialect
from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS
from rai_scale.privacy.bounding import Bounding, HashKey
from rai_scale.privacy.fixed_point import Grid
from rai_scale.private_queries.engine_sql.distinct_values import LEVEL, counted, listed_sql
from rai_scale.private_queries.engine_sql.hash_order import NEW, HashOrder
from rai_scale.private_queries.engine_sql.row_values import Field, Fields, key_sql
from rai_scale.private_queries.metadata import TableFacts
from rai_scale.private_queries.query.aggregates import Aggregate

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine


@dataclass(frozen=True)
class ExactQuery:
    """The aggregates to compute, and from which rows.

    Attributes
    ----------
    facts : TableFacts
        Of the table.
    where : tree or None
        SmartNoise's tree of the condition.
    groups : sequence of trees
        Of the GROUP BY expressions.
    aggregates : sequence of Aggregate
        Each once.
    grids : dict
        Grid of each ``sum`` and ``squares``.
    bounding : Bounding
        Rows and groups per unit.
    public : sequence of tuples, optional
        Rows of other groups are removed before bounding.
    """

    facts: TableFacts
    where: Any
    groups: Sequence[Any]
    aggregates: Sequence[Aggregate]
    grids: dict[Aggregate, Grid]
    bounding: Bounding
    public: Sequence[tuple[Any, ...]] | None = None


class ExactSql:
    """The two SELECTs of a query in one dialect.

    Attributes
    ----------
    rows, totals : str
        See :meth:`~rai_scale.engines.protocol.Engine.aggregate_sql`.
    keys : list of str
        Names of the groups' columns in the result; then come ``a0``, ``a1`` ... in the order of
        the aggregates.
    types : list of Typed
        Of the groups' columns.
    """

    def __init__(self, query: ExactQuery, schema: pa.Schema, dialect: str, key: HashKey) -> None:
        self._query, self._key = query, key
        self._dialect = Dialect(dialect, query.facts.time_zone)
        fields = Fields(query.facts, schema, self._dialect)
        self._unit = fields.unit()
        self._groups = [fields.group(i, tree) for i, tree in enumerate(query.groups)]
        over = [a for a in query.aggregates if a.column is not None]
        self._values = {a: fields.value(i, a, query.grids.get(a)) for i, a in enumerate(over)}
        self.keys = [field.name for field in self._groups]
        self.types = [field.value for field in self._groups]
        where = query.where
        condition = None if where is None else fields.compiler(filled=False).boolean(where)
        self.rows = self._rows_sql(condition)
        self.totals = self._totals_sql()

    def run(self, engine: Engine, data: Any) -> pa.Table:
        """Execute; returns the groups' columns and one int64 column per aggregate."""
        by_unit = any(a.kind == "units" for a in self._query.aggregates)
        whole = self._unit is not None and (self._query.bounding.enforced or by_unit)
        together = ["u"] if whole else []
        values = self._distinct
        if engine.sql_sees_all or not values:
            return engine.aggregate_sql(
                data, self.rows, self.totals, keys=self.keys, together=together
            )
        # on Dask a SELECT reads one partition: values are listed, merged and counted at the end
        adding = {f"a{i}": self._total(a) for i, a in self._numbered if a.kind != "distinct"}
        keys = [*self.keys, *values, LEVEL]
        sql = listed_sql(self.keys, values, adding, self._kept())
        listed = engine.aggregate_sql(data, self.rows, sql, keys=keys, together=together)
        names = {
            f"a{i}": self._values[a].name if a.kind == "distinct" else None
            for i, a in self._numbered
        }
        return counted(listed, self.keys, values, names)

    @property
    def _order(self) -> HashOrder | None:
        """The bounding of rows, if rows have to be bounded."""
        if self._unit is None or not self._query.bounding.enforced:
            return None
        values = list(self._values.values())
        return HashOrder(self._dialect, self._key, self._unit, self._groups, values)

    @property
    def _marked(self) -> bool:
        units = any(a.kind == "units" for a in self._query.aggregates)
        return units and self._order is not None and self._order.marks(self._query.bounding)

    @property
    def _all_have_units(self) -> bool:
        """Whether the metadata make it unnecessary to read the unit's column."""
        return not (self._query.bounding.enforced or self._query.facts.unit_nullable)

    @property
    def _numbered(self) -> list[tuple[int, Aggregate]]:
        return list(enumerate(self._query.aggregates))

    @property
    def _distinct(self) -> list[str]:
        return [f.name for a, f in self._values.items() if a.kind == "distinct"]

    @property
    def _fields(self) -> list[Field]:
        unit = [] if self._unit is None else [self._unit]
        return [*unit, *self._groups, *self._values.values()]

    def _rows_sql(self, condition: str | None) -> str:
        selected = ", ".join(f"{f.value.sql} AS {f.name}" for f in self._fields) or "1 AS one"
        conditions = [] if condition is None else [condition]
        if self._unit is not None and not self._all_have_units:
            conditions.append(f"({self._unit.value.sql}) IS NOT NULL")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        rows = f"SELECT {selected} FROM {SQL_DATA}{where}"  # noqa: S608
        return rows if self._query.public is None else self._public_only(rows)

    def _public_only(self, rows: str) -> str:
        """Keep the rows of the public groups; null is a key like any other."""
        lines = []
        for key in dict.fromkeys(self._query.public or ()):
            parts = zip(key, self.types, strict=True)
            lines.append(f"({', '.join(key_sql(self._dialect, v, like) for v, like in parts)})")
        names = [f"p{i}" for i in range(len(self.keys))]
        pairs = zip(self.keys, names, strict=True)
        on = " AND ".join(f"{key} IS NOT DISTINCT FROM {name}" for key, name in pairs)
        columns = ", ".join(f.name for f in self._fields)
        return (
            f"SELECT {columns} FROM ({rows}) AS r "  # noqa: S608
            f"JOIN (VALUES {', '.join(lines)}) AS public_keys({', '.join(names)}) ON {on}"
        )

    def _kept(self) -> str:
        """Return a FROM item with the bounded rows."""
        if self._order is None:
            return SQL_ROWS
        return self._order.kept(SQL_ROWS, self._query.bounding, marked=self._marked)

    def _totals_sql(self) -> str:
        source = self._kept()
        totals = [f"{self._total(a)} AS a{i}" for i, a in self._numbered]
        grouped = f" GROUP BY {', '.join(self.keys)}" if self.keys else ""
        return f"SELECT {', '.join([*self.keys, *totals])} FROM {source}{grouped}"  # noqa: S608

    def _total(self, aggregate: Aggregate) -> str:
        if aggregate.kind == "rows":
            return "CAST(count(*) AS BIGINT)"
        if aggregate.kind == "units":
            counted = f"coalesce(sum({NEW}), 0)" if self._marked else "count(DISTINCT u)"
            return f"CAST({counted} AS BIGINT)"
        name = self._values[aggregate].name
        if aggregate.kind == "distinct":
            return f"CAST(count(DISTINCT {name}) AS BIGINT)"
        if aggregate.kind == "count":
            return f"CAST(count({name}) AS BIGINT)"
        return f"CAST(coalesce(sum({name}), 0) AS BIGINT)"
