"""Reading tables as dask frames, and writing dask frames as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from dask.base import compute
from dask.delayed import delayed

from rai_scale.engines.arrow_types import canonical_table
from rai_scale.engines.frames import frame_to_arrow
from rai_scale.tables.paths import Place, place_of
from rai_scale.tables.readers.arrow import Piece, Reader, Scan, select


def from_scan(scan: Scan) -> Any:
    """Return a frame with one partition per piece; every dtype is an ``ArrowDtype``."""
    meta = to_frame(scan.reader.schema.empty_table())
    if not scan.pieces:
        return dd.from_map(_unchanged, [meta], meta=meta)
    return dd.from_map(ReadFrame(scan.reader), list(scan.pieces), meta=meta)


@dataclass(frozen=True)
class ReadFrame:
    """Reads one partition; dask passes the names of the columns that are used."""

    reader: Reader

    def __call__(self, piece: Piece, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the rows of a piece."""
        schema = select(self.reader.schema, columns)
        return to_frame(pa.concat_tables([schema.empty_table(), *self.reader(piece, columns)]))


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Convert to pandas with Arrow's own types, which distinguish null from NaN."""
    return pd.DataFrame(table.to_pandas(types_mapper=pd.ArrowDtype))


def _unchanged(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


def write_files(data: Any, engine: Any, target: Place) -> None:
    """Write one file per partition with rows, in the workers; at least one file is written."""
    schema = engine.schema(data)
    write = delayed(_write_part, pure=False)
    parts = [write(p, i, target.url, schema) for i, p in enumerate(data.to_delayed())]
    compute(*parts)


def _write_part(frame: pd.DataFrame, number: int, folder: str, schema: pa.Schema) -> None:
    if len(frame) == 0 and number > 0:
        return
    table = canonical_table(frame_to_arrow(frame, schema.names), schema)
    with place_of(folder).child(f"part-{number:05d}.parquet").create() as file:
        pq.write_table(table, file)
