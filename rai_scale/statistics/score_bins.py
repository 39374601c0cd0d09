"""Bins of scores that do not depend on how the rows were cut, and the range that they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.errors import ConfigError

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

BIN = "__rai_bin"
_RANGE_SCHEMA = pa.schema(
    [
        ("rows", pa.int64()),
        ("missing", pa.int64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
    ]
)


def check_numeric(schema: pa.Schema, name: str, role: str) -> None:
    """Raise :class:`ConfigError` if a column does not hold numbers."""
    kind = schema.field(name).type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not (number or pa.types.is_boolean(kind)):
        raise ConfigError(f"the {role} column {name!r} must hold numbers; its type is {kind}.")


def as_floats(column: pa.ChunkedArray) -> np.ndarray:
    """Return a numeric column as float64; null is NaN."""
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.int8())
    if not pa.types.is_float64(column.type):
        column = pc.cast(column, pa.float64(), safe=False)
    return column.to_numpy().astype(np.float64, copy=False)


def raise_missing(rows: int, what: str, name: str) -> None:
    """Raise :class:`ConfigError` where rows lack a value that is needed."""
    if rows:
        raise ConfigError(
            f"{rows:,} rows have no usable value in the {what} column {name!r} (missing, NaN or "
            "infinite). Filter them, or give them a value."
        )


def raise_missing_weight(sums: np.ndarray, name: str) -> None:
    """Raise :class:`ConfigError` where a sum shows a weight that is missing or infinite."""
    if not np.isfinite(sums).all():
        raise ConfigError(
            f"the weight column {name!r} has missing or infinite values; fill or drop them."
        )


@dataclass(frozen=True)
class _BatchRange:
    """Rows, missing scores, lowest and highest score of one batch."""

    score: str
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        values = as_floats(table[self.score])
        good = values[np.isfinite(values)]
        low, high = (good.min(), good.max()) if len(good) else (None, None)
        row = [[len(values)], [len(values) - len(good)], [low], [high]]
        return pa.table(row, schema=_RANGE_SCHEMA)


def score_range(engine: Engine, data: Any, score: str) -> tuple[int, float, float]:
    """Return the number of rows, the lowest and the highest score, in one pass.

    Raises
    ------
    ConfigError
        If there are no rows, or rows whose score is missing or not finite; says how many.
    """
    found = engine.map_partitions(
        data, _BatchRange(score), _RANGE_SCHEMA, inputs=[score], label="score range"
    )
    table = engine.collect(found)
    rows, missing = (pc.sum(table[name]).as_py() or 0 for name in ("rows", "missing"))
    raise_missing(missing, "score", score)
    if not rows:
        raise ConfigError("there are no rows to count.")
    return rows, pc.min(table["low"]).as_py(), pc.max(table["high"]).as_py()


def bin_edges(low: float, high: float, bins: int) -> np.ndarray:
    """Return ``bins + 1`` edges of equal width over [0, 1], or else over [low, high].

    [0, 1] is taken where all scores are in it. Bin ``i`` is ``(edges[i], edges[i + 1]]``; the first
    bin holds its lower edge too. So ``score > edge`` holds exactly for the bins above the edge.
    """
    if not isinstance(bins, int) or not 1 <= bins <= 1 << 24:
        raise ConfigError(f"bins must be a whole number from 1 to {1 << 24:,}; found {bins!r}.")
    start, end = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
    # a range of few floats has fewer edges than were asked for
    edges = np.unique(np.linspace(start, end, bins + 1))
    return edges if len(edges) > 1 else np.array([start, np.nextafter(start, np.inf)])


def bin_of(scores: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the number of the bin of each score; see :func:`bin_edges`."""
    return np.searchsorted(edges[1:-1], scores, side="left")


@dataclass(frozen=True)
class AssignBins:
    """A table function: the column of scores becomes the number of its bin."""

    score: str
    edges: np.ndarray
    kept: tuple[str, ...]
    keep_score: bool = False
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the kept columns and the bin (int32), with the score (float64) if asked."""
        scores = as_floats(table[self.score])
        bins = pa.array(bin_of(scores, self.edges).astype(np.int32))
        done = table.select(list(self.kept)).append_column(BIN, bins)
        return done.append_column(self.score, pa.array(scores)) if self.keep_score else done


def with_bins(
    engine: Engine,
    data: Any,
    score: str,
    edges: np.ndarray,
    *,
    kept: Sequence[str],
    keep_score: bool = False,
) -> Any:
    """Return a lazy frame of the columns ``kept`` and the bin of each score."""
    schema = engine.schema(data)
    fields = [schema.field(name) for name in kept] + [pa.field(BIN, pa.int32())]
    if keep_score:
        fields.append(pa.field(score, pa.float64()))
    inputs = list(dict.fromkeys([*kept, score]))
    function = AssignBins(score, edges, tuple(kept), keep_score)
    return engine.map_partitions(
        data, function, pa.schema(fields), inputs=inputs, label="score bins"
    )
