"""What happens to one batch of rows, the same on every engine.

An error of a user function loses its message here (it may quote a value), before any log sees it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa

from rai_scale.engines.arrow_types import canonical_table, overlay
from rai_scale.engines.frames import arrow_to_frame, frame_to_arrow, text_dtype
from rai_scale.engines.protocol import TableFunction
from rai_scale.errors import RaiScaleError, WorkerError

BATCH_ROWS = 10_000
"""Spark cuts Arrow batches at this size; the other engines do the same."""


@dataclass(frozen=True)
class BatchFunction:
    """A table function bound to its columns; :meth:`run` is what every engine calls.

    ``aligned`` says that the function keeps rows (``with_columns``), so that its outputs are laid
    over the input; otherwise its rows stand alone.
    """

    function: TableFunction
    inputs: tuple[str, ...]
    outputs: pa.Schema
    aligned: bool
    label: str

    def run(self, table: pa.Table, partition: str) -> Iterator[pa.Table]:
        """Yield the function's tables for each batch of ``table``; errors lose their message."""
        if table.num_rows == 0:
            return
        for start in range(0, table.num_rows, BATCH_ROWS):
            batch = table.slice(start, BATCH_ROWS)
            result = self._guarded(batch, partition)
            yield overlay(batch, result) if self.aligned else result

    def run_whole(self, table: pa.Table, partition: str) -> pa.Table:
        """Return the function's table for all rows of ``table`` in one call."""
        return self._guarded(table, partition)

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

    def _once(self, batch: pa.Table) -> pa.Table:
        result = self.function(canonical_table(batch.select(list(self.inputs))))
        return canonical_table(result.select(self.outputs.names), self.outputs)

    def _guarded(self, batch: pa.Table, partition: str) -> pa.Table:
        result = self.guard(partial(self._once, batch), partition)
        if self.aligned and result.num_rows != batch.num_rows:
            raise WorkerError(self.label, partition, "RowCountChanged")
        return result


def run_on_frame(batch: BatchFunction, frame: pd.DataFrame, partition: str) -> pd.DataFrame:
    """Run a batch function over a pandas frame, keeping its index, dtypes and other columns."""
    text = text_dtype(frame)
    table = batch.guard(partial(frame_to_arrow, frame, batch.inputs), partition)
    if not batch.aligned:
        tables = [batch.outputs.empty_table(), *batch.run(table, partition)]
        return arrow_to_frame(pa.concat_tables(tables), text)
    parts = [r.select(batch.outputs.names) for r in batch.run(table, partition)]
    result = arrow_to_frame(pa.concat_tables([batch.outputs.empty_table(), *parts]), text)
    return frame.assign(**{n: result[n].set_axis(frame.index) for n in batch.outputs.names})


_WORKER_ERROR = re.compile(
    r"([\w .-]+) failed on partition (\S+): (\w+)\. (.*?) \(rai_scale worker\)", re.DOTALL
)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn an engine's own error about a failed worker back into a :class:`WorkerError`.

    Engines wrap what a worker raises in a type and a traceback of their own; what the caller can
    act on is the capability, the partition and the type of the error.
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
