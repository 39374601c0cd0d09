"""The rows of a table in the order in which rounds analyse them, drawn by one of two rules.

On one machine, rows with known places are read once: the rows with the lowest priorities of those
that were read so far are kept. So are files on Dask and Spark that must be read completely to know
their places, each by a task. Otherwise one pass over the places of the rows finds the limit of the
priorities, and each round is a pass that analyses the rows up to its limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from rai_scale.engines.protocol import Engine
from rai_scale.pii.scanning.content_draw import draw_frame
from rai_scale.pii.scanning.guarantee import Round
from rai_scale.pii.scanning.lowest_rows import (
    Lowest,
    counts_of,
    lowest,
    lowest_in_workers,
    together,
)
from rai_scale.pii.scanning.parts import BY_CONTENT, BY_POSITION
from rai_scale.pii.scanning.row_priority import (
    LEVEL_SCHEMA,
    LEVELS,
    Below,
    LevelCounts,
    Position,
    cut,
)
from rai_scale.pii.scanning.unread import UNREAD_COLUMN
from rai_scale.tables.read import rows_of_files
from rai_scale.tables.readers.row_numbers import FILE, ROW
from rai_scale.tables.source import TableSource

MOST_KEPT = 65_536
"""The most rows of a sample that one machine keeps while it reads a table."""
Planned = Callable[[int], Sequence[Round]]
"""From the rows of a table to its rounds."""


class Draw(Protocol):
    """The rows of a table, in rounds."""

    @property
    def total(self) -> int:
        """Rows of the table."""

    @property
    def rule(self) -> str:
        """How the rows are chosen."""

    @property
    def reports(self) -> list[str]:
        """Reports on files that were not read completely, if they are not among the rows."""

    def rows(self, start: int, end: int) -> tuple[Any, Below | None]:
        """Return a frame with the rows after round ``start`` up to round ``end``.

        Rounds are given by their rows. The frame may have other rows, which the second result,
        called with a batch, removes.
        """


@dataclass
class DrawnTable:
    """Rows that were drawn already, by priority; ``ends`` are the rows of each round."""

    table: pa.Table
    total: int
    rule: str
    engine: Engine
    ends: Callable[[int], int] = lambda rows: rows
    reports: list[str] = field(default_factory=list)

    def rows(self, start: int, end: int) -> tuple[Any, Below | None]:
        """See :class:`Draw`."""
        first, last = self.ends(start), self.ends(end)
        found = self.table.slice(first, last - first)
        if self.engine.name == "local":
            return found, None
        return self.engine.from_arrow(found, partitions=1 + found.num_rows // 1_000), None


@dataclass
class ByLevel:
    """A frame whose rows are chosen by the level of their priority in each pass."""

    frame: Any
    position: Position
    counts: np.ndarray
    rule: str = BY_POSITION
    reports: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Rows of the table."""
        return int(self.counts.sum())

    def rows(self, start: int, end: int) -> tuple[Any, Below | None]:
        """See :class:`Draw`."""
        if end >= self.total and not start:
            return self.frame, None
        high = LEVELS if end >= self.total else cut(self.counts, end)
        return self.frame, Below(self.position, cut(self.counts, start) if start else 0, high)


def draw(  # noqa: PLR0917
    frame: Any,
    engine: Engine,
    folder: str,
    seed: int,
    planned: Planned,
    files: TableSource | None = None,
) -> Draw:
    """Return the rows of a frame in rounds; it may read the frame.

    Parameters
    ----------
    frame : frame of the engine
        With the columns of :mod:`.row_numbers` if places are known.
    engine : Engine
    folder : str
        The folder that the files are in.
    seed : int
        Key of the hash.
    planned : callable
    files : TableSource, optional
        The frame's files, if workers can read their rows where a pass over places costs as much.
    """
    if isinstance(frame, pa.Table) and planned(frame.num_rows)[-1].rows >= frame.num_rows:
        return _Whole(frame, frame.num_rows)
    if FILE not in engine.columns(frame):
        total = engine.group_counts(frame, [])["count"][0].as_py()
        most = planned(total)[-1].rows
        if most >= total:
            return _Whole(frame, total)
        return DrawnTable(draw_frame(engine, frame, most, seed), total, BY_CONTENT, engine)
    position = Position(seed, folder)
    most = planned(1 << 40)[-1].rows
    if engine.name == "local" and most <= MOST_KEPT:
        return _kept(frame, engine, position, most)
    if files is not None and files.files and most <= MOST_KEPT:
        return _from_files(frame, engine, position, most, files)
    return ByLevel(frame, position, _level_counts(frame, engine, position))


@dataclass
class _Whole:
    frame: Any
    total: int
    rule: str = BY_CONTENT
    reports: list[str] = field(default_factory=list)

    def rows(self, start: int, end: int) -> tuple[Any, Below | None]:
        return self.frame, None


def _level_counts(frame: Any, engine: Engine, position: Position) -> np.ndarray:
    """Count the rows per level, in a pass over their places."""
    inputs = [n for n in (FILE, ROW, UNREAD_COLUMN) if n in engine.columns(frame)]
    function = LevelCounts(position)
    marked = engine.map_partitions(frame, function, LEVEL_SCHEMA, inputs=inputs, label="sample")
    found = engine.group_counts(marked, LEVEL_SCHEMA.names[:1], LEVEL_SCHEMA.names[1:])
    counts = np.zeros(LEVELS, dtype=np.int64)
    counts[found[0].to_numpy()] = found[2].to_numpy().astype(np.int64)
    return counts


def _kept(frame: Any, engine: Engine, position: Position, most: int) -> DrawnTable:
    """Read a frame once and keep the ``most`` rows with the lowest levels."""
    from rai_scale.tables.readers.local import tables_of

    found = lowest(tables_of(frame, engine), engine.schema(frame), position, most)
    return _in_order(found, engine)


def _in_order(found: Lowest, engine: Engine) -> DrawnTable:
    counts = found.counts
    total = int(counts.sum())
    order = np.argsort(found.levels, kind="stable")
    levels = found.levels[order]

    def end(rows: int) -> int:
        return len(levels) if rows >= total else int(np.searchsorted(levels, cut(counts, rows)))

    rows = found.rows.take(pa.array(order))
    return DrawnTable(rows, total, BY_POSITION, engine, end, list(found.reports))


def _from_files(
    frame: Any, engine: Engine, position: Position, most: int, files: TableSource
) -> Draw:
    """Read files once, in tasks, unless they are so uneven that a task keeps too few rows."""
    scan, sizes = rows_of_files(files)
    found = lowest_in_workers(scan, sizes, engine, position, most)
    whole = together(found, most)
    if whole is None:
        return ByLevel(frame, position, counts_of(found))
    return _in_order(whole, engine)
