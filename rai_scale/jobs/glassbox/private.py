"""A private EBM as a job: it is charged once, and all outputs are made from its release."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from rai_scale.jobs.glassbox.report import LIMITS as OF_SHAPES
from rai_scale.jobs.glassbox.shapes import (
    importance_table,
    intercept_of,
    shapes_of,
    shapes_table,
)
from rai_scale.jobs.inputs import Inputs
from rai_scale.jobs.private_options import charging
from rai_scale.tables.read import read_table
from rai_scale.tables.source import TableSource

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine
    from rai_scale.jobs.glassbox.config import EBMJob
    from rai_scale.jobs.job import Run
    from rai_scale.jobs.private_options import PrivateOptions

LIMITS = (
    "The guarantee is for the replacement of all rows of one person; the number of people is "
    "treated as public.",
    "The performance of the model was not measured: that would be a further release.",
)


def release(
    config: EBMJob, asked: PrivateOptions, engine: Engine, inputs: Inputs, run: Run
) -> tuple[Any, dict[str, pd.DataFrame], dict[str, Any], dict[str, Any]]:
    """Return the model, its tables, the report, and the entries of the manifest.

    The same settings on the same state of the table are one release: a new run shows it again.

    Raises
    ------
    GateFailed
        If the release exceeds the budget (exit code 1).
    """
    from rai_scale.glassbox.private_ebm import train_private_ebm
    from rai_scale.privacy.disclosure import one_message

    source = inputs.table
    dataset = asked.dataset or source.name
    key = _release_key(config, asked, source)
    with charging(asked) as (ledger, notes):
        frame = one_message(lambda: read_table(source, engine))
        privacy = asked.privacy(ledger=ledger, dataset=dataset, snapshot=None, idempotency_key=key)
        result = train_private_ebm(frame, privacy=privacy, **_options(config))
    shapes = shapes_of(result.model)
    tables = {"importance": importance_table(result.model), "shapes": shapes_table(shapes)}
    report = _report(config, asked, run)
    report |= {"importance": tables["importance"].to_dict("records"), "shapes": shapes}
    report["intercept"] = intercept_of(result.model)
    report["notes"] = notes
    facts = {"dataset": dataset, "reservations": [result.release.reservation]}
    return result.model, tables, report, asked.facts() | facts


def _options(config: EBMJob) -> dict[str, Any]:
    return {
        "features": list(config.features),
        "y_true": config.y_true,
        "classes": list(config.classes or ()),
        "privacy_bounds": {name: list(bound) for name, bound in config.privacy_bounds.items()},
        "max_leaves": 3,
        "bin_budget_frac": config.bin_budget_frac,
        **config.given("max_bins", "max_rounds", "max_leaves", "learning_rate"),
    }


def _release_key(config: EBMJob, asked: PrivateOptions, source: TableSource) -> str | None:
    """Return an id of the settings and the state of the table; None if the state is not known."""
    state = asked.snapshot or source.snapshot
    if state is None:
        return None
    options = {**_options(config), **config.given("task")}
    # the name that y_true had before: a re-run of an earlier release must not be charged again
    options["target"] = options.pop("y_true")
    options |= {name: getattr(asked, name) for name in ("privacy_unit", "epsilon", "delta")}
    text = json.dumps([options, source.location, state], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _report(config: EBMJob, asked: PrivateOptions, run: Run) -> dict[str, Any]:
    known = ("run_id", "config_hash", "status", "engine", "package_version", "source")
    facts = run.facts()
    return {
        "title": config.title or f"A private EBM for {config.y_true}",
        "run": {name: facts[name] for name in known},  # without times
        "settings": {
            "features": list(config.features),
            "y_true": config.y_true,
            "task": "classification",
            "unit": "log-odds",
            "importance": "Mean absolute score of a term, by the noisy weights of its bins.",
            "kind": "A differentially private Explainable Boosting Machine",
            "privacy": f"epsilon {asked.epsilon:g}, delta {asked.delta:g}, per "
            f"{asked.privacy_unit}; scope {asked.scope}",
        },
        "summary": {"terms": len(config.features)},
        "performance": [],
        "method": {"limits": [*LIMITS, OF_SHAPES[0], *OF_SHAPES[2:]]},
    }
