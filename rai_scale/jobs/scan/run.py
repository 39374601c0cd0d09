"""The scan job: a lake, a report, findings as tables, and gates that can fail a pipeline."""

from __future__ import annotations

import io
from dataclasses import replace

from rai_scale.engines.protocol import Engine
from rai_scale.jobs.config import config_hash
from rai_scale.jobs.manifest import (
    MANIFEST,
    Manifest,
    finished_manifest,
    inputs_of,
    remove_manifest,
    run_id_of,
    versions_of,
)
from rai_scale.jobs.outputs import writes_output
from rai_scale.jobs.run import FAILED_CHECK, OK, WARNINGS, Outcome, with_progress
from rai_scale.jobs.scan.config import ScanJob
from rai_scale.jobs.scan.gates import check_names, checked_gates
from rai_scale.jobs.scan.redact_config import redaction_yaml, save_plan
from rai_scale.pii.scan_result import ScanResult
from rai_scale.pii.scanning import scan
from rai_scale.reports.words import not_looked_at
from rai_scale.tables.find import find_tables
from rai_scale.tables.paths import place_of, save_bytes
from rai_scale.tables.source import Lake


@writes_output
def run(config: ScanJob, engine: Engine) -> Outcome:
    """Scan, write ``findings.parquet``, ``findings.json``, ``report.html``, and the manifest last.

    A run that has finished before, with the same configuration, inputs and versions, changes
    nothing and ends as it did then.
    """
    lake = find_tables(config.source, engine=engine, csv=config.csv, ignore=config.ignore)
    check_names(config.gates, config.analyzer, [table.name for table in lake])
    versions = versions_of(config.analyzer)
    run_id = run_id_of("scan", config_hash(config), lake, versions)
    output = place_of(config.output)
    report = output.child("report.html").url
    before = finished_manifest(config.output, run_id) if run_id else None
    plan = config.write_redact_config and place_of(config.write_redact_config)
    if before is not None and (not plan or plan.fs.exists(plan.path)):
        text = f"already done as run {run_id}; nothing changed"
        return Outcome(before.exit_code, text, report, unread=before.details["unread"])
    result = scan(
        lake,
        engine=engine,
        sample_rows=config.sample_rows,
        random_state=config.seed,
        progress=lambda tables: with_progress(tables, "scanning"),
        analyzer=config.analyzer,
    )
    result = _completed(result, config, run_id, versions)
    remove_manifest(config.output)  # it speaks of the findings that are replaced now
    save_bytes(output.child("findings.parquet"), _parquet(result))
    save_bytes(output.child("findings.json"), result.to_json().encode())
    save_bytes(output.child("report.html"), result.to_html().encode())
    kept = None
    if config.write_redact_config:
        text = redaction_yaml(result, config.source, config.engine, config.csv)
        kept = save_plan(text, config.write_redact_config)
    exit_code = {"ok": OK, "warnings": WARNINGS, "failed": FAILED_CHECK}[result.run["status"]]
    _manifest(result, config, exit_code, lake, versions).save(config.output)
    notes = (*_failed_gates(result), *([kept] if kept else []))
    return Outcome(exit_code, _summary(result), report, notes, len(result.unread()))


def _completed(
    result: ScanResult, config: ScanJob, run_id: str | None, versions: dict[str, str]
) -> ScanResult:
    gates = tuple(checked_gates(result, config))
    status = result.run["status"]
    if any(not gate["passed"] for gate in gates):
        status = "failed"
    known = {
        "run_id": run_id or result.run["run_id"],
        "model_version": versions[f"model {config.analyzer.model}"],
        "config_hash": config_hash(config),
        "source": config.source,
        "status": status,
    }
    return replace(result, checked=gates, run={**result.run, **known})


def _failed_gates(result: ScanResult) -> tuple[str, ...]:
    return tuple(f"{g['name']}: {g['detail']}" for g in result.gates() if not g["passed"])


def _summary(result: ScanResult) -> str:
    s = result.totals()
    return (
        f"{s['tables']} tables, {s['rows']:,} rows: {s['columns_with_findings']} of "
        f"{s['columns']} columns hold personal data; {not_looked_at(s)}"
    )


def _parquet(result: ScanResult) -> bytes:
    buffer = io.BytesIO()
    result.to_pandas().to_parquet(buffer, index=False)
    return buffer.getvalue()


def _manifest(
    result: ScanResult,
    config: ScanJob,
    exit_code: int,
    lake: Lake,
    versions: dict[str, str],
) -> Manifest:
    rows = sum(table.rows or 0 for table in result.tables)
    read = sum(table.rows_scanned for table in result.tables)
    names = ("findings.parquet", "findings.json", "report.html", MANIFEST)
    return Manifest(
        run_id=result.run["run_id"],
        job="scan",
        status=result.run["status"],
        exit_code=exit_code,
        config_hash=config_hash(config),
        engine=config.engine,
        started=result.run["started"],
        seconds=result.run["seconds"],
        versions=versions,
        inputs=inputs_of(lake),
        rows={"in": rows, "out": read, "quarantined": 0, "skipped": rows - read},
        outputs={name: place_of(config.output).child(name).url for name in names},
        seeds={"sample": config.seed},
        details={
            "summary": result.totals(),
            "gates": result.gates(),
            "unread": len(result.unread()),
            "not_looked_at": [item.to_dict() for item in result.unread()],
        },
    )
