"""Cohorts side by side, and nodes of two runs, as tables of the pages about errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rai_scale.reports.plots import figure, largest_of, signed
from rai_scale.reports.words import number, plural, share

Record = Mapping[str, Any]
Cell = tuple[str, str]
"""A text, and a second one below it or an empty text."""

COMPARED = ("values", "distances", "importances")
"""The tables of a comparison that the dashboard shows; the others have counts of single values."""
FEATURES = 15
"""The most features of a table; the files of the job have all."""
_TINY = 1e-4


def p_value(value: float | None) -> str:
    """Return a p-value as text; an empty one for None."""
    if value is None:
        return ""
    return "below 0.0001" if value < _TINY else f"{value:.4f}"


def cohort_tables(compared: Record | None) -> list[dict[str, Any]]:
    """Return the comparison of cohorts as tables.

    Parameters
    ----------
    compared : mapping, optional
        ``CohortComparison.to_dict()``, or the part of it in ``COMPARED``.

    Returns
    -------
    list of dict
        ``caption``, ``columns`` of ``name`` and ``is_number``, ``rows`` of cells, and ``folded``.
    """
    if not compared or not compared["values"]:
        return []
    found = [_metrics(compared["values"])]
    if compared["distances"]:
        found.append(_distances(compared["distances"]))
    if compared["importances"]:
        found.append(_importances(compared["importances"]))
    for feature, rows in _by(compared.get("distributions") or (), "feature"):
        found.append(_shares(feature, rows))
    quantiles = [row for row in compared.get("quantiles") or () if row["missing"] is not None]
    return [*found, _quantiles(quantiles)] if quantiles else found


def _table(
    caption: str,
    columns: Sequence[tuple[str, bool]],
    rows: Iterable[Sequence[str | Cell]],
    *,
    folded: bool = False,
) -> dict[str, Any]:
    cells = [[cell if isinstance(cell, tuple) else (cell, "") for cell in row] for row in rows]
    named = [{"name": name, "is_number": is_number} for name, is_number in columns]
    return {"caption": caption, "columns": named, "rows": cells, "folded": folded}


def _by(rows: Iterable[Record], name: str) -> list[tuple[str, list[Record]]]:
    """Return the rows of each value, in the order in which the values occur."""
    found: dict[str, list[Record]] = {}
    for row in rows:
        found.setdefault(str(row[name]), []).append(row)
    return list(found.items())


def _metrics(values: Sequence[Record]) -> dict[str, Any]:
    metrics = list(dict.fromkeys(row["metric"] for row in values))
    largest = {
        name: largest_of([row for row in values if row["metric"] == name], "value")
        for name in metrics
    }
    rows: list[list[str | Cell]] = []
    for name, own in _by(values, "cohort"):
        known = {row["metric"]: row for row in own}
        cells = [_value(known[metric], largest[metric]) for metric in metrics]
        rows.append([name, number(own[0]["rows"]), *cells])
    names = [(metric.replace("_", " ").capitalize(), True) for metric in metrics]
    caption = (
        "Metrics per cohort; below each, the difference from the first cohort with its interval."
    )
    return _table(caption, [("Cohort", False), ("Rows", True), *names], rows)


def _value(row: Record, largest: float) -> Cell:
    text = figure(row["value"], largest)
    if row["low"] is None or row["high"] is None:
        return text, ""
    ends = f"{signed(row['low'], largest)} to {signed(row['high'], largest)}"
    return text, f"{signed(row['difference'], largest)} ({ends})"


def _distances(distances: Sequence[Record]) -> dict[str, Any]:
    ranked = sorted(distances, key=lambda row: -_size(row["psi"]))[:FEATURES]
    rows = [
        [
            row["feature"],
            row["cohort"],
            _psi(row["psi"]),
            f"{row['jensen_shannon']:.3f}",
        ]
        for row in ranked
    ]
    more = f" The {len(rows)} largest of {len(distances)}." * (len(rows) < len(distances))
    caption = (
        "Features whose distributions differ most from those of the first cohort: population "
        f"stability index and Jensen-Shannon divergence (nats).{more}"
    )
    columns = [("Feature", False), ("Cohort", False), ("PSI", True), ("Jensen-Shannon", True)]
    return _table(caption, columns, rows)


def _size(value: float | str | None) -> float:
    return float(value or 0.0)  # an infinite number is the text "inf" in JSON


def _psi(value: float | str | None) -> str:
    return "infinite" if _size(value) == float("inf") else f"{_size(value):.3f}"


def _importances(importances: Sequence[Record]) -> dict[str, Any]:
    largest = largest_of(importances, "mean_abs")
    rows = [
        [row["cohort"], str(row["rank"]), row["feature"], figure(row["mean_abs"], largest)]
        for row in importances
    ]
    columns = [("Cohort", False), ("Rank", True), ("Feature", False), ("Mean size", True)]
    return _table("Features with the largest mean contributions, per cohort.", columns, rows)


def _shares(feature: str, rows: Sequence[Record]) -> dict[str, Any]:
    cohorts = list(dict.fromkeys(row["cohort"] for row in rows))
    lines = []
    for item, own in _by(rows, "item"):
        known = {row["cohort"]: share(row["share"]) for row in own}
        lines.append([item, *(known.get(name, "") for name in cohorts)])
    columns = [("Value", False), *((name, True) for name in cohorts)]
    return _table(f"Distribution of {feature}: share of each cohort.", columns, lines, folded=True)


def _quantiles(quantiles: Sequence[Record]) -> dict[str, Any]:
    percents = [name for name in quantiles[0] if name.startswith("p") and name[1:].isdigit()]
    rows = []
    for feature, own in _by(quantiles, "feature"):
        largest = largest_of(own, *percents)
        for row in own:
            values = (figure(row[name], largest) for name in percents)
            rows.append([feature, row["cohort"], number(row["missing"]), *values])
    columns = [("Feature", False), ("Cohort", False), ("Missing", True)]
    columns += [(f"{name[1:]} %", True) for name in percents]
    return _table("Percentiles of numbers per cohort.", columns, rows, folded=True)


def drift_table(drift: Record | None) -> dict[str, Any] | None:
    """Return the nodes of two runs as a table; None without an earlier run.

    Parameters
    ----------
    drift : mapping, optional
        ``ErrorDrift.to_dict()``.
    """
    if not drift:
        return None
    rows: list[list[str | Cell]] = []
    for node in drift["nodes"]:
        before, after = (share(node[f"error_rate_{run}"]) for run in ("before", "after"))
        sure = "significant" if node["significant"] else "not significant"
        shares = f"{share(node['share_before'])} → {share(node['share_after'])}"
        change = f"{before} → {after}"
        ends = _points(node)
        rows.append(
            [
                (node["condition"] or "All rows", ""),
                shares,
                (change, ends),
                p_value(node["p_adjusted"]),
                sure,
            ]
        )
    counts = " and ".join(
        plural(drift[f"rows_{run}"], "row") + f" {run}" for run in ("before", "after")
    )
    stability = drift["metrics"]["psi"]
    text = "" if stability is None else f" PSI of the leaves: {_psi(stability)}."
    caption = (
        f"The tree of the earlier run, with {counts}. Below each change, its interval in "
        f"percentage points.{text}"
    )
    columns = [("Cohort", False), ("Share of rows", True), ("Error rate", True)]
    columns += [("p-value", True), ("Result", False)]
    return _table(caption, columns, rows)


def _points(node: Record) -> str:
    if node["low"] is None or node["high"] is None:
        return ""
    low, high = (signed(100 * node[end], 1.0) for end in ("low", "high"))
    return f"{low} to {high}"
