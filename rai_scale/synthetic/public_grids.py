"""Public grids: cells in which private numbers, dates and times are counted, and bins made of them.

The cells do not depend on the data: sixteenths of powers of 2 for numbers, months for dates and
times.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.arrow_types import kind_of_type
from rai_scale.synthetic.bins import Bins
from rai_scale.synthetic.domain import BINS_FOUND, Values

MOST_INTEGERS = 16
"""Up to this many integers, each within 32 of 0, are values of their own."""
_PARTS = 16
_POWERS = range(-20, 51)
_YEARS = range(1800, 2201)
_EPOCH = 1970 * 12
_RANGE_SIGNAL = 4.5
_DIGITS, _PLACES = 14, 6

Kind = Literal["int", "float", "date", "time"]


@dataclass(frozen=True)
class Grid:
    """Cells of the values of one column.

    Attributes
    ----------
    kind : str
        ``int``, ``float``, ``date`` or ``time``.
    lower : ndarray
        The lower bound of each narrow cell, ascending: numbers, or months since 1970. The first
        and the last cell also contain what is below and above.
    wide : ndarray of int
        The number of the wide cell that contains each narrow one.
    """

    kind: Kind
    lower: np.ndarray
    wide: np.ndarray

    SIGNAL: ClassVar[float] = 3.0
    """From this many standard deviations on, a noisy count shows that a cell is not empty."""

    def cells(self, column: pa.ChunkedArray) -> np.ndarray:
        """Return the number of each value's cell; nulls have any."""
        if self.kind in ("date", "time"):
            zone = getattr(column.type, "tz", None)
            micros = column.cast(pa.timestamp("us", zone), safe=False).cast(pa.int64())
            at = pc.fill_null(micros, 0).to_numpy().astype("datetime64[us]")
            values = at.astype("datetime64[M]").astype(np.int64).astype(float)
        else:
            values = pc.fill_null(column.cast(pa.float64(), safe=False), 0.0).to_numpy()
        found = np.searchsorted(self.lower, values, side="right") - 1
        return np.clip(found, 0, len(self.lower) - 1)

    def declared(
        self, wide: np.ndarray, narrow: np.ndarray, sigma: float, *, nullable: bool
    ) -> Values | Bins:
        """Return values or bins by noisy counts of the wide and of the narrow cells.

        Parameters
        ----------
        wide, narrow : ndarray of int64
        sigma : float
            The standard deviation of the noise of each count.
        nullable : bool
        """
        clear = np.flatnonzero(wide >= _RANGE_SIGNAL * sigma)
        clear = clear if len(clear) else np.array([wide.argmax()])
        inside = np.flatnonzero((self.wide >= clear[0]) & (self.wide <= clear[-1]))
        used = inside[narrow[inside] >= self.SIGNAL * sigma]
        if len(used):
            inside = np.arange(used[0], used[-1] + 1)
        if self.kind == "int" and 0 < len(used) <= MOST_INTEGERS and self._single(inside):
            return Values(tuple(int(n) for n in self.lower[used]), nullable=nullable)
        mass = np.maximum(narrow[inside], 0).astype(float)
        for one in np.unique(self.wide[inside]):  # wide cells have less noise in all
            own = self.wide[inside] == one
            weights = mass[own] if mass[own].any() else np.ones(own.sum())
            shown = wide[one] if wide[one] >= self.SIGNAL * sigma else 0
            mass[own] = shown * weights / weights.sum()
        mass = mass if mass.any() else np.ones(len(mass))
        mass = mass / mass.sum()
        ends = np.searchsorted(np.cumsum(mass), np.arange(1, BINS_FOUND) / BINS_FOUND)
        alone = np.flatnonzero(mass >= 1 / BINS_FOUND)  # such as the 0 of amounts
        places = [0, *(ends + 1), *alone, *(alone + 1), len(inside)]
        return self._bins(inside[0] + np.unique(np.minimum(places, len(inside))), nullable)

    def _single(self, cells: np.ndarray) -> bool:
        """Return whether each cell contains one integer."""
        return bool((np.append(self.lower, np.inf)[cells + 1] - self.lower[cells] == 1).all())

    def _bins(self, places: np.ndarray, nullable: bool) -> Bins:
        top = self.lower[-1] + (1 if self.kind in ("date", "time") else self.lower[-1])
        edges = np.append(self.lower, top)[places]
        if self.kind in ("date", "time"):
            found = tuple(_month(int(edge), self.kind) for edge in edges)
            return Bins(found, nullable=nullable)
        if self.kind == "int":
            numbers = [int(n) for n in edges]
            numbers[-1] -= numbers[-1] - numbers[-2] > 1  # the last bin contains its end
            return Bins(tuple(numbers), nullable=nullable)
        # decimal steps: edges and grid are compared as their decimal texts
        largest = math.ceil(math.log10(np.abs(edges).max()))
        digits = math.floor(math.log10(np.diff(edges).min())) - 2
        decimals = max(1, min(_PLACES, -max(digits, largest - _DIGITS)))
        rounded = np.unique(np.round(edges, decimals))
        step = float(f"1e-{decimals}")
        if len(rounded) == 1:
            rounded = np.append(rounded, rounded + step)
        return Bins(tuple(map(float, rounded)), grid=step, nullable=nullable)


def grid_of(kind: pa.DataType) -> Grid | None:
    """Return the grid of a column's type; None for texts."""
    found = kind_of_type(kind)
    if found in ("text", "bool"):
        return None
    if found in ("date", "time"):
        months = np.arange(_YEARS.start * 12, _YEARS.stop * 12)
        return Grid(
            "date" if found == "date" else "time",
            (months - _EPOCH).astype(float),
            months // 12 - _YEARS.start,
        )
    parts = np.arange(_PARTS) / _PARTS
    positive = np.concatenate([2.0**power * (1 + parts) for power in _POWERS])
    power, count = np.repeat(np.arange(len(_POWERS)), _PARTS), len(_POWERS)
    lower = np.concatenate([-positive[::-1], [0.0], positive])
    negative = [*(count - 1 - power[::-1][1:]), count - 1]  # a cell ends where the next one begins
    wide = np.concatenate([negative, [count], count + 1 + power])
    if found != "int":
        return Grid("float", lower, wide)
    whole, first = np.unique(np.ceil(lower), return_index=True)
    return Grid("int", whole, wide[first])


def _month(number: int, kind: str) -> datetime.date:
    year, month = divmod(number + _EPOCH, 12)
    return (datetime.datetime if kind == "time" else datetime.date)(year, month + 1, 1)
