"""Tables on their way to and from Spark 3.5, which lacks Arrow tables at its interface."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from rai_scale.engines.shared_file import kept_folder


def as_bytes(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield each batch as a row with its bytes in Arrow's stream format."""
    for batch in batches:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        yield pa.record_batch(
            [pa.array([sink.getvalue().to_pybytes()], pa.binary())], names=["batch"]
        )


def tuples(table: pa.Table) -> list[tuple[Any, ...]]:
    """Return rows for ``createDataFrame`` of Spark 3.5, which does not accept Arrow tables."""
    return list(zip(*(_objects(column) for column in table.columns), strict=True))


def _objects(column: pa.ChunkedArray) -> list[Any]:
    values: list[Any] = column.to_pylist()
    if pa.types.is_map(column.type):
        return [None if value is None else dict(value) for value in values]
    return values


def named_copy(path: str, name: str) -> str:
    """Return a copy of the file under this name, kept until this process ends.

    A symbolic link would not do: classic Spark resolves it. Executors fetch the copy later.
    """
    named = os.path.join(kept_folder(), name)
    if not os.path.exists(named):
        try:
            os.link(os.path.realpath(path), named)
        except OSError:  # another file system
            shutil.copyfile(path, named)
    return named
