"""How one batch of rows is processed, the same on every engine.

An error in a table function loses its message here, before any log sees it: the message may quote
a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa

from rai_scale.engines.arrow_types import canonical_table, overlay
from rai_scale.engines.frames import arrow_to_frame, frame_to_arrow, text_dtype
from rai_scale.errors import RaiScaleError, WorkerError

BATCH_ROWS = 10_000
"""The size of Spark's Arrow batches; the other engines use the same."""

TableFunction = Callable[[pa.Table], pa.Table]
"""A picklable function of one batch; it must not depend on how rows are split into batches.

A function with a true attribute ``cheap`` runs in the caller's process on the local engine.
"""


@dataclass(frozen=True)
class BatchFunction:
    """A table function together with its columns.

    Attributes
    ----------
    function : TableFunction
    inputs : tuple of str
        The columns that the function receives.
    outputs : pyarrow.Schema
        The columns that the function returns.
    aligned : bool
        Whether the function keeps rows (``with_columns``), so that its outputs are added to the
        input; otherwise its rows replace those of the input.
    label : str
        The name of the operation in error messages.
    """

    function: TableFunction
    inputs: tuple[str, ...]
    outputs: pa.Schema
    aligned: bool
    label: str

    def run(self, table: pa.Table, partition: str) -> Iterator[pa.Table]:
        """Yield one result for each batch of ``table``."""
        for start in range(0, table.num_rows, BATCH_ROWS):
            batch = table.slice(start, BATCH_ROWS)
            result = self.run_whole(batch, partition)
            yield overlay(batch, result) if self.aligned else result

    def run_whole(self, table: pa.Table, partition: str) -> pa.Table:
        """Return the function's result for all rows of ``table`` in one call."""
        result = self.guard(partial(self._result, table), partition)
        if self.aligned and result.num_rows != table.num_rows:
            raise WorkerError(self.label, partition, "RowCountChanged")
        return result

    def guard(self, call: Callable[[], Any], partition: str) -> Any:
        """Return ``call()``; an error keeps its type and loses its message."""
        try:
            return call()
        except WorkerError:
            raise
        except RaiScaleError as error:  # our own messages hold no values
            kind = type(error).__name__
            raise WorkerError(self.label, partition, kind, str(error)) from None
        except Exception as error:
            raise WorkerError(self.label, partition, type(error).__name__) from None

    def concat(self, tables: Iterable[pa.Table]) -> pa.Table:
        """Return the columns ``outputs`` of several results as one table."""
        parts = (table.select(self.outputs.names) for table in tables)
        return pa.concat_tables([self.outputs.empty_table(), *parts])

    def _result(self, table: pa.Table) -> pa.Table:
        result = self.function(canonical_table(table.select(list(self.inputs))))
        return canonical_table(result.select(self.outputs.names), self.outputs)


def run_on_frame(batch: BatchFunction, frame: pd.DataFrame, partition: str) -> pd.DataFrame:
    """Run a batch function over a pandas frame.

    Parameters
    ----------
    batch : BatchFunction
    frame : pandas.DataFrame
    partition : str
        The partition's number, for error messages.

    Returns
    -------
    pandas.DataFrame
        The function's rows; or, if it keeps rows, the frame with its index, dtypes and other
        columns.
    """
    table = batch.guard(partial(frame_to_arrow, frame, batch.inputs), partition)
    result = arrow_to_frame(batch.concat(batch.run(table, partition)), text_dtype(frame))
    if not batch.aligned:
        return result
    return frame.assign(**{n: result[n].set_axis(frame.index) for n in batch.outputs.names})


_WORKER_ERROR = re.compile(
    r"([\w .-]+) failed on partition (\S+): (\w+)\. (.*?) \(rai_scale worker\)", re.DOTALL
)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn an engine's own error about a failed worker back into a :class:`WorkerError`.

    Engines wrap an error of a worker in a type and a traceback of their own; the caller needs the
    label, the partition and the type of the original error.
    """
    try:
        yield
    except WorkerError:
        raise
    except Exception as error:
        found = _WORKER_ERROR.search(str(error))
        if not found:
            raise
        raise WorkerError(*(g.strip() for g in found.groups())) from None
