"""The page of a fairness assessment: checks first, then each metric by group with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rai_scale.reports.checks import RUN, check_report, finite, keys
from rai_scale.reports.fairness_tables import drift_view, four_fifths_view, level_of, worst_view
from rai_scale.reports.fairness_words import (
    DISPARITY_MEANINGS,
    FIGURES,
    METRIC_MEANINGS,
    gap_reading,
    gate_reading,
)
from rai_scale.reports.html import render
from rai_scale.reports.whiskers import UNIT, PlotAxis, axis_over, whisker

Record = Mapping[str, Any]

FAIRNESS: dict[str, Any] = {
    **keys("title notes"),
    "run": RUN,
    "settings": keys("sensitive_features control_columns confidence n_boot small_group"),
    "summary": keys("rows groups groups_small groups_hidden"),
    "by_group": [keys("group metric value rows low")],
    "overall": [keys("metric value")],
    "disparities": [keys("disparity metrics value low")],
}
PRIVATE_FAIRNESS: dict[str, Any] = {
    **FAIRNESS,
    "run": {name: None for name in RUN if name != "started"},
    "settings": {**FAIRNESS["settings"], "privacy": keys("privacy_unit noise scale max_rows")},
}
"""The report of a private run contains neither its start nor its duration."""
GROUPS_SHOWN = 60
"""Maximum number of groups on the page; the tables of the result have all groups."""


def render_fairness(report: Record) -> str:
    """Return the HTML page of a fairness assessment.

    The page names groups, which are values of the sensitive features; it contains no row.

    Parameters
    ----------
    report : mapping
        ``FairnessResult.to_dict()``.

    Raises
    ------
    ConfigError
        If a required key is missing or a value is invalid.
    """
    private = (report.get("settings") or {}).get("privacy")
    check_report(report, PRIVATE_FAIRNESS if private else FAIRNESS, "fairness")
    return render("fairness.html.j2", report, view=fairness_view(finite(report)))


def fairness_view(report: Record) -> dict[str, Any]:
    """Return the parts of the page."""
    metrics = [_metric_view(report, name, i) for i, name in enumerate(_metrics(report), 1)]
    gates = sorted(report.get("gates") or [], key=lambda gate: gate["passed"])
    return {
        "gates": [{**gate, "reading": gate_reading(gate)} for gate in gates],
        "failed": [gate for gate in gates if not gate["passed"]],
        "metrics": metrics,
        "widest": _widest(metrics),
        "disparities": _disparities(report),
        "worst": worst_view(report),
        "four_fifths": four_fifths_view(report),
        "drift": drift_view(report),
        "small": _small(report),
        "misleading": _misleading(report),
        "groups_shown": GROUPS_SHOWN,
    }


def _metrics(report: Record) -> list[str]:
    return list(dict.fromkeys(row["metric"] for row in report["by_group"]))


def _metric_view(report: Record, name: str, number: int) -> dict[str, Any]:
    rows = [row for row in report["by_group"] if row["metric"] == name]
    share = any(row.get("trials") is not None for row in rows)
    overall = {level_of(report, r): r for r in report["overall"] if r["metric"] == name}
    ends = [row[key] for row in rows for key in ("value", "low", "high")]
    axis = axis_over([*ends, *(r["value"] for r in overall.values())])
    levels = list(dict.fromkeys(level_of(report, row) for row in rows))
    strata = []
    for level in levels:
        whole = overall.get(level, {})
        own = [row for row in rows if level_of(report, row) == level]
        strata.append(
            _stratum(report, name, level, rows=own, overall=whole, axis=axis, share=share)
        )
    return {
        "name": name,
        "anchor": f"metric-{number}",
        "meaning": METRIC_MEANINGS.get(name, ""),
        "share": share,
        "axis": axis,
        "strata": strata,
        "gap": max((s["gap"] or 0.0 for s in strata), default=0.0),
        "intervals": sorted({row["interval"] for row in rows if row.get("interval")}),
        "detectable": any(g["smallest_gap"] for s in strata for g in s["groups"]),
        "binned": any((row.get("bound") or 0) > 0 for row in rows),
    }


def _stratum(
    report: Record,
    name: str,
    level: str,
    *,
    rows: Sequence[Record],
    overall: Record,
    axis: PlotAxis,
    share: bool,
) -> dict[str, Any]:
    gaps = _gaps(report, level)
    private = bool(report["settings"].get("privacy"))  # a noisy 0 does not mean an empty group
    detectable = {
        row["group"]: row["smallest_gap"]
        for row in report.get("smallest_gaps") or []
        if row["metric"] == name and level_of(report, row) == level
    }
    figure = FIGURES[share]
    groups = []
    for row in sorted(rows, key=lambda r: (r["value"] is None, r["value"] or 0)):
        if row["rows"] == 0 and not private:
            continue
        groups.append(
            {
                **row,
                "text": figure.value(row["value"]),
                "range": figure.range(row["low"], row["high"]),
                "chart": whisker(axis, row, overall.get("value")),
                "small": (row["rows"] or 0) < report["settings"]["small_group"],
                "smallest_gap": figure.gap(detectable.get(row["group"])),
            }
        )
    difference = gaps.get(f"{name}_difference", {})
    ratio = gaps.get(f"{name}_ratio", {})
    confidence = report["settings"]["confidence"]
    return {
        "level": level,
        "groups": groups,
        "empty": 0 if private else sum(row["rows"] == 0 for row in rows),
        "overall": figure.value(overall.get("value")),
        "overall_range": figure.range(overall.get("low"), overall.get("high")),
        "reading": gap_reading(difference, ratio, groups, figure, confidence),
        "gap": difference.get("value"),
        "sure": (difference.get("low") or 0) > 0,
        "lowest": groups[0] if groups else None,
        "highest": next((g for g in reversed(groups) if g["value"] is not None), None),
    }


def _gaps(report: Record, level: str) -> dict[str, Record]:
    return {r["disparity"]: r for r in report["disparities"] if level_of(report, r) == level}


def _widest(metrics: Sequence[Record]) -> list[dict[str, Any]]:
    """Return the three widest gaps of metrics that are shares, for the opening lines."""
    found = [
        {"metric": metric, **stratum}
        for metric in metrics
        if metric["share"]
        for stratum in metric["strata"]
        if stratum["gap"]
    ]
    return sorted(found, key=lambda f: (not f["sure"], -f["gap"]))[:3]


def _disparities(report: Record) -> list[dict[str, Any]]:
    """Return the disparities that were requested by name."""
    asked = report["settings"].get("disparities") or []
    shown = [row for row in report["disparities"] if row["disparity"] in asked]
    return [
        {
            **row,
            "level": level_of(report, row),
            "meaning": DISPARITY_MEANINGS.get(row["disparity"], f"from {row['metrics']}"),
            "text": FIGURES[False].value(row["value"]),
            "range": FIGURES[False].range(row["low"], row["high"]),
            "chart": whisker(UNIT, row, float(row["disparity"].endswith("_ratio"))),
            "fits": row["value"] is not None and 0 <= row["value"] <= 1,
        }
        for row in shown
    ]


def _small(report: Record) -> list[str]:
    least = report["settings"]["small_group"]
    names = [
        " at ".join(filter(None, [row["group"], level_of(report, row)]))
        for row in report["by_group"]
        if row["rows"] is not None and 0 < row["rows"] < least
    ]
    return list(dict.fromkeys(names))


def _misleading(report: Record) -> list[dict[str, str]]:
    """Return the values that have no meaning, such as a true positive rate without positives."""
    return [
        {"group": row["group"], "metric": row["metric"], "flag": flag}
        for row in report["by_group"]
        for flag in (row.get("flags") or "").split("; ")
        if flag.endswith("has no meaning")
    ]
