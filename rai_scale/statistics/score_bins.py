"""Bins of scores that do not depend on the partitioning of the rows, and the range they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.arrow_types import is_number
from rai_scale.errors import ConfigError

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

BIN = "__rai_bin"
NO_ROWS = "there are no rows to count."
_RANGES = pa.schema(
    [
        pa.field("column", pa.int32()),
        *(pa.field(name, pa.int64()) for name in ("rows", "missing", "infinite")),
        *(pa.field(name, pa.float64()) for name in ("low", "high")),
    ]
)


def check_numeric(schema: pa.Schema, name: str, role: str) -> None:
    """Raise :class:`ConfigError` if a column is not numeric; ``role`` names it in the message."""
    kind = schema.field(name).type
    if not (is_number(kind) or pa.types.is_boolean(kind)):
        raise ConfigError(f"the {role} column {name!r} must hold numbers; its type is {kind}.")


def as_floats(column: pa.ChunkedArray) -> np.ndarray:
    """Return a numeric column as float64, with NaN for null."""
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.int8())
    if not pa.types.is_float64(column.type):
        column = pc.cast(column, pa.float64(), safe=False)
    return np.asarray(column.to_numpy(), np.float64)


def raise_missing(rows: int, what: str, name: str) -> None:
    """Raise :class:`ConfigError` if ``rows`` is not 0.

    Parameters
    ----------
    rows : int
        The number of rows that lack a value.
    what : str
        The role of the column, such as ``score``.
    name : str
        The column.
    """
    if rows:
        raise ConfigError(
            f"{rows:,} rows have no usable value in the {what} column {name!r} (missing, NaN or "
            "infinite). Remove them, or give them a value."
        )


def raise_missing_weight(sums: np.ndarray, name: str) -> None:
    """Raise :class:`ConfigError` if a sum of the weights in column ``name`` is not finite."""
    if not np.isfinite(sums).all():
        raise ConfigError(
            f"the weights in column {name!r} have missing or infinite values. Fill them, or remove "
            "those rows."
        )


@dataclass(frozen=True)
class BatchRanges:
    """Table function: rows, missing, infinite, and lowest and highest value per column."""

    columns: tuple[str, ...]
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row per column."""
        rows = []
        for number, name in enumerate(self.columns):
            values = as_floats(table[name])
            good, missing = values[np.isfinite(values)], int(np.isnan(values).sum())
            ends = (good.min(), good.max()) if len(good) else (None, None)
            rows.append((number, len(values), missing, len(values) - len(good) - missing, *ends))
        return pa.table(list(map(list, zip(*rows, strict=True))), schema=_RANGES)


def value_ranges(engine: Engine, data: Any, columns: Sequence[str]) -> pd.DataFrame:
    """Return the range of numeric columns, in one pass.

    Parameters
    ----------
    engine : Engine
    data : frame of the engine
    columns : sequence of str

    Returns
    -------
    pandas.DataFrame
        Indexed by column: rows, missing (null or NaN), infinite; low and high, the lowest and the
        highest finite value, are NaN if there is none.
    """
    names = tuple(columns)
    made = engine.map_partitions(data, BatchRanges(names), _RANGES, inputs=names, label="ranges")
    parts: pd.DataFrame = engine.collect(made).to_pandas()
    sums = dict.fromkeys(["rows", "missing", "infinite"], "sum")
    found = parts.groupby("column").agg({**sums, "low": "min", "high": "max"})
    found = found.reindex(range(len(names)))
    return found.fillna(dict.fromkeys(sums, 0)).set_axis(list(names))


def score_range(engine: Engine, data: Any, score: str) -> tuple[int, float, float]:
    """Return the number of rows, the lowest score and the highest score, in one pass.

    Raises
    ------
    ConfigError
        If there are no rows, or the score of some rows is missing or infinite.
    """
    found = value_ranges(engine, data, [score]).loc[score]
    raise_missing(int(found["missing"] + found["infinite"]), "score", score)
    if not found["rows"]:
        raise ConfigError(NO_ROWS)
    return int(found["rows"]), float(found["low"]), float(found["high"])


def bin_edges(low: float, high: float, bins: int) -> np.ndarray:
    """Return the edges of bins of equal width.

    The bins cover [0, 1] if all scores are in it, else [low, high]. Bin ``i`` is
    ``(edges[i], edges[i + 1]]``, and the first bin includes its lower edge. So ``score > edge``
    holds exactly for the bins above the edge.

    Parameters
    ----------
    low, high : float
        The lowest and the highest score.
    bins : int
        From 1 to 2^24.

    Returns
    -------
    ndarray of float64, shape (bins + 1,)
        Fewer if the range has fewer distinct floats.

    Raises
    ------
    ConfigError
        If ``bins`` is out of range.
    """
    if not isinstance(bins, int) or not 1 <= bins <= 1 << 24:
        raise ConfigError(f"bins must be an integer from 1 to {1 << 24:,}; found {bins!r}.")
    start, end = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
    edges = np.unique(np.linspace(start, end, bins + 1))
    return edges if len(edges) > 1 else np.array([start, np.nextafter(start, np.inf)])


def bin_of(scores: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the position (int64) of the bin of each score; see :func:`bin_edges`."""
    return np.searchsorted(edges[1:-1], scores, side="left")


@dataclass(frozen=True)
class AssignBins:
    """Table function: the column of scores is replaced by the position of its bin."""

    score: str
    edges: np.ndarray
    kept: tuple[str, ...]
    keep_score: bool = False
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the kept columns, the bin (int32) and, if asked for, the score (float64)."""
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
    """Return a lazy frame of the columns ``kept`` and the bin of each score.

    Parameters
    ----------
    engine : Engine
    data : frame of the engine
    score : str
        The column of scores.
    edges : ndarray of float64
        See :func:`bin_edges`.
    kept : sequence of str
        Columns to keep.
    keep_score : bool
        Whether to keep the score too, as float64.
    """
    schema = engine.schema(data)
    fields = [schema.field(name) for name in kept] + [pa.field(BIN, pa.int32())]
    if keep_score:
        fields.append(pa.field(score, pa.float64()))
    inputs = list(dict.fromkeys([*kept, score]))
    function = AssignBins(score, edges, tuple(kept), keep_score)
    return engine.map_partitions(
        data, function, pa.schema(fields), inputs=inputs, label="score bins"
    )
