"""Columns replaced by whether they hold one value: natively where the engine has expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.sql_tables import quoted

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

_PLAIN = (str, bool, int, float, Decimal)
"""What has a literal in DuckDB's SQL that is the value itself."""


def with_indicators(engine: Engine, data: Any, values: Mapping[str, Any]) -> Any:
    """Replace each column of ``values`` by 1 where it holds its value and 0 elsewhere; lazy.

    Parameters
    ----------
    engine : Engine
        That of ``data``.
    data : pyspark, dask or pandas DataFrame, DuckDB relation, pyarrow Table
        Other columns stay as they are; Spark and DuckDB run no Python for this.
    values : mapping of str to value
        By column, a value that it holds, as Python has it; None for a column that holds none. A
        null in the column stays null.

    Returns
    -------
    frame of the same kind
        With these columns as int64.
    """
    if engine.name == "spark":
        return _spark(data, values)
    plain = all(value is None or isinstance(value, _PLAIN) for value in values.values())
    if plain and hasattr(data, "project"):
        return _duckdb(data, values)
    names = list(values)
    outputs = pa.schema([(name, pa.int64()) for name in names])
    return engine.with_columns(data, Equal(dict(values)), outputs, inputs=names, label="labels")


@dataclass(frozen=True)
class Equal:
    """Table function: 1 where a column holds its value, 0 elsewhere, null where it is null."""

    values: dict[str, Any]
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the columns of ``values``."""
        columns = {}
        for name, value in self.values.items():
            column = table[name]
            if value is None:
                same = pc.if_else(pc.is_valid(column), False, pa.scalar(None, pa.bool_()))
            else:
                same = pc.equal(column, pa.scalar(value, column.type))
            columns[name] = same.cast(pa.int64())
        return pa.table(columns)


def _spark(data: Any, values: Mapping[str, Any]) -> Any:
    from rai_scale.engines.spark import functions_of
    from rai_scale.engines.spark import quoted as spark_name

    F = functions_of(data)
    made = {}
    for name, value in values.items():
        column = F.col(spark_name(name))
        same = column == F.lit(value) if value is not None else F.when(~column.isNull(), False)
        made[name] = same.cast("long")
    return data.withColumns(made)


def _duckdb(data: Any, values: Mapping[str, Any]) -> Any:
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
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return f"CAST('{value!r}' AS DOUBLE)" if isinstance(value, float) else str(value)
