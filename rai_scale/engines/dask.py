"""Dask frames, on the scheduler that the caller has; only :func:`job_client` starts a cluster."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import dask
import dask.dataframe as dd
import pandas as pd
import pyarrow as pa

from rai_scale.engines.arrow_types import canonical_table
from rai_scale.engines.counts import Sum, columns_of, count_groups, counts_schema, merge_counts
from rai_scale.engines.database import SqlColumns, evaluated, joined
from rai_scale.engines.frames import (
    TEXT,
    arrow_to_frame,
    as_texts,
    frame_as,
    frame_schema,
    frame_to_arrow,
    text_dtype,
)
from rai_scale.engines.groups import split_groups
from rai_scale.engines.lookups import PART, looked_up, with_place
from rai_scale.engines.object_columns import declared_frame, has_objects
from rai_scale.engines.partition import BatchFunction, run_on_frame
from rai_scale.engines.protocol import Engine
from rai_scale.engines.shared_file import FixedPath, SharedFile, content_name
from rai_scale.engines.sql_tables import named_in, scannable
from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS, Side
from rai_scale.engines.tasks import split_table

# dask would otherwise replace the object columns of the meta by its own string type
_own_types = partial(dask.config.set, {"dataframe.convert-string": False})


class DaskEngine(Engine):
    """The verbs over ``dask.dataframe.DataFrame``; lazy until counted or collected."""

    name = "dask"
    sql_sees_all = False
    joins = True

    def schema(self, data: Any) -> pa.Schema:
        """Return the canonical schema of the frame's ``_meta``; object columns are text."""
        return frame_schema(data._meta)

    def declared(self, data: Any, types: Mapping[str, pa.DataType]) -> Any:
        """Convert object columns partition by partition; see :meth:`Engine.declared`."""
        if not has_objects(data._meta):
            return data
        meta = declared_frame(data._meta, types)
        with _own_types():
            return data.map_partitions(declared_frame, dict(types), meta=meta)

    def _apply(self, data: Any, batch: BatchFunction) -> Any:
        if not batch.aligned:
            data = data[list(batch.inputs)]
        meta = run_on_frame(batch, data._meta, "meta")
        with _own_types():
            return data.map_partitions(_run_partition, batch, meta=meta)

    def _apply_groups(self, data: Any, keys: Sequence[str], batch: BatchFunction) -> Any:
        gathered = self._gathered(data[list(batch.inputs)], keys)
        meta = arrow_to_frame(batch.outputs.empty_table(), text_dtype(data._meta))
        with _own_types():
            return gathered.map_partitions(_run_groups, batch, list(keys), meta=meta)

    def _group_counts(
        self, data: Any, keys: Sequence[str], sums: Sequence[Sum], limit: int | None
    ) -> pa.Table:
        names = list(dict.fromkeys([*keys, *columns_of(sums)]))
        kept = data[names or list(data.columns)[:1]]
        found = self.schema(kept)
        schema = counts_schema(found, keys, sums)
        count = partial(_count_partition, schema=found, keys=keys, sums=sums, limit=limit)
        return _reduced(kept, count, schema, keys, limit)

    def _aggregate_sql(
        self, data: Any, rows: str, totals: str, keys: Sequence[str], together: Sequence[str]
    ) -> pa.Table:
        kept, empty = self._selected(data, rows)
        schema = _run_sql(empty, SQL_ROWS, totals).schema
        with _own_types():
            kept = self._gathered(kept, together) if together else kept
            add_up = partial(_sql_partition, table=SQL_ROWS, sql=totals)
            return _reduced(kept, add_up, schema, keys)

    def _gathered(self, data: Any, keys: Sequence[str], partitions: int | None = None) -> Any:
        """Bring rows with equal keys into one partition."""
        marked = with_place(self, data, keys)
        return marked.shuffle(on=[PART], npartitions=partitions).drop(columns=PART)

    def _selected(self, data: Any, rows: str) -> tuple[Any, pa.Table]:
        """Run a SELECT in each partition; return also its result without rows."""
        empty = _run_sql(frame_to_arrow(data._meta), SQL_DATA, rows)
        texts = [f.name for f in self.schema(data) if pa.types.is_string(f.type)]
        meta = arrow_to_frame(empty, TEXT)
        with _own_types():
            return data.map_partitions(_sql_partition, SQL_DATA, rows, texts, meta=meta), empty

    def join_sql(self, sides: Mapping[str, Side], sql: str, *, together: Sequence[str] = ()) -> Any:
        """Bring rows together and run a SELECT per partition; see :meth:`SqlVerbs.join_sql`."""
        small = {n: _run_sql(s.data, SQL_DATA, s.rows) for n, s in sides.items() if s.small}
        made = {n: self._selected(s.data, s.rows) for n, s in sides.items() if n not in small}
        empty = joined(small | {n: table for n, (_, table) in made.items()}, sql)
        parts = [kept for kept, _ in made.values()]
        with _own_types():
            if together:
                number = max(part.npartitions for part in parts)
                parts = [self._gathered(part, together, number) for part in parts]
            join = partial(_join_partitions, names=[*made], small=small, sql=sql)
            meta = arrow_to_frame(empty, TEXT)
            return dd.map_partitions(join, *parts, meta=meta, align_dataframes=False)

    def with_joined(
        self, data: Any, table: Any, keys: tuple[str, str], kind: pa.DataType, outputs: pa.Schema
    ) -> Any:
        """Join partitions with equal keys; see :meth:`Engine.with_joined`."""
        number = max(data.npartitions, table.npartitions)
        sides = [with_place(self, d, [k]) for d, k in zip((data, table), keys, strict=True)]
        find = partial(looked_up, keys=keys, kind=kind, outputs=outputs)
        with _own_types():
            sides = [s.shuffle(on=[PART], npartitions=number) for s in sides]
            meta = find(*(side._meta for side in sides))
            return dd.map_partitions(find, *sides, meta=meta, align_dataframes=False)

    def where(self, data: Any, condition: str) -> Any:
        """Filter each partition in DuckDB; see :meth:`SqlVerbs.where`."""
        with _own_types():
            return data.map_partitions(_kept, condition, meta=data._meta)

    def with_expressions(
        self, data: Any, expressions: Mapping[str, str], outputs: pa.Schema
    ) -> Any:
        """Compute in DuckDB, batch by batch; see :meth:`SqlVerbs.with_expressions`."""
        columns = self.columns(data)
        inputs = named_in(columns, " ".join(expressions.values())) or columns[:1]
        made = SqlColumns(dict(expressions))
        return self.with_columns(data, made, outputs, inputs=inputs, label="expressions")

    def _collect(self, data: Any) -> pa.Table:
        return frame_to_arrow(data.compute())

    def from_arrow(self, table: pa.Table, partitions: int = 1) -> Any:
        """Make a frame of ArrowDtype columns with ``partitions`` partitions."""
        table = canonical_table(table)
        parts = [arrow_to_frame(part, TEXT) for part in split_table(table, partitions)]
        meta = arrow_to_frame(table.slice(0, 0), TEXT)
        # without a name of its own: dask takes equally long slices of one table for the same frame
        return dd.from_map(_unchanged, parts, meta=meta, label=f"arrow-{uuid.uuid4().hex}")

    def publish(self, path: str) -> SharedFile:
        """Upload a file to each worker of the current client; without one, use its local path."""
        from distributed import get_client

        name = content_name(path)
        try:
            client = get_client()
        except ValueError:
            return SharedFile(name, FixedPath(os.path.abspath(path)))
        with tempfile.TemporaryDirectory() as folder:
            named = os.path.join(folder, name)
            os.symlink(os.path.abspath(path), named)
            client.upload_file(named, load=False)
        return SharedFile(name, _in_worker_folder)


@contextmanager
def job_client(scheduler: str | None) -> Iterator[None]:
    """Connect to a scheduler, or run a local cluster of single-threaded processes, during a job.

    Only jobs call this, because they own their process. Processes are used because threads would
    wait for each other at Python's global lock.

    Parameters
    ----------
    scheduler : str, optional
        The address of the scheduler; without it, a cluster with one process per core is started.
    """
    from distributed import Client, LocalCluster

    if scheduler:
        with Client(scheduler):
            yield
        return
    cores = len(os.sched_getaffinity(0))
    with (
        LocalCluster(
            n_workers=cores, threads_per_worker=1, dashboard_address=None, silence_logs=40
        ) as cluster,
        Client(cluster),
    ):
        yield


def _in_worker_folder(name: str) -> str:
    from distributed import get_worker

    return os.path.join(get_worker().local_directory, name)


def _unchanged(part: pd.DataFrame) -> pd.DataFrame:
    return part


def _number(partition_info: Mapping[str, Any] | None) -> str:
    return str((partition_info or {}).get("number", "?"))


def _run_partition(
    frame: pd.DataFrame, batch: BatchFunction, partition_info: dict[str, Any] | None = None
) -> pd.DataFrame:
    return run_on_frame(batch, frame, _number(partition_info))


def _run_groups(
    frame: pd.DataFrame,
    batch: BatchFunction,
    keys: list[str],
    partition_info: dict[str, Any] | None = None,
) -> pd.DataFrame:
    partition = _number(partition_info)
    table = batch.guard(partial(frame_to_arrow, frame, batch.inputs), partition)
    done = (batch.run_whole(group, partition) for group in split_groups(table, keys))
    return arrow_to_frame(batch.concat(done), text_dtype(frame))


def _sql_partition(
    frame: pd.DataFrame, table: str, sql: str, texts: Sequence[str] = ()
) -> pd.DataFrame:
    names = named_in(frame.columns, sql) or list(frame.columns)[:1]
    data = frame_to_arrow(frame, names)
    for at, field in enumerate(data.schema):
        kept = pa.types.is_string(field.type) or pa.types.is_nested(field.type)
        if field.name in texts and not kept:  # in another partition such objects may be texts
            data = data.set_column(at, field.name, as_texts(frame[field.name]))
    return arrow_to_frame(_run_sql(data, table, sql), TEXT)


def _join_partitions(
    *frames: pd.DataFrame, names: Sequence[str], small: Mapping[str, pa.Table], sql: str
) -> pd.DataFrame:
    tables = {name: frame_to_arrow(frame) for name, frame in zip(names, frames, strict=True)}
    # a partition is one task: the scheduler has its own threads
    return arrow_to_frame(joined({**tables, **small}, sql, threads=1), TEXT)


def _kept(frame: pd.DataFrame, condition: str) -> pd.DataFrame:
    names = named_in(frame.columns, condition) or list(frame.columns)[:1]
    kept = {"kept": f"coalesce({condition}, FALSE)"}
    return frame[evaluated(frame_to_arrow(frame, names), kept)["kept"].to_numpy()]


def _run_sql(data: pa.Table, table: str, sql: str) -> pa.Table:
    return joined({table: scannable(data, sql)}, sql, threads=1)


def _reduced(
    data: Any,
    count: Callable[[pd.DataFrame], pd.DataFrame],
    schema: pa.Schema,
    keys: Sequence[str],
    limit: int | None = None,
) -> pa.Table:
    """Count each partition and merge the counts as a tree."""
    merge = partial(_merge_partitions, schema=schema, keys=keys, limit=limit)
    meta = arrow_to_frame(schema.empty_table(), TEXT)
    counted = data.reduction(count, aggregate=merge, combine=merge, meta=meta, split_every=8)
    return canonical_table(frame_to_arrow(counted.compute()), schema)


def _count_partition(
    frame: pd.DataFrame,
    schema: pa.Schema,
    keys: Sequence[str],
    sums: Sequence[Sum],
    limit: int | None,
) -> pd.DataFrame:
    counted = count_groups(frame_as(frame, schema), keys, sums)
    return arrow_to_frame(_at_most(counted, limit), TEXT)


def _merge_partitions(
    frame: pd.DataFrame, schema: pa.Schema, keys: Sequence[str], limit: int | None
) -> pd.DataFrame:
    merged = merge_counts(canonical_table(frame_to_arrow(frame), schema), keys)
    return arrow_to_frame(_at_most(merged, limit), TEXT)


def _at_most(table: pa.Table, limit: int | None) -> pa.Table:
    """Keep one group more than the limit, which is enough to see that there are too many."""
    return table if limit is None else table.slice(0, limit + 1)
