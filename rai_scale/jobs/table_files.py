"""Small tables as Parquet files in the output of a job."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pandas as pd


def parquet_bytes(table: pd.DataFrame) -> bytes:
    """Return a table as Parquet; a column of several types becomes text."""
    table = table.copy()
    for name in table.select_dtypes("object"):
        kinds = {type(value) for value in table[name].dropna()}
        if len(kinds) > 1:
            table[name] = table[name].map(lambda v: None if v is None else str(v))
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def file_names(*tables: str) -> tuple[str, ...]:
    """Return the names of the files of tables."""
    return tuple(f"{name}.parquet" for name in tables)


def table_files(tables: Mapping[str, pd.DataFrame]) -> dict[str, bytes]:
    """Return small tables as files by name."""
    return dict(zip(file_names(*tables), map(parquet_bytes, tables.values()), strict=True))
