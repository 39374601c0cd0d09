"""Assign rows to shards by a keyed hash of their values, evenly within each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.errors import ConfigError
from rai_scale.statistics.keyed_hash import key_uniforms

BUCKET = "_rai_bucket"
SHARD = "_rai_shard"
BUCKETS = 4_096
MIN_CLASS_ROWS = 10
"""Rows of each class that a shard needs, so that some can be held out."""


@dataclass(frozen=True)
class Buckets:
    """Table function: the bucket of each row, by a keyed hash of ``columns``."""

    columns: tuple[str, ...]
    random_state: int

    def of(self, table: pa.Table) -> np.ndarray:
        """Return bucket numbers, int64 of shape (rows,)."""
        chance = key_uniforms(table.select(list(self.columns)), self.random_state)
        return (chance * BUCKETS).astype(int)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the column of buckets."""
        return pa.table({BUCKET: pa.array(self.of(table), pa.int32())})


@dataclass(frozen=True)
class ShardOfRow:
    """Table function: the shard of each row.

    Attributes
    ----------
    buckets : Buckets
    y_true : str
    classes : tuple or None
        Values of ``y_true`` in a classification.
    assigned : ndarray of int16, shape (classes or 1, BUCKETS)
        The shard of each class and bucket.
    """

    buckets: Buckets
    y_true: str
    classes: tuple[Any, ...] | None
    assigned: np.ndarray

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the column of shards."""
        bucket = self.buckets.of(table)
        code: Any = 0
        if self.classes is not None:
            column = table[self.y_true]
            known = pa.array(self.classes, column.type)
            code = pc.index_in(column, known).to_numpy()
        return pa.table({SHARD: pa.array(self.assigned[code, bucket], pa.int32())})


@dataclass(frozen=True)
class ShardPlan:
    """The shard of each class and bucket, with notes on changes of the number of shards.

    Attributes
    ----------
    assigned : ndarray of int16, shape (classes, BUCKETS)
    rows : ndarray of int64, shape (shards, classes)
    notes : tuple of str
    """

    assigned: np.ndarray
    rows: np.ndarray
    notes: tuple[str, ...]


def plan_shards(
    counts: np.ndarray, shards: int, min_rows: int, keys: Sequence[str], *, named: bool = True
) -> ShardPlan:
    """Assign buckets to shards so that each shard has its share of every class.

    Parameters
    ----------
    counts : ndarray of int64, shape (classes, BUCKETS)
        Rows per class and bucket.
    shards : int
        Requested number; there are fewer if there are not enough rows, or rows of a class.
    min_rows : int
        Minimum number of rows of a shard, up to the size of a bucket.
    keys : list of str
        Columns that were hashed, for the message.
    named : bool
        Whether the caller chose them; otherwise they are all columns.

    Raises
    ------
    ConfigError
        If the keys have too few distinct values for even shards, or most rows are duplicates.
    """
    total, rarest, notes = int(counts.sum()), int(counts.sum(axis=1).min()), []
    made = shards
    if made > max(1, total // min_rows):
        made = max(1, total // min_rows)
        notes.append(
            f"{made} instead of {shards} shards: each needs at least {min_rows:,} rows, and there "
            f"are {total:,}."
        )
    if len(counts) > 1 and made > max(1, rarest // MIN_CLASS_ROWS):
        made = max(1, rarest // MIN_CLASS_ROWS)
        notes.append(
            f"{made} instead of {shards} shards: each needs at least {MIN_CLASS_ROWS} rows of "
            "every class."
        )
    if made > 1 and not named and _repeats(counts):
        raise ConfigError(
            f"rows cannot be divided into {made} shards: most rows are duplicates, and equal "
            "rows would be in the same shard. Give key_columns that distinguish rows, or shards=1."
        )
    assigned = _deal(counts, made)
    rows = np.array([[c[a == s].sum() for c, a in zip(counts, assigned, strict=True)]
                     for s in range(made)])  # fmt: skip
    if made > 1 and (rows < np.minimum(counts.sum(axis=1) / made / 2, counts.sum(axis=1))).any():
        raise ConfigError(
            f"rows cannot be divided into {made} shards evenly: {', '.join(map(repr, keys))} have "
            "too few distinct values. Give key_columns that distinguish rows, or fewer shards."
        )
    return ShardPlan(assigned, rows, tuple(notes))


def _repeats(counts: np.ndarray) -> bool:
    """Return whether rows fill less than half of the buckets that distinct rows would fill."""
    rows, buckets = counts.sum(axis=1), counts.shape[1]
    expected = buckets * -np.expm1(rows * np.log1p(-1 / buckets))
    return bool((counts > 0).sum() < expected.sum() / 2)


def _deal(counts: np.ndarray, shards: int) -> np.ndarray:
    """Assign the buckets of each class so that each shard has its share of the rows."""
    before = np.cumsum(counts, axis=1) - counts / 2
    share = before / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    assigned: np.ndarray = np.minimum((share * shards).astype(np.int16), shards - 1)
    return assigned
