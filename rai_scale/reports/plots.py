"""Lines, steps and signed bars as inline SVG; the drawings stretch, the text keeps its size.

A drawing has a view box of 1000 by 1000 that is stretched to the available space. Labels are
positioned outside of it in per cent, so they keep their size at any width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from math import floor, log10
from typing import Any, NamedTuple

from rai_scale.reports.whiskers import PlotAxis, axis_over

SIZE = 1000
_THOUSAND, _MILLION = 1e4, 1e6
_HEATS = 5
Points = Sequence[tuple[float, float]]


class Plot(NamedTuple):
    """A drawing with its axes. Points are texts in the format of SVG.

    Attributes
    ----------
    x, y : PlotAxis
    line : str
        Points of the main line.
    lines : tuple of str
        Points of thin lines, such as those of single rows.
    band : str
        Points of the area around the main line; empty if there is none.
    zero : float or None
        Position of zero, in per cent from the top; None if it is outside of the axis.
    """

    x: PlotAxis
    y: PlotAxis
    line: str
    lines: tuple[str, ...] = ()
    band: str = ""
    zero: float | None = None

    @property
    def x_marks(self) -> list[tuple[float, str]]:
        """Positions of the labels below the plot, in per cent from the left, and the labels."""
        return marks_of(self.x)

    @property
    def y_marks(self) -> list[tuple[float, str]]:
        """Positions of the labels at the left, in per cent from the top, and the labels."""
        return [(round(100 - place, 2), label) for place, label in marks_of(self.y)]


def short(value: float, step: float) -> str:
    """Return a number as an axis label: ``0.25``, ``1,200``, ``50k``, ``1.5M``."""
    for least, unit, name in ((_MILLION, 1e6, "M"), (_THOUSAND, 1e3, "k")):
        if step >= least / 100 and abs(value) >= least:
            return f"{value / unit:g}{name}"
    digits = max(0, -floor(log10(step) + 1e-9)) if step > 0 else 0
    return f"{value:,.{digits}f}"


def marks_of(axis: PlotAxis) -> list[tuple[float, str]]:
    """Return the positions of the ticks of an axis, in per cent, with their labels."""
    step = axis.ticks[1] - axis.ticks[0] if len(axis.ticks) > 1 else 1.0
    return [(axis.at(tick), short(tick, step)) for tick in axis.ticks]


def line_plot(
    points: Points,
    *,
    lines: Sequence[Points] = (),
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
    x: PlotAxis | None = None,
    y: PlotAxis | None = None,
) -> Plot:
    """Return a line plot.

    Parameters
    ----------
    points : sequence of (float, float)
        The main line.
    lines : sequence of sequence of (float, float)
        Thin lines behind it.
    low, high : sequence of float, optional
        Ends of the band, one per point.
    x, y : PlotAxis, optional
        Axes; by default they cover everything that is drawn.
    """
    xs = [x for x, _ in points]
    every = [v for _, v in points] + [v for line in lines for _, v in line]
    y = y or axis_over([*every, *(low or ()), *(high or ())])
    x = x or axis_over(xs)
    band = ""
    if low is not None and high is not None:
        there = list(zip(xs, high, strict=True))
        back = list(zip(xs, low, strict=True))
        band = _points(x, y, [*there, *reversed(back)])
    thin = tuple(_points(x, y, line) for line in lines)
    return Plot(x, y, _points(x, y, points), thin, band, _zero(y))


def step_plot(
    edges: Sequence[float],
    values: Sequence[float],
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
) -> Plot:
    """Return a step function: ``values[i]`` between ``edges[i]`` and ``edges[i + 1]``."""
    points = _steps(edges, values)
    under = None if low is None else [v for _, v in _steps(edges, low)]
    over = None if high is None else [v for _, v in _steps(edges, high)]
    y = axis_over([*values, *(low or ()), *(high or ()), 0.0])
    return line_plot(points, low=under, high=over, y=y)


def _steps(edges: Sequence[float], values: Sequence[float]) -> list[tuple[float, float]]:
    return [(x, value) for i, value in enumerate(values) for x in (edges[i], edges[i + 1])]


def _points(x: PlotAxis, y: PlotAxis, points: Points) -> str:
    scale = SIZE / 100
    drawn = (f"{x.at(a) * scale:.0f},{SIZE - y.at(b) * scale:.0f}" for a, b in points)
    return " ".join(place for place, _ in groupby(drawn))  # many bins share a position


def _zero(y: PlotAxis) -> float | None:
    return round(100 - y.at(0.0), 2) if y.low < 0 < y.high else None


def signed_bar(axis: PlotAxis, value: float, error: float | None = None) -> dict[str, Any]:
    """Return a bar from zero to a value, and the ends of its error, in per cent of the width."""
    zero, end = axis.at(0.0), axis.at(value)
    return {
        **{"x": min(zero, end), "width": round(abs(end - zero), 2), "zero": zero},
        "sign": "up" if value >= 0 else "down",
        "low": axis.at(value - error) if error else None,
        "high": axis.at(value + error) if error else None,
    }


def heat_of(value: float, largest: float) -> int:
    """Return the colour step (0 to 5) of a value, relative to the largest one."""
    if largest <= 0:
        return 0
    return min(_HEATS, round(abs(value) / largest * _HEATS))


def figure(value: float | None, largest: float) -> str:
    """Return a number with as many decimals as the largest number of its column needs."""
    if value is None:
        return "–"
    digits = 3 if largest <= 0 else min(8, max(0, 2 - floor(log10(largest))))
    return f"{value:,.{digits}f}"


def signed(value: float | None, largest: float) -> str:
    """Return a number with its sign, using the minus sign (U+2212) so that columns align."""
    if value is None:
        return "–"
    text = figure(abs(value), largest)
    if not any(digit in text for digit in "123456789"):
        return text
    return ("+" if value > 0 else "\u2212") + text


def largest_of(rows: Sequence[Mapping[str, Any]], *names: str) -> float:
    """Return the largest absolute value under the named keys of records; 0 if there is none."""
    found = [abs(row[n]) for row in rows for n in names if row.get(n) is not None]
    return max(found, default=0.0)
