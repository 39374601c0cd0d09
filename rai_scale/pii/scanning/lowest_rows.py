"""The rows with the lowest priorities of those that are read once, here or in the workers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from rai_scale.engines.arrow_types import canonical_schema, canonical_table
from rai_scale.engines.protocol import Engine
from rai_scale.pii.scanning.row_priority import LEVELS, Position, cut
from rai_scale.pii.scanning.unread import split_unread
from rai_scale.tables.readers.arrow import Piece, Reader, Scan

_SPARE, _DEVIATIONS, _FEW = 1.5, 6, 20
"""How many more rows a task keeps than its share of the bytes needs."""


class Lowest(NamedTuple):
    """Rows below a level, of all that were read.

    Attributes
    ----------
    rows : pyarrow.Table
    levels : ndarray of int64, shape (rows,)
    bound : int
        All rows below this level are there.
    seen : ndarray of int64, shape (n, 2)
        Each level of the rows that were read, and the number of these rows.
    reports : tuple of str
        Reports on files that were not read completely.
    """

    rows: pa.Table
    levels: np.ndarray
    bound: int
    seen: np.ndarray
    reports: tuple[str, ...]

    @property
    def counts(self) -> np.ndarray:
        """The rows that were read, per level."""
        return counts_of([self])


def lowest(tables: Iterable[pa.Table], schema: pa.Schema, position: Position, most: int) -> Lowest:
    """Read tables and keep the rows below the level that at most ``most`` rows are below.

    Parameters
    ----------
    tables : iterable of pyarrow.Table
        With the columns of :mod:`~rai_scale.tables.readers.row_numbers`.
    schema : pyarrow.Schema
        Their columns.
    position : Position
    most : int
    """
    counts, bound = np.zeros(LEVELS, dtype=np.int64), LEVELS
    empty, _ = split_unread(schema.empty_table())
    kept: list[tuple[pa.Table, np.ndarray]] = [(empty, np.zeros(0, dtype=np.int64))]
    size, reports = 0, []
    for table in tables:
        data, more = split_unread(table)
        reports += more
        found = position.levels(data)
        np.add.at(counts, found, 1)
        kept.append(_below(data, found, bound))
        size += len(kept[-1][1])
        if size > 2 * most + 10_000:
            bound = cut(counts, most)
            kept = [_below(*_joined(kept), bound)]
            size = len(kept[0][1])
    bound = _bound(counts, most)
    rows, found = _below(*_joined(kept), bound)
    seen = np.flatnonzero(counts)
    return Lowest(rows, found, bound, np.column_stack([seen, counts[seen]]), tuple(reports))


@dataclass(frozen=True)
class LowestOfPiece:
    """Task: reads a piece of files, and returns its lowest rows."""

    reader: Reader
    schema: pa.Schema
    position: Position

    def __call__(self, task: tuple[Piece, int]) -> Lowest:
        """Return the lowest rows of a piece; the second item is their number."""
        piece, most = task
        tables = (canonical_table(table, self.schema) for table in self.reader(piece))
        return lowest(tables, self.schema, self.position, most)


def lowest_in_workers(
    scan: Scan, sizes: Sequence[int], engine: Engine, position: Position, most: int
) -> list[Lowest]:
    """Read each piece in a task that keeps as many rows as the whole sample should need of it.

    Parameters
    ----------
    scan : Scan
        With row numbers.
    sizes : sequence of int
        Bytes of each piece.
    engine : Engine
    position : Position
    most : int
        Rows of the sample.
    """
    whole = sum(sizes)
    shares = [size / whole if whole else 1 / len(sizes) for size in sizes]
    tasks = [(p, _wanted(share, most)) for p, share in zip(scan.pieces, shares, strict=True)]
    schema = canonical_schema(scan.reader.schema)
    return engine.map_tasks(LowestOfPiece(scan.reader, schema, position), tasks)


def _wanted(share: float, most: int) -> int:
    expected = share * most
    return min(most, ceil(_SPARE * expected + _DEVIATIONS * sqrt(expected)) + _FEW)


def counts_of(found: Sequence[Lowest]) -> np.ndarray:
    """Return the rows that were read, per level."""
    counts = np.zeros(LEVELS, dtype=np.int64)
    for one in found:
        counts[one.seen[:, 0]] += one.seen[:, 1]
    return counts


def together(found: Sequence[Lowest], most: int) -> Lowest | None:
    """Return the lowest rows of all; None if a task has kept too few."""
    counts = counts_of(found)
    bound = _bound(counts, most)
    if not found or any(one.bound < bound for one in found):
        return None
    rows, levels = _below(*_joined([(one.rows, one.levels) for one in found]), bound)
    seen = np.flatnonzero(counts)
    reports = tuple(report for one in found for report in one.reports)
    return Lowest(rows, levels, bound, np.column_stack([seen, counts[seen]]), reports)


def _bound(counts: np.ndarray, most: int) -> int:
    return cut(counts, most) if counts.sum() > most else LEVELS


def _below(table: pa.Table, found: np.ndarray, bound: int) -> tuple[pa.Table, np.ndarray]:
    if bound == LEVELS:
        return table, found
    mask = found < bound
    return table.filter(pa.array(mask)), found[mask]


def _joined(kept: list[tuple[pa.Table, np.ndarray]]) -> tuple[pa.Table, np.ndarray]:
    return pa.concat_tables([t for t, _ in kept]), np.concatenate([f for _, f in kept])
