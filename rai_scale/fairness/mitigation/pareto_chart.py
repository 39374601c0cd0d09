"""The chart of performance against disparity, as SVG in a self-contained page."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

WIDTH, HEIGHT, LEFT, BOTTOM, EDGE = 640, 400, 70, 50, 20
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem;border-bottom:1px solid #ccc;"
    "text-align:right}td:first-child,th:first-child{text-align:left}"
)


@dataclass(frozen=True)
class Axes:
    """The numbers on the two axes."""

    performance: str
    disparity: str
    higher_is_better: bool = True

    @property
    def title(self) -> str:
        """The chart's title, escaped."""
        return escape(f"{self.performance} against {self.disparity}")


def pareto_svg(table: pd.DataFrame, axes: Axes) -> str:
    """Return the chart: disparity to the right, performance up.

    ``table`` has ``candidate``, ``performance``, ``disparity``, ``pareto_optimal`` and ``chosen``.
    Optimal candidates are filled and connected; the chosen one has a ring and its name.
    """
    across, up = _Axis(table["disparity"]), _Axis(table["performance"])
    points = pd.DataFrame(
        {
            "x": LEFT + across.place(table["disparity"]) * (WIDTH - LEFT - EDGE),
            "y": HEIGHT - BOTTOM - up.place(table["performance"]) * (HEIGHT - BOTTOM - EDGE),
        }
    )
    parts = [*_axes(across, up, axes), _front(table, points)]
    for row, x, y in zip(table.to_dict("records"), points["x"], points["y"], strict=True):
        parts.append(_point(row, x, y))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="system-ui,sans-serif" font-size="12"><title>{axes.title}</title>'
        + "".join(parts)
        + "</svg>"
    )


def pareto_page(table: pd.DataFrame, axes: Axes, rule: str) -> str:
    """Return a self-contained page with chart, rule and table."""
    title = axes.title
    chosen = escape(str(table.loc[table["chosen"], "candidate"].iloc[0]))
    heads = "".join(
        f"<th>{escape(h)}</th>"
        for h in ("candidate", axes.performance, axes.disparity, "Pareto-optimal", "chosen")
    )
    rows = "".join(_row(row) for row in table.to_dict("records"))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body><h1>{title}</h1>"
        f"<p>Chosen: <strong>{chosen}</strong>, by the rule: {escape(rule)}. A candidate is "
        "Pareto-optimal if no other is at least as good in both and better in one. The choice "
        "among them is a decision for people who know the application; differences between "
        "neighbouring candidates may be within sampling error.</p>"
        f"{pareto_svg(table, axes)}"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></body></html>"
    )


class _Axis:
    """Maps values to 0..1 with a margin, and labels some ticks."""

    def __init__(self, values: pd.Series) -> None:
        low, high = float(values.min()), float(values.max())
        margin = 0.05 * (high - low) or 0.05 * max(abs(high), 1e-6)
        self.low, self.high = low - margin, high + margin

    def place(self, values: Any) -> Any:
        return (values - self.low) / (self.high - self.low)

    def ticks(self) -> list[tuple[float, str]]:
        digits = max(0, 2 - int(np.floor(np.log10(self.high - self.low))))
        found = np.linspace(self.low, self.high, 7)[1:-1]
        return [
            (float(p), f"{v:.{digits}f}") for p, v in zip(self.place(found), found, strict=True)
        ]


def _axes(across: _Axis, up: _Axis, axes: Axes) -> list[str]:
    floor, right = HEIGHT - BOTTOM, WIDTH - EDGE
    parts = [f'<path d="M{LEFT} {EDGE}V{floor}H{right}" fill="none" stroke="#888"/>']
    for place, text in across.ticks():
        x = LEFT + place * (right - LEFT)
        parts.append(f'<text x="{x:.1f}" y="{floor + 16}" text-anchor="middle">{text}</text>')
    for place, text in up.ticks():
        y = floor - place * (floor - EDGE)
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    middle = (LEFT + right) / 2
    low, name = f'y="{HEIGHT - 10}" text-anchor="middle"', escape(axes.disparity)
    parts.append(f'<text x="{middle:.1f}" {low}>{name} (lower is better)</text>')
    turn = f'transform="translate(14 {(floor + EDGE) / 2:.1f}) rotate(-90)"'
    name = (
        f"{escape(axes.performance)} ({'higher' if axes.higher_is_better else 'lower'} is better)"
    )
    parts.append(f'<text {turn} text-anchor="middle">{name}</text>')
    return parts


def _front(table: pd.DataFrame, points: pd.DataFrame) -> str:
    front = points[table["pareto_optimal"].to_numpy()].sort_values("x")
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in front.to_numpy())
    return f'<polyline points="{path}" fill="none" stroke="#0b6e99" stroke-dasharray="4 3"/>'


def _point(row: dict[Any, Any], x: float, y: float) -> str:
    name = escape(str(row["candidate"]))
    fill = "#0b6e99" if row["pareto_optimal"] else "none"
    text = f"{name}: {row['performance']:.6f}, {row['disparity']:.6f}"
    dot = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{fill}" stroke="#0b6e99">'
        f"<title>{text}</title></circle>"
    )
    if not row["chosen"]:
        return dot
    ring = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="none" stroke="#b00020"/>'
    side, anchor = (-14, "end") if x > WIDTH / 2 else (14, "start")
    label = f'<text x="{x + side:.1f}" y="{y + 4:.1f}" text-anchor="{anchor}">{name}</text>'
    return dot + ring + label


def _row(row: dict[Any, Any]) -> str:
    marks = ["yes" if row[key] else "" for key in ("pareto_optimal", "chosen")]
    cells = [str(row["candidate"]), f"{row['performance']:.6f}", f"{row['disparity']:.6f}", *marks]
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
