"""Columns compared with one value each, in SQL or on Arrow tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.sql_tables import text_literal
from rai_scale.names import quoted

_PLAIN = (str, bool, int, float, Decimal)
"""The types whose values have an exact literal in DuckDB's SQL."""


@dataclass(frozen=True)
class Equal:
    """Table function: 1 where a column equals its value, 0 elsewhere, null where it is null."""

    values: dict[str, Any]
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the columns of ``values``, as int64."""
        columns = {}
        for name, value in self.values.items():
            column = table[name]
            if value is None:
                same = pc.if_else(pc.is_valid(column), False, pa.scalar(None, pa.bool_()))
            else:
                same = pc.equal(column, pa.scalar(value, column.type))
            columns[name] = same.cast(pa.int64())
        return pa.table(columns)


def sql_indicators(data: Any, values: Mapping[str, Any]) -> Any:
    """Compare the columns of a DuckDB relation with one value each, lazily.

    Parameters
    ----------
    data : frame of the local engine
    values : mapping of str to object
        See :meth:`~rai_scale.engines.protocol.Engine.with_indicators`.

    Returns
    -------
    duckdb.DuckDBPyRelation or None
        None if the frame is not a relation, or a value has no exact literal in SQL.
    """
    plain = all(value is None or isinstance(value, _PLAIN) for value in values.values())
    if not plain or not hasattr(data, "project"):
        return None
    columns = []
    for name in data.columns:
        column = made = quoted(name)
        if name in values:
            same = f"{column} = {_literal(values[name])}"
            if values[name] is None:
                same = f"CASE WHEN {column} IS NOT NULL THEN false END"
            made = f"CAST({same} AS BIGINT) AS {column}"
        columns.append(made)
    return data.project(", ".join(columns))


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return text_literal(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    return f"CAST('{value!r}' AS DOUBLE)" if isinstance(value, float) else str(value)
