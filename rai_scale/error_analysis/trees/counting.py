"""Sums per node and value of a feature, counted by the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.arrow_types import is_number
from rai_scale.engines.choose import engine_of
from rai_scale.engines.counts import sum_name
from rai_scale.engines.dialect import Dialect
from rai_scale.engines.protocol import Engine
from rai_scale.error_analysis.column_kinds import check_used, double_sql, error_sql, loss_sql
from rai_scale.error_analysis.trees.bins import Bins
from rai_scale.error_analysis.trees.gradients import Sums
from rai_scale.errors import ConfigError
from rai_scale.statistics.cells import check_weights, counts_of
from rai_scale.statistics.score_bins import raise_missing_weight

NODE = "_rai_node"
ERROR = "_rai_error"
BIN = "_rai_bin"
LOSSES = {"mean_absolute_error": False, "mean_squared_error": True}
"""The metrics whose tree splits on losses, and whether these are squared."""


@dataclass(frozen=True)
class Roles:
    """The columns of an error analysis.

    Attributes
    ----------
    y_true, y_pred : str
    sample_weight : str, optional
    loss : str, optional
        A metric of ``LOSSES``; by default errors are counted.
    counts : bool
        Whether the weight is the number of rows that a row stands for.
    """

    y_true: str
    y_pred: str
    sample_weight: str | None = None
    loss: str | None = None
    counts: bool = False

    @property
    def named(self) -> list[str]:
        """The columns that are named."""
        weight = [] if self.sample_weight is None else [self.sample_weight]
        return [self.y_true, self.y_pred, *weight]

    @property
    def sums(self) -> list[str | tuple[str, ...]]:
        """What is summed up per group."""
        w = self.sample_weight
        square: list[str | tuple[str, ...]] = []
        if w is None:
            square = [] if self.loss is None else [(ERROR, ERROR)]
            return [ERROR, *square]
        square = [] if self.loss is None else [(w, ERROR, ERROR)]
        return [w, (w, ERROR), *square, (w, w)]

    def sql(self, dialect: Dialect, schema: pa.Schema) -> str:
        """Return the error or loss of a row as SQL."""
        labels = (self.y_true, self.y_pred)
        if self.loss is None:
            return error_sql(dialect, schema, labels)
        return loss_sql(dialect, schema, labels, squared=LOSSES[self.loss])


@dataclass(frozen=True)
class CountedFrame:
    """A frame of which sums are asked for, level by level.

    Attributes
    ----------
    engine : Engine
    data : frame of the engine
    roles : Roles
    binned : dict of str to tuple of float
        The upper bounds of features with too many values, by name.
    """

    engine: Engine
    data: Any
    roles: Roles
    binned: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, frame: Any, roles: Roles, features: Sequence[str]) -> CountedFrame:
        """Check the columns of a frame; pandas frames are converted once."""
        engine = engine_of(frame)
        names = list(dict.fromkeys([*features, *roles.named]))
        check_used(engine.schema(frame), names)
        data = engine.collect(frame[names]) if isinstance(frame, pd.DataFrame) else frame
        made = cls(engine, data, roles)
        if roles.sample_weight is not None:
            check_weights(made.schema, [roles.sample_weight])
        return made

    @cached_property
    def schema(self) -> pa.Schema:
        """The canonical schema of the frame."""
        return self.engine.schema(self.data)

    @property
    def dialect(self) -> Dialect:
        """The dialect of the engine."""
        return Dialect(self.engine.dialect)

    def at_nodes(self, node_sql: str | None = None) -> NodeFrame:
        """Return the frame with the error of each row, and its node if ``node_sql`` is given."""
        kind = "DOUBLE" if self.roles.loss else "BIGINT"
        new = {ERROR: f"CAST({self.roles.sql(self.dialect, self.schema)} AS {kind})"}
        kinds = {ERROR: pa.float64() if self.roles.loss else pa.int64(), NODE: pa.int64()}
        new |= {} if node_sql is None else {NODE: node_sql}
        outputs = pa.schema([(name, kinds[name]) for name in new])
        keys = () if node_sql is None else (NODE,)
        return NodeFrame(self, self.engine.with_expressions(self.data, new, outputs), keys)

    def with_bins(self, bounds: dict[str, tuple[float, ...]]) -> CountedFrame:
        """Return the frame with features that are counted by bins instead of values."""
        return replace(self, binned={**self.binned, **bounds})

    def bin_of(self, bins: Bins, feature: str, values: pa.ChunkedArray) -> np.ndarray:
        """Return the bin (int64) of each value that :meth:`NodeFrame.by_value` returned."""
        if feature not in self.binned:
            return bins.of(values)
        return np.asarray(values.fill_null(bins.count - 1).to_numpy().astype(np.int64))

    def bin_sql(self, feature: str) -> str:
        """Return the bin of a feature with too many values: null where it is missing."""
        column = double_sql(self.dialect, self.schema, feature)
        found = self._halved(column, self.binned[feature], 0)
        return f"CASE WHEN {column} IS NOT NULL THEN {found} END"

    def _halved(self, column: str, bounds: Sequence[float], first: int) -> str:
        if len(bounds) == 1:
            return self.dialect.integer(first)
        middle = len(bounds) // 2
        low = self._halved(column, bounds[:middle], first)
        high = self._halved(column, bounds[middle:], first + middle)
        bound = self.dialect.double(bounds[middle - 1])
        return f"CASE WHEN {column} <= {bound} THEN {low} ELSE {high} END"


@dataclass(frozen=True)
class NodeFrame:
    """A frame with the error of each row, and its node unless all rows are in one."""

    counted: CountedFrame
    data: Any
    keys: tuple[str, ...]

    def whole(self) -> Sums:
        """Return the sums over all rows; refuse missing labels and weights."""
        engine, roles = self.counted.engine, self.counted.roles
        counted = engine.group_counts(self.data, [], roles.sums)
        if not counted.num_rows or not counted["count"][0].as_py():
            raise ConfigError("the table has no rows, so there are no errors to analyse.")
        self._check(counted)
        return _sums(counted, roles).total()

    def by_node(self) -> tuple[np.ndarray, Sums]:
        """Return the nodes (int64; -1 for rows without a node) and their sums."""
        counted = self.counted.engine.group_counts(self.data, self.keys, self.counted.roles.sums)
        return _nodes(counted.column(0)), _sums(counted, self.counted.roles)

    def by_value(
        self, feature: str, limit: int | None = None
    ) -> tuple[np.ndarray, pa.ChunkedArray, Sums]:
        """Return the node (int64), the value or bin, and the sums of each group.

        Raises
        ------
        TooManyGroupsError
            If there are more than ``limit`` groups.
        """
        engine, roles, data, key = self.counted.engine, self.counted.roles, self.data, feature
        if feature in self.counted.binned:
            key, outputs = BIN, pa.schema([(BIN, pa.int64())])
            data = engine.with_expressions(data, {BIN: self.counted.bin_sql(feature)}, outputs)
        table = counts_of(engine, data, [*self.keys, key], roles.sums, limit)
        given = ["node"] if self.keys else []
        names = [*given, "value", *table.column_names[len(given) + 1 :]]
        table = table.rename_columns(names)  # a feature may be named count
        if self.keys:
            table = table.filter(table["node"].is_valid())
            return _nodes(table["node"]), table["value"], _sums(table, roles)
        return np.zeros(table.num_rows, np.int64), table["value"], _sums(table, roles)

    def _check(self, counted: pa.Table) -> None:
        roles, engine = self.counted.roles, self.counted.engine
        found = [counted[sum_name(name)].to_numpy() for name in roles.sums]
        if roles.sample_weight is not None:
            raise_missing_weight(found[0], roles.sample_weight)
        if not all(np.isfinite(values).all() for values in found):
            missing = f"{self.counted.dialect.column(ERROR)} IS NULL"
            rows = engine.group_counts(engine.where(self.data, missing), [])
            lost = int(rows["count"][0].as_py()) if rows.num_rows else 0
            if not lost:
                raise ConfigError("labels, predictions and weights must be finite numbers.")
            total = counted["count"][0].as_py()
            raise ConfigError(
                f"{roles.y_true!r} or {roles.y_pred!r} is missing in {lost:,} of {total:,} rows. "
                "Remove those rows first (where=...), and report it."
            )


def _nodes(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.fill_null(-1).to_numpy().astype(np.int64))


def _sums(table: pa.Table, roles: Roles) -> Sums:
    """Return the sums of a table of counts, whose count and sums are its last columns."""
    asked = [sum_name(name) for name in roles.sums]
    found = {name: table[name].to_numpy().astype(float) for name in asked}
    rows = table["count"].to_numpy().astype(np.int64)
    w = roles.sample_weight
    error = found[sum_name(ERROR if w is None else (w, ERROR))]
    square = error
    if roles.loss is not None:
        square = found[sum_name((ERROR, ERROR) if w is None else (w, ERROR, ERROR))]
    if w is None:
        return Sums(rows, rows.astype(float), error, square, rows.astype(float))
    if roles.counts:
        weight = found[sum_name(w)]
        return Sums(np.rint(weight).astype(np.int64), weight, error, error, weight)
    return Sums(rows, found[sum_name(w)], error, square, found[sum_name((w, w))])


def refuse_type(schema: pa.Schema, name: str) -> None:
    """Raise if a feature has neither numbers, text nor true and false."""
    kind = schema.field(name).type
    if not (is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind)):
        raise ConfigError(
            f"feature {name!r} has type {kind}; a tree needs numbers, text or true and false. Make "
            "a column of one of its parts, such as the year of a date."
        )
