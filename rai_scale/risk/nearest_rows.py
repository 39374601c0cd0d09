"""The synthetic rows that are nearest to rows that an attacker knows in part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rai_scale.engines import engine_of
from rai_scale.risk.plain_columns import coded, ordered_array
from rai_scale.statistics.keyed_hash import key_hashes

_EXTENTS = pa.schema([("column", pa.int64()), ("low", pa.float64()), ("high", pa.float64())])
_KEYS = [
    ("part", pa.int64()),
    ("target", pa.int64()),
    ("distance", pa.float64()),
    ("id", pa.int64()),
]
GUESS = "guess"
_AT_ONCE = 100


@dataclass(frozen=True)
class Extents:
    """Table function: the smallest and largest number of each column of a batch."""

    columns: tuple[str, ...]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return ``column``, ``low`` and ``high``; columns without numbers are left out."""
        rows = []
        for at, name in enumerate(self.columns):
            numbers = ordered_array(table[name])
            known = numbers[np.isfinite(numbers)]
            if len(known):
                rows.append({"column": at, "low": known.min(), "high": known.max()})
        return pa.Table.from_pylist(rows, schema=_EXTENTS)


def widths(frame: Any, targets: Sequence[pa.Table], columns: Sequence[str]) -> dict[str, float]:
    """Return the range of each column over a table and the targets, for distances; executes.

    A column with one number has the width 1.
    """
    function = Extents(tuple(columns))
    engine = engine_of(frame)
    found = [function(target.select(function.columns)) for target in targets]
    if columns:
        made = engine.map_partitions(
            frame, function, _EXTENTS, inputs=list(columns), label="ranges of columns"
        )
        found.append(engine.collect(made))
    table = pa.concat_tables(found).to_pandas()
    ends = table.groupby("column").agg({"low": "min", "high": "max"})
    span = (ends["high"] - ends["low"]).reindex(range(len(columns)), fill_value=0.0)
    return {name: span[at] or 1.0 for at, name in enumerate(columns)}


@dataclass(frozen=True)
class Nearest:
    """Table function: per part and target, the rows of a batch that are nearest.

    The distance is Gower's: per column, the difference of numbers divided by their range, or 0 for
    equal and 1 for different values; a null differs from everything but a null. Among rows of the
    same distance, those with the smallest hash come first.

    Attributes
    ----------
    targets : pyarrow.Table
    parts : tuple of tuple of str
        The columns that are compared; a search of its own for each part.
    widths : dict of str to float
        The range of each column of numbers; all others are compared for equality.
    neighbours : int
    secret : str or None
        A column that is returned with each row, as ``guess``.
    """

    targets: pa.Table
    parts: tuple[tuple[str, ...], ...]
    widths: dict[str, float]
    neighbours: int
    secret: str | None = None

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return ``part``, ``target``, ``distance``, ``id`` (a hash of the row) and ``guess``."""
        hashes = key_hashes(table.select(sorted(table.column_names)), 0).view(np.int64)
        table = table.take(pa.array(np.argsort(hashes, kind="stable")))
        hashes = np.sort(hashes)
        found = [self._search(table, number) for number in range(len(self.parts))]
        joined = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
        rows = joined.pop("row")
        columns = [pa.array(values) for values in joined.values()] + [pa.array(hashes[rows])]
        result = pa.table(columns, schema=pa.schema(_KEYS))
        if self.secret is None:
            return result
        return result.append_column(GUESS, table[self.secret].take(pa.array(rows)))

    def _search(self, table: pa.Table, number: int) -> dict[str, np.ndarray]:
        size = min(self.neighbours, table.num_rows)
        pairs = [self._column(table, name) for name in self.parts[number]]
        rows, distances = [], []
        for start in range(0, self.targets.num_rows, _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            far = sum(
                _apart(values, wanted[some], self.widths.get(name))
                for name, (values, wanted) in zip(self.parts[number], pairs, strict=True)
            )
            nearest = np.argsort(far, axis=1, kind="stable")[:, :size] if size > 1 else None
            chosen = np.argmin(far, axis=1)[:, None] if nearest is None else nearest
            rows.append(chosen.ravel())
            distances.append(np.take_along_axis(far, chosen, axis=1).ravel())
        target = np.repeat(np.arange(self.targets.num_rows), size)
        return {
            "part": np.full(len(target), number),
            "target": target,
            "distance": np.concatenate(distances),
            "row": np.concatenate(rows),
        }

    def _column(self, table: pa.Table, name: str) -> tuple[np.ndarray, np.ndarray]:
        if name in self.widths:
            return ordered_array(table[name]), ordered_array(self.targets[name])
        values, codes = coded(table[name])
        wanted = [-1 if v is None else codes.get(v, -2) for v in self.targets[name].to_pylist()]
        return values, np.array(wanted, dtype=np.int64)


def _apart(values: np.ndarray, wanted: np.ndarray, width: float | None) -> np.ndarray:
    """Return the distances of one column, shape (targets, rows)."""
    if width is None:
        return (values[None, :] != wanted[:, None]).astype(float)
    found = np.abs(values[None, :] - wanted[:, None]) / width
    null, other = np.isnan(values)[None, :], np.isnan(wanted)[:, None]
    found[null | other] = 1.0
    found[null & other] = 0.0
    return found


def nearest_rows(frame: Any, search: Nearest) -> pa.Table:
    """Return the nearest rows of a whole table, sorted by part and target; executes."""
    engine = engine_of(frame)
    columns = {name for part in search.parts for name in part}
    columns |= set() if search.secret is None else {search.secret}
    schema = pa.schema(_KEYS)
    if search.secret is not None:
        kind = engine.schema(frame).field(search.secret).type
        schema = schema.append(pa.field(GUESS, kind))
    made = engine.map_partitions(
        frame, search, schema, inputs=sorted(columns), label="nearest rows"
    )
    found = engine.collect(made)
    order = found.select([name for name, _ in _KEYS]).to_pandas()
    order = order.sort_values(["part", "target", "distance", "id"])
    best = order.groupby(["part", "target"], sort=False).head(search.neighbours)
    return found.take(pa.array(best.index))
