"""The result of a scan, for programs (tables, JSON) and for people (an HTML page)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

import pandas as pd

from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.scanning.guarantee import Guarantee
from rai_scale.pii.scanning.history import Changes
from rai_scale.pii.scanning.overrides import AppliedOverride
from rai_scale.pii.scanning.table_scan import NOT_SEARCHED, ColumnScan, TableScan
from rai_scale.pii.scanning.unread import UnreadItem, file_totals, unread_of
from rai_scale.pii.scanning.verdict import Finding, limits_of
from rai_scale.results import Result, Tables
from rai_scale.statistics.json_values import plain
from rai_scale.tables.source import Skipped

_PARTS = 3

COLUMNS = {
    **dict.fromkeys(
        ("catalog", "schema", "table", "column", "type", "class", "entity", "verdict"), "string"
    ),
    **dict.fromkeys(("frequency", "frequency_low", "frequency_high"), "float64"),
    **{"claim": "string", "confidence": "float64"},
    **{"decided_by": "string", "rows_with": "Int64"},
    **dict.fromkeys(("share", "share_low", "share_high", "mean_score"), "float64"),
    **{"values": "Int64", "errors": "Int64", "table_status": "string"},
    **dict.fromkeys(("rows", "rows_scanned"), "Int64"),
    **dict.fromkeys(("table_risk", "conflict", "reviewer", "reason", "samples"), "string"),
    **dict.fromkeys(("first_detected", "last_detected", "change"), "string"),
}
"""Columns of the table of findings and their pandas types.

``frequency`` is the share of all rows of the table, ``share`` that of the rows with a value. The
last three columns are null without a state. A finding that is gone has a row with
``change="gone"``.
"""


ABSENT = {
    **dict.fromkeys(("table", "column", "type", "rule"), "string"),
    **dict.fromkeys(("rows", "rows_scanned"), "Int64"),
    **{"types": "Int64", "at_most": "float64", "no_claim": "string"},
}
"""Columns of the table of types that were not found, and their pandas types.

Each of ``types`` types is in ``at_most`` of the rows at most, unless ``no_claim`` has a reason.
"""


@dataclass(frozen=True, repr=False)
class ScanResult(Result):
    """The result of a scan.

    Attributes
    ----------
    tables : tuple of TableScan
    skipped : tuple of Skipped
        Files that are not part of any table.
    run : dict
        Identifier, start (ISO 8601), duration in seconds, engine, versions and status of the run.
    config : AnalyzerConfig
    guarantee : Guarantee
        What the claims of the result promise.
    random_state : int
        Key of the hash that chose the rows.
    overrides : tuple of AppliedOverride
        The decisions of reviewers, including those that did not count.
    samples : int
        Number of masked samples per column with findings.
    checked : tuple of dict
        The gates of a job, with their outcome.
    title : str
    changes : Changes or None
        What changed since the last finished run; None without a state.
    catalog : tuple of dict
        Whether tags and masks are in place in Unity Catalog, if a job checked it.
    types : tuple of str
        The types that were searched in values.
    """

    tables: tuple[TableScan, ...]
    skipped: tuple[Skipped, ...]
    run: dict[str, Any]
    config: AnalyzerConfig
    guarantee: Guarantee
    random_state: int
    overrides: tuple[AppliedOverride, ...] = ()
    samples: int = 0
    checked: tuple[dict[str, Any], ...] = ()
    title: str = "Scan for personal data"
    changes: Changes | None = None
    catalog: tuple[dict[str, Any], ...] = ()
    types: tuple[str, ...] = ()

    def findings(self) -> Iterator[tuple[TableScan, ColumnScan, Finding]]:
        """Yield every finding with its column and table."""
        for table in self.tables:
            for column in table.columns:
                for finding in column.findings:
                    yield table, column, finding

    def unread(self) -> tuple[UnreadItem, ...]:
        """Return everything that was not searched; its content is unknown."""
        found = [
            UnreadItem("file" if s.files == 1 else "folder", s.path, s.reason, s.files, s.bytes)
            for s in self.skipped
            if not s.harmless
        ]
        for table in self.tables:
            found += unread_of(table)
        return tuple(found)

    def _tables(self) -> Tables:
        return {
            "findings": self._findings,
            "not_looked_at": self._not_looked_at,
            "absent": self._absent,
        }

    def _absent(self) -> pd.DataFrame:
        """Return, per column, what is claimed about the types that were not found in it."""
        rows = [
            (t.table, c.column, c.type, t.rule, t.rows, t.rows_scanned, *_claimed(c))
            for t in self.tables
            for c in t.columns
        ]
        return pd.DataFrame(rows, columns=list(ABSENT)).astype(ABSENT)

    def _findings(self) -> pd.DataFrame:
        """Return one row per table, column and entity; a table without findings has one row."""
        rows = []
        for table in self.tables:
            base = {name: getattr(table, name) for name in ("table", "rows", "rows_scanned")}
            base |= {"table_status": table.status, "table_risk": table.risk.level}
            base |= dict(zip(("catalog", "schema"), catalog_parts(table) or (), strict=False))
            found = [
                {**base, **f.to_dict(), **_of_column(c)} for c in table.columns for f in c.findings
            ]
            rows += found or [base]
        rows += (
            [c.gone_row() for c in self.changes.findings if c.change == "gone"]
            if self.changes
            else []
        )
        return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)

    def to_dict(self) -> dict[str, Any]:
        """Return the whole result as plain values, from which the page is made."""
        return {
            "title": self.title,
            "run": self.run,
            "summary": self.totals(),
            "gates": plain(self.checked),
            "overrides": [override.to_dict() for override in self.overrides],
            "changes": self.changes and self.changes.to_dict(),
            "unity_catalog": list(self.catalog),
            "tables": [table.to_dict() for table in self.tables],
            "not_looked_at": [item.to_dict() for item in self.unread()],
            "ignored": [
                {"file": s.path, "reason": s.reason, "files": s.files, "bytes": s.bytes}
                for s in self.skipped
                if s.harmless
            ],
            "method": {
                "entities": list(self.config.entities or ["all that Presidio supports"]),
                "score_threshold": self.config.score_threshold,
                **asdict(self.guarantee),
                "types": list(self.types),
                "random_state": self.random_state,
                "samples": self.samples,
                "share_of": "the rows with a value in the column",
                "interval": (
                    f"exact bounds, {100 * self.guarantee.confidence:g} % confidence for all "
                    "claims of this run together"
                ),
                "limits": limits_of(self.guarantee),
            },
        }

    def totals(self) -> dict[str, int]:
        """Return the numbers of tables, columns and rows, of findings, and of unread parts."""
        unread = self.unread()
        columns = {(f.verdict, t.table, c.column) for t, c, f in self.findings()}
        sure = Counter(verdict for verdict, _, _ in columns)
        return {
            "tables": len(self.tables),
            "columns": sum(len(t.columns) for t in self.tables),
            "rows": sum(t.rows or 0 for t in self.tables),
            "rows_scanned": sum(t.rows_scanned for t in self.tables),
            "columns_with_findings": sure["personal"],
            "columns_with_secrets": sure["secret"],
            "columns_with_indirect_data": sure["indirect"],
            "columns_in_conflict": sum(bool(c.conflict) for t in self.tables for c in t.columns),
            "tables_at_high_risk": sum(t.risk.level == "high" for t in self.tables),
            "tables_clean": sum(t.status == "clean" for t in self.tables),
            "tables_unreadable": sum(t.status == "unreadable" for t in self.tables),
            **file_totals(self.tables),
            "error_cells": sum(c.errors for t in self.tables for c in t.columns),
            "cells_unread": sum(c.unread for t in self.tables for c in t.columns),
            "files_unread": sum(i.count for i in unread if i.what in ("file", "folder")),
            "tables_unread": sum(i.what == "table" for i in unread),
            "items_unread": len(unread),
            "bytes_unread": sum(item.bytes or 0 for item in unread),
            "bytes_known": self._bytes(unread),
            **self.changed_totals(),
            "unity_missing": sum(c["outcome"] == "missing" for c in self.catalog),
            "unity_not_checked": sum(c["outcome"] == "not checked" for c in self.catalog),
        }

    def changed_totals(self) -> dict[str, int]:
        """Return the numbers of what changed since the last run; empty without a state."""
        return {} if self.changes is None else self.changes.totals()

    def _numbers(self) -> dict[str, float]:
        return {name: float(value) for name, value in self.totals().items()}

    def _checked(self) -> tuple[dict[str, Any], ...]:
        return self.checked

    def _not_looked_at(self) -> pd.DataFrame:
        names = [field.name for field in fields(UnreadItem)]
        return pd.DataFrame([item.to_dict() for item in self.unread()], columns=names)

    def to_html(self) -> str:
        """Return the report as a self-contained page."""
        from rai_scale.reports.html import render_scan

        return render_scan(self.to_dict())

    def _bytes(self, unread: tuple[UnreadItem, ...]) -> int:
        """Return the size of all files in bytes; 0 if the size of a table is unknown."""
        if any(table.bytes is None and table.format != "frame" for table in self.tables):
            return 0
        outside = sum(i.bytes or 0 for i in unread if i.what in ("file", "folder"))
        return outside + sum(table.bytes or 0 for table in self.tables)


def catalog_parts(table: TableScan) -> tuple[str, str, str] | None:
    """Return catalog, schema and name of a table of a catalog; None for other tables."""
    from rai_scale.tables.discovery.spark_catalog import name_parts

    parts = name_parts(table.table) if table.format == "catalog" else None
    return (parts[0], parts[1], parts[2]) if parts and len(parts) == _PARTS else None


def _of_column(column: ColumnScan) -> dict[str, Any]:
    review = column.override
    return {
        **{"column": column.column, "type": column.type, "conflict": column.conflict},
        **{"values": column.non_null, "errors": column.errors},
        **{"reviewer": review and review.reviewer, "reason": review and review.reason},
        "samples": " | ".join(column.shapes) or None,
    }


def _claimed(column: ColumnScan) -> tuple[int | None, float | None, str | None]:
    if column.absent is None:
        return None, None, NOT_SEARCHED
    return column.absent.types, column.absent.at_most, column.absent.no_claim
