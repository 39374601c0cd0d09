"""The evaluation job: one pass over labelled texts gives the measures, the page and the gates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from rai_scale.engines.protocol import Engine
from rai_scale.gates import check_metrics, status_of
from rai_scale.jobs.config import JobConfig
from rai_scale.jobs.evaluate_pii.config import EvaluatePiiJob
from rai_scale.jobs.inputs import Inputs, models_used, one_table_of
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.profile import profile_of
from rai_scale.jobs.table_files import table_files
from rai_scale.pii.analysis.versions import language_versions
from rai_scale.pii.quality.evaluation import evaluate_pii
from rai_scale.pii.quality.evaluation_result import MEASURES, measure_of
from rai_scale.pii.quality.matching import ANY
from rai_scale.reports.pii_quality import render_evaluation
from rai_scale.statistics.json_values import json_text
from rai_scale.tables.read import read_table


def find_inputs(config: EvaluatePiiJob, engine: Engine) -> Inputs:
    """Find the table of labelled texts."""
    found = one_table_of(config.source, config.table, engine)
    systems = [c for c in (config.analyzer, config.baseline) if c is not None]
    names = dict.fromkeys(name for system in systems for name in system.model_names)
    return replace(found, versions=language_versions(names))


def compute(config: EvaluatePiiJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Evaluate, and make ``measures.parquet``, ``evaluation.json`` and the report."""
    own = {*JobConfig.model_fields, "source", "table"}
    options = {
        name: getattr(config, name) for name in EvaluatePiiJob.model_fields if name not in own
    }
    result = evaluate_pii(read_table(inputs.table, engine), **options)
    result = replace(result, title=config.title or f"Quality of a detector on {inputs.table.name}")
    gates = result.gates(*config.gates) if config.gates else []
    plain: dict[str, Any] = {**result.to_dict(), "title": result.title, "gates": gates}
    status = "warnings" if result.errors else "ok"
    plain["run"] = run.facts(
        status_of(gates, status), **models_used(config.analyzer.model_names, inputs.versions)
    )
    f2 = result.metrics().get("f2")
    return Done(
        message=f"{result.texts:,} labelled texts, F2 {'not known' if f2 is None else f'{f2:.3f}'}",
        files={
            **table_files({"measures": result.measures}),
            "evaluation.json": json_text(plain).encode(),
        },
        page=render_evaluation(plain),
        status=status,
        gates=gates,
        notes=tuple(result._remarks()),
        unread=inputs.unread + result.errors,
        rows={"in": result.texts, "out": result.texts, "quarantined": 0, "skipped": 0},
        details={"settings": result.settings},
        profile=(profile_of(inputs.table),),
        metrics=_records(result.measures),
    )


def _records(measures: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the measures of all columns as metrics of the manifest, by entity."""
    rows: list[Any] = measures[measures["column"] == ANY].to_dict("records")
    return [
        {
            "name": row["measure"],
            "group": None if row["entity"] == ANY else row["entity"],
            **{name: _number(row[name]) for name in ("value", "lower", "upper")},
            **{"n": row["labelled"], "direction": "higher"},
        }
        for row in rows
    ]


def _number(value: float) -> float | None:
    return None if value != value else value  # noqa: PLR0124


def check_names(config: EvaluatePiiJob, _: Inputs) -> None:
    """Check the measure of each gate; its entity is known only when the labels have been read."""
    names = [*MEASURES, *(f"{name}_change" for name in MEASURES if config.baseline)]
    check_metrics([replace(gate, metric=measure_of(gate.metric)) for gate in config.gates], names)


JOB = Job(
    "evaluate-pii",
    EvaluatePiiJob,
    find_inputs,
    compute,
    writes=("measures.parquet", "evaluation.json", "report.html"),
    check_gates=check_names,
)
