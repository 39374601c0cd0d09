"""A uniform sample of rows that depends only on the rows, not on their partitions or their order.

Equal rows are copies of one *content*. Each copy has an independent uniform priority, and the rows
with the smallest priorities are the sample. Priorities are computed from the hash of the content
and the number of its copies (order statistics of uniforms by exponential spacings, Renyi 1953), so
that rows need no numbers of their own. Only contents whose smallest priority may be below a
threshold come to the driver: a count-min sketch (Cormode and Muthukrishnan 2005) bounds the number
of copies of a content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.protocol import Engine
from rai_scale.errors import TooManyGroupsError
from rai_scale.statistics.keyed_hash import key_hashes, mix

BUCKET = "_rai_bucket"
HASH = "_rai_hash"
COPIES = "_rai_copies"
"""Optional column of the rows that may be drawn: how many equal rows each of them stands for."""
BUCKETS = 262_144
MOST_CONTENTS = 1_000_000
"""The most distinct rows that come to the driver; eight times the sample if that is more."""
_ROUNDS = 8
_STEP = 0x9E3779B97F4A7C15
_TOLERANCE = 1 + 1e-9  # a priority is computed in two ways, which round differently


def draw_rows(engine: Engine, data: Any, columns: Sequence[str], rows: int, seed: int) -> pa.Table:
    """Draw rows uniformly without replacement.

    Parameters
    ----------
    engine : Engine
    data : frame of the engine
        It is read twice; more often if it has very many rows.
    columns : sequence of str
        The columns of the sample; their values are hashed.
    rows : int
        The size of the sample; all rows are returned if there are fewer.
    seed : int

    Returns
    -------
    pyarrow.Table
        In the order of the priorities, so that its first rows are also a uniform sample.
    """
    names = list(columns)
    if isinstance(data, pd.DataFrame):  # otherwise NaN would become null between the passes
        data = engine.collect(data[names])
    chosen, found, _ = draw_contents(engine, data, names, rows, Likely((), np.inf, seed))
    return found.drop_columns([HASH, "count"]).rename_columns(names).take(chosen)


def draw_contents(
    engine: Engine, data: Any, names: list[str], rows: int, likely: Likely
) -> tuple[pa.Array, pa.Table, int]:
    """Draw rows whose transport ``likely`` defines; see :func:`draw_rows`.

    Returns
    -------
    tuple of (pyarrow.Array of int64, pyarrow.Table, int)
        For each drawn row, the position of its content in the table, in the order of the
        priorities; contents with their hashes and counts; and the rows of the data.
    """
    likely = replace(likely, sketch=(_count(engine, data, names, likely),))
    total = int(likely.sketch[0].sum())
    share = (rows + 6 * np.sqrt(rows) + 20) / max(total, 1)
    while True:
        limit = np.inf if share >= 1 else -np.log1p(-share)
        likely, found = _contents(engine, data, names, replace(likely, limit=limit), 8 * rows)
        hashes = found[HASH].to_numpy().view(np.uint64)
        at, order = priorities(hashes, found["count"].to_numpy(), limit)
        if len(at) >= min(rows, total) or limit == np.inf:
            first = at[np.argsort(order, kind="stable")][:rows]
            return pa.array(first), found, total
        share *= 4


@dataclass(frozen=True)
class Likely:
    """Table function: the rows whose content may have a copy with a priority below a limit.

    The columns of the result are numbered (a column may be named ``count``); the last one is the
    hash (int64).

    Attributes
    ----------
    sketch : tuple of ndarray of int64, shape (BUCKETS,)
        For each round, the rows in each bucket: an upper bound of the copies of its contents.
    limit : float
        The limit of ``-log(1 - priority)``.
    seed : int
    """

    sketch: tuple[np.ndarray, ...]
    limit: float
    seed: int
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the rows that may be in the sample, with their hashes."""
        hashes = self.hashes(table)
        named = [*_numbered(table.num_columns), HASH]
        table = table.append_column(HASH, pa.array(hashes.view(np.int64))).rename_columns(named)
        return table.filter(pa.array(self.likely(hashes)))

    def hashes(self, table: pa.Table) -> np.ndarray:
        """Return the hash (uint64) of each row."""
        return key_hashes(table, self.seed)

    def outputs(self, schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
        """Return the columns of the result: the numbered columns of a row, and its hash."""
        types = [*(schema.field(name).type for name in names), pa.int64()]
        return pa.schema(list(zip([*_numbered(len(names)), HASH], types, strict=True)))

    def likely(self, hashes: np.ndarray) -> np.ndarray:
        """Return for each hash whether a copy of its content may be in the sample."""
        if not self.sketch or self.limit == np.inf:
            return np.ones(len(hashes), dtype=bool)
        rounds = [counts[buckets(hashes, number)] for number, counts in enumerate(self.sketch)]
        most = np.min(rounds, axis=0) * self.limit * _TOLERANCE
        return np.asarray(_exponentials(hashes) <= most)

    def buckets(self, table: pa.Table) -> pa.Table:
        """Return the buckets, in the next round, of the rows that may be in the sample."""
        hashes = self.hashes(table)
        found = buckets(hashes[self.likely(hashes)], len(self.sketch))
        return pa.table({BUCKET: pa.array(found, pa.int32())})


@dataclass(frozen=True)
class SketchBuckets:
    """Table function: the buckets of :meth:`Likely.buckets`."""

    likely: Likely
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the column of buckets."""
        return self.likely.buckets(table)


def buckets(hashes: np.ndarray, number: int) -> np.ndarray:
    """Return the buckets (int64) of contents in round ``number`` of the sketch."""
    own = np.uint64(mix(np.array([number], dtype=np.uint64) + np.uint64(_STEP))[0])
    return (mix(hashes ^ own) % np.uint64(BUCKETS)).astype(np.int64)


def _numbered(columns: int) -> list[str]:
    return [f"c{number}" for number in range(columns)]


def _count(engine: Engine, data: Any, names: list[str], likely: Likely) -> np.ndarray:
    """Return the number of rows per bucket in the next round of the sketch."""
    outputs = pa.schema([(BUCKET, pa.int32())])
    function = SketchBuckets(likely)
    marked = engine.map_partitions(data, function, outputs, inputs=names, label="sample")
    found = engine.group_counts(marked, [BUCKET])
    counts = np.zeros(BUCKETS, dtype=np.int64)
    counts[found[BUCKET].to_numpy()] = found["count"].to_numpy()
    return counts


def _contents(
    engine: Engine, data: Any, names: list[str], likely: Likely, rows: int
) -> tuple[Likely, pa.Table]:
    """Return the sketch that was precise enough, and the contents that may be drawn, counted."""
    outputs = likely.outputs(engine.schema(data), names)
    keys = [name for name in outputs.names if name != COPIES]
    sums = [COPIES] if COPIES in outputs.names else []
    for number in range(_ROUNDS):
        kept = engine.map_partitions(data, likely, outputs, inputs=names, label="sample")
        limit = max(MOST_CONTENTS, rows) if number < _ROUNDS - 1 else None
        try:
            found = engine.group_counts(kept, keys, sums, limit=limit)
        except TooManyGroupsError:
            more = _count(engine, data, names, likely)
            likely = replace(likely, sketch=(*likely.sketch, more))
            continue
        counts = found[f"sum_{COPIES}" if sums else "count"].cast(pa.int64())
        found = found.select(keys).cast(pa.schema([outputs.field(key) for key in keys]))
        return likely, found.append_column("count", counts)
    raise AssertionError("the last round has no limit")


def priorities(
    hashes: np.ndarray, counts: np.ndarray, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the priorities of the copies of contents, below a limit.

    Parameters
    ----------
    hashes : ndarray of uint64, shape (contents,)
    counts : ndarray of int64, shape (contents,)
        Copies; contents with the same hash, such as 0.0 and -0.0, are the same content.
    limit : float
        The limit of ``-log(1 - priority)``; infinity for all copies.

    Returns
    -------
    tuple of (ndarray of int64, ndarray of float64)
        For each copy, the position of its content and its ``-log(1 - priority)``.
    """
    hashes, at, copies = _as_one(hashes, counts)
    kept = _exponentials(hashes) <= copies * limit
    hashes, at, copies = hashes[kept], at[kept], copies[kept]
    likely = copies if limit == np.inf else -np.expm1(-limit) * copies
    made = np.minimum(copies, np.ceil(likely + 10 * np.sqrt(likely) + 30)).astype(np.int64)
    first = np.cumsum(made) - made
    of = np.repeat(np.arange(len(made)), made)
    copy = np.arange(made.sum()) - first[of]
    steps = _exponentials(hashes[of], copy) / (copies[of] - copy)
    total = np.cumsum(steps)
    order = total - (total - steps)[first][of] if len(of) else total
    below = order < limit if np.isfinite(limit) else np.ones(len(order), dtype=bool)
    return at[of[below]], order[below]


def _as_one(hashes: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add up the copies of equal hashes; returns the hashes, sorted, a position and the copies."""
    distinct, at, group = np.unique(hashes, return_index=True, return_inverse=True)
    total = np.zeros(len(distinct), dtype=np.int64)
    np.add.at(total, group, counts)
    return distinct, at, total


def _exponentials(hashes: np.ndarray, copy: np.ndarray | int = 0) -> np.ndarray:
    """Return exponentially distributed numbers, -log(1 - uniform), for contents and copies."""
    step = np.asarray(copy).astype(np.uint64) * np.uint64(_STEP)
    bits = mix(hashes + step + np.uint64(_STEP))
    return -np.log1p(-((bits >> np.uint64(11)).astype(np.float64) * 2.0**-53))
