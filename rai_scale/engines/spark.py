"""Spark frames, classic and Connect: only what both offer is used, and nothing is cached."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from operator import mul
from typing import Any
from weakref import ref

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import StructField, StructType

from rai_scale.engines.arrow_types import canonical_schema, canonical_table, overlay_schema
from rai_scale.engines.counts import Sum, factors, sum_name
from rai_scale.engines.groups import groups_of_sorted
from rai_scale.engines.lookups import as_key
from rai_scale.engines.partition import BatchFunction
from rai_scale.engines.protocol import Engine
from rai_scale.engines.shared_file import SharedFile, content_name
from rai_scale.engines.spark_transfer import as_bytes, named_copy, tuples
from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS, Side
from rai_scale.names import quoted as quoted_name

_FOUR = 4
_IN_USE: list[ref[Any]] = []


def session_in_use() -> Any:
    """Return the session of the engine that was created last in this process, or None."""
    return _IN_USE[0]() if _IN_USE else None


class SparkEngine(Engine):
    """The verbs over ``pyspark.sql.DataFrame``.

    Parameters
    ----------
    session : SparkSession
        Classic or Connect.
    """

    name = "spark"
    joins = True

    def __init__(self, session: Any) -> None:
        self.session = session
        _IN_USE[:] = [ref(session)]
        self.dialect = "spark" if int(session.version.split(".")[0]) >= _FOUR else "spark3"

    def schema(self, data: Any) -> pa.Schema:
        """Return the canonical schema; the plan is analysed and not executed."""
        return canonical_schema(arrow_schema(data.schema))

    def _apply(self, data: Any, batch: BatchFunction) -> Any:
        if batch.aligned:
            full = overlay_schema(arrow_schema(data.schema), batch.outputs)
            new = {f.name: f for f in spark_schema(batch.outputs)}
            kept = {f.name: StructField(f.name, f.dataType, True) for f in data.schema}
            fields = [new.get(name) or kept[name] for name in full.names]
        else:
            data = data.select(*map(quoted, batch.inputs))
            fields = list(spark_schema(batch.outputs))
        return _mapped(data, RunBatches(batch, tuple(data.columns)), fields)

    def without_columns(self, data: Any, names: Sequence[str]) -> Any:
        """Remove columns; lazy."""
        return data.drop(*names) if names else data

    def _renamed(self, data: Any, names: Mapping[str, str]) -> Any:
        numbers = _numbers(len(data.columns))  # Spark takes n and N for one name
        kept = data.toDF(*numbers).select(*(numbers[data.columns.index(n)] for n in names))
        return kept.toDF(*names.values())

    def _apply_groups(self, data: Any, keys: Sequence[str], batch: BatchFunction) -> Any:
        source = data.select(*map(quoted, batch.inputs)).toDF(*_numbers(len(batch.inputs)))
        by = [f"_{batch.inputs.index(key)}" for key in keys]
        # what applyInArrow does, which Spark 3.5 lacks
        together = source.repartition(*by).sortWithinPartitions(*by)
        run = RunBatches(batch, batch.inputs, tuple(by))
        return _mapped(together, run, list(spark_schema(batch.outputs)))

    def with_indicators(self, data: Any, values: Mapping[str, Any]) -> Any:
        """Compare in Spark's own expressions; see :meth:`Engine.with_indicators`."""
        F, made = functions_of(data), {}
        for name, value in values.items():
            column = F.col(quoted(name))
            same = column == F.lit(value) if value is not None else F.when(~column.isNull(), False)
            made[name] = same.cast("long")
        return data.withColumns(made)

    def _group_counts(
        self, data: Any, keys: Sequence[str], sums: Sequence[Sum], limit: int | None
    ) -> pa.Table:
        F = functions_of(data)
        totals = [F.sum(_product(F, name)).alias(sum_name(name)) for name in sums]
        rows = F.count(F.lit(1)).alias("count")
        counted = data.groupBy(*map(quoted, keys)).agg(rows, *totals)
        return self.collect(counted if limit is None else counted.limit(limit + 1))

    def _aggregate_sql(
        self, data: Any, rows: str, totals: str, keys: Sequence[str], together: Sequence[str]
    ) -> pa.Table:
        view = f"rai_scale_{uuid.uuid4().hex}"
        data.createOrReplaceTempView(view)
        source = f"{SQL_DATA} AS (SELECT * FROM {view})"  # noqa: S608
        try:
            return self.collect(self.session.sql(f"WITH {source}, {SQL_ROWS} AS ({rows}) {totals}"))
        finally:
            self.session.catalog.dropTempView(view)

    def join_sql(self, sides: Mapping[str, Side], sql: str, *, together: Sequence[str] = ()) -> Any:
        """Run a SELECT natively; see :meth:`SqlVerbs.join_sql`."""
        small = {n: self.from_arrow(s.data) for n, s in sides.items() if s.small}
        frames = {name: side.data for name, side in sides.items()} | small
        named = ", ".join(
            f"{n}_ AS (SELECT * FROM {{{n}}}), {n} AS ({s.rows.replace(SQL_DATA, n + '_')})"  # noqa: S608
            for n, s in sides.items()
        )
        return self._selected(f"WITH {named} {sql}", frames)

    def with_joined(
        self, data: Any, table: Any, keys: tuple[str, str], kind: pa.DataType, outputs: pa.Schema
    ) -> Any:
        """Join natively; see :meth:`Engine.with_joined`."""
        names = [f"rai_{i}" for i in range(1 + len(outputs))]
        other = table.select(*map(quoted, [keys[1], *outputs.names])).toDF(*names)
        mine = _numbers(len(data.columns))
        own = as_key(mine[data.columns.index(keys[0])], kind)
        same = functions_of(data).expr(f"{own} = {as_key(names[0], kind)}")
        found = data.toDF(*mine).join(other, same, "left").drop(names[0])
        return found.toDF(*data.columns, *outputs.names)

    def _selected(self, query: str, frames: Mapping[str, Any]) -> Any:
        """Return a SELECT from frames, which are in braces."""
        if self.dialect == "spark" or not is_connect(self.session):
            return self.session.sql(query, **frames)
        views = {name: f"rai_scale_{uuid.uuid4().hex}" for name in frames}
        for name, view in views.items():  # kept: Connect 3.5 looks them up when the plan is run
            frames[name].createOrReplaceTempView(view)
        return self.session.sql(query.format(**views))

    def where(self, data: Any, condition: str) -> Any:
        """Filter natively; see :meth:`SqlVerbs.where`."""
        return data.filter(condition)

    def with_expressions(
        self, data: Any, expressions: Mapping[str, str], outputs: pa.Schema
    ) -> Any:
        """Compute natively; see :meth:`SqlVerbs.with_expressions`."""
        F = functions_of(data)
        return data.withColumns({name: F.expr(sql) for name, sql in expressions.items()})

    def _collect(self, data: Any) -> pa.Table:
        schema = self.schema(data)
        if hasattr(data, "toArrow"):
            return canonical_table(data.toArrow(), schema)
        # Spark 3.5 collects through pandas, where integers in a column with nulls become floats
        sent = data.toDF(*_numbers(len(data.columns)))
        rows = sent.mapInArrow(as_bytes, "batch binary").collect()
        tables = (pa.ipc.open_stream(row.batch).read_all() for row in rows)
        named = (canonical_table(table.rename_columns(schema.names), schema) for table in tables)
        return pa.concat_tables([schema.empty_table(), *named])

    def from_arrow(self, table: pa.Table, partitions: int = 1) -> Any:
        """Make a DataFrame with ``partitions`` partitions."""
        table = canonical_table(table)
        schema = spark_schema(table.schema)
        if table.num_rows == 0:
            return self.session.createDataFrame([], schema)
        rows = table if self.dialect == "spark" else tuples(table)
        return self.session.createDataFrame(rows, schema).repartition(partitions)

    def publish(self, path: str) -> SharedFile:
        """Send a file to each executor once, as a session artifact."""
        name = content_name(path)
        copy = named_copy(path, name)
        if self.dialect == "spark" or is_connect(self.session):
            self.session.addArtifacts(copy, file=True)
        else:  # classic Spark below 4 has no artifacts
            from pyspark import SparkContext

            SparkContext.getOrCreate().addFile(copy)
        return SharedFile(name, _in_spark_files)


@dataclass(frozen=True)
class RunBatches:
    """The function that ``mapInArrow`` calls in the Python worker.

    Attributes
    ----------
    batch : BatchFunction
    names : tuple of str
        The names of the columns, which arrive numbered.
    keys : tuple of str, optional
        The rows are sorted by these columns, and each group is one call; by default each batch is.
    """

    batch: BatchFunction
    names: tuple[str, ...]
    keys: tuple[str, ...] | None = None

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the results of each batch or group, with numbered columns."""
        for done in self._results(pa.Table.from_batches([batch]) for batch in batches):
            numbered = done.rename_columns(_numbers(done.num_columns))
            yield from numbered.combine_chunks().to_batches()

    def _results(self, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        partition, names = _partition(), list(self.names)
        if self.keys is None:
            for table in tables:
                yield from self.batch.run(table.rename_columns(names), partition)
        else:
            for group in groups_of_sorted(tables, self.keys):
                yield self.batch.run_whole(group.rename_columns(names), partition)


def _mapped(data: Any, run: RunBatches, fields: Sequence[StructField]) -> Any:
    """Call ``mapInArrow`` with numbered columns: it fails on names with dots or back-ticks."""
    numbered = [StructField(f"_{i}", f.dataType, True) for i, f in enumerate(fields)]
    done = data.toDF(*_numbers(len(data.columns))).mapInArrow(run, StructType(numbered))
    return done.toDF(*(field.name for field in fields))


def _numbers(count: int) -> list[str]:
    return [f"_{i}" for i in range(count)]


def is_connect(thing: Any) -> bool:
    """Return whether a session or frame belongs to Spark Connect."""
    return ".connect." in type(thing).__module__


def _product(F: Any, name: Sum) -> Any:
    columns = [F.col(quoted(column)).cast("double") for column in factors(name)]
    return F.coalesce(reduce(mul, columns), F.lit(float("nan")))


def quoted(name: str) -> str:
    """Return a name as an identifier of Spark SQL, with dots and back-ticks escaped."""
    return quoted_name(name, "`")


def functions_of(data: Any) -> Any:
    """Return the module of functions for this kind of frame, classic or Connect."""
    home = "pyspark.sql.connect" if is_connect(data) else "pyspark.sql"
    return import_module(f"{home}.functions")


def arrow_schema(schema: StructType) -> pa.Schema:
    """Return the Arrow schema of a Spark schema, timestamps in UTC."""
    try:
        return to_arrow_schema(schema, timezone="UTC")
    except TypeError:  # Spark 3.5 takes no time zone
        return to_arrow_schema(schema)


def spark_schema(schema: pa.Schema) -> StructType:
    """Return the Spark schema of a canonical Arrow schema."""
    return from_arrow_schema(schema, prefer_timestamp_ntz=True)


def open_session(remote: str | None = None, app: str = "rai_scale") -> Any:
    """Return the active session, or start one.

    Parameters
    ----------
    remote : str, optional
        The address of a Spark Connect server; classic Spark by default.
    app : str
        The name of the application.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(app)
    return (builder.remote(remote) if remote else builder).getOrCreate()


def _partition() -> str:
    from pyspark import TaskContext

    context = TaskContext.get()
    return "?" if context is None else str(context.partitionId())


def _in_spark_files(name: str) -> str:
    from pyspark import SparkFiles

    return SparkFiles.get(name)
