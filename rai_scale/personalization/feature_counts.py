"""Counts of features and sensitive attributes, by the engine, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.arrow_types import is_number
from rai_scale.engines.dialect import Dialect
from rai_scale.engines.protocol import Engine
from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS
from rai_scale.errors import TooManyGroupsError
from rai_scale.personalization.feature_association import (
    correlation_ratio,
    cramers_v,
    mutual_information,
    p_value,
)
from rai_scale.statistics.cells import MAX_CELLS, counts_of
from rai_scale.statistics.multiple_tests import holm
from rai_scale.statistics.quantiles import column_ranges

# all texts of SQL in this module are made of fixed names and quoted columns
# ruff: noqa: S608

MANY_VALUES = 50
_BINNED = "rai_scale_bin_{}"


def associations(
    engine: Engine,
    frame: Any,
    features: Sequence[str],
    levels: Mapping[str, list[Any]],
    *,
    bins: int,
    person: str | None,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the association of each feature with each sensitive one, strongest first, and notes.

    Parameters
    ----------
    engine : Engine
    frame : frame of the engine
    features : sequence of str
    levels : mapping of str to list
        The values of each sensitive feature that have enough rows.
    bins : int
        Bins of numbers with many values.
    person : str or None
        The column of the person, if people are counted.
    """
    ranges, data = _ranges(engine, frame, features, bins)
    rows: list[dict[str, Any]] = []
    notes = []
    for at, feature in enumerate(features):
        key = _BINNED.format(at) if feature in ranges.index else feature
        for name, values in levels.items():
            try:
                table = _counted(engine, data, key, name, person)
            except TooManyGroupsError:
                notes.append(f"{feature!r} has too many values and was not compared.")
                break
            counts = _crossed(table, values)
            rows.append(
                {
                    "feature": feature,
                    "sensitive": name,
                    "cramers_v": cramers_v(counts),
                    "mutual_information": mutual_information(counts),
                    "correlation_ratio": math.nan,
                    "p_value": p_value(counts),
                    "rows": int(counts.sum()),
                }
            )
    _add_ratios(engine, data, rows, features, levels)
    found = pd.DataFrame(
        rows,
        columns=["feature", "sensitive", "cramers_v", "mutual_information", "correlation_ratio",
                 "p_value", "rows"],
    )  # fmt: skip
    found.insert(6, "p_adjusted", holm(found["p_value"].to_numpy(float)))
    order = ["cramers_v", "mutual_information"]
    return found.sort_values(order, ascending=False, ignore_index=True), tuple(notes)


def _counted(engine: Engine, data: Any, key: str, name: str, person: str | None) -> pa.Table:
    """Return the rows, or the people, per value of a feature and of a sensitive one."""
    if person is None:
        return counts_of(engine, data, [key, name], limit=MAX_CELLS)
    data = engine.with_names(data, {key: "f", name: "s", person: "p"})
    whole = engine.sql_sees_all
    part = "" if whole else ", CAST(hash(p) >> 1 AS BIGINT) AS part"
    rows = f"SELECT f, s, p{part} FROM {SQL_DATA} WHERE p IS NOT NULL"
    totals = (
        f"SELECT f, s, CAST(count(DISTINCT p) AS BIGINT) AS n FROM {SQL_ROWS} GROUP BY f, s "
        f"LIMIT {MAX_CELLS + 1}"
    )
    together = [] if whole else ["part"]
    table = engine.aggregate_sql(data, rows, totals, keys=["f", "s"], together=together)
    if table.num_rows > MAX_CELLS:
        raise TooManyGroupsError([key, name], MAX_CELLS)
    return table


def _ranges(
    engine: Engine, frame: Any, features: Sequence[str], bins: int
) -> tuple[pd.DataFrame, Any]:
    """Return the ranges of numbers with many values, and the frame with their bins."""
    schema = engine.schema(frame)
    numbers = [name for name in features if is_number(schema.field(name).type)]
    if not numbers:
        return pd.DataFrame(), frame
    ranges = column_ranges(engine, frame, numbers)
    wide = ranges[ranges["high"] - ranges["low"] >= MANY_VALUES]
    floats = [n for n in numbers if pa.types.is_floating(schema.field(n).type)]
    wide = pd.concat([wide, ranges.loc[[n for n in floats if n not in wide.index]]])
    wide = wide[wide["high"] > wide["low"]]
    dialect, expressions = Dialect(engine.dialect), {}
    for row in wide.reset_index(names="name").to_dict("records"):
        width = float((row["high"] - row["low"]) / bins)
        value = f"(CAST({dialect.column(row['name'])} AS DOUBLE) - {dialect.double(row['low'])})"
        place = f"floor({value} / {dialect.double(width)})"
        key = _BINNED.format(features.index(row["name"]))
        expressions[key] = f"CAST(least({place}, {bins - 1}) AS BIGINT)"
    if not expressions:
        return wide, frame
    outputs = pa.schema([(name, pa.int64()) for name in expressions])
    return wide, engine.with_expressions(frame, expressions, outputs)


def _crossed(table: pa.Table, values: Sequence[Any]) -> np.ndarray:
    """Return the counts of a feature (rows) and the values of an attribute (columns)."""
    found: dict[Any, np.ndarray] = {}
    at = {value: n for n, value in enumerate(values)}
    columns = (table.column(n).to_pylist() for n in range(3))
    for feature, value, count in zip(*columns, strict=True):
        if value in at:
            found.setdefault(feature, np.zeros(len(values)))[at[value]] += count
    return np.stack([*found.values()])


def _add_ratios(
    engine: Engine,
    data: Any,
    rows: list[dict[str, Any]],
    features: Sequence[str],
    levels: Mapping[str, list[Any]],
) -> None:
    schema = engine.schema(data)
    numbers = [name for name in features if is_number(schema.field(name).type)]
    if not numbers:
        return
    for name, values in levels.items():
        table = counts_of(engine, data, [name], [s for n in numbers for s in (n, (n, n))])
        kept = [value in values for value in table.column(0).to_pylist()]
        table = table.filter(pa.array(kept))
        count = table.column(1).to_numpy().astype(float)
        for n, feature in enumerate(numbers):
            total, squares = (table.column(2 + 2 * n + k).to_numpy() for k in range(2))
            for row in rows:
                if (row["feature"], row["sensitive"]) == (feature, name):
                    row["correlation_ratio"] = correlation_ratio(count, total, squares)
