"""The rows of a table in the order in which rounds analyse them, drawn by one of two rules.

On one machine, rows with known places are read once: the rows with the lowest priorities of those
that were read so far are kept. Elsewhere, one pass over the places of the rows finds the limit of
the priorities, and each round is a pass that analyses the rows up to its limit.
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
from rai_scale.pii.scanning.parts import BY_CONTENT, BY_POSITION
from rai_scale.pii.scanning.row_priority import (
    LEVEL_SCHEMA,
    LEVELS,
    Below,
    LevelCounts,
    Position,
    cut,
)
from rai_scale.pii.scanning.unread import UNREAD_COLUMN, split_unread
from rai_scale.tables.readers.row_numbers import FILE, ROW

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


def draw(frame: Any, engine: Engine, folder: str, seed: int, planned: Planned) -> Draw:
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

    counts, bound = np.zeros(LEVELS, dtype=np.int64), LEVELS
    kept: list[tuple[pa.Table, np.ndarray]] = []
    size, reports = 0, []
    for table in tables_of(frame, engine):
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
    if not kept:
        kept = [(engine.schema(frame).empty_table(), np.zeros(0, dtype=np.int64))]
    table, found = _joined(kept)
    total = int(counts.sum())
    bound = cut(counts, most) if total > most else LEVELS
    table, found = _below(table, found, bound)
    order = np.argsort(found, kind="stable")
    found = found[order]

    def end(rows: int) -> int:
        return len(found) if rows >= total else int(np.searchsorted(found, cut(counts, rows)))

    return DrawnTable(table.take(pa.array(order)), total, BY_POSITION, engine, end, reports)


def _below(table: pa.Table, found: np.ndarray, bound: int) -> tuple[pa.Table, np.ndarray]:
    if bound == LEVELS:
        return table, found
    mask = found < bound
    return table.filter(pa.array(mask)), found[mask]


def _joined(kept: list[tuple[pa.Table, np.ndarray]]) -> tuple[pa.Table, np.ndarray]:
    return pa.concat_tables([t for t, _ in kept]), np.concatenate([f for _, f in kept])
