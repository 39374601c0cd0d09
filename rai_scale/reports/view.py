"""Values for the templates, computed from the report dicts.

The counts in the opening lines are computed from the tables below them, so both always agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rai_scale.reports.checks import VERDICTS
from rai_scale.reports.scan_claims import claims_view, table_claims

Record = Mapping[str, Any]

HEAT_STEPS = (0.01, 0.1, 0.5, 0.9)
HEAT_WORDS = ("under 1 %", "1 to 10 %", "10 to 50 %", "50 to 90 %", "90 % or more")
RISKS = ("none", "low", "medium", "high")
ROW_KEYS = ("rows_in", "rows_out", "rows_quarantined", "rows_skipped")
TOTAL_KEYS = (*ROW_KEYS, "files_unreadable", "cells_changed")


def scan_view(report: Record, prefix: str = "") -> dict[str, Any]:
    """Return the parts of a scan; ``prefix`` makes anchors unique if a page shows two scans."""
    tables = [_table_view(t, f"{prefix}table-{i}") for i, t in enumerate(report["tables"], 1)]
    with_findings = [t for t in tables if t["found"]]
    with_findings.sort(key=lambda t: (-t["personal"], -t["secret"], -t["possible"], t["table"]))
    columns = [column for table in tables for column in table["found"]]
    personal = [c for c in columns if c["verdict"] == "personal"]
    return {
        "prefix": prefix,
        "tables": with_findings,
        "clean": [t for t in tables if not t["found"] and t["status"] == "clean"],
        "unread": [t for t in tables if "unreadable" in t["status"] or t["status"] == "left out"],
        "not_looked_at": sorted(
            report.get("not_looked_at") or [], key=lambda i: (-(i["bytes"] or 0), i["where"])
        ),
        "other": [t for t in tables if not t["found"] and t["status"] == "findings"],
        "personal": [t for t in with_findings if t["personal"]],
        "personal_columns": len(personal),
        **{
            f"{verdict}_columns": sum(c["verdict"] == verdict for c in columns)
            for verdict in ("secret", "indirect", "possible")
        },
        "conflicts": sum(bool(c.get("conflict")) for t in tables for c in t["columns"]),
        "compared": bool((report.get("changes") or {}).get("since")),
        "idle_overrides": sum(o["outcome"] != "applied" for o in report.get("overrides") or []),
        "together": [t for t in with_findings if len(_risk(t).get("together") or ()) > 1],
        "classes": sorted({name for column in columns for name in column["classes"]}),
        "verdicts": [
            v for v in VERDICTS if any(f["verdict"] == v for c in columns for f in c["sure"])
        ],
        "possible_by_name": sum(
            c["verdict"] == "possible" and c["decided_by"] == "name" for c in columns
        ),
        "sampled": any((t.get("rows_scanned") or 0) < (t.get("rows") or 0) for t in tables),
        "claims": claims_view(tables, report.get("method") or {}),
        "decided_by": _decided_by(personal),
        "failed_gates": [g for g in report.get("gates") or [] if not g["passed"]],
        "grid": _grid(with_findings),
    }


def redaction_view(report: Record) -> dict[str, Any]:
    """Return the parts of a redaction: totals, missing rows, and the tables, changed ones first."""
    totals = {key: sum(t.get(key) or 0 for t in report["tables"]) for key in TOTAL_KEYS}
    totals.update({k: v for k, v in (report.get("totals") or {}).items() if k in totals})
    changed = [t for t in report["tables"] if t["cells_changed"]]
    operators: Counter[str] = Counter()
    for table in report["tables"]:
        for column in table["columns"]:
            for finding in column["findings"]:
                if finding["operator"] != "keep":  # keep replaces nothing
                    operators[finding["operator"]] += finding["count"]
    return {
        "totals": totals,
        "missing_rows": totals["rows_in"] - sum(totals[key] for key in ROW_KEYS[1:]),
        "changed": sorted(changed, key=lambda t: -t["cells_changed"]),
        "unchanged": [t for t in report["tables"] if not t["cells_changed"]],
        "columns": sum(
            any(f["count"] for f in c["findings"]) for t in report["tables"] for c in t["columns"]
        ),
        "operators": operators.most_common(),
        "errors": [
            {"table": t["table"], **e}
            for t in report["tables"]
            for e in t.get("errors") or []
            if e.get("rows")
        ],
    }


def proof_view(report: Record, before: Record, after: Record) -> dict[str, Any]:
    """Return the proof: missed items, most frequent first, and each table before and after."""
    proof = report["proof"]
    missed = sorted(proof["missed"], key=lambda m: -m["count"])
    entities = sorted(proof["by_entity"], key=lambda e: -e["items"])
    return {
        "missed": missed,
        "missed_items": proof["items"] - proof["removed"],
        "by_entity": entities,
        "by_table": sorted(proof["by_table"], key=lambda t: -t["items"]),
        "has_false_positives": any(e.get("false_positives") is not None for e in entities),
        "tables": _before_and_after(report, before, after),
    }


def _table_view(table: Record, anchor: str) -> dict[str, Any]:
    columns = [_column_view(column) for column in table["columns"]]
    found = [column for column in columns if column["sure"]]
    unlikely = [column for column in columns if column["unlikely"]]
    return {
        **table,
        "anchor": anchor,
        "claims": table_claims(table),
        "found": sorted(found, key=lambda c: (VERDICTS.index(c["verdict"]), -c["rows_with"])),
        "unlikely": unlikely,
        "unlikely_findings": sum(len(column["unlikely"]) for column in unlikely),
        "failing": [c for c in columns if not c["sure"] and _failed(c)],
        "without": [c for c in columns if not c["findings"] and not _failed(c)],
        "risk_rank": RISKS.index(_risk(table).get("level", "none")),
        **{v: sum(c["verdict"] == v for c in found) for v in ("personal", "secret", "possible")},
    }


def _risk(table: Record) -> Record:
    return table.get("risk") or {}


def _failed(column: Record) -> bool:
    return bool(column.get("errors") or column.get("unread"))


def _column_view(column: Record) -> dict[str, Any]:
    findings = sorted(
        column["findings"], key=lambda f: (VERDICTS.index(f["verdict"]), -(f["share"] or 0))
    )
    best = findings[0] if findings else {}
    return {
        **column,
        "sure": [f for f in findings if f["verdict"] != "unlikely"],
        "unlikely": [f for f in findings if f["verdict"] == "unlikely"],
        "classes": sorted({f["class"] for f in findings if f.get("class")}),
        "verdict": best.get("verdict"),
        "decided_by": best.get("decided_by"),
        "rows_with": best.get("rows_with") or 0,
    }


def _decided_by(columns: Iterable[Record]) -> dict[str, int]:
    counts = Counter(column["decided_by"] for column in columns if column["decided_by"])
    return {how: counts[how] for how in ("both", "values", "name") if counts[how]}


def _grid(tables: Iterable[Record]) -> dict[str, Any]:
    rows = [(table, _grid_cells(table)) for table in tables]
    rows = [(table, cells) for table, cells in rows if cells]
    used = Counter(entity for _, cells in rows for entity in cells)
    entities = sorted(used, key=lambda entity: (-used[entity], entity))
    return {
        "entities": entities,
        "rows": [
            {"table": table, "cells": [cells.get(entity) for entity in entities]}
            for table, cells in rows
        ],
        "legend": list(enumerate(HEAT_WORDS, 1)),
    }


def _grid_cells(table: Record) -> dict[str, dict[str, Any]]:
    """Return, per entity, the most certain finding (the one with the largest share of those)."""
    findings = [f for column in table["found"] for f in column["sure"]]
    findings.sort(key=lambda f: (f["verdict"] == "personal", f["share"] or 0))
    return {
        f["entity"]: {
            "entity": f["entity"],
            "share": f["share"],
            "short": _short(f["share"]),
            "sure": f["verdict"] in ("personal", "secret", "indirect"),
            "level": heat_level(f["share"]),
        }
        for f in findings
    }


def heat_level(share: float | None) -> int:
    """Return the step of the colour scale, 1 to 5; 0 if the share was not measured."""
    return 0 if share is None else 1 + sum(share >= step for step in HEAT_STEPS)


def _short(share: float | None) -> str:
    if share is None:
        return "name"
    if 0 < share < 0.01:  # noqa: PLR2004
        return "<1"
    # rounded down, so that 100 means all rows
    return str(int(share * 100 + 1e-9))


def _before_and_after(report: Record, before: Record, after: Record) -> list[dict[str, Any]]:
    changed = {t["table"]: t["cells_changed"] for t in report["redaction"]["tables"]}
    counts = {
        name: {t["table"]: (t["personal"], t["possible"]) for t in view["tables"]}
        for name, view in (("before", before), ("after", after))
    }
    names = [t["table"] for t in before["tables"]]
    names += [t["table"] for t in after["tables"] if t["table"] not in counts["before"]]
    return [
        {
            "table": name,
            "before": counts["before"].get(name, (0, 0)),
            "cells_changed": changed.get(name),
            "after": counts["after"].get(name, (0, 0)),
        }
        for name in names
    ]
