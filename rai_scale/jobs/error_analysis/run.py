"""The error analysis job: the tree of errors as tables and page, and gates on its nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rai_scale.engines.protocol import Engine
from rai_scale.error_analysis.cell_metrics import check_metric_name, loss_of
from rai_scale.error_analysis.cohorts.one_cohort import kept_rows
from rai_scale.error_analysis.comparison import CohortComparison, compare_cohorts
from rai_scale.error_analysis.drift_of_errors import ErrorDrift, error_drift
from rai_scale.error_analysis.heatmap import error_heatmap
from rai_scale.error_analysis.slices.find import Slices, find_slices
from rai_scale.error_analysis.tree_of_errors import error_tree
from rai_scale.error_analysis.trees.result import ErrorTree
from rai_scale.errors import ConfigError
from rai_scale.gates import check_metrics, status_of
from rai_scale.jobs.error_analysis.config import ErrorAnalysisJob
from rai_scale.jobs.inputs import Inputs, chosen_table, one_table_of
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.private_options import charge_lines
from rai_scale.jobs.profile import profile_of
from rai_scale.jobs.table_files import file_names, table_files
from rai_scale.reports.error_analysis import render_error_analysis
from rai_scale.results import Result
from rai_scale.statistics.json_values import json_text
from rai_scale.tables.find import find_tables
from rai_scale.tables.read import read_table
from rai_scale.tables.source import Lake

_LABELS = ("y_true", "y_pred", "categorical", "where", "confidence")
_COMMON = (*_LABELS, "features", "random_state")
_TREE = ("metric", "max_depth", "num_leaves", "min_child_samples", "sample_weight")
_PACKAGES = ("numpy", "scipy", "scikit-learn", "fairlearn")
_TREE_METRICS = ("error_rate", "worst_node", "significant_nodes")


_SLICES = ("worst_slice", "slice_gap")
_DRIFT = ("psi", "change", "worst_change", "changed_nodes")
_COMPARED = ("values", "distributions", "distances", "quantiles", "importances")


def find_inputs(config: ErrorAnalysisJob, engine: Engine) -> Inputs:
    """Find the table, and that of the earlier run."""
    check_metric_name(config.metric)
    for metric in config.comparison.metrics:
        check_metric_name(metric)
    losses = loss_of(config.metric) is not None
    if losses and (config.slices or config.drift):
        raise ConfigError("slices and drift are about errors of labels, not losses; omit them.")
    if config.drift and config.sample_weight:
        raise ConfigError("drift compares numbers of rows; omit sample_weight.")
    packages = _PACKAGES if config.private is None else (*_PACKAGES, "opendp")
    found = one_table_of(config.source, config.table, engine, *packages)
    if config.drift is None:
        return found
    source = config.drift.source
    earlier = chosen_table(find_tables(source, engine=engine), source, config.drift.table)
    return replace(found, lake=Lake((found.table, earlier), found.lake.skipped))


def compute(config: ErrorAnalysisJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Find the tree, and what else is asked for; all files are made from these results."""
    if config.private is not None:
        from rai_scale.jobs.error_analysis.private import compute_private

        return compute_private(config, engine, inputs, run)
    frame = read_table(inputs.table, engine)
    tree = error_tree(frame, **_given(config, *_COMMON, *_TREE))
    slices = None
    if config.slices:
        slices = find_slices(frame, **_given(config, *_COMMON), **dict(config.slices))
    heatmaps = [
        error_heatmap(frame, **_given(config, *_LABELS), metric=config.metric, **dict(one))
        for one in config.heatmaps
    ]
    compared = _compared(config, frame)
    drift = _drift(config, frame, engine, inputs)
    results = [one for one in (slices, compared, drift) if one is not None]
    gates = _gates(config, tree, results)
    report: dict[str, Any] = {
        **tree.to_dict(),
        "title": config.title or f"Errors in {inputs.table.name}",
        "slices": slices.to_dict()["slices"] if slices else None,
        "heatmaps": [heatmap.to_dict()["cells"] for heatmap in heatmaps],
        "cohorts": compared.to_dict() if compared else None,
        "drift": drift.to_dict() if drift else None,
        "gates": gates,
        "run": run.facts(status_of(gates), table=inputs.table.name),
    }
    tables = {"nodes": tree.nodes, **({"slices": slices.table} if slices else {})}
    tables |= {f"heatmap_{at}": heatmap.cells for at, heatmap in enumerate(heatmaps, 1)}
    tables |= {f"cohort_{name}": getattr(compared, name) for name in _COMPARED if compared}
    tables |= {"drift": drift.nodes} if drift else {}
    rows = int(tree.totals()["rows"])
    notes = [note for one in results for note in one._remarks()]
    return Done(
        message=_summary(tree),
        files={**table_files(tables), "error_analysis.json": json_text(report).encode()},
        page=render_error_analysis(report),
        gates=gates,
        notes=(*tree.notes, *notes),
        unread=inputs.unread,
        rows={"in": rows, "out": rows, "quarantined": 0, "skipped": 0},
        seeds={"random_state": config.random_state},
        profile=(profile_of(inputs.table),),
        metrics=[*_metrics(tree), *_slice_metrics(slices), *_other_metrics(compared, drift)],
    )


def _compared(config: ErrorAnalysisJob, frame: Any) -> CohortComparison | None:
    if not config.cohorts:
        return None
    asked = _given(config, "y_true", "y_pred", "features", "categorical", "confidence")
    options = {**dict(config.comparison), "random_state": config.random_state}
    return compare_cohorts(frame, config.cohorts, **asked, **options)


def _drift(
    config: ErrorAnalysisJob, frame: Any, engine: Engine, inputs: Inputs
) -> ErrorDrift | None:
    """Compare with the earlier run, on whose rows the tree is grown."""
    if config.drift is None:
        return None
    earlier = read_table(inputs.lake[1], engine)
    limits = _given(config, "max_depth", "num_leaves", "min_child_samples")
    labels = (config.y_true, config.y_pred)
    before, after = (kept_rows(one, config.where, labels) for one in (earlier, frame))
    asked = _given(
        config, "y_true", "y_pred", "features", "categorical", "confidence", "random_state"
    )
    return error_drift(before, after, **asked, **limits)


def _given(config: ErrorAnalysisJob, *names: str) -> dict[str, Any]:
    return {name: getattr(config, name) for name in names}


def _gates(
    config: ErrorAnalysisJob, tree: ErrorTree, others: Sequence[Result]
) -> list[dict[str, Any]]:
    known = [(one, set(one._numbers())) for one in others]
    owners = [
        next((one for one, names in known if gate.metric in names - set(_TREE_METRICS)), tree)
        for gate in config.gates
    ]
    return [one.gates(gate)[0] for one, gate in zip(owners, config.gates, strict=True)]


def _other_metrics(
    compared: CohortComparison | None, drift: ErrorDrift | None
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for row in compared.values.itertuples() if compared else ():
        found.append({"name": row.metric, "value": row.value, "n": row.rows, "group": row.cohort})
    known = drift.metrics() if drift else {}
    return [*found, *({"name": name, "value": value} for name, value in known.items())]


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
    if config.private is not None:
        return ["error_rate", "worst_node"]
    own = [loss_of(config.metric) or "error_rate", "worst_node", "significant_nodes"]
    cohorts = [f"{m} ({name})" for name in config.cohorts for m in config.comparison.metrics]
    return [*own, *(_SLICES if config.slices else ()), *cohorts, *(_DRIFT if config.drift else ())]


def _writes(config: ErrorAnalysisJob) -> tuple[str, ...]:
    slices = ["slices"] if config.slices else []
    heatmaps = [f"heatmap_{at}" for at in range(1, len(config.heatmaps) + 1)]
    compared = [f"cohort_{name}" for name in _COMPARED if config.cohorts]
    drift = ["drift"] if config.drift else []
    named = file_names("nodes", *slices, *heatmaps, *compared, *drift)
    return (*named, "error_analysis.json", "report.html")


JOB = Job(
    "error-analysis",
    ErrorAnalysisJob,
    find_inputs,
    compute,
    writes=_writes,
    charges=lambda config, _: charge_lines(config.private),
    check_gates=lambda config, _: check_metrics(config.gates, metric_names(config)),
)
