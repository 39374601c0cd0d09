"""Small groups on the dashboard: hidden, with further ones from which they would follow.

Each function takes the report of a job and returns a copy in which groups with fewer than
``least`` rows do not appear, and whether anything was hidden. What was computed from all groups
together, such as a disparity, is left out if a group is hidden, because it can name that group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

from rai_scale.statistics.suppression import COMPLEMENTARY, SMALL, hidden_cells

Report = dict[str, Any]
Hidden = tuple[Report, bool]


def without_small_groups(job: str, report: Report, least: int) -> Hidden:
    """Return the report of a job without small groups, and whether any was hidden."""
    if least <= 1 or job not in _HIDE:
        return report, False
    found, hidden = _HIDE[job](report, least)
    if hidden and found.get("gates"):
        kept = ("name", "metric", "passed", "judged_by", "above", "below")
        found["gates"] = [
            {**{key: gate.get(key) for key in kept}, "detail": "hidden with the small groups"}
            for gate in found["gates"]
        ]
    return found, hidden


def _errors(report: Report, least: int) -> Hidden:
    nodes = _pruned(report["nodes"], least)
    slices = _apart(report.get("slices") or [], report["rows"], least)
    heatmaps = [_cells(cells, least) for cells in report.get("heatmaps") or []]
    compared = report.get("cohorts") or {"values": []}
    values = [row for row in compared["values"] if _is_large(row["rows"], report["rows"], least)]
    cut = {row["cohort"] for row in compared["values"]} - {row["cohort"] for row in values}
    hidden = (
        bool(cut)
        or len(nodes) < len(report["nodes"])
        or len(slices) < len(report.get("slices") or [])
    )
    hidden |= any(cell["hidden"] for cells in heatmaps for cell in cells)
    found = {**report, "nodes": nodes, "heatmaps": heatmaps}
    if report.get("slices") is not None:
        found["slices"] = slices
    if report.get("cohorts"):
        found |= {"cohorts": {"values": values}, "cohorts_hidden": len(cut)}
    return found, hidden


def _is_large(part: float, whole: float, least: int) -> bool:
    """Return whether neither a group nor all other rows are few."""
    return part >= least and not 0 < whole - part < least


def _pruned(nodes: list[Report], least: int) -> list[Report]:
    """Return the nodes without children of which one is small: they would add up to their parent.

    Nodes below a hidden one are hidden too, because they add up to it. Numbers of nodes are made
    consecutive, as the page needs them.
    """
    small = {node["parent"] for node in nodes if 0 < node["rows"] < least}
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
            "missing_to": numbers.get(node["missing_to"]),
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
        {**(_blank(cell, (*features,)) if is_hidden else cell), "hidden": bool(is_hidden)}
        for cell, is_hidden in zip(cells, hidden, strict=True)
    ]


def _blank(row: Mapping[str, Any], kept: tuple[str, ...]) -> Report:
    return {key: value if key in kept else None for key, value in row.items()}


_OF_ALL_GROUPS = (
    *("disparities", "flags", "reference", "four_fifths", "smallest_gaps", "worst_groups", "notes"),
)


def _fairness(report: Report, least: int) -> Hidden:
    """Return the metrics by group; totals by each sensitive and each control feature are known."""
    settings = report["settings"]
    if settings.get("privacy"):  # noise protects every group
        return report, False
    levels = [name for name in settings["control_columns"] if name in report["by_group"][0]]
    names = [name for name in settings["sensitive_features"] if name in report["by_group"][0]]
    key = [*levels, "group"]
    groups = {tuple(row[name] for name in key): row for row in report["by_group"]}
    rows = list(groups.values())
    sets = [[], *([name] for name in names)]
    totals = [[tuple(row[n] for n in (*levels, *one)) for row in rows] for one in sets]
    counts = [row["rows"] or 0 for row in rows]
    hidden = dict(zip(groups, hidden_cells(counts, least, totals), strict=True))
    if not any(hidden.values()):
        return report, False
    kept = (*key, *names, "metric", "interval")
    by_group = []
    for row in report["by_group"]:
        own = tuple(row[name] for name in key)
        if row.get("hidden") or not hidden[own]:
            by_group.append(row)
            continue
        why = SMALL if (row["rows"] or 0) < least else COMPLEMENTARY
        by_group.append({**_blank(row, kept), "flags": "", "hidden": why})
    most = max(least, settings.get("suppress_below") or 0)
    rest: Report = {name: [] for name in _OF_ALL_GROUPS if name in report}
    if report.get("drift") is not None:
        rest["drift"] = None
    settings = {**settings, "suppress_below": most}
    return {**report, **rest, "by_group": by_group, "settings": settings}, True


def _explained(report: Report, least: int) -> Hidden:
    table = report.get("importance_by_group") or []
    kept, hidden = _listed(table, ("sensitive_feature",), ("group",), least)
    return {**report, "importance_by_group": kept}, hidden


def _trained(report: Report, least: int) -> Hidden:
    groups = [row for row in report["performance"] if row["group"]]
    kept, hidden = _listed(groups, (), ("group",), least)
    whole = [row for row in report["performance"] if not row["group"]]
    curves = [c for c in report.get("curves") or [] if not c["group"]]
    count = len({row["group"] for row in groups}) - len({row["group"] for row in kept})
    found = {**report, "performance": [*whole, *kept], "curves": curves, "groups_hidden": count}
    return found, hidden


def _listed(
    table: list[Report], inside: tuple[str, ...], names: tuple[str, ...], least: int
) -> tuple[list[Report], bool]:
    """Return the rows of a table without those of hidden groups; each list adds up to a total."""
    groups = {tuple(row[n] for n in (*inside, *names)): row["rows"] or 0 for row in table}
    order = sorted(groups, key=lambda key: str(key[: len(inside)]))
    hidden: set[tuple[Any, ...]] = set()
    for _, part in groupby(order, key=lambda key: key[: len(inside)]):
        keys = list(part)
        found = hidden_cells([groups[key] for key in keys], least)
        hidden |= {key for key, is_hidden in zip(keys, found, strict=True) if is_hidden}
    kept = [row for row in table if tuple(row[n] for n in (*inside, *names)) not in hidden]
    return kept, bool(hidden)


def _balance(report: Report, least: int) -> Hidden:
    """Return the groups; measures of a feature with hidden groups are left out."""
    groups, hidden = _listed(report["groups"], ("feature",), ("group",), least)
    if not hidden:
        return report, False
    shown = {(str(row["feature"]), str(row["group"])) for row in groups}
    partly = {
        str(row["feature"])
        for row in report["groups"]
        if (str(row["feature"]), str(row["group"])) not in shown
    }
    measures = [
        row
        for row in report["measures"]
        if row["feature"] is None or str(row["feature"]) not in partly
    ]
    return {**report, "groups": groups, "measures": measures, "notes": []}, True


_HIDE: dict[str, Callable[[Report, int], Hidden]] = {
    "error-analysis": _errors,
    "fairness": _fairness,
    "explain": _explained,
    "train-ebm": _trained,
    "balance": _balance,
}
