"""Cells of a contingency table: the number of rows per combination of values.

Metrics are computed from cells, wherever these come from: an engine, a merge of two runs or a noisy
release.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.arrow_types import is_number
from rai_scale.engines.counts import sum_name
from rai_scale.engines.key_values import joined, key_values, number_values
from rai_scale.engines.list_keys import is_list_of_numbers
from rai_scale.errors import ConfigError
from rai_scale.statistics.score_bins import raise_missing_weight

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

MAX_CELLS = 2_000_000
"""The most cells that a measure brings to the driver, unless its caller sets another limit."""


@dataclass(frozen=True)
class Cells:
    """Rows and sums of weights per distinct combination of keys.

    Attributes
    ----------
    keys : pandas.DataFrame
        One row per cell, sorted; no missing values.
    count : numpy.ndarray of int64, shape (cells,)
        Rows per cell.
    sums : dict of str to numpy.ndarray of float64, shape (cells,)
        Sums per cell: of a column under its name, of its squares under ``"name*name"``.
    weight_name : str, optional
        The name in ``sums`` of the sample weight.
    """

    keys: pd.DataFrame
    count: np.ndarray
    sums: dict[str, np.ndarray] = field(default_factory=dict)
    weight_name: str | None = None

    @property
    def weight(self) -> np.ndarray | None:
        """The sum of sample weights per cell; None without sample weights."""
        return None if self.weight_name is None else self.sums[self.weight_name]

    @property
    def weight_sq(self) -> np.ndarray | None:
        """The sum of squared sample weights per cell; None without sample weights."""
        name = self.weight_name
        return None if name is None else self.sums[f"{name}*{name}"]

    @property
    def rows(self) -> int:
        """The number of rows that were counted."""
        return int(self.count.sum())

    def select(self, chosen: np.ndarray) -> Cells:
        """Return the cells where ``chosen`` (bool, one value per cell) is true."""
        return Cells(
            self.keys[chosen].reset_index(drop=True),
            self.count[chosen],
            {name: values[chosen] for name, values in self.sums.items()},
            self.weight_name,
        )

    def merge(self, other: Cells) -> Cells:
        """Add the cells of other rows with the same columns; associative and commutative."""
        names = list(self.keys.columns)
        both = pd.DataFrame({name: joined(self.keys[name], other.keys[name]) for name in names})
        grouped = both.groupby(names, sort=True)
        codes = grouped.ngroup().to_numpy()
        first = np.unique(codes, return_index=True)[1]

        def add(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
            total = np.zeros(len(first), mine.dtype)
            np.add.at(total, codes, np.r_[mine, theirs])
            return total

        sums = {name: add(values, other.sums[name]) for name, values in self.sums.items()}
        keys = both.iloc[first].reset_index(drop=True)
        return Cells(keys, add(self.count, other.count), sums, self.weight_name)


def count_cells(
    engine: Engine,
    data: Any,
    keys: Sequence[str],
    *,
    weights: Sequence[str] = (),
    limit: int | None = None,
    numbers: Collection[str] = (),
) -> Cells:
    """Count the cells of ``keys`` natively, with sums and sums of squares of ``weights``.

    Parameters
    ----------
    engine : Engine
    data : frame of the engine
    keys : sequence of str
        The columns whose combinations of values are the cells.
    weights : sequence of str
        Numeric columns to sum; the first is the sample weight.
    limit : int, optional
        The largest number of cells to bring to the driver.
    numbers : collection of str
        The keys that metrics compute with; see
        :func:`~rai_scale.engines.key_values.number_values`.

    Raises
    ------
    TooManyGroupsError
        If there are more than ``limit`` cells.
    ConfigError
        If a key or a weight is missing in some rows; the message gives the number of rows.
    """
    sums = [s for name in weights for s in (name, (name, name))]
    names = list(keys)
    if weights:
        check_weights(engine.schema(data), weights)
    data, keys = renamed_keys(engine, data, keys, ["count", *map(sum_name, sums)])
    table = engine.group_counts(data, keys, sums, limit)
    refuse_missing(table, keys)
    _refuse_lists(table, keys, numbers)
    for name in weights:
        raise_missing_weight(table[f"sum_{name}"].to_numpy(), name)
    frame = pd.DataFrame(
        {
            name: (number_values if name in numbers else key_values)(table[key])
            for name, key in zip(names, keys, strict=True)
        }
    )
    frame = _of_one_type(frame, [name for name in names if name in numbers])
    frame, order = sorted_rows(frame)
    return Cells(
        frame,
        table["count"].to_numpy()[order],
        {sum_name(s)[4:]: table[sum_name(s)].to_numpy()[order] for s in sums},
        weights[0] if weights else None,
    )


def _refuse_lists(table: pa.Table, keys: Sequence[str], numbers: Collection[str]) -> None:
    for key in keys:
        if is_list_of_numbers(table.schema.field(key).type) and key not in numbers:
            raise ConfigError(
                f"column {key.removeprefix(COPY)!r} holds lists, which cannot define groups. Make "
                "a column of each element, or of the list as text."
            )


def _of_one_type(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Give integers that metrics compare one type: NumPy turns int64 with uint64 into floats."""
    integers = [name for name in names if frame[name].dtype.kind in "iu"]
    if len({frame[name].dtype for name in integers}) < 2:  # noqa: PLR2004
        return frame
    kind = joined(*(frame[name] for name in integers)).dtype
    return frame.astype(dict.fromkeys(integers, kind))


COPY = "_rai_key "


@dataclass(frozen=True)
class CopyColumns:
    """Table function: copies of columns, under names that no result of a verb has."""

    names: tuple[str, ...]
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the copies."""
        return pa.table({COPY + name: table[name] for name in self.names})


def renamed_keys(
    engine: Engine, data: Any, keys: Sequence[str], taken: Sequence[str]
) -> tuple[Any, list[str]]:
    """Rename keys whose names a result needs for its own columns.

    Parameters
    ----------
    engine : Engine
    data : frame of the engine
    keys : sequence of str
    taken : sequence of str
        The names of the result's own columns.

    Returns
    -------
    tuple of (frame, list of str)
        The frame with copies of such keys, and the keys under their new names.
    """
    clash = [key for key in keys if key in taken]
    if clash:
        schema = engine.schema(data)
        outputs = pa.schema([schema.field(key).with_name(COPY + key) for key in clash])
        copy = CopyColumns(tuple(clash))
        data = engine.with_columns(data, copy, outputs, inputs=clash, label="copies of keys")
    return data, [COPY + key if key in clash else key for key in keys]


def counts_of(
    engine: Engine,
    data: Any,
    keys: Sequence[str],
    sums: Sequence[str | tuple[str, ...]] = (),
    limit: int | None = None,
) -> pa.Table:
    """Count as :meth:`~rai_scale.engines.protocol.Engine.group_counts`, with keys of any name.

    Returns
    -------
    pyarrow.Table
        The keys under their own names, the count and the sums. Read it by position: a key may be
        named ``count``.
    """
    data, renamed = renamed_keys(engine, data, keys, ["count", *map(sum_name, sums)])
    table = engine.group_counts(data, renamed, sums, limit)
    return table.rename_columns([*keys, *table.column_names[len(keys) :]])


def check_weights(schema: pa.Schema, names: Sequence[str]) -> None:
    """Raise :class:`ConfigError` for weights that are not numbers."""
    for name in names:
        kind = schema.field(name).type
        if not is_number(kind):
            raise ConfigError(f"the weights in column {name!r} must be numbers; found {kind}.")


def sorted_rows(frame: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Sort a frame by all its columns; return it and the old positions of its rows (int64)."""
    names = list(frame.columns)
    if not names:
        return frame, np.arange(len(frame))
    order = frame.sort_values(names, kind="stable", key=_comparable).index.to_numpy()
    return frame.iloc[order].reset_index(drop=True), order


def _comparable(values: pd.Series) -> pd.Series:
    """Return values that can be sorted: arrays as tuples."""
    vectors = len(values) and isinstance(values.iloc[0], np.ndarray)
    return values.map(tuple) if vectors else values


def refuse_missing(counts: pa.Table, keys: Sequence[str]) -> None:
    """Raise :class:`ConfigError` if a key is null, NaN or a list with a null in some rows."""
    for key in keys:
        missing = _is_missing(counts[key])
        rows = pc.sum(pc.filter(counts["count"], missing)).as_py() or 0
        if rows:
            total = pc.sum(counts["count"]).as_py()
            raise ConfigError(
                f"column {key.removeprefix(COPY)!r} is missing in {rows:,} of {total:,} rows. Give "
                "missing values a group of their own (for example fill them with 'unknown'), or "
                "remove those rows and report it."
            )


def _is_missing(column: pa.ChunkedArray) -> pa.Array:
    missing = np.array(pc.is_null(column, nan_is_null=True))
    if is_list_of_numbers(column.type):
        lists, rows = column.drop_null().combine_chunks(), np.flatnonzero(~missing)
        of = pc.list_parent_indices(lists).filter(pc.list_flatten(lists).is_null())
        missing[rows[of.to_numpy()]] = True
    return pa.array(missing)
