"""What the engines share: each one supplies only how to run, count and collect."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cloudpickle
import pyarrow as pa

from rai_scale.engines.frames import check_unique
from rai_scale.engines.indicators import Equal
from rai_scale.engines.partition import BatchFunction
from rai_scale.errors import check_columns

if TYPE_CHECKING:
    from rai_scale.engines.protocol import TableFunction
    from rai_scale.engines.shared_file import SharedFile

SQL_DATA = "rai_scale_data"
SQL_ROWS = "rai_scale_rows"
"""The names under which :meth:`Engine.aggregate_sql` finds the frame and its selected rows."""

TASK_SCHEMA = pa.schema([("number", pa.int64()), ("payload", pa.binary())])


@dataclass(frozen=True)
class RunTasks:
    """A table function that runs pickled tasks; both ends of the pickle are this program."""

    function: Callable[[Any], Any]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row (number, pickled result) per task."""
        tasks = (cloudpickle.loads(p) for p in table["payload"].to_pylist())
        results = [cloudpickle.dumps(self.function(task)) for task in tasks]
        return pa.table([table["number"], pa.array(results, pa.binary())], schema=TASK_SCHEMA)


class EngineBase:
    """The verbs, checked; engines implement ``_apply``, ``schema``, ``group_counts`` and others."""

    name = ""
    dialect = "duckdb"
    sql_sees_all = True

    def schema(self, data: Any) -> pa.Schema:
        """See :class:`~rai_scale.engines.protocol.Engine`."""
        raise TypeError(f"{type(self).__name__} does not say its schema")

    def _apply(self, data: Any, batch: BatchFunction) -> Any:
        raise TypeError(f"{type(self).__name__} does not run functions")

    def collect(self, data: Any) -> pa.Table:
        """See :class:`~rai_scale.engines.protocol.Engine`."""
        raise TypeError(f"{type(self).__name__} does not collect")

    def from_arrow(self, table: pa.Table, partitions: int = 1) -> Any:
        """See :class:`~rai_scale.engines.protocol.Engine`."""
        raise TypeError(f"{type(self).__name__} does not make frames")

    def declared(self, data: Any, types: Mapping[str, pa.DataType]) -> Any:
        """Return the frame: only pandas and Dask have object columns."""
        return data

    def columns(self, data: Any) -> list[str]:
        """See :class:`~rai_scale.engines.protocol.Engine`."""
        return list(data.columns)

    def _apply_groups(self, data: Any, keys: Sequence[str], batch: BatchFunction) -> Any:
        raise TypeError(f"{type(self).__name__} does not bring groups together")

    def with_columns(
        self,
        data: Any,
        function: TableFunction,
        outputs: pa.Schema,
        *,
        inputs: Sequence[str],
        label: str,
    ) -> Any:
        """See :class:`~rai_scale.engines.protocol.Engine`."""
        self._check(data, inputs)
        return self._apply(data, BatchFunction(function, tuple(inputs), outputs, True, label))

    def with_indicators(self, data: Any, values: Mapping[str, Any]) -> Any:
        """See :class:`~rai_scale.engines.protocol.Engine`."""
        names = list(values)
        outputs = pa.schema([(name, pa.int64()) for name in names])
        return self.with_columns(data, Equal(dict(values)), outputs, inputs=names, label="labels")

    def map_partitions(
        self,
        data: Any,
        function: TableFunction,
        outputs: pa.Schema,
        *,
        inputs: Sequence[str] | None = None,
        label: str,
    ) -> Any:
        """See :class:`~rai_scale.engines.protocol.Engine`."""
        names = self.columns(data) if inputs is None else list(inputs)
        self._check(data, names)
        return self._apply(data, BatchFunction(function, tuple(names), outputs, False, label))

    def map_groups(
        self,
        data: Any,
        keys: Sequence[str],
        function: TableFunction,
        outputs: pa.Schema,
        *,
        inputs: Sequence[str],
        label: str,
    ) -> Any:
        """See :class:`~rai_scale.engines.protocol.Engine`."""
        names = tuple(dict.fromkeys([*keys, *inputs]))
        self._check(data, names)
        return self._apply_groups(data, keys, BatchFunction(function, names, outputs, False, label))

    def map_tasks(
        self,
        function: Callable[[Any], Any],
        tasks: Iterable[Any],
        shared: Sequence[SharedFile] = (),
    ) -> list[Any]:
        """See :class:`~rai_scale.engines.protocol.Engine`; ``shared`` documents what is read."""
        payloads = [cloudpickle.dumps(task) for task in tasks]
        if not payloads:
            return []
        table = pa.table(
            [pa.array(range(len(payloads))), pa.array(payloads, pa.binary())], schema=TASK_SCHEMA
        )
        frame = self.from_arrow(table, partitions=len(payloads))
        done = self.map_partitions(frame, RunTasks(function), TASK_SCHEMA, label="map_tasks")
        rows = self.collect(done).sort_by("number")
        return [cloudpickle.loads(p) for p in rows["payload"].to_pylist()]

    def _check(self, data: Any, names: Sequence[str]) -> None:
        found = self.columns(data)
        check_unique(found)
        check_columns(names, found)


def cut(table: pa.Table, partitions: int) -> list[pa.Table]:
    """Cut a table into ``partitions`` slices of nearly equal size; some may be empty."""
    size = max(1, math.ceil(table.num_rows / max(1, partitions)))
    return [table.slice(i * size, size) for i in range(max(1, partitions))]
