"""Rows of a sample, drawn in the workers: row ``i`` is the same on every engine.

Each row is drawn from the root of the model's tree to its leaves, by numbers that depend only on
the seed and on the number of the row.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.engines.frames import arrow_to_frame
from rai_scale.statistics.keyed_hash import mix
from rai_scale.synthetic.domain import Domain
from rai_scale.synthetic.tree import Tree

START, COUNT = "rai_start", "rai_count"
TASK_ROWS = 10_000
_BITS = np.uint64(11)


@dataclass(frozen=True)
class DrawRows:
    """Table function: from ranges of row numbers to the rows of a sample.

    Attributes
    ----------
    tree : Tree
    domain : Domain
    seed : int
    """

    tree: Tree
    domain: Domain
    seed: int

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the rows of the ranges of a table, in its columns ``rai_start``, ``rai_count``."""
        ranges = zip(table[START].to_pylist(), table[COUNT].to_pylist(), strict=True)
        parts = [self.rows(start, count) for start, count in ranges]
        return pa.concat_tables([self.domain.schema().empty_table(), *parts])

    def rows(self, start: int, count: int) -> pa.Table:
        """Return the rows ``start`` to ``start + count - 1``."""
        numbers = np.arange(start, start + count, dtype=np.uint64)
        codes = self.codes(numbers)
        columns = [
            declared.decoded(codes[i], self._uniforms(numbers, f"value {name}"))
            for i, (name, declared) in enumerate(self.domain.columns)
        ]
        return pa.table(columns, schema=self.domain.schema())

    def codes(self, numbers: np.ndarray) -> dict[int, np.ndarray]:
        """Return the codes of rows by column; int64."""
        found: dict[int, np.ndarray] = {}
        for at, (shared, new, cumulated) in enumerate(self._steps):
            groups, values = cumulated.shape
            sizes = [self.tree.sizes[i] for i in shared]
            given = np.zeros(len(numbers), dtype=np.int64)
            for i, size in zip(shared, sizes, strict=True):
                given = given * size + found[i]
            shifted = (cumulated + np.arange(groups)[:, None]).reshape(-1)
            where = given + self._uniforms(numbers, f"clique {at}")
            place = np.searchsorted(shifted, where, side="right") - given * values
            place = np.clip(place, 0, values - 1)
            for i in reversed(new):
                place, found[i] = np.divmod(place, self.tree.sizes[i])
        return found

    @cached_property
    def _steps(self) -> list[tuple[tuple[int, ...], tuple[int, ...], np.ndarray]]:
        """Per node: the columns that are known, the new ones, and cumulated probabilities."""
        steps = []
        for at, node in enumerate(self.tree.nodes):
            shared = self.tree.separator(at)
            new = tuple(i for i in node.clique if i not in shared)
            order = [node.clique.index(i) for i in (*shared, *new)]
            groups = int(np.prod([self.tree.sizes[i] for i in shared], dtype=np.int64))
            table = self.tree.conditional(at).transpose(order).reshape(groups, -1)
            cumulated = np.cumsum(table, axis=1)
            last = np.where(table > 0, np.arange(table.shape[1]), 0).max(axis=1, keepdims=True)
            # from the last value that occurs on, so that rounding never draws a later one
            cumulated[np.arange(table.shape[1]) >= last] = 1.0
            steps.append((shared, new, cumulated))
        return steps

    def _uniforms(self, numbers: np.ndarray, purpose: str) -> np.ndarray:
        digest = hashlib.sha256(f"{self.seed}\x00{purpose}".encode()).digest()
        key, step = (np.uint64(int.from_bytes(digest[k : k + 8], "big")) for k in (0, 8))
        bits = mix(mix(numbers + key) ^ step)
        return np.asarray((bits >> _BITS).astype(np.float64) * 2.0**-53)


def ranges(rows: int) -> pa.Table:
    """Return the ranges of row numbers that the workers draw."""
    starts = np.arange(0, rows, TASK_ROWS, dtype=np.int64)
    return pa.table({START: starts, COUNT: np.minimum(TASK_ROWS, rows - starts)})


def drawn_frame(tree: Tree, domain: Domain, rows: int, seed: int, like: Any = None) -> Any:
    """Return rows of a model, as pandas or (lazily, where they are lazy) as frames of an engine.

    Parameters
    ----------
    tree : Tree
    domain : Domain
    rows : int
    seed : int
    like : frame, optional
        A frame of the engine that the rows are drawn on; by default they are drawn here.
    """
    draw, tasks = DrawRows(tree, domain, seed), ranges(rows)
    if like is None or isinstance(like, pd.DataFrame):
        return arrow_to_frame(draw(tasks))
    engine = engine_of(like)
    frame = engine.from_arrow(tasks, partitions=max(1, tasks.num_rows))
    return engine.map_partitions(frame, draw, domain.schema(), label="sample")
