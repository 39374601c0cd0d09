"""The error analysis job: the tree of errors as tables and page, and gates on its nodes."""

from __future__ import annotations

from typing import Any

from rai_scale.engines.protocol import Engine
from rai_scale.error_analysis.cell_metrics import check_metric_name, loss_of
from rai_scale.error_analysis.trees.make_tree import error_tree
from rai_scale.error_analysis.trees.result import ErrorTree
from rai_scale.gates import check_metrics, status_of
from rai_scale.jobs.config import JobConfig
from rai_scale.jobs.error_analysis.config import ErrorAnalysisJob
from rai_scale.jobs.inputs import Inputs, one_table_of
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.profile import profile_of
from rai_scale.jobs.table_files import table_files
from rai_scale.reports.error_analysis import render_error_analysis
from rai_scale.statistics.json_values import json_text
from rai_scale.tables.read import read_table

_PACKAGES = ("numpy", "scipy", "scikit-learn", "fairlearn")


def find_inputs(config: ErrorAnalysisJob, engine: Engine) -> Inputs:
    """Find the table."""
    check_metric_name(config.metric)
    return one_table_of(config.source, config.table, engine, *_PACKAGES)


def compute(config: ErrorAnalysisJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Find the tree; all files are made from it."""
    own = {*JobConfig.model_fields, "source", "table"}
    given = {n: getattr(config, n) for n in ErrorAnalysisJob.model_fields if n not in own}
    tree = error_tree(read_table(inputs.table, engine), **given)
    gates = tree.gates(*config.gates) if config.gates else []
    report: dict[str, Any] = {
        **tree.to_dict(),
        "title": config.title or f"Errors in {inputs.table.name}",
        "gates": gates,
        "run": run.facts(status_of(gates), table=inputs.table.name),
    }
    rows = int(tree.totals()["rows"])
    return Done(
        message=_summary(tree),
        files={
            **table_files({"nodes": tree.nodes}),
            "error_analysis.json": json_text(report).encode(),
        },
        page=render_error_analysis(report),
        gates=gates,
        notes=tree.notes,
        unread=inputs.unread,
        rows={"in": rows, "out": rows, "quarantined": 0, "skipped": 0},
        seeds={"random_state": config.random_state},
        profile=(profile_of(inputs.table),),
        metrics=_metrics(tree),
    )


def _summary(tree: ErrorTree) -> str:
    sizes, figures = tree.totals(), tree.metrics()
    name = tree.error_metric
    text = f"{sizes['rows']:,} rows in {sizes['nodes']:,} nodes; {name.replace('_', ' ')} "
    return text + ", ".join(
        f"{figures[key]:.4f} {where}"
        for key, where in ((name, "overall"), ("worst_node", "in the worst node"))
        if key in figures
    )


def _metrics(tree: ErrorTree) -> list[dict[str, Any]]:
    """Return the metrics of the run with their intervals."""
    rows = {tree.error_metric: tree.nodes.iloc[0], "worst_node": tree.leaves.iloc[0]}
    found = [
        {
            "name": name,
            "value": float(row["error_rate"]),
            "lower": float(row["low"]),
            "upper": float(row["high"]),
            "confidence": tree.confidence,
            "n": int(row["rows"]),
            "direction": "lower",
        }
        for name, row in rows.items()
    ]
    significant = tree.metrics()["significant_nodes"]
    return [*found, {"name": "significant_nodes", "value": significant}]


def metric_names(config: ErrorAnalysisJob) -> list[str]:
    """Return the names of the metrics of a run."""
    return [loss_of(config.metric) or "error_rate", "worst_node", "significant_nodes"]


JOB = Job(
    "error-analysis",
    ErrorAnalysisJob,
    find_inputs,
    compute,
    writes=("nodes.parquet", "error_analysis.json", "report.html"),
    check_gates=lambda config, _: check_metrics(config.gates, metric_names(config)),
)
