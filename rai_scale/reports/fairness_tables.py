"""Views of a fairness page: combinations of features, the four-fifths rule, and drift."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rai_scale.reports.fairness_words import FIGURES, METRIC_MEANINGS
from rai_scale.reports.whiskers import axis_over, whisker

Record = Mapping[str, Any]

WORST_SHOWN, DRIFT_SHOWN = 10, 25
"""Maximum numbers of rows on the page; the tables of the result have all rows."""

CHANCE = 0.05
FOUR_FIFTHS = 0.8


def level_of(report: Record, row: Record) -> str:
    """Return the control level of a row as text; an empty text without control features."""
    names = report["settings"]["control_columns"]
    return ", ".join(f"{name.removesuffix('_')} = {row[name]}" for name in names)


def worst_view(report: Record) -> list[dict[str, Any]]:
    """Return, for each metric, the groups that differ most from the value over all rows."""
    table = report.get("worst_groups") or []
    views = []
    for name in dict.fromkeys(row["metric"] for row in table):
        rows = [row for row in table if row["metric"] == name]
        shown = rows[:WORST_SHOWN]
        share = any(row["low"] is not None for row in rows)
        figure = FIGURES[share]
        ends = [row[key] for row in shown for key in ("value", "low", "high", "overall")]
        axis = axis_over(ends)
        views.append(
            {
                "metric": name,
                "meaning": METRIC_MEANINGS.get(name, ""),
                "searched": len(rows),
                "sure": sum(bool(row["sure"]) for row in rows),
                "share": share,
                "axis": axis,
                "overall": figure.value(rows[0]["overall"]),
                "rows": [
                    {
                        **row,
                        "text": figure.value(row["value"]),
                        "range": figure.range(row["low"], row["high"]),
                        "apart": figure.signed(row["distance"]),
                        "chart": whisker(axis, row, row["overall"]),
                    }
                    for row in shown
                ],
            }
        )
    return views


def four_fifths_view(report: Record) -> list[dict[str, Any]]:
    """Return the selection rates divided by the highest one, by control level."""
    table = report.get("four_fifths") or []
    views = []
    for level in dict.fromkeys(level_of(report, row) for row in table):
        rows = [row for row in table if level_of(report, row) == level]
        axis = axis_over([*(r[k] for r in rows for k in ("ratio", "high", "low")), 0.0, 1.0])
        below = [row for row in rows if row["below"]]
        views.append(
            {
                "level": level,
                "axis": axis,
                "reference": rows[0]["reference"],
                "below": below,
                "certain": [r for r in below if r["high"] is not None and r["high"] < FOUR_FIFTHS],
                "rows": [
                    {
                        **row,
                        "text": FIGURES[False].value(row["ratio"]),
                        "range": FIGURES[False].range(row["low"], row["high"]),
                        "chart": whisker(axis, {**row, "value": row["ratio"]}, FOUR_FIFTHS),
                    }
                    for row in sorted(rows, key=lambda r: r["ratio"] or 0)
                ],
            }
        )
    return views


def drift_view(report: Record) -> dict[str, Any] | None:
    """Return the changes since an earlier run, significant ones first; None without such a run."""
    table = report.get("drift")
    if table is None:
        return None
    sure = [row for row in table if (row["p_holm"] or 1) < CHANCE]
    order = sorted(table, key=lambda r: ((r["p_holm"] or 1) >= CHANCE, -abs(r["change"] or 0)))
    figures = [FIGURES[row["z"] is not None] for row in order]
    return {
        "rows": [
            {
                **row,
                "level": level_of(report, row),
                "sure": (row["p_holm"] or 1) < CHANCE,
                "from": figure.value(row["previous"]),
                "to": figure.value(row["current"]),
                "by": figure.signed(row["change"]),
            }
            for row, figure in list(zip(order, figures, strict=True))[:DRIFT_SHOWN]
        ],
        "tested": sum(row["p_value"] is not None for row in table),
        "sure": sure,
        "left": max(0, len(table) - DRIFT_SHOWN),
        "other": [row for row in table if row["status"] != "compared"],
    }
