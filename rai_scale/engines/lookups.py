"""Columns of another table, found by a key: the table goes to the rows, or both are joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.arrow_types import is_text
from rai_scale.engines.frames import TEXT, arrow_to_frame, frame_to_arrow
from rai_scale.engines.shared_file import SharedFile
from rai_scale.engines.shared_object import load_object, publish_object
from rai_scale.errors import ConfigError
from rai_scale.names import quoted

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

PART = "rai_scale_part"
_SQL = {"int64": "BIGINT", "double": "DOUBLE", "decimal128(20, 0)": "DECIMAL(20, 0)"}


def key_type(left: pa.DataType, right: pa.DataType, names: tuple[str, str]) -> pa.DataType:
    """Return the type in which the keys of two tables are compared.

    Raises
    ------
    ConfigError
        If values of these types cannot be equal.
    """
    if is_text(left) and is_text(right):
        return pa.string()
    if pa.types.is_integer(left) and pa.types.is_integer(right):
        wide = pa.types.is_uint64(left) or pa.types.is_uint64(right)
        return pa.decimal128(20, 0) if wide else pa.int64()
    numbers = [pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in (left, right)]
    if all(numbers):  # integers with nulls are floats in pandas
        return pa.float64()
    if left == right:
        return left
    raise ConfigError(
        f"column {names[0]!r} has type {left}, but {names[1]!r}, in which it is looked up, has "
        f"type {right}. Cast one of them."
    )


def as_key(column: str, kind: pa.DataType) -> str:
    """Return the SQL of a key, in the type in which keys are compared."""
    known = _SQL.get(str(kind))
    return f"CAST({column} AS {known})" if known else column


def with_place(engine: Engine, data: Any, keys: Sequence[str]) -> Any:
    """Return a frame with the number by which equal keys meet; SQL of DuckDB.

    Equal numbers of all types have one hash. dask's own hash differs for 0.0 and -0.0, and even for
    equal texts with a zero character.
    """
    schema = engine.schema(data)

    def placed(key: str) -> str:
        kind = schema.field(key).type
        kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
        is_number = any(is_a(kind) for is_a in kinds)
        return f"CAST({quoted(key)} AS DOUBLE)" if is_number else quoted(key)

    number = f"CAST(hash({', '.join(map(placed, keys))}) >> 1 AS BIGINT)"
    return engine.with_expressions(data, {PART: number}, pa.schema([(PART, pa.int64())]))


class KeyIndex:
    """A table that is searched by its key, with a hash table that is built once.

    Parameters
    ----------
    keys : pyarrow.ChunkedArray
        Distinct; rows without a key are never found.
    kind : pyarrow.DataType
        The type in which keys are compared.
    """

    def __init__(self, keys: pa.ChunkedArray, kind: pa.DataType) -> None:
        known = np.asarray(keys.is_valid())
        self.kind = kind
        self.rows = np.flatnonzero(known)
        self.index = self._index(keys, known)

    def places(self, keys: pa.ChunkedArray) -> np.ndarray:
        """Return the row of each key in the table; -1 for none."""
        known = np.asarray(keys.is_valid())
        found = np.full(len(keys), -1)
        if len(self.rows) and known.any():
            place = self.index.get_indexer(self._index(keys, known))
            found[known] = np.where(place >= 0, self.rows[place], -1)
        return found

    def _index(self, keys: pa.ChunkedArray, known: np.ndarray) -> pd.Index:
        try:
            values = keys.filter(pa.array(known)).cast(self.kind)
        except pa.ArrowInvalid:
            raise ConfigError(
                "a key is an integer that no float holds, and the other table has floats. Make "
                "both integers, such as Int64 in pandas."
            ) from None
        if pa.types.is_integer(self.kind) or pa.types.is_floating(self.kind):
            return pd.Index(values.to_numpy())
        found = np.empty(len(values), dtype=object)
        found[:] = values.to_pylist()
        return pd.Index(found, dtype=object)


def taken(table: pa.Table, columns: tuple[str, ...], places: np.ndarray) -> pa.Table:
    """Return columns at the places; null at -1."""
    at = pa.array(places, mask=places < 0)
    return table.select(list(columns)).combine_chunks().take(at)


@dataclass(frozen=True)
class SentTable:
    """A table with its index, as it is sent to the workers."""

    index: KeyIndex
    table: pa.Table


@dataclass(frozen=True)
class LookUp:
    """Table function: columns of a table that was sent to the workers, by a key."""

    sent: SharedFile
    key: str
    columns: tuple[str, ...]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the columns for a batch."""
        given: SentTable = self.sent.load(load_object)
        return taken(given.table, self.columns, given.index.places(table[self.key]))


def with_lookup(
    engine: Engine, data: Any, table: Any, *, keys: tuple[str, str], columns: Sequence[str]
) -> Any:
    """Add columns of the row of another table that has the same key, null without one; lazy.

    A frame of Dask or Spark is joined, which may change the order of the rows. A pyarrow.Table is
    small: every task receives all of it.

    Parameters
    ----------
    engine : Engine
    data : frame of the engine
    table : frame of the engine or pyarrow.Table
        At most one row per key; a null is not a key.
    keys : tuple of (str, str)
        The column of the key in ``data``, and in ``table``.
    columns : sequence of str
        The columns of ``table`` to add, which ``data`` does not have.

    Raises
    ------
    ConfigError
        If the types of the keys cannot be compared.
    """
    small = isinstance(table, pa.Table)
    given = table.schema if small else engine.schema(table)
    kind = key_type(engine.schema(data).field(keys[0]).type, given.field(keys[1]).type, keys)
    outputs = pa.schema([given.field(name) for name in columns])
    if engine.joins and not small:
        return engine.with_joined(data, table, keys, kind, outputs)
    rows = table if small else engine.collect(table)
    sent = publish_object(engine, SentTable(KeyIndex(rows[keys[1]], kind), rows), "lookup.pickle")
    find = LookUp(sent, keys[0], tuple(columns))
    return engine.with_columns(data, find, outputs, inputs=[keys[0]], label="lookup")


def looked_up(
    frame: pd.DataFrame,
    other: pd.DataFrame,
    keys: tuple[str, str],
    kind: pa.DataType,
    outputs: pa.Schema,
) -> pd.DataFrame:
    """Return a partition with columns of the partition that has its keys; the index stays."""
    table = frame_to_arrow(other, [keys[1], *outputs.names])
    places = KeyIndex(table[keys[1]], kind).places(frame_to_arrow(frame, [keys[0]])[keys[0]])
    made = arrow_to_frame(taken(table, tuple(outputs.names), places).cast(outputs), TEXT)
    kept = frame.drop(columns=[PART])
    return kept.assign(**{name: made[name].set_axis(kept.index) for name in outputs.names})
