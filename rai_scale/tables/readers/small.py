"""Small tables, read at once in this process: no database is started for a few rows."""

from __future__ import annotations

import pyarrow as pa

from rai_scale.tables.readers.arrow import Scan
from rai_scale.tables.readers.csv import scan_csv
from rai_scale.tables.readers.jsonl import parsed_lines
from rai_scale.tables.readers.parquet import read_footers, scan_whole
from rai_scale.tables.readers.row_numbers import NUMBERS, numbered
from rai_scale.tables.readers.text import scan_lines, scan_text
from rai_scale.tables.source import TableSource

_FILE_BYTES, _ROW_BYTES = 16 << 20, 64 << 20
_SCANS = {"csv": scan_csv, "jsonl": scan_lines, "lines": scan_lines, "text": scan_text}


def read_small(source: TableSource) -> pa.Table | None:
    """Return all rows of a small table of Parquet or text files; None for any other table.

    The columns are those of :func:`~rai_scale.tables.read_table` with row numbers. A table is
    small if its files have at most 16 MiB, and its rows at most 64 MiB in memory.

    Parameters
    ----------
    source : TableSource
    """
    known = source.format in (*_SCANS, "parquet")
    if not known or sum(file.size for file in source.files) > _FILE_BYTES:
        return None
    if source.format == "parquet":
        return _small(numbered(scan_whole(source, read_footers(source))))
    rows = _small(numbered(_SCANS[source.format](source)))
    if rows is not None and source.format == "jsonl":
        return parsed_lines(rows, source.partition_columns, NUMBERS)
    return rows


def _small(plan: Scan) -> pa.Table | None:
    """Return all rows; None as soon as there are too many."""
    size = 0
    kept: list[pa.Table] = []
    for table in plan.tables():
        size += table.nbytes
        if size > _ROW_BYTES:
            return None
        kept.append(table)
    return pa.concat_tables([plan.reader.schema.empty_table(), *kept]).combine_chunks()
