"""Small groups in an error analysis on the dashboard; see ``small_groups``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rai_scale.statistics.suppression import hidden_cells

Report = dict[str, Any]


def has_small_part(part: float, whole: float, least: int) -> bool:
    """Return whether a part or the rest of a whole are few, but not none."""
    return 0 < part < least or 0 < whole - part < least


def errors_without_small_groups(report: Report, least: int) -> tuple[Report, bool]:
    """Return the report without small nodes, combinations, cells and cohorts."""
    nodes = _pruned(report["nodes"], least)
    slices = _apart(report.get("slices") or [], report["rows"], least)
    heatmaps = [_cells(cells, least) for cells in report.get("heatmaps") or []]
    hidden = len(nodes) < len(report["nodes"]) or len(slices) < len(report.get("slices") or [])
    hidden |= any(cell["hidden"] for cells in heatmaps for cell in cells)
    found = {**report, "nodes": nodes, "heatmaps": heatmaps}
    if report.get("slices") is not None:
        found["slices"] = slices
    if report.get("cohorts"):
        found["cohorts"], cut = _compared(report["cohorts"], report["rows"], least)
        found["cohorts_hidden"] = cut
        hidden |= cut > 0
    if report.get("drift"):
        before = report["drift"]["nodes"]
        after = _pruned(before, least, ("rows_before", "rows_after"))
        found["drift"] = {**report["drift"], "nodes": after}
        hidden |= len(after) < len(before)
    return found, hidden


def _compared(compared: Report, rows: int, least: int) -> tuple[Report, int]:
    """Return a comparison without small cohorts, and how many there were.

    Without the first cohort there are no differences from it, from which it would follow.
    """
    values = [row for row in compared["values"] if not has_small_part(row["rows"], rows, least)]
    shown = {row["cohort"] for row in values}
    cut = {row["cohort"] for row in compared["values"]} - shown
    if compared["values"][0]["cohort"] in cut:
        values = [{**row, "difference": None, "low": None, "high": None} for row in values]
        shown = set()
    kept = {
        name: [row for row in table if row["cohort"] in shown]
        for name, table in compared.items()
        if name in ("distances", "importances")
    }
    return {"values": values, **kept}, len(cut)


def _pruned(nodes: list[Report], least: int, counts: tuple[str, ...] = ("rows",)) -> list[Report]:
    """Return the nodes without children of which one is small: they would add up to their parent.

    Nodes below a hidden one are hidden too, because they add up to it. Numbers of nodes are made
    consecutive, as the page needs them.
    """
    small = {node["parent"] for node in nodes if any(0 < node[n] < least for n in counts)}
    kept: list[Report] = []
    numbers: dict[Any, int] = {}
    for node in nodes:
        if node["parent"] is None or (node["parent"] in numbers and node["parent"] not in small):
            numbers[node["node"]] = len(kept)
            kept.append(node)
    renamed = [
        {
            **node,
            "node": numbers[node["node"]],
            "parent": numbers.get(node["parent"]),
            **({"missing_to": numbers.get(node["missing_to"])} if "missing_to" in node else {}),
        }
        for node in kept
    ]
    return renamed


def _apart(slices: list[Report], rows: int, least: int) -> list[Report]:
    """Return the combinations that do not differ from others by few rows.

    A combination is hidden if it is small, or if it, and those that are shown, would leave a small
    rest: of all rows, of a combination that contains it, or of all combinations of its features.
    """
    shown: list[Report] = []
    parts = {each["slice"]: frozenset(each["slice"].split(" and ")) for each in slices}

    def rest_is_small(whole: int, part: int) -> bool:
        return 0 < whole - part < least

    for one in slices:
        own = parts[one["slice"]]
        nested = [(o, parts[o["slice"]]) for o in shown]
        small = one["rows"] < least or rest_is_small(rows, one["rows"])
        small |= any(
            (other > own and rest_is_small(one["rows"], o["rows"]))
            or (own > other and rest_is_small(o["rows"], one["rows"]))
            for o, other in nested
        )
        names = {part.split(" ", 1)[0] for part in own}
        alike = [o["rows"] for o, other in nested if {p.split(" ", 1)[0] for p in other} == names]
        if not small and not rest_is_small(rows, one["rows"] + sum(alike)):
            shown.append(one)
    return shown


def _cells(cells: list[Report], least: int) -> list[Report]:
    """Return the cells of a heatmap; the totals of its rows and columns count as known."""
    if not cells:
        return cells
    features = list(cells[0])[: list(cells[0]).index("rows")]
    totals = [[cell[name] for cell in cells] for name in features] if len(features) > 1 else []
    hidden = hidden_cells([cell["rows"] for cell in cells], least, totals)
    return [
        {**(blank(cell, (*features,)) if is_hidden else cell), "hidden": bool(is_hidden)}
        for cell, is_hidden in zip(cells, hidden, strict=True)
    ]


def blank(row: Mapping[str, Any], kept: tuple[str, ...]) -> Report:
    """Return a row of which only the named values are kept."""
    return {key: value if key in kept else None for key, value in row.items()}
