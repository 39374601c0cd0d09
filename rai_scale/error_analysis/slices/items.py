"""Items: one value, or one range of values, of one feature; and counts of their combinations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.error_analysis.cohorts.conditions import (
    AllOf,
    Compare,
    Condition,
    Missing,
    Not,
)
from rai_scale.error_analysis.trees.counting import ERROR, CountedFrame
from rai_scale.error_analysis.trees.features import MOST_VALUES
from rai_scale.errors import ConfigError, TooManyGroupsError
from rai_scale.statistics.cells import MAX_CELLS
from rai_scale.statistics.quantiles import Distribution, distribution
from rai_scale.statistics.score_bins import as_floats

KEY = "_rai_k"
MOST_ITEMS = 1_000
"""The most values of a categorical feature."""


@dataclass(frozen=True)
class Items:
    """The items of a feature.

    Attributes
    ----------
    feature : str
    conditions : tuple of Condition
    values : pyarrow.Array
        The value of the counted column for each item, null for missing.
    """

    feature: str
    conditions: tuple[Condition, ...]
    values: pa.Array

    @property
    def count(self) -> int:
        """The number of items."""
        return len(self.conditions)

    def codes(self, column: pa.ChunkedArray) -> np.ndarray:
        """Return the item (int64) of each value."""
        found = pc.index_in(_plain(column), value_set=self.values)
        return np.asarray(found.to_numpy().astype(np.int64))


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column with null instead of NaN, and without a negative zero."""
    if not pa.types.is_floating(column.type):
        return column
    column = pc.add(column, pa.scalar(0.0, column.type))
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


@dataclass(frozen=True)
class ItemFrame:
    """A frame whose features are items.

    Attributes
    ----------
    counted : CountedFrame
    items : list of Items
    data : frame of the engine
        With one column per feature (``_rai_k0``, ...) and the error.
    """

    counted: CountedFrame
    items: list[Items]
    data: Any

    def where(self, condition: str) -> ItemFrame:
        """Return the rows for which a condition of SQL holds."""
        return replace(self, data=self.counted.engine.where(self.data, condition))

    def counts(self, features: Sequence[int], limit: int | None = None) -> tuple[np.ndarray, ...]:
        """Return codes (cells, features), rows and errors of the combinations that occur.

        Raises
        ------
        TooManyGroupsError
            If there are more than ``limit`` of them.
        """
        keys = [f"{KEY}{at}" for at in features]
        table = self.counted.engine.group_counts(self.data, keys, [ERROR], limit)
        codes = [self.items[at].codes(table[key]) for at, key in zip(features, keys, strict=True)]
        rows = table["count"].to_numpy().astype(np.int64)
        return np.stack(codes, axis=1), rows, table[f"sum_{ERROR}"].to_numpy()

    def cells(self) -> tuple[np.ndarray, ...] | None:
        """Return the counts of all features together; None if there are too many."""
        try:
            return self.counts(range(len(self.items)), MAX_CELLS)
        except TooManyGroupsError:
            return None


def item_frame(
    counted: CountedFrame, features: Sequence[str], categorical: Sequence[str], bins: int
) -> ItemFrame:
    """Count the values of each feature and make its items.

    Numbers with more than ``bins`` values are divided at quantiles, unless they are categorical.

    Raises
    ------
    ConfigError
        If a categorical feature has more than 1,000 values.
    """
    root = counted.at_nodes()
    found, bounds = [], {}
    for feature in features:
        number = not pa.types.is_string(counted.schema.field(feature).type)
        binned = number and feature not in categorical
        try:
            _, values, sums = root.by_value(feature, MOST_VALUES if binned else MOST_ITEMS)
        except TooManyGroupsError:
            if not binned:
                raise ConfigError(
                    f"the categorical feature {feature!r} has more than {MOST_ITEMS:,} values. "
                    "Leave it out, or group its values first."
                ) from None
            shape = distribution(counted.engine, counted.data, feature)
            edges = _quantiles(shape, bins)
            bounds[feature] = (*edges, math.inf)
            found.append(items_between(feature, edges, missing=shape.missing > 0))
            continue
        known = _plain(values).unique().drop_null()
        if binned and len(known) > bins:
            edges = _edges(as_floats(values), sums.rows, bins)
            bounds[feature] = (*edges, math.inf)
            found.append(items_between(feature, edges, missing=_plain(values).null_count > 0))
        else:
            found.append(_of_values(feature, known, missing=_plain(values).null_count > 0))
    counted = counted.with_bins(bounds)
    kinds = {f"{KEY}{at}": own.values.type for at, own in enumerate(found)}
    sql = {
        f"{KEY}{at}": counted.bin_sql(own.feature)
        if own.feature in bounds
        else counted.dialect.column(own.feature)
        for at, own in enumerate(found)
    }
    data = counted.at_nodes().data
    made = counted.engine.with_expressions(data, sql, pa.schema(list(kinds.items())))
    return ItemFrame(counted, found, made)


def _edges(values: np.ndarray, rows: np.ndarray, bins: int) -> list[float]:
    known = np.isfinite(values)
    order = np.argsort(values[known])
    value, count = values[known][order], rows[known][order]
    return _quantiles(Distribution(value, count, float(value[0]), float(value[-1]), 0), bins)


def _quantiles(shape: Distribution, bins: int) -> list[float]:
    edges = np.unique(shape.percentile(np.arange(1, bins) * 100 / bins))
    return [float(edge) for edge in edges if edge < shape.high]


def items_between(feature: str, edges: Sequence[float], *, missing: bool) -> Items:
    """Return the ranges between some bounds; a value equal to one belongs to the lower range."""
    conditions: list[Condition] = []
    for low, high in pairwise([None, *edges, None]):
        parts: list[Condition] = [] if low is None else [Compare(feature, ">", low)]
        parts += [] if high is None else [Compare(feature, "<=", high)]
        conditions.append(joined_parts(parts) if parts else Not(Missing(feature)))
    codes = [*range(len(conditions)), *([None] if missing else [])]
    conditions += [Missing(feature)] if missing else []
    return Items(feature, tuple(conditions), pa.array(codes, pa.int64()))


def joined_parts(parts: Sequence[Condition]) -> Condition:
    """Return one condition for several that all hold."""
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _of_values(feature: str, known: pa.Array, *, missing: bool) -> Items:
    known = known.take(pc.sort_indices(known))
    values = known.to_pylist()
    conditions: list[Condition] = [Compare(feature, "=", value) for value in values]
    conditions += [Missing(feature)] if missing else []
    held = pa.array([*values, *([None] if missing else [])], known.type)
    return Items(feature, tuple(conditions), held)


def items_of_values(counted: CountedFrame, feature: str, most: int | None) -> Items | None:
    """Return one item per value; None for numbers with more than ``most`` values.

    Raises
    ------
    ConfigError
        If a categorical feature has more than 1,000 values.
    """
    number = not pa.types.is_string(counted.schema.field(feature).type) and most is not None
    limit = most + 2 if number and most is not None else MOST_ITEMS
    try:
        _, values, _ = counted.at_nodes().by_value(feature, limit)
    except TooManyGroupsError:
        if number:
            return None
        raise ConfigError(
            f"the categorical feature {feature!r} has more than {MOST_ITEMS:,} values. Leave it "
            "out, or group its values first."
        ) from None
    plain = _plain(values)
    known = plain.unique().drop_null()
    if number and most is not None and len(known) > most:
        return None
    return _of_values(feature, known, missing=plain.null_count > 0)
