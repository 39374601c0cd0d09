"""Dask: the caller's frame on whatever scheduler the caller has; no cluster is ever made."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import dask
import dask.dataframe as dd
import duckdb
import pandas as pd
import pyarrow as pa

from rai_scale.engines.arrow_types import canonical_table
from rai_scale.engines.base import SQL_DATA, SQL_ROWS, EngineBase, cut
from rai_scale.engines.counts import (
    Sum,
    check_limit,
    columns_of,
    count_groups,
    counts_schema,
    merge_counts,
)
from rai_scale.engines.frames import (
    arrow_to_frame,
    as_texts,
    frame_as,
    frame_schema,
    frame_to_arrow,
    text_dtype,
)
from rai_scale.engines.groups import split_groups
from rai_scale.engines.object_columns import declared_frame, has_objects
from rai_scale.engines.partition import BatchFunction, plain_errors, run_on_frame
from rai_scale.engines.shared_file import SharedFile, content_name
from rai_scale.engines.sql_tables import named_in, scannable


class DaskEngine(EngineBase):
    """The verbs over ``dask.dataframe.DataFrame``; lazy until counted or collected."""

    name = "dask"
    sql_sees_all = False

    def schema(self, data: Any) -> pa.Schema:
        """Return the canonical schema of the frame's ``_meta``; object columns are text."""
        return frame_schema(data._meta)

    def declared(self, data: Any, types: Mapping[str, pa.DataType]) -> Any:
        """Convert object columns partition by partition; see the protocol."""
        if not has_objects(data._meta):
            return data
        meta = declared_frame(data._meta, types)
        with dask.config.set({"dataframe.convert-string": False}):
            return data.map_partitions(declared_frame, dict(types), meta=meta)

    def _apply(self, data: Any, batch: BatchFunction) -> Any:
        if not batch.aligned:
            data = data[list(batch.inputs)]
        meta = run_on_frame(batch, data._meta, "meta")
        # dask would replace the object columns of the meta by its own string type
        with dask.config.set({"dataframe.convert-string": False}):
            return data.map_partitions(_run_partition, batch, meta=meta)

    def _apply_groups(self, data: Any, keys: Sequence[str], batch: BatchFunction) -> Any:
        gathered = data[list(batch.inputs)].shuffle(on=list(keys))
        meta = arrow_to_frame(batch.outputs.empty_table(), text_dtype(data._meta))
        with dask.config.set({"dataframe.convert-string": False}):
            return gathered.map_partitions(_run_groups, batch, list(keys), meta=meta)

    def group_counts(
        self,
        data: Any,
        keys: Sequence[str],
        sums: Sequence[Sum] = (),
        limit: int | None = None,
    ) -> pa.Table:
        """Count per partition and merge as a tree; see the protocol."""
        names = list(dict.fromkeys([*keys, *columns_of(sums)]))
        self._check(data, names)
        kept = data[names or list(data.columns)[:1]]
        found = self.schema(kept)
        schema = counts_schema(found, keys, sums)
        meta = arrow_to_frame(schema.empty_table(), pd.ArrowDtype(pa.string()))
        counted = kept.reduction(
            _count_partition,
            aggregate=_merge_partitions,
            meta=meta,
            chunk_kwargs={
                **{"schema": found, "keys": list(keys), "sums": list(sums), "limit": limit}
            },
            aggregate_kwargs={"schema": schema, "keys": list(keys), "limit": limit},
            combine=_merge_partitions,
            combine_kwargs={"schema": schema, "keys": list(keys), "limit": limit},
            split_every=8,
        )
        with plain_errors():
            table = canonical_table(frame_to_arrow(counted.compute()), schema)
        return check_limit(table, keys, limit)

    def aggregate_sql(
        self,
        data: Any,
        rows: str,
        totals: str,
        *,
        keys: Sequence[str],
        together: Sequence[str] = (),
    ) -> pa.Table:
        """Select per partition, shuffle by ``together``, add up and merge; see the protocol."""
        empty = _run_sql(frame_to_arrow(data._meta), SQL_DATA, rows)
        schema = _run_sql(empty, SQL_ROWS, totals).schema
        text = pd.ArrowDtype(pa.string())
        texts = [f.name for f in self.schema(data) if pa.types.is_string(f.type)]
        with dask.config.set({"dataframe.convert-string": False}):
            kept = data.map_partitions(
                _sql_partition, SQL_DATA, rows, texts, meta=arrow_to_frame(empty, text)
            )
            if together:
                kept = kept.shuffle(on=list(together))
            merge = {"schema": schema, "keys": list(keys), "limit": None}
            counted = kept.reduction(
                _sql_partition,
                aggregate=_merge_partitions,
                meta=arrow_to_frame(schema.empty_table(), text),
                chunk_kwargs={"table": SQL_ROWS, "sql": totals},
                aggregate_kwargs=merge,
                combine=_merge_partitions,
                combine_kwargs=merge,
                split_every=8,
            )
            with plain_errors():
                return canonical_table(frame_to_arrow(counted.compute()), schema)

    def collect(self, data: Any) -> pa.Table:
        """Compute all partitions; see the protocol."""
        with plain_errors():
            return frame_to_arrow(data.compute())

    def from_arrow(self, table: pa.Table, partitions: int = 1) -> Any:
        """Make a frame of ArrowDtype columns with ``partitions`` partitions."""
        text = pd.ArrowDtype(pa.string())
        parts = [arrow_to_frame(part, text) for part in cut(canonical_table(table), partitions)]
        meta = arrow_to_frame(canonical_table(table).slice(0, 0), text)
        return dd.from_map(_same, parts, meta=meta)

    def publish(self, path: str) -> SharedFile:
        """Upload a file to each worker of the current client, or name it where there is none."""
        from distributed import get_client

        name = content_name(path)
        try:
            client = get_client()
        except ValueError:
            return SharedFile(name, _OnThisMachine(os.path.abspath(path)))
        with tempfile.TemporaryDirectory() as folder:
            named = os.path.join(folder, name)
            os.symlink(os.path.abspath(path), named)
            client.upload_file(named, load=False)
        return SharedFile(name, _in_worker_folder)


@contextmanager
def job_client(scheduler: str | None) -> Iterator[None]:
    """Connect to a scheduler, or run a cluster of one-threaded processes while a job lasts.

    Only jobs call this: they own their process, and threads would take turns at Python's lock.
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


@dataclass(frozen=True)
class _OnThisMachine:
    path: str

    def __call__(self, name: str) -> str:
        return self.path


def _in_worker_folder(name: str) -> str:
    from distributed import get_worker

    return os.path.join(get_worker().local_directory, name)


def _same(part: pd.DataFrame) -> pd.DataFrame:
    return part


def _run_partition(
    frame: pd.DataFrame, batch: BatchFunction, partition_info: dict | None = None
) -> pd.DataFrame:
    partition = "?" if not partition_info else str(partition_info.get("number", "?"))
    return run_on_frame(batch, frame, partition)


def _run_groups(
    frame: pd.DataFrame,
    batch: BatchFunction,
    keys: list[str],
    partition_info: dict | None = None,
) -> pd.DataFrame:
    partition = "?" if not partition_info else str(partition_info.get("number", "?"))
    table = batch.guard(partial(frame_to_arrow, frame, batch.inputs), partition)
    done = [batch.run_whole(group, partition) for group in split_groups(table, keys)]
    return arrow_to_frame(pa.concat_tables([batch.outputs.empty_table(), *done]), text_dtype(frame))


def _sql_partition(
    frame: pd.DataFrame, table: str, sql: str, texts: Sequence[str] = ()
) -> pd.DataFrame:
    names = named_in(frame.columns, sql) or list(frame.columns)[:1]
    data = frame_to_arrow(frame, names)
    for at, field in enumerate(data.schema):
        kept = pa.types.is_string(field.type) or pa.types.is_nested(field.type)
        if field.name in texts and not kept:  # in another partition such objects may be texts
            data = data.set_column(at, field.name, as_texts(frame[field.name]))
    return arrow_to_frame(_run_sql(data, table, sql), pd.ArrowDtype(pa.string()))


def _run_sql(data: pa.Table, table: str, sql: str) -> pa.Table:
    with duckdb.connect() as connection:
        # a partition is one task: the scheduler has its own threads
        connection.execute("SET threads = 1")
        connection.register(table, scannable(data, sql))
        return canonical_table(connection.sql(sql).to_arrow_table())


def _count_partition(
    frame: pd.DataFrame, schema: pa.Schema, keys: list[str], sums: list[Sum], limit: int | None
) -> pd.DataFrame:
    counted = _cut_off(count_groups(frame_as(frame, schema), keys, sums), limit)
    return arrow_to_frame(counted, pd.ArrowDtype(pa.string()))


def _merge_partitions(
    frame: pd.DataFrame, schema: pa.Schema, keys: list[str], limit: int | None
) -> pd.DataFrame:
    merged = merge_counts(canonical_table(frame_to_arrow(frame), schema), keys)
    return arrow_to_frame(_cut_off(merged, limit), pd.ArrowDtype(pa.string()))


def _cut_off(table: pa.Table, limit: int | None) -> pa.Table:
    """Keep one group too many: that is enough to know, and groups only become more."""
    return table if limit is None else table.slice(0, limit + 1)
