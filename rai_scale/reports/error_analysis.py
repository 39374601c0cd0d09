"""The page of an error analysis: the tree of errors, node by node, with the cohort of each node."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rai_scale.reports.checks import check_report, keys
from rai_scale.reports.error_comparison import cohort_tables, drift_table, p_value
from rai_scale.reports.html import render
from rai_scale.reports.plots import figure, heat_of
from rai_scale.reports.words import interval, plural, share

ERRORS: dict[str, Any] = {
    **keys("title rows errors settings notes"),
    "nodes": [
        keys(
            "node parent depth condition feature operator threshold values missing_to rows errors "
            "error_rate share_of_errors low high p_adjusted significant"
        )
    ],
}
VALUES_SHOWN = 8
"""The most values of a category in the line of a node; its cohort has all of them."""
SHOWN = 60
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")


def render_error_analysis(report: Mapping[str, Any]) -> str:
    """Return the HTML page of an error analysis.

    The page shows thresholds and categories of features, which are values of the data; it contains
    no row.

    Parameters
    ----------
    report : mapping
        ``ErrorTree.to_dict()`` with a ``title``; optional ``run``, ``gates``, ``slices`` (the
        rows of ``find_slices``; None if it did not run), ``heatmaps`` (the cells of each
        ``error_heatmap``), ``cohorts`` and ``drift`` (``to_dict()`` of these results).

    Raises
    ------
    ConfigError
        If a required key is missing or a value is invalid.
    """
    check_report(report, ERRORS, "error analysis")
    return render("error_analysis.html.j2", report, tree=tree_view(report))


def tree_view(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of the page."""
    settings = report["settings"]
    losses = settings["error_metric"] != "error_rate"
    nodes = report["nodes"]
    largest = max((node["error_rate"] or 0.0 for node in nodes), default=0.0)
    views = [_node(node, largest, losses, settings["metric"]) for node in nodes]
    for node, view in zip(nodes, views, strict=True):
        if node["parent"] is not None:
            parent = views[node["parent"]]
            parent["children"].append(view)
            parent["missing_to"] = node["missing_to"]
            step = " ".join(view["step"][part] for part in ("feature", "operator", "value"))
            view["path"] = [*parent["path"], step.strip()]
    leaves = [view for view in views if not view["children"]]
    return {
        "root": views[0],
        "leaves": len(leaves),
        "worst": max(leaves, key=lambda view: view["value"]),
        "significant": sum(view["significant"] for view in views),
        "losses": losses,
        "metric": settings["metric"].replace("_", " "),
        "error_metric": settings["error_metric"].replace("_", " "),
        "extra": settings["metric"] not in ("error_rate", settings["error_metric"]),
        "slices": [_slice(row, largest) for row in report.get("slices") or ()][:SHOWN],
        "heatmaps": [_heatmap(cells, losses) for cells in report.get("heatmaps") or () if cells],
        "confirmed": any("confirmed" in row for row in report.get("slices") or ()),
        "searched": report.get("slices") is not None,
        "cohorts": cohort_tables(report.get("cohorts")),
        "drift": drift_table(report.get("drift")),
    }


def _node(node: Mapping[str, Any], largest: float, losses: bool, metric: str) -> dict[str, Any]:
    rate = node["error_rate"]

    def shown(value: float | None) -> str:
        return figure(value, largest) if losses else share(value)

    ends = [node["low"], node["high"]]
    known = all(isinstance(end, int | float) for end in ends)
    return {
        "number": node["node"],
        "step": _step(node),
        "cohort": node["condition"] or "all rows",
        "value": rate if rate is not None else -1.0,
        "rate": shown(rate),
        "heat": heat_of(rate or 0.0, largest),
        "size": _size(node, losses),
        "interval": " to ".join(map(shown, ends)) if losses and known else interval(*ends),
        "share": share(node["share_of_errors"]),
        "p": p_value(node["p_adjusted"]),
        "significant": node["significant"],
        "metric": figure(node.get(metric), abs(node.get(metric) or 0.0)),
        "missing_to": None,
        "children": [],
        "path": [],
    }


def _size(node: Mapping[str, Any], losses: bool) -> str:
    if losses:
        return plural(node["rows"], "row")
    errors = node["errors"]
    many = f"{errors:,}" if isinstance(errors, int) else f"{errors:,.1f}"
    return f"{many} of {plural(node['rows'], 'row')}"


def _step(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return the condition that divides a node from its sibling, in parts."""
    values: Sequence[Any] | None = node["values"]
    operator = node["operator"]
    if values is not None:
        more = len(values) - VALUES_SHOWN
        text = ", ".join(map(str, values[:VALUES_SHOWN])) + (f" and {more:,} more" * (more > 0))
    elif operator in ("<=", ">"):
        text = f"{node['threshold']:,.6g}"
    else:
        text = ""
    words = {"<=": "≤", "in": "is", "not in": "is not"}
    return {"feature": node["feature"], "operator": words.get(operator, operator), "value": text}


def _slice(row: Mapping[str, Any], largest: float) -> dict[str, Any]:
    rate = row["error_rate"]
    return {
        **row,
        "rate": share(rate),
        "heat": heat_of(rate or 0.0, largest),
        "interval": interval(row["low"], row["high"]),
        "p": p_value(row["p_adjusted"]),
    }


def _heatmap(cells: Sequence[Mapping[str, Any]], losses: bool) -> dict[str, Any]:
    """Return a heatmap as a table: the first feature down, the second one across."""
    keys_ = list(cells[0])
    names = keys_[: keys_.index("rows")]
    largest = max((cell["error_rate"] or 0.0 for cell in cells), default=0.0)
    made: dict[Any, list[dict[str, Any]]] = {}
    for cell in cells:
        rate = cell["error_rate"]
        shown = {
            **cell,
            "cohort": _both([cell[name] for name in names]),
            "across": _level(cell, names[-1]) if len(names) > 1 else "all values",
            "rate": "" if rate is None else figure(rate, largest) if losses else share(rate),
            "interval": "" if losses else interval(cell["low"], cell["high"]),
            "heat": heat_of(rate or 0.0, largest),
            "hidden": cell.get("hidden", False),
        }
        made.setdefault(_level(cell, names[0]), []).append(shown)
    across = [cell["across"] for cell in next(iter(made.values()))]
    return {"names": names, "across": across, "rows": list(made.items())}


def _level(cell: Mapping[str, Any], name: str) -> str:
    """Return the condition of a cell on one feature, without the name of the feature."""
    text = str(cell[name]).removeprefix(f"{name} ").replace(f" and {name} <= ", " to ")
    if text.startswith("= "):
        return text[2:].strip("'")
    text = text.replace("<=", "≤").replace("is null", "missing")
    if text[:1] not in (">", "≤"):
        return text
    return _NUMBER.sub(lambda digits: f"{float(digits[0]):,.6g}", text)


def _both(conditions: Sequence[str]) -> str:
    return " and ".join(f"({text})" if " or " in text else text for text in conditions)
