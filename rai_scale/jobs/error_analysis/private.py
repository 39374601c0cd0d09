"""The private mode of the job: one release, and no exact number in what it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rai_scale.engines.protocol import Engine
from rai_scale.gates import status_of
from rai_scale.jobs.inputs import Inputs
from rai_scale.jobs.job import Done, Run
from rai_scale.jobs.private_options import charged_facts, charging, run_facts, unopened
from rai_scale.jobs.table_files import table_files
from rai_scale.reports.error_analysis import render_error_analysis
from rai_scale.reports.words import plural
from rai_scale.statistics.json_values import json_text
from rai_scale.tables.read import read_table

if TYPE_CHECKING:
    from rai_scale.jobs.error_analysis.config import ErrorAnalysisJob

METRICS = ("error_rate", "worst_node")
_TREE = ("features", "max_depth", "num_leaves", "min_child_samples", "confidence")


def compute_private(config: ErrorAnalysisJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Release the counts; tree, heatmaps, gates and page are computed from them.

    If the ledger has a release of the same table, files and parameters, it is shown again and
    nothing is charged.

    Raises
    ------
    GateFailed
        If the release exceeds the budget (exit code 1); no data are read then.
    """
    from rai_scale.error_analysis.private.noisy_errors import release_errors
    from rai_scale.privacy.disclosure import one_message

    source, asked = inputs.table, config.private
    assert asked is not None
    assert config.declared is not None
    with charging(asked) as (ledger, notes):
        frame = one_message(lambda: read_table(source, engine))
        privacy = asked.privacy_on(source, ledger)
        released = release_errors(
            frame,
            y_true=config.y_true,
            y_pred=config.y_pred,
            privacy=privacy,
            declared=config.declared,
        )
    notes += unopened(source)
    tree = released.tree(**{name: getattr(config, name) for name in _TREE})
    heatmaps = [
        released.heatmap(one.features, confidence=config.confidence) for one in config.heatmaps
    ]
    gates = tree.gates(*config.gates) if config.gates else []
    report: dict[str, Any] = {
        **tree.to_dict(),
        "title": config.title or f"Errors in {source.name}",
        "notes": [*tree.notes, *notes],
        "slices": None,
        "heatmaps": [heatmap.to_dict()["cells"] for heatmap in heatmaps],
        "gates": gates,
        "run": run_facts(run, status_of(gates), source.name),
    }
    tables = {"nodes": tree.nodes}
    tables |= {f"heatmap_{at}": heatmap.cells for at, heatmap in enumerate(heatmaps, 1)}
    return Done(
        message=f"private release: a tree of {plural(len(tree.nodes), 'node')}",
        files={**table_files(tables), "error_analysis.json": json_text(report).encode()},
        page=render_error_analysis(report),
        gates=gates,
        notes=tuple(notes),
        unread=inputs.unread,
        private=charged_facts(released.facts),
    )
