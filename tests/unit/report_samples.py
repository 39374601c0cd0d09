"""Realistic report dicts: ten tables, long names, fourteen entity types. No personal data."""

from __future__ import annotations

import math
from typing import Any

from tests.unit.report_sample_tables import METHOD, RUN, TABLES


def scan() -> dict[str, Any]:
    """A nightly scan with a failed gate, unreadable files and shares from a sample."""
    tables = [_table(row) for row in TABLES]
    return {
        "title": "Personal data in customer-operations",
        "run": dict(RUN),
        "summary": {
            "tables": len(tables),
            "columns": sum(len(t["columns"]) for t in tables),
            "rows": sum(t["rows"] or 0 for t in tables),
            "columns_with_findings": sum(bool(c["findings"]) for t in tables for c in t["columns"]),
            "tables_clean": 2,
            "tables_unreadable": 1,
            "files_unreadable": 5,
            "cells_unread": 19,
            "files_unread": 5,
            "tables_unread": 1,
            "bytes_unread": 57_118_465,
            "bytes_known": 4_812_445_116,
        },
        "gates": [
            {"name": "max_personal_columns", "passed": False, "detail": "18 found, 10 allowed"},
            {"name": "no_credit_card", "passed": False, "detail": "CREDIT_CARD in 2 tables"},
            {"name": "max_error_ratio", "passed": True, "detail": "0.00003, 0.01 allowed"},
        ],
        "tables": tables,
        "not_looked_at": [
            _unread("file", "support_tickets/part-0007.jsonl.gz", "BadGzipFile", 1, 48_210_331),
            _unread("table", "archive_2019", "ArrowInvalid", 1, None),
            _unread("folder", "_backup/2024", "hidden name (begins with _ or .)", 3, 7_004_114),
            _unread(
                "file", "letters/contract.docx", "office document: not a supported format", 1, 20
            ),
            _unread("cells", "clinic_visits: scan", "bytes that are no text", 19, 1_904_000),
        ],
        "ignored": [{"file": "_SUCCESS", "reason": "bookkeeping", "files": 4, "bytes": 0}],
        "method": dict(METHOD),
    }


def _unread(what: str, where: str, reason: str, count: int, size: int | None) -> dict[str, Any]:
    return {"what": what, "where": where, "reason": reason, "count": count, "bytes": size}


def redaction() -> dict[str, Any]:
    """A redaction with quarantined rows, one unreadable file and two ways of redacting."""
    before = [t for t in scan()["tables"] if t["rows"]]
    tables = [_redacted(t) for t in before]
    keys = ("rows_in", "rows_out", "rows_quarantined", "rows_skipped", "cells_changed")
    return {
        "title": "Redaction of customer-operations",
        "run": {**RUN, "run_id": "20260131T023000Z-a0d41b77", "status": "warnings"},
        "tables": tables,
        "totals": {key: sum(t[key] for t in tables) for key in keys} | {"files_unreadable": 1},
        "method": dict(METHOD),
    }


def demo() -> dict[str, Any]:
    """Scan, redaction, second scan and proof."""
    before, after = scan(), _after()
    by_entity = _proof_by_entity()
    items, removed = (sum(e[key] for e in by_entity) for key in ("items", "removed"))
    return {
        "title": "Find, decide, redact, prove: the sample lake",
        "run": {**RUN, "run_id": "20260131T020000Z-demo", "status": "ok"},
        "before": before,
        "redaction": redaction(),
        "after": after,
        "proof": {
            "items": items,
            "removed": removed,
            "recall": removed / items,
            "precision": 0.953,
            "by_entity": by_entity,
            "by_table": [
                {"table": "customers", "items": 18_011, "removed": 17_988, "recall": 17988 / 18011},
                {
                    "table": "support_tickets",
                    "items": 4_120,
                    "removed": 3_694,
                    "recall": 3694 / 4120,
                },
                {"table": "clinic_visits", "items": 3_007, "removed": 2_885, "recall": 2885 / 3007},
                {"table": TABLES[2][0], "items": 5_400, "removed": 5_400, "recall": 1.0},
            ],
            "missed": [
                {"table": "support_tickets", "column": "body", "entity": "PERSON", "count": 311},
                {"table": "support_tickets", "column": "body", "entity": "LOCATION", "count": 107},
                {"table": "clinic_visits", "column": "notes", "entity": "PERSON", "count": 103},
                {"table": "clinic_visits", "column": "notes", "entity": "DATE_TIME", "count": 19},
                {
                    "table": "support_tickets",
                    "column": "body",
                    "entity": "PHONE_NUMBER",
                    "count": 8,
                },
                {"table": "customers", "column": "address_line", "entity": "LOCATION", "count": 23},
            ],
            "explanation": "The sample lake is made by a program that writes down every personal "
            "item it plants. An item counts as removed when its text is no longer in the cell.",
        },
    }


def _table(row: tuple[Any, ...]) -> dict[str, Any]:
    name, kind, rows, files, status, note, columns = row
    scanned = min(rows or 0, 16_000)
    return {
        "table": name,
        "format": kind,
        "rows": rows,
        "rows_scanned": scanned,
        "files": files,
        "status": status,
        "note": note,
        "rule": "file and row number",
        "bytes_read": 40 * (rows or 0),
        "stopped": False,
        "columns": [_column(scanned, column) for column in columns],
    }


def _column(scanned: int, column: tuple[Any, ...]) -> dict[str, Any]:
    name, kind, filled, errors, findings = column
    non_null = round(scanned * filled)
    return {
        "column": name,
        "type": kind,
        "non_null": non_null,
        "errors": errors,
        "findings": [_finding(non_null, finding) for finding in findings],
    }


def _finding(n: int, finding: tuple[Any, ...]) -> dict[str, Any]:
    entity, share, score, by, verdict = finding
    low, high = (None, None) if share is None else _wilson(share, n)
    confidence = {"personal": 0.97, "possible": 0.55, "unlikely": 0.12}[verdict]
    return {
        "entity": entity,
        "rows_with": round(n * (share or 0)),
        "share": share,
        "share_low": low,
        "share_high": high,
        "mean_score": score,
        "confidence": confidence,
        "decided_by": by,
        "verdict": verdict,
    }


def _wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))


def _redacted(table: dict[str, Any]) -> dict[str, Any]:
    scale = table["rows"] / table["rows_scanned"]
    columns = [
        {
            "column": c["column"],
            "how": "analysed" if c["column"] in ("body", "notes", "text") else "whole value",
            "findings": [
                {
                    "entity": f["entity"],
                    "operator": "hash" if f["entity"] == "EMAIL_ADDRESS" else "replace",
                    "count": round(f["rows_with"] * scale),
                }
                for f in c["findings"]
                if f["verdict"] == "personal"
            ],
        }
        for c in table["columns"]
    ]
    bad = 14 if table["table"] == "support_tickets" else 0
    return {
        "table": table["table"],
        "rows_in": table["rows"],
        "rows_out": table["rows"] - bad,
        "rows_quarantined": bad,
        "rows_skipped": 0,
        "files_unreadable": 1 if bad else 0,
        "cells_changed": sum(max((f["count"] for f in c["findings"]), default=0) for c in columns),
        "columns": [c for c in columns if c["findings"]],
        "errors": [{"error": "TextTooLong", "rows": bad}] if bad else [],
        "output": f"redacted/{table['table']}",
    }


def _after() -> dict[str, Any]:
    after = scan()
    after["run"] = {**RUN, "run_id": "20260131T024500Z-77e0c1d2", "status": "ok"}
    after["title"] = "Personal data left after redaction"
    after["gates"] = []
    after["not_looked_at"] = []
    left = {("support_tickets", "body"), ("clinic_visits", "notes"), ("web_events", "referrer")}
    for table in after["tables"]:
        for column in table["columns"]:
            kept = column["findings"] if (table["table"], column["column"]) in left else []
            column["findings"] = [
                {**f, "verdict": "possible", "share": f["share"] / 20, "share_low": f["share"] / 22,
                 "share_high": f["share"] / 18, "rows_with": f["rows_with"] // 20}
                for f in kept[:1]
            ]  # fmt: skip
        found = any(c["findings"] for c in table["columns"])
        if table["status"] == "findings" and not found:
            table["status"] = "clean"
    return after


def _proof_by_entity() -> list[dict[str, Any]]:
    rows = [
        ("PERSON", 9_210, 8_796, 311), ("EMAIL_ADDRESS", 5_804, 5_804, 0),
        ("PHONE_NUMBER", 4_410, 4_402, 96), ("LOCATION", 3_300, 3_170, 640),
        ("CREDIT_CARD", 2_811, 2_811, 0), ("DATE_TIME", 1_900, 1_881, None),
        ("US_SSN", 1_204, 1_204, 3), ("IBAN_CODE", 1_100, 1_100, 0),
        ("IP_ADDRESS", 799, 799, 0),
    ]  # fmt: skip
    return [
        {
            "entity": entity,
            "items": items,
            "removed": removed,
            "recall": removed / items,
            "false_positives": wrong,
        }
        for entity, items, removed, wrong in rows
    ]
