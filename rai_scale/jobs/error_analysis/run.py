"""The error analysis job: the tree of errors as tables and page, and gates on its nodes."""

from __future__ import annotations

from typing import Any

from rai_scale.engines.protocol import Engine
from rai_scale.error_analysis.cell_metrics import check_metric_name, loss_of
from rai_scale.error_analysis.heatmap import error_heatmap
from rai_scale.error_analysis.slices.find import Slices, find_slices
from rai_scale.error_analysis.tree_of_errors import error_tree
from rai_scale.error_analysis.trees.result import ErrorTree
from rai_scale.errors import ConfigError
from rai_scale.gates import check_metrics, status_of
from rai_scale.jobs.error_analysis.config import ErrorAnalysisJob
from rai_scale.jobs.inputs import Inputs, one_table_of
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.profile import profile_of
from rai_scale.jobs.table_files import file_names, table_files
from rai_scale.reports.error_analysis import render_error_analysis
from rai_scale.statistics.json_values import json_text
from rai_scale.tables.read import read_table

_LABELS = ("y_true", "y_pred", "categorical", "where", "confidence")
_COMMON = (*_LABELS, "features", "random_state")
_TREE = ("metric", "max_depth", "num_leaves", "min_child_samples", "sample_weight")
_PACKAGES = ("numpy", "scipy", "scikit-learn", "fairlearn")


_SLICES = ("worst_slice", "slice_gap")


def find_inputs(config: ErrorAnalysisJob, engine: Engine) -> Inputs:
    """Find the table."""
    check_metric_name(config.metric)
    if config.slices and loss_of(config.metric):
        raise ConfigError("slices are searched for errors of labels, not for losses; omit slices.")
    return one_table_of(config.source, config.table, engine, *_PACKAGES)


def compute(config: ErrorAnalysisJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Find the tree, and what else is asked for; all files are made from these results."""
    frame = read_table(inputs.table, engine)
    tree = error_tree(frame, **_given(config, *_COMMON, *_TREE))
    slices = None
    if config.slices:
        slices = find_slices(frame, **_given(config, *_COMMON), **dict(config.slices))
    heatmaps = [
        error_heatmap(frame, **_given(config, *_LABELS), metric=config.metric, **dict(one))
        for one in config.heatmaps
    ]
    gates = _gates(config, tree, slices)
    report: dict[str, Any] = {
        **tree.to_dict(),
        "title": config.title or f"Errors in {inputs.table.name}",
        "slices": slices.to_dict()["slices"] if slices else [],
        "heatmaps": [heatmap.to_dict()["cells"] for heatmap in heatmaps],
        "gates": gates,
        "run": run.facts(status_of(gates), table=inputs.table.name),
    }
    tables = {"nodes": tree.nodes, **({"slices": slices.table} if slices else {})}
    tables |= {f"heatmap_{at}": heatmap.cells for at, heatmap in enumerate(heatmaps, 1)}
    rows = int(tree.totals()["rows"])
    return Done(
        message=_summary(tree),
        files={**table_files(tables), "error_analysis.json": json_text(report).encode()},
        page=render_error_analysis(report),
        gates=gates,
        notes=(*tree.notes, *(slices.notes if slices else ())),
        unread=inputs.unread,
        rows={"in": rows, "out": rows, "quarantined": 0, "skipped": 0},
        seeds={"random_state": config.random_state},
        profile=(profile_of(inputs.table),),
        metrics=[*_metrics(tree), *_slice_metrics(slices)],
    )


def _given(config: ErrorAnalysisJob, *names: str) -> dict[str, Any]:
    return {name: getattr(config, name) for name in names}


def _gates(
    config: ErrorAnalysisJob, tree: ErrorTree, slices: Slices | None
) -> list[dict[str, Any]]:
    return [
        (slices if slices and gate.metric in _SLICES else tree).gates(gate)[0]
        for gate in config.gates
    ]


def _slice_metrics(slices: Slices | None) -> list[dict[str, Any]]:
    known = slices.metrics() if slices else {}
    return [
        {"name": name, "value": known[name], "direction": "lower"}
        for name in _SLICES
        if name in known
    ]


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
    own = [loss_of(config.metric) or "error_rate", "worst_node", "significant_nodes"]
    return [*own, *(_SLICES if config.slices else ())]


def _writes(config: ErrorAnalysisJob) -> tuple[str, ...]:
    slices = ["slices"] if config.slices else []
    heatmaps = [f"heatmap_{at}" for at in range(1, len(config.heatmaps) + 1)]
    named = file_names("nodes", *slices, *heatmaps)
    return (*named, "error_analysis.json", "report.html")


JOB = Job(
    "error-analysis",
    ErrorAnalysisJob,
    find_inputs,
    compute,
    writes=_writes,
    check_gates=lambda config, _: check_metrics(config.gates, metric_names(config)),
)
