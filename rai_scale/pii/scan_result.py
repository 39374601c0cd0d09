"""The result of a scan, for programs (tables, JSON) and for people (a page)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

import pandas as pd
import pyarrow as pa

from rai_scale.pii.config import AnalyzerConfig
from rai_scale.pii.verdict import Finding
from rai_scale.results import Result, Tables
from rai_scale.statistics.json_values import plain
from rai_scale.tables.source import Skipped

COLUMNS = {
    "table": "string",
    "column": "string",
    "type": "string",
    "entity": "string",
    "verdict": "string",
    "confidence": "float64",
    "decided_by": "string",
    "rows_with": "Int64",
    "share": "float64",
    "share_low": "float64",
    "share_high": "float64",
    "mean_score": "float64",
    "values": "Int64",
    "errors": "Int64",
    "table_status": "string",
    "rows": "Int64",
    "rows_scanned": "Int64",
}


@dataclass(frozen=True)
class ColumnScan:
    """A column, or a leaf of one (``top`` is the column), and what was found in it.

    ``errors`` cells failed and ``unread`` cells are no text: neither was looked at. ``undecoded``
    cells hold a character that could not be decoded. ``masked``: the name is not shown, because it
    looks like personal data or may be a value.
    """

    column: str
    top: str
    type: str
    non_null: int
    errors: int
    is_field: bool
    findings: tuple[Finding, ...]
    error_bytes: int = 0
    unread: int = 0
    unread_bytes: int = 0
    undecoded: int = 0
    masked: bool = False


@dataclass(frozen=True)
class TableScan:
    """A table and its columns; ``unreadable`` are (file, type of error).

    ``bytes`` is the size of the files that can be read, None where it is not known. ``doubts`` say
    what is not sure about how its text files are written. ``schema`` is that of the frame, with
    the names as they are: it goes into no output.
    """

    table: str
    format: str
    rows: int | None
    rows_scanned: int
    files: int
    status: str
    note: str | None
    columns: tuple[ColumnScan, ...]
    unreadable: tuple[tuple[str, str], ...] = ()
    unreadable_bytes: tuple[int, ...] = ()
    bytes: int | None = None
    doubts: tuple[str, ...] = ()
    schema: pa.Schema | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "table": self.table,
            "format": self.format,
            "rows": self.rows,
            "rows_scanned": self.rows_scanned,
            "files": self.files,
            "bytes": self.bytes,
            "status": self.status,
            "note": self.note,
            "columns": [
                {
                    "column": c.column,
                    "type": c.type,
                    "non_null": c.non_null,
                    "errors": c.errors,
                    "unread": c.unread,
                    "findings": [f.to_dict() for f in c.findings],
                }
                for c in self.columns
            ],
        }


@dataclass(frozen=True)
class Unread:
    """What was not looked at: ``what`` of file, folder, table or cells; bytes None if not known."""

    what: str
    where: str
    reason: str
    count: int
    bytes: int | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


@dataclass(frozen=True, repr=False)
class ScanResult(Result):
    """All tables of a scan; ``checked`` are the gates that a job has added."""

    tables: tuple[TableScan, ...]
    skipped: tuple[Skipped, ...]
    run: dict[str, Any]
    config: AnalyzerConfig
    sample_rows: int | None
    seed: int
    checked: tuple[dict[str, Any], ...] = ()
    title: str = "Scan for personal data"

    def findings(self) -> Iterator[tuple[TableScan, ColumnScan, Finding]]:
        """Yield every finding with its column and table."""
        for table in self.tables:
            for column in table.columns:
                for finding in column.findings:
                    yield table, column, finding

    def unread(self) -> tuple[Unread, ...]:
        """Return everything that was not looked at; nothing is known about what is in it."""
        found = [
            Unread("file" if s.files == 1 else "folder", s.path, s.reason, s.files, s.bytes)
            for s in self.skipped
            if not s.harmless
        ]
        for table in self.tables:
            found += _unread_of(table)
        return tuple(found)

    def _tables(self) -> Tables:
        return {"findings": self._findings, "not_looked_at": self._not_looked_at}

    def _findings(self) -> pd.DataFrame:
        """Return one row per table, column and entity; a table without findings has one row."""
        rows = []
        for table in self.tables:
            base = {
                "table": table.table,
                "table_status": table.status,
                "rows": table.rows,
                "rows_scanned": table.rows_scanned,
            }
            found = [
                {
                    **base,
                    "column": c.column,
                    "type": c.type,
                    "values": c.non_null,
                    "errors": c.errors,
                    **f.to_dict(),
                }
                for c in table.columns
                for f in c.findings
            ]
            rows += found or [base]
        return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)

    def to_dict(self) -> dict[str, Any]:
        """Return the whole result as plain values; the page is made of this."""
        return {
            "title": self.title,
            "run": self.run,
            "summary": self.totals(),
            "gates": plain(self.checked),
            "tables": [table.to_dict() for table in self.tables],
            "not_looked_at": [item.to_dict() for item in self.unread()],
            "ignored": [
                {"file": s.path, "reason": s.reason, "files": s.files, "bytes": s.bytes}
                for s in self.skipped
                if s.harmless
            ],
            "method": {
                "entities": list(self.config.entities or ["all that Presidio knows"]),
                "score_threshold": self.config.score_threshold,
                "sample_rows": self.sample_rows,
                "seed": self.seed,
                "share_of": "the rows with a value in the column",
                "interval": "95 % Wilson interval",
                "limits": self._limits(),
            },
        }

    def totals(self) -> dict[str, int]:
        """Return how many tables, columns and rows there are, and how many need a look."""
        unread = self.unread()
        personal = {(t.table, c.column) for t, c, f in self.findings() if f.verdict == "personal"}
        return {
            "tables": len(self.tables),
            "columns": sum(len(t.columns) for t in self.tables),
            "rows": sum(t.rows or 0 for t in self.tables),
            "rows_scanned": sum(t.rows_scanned for t in self.tables),
            "columns_with_findings": len(personal),
            "tables_clean": sum(t.status == "clean" for t in self.tables),
            "tables_unreadable": sum(t.status == "unreadable" for t in self.tables),
            "files_unreadable": sum(len(t.unreadable) for t in self.tables),
            "error_cells": sum(c.errors for t in self.tables for c in t.columns),
            "cells_unread": sum(c.unread for t in self.tables for c in t.columns),
            "files_unread": sum(i.count for i in unread if i.what in ("file", "folder")),
            "tables_unread": sum(i.what == "table" for i in unread),
            "items_unread": len(unread),
            "bytes_unread": sum(item.bytes or 0 for item in unread),
            "bytes_known": self._bytes(unread),
        }

    def _numbers(self) -> dict[str, float]:
        return {name: float(value) for name, value in self.totals().items()}

    def _checked(self) -> tuple[dict[str, Any], ...]:
        return self.checked

    def _not_looked_at(self) -> pd.DataFrame:
        names = [field.name for field in fields(Unread)]
        return pd.DataFrame([item.to_dict() for item in self.unread()], columns=names)

    def to_html(self) -> str:
        """Return the report as a self-contained page."""
        from rai_scale.reports.html import render_scan

        return render_scan(self.to_dict())

    def _bytes(self, unread: tuple[Unread, ...]) -> int:
        """Return the bytes of the files that were found, as far as they are known; 0 if not."""
        if any(table.bytes is None and table.format != "frame" for table in self.tables):
            return 0
        outside = sum(i.bytes or 0 for i in unread if i.what in ("file", "folder"))
        return outside + sum(table.bytes or 0 for table in self.tables)

    def _limits(self) -> list[str]:
        limits = [
            "A recognizer can miss personal data and can see it where there is none; a clean "
            "column is one in which nothing was recognised.",
            "Columns of dates and times are judged by their names only; flags not at all. A number "
            "with a fraction is taken to name nobody.",
            "Placeholders of an earlier redaction, such as <PERSON>, count as no value.",
        ]
        if self.sample_rows is not None:
            limits.append(
                f"At most about {self.sample_rows:,} rows of a table were looked at; a type that "
                f"stands in fewer than 1 of {max(1, self.sample_rows // 3):,} rows may be missed."
            )
        return limits


def _unread_of(table: TableScan) -> Iterator[Unread]:
    sizes = table.unreadable_bytes or (None,) * len(table.unreadable)
    for (name, error), size in zip(table.unreadable, sizes, strict=True):
        yield Unread("file", f"{table.table}/{name}", f"cannot be read ({error})", 1, size)
    if table.status == "unreadable" and not (table.unreadable and not table.bytes):
        yield Unread("table", table.table, table.note or "cannot be read", 1, table.bytes)
    for c in table.columns:
        where = f"{table.table}: {c.column}"
        if c.errors:
            yield Unread("cells", where, "the analysis failed", c.errors, c.error_bytes)
        if c.unread:
            yield Unread("cells", where, "bytes that are no text", c.unread, c.unread_bytes)
