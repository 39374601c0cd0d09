"""Rows of a frame whose places are not known, drawn by a keyed hash of content and copy number.

Equal rows are drawn one by one: each copy has its own priority. The drawn rows come to the driver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.arrow_types import canonical_table
from rai_scale.engines.protocol import Engine
from rai_scale.pii.scanning.sampling import row_hashes
from rai_scale.statistics.row_sample import COPIES, HASH, Likely, draw_contents

_ROW = "_rai_packed"


@dataclass(frozen=True)
class PackedRows(Likely):
    """Table function: the distinct rows that may be drawn, each as bytes, and their copies.

    Bytes, because no engine groups by nested values.

    Attributes
    ----------
    schema : pyarrow.Schema
        The columns of a row.
    """

    schema: pa.Schema = field(default_factory=lambda: pa.schema([]))

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row per distinct content."""
        hashes = self.hashes(table)
        rows = np.flatnonzero(self.likely(hashes))
        found, first, copies = np.unique(hashes[rows], return_index=True, return_counts=True)
        kept = canonical_table(table.take(pa.array(rows[first])), self.schema)
        packed = [
            batch.slice(i, 1).serialize().to_pybytes()
            for batch in kept.combine_chunks().to_batches()
            for i in range(batch.num_rows)
        ]
        columns = [pa.array(packed, pa.binary()), found.view(np.int64), copies]
        return pa.table(columns, schema=self.outputs(self.schema, ()))

    def hashes(self, table: pa.Table) -> np.ndarray:
        """Return the hash of each row, also of nested values."""
        return row_hashes(table, self.seed)

    def outputs(self, schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
        """Return the columns of the result."""
        return pa.schema([(_ROW, pa.binary()), (HASH, pa.int64()), (COPIES, pa.int64())])


def draw_frame(engine: Engine, data: Any, rows: int, seed: int) -> pa.Table:
    """Draw rows uniformly without replacement.

    Parameters
    ----------
    engine : Engine
    data : frame of the engine
        It is read twice.
    rows : int
    seed : int

    Returns
    -------
    pyarrow.Table
        In the order of the priorities, so that its first rows are also a uniform sample.
    """
    if isinstance(data, pd.DataFrame):  # otherwise NaN would become null between the passes
        data = engine.collect(data)
    schema = engine.schema(data)
    likely = PackedRows((), np.inf, seed, schema)
    chosen, found, _ = draw_contents(engine, data, schema.names, rows, likely)
    batches = [
        pa.ipc.read_record_batch(pa.py_buffer(row), schema)
        for row in found[_ROW].take(chosen).to_pylist()
    ]
    return pa.Table.from_batches(batches, schema).combine_chunks()
