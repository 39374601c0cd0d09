"""The page of an explanation: which features matter, how, for which groups, and for single rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rai_scale.reports.checks import RUN, check_report, finite, keys
from rai_scale.reports.explain_rows import row_view
from rai_scale.reports.heat import heat_table
from rai_scale.reports.html import render
from rai_scale.reports.plots import figure, largest_of, line_plot, signed
from rai_scale.reports.whiskers import PlotAxis, axis_over, whisker

Record = Mapping[str, Any]

EXPLAIN: dict[str, Any] = {
    **keys("title notes"),
    "run": RUN,
    "settings": keys("features explained confidence"),
    "method": keys("name why limits"),
    "summary": keys("rows features"),
    "importance": [keys("feature value")],
}
CHANCE = 0.05
FEATURES_SHOWN, COMPARED_SHOWN, GROUPS_SHOWN = 25, 8, 12
"""Maximum numbers of entries on the page; the tables of the result have all of them."""


def render_explain(report: Record) -> str:
    """Return the HTML page of an explanation.

    Parameters
    ----------
    report : mapping
        ``title``, ``run``, ``settings`` (``features``, ``explained`` in words, ``confidence``),
        ``method`` (``name``, ``why``, ``limits``), ``summary`` (``rows``, ``features``),
        ``importance`` (``feature``, ``value``, ``low``, ``high``, ``class``) and ``notes``.
        Optional: ``importance_by_group`` (also ``sensitive_feature``, ``group``, ``rows``,
        ``p_adjusted``),
        ``partial_dependence`` (``feature``, ``kind`` of numeric | levels, ``grid``, ``values``,
        ``lines``), ``dependence_pairs`` (``features``, ``left``, ``right``, ``values``,
        ``middle``), ``sensitivity`` (``feature``, ``mu_star``, ``sigma``), ``variance``
        (``feature``, ``value``, ``low``, ``high``, ``first``), ``permutation`` (``feature``,
        ``value``, ``low``, ``high``) and ``rows`` (``name``, ``prediction``, ``base_value``,
        ``text``, ``parts`` of ``feature``, ``shown``, ``value``, ``error``), which contain values
        of the data.

    Raises
    ------
    ConfigError
        If a required key is missing or a value is invalid.
    """
    check_report(report, EXPLAIN, "explain")
    return render("explain.html.j2", report, view=explain_view(finite(report)))


def explain_view(report: Record) -> dict[str, Any]:
    """Return the parts of the page."""
    importance = [_importance(report, label) for label in _labels(report["importance"])]
    return {
        "importance": importance,
        "first": importance[0]["rows"][:3] if importance else [],
        "compared": _compared(report),
        "dependence": _dependence(report.get("partial_dependence") or []),
        "pairs": _pairs(report.get("dependence_pairs") or []),
        "permutation": _bars(report.get("permutation") or []),
        "variance": [
            {"label": label, **(_bars(_of(report["variance"], label)) or {})}
            for label in _labels(report.get("variance") or [])
        ],
        "sensitivity": _sensitivity(report.get("sensitivity") or []),
        "rows": row_view(report.get("rows") or []),
    }


def _labels(rows: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(row.get("class") or "" for row in rows))


def _of(rows: Sequence[Record], label: str) -> list[Record]:
    return [row for row in rows if (row.get("class") or "") == label]


def _importance(report: Record, label: str) -> dict[str, Any]:
    rows = sorted(_of(report["importance"], label), key=lambda row: -(row["value"] or 0))
    axis = _axis(rows)
    return {"label": label, "axis": axis, **_charted(rows, axis)}


def _axis(rows: Sequence[Record]) -> PlotAxis:
    return axis_over([0.0, *(row.get(key) for row in rows for key in ("value", "low", "high"))])


def _charted(
    rows: Sequence[Record], axis: PlotAxis, shown: int = FEATURES_SHOWN, largest: float = 0.0
) -> dict[str, Any]:
    largest = largest or largest_of(rows, "value", "high")
    return {
        "rows": [
            {
                **row,
                "text": figure(row["value"], largest),
                "range": _range(row, largest),
                "chart": whisker(axis, row, 0.0 if axis.low < 0 else None),
            }
            for row in rows[:shown]
        ],
        "left": max(0, len(rows) - shown),
    }


def _range(row: Record, largest: float) -> str:
    if row.get("low") is None or row.get("high") is None:
        return ""
    return f"{figure(row['low'], largest)} to {figure(row['high'], largest)}".replace("-", "\u2212")


def _compared(report: Record) -> list[dict[str, Any]]:
    """Return, per grouping and class, the features whose importance differs most by group."""
    table = report.get("importance_by_group") or []
    pairs = dict.fromkeys((row["sensitive_feature"], row.get("class") or "") for row in table)
    return [
        _compared_by(by, label, _of([r for r in table if r["sensitive_feature"] == by], label))
        for by, label in pairs
    ]


def _compared_by(by: str, label: str, rows: Sequence[Record]) -> dict[str, Any]:
    names = list(dict.fromkeys(row["feature"] for row in rows))
    found = [_feature_groups(name, [r for r in rows if r["feature"] == name]) for name in names]
    found.sort(key=lambda item: (not item["apart"], -(item["gap"] or 0)))
    shown = found[:COMPARED_SHOWN]
    axis = _axis([row for item in shown for row in item["groups"]])
    largest = largest_of(rows, "value", "high")
    for item in shown:
        item |= {"gap_text": figure(item["gap"], largest)}
        own = _charted(item["groups"], axis, GROUPS_SHOWN, largest)
        item |= {"left": own["left"], "groups": own["rows"]}
        for row in item["groups"]:
            row["mean_text"] = signed(row.get("mean"), largest)
    return {
        "by": by,
        "label": label,
        "axis": axis,
        "features": shown,
        "apart": [item for item in found if item["apart"]],
        "left": max(0, len(found) - len(shown)),
        "signed": any(row.get("mean") is not None for row in rows),
        "groups": len({row["group"] for row in rows}),
    }


def _feature_groups(name: str, rows: Sequence[Record]) -> dict[str, Any]:
    known = [row for row in rows if row["value"] is not None]
    if not known:
        return {"feature": name, "groups": list(rows), "gap": None, "apart": False}
    most = max(known, key=lambda row: row["value"])
    least = min(known, key=lambda row: row["value"])
    p_value = known[0].get("p_adjusted")
    return {
        "feature": name,
        "groups": sorted(rows, key=lambda row: -(row["value"] or 0)),
        "gap": most["value"] - least["value"],
        "most": most["group"],
        "least": least["group"],
        "apart": p_value is not None and p_value < CHANCE,
    }


def _dependence(curves: Sequence[Record]) -> list[dict[str, Any]]:
    """Return the plots on one vertical scale, which makes them comparable; widest range first."""
    averages = [value for curve in curves for value in curve["values"]]
    lines = [v for curve in curves for line in curve.get("lines") or [] for v in line]
    y = axis_over([*averages, *lines])
    largest = max(map(abs, averages), default=0.0)
    views = []
    for curve in curves:
        span = max(curve["values"]) - min(curve["values"]) if curve["values"] else 0.0
        view = {**curve, "span": span, "span_text": figure(span, largest), "y": y}
        if curve["kind"] == "numeric":
            own = curve.get("lines") or []
            thin = [list(zip(curve["grid"], line, strict=True)) for line in own]
            points = list(zip(curve["grid"], curve["values"], strict=True))
            view["plot"] = line_plot(points, lines=thin, y=y)
        else:
            view["levels"] = [
                {"level": level, "text": figure(value, largest), "chart": _dot(y, value)}
                for level, value in zip(curve["grid"], curve["values"], strict=True)
            ]
        views.append(view)
    return sorted(views, key=lambda view: -view["span"])


def _pairs(pairs: Sequence[Record]) -> list[dict[str, Any]]:
    return [
        {**pair, **heat_table(pair["left"], pair["right"], pair["values"], pair["middle"])}
        for pair in pairs
    ]


def _dot(axis: PlotAxis, value: float) -> dict[str, Any] | None:
    return whisker(axis, {"value": value}, None)


def _bars(rows: Sequence[Record]) -> dict[str, Any] | None:
    if not rows:
        return None
    ordered = sorted(rows, key=lambda row: -(row["value"] or 0))
    axis = _axis(ordered)
    return {"axis": axis, **_charted(ordered, axis)}


def _sensitivity(rows: Sequence[Record]) -> dict[str, Any] | None:
    if not rows:
        return None
    ordered = sorted(rows, key=lambda row: -(row["mu_star"] or 0))
    largest = largest_of(rows, "mu_star", "sigma")
    plain = [{**row, "value": row["mu_star"]} for row in ordered]
    axis = _axis(plain)
    view = _charted(plain, axis)
    for row in view["rows"]:
        row["sigma_text"] = figure(row["sigma"], largest)
        row["bent"] = row["mu_star"] > 0 and row["sigma"] > row["mu_star"]
    return {"axis": axis, **view}
