"""Spark, classic and Connect alike: only what both have, and no cache."""

from __future__ import annotations

import os
import shutil
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
from rai_scale.engines.base import SQL_DATA, SQL_ROWS, EngineBase
from rai_scale.engines.counts import Sum, check_limit, columns_of, factors, sum_name
from rai_scale.engines.partition import BatchFunction, plain_errors
from rai_scale.engines.shared_file import SharedFile, content_name, kept_folder
from rai_scale.engines.sorted_groups import groups_of

_FOUR = 4
_IN_USE: list[ref[Any]] = []


def session_in_use() -> Any:
    """Return the session of the engine that was made last in this process, or None."""
    return _IN_USE[0]() if _IN_USE else None


class SparkEngine(EngineBase):
    """The verbs over ``pyspark.sql.DataFrame``.

    Parameters
    ----------
    session : SparkSession
        Classic or Connect.
    """

    name = "spark"

    def __init__(self, session: Any) -> None:
        self.session = session
        _IN_USE[:] = [ref(session)]
        self.dialect = "spark" if int(session.version.split(".")[0]) >= _FOUR else "spark3"

    def schema(self, data: Any) -> pa.Schema:
        """Return the canonical schema; the plan is analysed, not run."""
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
        # mapInArrow cannot be called on names with dots or back-ticks, so they travel numbered
        names = [field.name for field in fields]
        numbered = StructType(
            [StructField(f"_{i}", f.dataType, True) for i, f in enumerate(fields)]
        )
        run = RunBatches(batch, tuple(data.columns), tuple(numbered.names))
        source = data.toDF(*(f"_{i}" for i in range(len(data.columns))))
        return source.mapInArrow(run, numbered).toDF(*names)

    def _apply_groups(self, data: Any, keys: Sequence[str], batch: BatchFunction) -> Any:
        names = [field.name for field in spark_schema(batch.outputs)]
        numbered = StructType(
            [
                StructField(f"_{i}", f.dataType, True)
                for i, f in enumerate(spark_schema(batch.outputs))
            ]
        )
        source = data.select(*map(quoted, batch.inputs))
        source = source.toDF(*(f"_{i}" for i in range(len(batch.inputs))))
        by = [f"_{batch.inputs.index(key)}" for key in keys]
        # what applyInArrow does, which Spark 3.5 lacks
        together = source.repartition(*by).sortWithinPartitions(*by)
        run = RunGroups(batch, tuple(by), tuple(numbered.names))
        return together.mapInArrow(run, numbered).toDF(*names)

    def with_indicators(self, data: Any, values: Mapping[str, Any]) -> Any:
        """Compare in Spark's own expressions; see the protocol."""
        F = functions_of(data)
        made = {}
        for name, value in values.items():
            column = F.col(quoted(name))
            same = column == F.lit(value) if value is not None else F.when(~column.isNull(), False)
            made[name] = same.cast("long")
        return data.withColumns(made)

    def group_counts(
        self,
        data: Any,
        keys: Sequence[str],
        sums: Sequence[Sum] = (),
        limit: int | None = None,
    ) -> pa.Table:
        """Count by Spark SQL; see the protocol."""
        self._check(data, [*keys, *columns_of(sums)])
        F = functions_of(data)
        totals = [F.sum(_product(F, name)).alias(sum_name(name)) for name in sums]
        rows = F.count(F.lit(1)).alias("count")
        counted = data.groupBy(*map(quoted, keys)).agg(rows, *totals)
        return check_limit(
            self.collect(counted if limit is None else counted.limit(limit + 1)), keys, limit
        )

    def aggregate_sql(
        self,
        data: Any,
        rows: str,
        totals: str,
        *,
        keys: Sequence[str],
        together: Sequence[str] = (),
    ) -> pa.Table:
        """Run both SELECTs as one query of Spark SQL; see the protocol."""
        view = f"rai_scale_{uuid.uuid4().hex}"
        data.createOrReplaceTempView(view)
        source = f"{SQL_DATA} AS (SELECT * FROM {view})"  # noqa: S608
        try:
            return self.collect(self.session.sql(f"WITH {source}, {SQL_ROWS} AS ({rows}) {totals}"))
        finally:
            self.session.catalog.dropTempView(view)

    def collect(self, data: Any) -> pa.Table:
        """Bring all rows to the driver; see the protocol."""
        with plain_errors():
            if hasattr(data, "toArrow"):
                return canonical_table(data.toArrow(), self.schema(data))
            # Spark 3.5 collects by way of pandas, where integers beside a null become floats
            sent = data.toDF(*(f"_{i}" for i in range(len(data.columns))))
            rows = sent.mapInArrow(_as_bytes, "batch binary").collect()
            schema = self.schema(data)
            tables = [pa.ipc.open_stream(row.batch).read_all() for row in rows]
            named = [
                canonical_table(table.rename_columns(schema.names), schema) for table in tables
            ]
            return pa.concat_tables([schema.empty_table(), *named])

    def from_arrow(self, table: pa.Table, partitions: int = 1) -> Any:
        """Make a DataFrame of ``partitions`` partitions."""
        table = canonical_table(table)
        schema = spark_schema(table.schema)
        if table.num_rows == 0:
            return self.session.createDataFrame([], schema)
        rows = table if self.dialect == "spark" else _tuples(table)
        return self.session.createDataFrame(rows, schema).repartition(partitions)

    def publish(self, path: str) -> SharedFile:
        """Send a file to each executor once, as a session artifact."""
        name = content_name(path)
        copy = _named_copy(path, name)
        if self.dialect == "spark" or is_connect(self.session):
            self.session.addArtifacts(copy, file=True)
        else:  # classic Spark below 4 has no artifacts
            from pyspark import SparkContext

            SparkContext.getOrCreate().addFile(copy)
        return SharedFile(name, _in_spark_files)


@dataclass(frozen=True)
class RunBatches:
    """The function that ``mapInArrow`` calls in the Python worker."""

    batch: BatchFunction
    names: tuple[str, ...]
    numbered: tuple[str, ...]

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the results of each batch."""
        partition = _partition()
        for batch in batches:
            table = pa.Table.from_batches([batch]).rename_columns(list(self.names))
            for done in self.batch.run(table, partition):
                yield from done.rename_columns(list(self.numbered)).combine_chunks().to_batches()


@dataclass(frozen=True)
class RunGroups:
    """The function that ``mapInArrow`` calls with rows that are sorted by their keys."""

    batch: BatchFunction
    keys: tuple[str, ...]
    numbered: tuple[str, ...]

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the result of each group."""
        partition = _partition()
        tables = (pa.Table.from_batches([batch]) for batch in batches)
        for group in groups_of(tables, self.keys):
            done = self.batch.run_whole(group.rename_columns(list(self.batch.inputs)), partition)
            yield from done.rename_columns(list(self.numbered)).combine_chunks().to_batches()


def _as_bytes(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        yield pa.record_batch(
            [pa.array([sink.getvalue().to_pybytes()], pa.binary())], names=["batch"]
        )


def _tuples(table: pa.Table) -> list[tuple[Any, ...]]:
    """Return rows for ``createDataFrame`` of Spark 3.5, which knows no Arrow tables."""
    return list(zip(*(_objects(column) for column in table.columns), strict=True))


def _objects(column: pa.ChunkedArray) -> list[Any]:
    values = column.to_pylist()
    if pa.types.is_map(column.type):
        return [None if value is None else dict(value) for value in values]
    return values


def is_connect(thing: Any) -> bool:
    """Return whether a session or frame is of Spark Connect."""
    return ".connect." in type(thing).__module__


def _product(F: Any, name: Sum) -> Any:
    columns = [F.col(quoted(column)).cast("double") for column in factors(name)]
    return F.coalesce(reduce(mul, columns), F.lit(float("nan")))


def quoted(name: str) -> str:
    """Return the reference to exactly this column, dots and back-ticks included."""
    return "`" + name.replace("`", "``") + "`"


def functions_of(data: Any) -> Any:
    """Return the functions module of the frame's own kind, classic or Connect."""
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
    """Return the active session, or start one (``remote`` is a Spark Connect address)."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(app)
    return (builder.remote(remote) if remote else builder).getOrCreate()


def _partition() -> str:
    from pyspark import TaskContext

    context = TaskContext.get()
    return "?" if context is None else str(context.partitionId())


def _named_copy(path: str, name: str) -> str:
    """Return the path of the file under this name, kept until this process ends.

    Classic Spark resolves a symbolic link, and executors fetch the file from here later.
    """
    named = os.path.join(kept_folder(), name)
    if not os.path.exists(named):
        try:
            os.link(os.path.realpath(path), named)
        except OSError:  # another file system
            shutil.copyfile(path, named)
    return named


def _in_spark_files(name: str) -> str:
    from pyspark import SparkFiles

    return SparkFiles.get(name)
