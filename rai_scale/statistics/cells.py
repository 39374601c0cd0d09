"""Cells: how many rows share each combination of values; the state from which metrics come.

Counting and computing are apart: whatever makes a :class:`Cells` (an engine, a merge of two runs,
a noisy release) can be computed on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.counts import sum_name
from rai_scale.engines.key_values import is_number, joined, key_values, number_values
from rai_scale.engines.list_keys import is_list_of_numbers
from rai_scale.errors import ConfigError

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine


@dataclass(frozen=True)
class Cells:
    """Rows and sums of weights per distinct combination of keys.

    Attributes
    ----------
    keys : pandas.DataFrame
        One row per cell, sorted; no missing values.
    count : numpy.ndarray of int64
        Rows per cell.
    sums : dict of str to numpy.ndarray of float64
        Sums per cell: of a column under its name, of its squares under ``"name*name"``.
    weight_name : str, optional
        Which of ``sums`` is the sample weight.
    """

    keys: pd.DataFrame
    count: np.ndarray
    sums: dict[str, np.ndarray] = field(default_factory=dict)
    weight_name: str | None = None

    @property
    def weight(self) -> np.ndarray | None:
        """The sum of sample weights per cell, or None where rows count alike."""
        return None if self.weight_name is None else self.sums[self.weight_name]

    @property
    def weight_sq(self) -> np.ndarray | None:
        """The sum of squared sample weights per cell, or None."""
        name = self.weight_name
        return None if name is None else self.sums[f"{name}*{name}"]

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return int(self.count.sum())

    def select(self, chosen: np.ndarray) -> Cells:
        """Return the cells where the boolean array ``chosen`` is true."""
        return Cells(
            self.keys[chosen].reset_index(drop=True),
            self.count[chosen],
            {name: values[chosen] for name, values in self.sums.items()},
            self.weight_name,
        )

    def merge(self, other: Cells) -> Cells:
        """Add the cells of other rows of the same table; associative and commutative."""
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

    The first of ``weights`` is the sample weight. ``numbers`` are those of ``keys`` that metrics
    compute with: see :func:`~rai_scale.engines.key_values.number_values`.

    Raises
    ------
    TooManyGroupsError
        If there are more than ``limit`` cells.
    ConfigError
        If a key or a weight is missing in some rows; the message says in how many.
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
        refuse_missing_sum(table, name)
    frame = pd.DataFrame(
        {
            name: (number_values if name in numbers else key_values)(table[key])
            for name, key in zip(names, keys, strict=True)
        }
    )
    frame = _of_one_type(frame, [name for name in names if name in numbers])
    order = frame.sort_values(names, kind="stable", key=_comparable).index.to_numpy()
    return Cells(
        frame.iloc[order].reset_index(drop=True),
        table["count"].to_numpy()[order],
        {sum_name(s)[4:]: table[sum_name(s)].to_numpy()[order] for s in sums},
        weights[0] if weights else None,
    )


def _refuse_lists(table: pa.Table, keys: Sequence[str], numbers: Collection[str]) -> None:
    for key in keys:
        if is_list_of_numbers(table.schema.field(key).type) and key not in numbers:
            raise ConfigError(
                f"column {key.removeprefix(COPY)!r} holds lists, and groups are made of single "
                "values. Make a column of each place, or of their text."
            )


def _of_one_type(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Bring integers that metrics compare into one type: NumPy makes floats of int64 and uint64."""
    whole = [name for name in names if frame[name].dtype.kind in "iu"]
    if len({frame[name].dtype for name in whole}) < 2:  # noqa: PLR2004
        return frame
    kind = joined(*(frame[name] for name in whole)).dtype
    return frame.astype(dict.fromkeys(whole, kind))


COPY = "_rai_key "


@dataclass(frozen=True)
class CopyColumns:
    """Table function: columns again, under names that no result of a verb has."""

    names: tuple[str, ...]
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the copies."""
        return pa.table({COPY + name: table[name] for name in self.names})


def renamed_keys(
    engine: Engine, data: Any, keys: Sequence[str], taken: Sequence[str]
) -> tuple[Any, list[str]]:
    """Return data and keys in which no key is called as a column of the result (``taken``)."""
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
    """Count as the engine does, with keys of any name.

    Returns
    -------
    pyarrow.Table
        The keys under their own names, the count and the sums: to be read by position, since a
        key may be called ``count``.
    """
    data, renamed = renamed_keys(engine, data, keys, ["count", *map(sum_name, sums)])
    table = engine.group_counts(data, renamed, sums, limit)
    return table.rename_columns([*keys, *table.column_names[len(keys) :]])


def check_weights(schema: pa.Schema, names: Sequence[str]) -> None:
    """Raise :class:`ConfigError` for weights that are no numbers."""
    for name in names:
        kind = schema.field(name).type
        if not is_number(kind):
            raise ConfigError(f"the weights in column {name!r} must be numbers; found {kind}.")


def _comparable(values: pd.Series) -> pd.Series:
    """Return values that sort; vectors sort as tuples."""
    vectors = len(values) and isinstance(values.iloc[0], np.ndarray)
    return values.map(tuple) if vectors else values


def refuse_missing(counts: pa.Table, keys: Sequence[str]) -> None:
    """Raise if a key is null, NaN or a list with a null; say in how many rows, what can be done."""
    for key in keys:
        missing = _is_missing(counts[key])
        rows = pc.sum(pc.filter(counts["count"], missing)).as_py() or 0
        if rows:
            total = pc.sum(counts["count"]).as_py()
            raise ConfigError(
                f"column {key.removeprefix(COPY)!r} is missing in {rows:,} of {total:,} rows. Give "
                "missing values a group of their own (for example fill them with 'unknown'), or "
                "leave those rows out and say so."
            )


def _is_missing(column: pa.ChunkedArray) -> pa.Array:
    missing = np.array(pc.is_null(column, nan_is_null=True))
    if is_list_of_numbers(column.type):
        lists, rows = column.drop_null().combine_chunks(), np.flatnonzero(~missing)
        of = pc.list_parent_indices(lists).filter(pc.list_flatten(lists).is_null())
        missing[rows[of.to_numpy()]] = True
    return pa.array(missing)


def refuse_missing_sum(counts: pa.Table, name: str) -> None:
    """Raise if weights are missing, which shows as a sum that is NaN."""
    bad = pc.is_null(counts[f"sum_{name}"], nan_is_null=True)
    if pc.any(bad).as_py():
        raise ConfigError(
            f"the weights in column {name!r} have missing or infinite values; fill or drop them."
        )
