"""Sums as integers: each row's value is rounded once to a stated grid.

Integers add up exactly in any order, so the engines agree to the bit, and noise on integers has no
floating-point leaks (Mironov 2012).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rai_scale.errors import ConfigError

_BITS = 28
"""Largest value in grid units: 2**28, so that 2**34 rows add up within 64 bits."""


@dataclass(frozen=True)
class Grid:
    """Values are ``units * 2**exponent``; clamped to ``lower`` and ``upper`` before rounding.

    Attributes
    ----------
    exponent : int
        The grid's step is ``2**exponent``, so that scaling is exact in floating point.
    lower, upper : float
        Bounds of a row's value, in the value's own unit.
    """

    exponent: int
    lower: float
    upper: float

    @property
    def step(self) -> float:
        """The distance between two neighbours of the grid, in the value's own unit."""
        return 2.0**self.exponent

    @property
    def largest(self) -> int:
        """By how many units one row can move a sum: the largest absolute value on the grid."""
        return max(abs(self.units(self.lower)), abs(self.units(self.upper)))

    def units(self, value: float) -> int:
        """Return a value within the bounds in units: the nearest integer (halves to even).

        The engines round the same double in the same way, and clamp before they do.
        """
        return round(value * 2.0**-self.exponent)

    def values(self, units: np.ndarray) -> np.ndarray:
        """Return sums in units as numbers: int64 where the step is 1, else float64."""
        if self.exponent == 0:
            return units.astype(np.int64)
        return units.astype(np.float64) * self.step


def grid_for(lower: float, upper: float, *, whole: bool) -> Grid:
    """Return the grid for values between two bounds.

    Parameters
    ----------
    lower, upper : float
        Finite bounds, ``lower <= upper``.
    whole : bool
        Whether values are integers: then the step of the grid is at least 1, and integers up
        to 2**28 are exact.

    Raises
    ------
    ConfigError
        If the bounds are not a range.
    """
    lower, upper = float(lower), float(upper)
    if not (math.isfinite(lower) and math.isfinite(upper) and lower <= upper):
        raise ConfigError("bounds must be finite numbers in ascending order.")
    largest = max(abs(lower), abs(upper))
    if largest == 0:
        return Grid(0, lower, upper)
    if largest > 2.0**200 or largest < 2.0**-200:
        raise ConfigError("bounds must be 0 or between 2**-200 and 2**200 in size.")
    exponent = math.frexp(largest)[1] - _BITS
    return Grid(max(exponent, 0) if whole else exponent, lower, upper)


def squares(grid: Grid, *, whole: bool) -> Grid:
    """Return the grid for the squares of values between the bounds of ``grid``."""
    low, high = sorted((grid.lower**2, grid.upper**2))
    return grid_for(0.0 if grid.lower < 0 < grid.upper else low, high, whole=whole)
