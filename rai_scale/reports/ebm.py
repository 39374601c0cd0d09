"""The page of an Explainable Boosting Machine: its terms, their shapes, and its performance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rai_scale.reports.checks import RUN, check_report, finite, keys
from rai_scale.reports.heat import heat_table
from rai_scale.reports.html import render
from rai_scale.reports.plots import figure, largest_of, line_plot, signed, signed_bar, step_plot
from rai_scale.reports.whiskers import UNIT, axis_over, whisker

Record = Mapping[str, Any]

EBM: dict[str, Any] = {
    **keys("title notes"),
    "run": {key: None for key in RUN if key != "started"},
    "settings": keys("features y_true task unit"),
    "summary": keys("terms"),
    "importance": [keys("term value")],
    "shapes": [keys("term kind")],
    "performance": [keys("group metric value")],
    "method": keys("limits"),
}
TERMS_SHOWN, SHAPES_SHOWN, PAIRS_SHOWN, LEVELS_SHOWN = 25, 24, 12, 12
CURVES_SHOWN = 8


def render_ebm(report: Record) -> str:
    """Return the HTML page of a trained glassbox model.

    Parameters
    ----------
    report : mapping
        ``title``, ``run``, ``settings`` (``features``, ``y_true``, ``task``, ``unit`` of the
        scores in words), ``summary`` (``terms``; ``rows`` and ``shards`` if they are public),
        ``importance`` (``term``, ``value``), ``shapes`` (``term``, ``kind`` of steps | levels |
        heat, ``class``; ``edges`` or ``levels``, ``values``, ``low``, ``high``; ``left``,
        ``right`` for a heat map), ``performance`` (``group``, ``rows``, ``metric``, ``value``,
        ``low``, ``high``), ``method`` and ``notes``. Optional: ``curves`` (``kind`` of roc | pr,
        ``group``, ``points``), ``rules`` (a tree as text), and in ``settings`` the ``kind`` of the
        model and a caption for ``importance``.

    Raises
    ------
    ConfigError
        If a required key is missing or a value is invalid.
    """
    check_report(report, EBM, "ebm")
    return render("ebm.html.j2", report, view=ebm_view(finite(report)))


def ebm_view(report: Record) -> dict[str, Any]:
    """Return the parts of the page."""
    importance = sorted(report["importance"], key=lambda row: -row["value"])
    largest = largest_of(importance, "value")
    axis = axis_over([0.0, largest])
    order = {row["term"]: number for number, row in enumerate(importance)}
    shapes = sorted(report["shapes"], key=lambda shape: order.get(shape["term"], len(order)))
    single = [shape for shape in shapes if shape["kind"] != "heat"]
    pairs = [shape for shape in shapes if shape["kind"] == "heat"]
    return {
        "axis": axis,
        "importance": [
            {**row, "text": figure(row["value"], largest), "bar": signed_bar(axis, row["value"])}
            for row in importance[:TERMS_SHOWN]
        ],
        "terms_left": max(0, len(importance) - TERMS_SHOWN),
        "shapes": [_shape(shape) for shape in single[:SHAPES_SHOWN]],
        "pairs": [_shape(shape) for shape in pairs[:PAIRS_SHOWN]],
        "shapes_left": max(0, len(single) - SHAPES_SHOWN) + max(0, len(pairs) - PAIRS_SHOWN),
        "performance": _performance(report["performance"]),
        "roc": _curves(report, "roc"),
        "pr": _curves(report, "pr"),
    }


def _shape(shape: Record) -> dict[str, Any]:
    if shape["kind"] == "steps":
        plot = step_plot(shape["edges"], shape["values"], shape.get("low"), shape.get("high"))
        return {**shape, "plot": plot}
    if shape["kind"] == "levels":
        return {**shape, **_levels(shape)}
    return {**shape, **heat_table(shape["left"], shape["right"], shape["values"])}


def _levels(shape: Record) -> dict[str, Any]:
    values = shape["values"]
    low, high = (shape.get(name) or [None] * len(values) for name in ("low", "high"))
    largest = max(map(abs, values), default=0.0)
    axis = axis_over([0.0, *values, *low, *high])
    rows = [
        {
            "level": level,
            "value": value,
            "text": signed(value, largest),
            "chart": whisker(axis, {"value": value, "low": a, "high": b}, 0.0),
        }
        for level, value, a, b in zip(shape["levels"], values, low, high, strict=True)
    ]
    rows.sort(key=lambda row: -abs(row["value"]))
    return {"axis": axis, "rows": rows[:LEVELS_SHOWN], "left": max(0, len(rows) - LEVELS_SHOWN)}


def _performance(rows: Sequence[Record]) -> list[dict[str, Any]]:
    views = []
    for name in dict.fromkeys(row["metric"] for row in rows):
        own = [row for row in rows if row["metric"] == name]
        axis = axis_over([row.get(key) for row in own for key in ("value", "low", "high")])
        largest = largest_of(own, "value", "high")
        overall = next((row["value"] for row in own if not row["group"]), None)
        shown = [
            {**r, "text": figure(r["value"], largest), "chart": whisker(axis, r, overall)}
            for r in own
        ]
        views.append({"metric": name, "axis": axis, "rows": shown})
    return views


def _curves(report: Record, kind: str) -> list[dict[str, Any]]:
    """Return one plot per group; the curve of all rows is a thin line in it."""
    curves = [curve for curve in report.get("curves") or [] if curve["kind"] == kind]
    whole = [curve["points"] for curve in curves if not curve["group"]]
    thin = [(curve, whole if curve["group"] else []) for curve in curves[: CURVES_SHOWN + 1]]
    return [
        {**curve, "plot": line_plot(curve["points"], lines=lines, x=UNIT, y=UNIT)}
        for curve, lines in thin
    ]
