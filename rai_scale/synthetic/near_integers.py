"""Codes of integers within a short range, in a quarter of the time of Arrow's hash table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_SHORT, _INT64 = 65_536, np.iinfo(np.int64)


@dataclass(frozen=True)
class NearIntegers:
    """The code of each integer from ``first`` on; the ends stand for all numbers beyond them."""

    first: int
    places: np.ndarray

    def codes(self, column: pa.ChunkedArray, null: int) -> np.ndarray:
        """Return the code of each row of a column of signed integers, int64."""
        numbers = pc.fill_null(column, 0).to_numpy().astype(np.int64)
        numbers -= self.first  # what wraps around is beyond the range, too
        found: np.ndarray = self.places.take(numbers, mode="clip")
        if column.null_count:
            found[np.asarray(pc.is_null(column))] = null
        return found


def near_integers(values: Sequence[Any], unknown: int) -> NearIntegers | None:
    """Return the codes of declared values, if all are integers within a short range."""
    if not values or not all(type(value) is int for value in values):
        return None
    least, most = min(values), max(values)
    if most - least > _SHORT or not _INT64.min < least <= most < _INT64.max:
        return None
    places = np.full(most - least + 3, unknown)
    places[np.array(values) - (least - 1)] = np.arange(len(values))
    return NearIntegers(least - 1, places)
