"""The explain job: a model and a table in; explained rows, importance and a report out."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError
from rai_scale.jobs.config import config_hash
from rai_scale.jobs.explain.config import EXPLAINED, ExplainJob
from rai_scale.jobs.manifest import (
    MANIFEST,
    Manifest,
    finished_manifest,
    inputs_of,
    remove_manifest,
    run_id_of,
    unread_files,
)
from rai_scale.jobs.one_table import (
    chosen_table,
    content_hash,
    package_versions,
    parquet_bytes,
)
from rai_scale.jobs.outputs import writes_output
from rai_scale.jobs.run import OK, Outcome, code_with_unread
from rai_scale.statistics.json_values import plain
from rai_scale.tables.find import find_tables
from rai_scale.tables.paths import place_of, save_bytes
from rai_scale.tables.read import read_table
from rai_scale.tables.source import Lake, TableSource
from rai_scale.tables.write import write_table

_LOG = logging.getLogger(__name__)


@writes_output
def run(config: ExplainJob, engine: Engine) -> Outcome:
    """Write the explained table, tables of importance, ``explain.json``, report, manifest last.

    A run that has finished before, with the same configuration, inputs, model and versions,
    changes nothing and ends as it did then.
    """
    from rai_scale.jobs.explain.parts import explain_parts

    started, clock = datetime.now(UTC), time.monotonic()
    table = chosen_table(find_tables(config.source, engine=engine), config.source, config.table)
    background = _background_table(config, engine)
    lake = Lake((table, *background))
    versions = package_versions("shap", "interpret-core", "SALib", "scikit-learn", "numpy")
    model = content_hash(config.model)
    versions["model"] = model or "an address"
    run_id = run_id_of("explain", config_hash(config), lake, versions) if model else None
    output = place_of(config.output)
    report_url = output.child("report.html").url
    before = finished_manifest(config.output, run_id) if run_id else None
    if before is not None:
        text = f"already done as run {run_id}; nothing changed"
        return Outcome(before.exit_code, text, report_url, unread=unread_files(lake))
    frame = read_table(table, engine)
    given = read_table(background[0], engine) if background else None
    parts = explain_parts(config, engine, frame, given)
    remove_manifest(config.output)  # it speaks of the tables that are replaced now
    run_name = run_id or f"{config_hash(config)}-{started:%Y%m%dT%H%M%S}"
    location = output.child(EXPLAINED).url
    written = write_table(parts.explained, engine, location, config.format, run_id=run_name)
    _LOG.info("explained %s by %s", table.name, parts.method["name"])
    parts = parts.after_writing(config, engine, read_table(written.location, engine))
    report = {
        "title": config.title
        or f"Explanations of {config.model.rsplit('/', 1)[-1]} on {table.name}",
        "run": {
            "run_id": run_name,
            "started": started.isoformat(timespec="seconds"),
            "engine": engine.name,
            "status": "ok",
            "source": config.source,
            "table": table.name,
            "config_hash": config_hash(config),
            "package_version": versions["rai_scale"],
            "seconds": round(time.monotonic() - clock, 1),
        },
        **parts.report(config),
    }
    names = _save(config, plain(report), parts.tables)
    _manifest(config, report, lake, versions, names).save(config.output)
    return Outcome(
        OK, _summary(report), report_url, tuple(report["notes"]), unread=unread_files(lake)
    )


def _background_table(config: ExplainJob, engine: Engine) -> list[TableSource]:
    if config.background is None:
        return []
    found = find_tables(config.background, engine=engine)
    if len(found) != 1:
        raise ConfigError(f"background: {config.background} holds {len(found)} tables; name one.")
    return [found[0]]


def _save(config: ExplainJob, report: dict[str, Any], tables: dict[str, pd.DataFrame]) -> list[str]:
    from rai_scale.reports.explain import render_explain

    output, page = place_of(config.output), render_explain(report)
    for name, table in tables.items():
        save_bytes(output.child(f"{name}.parquet"), parquet_bytes(table))
    text = json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False)
    save_bytes(output.child("explain.json"), text.encode())
    save_bytes(output.child("report.html"), page.encode())
    made = [f"{name}.parquet" for name in tables]
    return [EXPLAINED, *made, "explain.json", "report.html", MANIFEST]


def _summary(report: dict[str, Any]) -> str:
    s = report["summary"]
    text = f"{s['rows']:,} rows explained by {report['method']['name']}"
    first = [row["feature"] for row in report["importance"][:3]]
    return text + (f"; most by {', '.join(first)}" if first else "")


def _manifest(
    config: ExplainJob,
    report: dict[str, Any],
    lake: Lake,
    versions: dict[str, str],
    names: list[str],
) -> Manifest:
    run, rows = report["run"], report["summary"]["rows"]
    method = {"name": report["method"]["name"], "why": report["method"]["why"]}
    return Manifest(
        run_id=run["run_id"],
        job="explain",
        status=run["status"],
        exit_code=code_with_unread(OK, unread_files(lake)),
        config_hash=run["config_hash"],
        engine=config.engine,
        started=run["started"],
        seconds=run["seconds"],
        versions=versions,
        inputs=inputs_of(lake),
        rows={"in": rows, "out": rows, "quarantined": 0, "skipped": 0},
        outputs={name: place_of(config.output).child(name).url for name in names},
        seeds={"seed": config.seed},
        details={"summary": report["summary"], "method": method, "row_pages": config.row_pages},
    )
