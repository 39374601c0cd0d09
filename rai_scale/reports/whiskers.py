"""Dots with whiskers as inline SVG, in per cent of the width: they stretch and stay round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from typing import Any, NamedTuple

PAD = 4.0
"""Per cent of the width that is left free at either end."""

TICKS = 4
_SLACK = 1e-9


class Axis(NamedTuple):
    """A linear scale and the values that are written below it."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Return where a value lies, in per cent of the width; held inside of the axis."""
        inside = min(max(value, self.low), self.high)
        return round(PAD + (100 - 2 * PAD) * (inside - self.low) / (self.high - self.low), 2)

    @property
    def marks(self) -> list[tuple[float, str]]:
        """The ticks with their labels."""
        step = self.ticks[1] - self.ticks[0] if len(self.ticks) > 1 else 1.0
        digits = max(0, -floor(log10(step) + _SLACK))
        return [(self.at(tick), f"{tick:.{digits}f}") for tick in self.ticks]


def axis_over(values: Sequence[float | None]) -> Axis:
    """Return an axis with round ends that holds all values; 0 to 1 where there are none."""
    known = [v for v in values if v is not None]
    if not known:
        return Axis(0.0, 1.0, (0.0, 0.5, 1.0))
    low, high = min(known), max(known)
    if high - low < _SLACK:
        low, high = low - 0.05, high + 0.05
    step = _step((high - low) / TICKS)
    first, last = floor(low / step + _SLACK), ceil(high / step - _SLACK)
    ticks = tuple(round(i * step, 10) for i in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks)


def _step(least: float) -> float:
    power = 10.0 ** floor(log10(least))
    return next(power * k for k in (1, 2, 5, 10) if power * k >= least * (1 - _SLACK))


def whisker(axis: Axis, row: Mapping[str, Any], mark: float | None) -> dict[str, Any] | None:
    """Return the places of dot, whisker and the vertical mark; None without a value."""
    if row.get("value") is None:
        return None
    low, high = row.get("low"), row.get("high")
    if low is None or high is None:
        low = high = None
    return {
        "dot": axis.at(row["value"]),
        "low": None if low is None else axis.at(low),
        "high": None if high is None else axis.at(high),
        "mark": None if mark is None else axis.at(mark),
    }
