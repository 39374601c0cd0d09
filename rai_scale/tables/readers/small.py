"""Small tables, read at once in this process: no database is started for a few rows."""

from __future__ import annotations

import pyarrow as pa

from rai_scale.tables.readers.arrow import Piece, Scan
from rai_scale.tables.readers.csv import scan_csv
from rai_scale.tables.readers.jsonl import parsed_lines
from rai_scale.tables.readers.parquet import read_footers, scan_whole
from rai_scale.tables.readers.row_numbers import FILE, NUMBERS, with_numbers
from rai_scale.tables.readers.text import scan_lines, scan_text
from rai_scale.tables.source import TableSource

_FILE_BYTES, _ROW_BYTES = 16 << 20, 64 << 20
_LINE_BYTES = 64 << 20
_SCANS = {"csv": scan_csv, "jsonl": scan_lines, "lines": scan_lines, "text": scan_text}


def read_small(source: TableSource, unnumbered: int = -1) -> pa.Table | None:
    """Return all rows of a small table of Parquet or text files; None for any other table.

    The columns are those of :func:`~rai_scale.tables.read_table` with row numbers. A table is
    small if its files have at most 16 MiB (JSON Lines, which an engine must parse twice, 64 MiB),
    and its rows at most 64 MiB in memory.

    Parameters
    ----------
    source : TableSource
    unnumbered : int
        A table with at most this many rows gets no row numbers.
    """
    if not is_small(source, _LINE_BYTES if source.format == "jsonl" else _FILE_BYTES):
        return None
    if source.format == "parquet":
        return _small(scan_whole(source, read_footers(source)), unnumbered)
    rows = _small(_SCANS[source.format](source), unnumbered)
    if rows is not None and source.format == "jsonl":
        numbers = NUMBERS if FILE in rows.column_names else pa.schema([])
        return parsed_lines(rows, source.partition_columns, numbers)
    return rows


def is_small(source: TableSource, most: int = _FILE_BYTES) -> bool:
    """Return whether a table is of Parquet or text files with at most ``most`` bytes."""
    known = source.format in (*_SCANS, "parquet")
    return known and sum(file.size for file in source.files) <= most


def _small(plan: Scan, unnumbered: int) -> pa.Table | None:
    """Return all rows; None as soon as there are too many."""
    size = 0
    kept: list[pa.Table] = []
    pieces: list[tuple[Piece, int]] = []
    for piece in plan.pieces:
        before = len(kept)
        for table in plan.reader(piece):
            kept.append(table)
            size += table.get_total_buffer_size()  # at least that of its rows, and quick to find
            if size > _ROW_BYTES and sum(each.nbytes for each in kept) > _ROW_BYTES:
                return None
        pieces.append((piece, sum(table.num_rows for table in kept[before:])))
    table = _together(kept, plan)
    return with_numbers(table, pieces) if table.num_rows > unnumbered else table


def _together(kept: list[pa.Table], plan: Scan) -> pa.Table:
    if len(kept) == 1 and all(column.num_chunks == 1 for column in kept[0].columns):
        return kept[0]
    return pa.concat_tables([plan.reader.schema.empty_table(), *kept]).combine_chunks()
