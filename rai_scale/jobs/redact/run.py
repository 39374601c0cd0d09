"""The redaction job: one pass over the texts into a staging table, all outputs from there."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rai_scale.engines.protocol import Engine
from rai_scale.errors import (
    ConfigError,
    did_you_mean,
)
from rai_scale.jobs.config import config_hash
from rai_scale.jobs.manifest import (
    Manifest,
    finished_manifest,
    inputs_of,
    remove_manifest,
    run_id_of,
    unread_files,
    versions_of,
)
from rai_scale.jobs.outputs import check_table_names, writes_output
from rai_scale.jobs.redact.config import RedactJob
from rai_scale.jobs.redact.table import (
    FINDINGS_FOLDER,
    QUARANTINE_FOLDER,
    TableRun,
    check_error_ratio,
    naming,
    redacted_frame,
    stage_table,
    write_outputs,
)
from rai_scale.jobs.run import OK, WARNINGS, Outcome, with_progress
from rai_scale.jobs.secrets import resolve_operators
from rai_scale.pii.operators import Operators
from rai_scale.tables.find import find_tables
from rai_scale.tables.ownership import make_folder, remove_where_ours
from rai_scale.tables.paths import Place, place_of, save_bytes
from rai_scale.tables.pointer import (
    LAKE,
    POINTER,
    RUN_PREFIX,
    read_pointer,
    run_folder,
    switch_pointer,
)
from rai_scale.tables.source import Lake, TableSource
from rai_scale.tables.write import check_target, remove_other_runs

_LOG = logging.getLogger(__name__)
REPORT = "report.html"


@writes_output
def run(config: RedactJob, engine: Engine) -> Outcome:
    """Redact the tables of a lake into ``output``.

    Parquet: a folder per run, and a pointer that is switched when all tables are whole, so that a
    reader sees the old lake or the new one. Delta: one commit per table. Findings and quarantine
    stand beside the tables; the manifest is written last.
    """
    output = place_of(config.output, engine.name == "spark")
    pointer = check_places(config, output)
    lake = chosen_tables(find_tables(config.source, engine=engine, csv=config.csv), config.tables)
    check_table_names(config.tables)
    versions = versions_of(config.analyzer)
    known_id = run_id_of("redact", config_hash(config), lake, versions)
    run_id = known_id or uuid.uuid4().hex[:16]
    before = finished_manifest(config.output, run_id)
    if before is not None:
        report = output.child(REPORT).url
        text = f"already done as run {run_id}; nothing changed"
        unread = unread_files(lake) + before.rows["quarantined"]
        return Outcome(before.exit_code, text, report, unread=unread)
    started, clock = datetime.now(UTC), time.monotonic()
    folder = run_folder(run_id, pointer)
    token = make_folder(output.child(folder))
    try:
        done = _redact_tables(config, engine, lake, output, folder)
        remove_manifest(config.output)  # it speaks of the output that is replaced now
        if config.format == "parquet":
            switch_pointer(output, folder, LAKE, token)
    except BaseException:
        remove_where_ours(output.child(folder))  # what is left is hidden, and the next run's to go
        raise
    remove_other_runs(output, folder if config.format == "parquet" else "")
    head = {
        "run_id": run_id,
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - clock, 1),
        "engine": engine.name,
        "package_version": versions["rai_scale"],
        "model": config.analyzer.model,
        "model_version": versions[f"model {config.analyzer.model}"],
        "source": config.source,
        "config_hash": config_hash(config),
        "status": "warnings" if any(table["warnings"] for table in done) else "ok",
    }
    return _finish(config, lake, versions, redaction_report(config, head, done))


def check_places(config: RedactJob, output: Place) -> str | None:
    """Return the folder of the current run of a Parquet output.

    Raises
    ------
    ConfigError
        If the output holds a lake of the other format.
    """
    pointer = read_pointer(output)
    if pointer is not None and config.format == "delta":
        raise ConfigError(
            f"output: {output.url!r} holds Parquet tables of an earlier run; choose another folder."
        )
    return pointer[0] if pointer else None


def _redact_tables(
    config: RedactJob, engine: Engine, lake: Lake, output: Place, folder: str
) -> list[dict[str, Any]]:
    """Stage and write all tables; Delta is committed only when no table has failed."""
    operators = resolve_operators(config.operators)
    jobs = []
    for table in lake:
        run = _table_run(config, table, operators, output, folder)
        with naming(table.name):
            jobs.append((table, run, redacted_frame(table, engine, run)))
            if run.delta is not None:
                check_target(run.delta.child(table.name).url, engine, "delta")
    done = []
    for table, run, frame in with_progress(jobs, "redacting"):
        with naming(table.name):
            done.append(stage_table(table, frame, engine, run))
            check_error_ratio(done[-1], config.max_error_ratio)
            if run.delta is None:
                write_outputs(table, engine, run)
        _LOG.info("redacted %s: %s rows", table.name, done[-1]["rows_out"])
    if config.format == "delta":
        remove_manifest(config.output)
        for table, run, _ in jobs:
            write_outputs(table, engine, run)
    return done


def chosen_tables(lake: Lake, named: Mapping[str, Any]) -> Lake:
    """Return the tables that the configuration names; every name must exist."""
    found = {table.name: table for table in lake}
    for name in named:
        if name not in found:
            raise ConfigError(
                f"tables: the source has no table {name!r}.{did_you_mean(name, found)} "
                f"It has: {', '.join(found)}."
            )
    return Lake(tuple(found[name] for name in named), lake.skipped)


def _table_run(
    config: RedactJob, table: TableSource, operators: dict[str, Any], output: Place, folder: str
) -> TableRun:
    wanted = config.tables[table.name]
    treated = {*wanted.columns, *wanted.json_columns, *wanted.whole_columns}
    personal = sorted(treated & set(wanted.key))
    if personal:
        raise ConfigError(
            f"tables.{table.name}.key: {personal} would stand in findings and quarantine as they "
            "are; a key must not be redacted."
        )
    return TableRun(
        columns=wanted.columns,
        json_columns=wanted.json_columns,
        whole_columns=wanted.whole_columns,
        key=wanted.key,
        analyzer=config.analyzer,
        operators=Operators(
            operators, {e for t in config.tables.values() for e in t.whole_columns.values()}
        ),
        folder=output.child(folder),
        delta=output if config.format == "delta" else None,
        run_id=folder.removeprefix(RUN_PREFIX),
    )


def redaction_report(
    config: RedactJob, head: dict[str, Any], done: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the run as plain values; the page is made of this."""
    numbers = ("rows_in", "rows_out", "rows_quarantined", "rows_skipped", "cells_changed")
    return {
        "title": "Redaction of personal data",
        "run": head,
        "tables": [{k: v for k, v in table.items() if k != "warnings"} for table in done],
        "totals": {name: sum(table[name] for table in done) for name in numbers},
        "method": {
            "entities": list(config.analyzer.entities or ["all that Presidio knows"]),
            "score_threshold": config.analyzer.score_threshold,
            "limits": [
                "What no recognizer sees stays in the text; columns that are replaced as a whole "
                "do not depend on recognizers.",
                "A quarantined row is left out of the output and named by its key.",
                "Columns that are not named, and numbers, dates and bytes inside of nested "
                "columns, are carried as they are; each table lists them.",
            ],
        },
    }


def _written(config: RedactJob, output: Place) -> list[str]:
    """Return the names of all that a run wrote into its output."""
    pointer = read_pointer(output)
    if config.format == "parquet" and pointer is not None:
        return [POINTER, pointer[0], REPORT]
    folders = ("", f"{FINDINGS_FOLDER}/", f"{QUARANTINE_FOLDER}/")
    return [REPORT, *(f"{folder}{table}" for folder in folders for table in config.tables)]


def _finish(
    config: RedactJob, lake: Lake, versions: dict[str, str], report: dict[str, Any]
) -> Outcome:
    from rai_scale.reports.html import render_redaction

    output, head, totals = place_of(config.output), report["run"], report["totals"]
    save_bytes(output.child(REPORT), render_redaction(report).encode())
    exit_code = WARNINGS if head["status"] == "warnings" else OK
    Manifest(
        run_id=head["run_id"],
        job="redact",
        status=head["status"],
        exit_code=exit_code,
        config_hash=head["config_hash"],
        engine=config.engine,
        started=head["started"],
        seconds=head["seconds"],
        versions=versions,
        inputs=inputs_of(lake),
        rows={name: totals[f"rows_{name}"] for name in ("in", "out", "quarantined", "skipped")},
        outputs={
            **{table["table"]: table["output"] for table in report["tables"]},
            "findings": FINDINGS_FOLDER,
            "quarantine": QUARANTINE_FOLDER,
            "report": REPORT,
        },
        details={"report": report},
    ).save(config.output, _written(config, output))
    return Outcome(
        exit_code,
        f"{totals['rows_out']:,} of {totals['rows_in']:,} rows written, "
        f"{totals['cells_changed']:,} cells changed, {totals['rows_quarantined']:,} quarantined",
        output.child(REPORT).url,
        tuple(
            f"table {table['table']!r}: whole_columns {rule!r} met no value; check its path"
            for table in report["tables"]
            for rule in table["rules_without_effect"]
        ),
        unread=unread_files(lake) + totals["rows_quarantined"],
    )
