"""The redaction job: one pass over the texts writes a staging table, which gives all outputs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError
from rai_scale.gates import check_gates, check_metrics, status_of
from rai_scale.jobs.exit_codes_and_logs import with_progress
from rai_scale.jobs.inputs import Inputs, configured_tables, models_used
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.metrics import metric_figures
from rai_scale.jobs.profile import profile_of
from rai_scale.jobs.redact.config import RedactJob, TableRedaction, with_secrets
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
from rai_scale.jobs.secrets import resolve_operators
from rai_scale.pii.analysis.versions import language_versions
from rai_scale.pii.redaction.operators import Operators
from rai_scale.tables.find import find_tables
from rai_scale.tables.paths import Place, place_of
from rai_scale.tables.pointer import read_pointer
from rai_scale.tables.source import Lake, TableSource
from rai_scale.tables.write import check_target

_LOG = logging.getLogger(__name__)
Tables = dict[str, TableRedaction]
TOTALS = ("rows_in", "rows_out", "rows_quarantined", "rows_skipped", "cells_changed")
"""The metrics of a redaction, summed over all tables."""


class Target(NamedTuple):
    """Where tables are written: the folder of the run, the output, and the id of the run."""

    folder: Place
    output: Place
    run_id: str


def find_inputs(config: RedactJob, engine: Engine) -> Inputs:
    """Find the tables that the configuration names, all of which must exist."""
    output = place_of(config.output, engine.name == "spark")
    if config.format == "delta" and read_pointer(output) is not None:
        raise ConfigError(
            f"output: {output.url!r} has Parquet tables of an earlier run; choose another folder."
        )
    found = find_tables(config.source, engine=engine, csv=config.csv, ignore=config.ignore)
    single = TableRedaction(columns=config.columns, key_columns=config.key_columns)
    lake, tables = configured_tables(found, config, single, "the columns to redact")
    return Inputs(lake, language_versions(config.analyzer.model_names), given=tables)


def compute(config: RedactJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Redact all tables into the folder of the run; Delta tables are committed if none failed.

    Findings and quarantine are written next to the tables.
    """
    tables: Tables = inputs.given
    done, commits = _redact_tables(config, tables, engine, inputs.lake, run)
    totals = {name: sum(table[name] for table in done) for name in TOTALS}
    gates = check_gates(config.gates, metric_figures(totals))
    status = "warnings" if any(table["warnings"] for table in done) else "ok"
    versions = models_used(config.analyzer.model_names, inputs.versions)
    facts = run.facts(status_of(gates, status), **versions)
    report = redaction_report(config, facts, done) | {"totals": totals, "gates": gates}
    from rai_scale.reports.html import render_redaction

    written = [
        f"{folder}{name}"
        for folder in ("", f"{FINDINGS_FOLDER}/", f"{QUARANTINE_FOLDER}/")
        for name in tables
    ]
    delta = config.format == "delta"
    return Done(
        message=f"{totals['rows_out']:,} of {totals['rows_in']:,} rows written, "
        f"{totals['cells_changed']:,} values changed, {totals['rows_quarantined']:,} quarantined",
        page=render_redaction(report),
        inside=() if delta else tuple(written),
        delta_tables=tuple(written) if delta else (),
        commit=partial(_commit, commits) if delta else None,
        status=status,
        notes=tuple(
            f"table {table['table']!r}: the rule {rule!r} matched no value; check its path"
            for table in done
            for rule in table["rules_without_effect"]
        )
        + tuple(
            f"table {table['table']!r}: the output keeps column names that look like personal "
            f"data (column numbers: {', '.join(map(str, table['personal_names']))}); rename these "
            "columns"
            for table in done
            if table["personal_names"]
        ),
        unread=inputs.unread + totals["rows_quarantined"],
        rows={name: totals[f"rows_{name}"] for name in ("in", "out", "quarantined", "skipped")},
        details={"report": report},
        profile=tuple(profile_of(table) for table in inputs.lake),
        metrics=totals,
        gates=gates,
    )


def _commit(commits: list[Callable[[], None]]) -> None:
    for commit in commits:
        commit()


def _redact_tables(
    config: RedactJob, tables: Tables, engine: Engine, lake: Lake, run: Run
) -> tuple[list[dict[str, Any]], list[Callable[[], None]]]:
    """Stage all tables; return their reports, and the commits of Delta tables."""
    target = Target(run.folder, run.stage.output, run.id)
    jobs = _planned(config, tables, engine, lake, target)
    done = []
    for table, wanted, frame in with_progress(jobs, "redacting"):
        with naming(table.name):
            done.append(stage_table(table, frame, engine, wanted))
            check_error_ratio(done[-1], config.max_error_ratio)
            if wanted.delta is None:
                write_outputs(table, engine, wanted)
        _LOG.info("redacted %s: %s rows", table.name, done[-1]["rows_out"])
    return done, [partial(write_outputs, table, engine, wanted) for table, wanted, _ in jobs]


def _planned(  # noqa: PLR0917
    config: RedactJob,
    tables: Tables,
    engine: Engine,
    lake: Iterable[TableSource],
    target: Target,
    read_rows: bool = True,
) -> list[tuple[TableSource, TableRun, Any]]:
    """Return the tables with their rules and lazy frames; raise an error if one is refused."""
    operators = resolve_operators(config.operators)
    specs = [spec for table in tables.values() for spec in table.specs.values()]
    whole = {spec.entity for spec in specs if spec.entity}
    jobs = []
    for table in lake:
        wanted = _table_run(config, tables[table.name], table, Operators(operators, whole), target)
        with naming(table.name):
            jobs.append((table, wanted, redacted_frame(table, engine, wanted, read_rows)))
            if wanted.delta is not None:
                check_target(wanted.delta.child(table.name).url, engine, "delta")
    return jobs


def check_plan(config: RedactJob, engine: Engine, inputs: Inputs, output: Place) -> list[str]:
    """Raise what a run would raise before it reads rows; return what only a run can check."""
    tables: Tables = inputs.given
    known = [table for table in inputs.lake if table.format != "jsonl"]
    _planned(config, tables, engine, known, Target(output, output, ""), read_rows=False)
    names = ", ".join(table.name for table in inputs.lake if table.format == "jsonl")
    return [f"not checked, because only rows have them: the columns of {names}"] if names else []


def _table_run(
    config: RedactJob, wanted: TableRedaction, table: TableSource, operators: Operators, to: Target
) -> TableRun:
    specs = with_secrets(wanted.specs)
    changed = {path for path, spec in specs.items() if spec.action != "keep"}
    personal = sorted(changed & set(wanted.key_columns))
    if personal:
        raise ConfigError(
            f"tables.{table.name}.key_columns: {personal} are also redacted, but findings and "
            "quarantine contain the original keys. Choose other key columns."
        )
    return TableRun(
        policy=specs,
        strict=wanted.strict,
        key=wanted.key_columns,
        analyzer=config.analyzer,
        operators=operators,
        folder=to.folder,
        delta=to.output if config.format == "delta" else None,
        run_id=to.run_id,
    )


def redaction_report(
    config: RedactJob, head: dict[str, Any], done: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the report of a run as plain values, without totals and gates."""
    return {
        "title": config.title or "Redaction of personal data",
        "run": head,
        "tables": [{k: v for k, v in table.items() if k != "warnings"} for table in done],
        "method": {
            "entities": list(config.analyzer.entities or ["all that Presidio supports"]),
            "score_threshold": config.analyzer.score_threshold,
            "limits": [
                "Personal data that no recognizer finds stays in the text. Columns whose values "
                "are replaced as a whole do not depend on recognizers.",
                "The output does not contain quarantined rows; the quarantine lists their keys.",
                "Columns that the configuration does not name, and numbers, dates and bytes within "
                "nested columns, are copied unchanged; they are listed for each table.",
            ],
        },
    }


JOB = Job(
    "redact",
    RedactJob,
    find_inputs,
    compute,
    writes=("a table per table of the source", "_findings", "_quarantine", "report.html"),
    check_gates=lambda config, _: check_metrics(config.gates, TOTALS),
    check_plan=check_plan,
)
