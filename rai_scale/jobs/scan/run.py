"""The scan job: scans a lake, writes findings and a report, and checks gates."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from rai_scale.engines.protocol import Engine
from rai_scale.gates import status_of
from rai_scale.jobs.exit_codes_and_logs import with_progress
from rai_scale.jobs.inputs import Inputs, models_used
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.profile import profile_of
from rai_scale.jobs.scan.config import ScanJob
from rai_scale.jobs.scan.gates import check_names, checked_gates
from rai_scale.jobs.scan.redact_config import inexact_tables, redaction_yaml
from rai_scale.jobs.scan.reviewed_files import save_reviewed
from rai_scale.pii.analysis.versions import language_versions
from rai_scale.pii.scanning.catalog_check import check_unity_catalog
from rai_scale.pii.scanning.catalog_sql import unity_catalog_sql
from rai_scale.pii.scanning.detector import detector_facts
from rai_scale.pii.scanning.guarantee import Guarantee
from rai_scale.pii.scanning.night import Night
from rai_scale.pii.scanning.overrides import active, read_overrides
from rai_scale.pii.scanning.result import ScanResult
from rai_scale.pii.scanning.state_file import is_finished
from rai_scale.pii.scanning.table_rounds import ScanPlan, sample_facts
from rai_scale.pii.scanning.table_scan import TableScan
from rai_scale.pii.scanning.tables import scan
from rai_scale.reports.words import plural
from rai_scale.tables.documents.limits import DocumentLimits, with_images
from rai_scale.tables.find import find_tables
from rai_scale.tables.paths import place_of
from rai_scale.tables.source import Lake, TableSource


def find_inputs(config: ScanJob, engine: Engine) -> Inputs:
    """Find all tables of the source."""
    documents = with_images(config.documents, config.images)
    find = partial(
        find_tables,
        config.source,
        engine=engine,
        csv=config.csv,
        ignore=config.ignore,
        documents=documents,
    )
    night = _night(config, engine, find, documents) if config.state else None
    lake = night.lake() if night else find()
    versions = language_versions(config.analyzer.model_names)
    if night:
        versions["recognizers"] = night.detector["recognizers"]
    if config.overrides:  # another run is due if a decision was changed or has expired
        counting = active(read_overrides(config.overrides), datetime.now(UTC).date())
        text = "".join(override.model_dump_json() for override in counting)
        versions["overrides"] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Inputs(lake, versions, given=night)


def _night(
    config: ScanJob, engine: Engine, find: Callable[..., Lake], documents: DocumentLimits | None
) -> Night:
    guarantee = Guarantee(config.mode, config.error, config.confidence, config.absent_below)
    plan = ScanPlan(config.analyzer, guarantee, seed=config.random_state, samples=config.samples)
    options = sample_facts(plan, documents=documents, csv=config.csv)
    facts = detector_facts(config.analyzer, options)
    place = place_of(str(config.state))
    by_file = engine.name != "spark"
    return Night(place, config.source, facts, lambda known: find(known=known), by_file)


def compute(config: ScanJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Scan, and make ``findings.parquet``, ``findings.json`` and the report from the result."""
    night: Night | None = inputs.given
    result = scan(
        inputs.lake,
        engine=engine,
        mode=config.mode,
        error=config.error,
        confidence=config.confidence,
        absent_below=config.absent_below,
        budget=config.budget,
        random_state=config.random_state,
        overrides=config.overrides,
        samples=config.samples,
        progress=lambda tables: with_progress(tables, "scanning"),
        state=night,
        analyzer=config.analyzer,
    )
    result = _completed(result, config, engine, inputs, run)
    rows = sum(table.rows or 0 for table in result.tables)
    read = sum(table.rows_scanned for table in result.tables)
    unread = result.unread()
    scanned = {table.table: table for table in result.tables}

    def write_plans() -> str | None:
        kept = []
        if config.write_unity_sql:
            text = unity_catalog_sql(result, config.unity_readers)
            kept += [save_reviewed(text, config.write_unity_sql, "write_unity_sql", "--")]
        if config.write_redact_config:
            text = redaction_yaml(result, config, inexact_tables(result, inputs.lake, engine))
            kept += [save_reviewed(text, config.write_redact_config, "write_redact_config")]
        return "; ".join(filter(None, kept)) or None

    return Done(
        message=_summary(result),
        files={"findings.parquet": _parquet(result), "findings.json": result.to_json().encode()},
        page=result.to_html(),
        commit=write_plans,
        settle=partial(night.save, run.id) if night else tuple,
        notes=tuple(_notes(result)),
        status=result.run["status"],
        gates=result.gates(),
        unread=len(unread),
        rows={"in": rows, "out": read, "quarantined": 0, "skipped": rows - read},
        seeds={"sample": config.random_state},
        details={
            "summary": result.totals(),
            "not_looked_at": [item.to_dict() for item in unread],
        },
        profile=tuple(_profile(t, scanned[t.name]) for t in inputs.lake if t.name in scanned),
        metrics=result.metrics(),
    )


def _completed(
    result: ScanResult, config: ScanJob, engine: Engine, inputs: Inputs, run: Run
) -> ScanResult:
    if config.write_unity_sql and engine.name == "spark":
        checks = check_unity_catalog(result, engine)
        result = replace(result, catalog=tuple(check.to_dict() for check in checks))
    gates = tuple(checked_gates(result, config))
    known = {
        "run_id": run.id,
        **models_used(config.analyzer.model_names, inputs.versions),
        "config_hash": run.config_hash,
        "source": config.source,
        "status": status_of(gates, result.run["status"]),
    }
    return replace(result, checked=gates, run={**result.run, **known})


def _profile(source: TableSource, scanned: TableScan) -> dict[str, Any]:
    """Return rows, and the shares of nulls among the rows that were scanned."""
    rows = scanned.rows_scanned
    nulls = {
        column.top: 1 - column.non_null / rows if rows else None
        for column in scanned.columns
        if column.column == column.top
    }
    return profile_of(source, rows=scanned.rows or rows, nulls=nulls)


def _summary(result: ScanResult) -> str:
    s = result.totals()
    rows = plural(s["rows"], "row")
    if s["rows_scanned"] < s["rows"]:
        part = f"; a sample of {s['rows_scanned']:,} of {rows} was scanned"
    else:
        part = "" if s["items_unread"] else "; everything was scanned"
    return (
        f"{plural(s['tables'], 'table')}, {rows}: personal data in "
        f"{s['columns_with_findings']} of {plural(s['columns'], 'column')}{part}"
    )


def _notes(result: ScanResult) -> Iterator[str]:
    if result.changes:
        yield result.changes.summary()
    if result.catalog:
        s = result.totals()
        missing, unknown = s["unity_missing"], s["unity_not_checked"]
        in_place = len(result.catalog) - missing - unknown
        yield (
            f"Unity Catalog: tags and masks in place for {plural(in_place, 'column')}, "
            f"missing for {missing}, not checked for {unknown}"
        )


def _parquet(result: ScanResult) -> bytes:
    buffer = io.BytesIO()
    result.to_pandas().to_parquet(buffer, index=False)
    return buffer.getvalue()


def _settled(config: ScanJob, run_id: str | None) -> bool:
    plans = (config.write_redact_config, config.write_unity_sql)
    places = [place_of(path) for path in plans if path]
    known = config.state is None or is_finished(place_of(config.state), run_id)
    return known and all(place.fs.exists(place.path) for place in places)


JOB = Job(
    "scan",
    ScanJob,
    find_inputs,
    compute,
    writes=("findings.parquet", "findings.json", "report.html"),
    settled=_settled,
    check_gates=lambda config, inputs: check_names(config, (table.name for table in inputs.lake)),
)
