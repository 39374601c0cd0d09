"""The tables of a made-up lake and what a scan finds in them. No personal data."""

from __future__ import annotations

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
        "PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "US_SSN",
        "US_BANK_NUMBER", "US_DRIVER_LICENSE", "US_PASSPORT", "IP_ADDRESS", "LOCATION",
        "DATE_TIME", "URL", "MEDICAL_LICENSE",
    ],
    "score_threshold": 0.4,
    "mode": "sample",
    "error": 0.02,
    "confidence": 0.95,
    "absent_below": 0.001,
    "random_state": 7,
    "limits": [
        "Names and places are found by a language model trained on English; in other languages "
        "it misses more than it finds.",
        "Images and binary columns are not read.",
        "A share is estimated from sampled rows; a type of data in very few rows can be missed.",
    ],
    "share_of": "the scanned rows that have a value",
    "interval": "exact bounds, 95 % confidence for all claims of this run together",
}  # fmt: skip

# table, format, rows, files, status, note, columns; a column is name, type, filled, errors and
# findings of entity, share, score, decided by, verdict.
TABLES: list[tuple[Any, ...]] = [
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
