"""Views of models on the dashboard: metrics of groups, and a model that the page can evaluate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rai_scale.reports.fairness_tables import level_of
from rai_scale.reports.plots import figure, largest_of

Record = Mapping[str, Any]


def measured_tables(parts: Mapping[str, Record]) -> list[dict[str, Any]]:
    """Return the metrics of all rows and of groups, as tables with a column per metric.

    Parameters
    ----------
    parts : mapping of str to mapping
        The reports by job; those of ``fairness``, ``error-analysis`` and ``train-ebm`` are used.

    Returns
    -------
    list of dict
        ``title``, ``columns``, ``hidden`` (a number of groups) and ``rows`` of ``name``, ``rows``
        (a number of rows) and ``cells``.
    """
    tables = []
    if "fairness" in parts:
        report = parts["fairness"]
        whole = [{**row, "group": "All rows", "rows": None} for row in report["overall"]]
        found = [
            {**row, "name": _name(report, row)}
            for row in [*whole, *report["by_group"]]
            if not row.get("hidden")
        ]
        y_pred = report["settings"].get("y_pred")
        hidden = len({_name(report, row) for row in report["by_group"] if row.get("hidden")})
        tables.append(_table(f"Predictions in {y_pred}, by sensitive features", found, hidden))
    compared = (parts.get("error-analysis") or {}).get("cohorts")
    if compared and compared["values"]:
        found = [{**row, "name": row["cohort"]} for row in compared["values"]]
        hidden = parts["error-analysis"].get("cohorts_hidden", 0)
        tables.append(_table("Cohorts of the error analysis", found, hidden))
    if parts.get("train-ebm", {}).get("performance"):
        report = parts["train-ebm"]
        found = [{**row, "name": row["group"] or "All rows"} for row in report["performance"]]
        where = report["settings"].get("measured_on") or ""
        title = f"Model for {report['settings']['y_true']}, {where}"
        tables.append(_table(title, found, report.get("groups_hidden", 0)))
    return tables


def _name(report: Record, row: Record) -> str:
    return " at ".join(filter(None, [row["group"], level_of(report, row)]))


def _table(title: str, found: Sequence[Record], hidden: int) -> dict[str, Any]:
    columns = list(dict.fromkeys(row["metric"] for row in found))
    largest = {
        name: largest_of([row for row in found if row["metric"] == name], "value")
        for name in columns
    }
    rows: dict[str, dict[str, Any]] = {}
    for row in found:
        own = rows.setdefault(row["name"], {"name": row["name"], "rows": None, "cells": {}})
        own["rows"] = row["rows"] if own["rows"] is None else own["rows"]
        own["cells"][row["metric"]] = figure(row["value"], largest[row["metric"]])
    return {
        "title": title,
        "hidden": hidden,
        "columns": columns,
        "rows": [
            {**row, "cells": [row["cells"].get(name, "–") for name in columns]}
            for row in rows.values()
        ],
    }


def calculator(report: Record | None) -> dict[str, Any] | None:
    """Return a model that is a sum of shapes, in a form that the page's script evaluates exactly.

    Parameters
    ----------
    report : mapping, optional
        The report of ``train-ebm``.

    Returns
    -------
    dict or None
        ``features`` (``name``; ``levels``, or ``low``, ``high`` and ``start`` of a number),
        ``terms`` (``name``, ``features``, ``bins`` per feature: cuts or levels, ``values``),
        ``intercept``, ``y_true``, ``task`` and ``label``, the class of the probability. None if
        there is no such model, or if it has more than two classes.
    """
    if report is None or len(report.get("intercept") or []) != 1:
        return None
    shapes = [shape for shape in report["shapes"] if shape.get("features")]
    if not shapes or any(shape.get("class") for shape in shapes):
        return None
    names = list(dict.fromkeys(name for shape in shapes for name in shape["features"]))
    terms = [
        {
            "name": shape["term"],
            "features": [names.index(name) for name in shape["features"]],
            "bins": _bins(shape),
            "values": shape["values"],
        }
        for shape in shapes
    ]
    settings = report["settings"]
    classes = settings.get("classes") or []
    return {
        "features": [_feature(name, number, terms) for number, name in enumerate(names)],
        "terms": terms,
        "intercept": report["intercept"][0],
        "y_true": settings["y_true"],
        "task": settings["task"],
        "label": classes[-1] if classes else "",
    }


def _bins(shape: Record) -> list[dict[str, Any]]:
    if shape["kind"] == "heat":
        sides = [(shape[side], shape[f"{side}_cuts"]) for side in ("left", "right")]
        return [{"levels": levels} if cuts is None else {"cuts": cuts} for levels, cuts in sides]
    if shape["kind"] == "levels":
        return [{"levels": shape["levels"]}]
    return [{"cuts": shape["edges"][1:-1]}]  # the outer edges are placeholders


def _feature(name: str, number: int, terms: Sequence[Record]) -> dict[str, Any]:
    own = [
        bins
        for term in terms
        for at, bins in zip(term["features"], term["bins"], strict=True)
        if at == number
    ]
    levels = next((bins["levels"] for bins in own if "levels" in bins), None)
    if levels is not None:
        return {"name": name, "levels": levels}
    cuts = sorted({cut for bins in own for cut in bins["cuts"]}) or [0.0, 1.0]
    width = (cuts[-1] - cuts[0]) / max(len(cuts) - 1, 1) or 1.0
    middle = cuts[len(cuts) // 2]
    return {"name": name, "low": cuts[0] - width, "high": cuts[-1] + width, "start": middle}
