"""One machine: DuckDB for tables, worker processes for Python; no server, no JVM.

Frames: pandas DataFrame and pyarrow Table (computed at once), DuckDB relation (lazy, any size).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Any

import cloudpickle
import duckdb
import pandas as pd
import pyarrow as pa

from rai_scale.engines.arrow_types import canonical_schema, canonical_table, overlay_schema
from rai_scale.engines.base import SQL_DATA, SQL_ROWS, TASK_SCHEMA, EngineBase, RunTasks, cut
from rai_scale.engines.counts import (
    Sum,
    check_limit,
    columns_of,
    count_groups,
    counts_schema,
    factors,
    refuse_nested,
    sum_name,
)
from rai_scale.engines.database import ArrowStream, connection, relation_of, scan
from rai_scale.engines.frames import arrow_to_frame, frame_schema, frame_to_arrow, text_dtype
from rai_scale.engines.groups import groups_of_sorted, split_groups
from rai_scale.engines.indicators import sql_indicators
from rai_scale.engines.object_columns import declared_frame, has_objects
from rai_scale.engines.partition import BATCH_ROWS, BatchFunction, plain_errors, run_on_frame
from rai_scale.engines.shared_file import SharedFile, content_name
from rai_scale.engines.sql_tables import is_scanned, named_in, quoted, scannable
from rai_scale.engines.worker_pool import end_workers, submit


class LocalEngine(EngineBase):
    """DuckDB and worker processes.

    Parameters
    ----------
    workers : int, optional
        Worker processes; ``RAI_SCALE_LOCAL_WORKERS`` or the number of cores by default. One batch
        alone runs in this process.
    """

    name = "local"

    def __init__(self, workers: int | None = None) -> None:
        asked = workers or int(os.environ.get("RAI_SCALE_LOCAL_WORKERS", "0"))
        self.workers = asked or len(os.sched_getaffinity(0))

    def schema(self, data: Any) -> pa.Schema:
        """Return the canonical schema; a relation is only described, not run."""
        if isinstance(data, pd.DataFrame):
            return frame_schema(data)
        table = data if isinstance(data, pa.Table) else data.limit(0).to_arrow_table()
        return canonical_schema(table.schema)

    def declared(self, data: Any, types: Mapping[str, pa.DataType]) -> Any:
        """Convert the object columns of a pandas frame; see the protocol."""
        objects = isinstance(data, pd.DataFrame) and has_objects(data)
        return declared_frame(data, types) if objects else data

    def with_indicators(self, data: Any, values: Mapping[str, Any]) -> Any:
        """Compare in SQL where it can say the values; see the protocol."""
        found = sql_indicators(data, values)
        return super().with_indicators(data, values) if found is None else found

    def columns(self, data: Any) -> list[str]:
        """Return the names of the columns."""
        return data.column_names if isinstance(data, pa.Table) else list(data.columns)

    def _apply(self, data: Any, batch: BatchFunction) -> Any:
        if isinstance(data, pd.DataFrame):
            return self._apply_frame(data, batch)
        schema = (
            overlay_schema(self.schema(data), batch.outputs) if batch.aligned else batch.outputs
        )
        if isinstance(data, pa.Table):
            # to_batches keeps the caller's own types in the columns that are only carried
            kept = data.schema.empty_table()
            schema = overlay_schema(kept.schema, batch.outputs) if batch.aligned else schema
            done = self._run(batch, lambda: iter(cut_rows(data)))
            return pa.concat_tables([schema.empty_table(), *done])
        keep = data if batch.aligned else _columns(data, batch.inputs)
        return relation_of(ArrowStream(schema, lambda: self._run(batch, lambda: scan(keep))))

    def _apply_frame(self, frame: pd.DataFrame, batch: BatchFunction) -> pd.DataFrame:
        parts = [frame.iloc[i : i + BATCH_ROWS] for i in range(0, len(frame), BATCH_ROWS)]
        tasks = (partial(run_on_frame, batch, p, str(i)) for i, p in enumerate(parts or [frame]))
        done = list(self._in_workers(tasks, batch))
        return pd.concat(done, ignore_index=not batch.aligned) if len(done) > 1 else done[0]

    def _run(
        self, batch: BatchFunction, tables: Callable[[], Iterator[pa.Table]]
    ) -> Iterator[pa.Table]:
        tasks = (partial(_run_table, batch, t, str(i)) for i, t in enumerate(tables()))
        for tables_done in self._in_workers(tasks, batch):
            yield from tables_done

    def _in_workers(self, tasks: Iterator[Callable[[], Any]], batch: BatchFunction) -> Iterator:
        """Run tasks in order, a few ahead of the reader; one task alone runs here."""
        tasks = iter(tasks)
        first = list(islice(tasks, 2))
        if self.workers == 1 or len(first) <= 1 or getattr(batch.function, "cheap", False):
            yield from (task() for task in first)
            yield from (task() for task in tasks)
            return
        waiting: deque = deque()
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
        finally:  # after an error or an early end nobody reads the rest
            for future in waiting:
                future.cancel()

    def _apply_groups(self, data: Any, keys: Sequence[str], batch: BatchFunction) -> Any:
        if isinstance(data, pd.DataFrame):
            table = frame_to_arrow(data, batch.inputs)
            done = self._run_groups(batch, split_groups(table, keys))
            return arrow_to_frame(
                pa.concat_tables([batch.outputs.empty_table(), *done]), text_dtype(data)
            )
        if isinstance(data, pa.Table):
            table = canonical_table(data.select(list(batch.inputs)))
            done = self._run_groups(batch, split_groups(table, keys))
            return pa.concat_tables([batch.outputs.empty_table(), *done])
        ordered = _columns(data, batch.inputs).order(", ".join(map(quoted, keys)))

        def run() -> Iterator[pa.Table]:
            return self._run_groups(batch, groups_of_sorted(scan(ordered), keys))

        return relation_of(ArrowStream(batch.outputs, run))

    def _run_groups(self, batch: BatchFunction, groups: Iterator[pa.Table]) -> Iterator[pa.Table]:
        tasks = (partial(batch.run_whole, group, str(i)) for i, group in enumerate(groups))
        return self._in_workers(tasks, batch)

    def group_counts(
        self,
        data: Any,
        keys: Sequence[str],
        sums: Sequence[Sum] = (),
        limit: int | None = None,
    ) -> pa.Table:
        """Count by DuckDB; see :class:`~rai_scale.engines.protocol.Engine`."""
        names = list(dict.fromkeys([*keys, *columns_of(sums)]))
        self._check(data, names)
        if isinstance(data, pd.DataFrame):
            data = frame_to_arrow(data, names or list(data.columns)[:1])
        if isinstance(data, pa.Table):
            data = data.select(names or data.column_names[:1])
            if not all(map(is_scanned, data.schema.types)):
                table = canonical_table(data)
                counted = count_groups(table, keys, sums)
                return check_limit(
                    counted.cast(counts_schema(table.schema, keys, sums)), keys, limit
                )
        relation = connection().from_arrow(data) if isinstance(data, pa.Table) else data
        # fsum keeps the digits that a naive sum of many rows loses
        totals = [f"{_fsum(name)} AS {quoted(sum_name(name))}" for name in sums]
        wanted = ", ".join([*map(quoted, keys), 'count(*)::BIGINT AS "count"', *totals])
        grouped = relation.aggregate(wanted, ", ".join(map(quoted, keys)))
        grouped = grouped if limit is None else grouped.limit(limit + 1)
        with plain_errors():
            counted = canonical_table(grouped.to_arrow_table())
        refuse_nested(counted.schema, keys)
        return check_limit(counted, keys, limit)

    def aggregate_sql(
        self,
        data: Any,
        rows: str,
        totals: str,
        *,
        keys: Sequence[str],
        together: Sequence[str] = (),
    ) -> pa.Table:
        """Run both SELECTs as one query of DuckDB; see the protocol."""
        if isinstance(data, pd.DataFrame):
            data = frame_to_arrow(data, named_in(data.columns, rows) or list(data.columns)[:1])
        with plain_errors():
            relation = _scanned(data, rows)
            found = relation.query(SQL_DATA, f"WITH {SQL_ROWS} AS ({rows}) {totals}")
            return canonical_table(found.to_arrow_table())

    def collect(self, data: Any) -> pa.Table:
        """Return all rows; see :class:`~rai_scale.engines.protocol.Engine`."""
        if isinstance(data, pd.DataFrame):
            return frame_to_arrow(data)
        with plain_errors():
            return canonical_table(data if isinstance(data, pa.Table) else data.to_arrow_table())

    def from_arrow(self, table: pa.Table, partitions: int = 1) -> duckdb.DuckDBPyRelation:
        """Make a relation that is scanned in ``partitions`` batches."""
        table = canonical_table(table)
        return relation_of(ArrowStream(table.schema, lambda: iter(cut(table, partitions))))

    def map_tasks(
        self,
        function: Callable[[Any], Any],
        tasks: Iterable[Any],
        shared: Sequence[SharedFile] = (),
    ) -> list[Any]:
        """One worker call per task; DuckDB would merge single rows into one batch."""
        batch = BatchFunction(RunTasks(function), (), TASK_SCHEMA, False, "map_tasks")
        calls = (partial(batch.guard, partial(function, t), str(i)) for i, t in enumerate(tasks))
        return list(self._in_workers(calls, batch))

    def publish(self, path: str) -> SharedFile:
        """Name a local file for the workers, which see the same disk."""
        return SharedFile(content_name(path), _Same(os.path.abspath(path)))


@dataclass(frozen=True)
class _Same:
    path: str

    def __call__(self, name: str) -> str:
        return self.path


def _columns(data: duckdb.DuckDBPyRelation, names: Sequence[str]) -> duckdb.DuckDBPyRelation:
    """Return some columns; ``select`` reads names of its own, and loses quotes in them."""
    return data.project(", ".join(map(quoted, names)))


def _run_table(batch: BatchFunction, table: pa.Table, partition: str) -> list[pa.Table]:
    return list(batch.run(table, partition))


def _call(pickled: bytes) -> Any:
    return cloudpickle.loads(pickled)()


def cut_rows(table: pa.Table) -> list[pa.Table]:
    """Cut a table into batches of at most ``BATCH_ROWS`` rows."""
    return [table.slice(i, BATCH_ROWS) for i in range(0, table.num_rows, BATCH_ROWS)]


def _scanned(data: pa.Table | duckdb.DuckDBPyRelation, sql: str) -> duckdb.DuckDBPyRelation:
    """Return a relation of what ``sql`` names, whose texts are UTF-8: null where they are not.

    DuckDB checks what it reads from files, and believes Arrow. What a relation reads cannot be told
    (``explain`` shows its plan to a notebook's reader), so that all texts are checked.
    """
    if isinstance(data, pa.Table):
        return duckdb.connect().from_arrow(scannable(data, sql))
    kinds = zip(data.columns, data.types, strict=True)
    wanted = {n: str(kind) for n, kind in kinds if n in named_in([n], sql)}
    if not wanted:
        return data
    checked = (
        f"TRY(decode(encode({quoted(n)}))) AS {quoted(n)}" if kind == "VARCHAR" else quoted(n)
        for n, kind in wanted.items()
    )
    return data.project(", ".join(checked))


def _fsum(name: Sum) -> str:
    product = " * ".join(f"{quoted(n)}::DOUBLE" for n in factors(name))
    return f"fsum(coalesce({product}, 'NaN'::DOUBLE))"
