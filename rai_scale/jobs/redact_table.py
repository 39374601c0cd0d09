"""Redact one table: stage the expensive pass once, then take output, findings and quarantine."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rai_scale.engines.counts import merge_counts
from rai_scale.engines.protocol import Engine
from rai_scale.pii.config import AnalyzerConfig
from rai_scale.pii.findings import (
    CORRUPT,
    DETAILS,
    ERROR,
    FAILED,
    STATUS,
    CountFindings,
    FailedRows,
    FindingRows,
    GoodRows,
    QuarantineCorrupt,
)
from rai_scale.pii.redact import redact
from rai_scale.tables.paths import Place
from rai_scale.tables.read import read_table
from rai_scale.tables.source import TableSource
from rai_scale.tables.write import remove_folder, write_parquet, write_table

FINDINGS_FOLDER, QUARANTINE_FOLDER, STAGING_FOLDER = "_findings", "_quarantine", "_staging"


@dataclass(frozen=True)
class TableRun:
    """What to do with a table, and the folder of the run that it is done in."""

    columns: tuple[str, ...]
    json_columns: tuple[str, ...]
    whole_columns: dict[str, str]
    key: tuple[str, ...]
    analyzer: AnalyzerConfig
    operators: dict[str, Any]
    folder: Place
    delta: str | None
    run_id: str


def redact_table(source: TableSource, engine: Engine, run: TableRun) -> dict[str, Any]:
    """Redact a table into the folder of the run; return its part of the report."""
    staging = run.folder.child(f"{STAGING_FOLDER}/{source.name}")
    write_parquet(redacted_frame(source, engine, run), engine, staging.url)
    staged = read_table(staging.url, engine, format="parquet")
    schema = engine.schema(staged)
    kept = tuple(n for n in schema.names if n not in (*DETAILS.names, CORRUPT))
    good = engine.map_partitions(
        staged, GoodRows(kept), pa.schema([schema.field(n) for n in kept]), label="output"
    )
    found, failed = FindingRows(run.key), FailedRows(run.key)
    for folder, rows in ((FINDINGS_FOLDER, found), (QUARANTINE_FOLDER, failed)):
        taken = engine.map_partitions(staged, rows, rows.schema(schema), label=folder.strip("_"))
        write_parquet(taken, engine, run.folder.child(f"{folder}/{source.name}").url)
    if run.delta is None:
        output = write_parquet(good, engine, run.folder.child(source.name).url)
    else:
        output = write_table(good, engine, run.delta, "delta", run_id=run.run_id)
    report = table_report(source, engine, run, staged)
    remove_folder(staging)
    return {**report, "output": output.path}


def redacted_frame(source: TableSource, engine: Engine, run: TableRun) -> Any:
    """Return the lazy frame that is staged."""
    frame = redact(
        read_table(source, engine),
        run.columns,
        json_columns=run.json_columns,
        whole_columns=run.whole_columns,
        operators=run.operators,
        details=True,
        analyzer=run.analyzer,
    )
    if CORRUPT not in engine.schema(frame).names:
        return frame
    corrupt = QuarantineCorrupt()
    return engine.with_columns(
        frame, corrupt, corrupt.outputs, inputs=corrupt.inputs, label="quarantine"
    )


def table_report(source: TableSource, engine: Engine, run: TableRun, staged: Any) -> dict[str, Any]:
    """Count what was staged: rows by status, errors, findings; natively where it can be."""
    rows = engine.group_counts(staged, [STATUS, ERROR]).to_pylist()
    total = sum(row["count"] for row in rows)
    bad = sum(row["count"] for row in rows if row[STATUS] == FAILED)
    counted = engine.map_partitions(staged, CountFindings(), CountFindings.schema, label="count")
    found = merge_counts(engine.collect(counted), ["column", "entity", "operator"]).to_pylist()
    per_column: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in found:
        if row["entity"] is not None:
            item = {"entity": row["entity"], "operator": row["operator"], "count": row["findings"]}
            per_column[row["column"]].append(item)
    treated = {*run.columns, *run.json_columns, *run.whole_columns}
    silent = [
        c
        for c in treated
        if not any(p == c or p.startswith((f"{c}.", f"{c}[")) for p in per_column)
    ]
    return {
        "table": source.name,
        "rows_in": total,
        "rows_out": total - bad,
        "rows_quarantined": bad,
        "rows_skipped": 0,
        "files_unreadable": len(source.unreadable),
        "cells_changed": sum(row["cells"] for row in found),
        "columns": [
            {
                "column": column,
                "how": "whole cell" if column in run.whole_columns else "analysed",
                "findings": sorted(per_column[column], key=lambda f: (-f["count"], f["entity"])),
            }
            for column in sorted([*per_column, *silent])
        ],
        "errors": [
            {"error": row[ERROR], "rows": row["count"]} for row in rows if row[STATUS] == FAILED
        ],
        "warnings": bool(bad or source.unreadable),
    }
