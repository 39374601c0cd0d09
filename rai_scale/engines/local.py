"""One machine: DuckDB for tables and worker processes for Python; no server and no JVM.

Frames are pandas DataFrames and pyarrow Tables, which are computed at once, and DuckDB relations,
which are lazy and may be of any size.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from itertools import chain, islice
from typing import Any

import cloudpickle
import duckdb
import pandas as pd
import pyarrow as pa

from rai_scale.engines.arrow_types import canonical_schema, canonical_table, overlay, overlay_schema
from rai_scale.engines.counts import (
    Sum,
    columns_of,
    count_groups,
    counts_schema,
    factors,
    refuse_nested,
    sum_name,
)
from rai_scale.engines.database import (
    ArrowStream,
    SqlColumns,
    connection,
    evaluated,
    joined,
    named,
    queried,
    relation_of,
    scan,
    spilling,
)
from rai_scale.engines.frames import arrow_to_frame, frame_schema, frame_to_arrow, text_dtype
from rai_scale.engines.groups import groups_of_sorted, split_groups
from rai_scale.engines.indicators import sql_indicators
from rai_scale.engines.object_columns import declared_frame, has_objects
from rai_scale.engines.partition import BATCH_ROWS, BatchFunction, plain_errors, run_on_frame
from rai_scale.engines.protocol import Engine
from rai_scale.engines.shared_file import FixedPath, SharedFile, content_name
from rai_scale.engines.sql_tables import is_scanned, named_in
from rai_scale.engines.sql_verbs import SQL_ROWS, Side
from rai_scale.engines.tasks import TASK_SCHEMA, RunTasks, split_table
from rai_scale.engines.worker_pool import end_workers, submit
from rai_scale.names import quoted


class LocalEngine(Engine):
    """The verbs over DuckDB and worker processes.

    Parameters
    ----------
    workers : int, optional
        The number of worker processes; by default ``RAI_SCALE_LOCAL_WORKERS`` or the number of
        cores. A single batch runs in this process.
    """

    name = "local"

    def __init__(self, workers: int | None = None) -> None:
        asked = workers or int(os.environ.get("RAI_SCALE_LOCAL_WORKERS", "0"))
        self.workers = asked or len(os.sched_getaffinity(0))

    def schema(self, data: Any) -> pa.Schema:
        """Return the canonical schema; a relation is described and not executed."""
        if isinstance(data, pd.DataFrame):
            return frame_schema(data)
        table = data if isinstance(data, pa.Table) else data.limit(0).to_arrow_table()
        return canonical_schema(table.schema)

    def declared(self, data: Any, types: Mapping[str, pa.DataType]) -> Any:
        """Convert the object columns of a pandas frame; see :meth:`Engine.declared`."""
        objects = isinstance(data, pd.DataFrame) and has_objects(data)
        return declared_frame(data, types) if objects else data

    def with_indicators(self, data: Any, values: Mapping[str, Any]) -> Any:
        """Compare in SQL if the values have literals there; see :meth:`Engine.with_indicators`."""
        found = sql_indicators(data, values)
        return super().with_indicators(data, values) if found is None else found

    def columns(self, data: Any) -> list[str]:
        """Return the column names."""
        return data.column_names if isinstance(data, pa.Table) else list(data.columns)

    def _apply(self, data: Any, batch: BatchFunction) -> Any:
        if isinstance(data, pd.DataFrame):
            return self._apply_frame(data, batch)
        schema = batch.outputs
        if batch.aligned:  # columns that the function does not see keep the types of a pa.Table
            own = data.schema if isinstance(data, pa.Table) else self.schema(data)
            schema = overlay_schema(own, schema)
        if isinstance(data, pa.Table):
            starts = range(0, data.num_rows, BATCH_ROWS)
            done = self._run(batch, lambda: (data.slice(i, BATCH_ROWS) for i in starts))
            tables = list(done)  # Arrow has no empty array of a union
            return pa.concat_tables(tables) if tables else schema.empty_table()
        kept = data if batch.aligned else _columns(data, batch.inputs)
        return relation_of(ArrowStream(schema, lambda: self._run(batch, lambda: scan(kept))))

    def _apply_frame(self, frame: pd.DataFrame, batch: BatchFunction) -> pd.DataFrame:
        parts = [frame.iloc[i : i + BATCH_ROWS] for i in range(0, len(frame), BATCH_ROWS)]
        tasks = (partial(run_on_frame, batch, p, str(i)) for i, p in enumerate(parts or [frame]))
        done: list[pd.DataFrame] = list(self._in_workers(tasks, batch))
        return pd.concat(done, ignore_index=not batch.aligned) if len(done) > 1 else done[0]

    def _run(
        self, batch: BatchFunction, tables: Callable[[], Iterator[pa.Table]]
    ) -> Iterator[pa.Table]:
        tasks = (partial(_run_table, batch, t, str(i)) for i, t in enumerate(tables()))
        for tables_done in self._in_workers(tasks, batch):
            yield from tables_done

    def _in_workers(
        self, tasks: Iterator[Callable[[], Any]], batch: BatchFunction
    ) -> Iterator[Any]:
        """Yield results in order, computing a few in advance; a single task runs here."""
        tasks = iter(tasks)
        first = list(islice(tasks, 2))
        if self.workers == 1 or len(first) <= 1 or getattr(batch.function, "cheap", False):
            yield from (task() for task in first)
            yield from (task() for task in tasks)
            return
        waiting: deque[Future[Any]] = deque()
        try:
            for task in chain(first, tasks):
                if len(waiting) > 2 * self.workers:
                    yield waiting.popleft().result()
                waiting.append(submit(self.workers, _call, cloudpickle.dumps(task)))
            while waiting:
                yield waiting.popleft().result()
        except (KeyboardInterrupt, SystemExit):
            end_workers()
            raise
        finally:  # after an error or an early end, the rest is not needed
            for future in waiting:
                future.cancel()

    def without_columns(self, data: Any, names: Sequence[str]) -> Any:
        """Remove columns."""
        if isinstance(data, pd.DataFrame) or not names:
            return super().without_columns(data, names)
        kept = [name for name in self.columns(data) if name not in names]
        return data.select(kept) if isinstance(data, pa.Table) else _columns(data, kept)

    def _renamed(self, data: Any, names: Mapping[str, str]) -> Any:
        if isinstance(data, pd.DataFrame):
            return super()._renamed(data, names)
        if isinstance(data, pa.Table):
            return data.select([*names]).rename_columns([*names.values()])
        return data.project(", ".join(f"{quoted(a)} AS {quoted(b)}" for a, b in names.items()))

    def _apply_groups(self, data: Any, keys: Sequence[str], batch: BatchFunction) -> Any:
        if isinstance(data, duckdb.DuckDBPyRelation):
            rows = _columns(data, batch.inputs).order(", ".join(map(quoted, keys)))
            return relation_of(
                ArrowStream(
                    batch.outputs,
                    lambda: self._run_groups(batch, groups_of_sorted(scan(rows), keys)),
                )
            )
        table = (
            canonical_table(data.select(list(batch.inputs)))
            if isinstance(data, pa.Table)
            else frame_to_arrow(data, batch.inputs)
        )
        done = batch.concat(self._run_groups(batch, split_groups(table, keys)))
        return done if isinstance(data, pa.Table) else arrow_to_frame(done, text_dtype(data))

    def _run_groups(self, batch: BatchFunction, groups: Iterator[pa.Table]) -> Iterator[pa.Table]:
        tasks = (partial(batch.run_whole, group, str(i)) for i, group in enumerate(groups))
        return self._in_workers(tasks, batch)

    def _group_counts(
        self, data: Any, keys: Sequence[str], sums: Sequence[Sum], limit: int | None
    ) -> pa.Table:
        if not (keys or sums or isinstance(data, duckdb.DuckDBPyRelation)):
            return pa.table({"count": pa.array([len(data)], pa.int64())})
        names = list(dict.fromkeys([*keys, *columns_of(sums)])) or self.columns(data)[:1]
        if isinstance(data, pd.DataFrame):
            data = frame_to_arrow(data, names)
        if isinstance(data, pa.Table):
            data = data.select(names)
            if not all(map(is_scanned, data.schema.types)):
                table = canonical_table(data)
                schema = counts_schema(table.schema, keys, sums)
                return count_groups(table, keys, sums).cast(schema)
        relation = connection().from_arrow(data) if isinstance(data, pa.Table) else data
        # fsum keeps the digits that a naive sum of many rows loses
        totals = [f"{_fsum(name)} AS {quoted(sum_name(name))}" for name in sums]
        wanted = ", ".join([*map(quoted, keys), 'count(*)::BIGINT AS "count"', *totals])
        grouped = relation.aggregate(wanted, ", ".join(map(quoted, keys)))
        grouped = grouped if limit is None else grouped.limit(limit + 1)
        counted = canonical_table(grouped.to_arrow_table())
        refuse_nested(counted.schema, keys)
        return counted

    def _aggregate_sql(
        self, data: Any, rows: str, totals: str, keys: Sequence[str], together: Sequence[str]
    ) -> pa.Table:
        return self._queried(data, rows, f"WITH {SQL_ROWS} AS ({rows}) {totals}")

    def _queried(self, data: Any, rows: str, query: str) -> pa.Table:
        return canonical_table(queried(data, rows, query).to_arrow_table())

    def join_sql(self, sides: Mapping[str, Side], sql: str, *, together: Sequence[str] = ()) -> Any:
        """Run a SELECT in DuckDB; see :meth:`SqlVerbs.join_sql`."""
        empty = {
            name: self._queried(self.schema(side.data).empty_table(), side.rows, side.rows)
            for name, side in sides.items()
        }

        def run() -> Iterator[pa.Table]:
            with plain_errors():  # one after another: a connection reads one relation at a time
                tables = {n: self._queried(s.data, s.rows, s.rows) for n, s in sides.items()}
                yield joined(tables, sql)

        schema = joined(empty, sql).schema
        if together and len(sides) == 1:
            [(name, side)] = sides.items()
            one = partial(queried, side.data, side.rows, side.rows)
            rows = ArrowStream(empty[name].schema, lambda: scan(one()))
            return relation_of(ArrowStream(schema, lambda: spilling(name, rows, sql)))
        return relation_of(ArrowStream(schema, run))

    def where(self, data: Any, condition: str) -> Any:
        """Filter in DuckDB; see :meth:`SqlVerbs.where`."""
        if isinstance(data, duckdb.DuckDBPyRelation):
            return data.filter(condition)
        kept = evaluated(named(data, condition), {"kept": f"coalesce({condition}, FALSE)"})["kept"]
        return data.filter(kept) if isinstance(data, pa.Table) else data[kept.to_numpy()]

    def with_expressions(
        self, data: Any, expressions: Mapping[str, str], outputs: pa.Schema
    ) -> Any:
        """Compute in DuckDB; see :meth:`SqlVerbs.with_expressions`."""
        if isinstance(data, pa.Table):
            return overlay(data, canonical_table(evaluated(data, expressions), outputs))
        if isinstance(data, pd.DataFrame):
            columns = self.columns(data)
            inputs = named_in(columns, " ".join(expressions.values())) or columns[:1]
            made = SqlColumns(dict(expressions))
            return self.with_columns(data, made, outputs, inputs=inputs, label="expressions")
        kept = [name for name in data.columns if name not in expressions]
        new = [f"{sql} AS {quoted(name)}" for name, sql in expressions.items()]
        return data.project(", ".join([*map(quoted, kept), *new]))

    def _collect(self, data: Any) -> pa.Table:
        if isinstance(data, pd.DataFrame):
            return frame_to_arrow(data)
        return canonical_table(data if isinstance(data, pa.Table) else data.to_arrow_table())

    def from_arrow(self, table: pa.Table, partitions: int = 1) -> duckdb.DuckDBPyRelation:
        """Make a relation that is scanned in ``partitions`` batches."""
        table = canonical_table(table)
        return relation_of(ArrowStream(table.schema, lambda: iter(split_table(table, partitions))))

    def map_tasks(
        self,
        function: Callable[[Any], Any],
        tasks: Iterable[Any],
        shared: Sequence[SharedFile] = (),
    ) -> list[Any]:
        """Make one worker call per task: DuckDB would merge single rows into one batch."""
        batch = BatchFunction(RunTasks(function), (), TASK_SCHEMA, False, "map_tasks")
        calls = (partial(batch.guard, partial(function, t), str(i)) for i, t in enumerate(tasks))
        return list(self._in_workers(calls, batch))

    def publish(self, path: str) -> SharedFile:
        """Return a local file as it is: the workers see the same disk."""
        return SharedFile(content_name(path), FixedPath(os.path.abspath(path)))


def _columns(data: duckdb.DuckDBPyRelation, names: Sequence[str]) -> duckdb.DuckDBPyRelation:
    """Return some columns; ``select`` would lose quotes in their names."""
    return data.project(", ".join(map(quoted, names)))


def _run_table(batch: BatchFunction, table: pa.Table, partition: str) -> list[pa.Table]:
    return list(batch.run(table, partition))


def _call(pickled: bytes) -> Any:
    return cloudpickle.loads(pickled)()


def _fsum(name: Sum) -> str:
    product = " * ".join(f"{quoted(n)}::DOUBLE" for n in factors(name))
    return f"fsum(coalesce({product}, 'NaN'::DOUBLE))"
