"""The explain job: explanations of the predictions for each row, importance, and a report."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError
from rai_scale.gates import check_gates, check_metrics, status_of
from rai_scale.jobs.explain.config import EXPLAINED, ExplainJob
from rai_scale.jobs.inputs import Inputs, content_hash, one_table_of
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.metrics import BY_GROUP, metric_figures
from rai_scale.jobs.profile import profile_of
from rai_scale.jobs.table_files import file_names, table_files
from rai_scale.models.files import loader_of
from rai_scale.statistics.json_values import json_text, plain
from rai_scale.tables.find import find_tables
from rai_scale.tables.ownership import remove_folder
from rai_scale.tables.read import read_table
from rai_scale.tables.source import Lake, TableSource
from rai_scale.tables.write import check_target, write_parquet, write_table

_LOG = logging.getLogger(__name__)
_PACKAGES = ("shap", "interpret-core", "SALib", "scikit-learn", "numpy")


def find_inputs(config: ExplainJob, engine: Engine) -> Inputs:
    """Find the table and the background; a hash of the model is one of the versions."""
    loader_of(config.model.path, trusted=config.model.trusted)  # checks the file
    found = one_table_of(config.source, config.table, engine, *_PACKAGES)
    model = content_hash(config.model.path)
    return Inputs(
        Lake((found.table, *_background_table(config, engine))),
        {**found.versions, "model": model or "an address"},
        known=model is not None,
        model_hash=model,
    )


def compute(config: ExplainJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Stage the explained table; importance is computed from it."""
    from rai_scale.jobs.explain.explained_table import explain_parts
    from rai_scale.reports.explain import render_explain

    table, delta = inputs.table, config.format == "delta"
    location = run.stage.output.child(EXPLAINED).url
    if delta:
        check_target(location, engine, "delta")
    frame = read_table(table, engine)
    given = read_table(inputs.lake[1], engine) if config.background.table else None
    parts = explain_parts(config, engine, frame, given)
    check_metrics(config.gates, metric_names(config, parts.labels))
    staged = run.folder.child(EXPLAINED)
    write_parquet(parts.explained, engine, staged.url, private=delta)
    written = read_table(staged.url, engine, format="parquet")
    _LOG.info("explained %s by %s", table.name, parts.method["name"])
    parts = parts.after_writing(config, engine, written)
    found = parts.report(config)
    metrics = _metrics(config, found)
    gates = check_gates(config.gates, metric_figures(metrics))
    report = plain(
        {
            "title": config.title or f"Explanations of {config.model.file_name} on {table.name}",
            "run": run.facts(status_of(gates), table=table.name),
            **found,
            "gates": gates,
        }
    )

    def commit() -> None:
        write_table(written, engine, location, "delta", run_id=run.id)
        remove_folder(staged)

    done = Done(
        message=_summary(report),
        files={**table_files(parts.tables), "explain.json": json_text(report).encode()},
        page=render_explain(report),
        tables=(EXPLAINED,),
        notes=tuple(report["notes"]),
        unread=inputs.unread,
        rows={"in": parts.rows, "out": parts.rows, "quarantined": 0, "skipped": 0},
        seeds={"random_state": config.random_state},
        details={
            "summary": report["summary"],
            "method": {name: report["method"][name] for name in ("name", "why")},
            "row_pages": config.row_pages,
        },
        profile=tuple(profile_of(source) for source in inputs.lake),
        metrics=metrics,
        gates=gates,
    )
    return replace(done, tables=(), delta_tables=(EXPLAINED,), commit=commit) if delta else done


def _background_table(config: ExplainJob, engine: Engine) -> list[TableSource]:
    background = config.background.table
    if background is None:
        return []
    found = find_tables(background, engine=engine)
    if len(found) != 1:
        raise ConfigError(
            f"background.table: {background} has {len(found)} tables; give the path of one."
        )
    return [found[0]]


def _summary(report: dict[str, Any]) -> str:
    s = report["summary"]
    text = f"{s['rows']:,} rows explained by {report['method']['name']}"
    first = [row["feature"] for row in report["importance"][:3]]
    return text + (f"; most important: {', '.join(first)}" if first else "")


def _metrics(config: ExplainJob, report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the importance of each feature, overall and by group, with its interval."""
    found = []
    for row in [*report["importance"], *report.get("importance_by_group", ())]:
        name = f"importance.{row['feature']}" + (f".{row['class']}" if row["class"] else "")
        group = f"{row['sensitive_feature']}: {row['group']}" if "group" in row else None
        numbers = {"value": row["value"], "lower": row["low"], "upper": row["high"]}
        more = {"n": row["rows"], "confidence": config.confidence, "group": group}
        more["variance"] = row["variance"]
        found.append({"name": name, **numbers, **more})
    return found


def metric_names(config: ExplainJob, labels: Sequence[str] = ()) -> list[str]:
    """Return the names of the metrics of a run that explains these classes."""
    ends = ("", BY_GROUP) if config.sensitive_features else ("",)
    named = [(name, label) for name in config.features for label in labels or ("",)]
    begun = [f"importance.{name}" + (f".{label}" if label else "") for name, label in named]
    return [name + end for name in begun for end in ends] if config.importance else []


def _writes(config: ExplainJob) -> tuple[str, ...]:
    terms = [isinstance(term, str) for term in config.partial_dependence]
    tables = {
        "importance": config.importance,
        "importance_by_group": config.importance and config.sensitive_features,
        "sensitivity": config.morris,
        "permutation": config.permutation,
        **dict.fromkeys(("variance", "variance_pairs"), config.sobol),
        "partial_dependence": any(terms),
        "dependence_pairs": not all(terms),
    }
    named = file_names(*(name for name, wanted in tables.items() if wanted))
    return (EXPLAINED, *named, "explain.json", "report.html")


def _check_gates(config: ExplainJob, inputs: Inputs) -> None:
    """Check the names of features; classes are known when the model has been read."""
    names = metric_names(config)
    begun = [f"importance.{name}." for name in config.features if config.importance]
    check_metrics([g for g in config.gates if not g.metric.startswith((*begun,))], names)


JOB = Job(
    "explain",
    ExplainJob,
    find_inputs,
    compute,
    writes=_writes,
    check_gates=_check_gates,
)
