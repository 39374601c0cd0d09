"""Columns as arrays that an attack compares: numbers and times as float64, all else as codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines import engine_of
from rai_scale.engines.arrow_types import is_number
from rai_scale.errors import ConfigError, check_columns


def is_ordered(kind: pa.DataType) -> bool:
    """Return whether values of a type are numbers, dates or times."""
    return is_number(kind) or pa.types.is_temporal(kind)


def ordered_array(column: pa.ChunkedArray) -> np.ndarray:
    """Return numbers or times as float64; null is NaN."""
    if pa.types.is_temporal(column.type):
        width = pa.int32() if column.type.bit_width == 32 else pa.int64()  # noqa: PLR2004
        column = pc.cast(pc.cast(column, width), pa.int64())
    found: np.ndarray = pc.cast(column, pa.float64(), safe=False).to_numpy()
    return found


def coded(column: pa.ChunkedArray) -> tuple[np.ndarray, dict[Any, int]]:
    """Return codes of values (-1 for null), and the code of each value."""
    codes, values = pd.factorize(np.array(column.to_pylist(), dtype=object))
    return codes, {value: code for code, value in enumerate(values)}


def comparable(frames: Sequence[tuple[str, Any]], columns: Sequence[str]) -> dict[str, bool]:
    """Return for each column whether its values are ordered, the same in all tables.

    Raises
    ------
    ConfigError
        If a column is nested, or of different kinds in two tables.
    MissingColumnError
        If a column does not exist.
    """
    found: dict[str, dict[str, pa.DataType]] = {name: {} for name in columns}
    for side, frame in frames:
        engine = engine_of(frame)
        check_columns(columns, engine.columns(frame))
        schema = engine.schema(engine.with_names(frame, {name: name for name in columns}))
        refuse_lists({name: schema.field(name).type for name in columns})
        for name in columns:
            found[name][side] = schema.field(name).type
    for name, kinds in found.items():
        if len({_kind(kind) for kind in kinds.values()}) > 1:
            types = ", ".join(f"{kind} in {side}" for side, kind in kinds.items())
            raise ConfigError(
                f"column {name!r} has different types ({types}). Give it the same type in all "
                "tables: a text never equals a number."
            )
    return {name: is_ordered(next(iter(kinds.values()))) for name, kinds in found.items()}


def _kind(kind: pa.DataType) -> str:
    if is_number(kind):
        return "number"
    return str(kind) if pa.types.is_temporal(kind) else "other"


def refuse_lists(types: Mapping[str, pa.DataType]) -> None:
    """Raise :class:`ConfigError` for columns of lists or other nested values."""
    for name, kind in types.items():
        if pa.types.is_nested(kind) or pa.types.is_interval(kind):
            raise ConfigError(
                f"column {name!r} has type {kind}, which cannot be compared. Make a column of one "
                "of its parts and use that."
            )


def attacked(
    original: Any, synthetic: Any, control: Any, names: Sequence[str]
) -> tuple[dict[str, Any], dict[str, bool], dict[str, int]]:
    """Return the tables of people, which columns are ordered, and the rows of all tables.

    Returns
    -------
    tuple of (dict, dict, dict)
        ``main`` and, if there is one, ``control`` to frames; names to whether values are ordered;
        ``original``, ``synthetic`` and ``control`` to their numbers of rows.

    Raises
    ------
    ConfigError
        If a column is of different kinds in two tables, or a table has no rows.
    MissingColumnError
        If a column does not exist.
    """
    people = {"main": original} | ({} if control is None else {"control": control})
    sides = {"original": original, "synthetic": synthetic}
    sides |= {} if control is None else {"control": control}
    ordered = comparable(list(sides.items()), names)
    return people, ordered, {side: row_count(side, frame) for side, frame in sides.items()}


def row_count(side: str, frame: Any) -> int:
    """Return the rows of a table; none are an error."""
    rows = int(sum(engine_of(frame).group_counts(frame, [])["count"].to_pylist()))
    if not rows:
        raise ConfigError(f"the {side} table has no rows.")
    return rows
