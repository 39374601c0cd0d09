"""Small groups on the dashboard: hidden, with further ones from which they would follow.

Each function takes the report of a job and returns a copy in which groups with fewer than
``least`` rows do not appear, and whether anything was hidden. What was computed from all groups
together, such as a disparity, is left out if a group is hidden, because it can name that group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

from rai_scale.jobs.dashboard.small_groups_of_errors import (
    blank,
    errors_without_small_groups,
    has_small_part,
)
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
        by_group.append({**blank(row, kept), "flags": "", "hidden": why})
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


def _at_risk(report: Report, least: int) -> Hidden:
    """Return the groups of ``by``; the numbers of unique rows are the result and are shown."""
    rows = report.get("groups") or []
    measured = ("rows", "k", "uniques", "under_5", "marketer")
    names = [name for name in (rows[0] if rows else ()) if name not in measured]
    totals = [[row[name] for row in rows] for name in names] if len(names) > 1 else []
    hidden = hidden_cells([row["rows"] for row in rows], least, totals)
    kept = [row for row, is_hidden in zip(rows, hidden, strict=True) if not is_hidden]
    if len(kept) == len(rows):
        return report, False
    attack = report.get("membership")
    attack = {**attack, "groups": []} if attack else attack
    return {**report, "groups": kept, "membership": attack}, True


def _personalised(report: Report, least: int) -> Hidden:
    """Return exposure and rewards without small groups, and consents only if none is small."""
    tables = {name: dict(report[name]) for name in ("exposure", "rewards") if report.get(name)}
    sized = [
        row
        for name, table in (("exposure", "groups"), ("rewards", "weights"))
        for row in tables.get(name, {}).get(table, ())
        if row["by"]
    ]
    people: dict[tuple[str, str], int] = {}
    for row in sized:
        key = (row["by"], row["group"])
        people[key] = min(row["people"], people.get(key, row["people"]))
    groups = [{"by": by, "group": group, "rows": n} for (by, group), n in people.items()]
    kept, hidden = _listed(groups, ("by",), ("group",), least)
    shown = {("", ""), *((row["by"], row["group"]) for row in kept)}
    for found in tables.values():
        for name, table in found.items():
            if isinstance(table, list) and table and isinstance(table[0], Mapping):
                found[name] = [r for r in table if (r["by"], r["group"]) in shown or not r["by"]]
    if "exposure" in tables:
        seen = [row for row in tables["exposure"]["categories"] if row["by"]]
        large = [
            row
            for row in seen
            if not has_small_part(row["people"], people[row["by"], row["group"]], least)
        ]
        tables["exposure"]["categories"] = large
        hidden |= len(large) < len(seen)
    consent = [] if any(row["events"] < least for row in report["consent"]) else report["consent"]
    asked = {**report["asked"], "consent": report["asked"]["consent"] and bool(consent)}
    hidden |= len(consent) < len(report["consent"])
    counted: dict[str, Any] = {"conflicts": [r for r in report["conflicts"] if r["rows"] >= least]}
    hidden |= len(counted["conflicts"]) < len(report["conflicts"])
    for name in ("features", "bursts"):
        part = report.get(name)
        if part:
            named = {t: part[t] for t in ("predictions", "bursts", "drift") if t in part}
            enough = {t: [r for r in rows if r["rows"] >= least] for t, rows in named.items()}
            hidden |= enough != named
            counted[name] = {**part, **enough}
    return {**report, **tables, **counted, "consent": consent, "asked": asked}, hidden


_HIDE: dict[str, Callable[[Report, int], Hidden]] = {
    "error-analysis": errors_without_small_groups,
    "fairness": _fairness,
    "explain": _explained,
    "train-ebm": _trained,
    "balance": _balance,
    "risk": _at_risk,
    "personalization": _personalised,
}
