"""Dots with whiskers as inline SVG; positions are in per cent of the width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from typing import Any, NamedTuple

PAD = 4.0
"""Margin at either end, in per cent of the width."""

TICKS = 4
_SLACK = 1e-9


class PlotAxis(NamedTuple):
    """A linear axis: its ends, and the values of its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Return the position of a value, in per cent of the width; values outside are clipped."""
        inside = min(max(value, self.low), self.high)
        return round(PAD + (100 - 2 * PAD) * (inside - self.low) / (self.high - self.low), 2)

    @property
    def marks(self) -> list[tuple[float, str]]:
        """The positions of the ticks and their labels."""
        step = self.ticks[1] - self.ticks[0] if len(self.ticks) > 1 else 1.0
        digits = max(0, -floor(log10(step) + _SLACK))
        return [(self.at(tick), f"{tick:.{digits}f}") for tick in self.ticks]


UNIT = PlotAxis(0.0, 1.0, (0.0, 0.5, 1.0))


def axis_over(values: Sequence[float | None]) -> PlotAxis:
    """Return an axis with round ends that covers all values; 0 to 1 if there are none."""
    known = [v for v in values if v is not None]
    if not known:
        return UNIT
    low, high = min(known), max(known)
    if high - low < _SLACK:
        low, high = low - 0.05, high + 0.05
    step = _step((high - low) / TICKS)
    first, last = floor(low / step + _SLACK), ceil(high / step - _SLACK)
    ticks = tuple(round(i * step, 10) for i in range(first, last + 1))
    return PlotAxis(ticks[0], ticks[-1], ticks)


def _step(least: float) -> float:
    power = 10.0 ** floor(log10(least))
    return next(power * k for k in (1, 2, 5, 10) if power * k >= least * (1 - _SLACK))


def whisker(axis: PlotAxis, row: Mapping[str, Any], mark: float | None) -> dict[str, Any] | None:
    """Return the positions of the dot, the whisker and the vertical mark of a row.

    Parameters
    ----------
    axis : PlotAxis
    row : mapping
        ``value``, ``low`` and ``high``.
    mark : float or None
        Value at which a vertical line is drawn.

    Returns
    -------
    dict or None
        ``dot``, ``low``, ``high`` and ``mark`` in per cent of the width; None without a value.
    """
    if row.get("value") is None:
        return None
    ends = {"low": row.get("low"), "high": row.get("high")}
    if None in ends.values():
        ends = dict.fromkeys(ends)
    places = {"dot": row["value"], **ends, "mark": mark}
    return {name: None if value is None else axis.at(value) for name, value in places.items()}
