"""Tasks and their results as rows of a table; this program writes and reads the pickles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import cloudpickle
import pyarrow as pa

TASK_SCHEMA = pa.schema([("number", pa.int64()), ("payload", pa.binary())])


def pickled(values: Iterable[Any]) -> pa.Table:
    """Return one row (number, pickled value) per value."""
    payloads = pa.array([cloudpickle.dumps(value) for value in values], pa.binary())
    return pa.table([pa.array(range(len(payloads)), pa.int64()), payloads], schema=TASK_SCHEMA)


def unpickled(table: pa.Table) -> Iterator[Any]:
    """Yield the values of a table that :func:`pickled` made."""
    return (cloudpickle.loads(payload) for payload in table["payload"].to_pylist())


@dataclass(frozen=True)
class RunTasks:
    """Table function that runs the pickled tasks of a batch."""

    function: Callable[[Any], Any]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row (number, pickled result) per task."""
        return pickled(map(self.function, unpickled(table))).set_column(
            0, "number", table["number"]
        )


def split_table(table: pa.Table, partitions: int) -> list[pa.Table]:
    """Split a table into ``partitions`` slices of nearly equal size; some may be empty."""
    size = max(1, math.ceil(table.num_rows / max(1, partitions)))
    return [table.slice(i * size, size) for i in range(max(1, partitions))]
