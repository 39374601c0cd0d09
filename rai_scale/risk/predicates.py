"""Conditions on rows, such as "age at least 90 and zip equal to ...", counted over a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rai_scale.engines import engine_of
from rai_scale.risk.plain_columns import coded, is_ordered, ordered_array

Condition = tuple[str, str, Any]
"""A column, an operator (``==``, ``!=``, ``<=``, ``>=``, ``<``, ``>`` or ``null``), and a value."""
Predicate = tuple[Condition, ...]
_COUNTS = pa.schema([("predicate", pa.int64()), ("rows", pa.int64())])
_COMPARE = {
    "==": np.equal,
    "<=": np.less_equal,
    ">=": np.greater_equal,
    "<": np.less,
    ">": np.greater,
}


@dataclass(frozen=True)
class CountMatches:
    """Table function: the rows of a batch that satisfy each predicate.

    A null satisfies only ``null``.
    """

    predicates: tuple[Predicate, ...]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return ``predicate`` and ``rows``, for predicates with matches."""
        columns = {name: _Values.of(table[name]) for name in table.column_names}
        rows = np.zeros(len(self.predicates), np.int64)
        for at, predicate in enumerate(self.predicates):
            met = np.ones(table.num_rows, dtype=bool)
            for name, operator, value in predicate:
                met &= columns[name].satisfy(operator, value)
            rows[at] = met.sum()
        found = np.flatnonzero(rows)
        return pa.table([pa.array(found), pa.array(rows[found])], schema=_COUNTS)


@dataclass(frozen=True)
class _Values:
    values: np.ndarray
    null: np.ndarray
    codes: dict[Any, int] | None

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> _Values:
        if is_ordered(column.type):
            numbers = ordered_array(column)
            return cls(numbers, np.isnan(numbers), None)
        values, codes = coded(column)
        return cls(values, values < 0, codes)

    def satisfy(self, operator: str, value: Any) -> np.ndarray:
        """Return which rows satisfy a condition."""
        if operator == "null":
            return self.null
        wanted = value if self.codes is None else self.codes.get(value, -2)
        if operator == "!=":
            return (self.values != wanted) & ~self.null
        found: np.ndarray = _COMPARE[operator](self.values, wanted)
        return found & ~self.null


def count_matches(frame: Any, predicates: Sequence[Predicate]) -> np.ndarray:
    """Count the rows that satisfy each predicate, in one pass; executes.

    Returns
    -------
    ndarray of int64, shape (n_predicates,)
    """
    rows = np.zeros(len(predicates), np.int64)
    if not len(predicates):
        return rows
    engine = engine_of(frame)
    columns = sorted({name for predicate in predicates for name, _, _ in predicate})
    function = CountMatches(tuple(predicates))
    counts = engine.map_partitions(frame, function, _COUNTS, inputs=columns, label="predicates")
    found = engine.group_counts(counts, ["predicate"], ["rows"])
    rows[found["predicate"].to_numpy()] = found["sum_rows"].to_numpy().astype(np.int64)
    return rows
