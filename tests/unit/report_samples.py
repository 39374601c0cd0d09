"""Realistic report dicts: ten tables, long names, fourteen entity types. No personal data."""

from __future__ import annotations

import math
from typing import Any

RUN = {
    "run_id": "20260131T020000Z-6f1c2a9e",
    "started": "2026-01-31T02:00:00+00:00",
    "seconds": 1452.8,
    "engine": "local",
    "package_version": "0.1.0",
    "model": "en_core_web_sm",
    "model_version": "3.8.0",
    "source": "abfss://lake@contoso.dfs.core.windows.net/curated/customer-operations/2026",
    "config_hash": "sha256:9b0f7c3f5d2e41f0a6b7",
    "status": "failed",
}
METHOD: dict[str, Any] = {
    "entities": [
        "PERSON",
        "EMAIL_ADDRESS",
        "PHONE_NUMBER",
        "CREDIT_CARD",
        "IBAN_CODE",
        "US_SSN",
        "US_BANK_NUMBER",
        "US_DRIVER_LICENSE",
        "US_PASSPORT",
        "IP_ADDRESS",
        "LOCATION",
        "DATE_TIME",
        "URL",
        "MEDICAL_LICENSE",
    ],
    "score_threshold": 0.4,
    "sample_rows": 10_000,
    "seed": 7,
    "limits": [
        "Names and places are found by a language model trained on English; in other languages "
        "it misses more than it finds.",
        "Images and binary columns are not read.",
        "A share is estimated from sampled rows; a type of data in very few rows can be missed.",
    ],
}

# table, format, rows, files, status, note, columns; a column is name, type, filled, errors and
# findings of entity, share, score, decided by, verdict.
_TABLES: list[tuple[Any, ...]] = [
    ("customers", "parquet", 412_300, 24, "findings", None, [
        ("full_name", "string", 1.0, 0, [("PERSON", 0.982, 0.85, "both", "personal")]),
        ("email", "string", 0.97, 0, [
            ("EMAIL_ADDRESS", 0.9996, 1.0, "both", "personal"),
            ("URL", 0.9996, 0.5, "values", "unlikely"),
        ]),
        ("phone", "string", 0.91, 0, [("PHONE_NUMBER", 0.874, 0.75, "both", "personal")]),
        ("address_line", "string", 0.94, 0, [("LOCATION", 0.613, 0.85, "both", "personal")]),
        ("birth_date", "date32[day]", 0.88, 0, [("DATE_TIME", 1.0, 0.6, "both", "personal")]),
        ("social_security_number", "string", 0.52, 0, [("US_SSN", 1.0, 0.85, "both", "personal")]),
        ("loyalty_tier", "string", 1.0, 0, []),
        ("customer_id", "int64", 1.0, 0, []),
        ("updated_at", "timestamp[us]", 1.0, 0, []),
    ]),
    ("support_tickets", "jsonl", 96_410, 12, "partly unreadable",
     "1 of 12 files could not be read; the shares are from the other 11.", [
        ("body", "string", 0.99, 14, [
            ("PERSON", 0.382, 0.85, "values", "personal"),
            ("EMAIL_ADDRESS", 0.214, 1.0, "values", "personal"),
            ("PHONE_NUMBER", 0.121, 0.6, "values", "personal"),
            ("CREDIT_CARD", 0.0132, 1.0, "values", "personal"),
            ("LOCATION", 0.241, 0.85, "values", "possible"),
            ("DATE_TIME", 0.336, 0.85, "values", "possible"),
            ("URL", 0.0004, 0.6, "values", "unlikely"),
        ]),
        ("agent_name", "string", 1.0, 0, [("PERSON", 0.951, 0.85, "both", "personal")]),
        ("attachments", "list<struct<name, bytes>>", 0.2, 3, []),
        ("priority", "string", 1.0, 0, []),
        ("ticket_id", "int64", 1.0, 0, []),
    ]),
    ("finance_reconciliation_card_payments_and_refunds_history_v2", "delta", 2_804_118, 310,
     "findings", None, [
        ("card_number", "string", 1.0, 0, [("CREDIT_CARD", 0.9991, 1.0, "both", "personal")]),
        ("beneficiary_iban_or_account_reference_as_entered_by_customer", "string", 0.43, 0, [
            ("IBAN_CODE", 0.702, 1.0, "values", "personal"),
            ("US_BANK_NUMBER", 0.093, 0.4, "values", "possible"),
        ]),
        ("client_ip", "string", 0.99, 0, [("IP_ADDRESS", 1.0, 0.95, "both", "personal")]),
        ("amount", "decimal128(12, 2)", 1.0, 0, []),
        ("currency", "string", 1.0, 0, []),
    ]),
    ("clinic_visits", "parquet", 58_902, 6, "findings", None, [
        ("patient", "string", 1.0, 0, [("PERSON", 0.973, 0.85, "both", "personal")]),
        ("notes", "string", 0.76, 2, [
            ("PERSON", 0.441, 0.85, "values", "personal"),
            ("DATE_TIME", 0.712, 0.85, "values", "personal"),
            ("MEDICAL_LICENSE", 0.021, 1.0, "values", "possible"),
        ]),
        ("physician_licence", "string", 0.98, 0, [
            ("MEDICAL_LICENSE", 0.967, 1.0, "both", "personal"),
        ]),
        ("diagnosis_code", "string", 1.0, 0, []),
    ]),
    ("loan_decisions", "csv", 120_000, 1, "findings", None, [
        ("applicant", "string", 1.0, 0, [("PERSON", 0.969, 0.85, "both", "personal")]),
        ("licence_no", "string", 0.83, 0, [
            ("US_DRIVER_LICENSE", 0.884, 0.65, "values", "personal"),
        ]),
        ("passport", "string", 0.31, 0, [("US_PASSPORT", None, None, "name", "possible")]),
        ("sex", "string", 1.0, 0, []),
        ("race", "string", 1.0, 0, []),
        ("score", "double", 1.0, 0, []),
    ]),
    ("web_events", "parquet", 18_404_551, 730, "findings", None, [
        ("payload.user.email", "string", 0.22, 0, [
            ("EMAIL_ADDRESS", 0.9987, 1.0, "both", "personal"),
        ]),
        ("payload.ip", "string", 1.0, 0, [("IP_ADDRESS", 0.9999, 0.95, "both", "personal")]),
        ("referrer", "string", 0.67, 0, [("URL", 0.98, 0.6, "values", "possible")]),
    ]),
    ("legacy_crm_export", "text", 8_120, 3, "findings", None, [
        ("text", "string", 1.0, 0, [("PERSON", 0.057, 0.85, "values", "possible")]),
    ]),
    ("product_catalogue", "parquet", 5_204, 1, "clean", None, [
        ("sku", "string", 1.0, 0, []), ("title", "string", 1.0, 0, []),
    ]),
    ("exchange_rates", "csv", 21_900, 1, "clean", None, [
        ("day", "date32[day]", 1.0, 0, []), ("rate", "double", 1.0, 0, []),
    ]),
    ("archive_2019", "parquet", None, 4, "unreadable",
     "4 files have no valid Parquet footer.", []),
]  # fmt: skip


def scan() -> dict[str, Any]:
    """A nightly scan with a failed gate, unreadable files and shares from a sample."""
    tables = [_table(row) for row in _TABLES]
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
            "error_cells": 19,
        },
        "gates": [
            {"name": "max_personal_columns", "passed": False, "detail": "18 found, 10 allowed"},
            {"name": "no_credit_card", "passed": False, "detail": "CREDIT_CARD in 2 tables"},
            {"name": "max_error_ratio", "passed": True, "detail": "0.00003, 0.01 allowed"},
        ],
        "tables": tables,
        "skipped": [
            {"file": "support_tickets/part-0007.jsonl.gz", "reason": "BadGzipFile"},
            {"file": "archive_2019/part-00000.snappy.parquet", "reason": "ArrowInvalid"},
            {"file": "README.docx", "reason": "not a known table format"},
        ],
        "method": dict(METHOD),
    }


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
                {"table": _TABLES[2][0], "items": 5_400, "removed": 5_400, "recall": 1.0},
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
    scanned = min(rows or 0, METHOD["sample_rows"])
    return {
        "table": name,
        "format": kind,
        "rows": rows,
        "rows_scanned": scanned,
        "files": files,
        "status": status,
        "note": note,
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
            "how": "analysed" if c["column"] in ("body", "notes", "text") else "whole cell",
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
    after["skipped"] = []
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
