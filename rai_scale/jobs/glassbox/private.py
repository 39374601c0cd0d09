"""A private EBM as a job: charged once, and nothing written that is not made of its release."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

import cloudpickle

from rai_scale.errors import BudgetExceededError, GateFailed
from rai_scale.jobs.config import config_hash
from rai_scale.jobs.glassbox.shapes import importance_table, shapes_of, shapes_table
from rai_scale.jobs.ledgers import open_named
from rai_scale.jobs.manifest import MANIFEST, remove_manifest, run_id_of, unread_files
from rai_scale.jobs.one_table import chosen_table, package_versions, parquet_bytes
from rai_scale.jobs.outputs import files_of
from rai_scale.jobs.private_sql.messages import heard_warnings, restricted_file
from rai_scale.jobs.private_sql.outputs import finished_status
from rai_scale.jobs.run import OK, Outcome
from rai_scale.statistics.json_values import plain
from rai_scale.tables.find import find_tables
from rai_scale.tables.paths import place_of, save_bytes
from rai_scale.tables.read import read_table
from rai_scale.tables.source import Lake, TableSource

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine
    from rai_scale.jobs.glassbox.config import EBMJob

LIMITS = (
    "The guarantee is for the replacement of all rows of one person; the number of persons is "
    "taken as public.",
    "How well the model predicts was not measured: scores on the table itself would be a further "
    "release.",
)


def run_private(config: EBMJob, engine: Engine) -> Outcome:
    """Train one private EBM, and write the model, its tables, report, and the manifest last.

    The same settings on the same state of the table are one release: a re-run shows it again.

    Raises
    ------
    GateFailed
        If the release would go over the budget (exit code 1); the output is not touched.
    """
    assert config.privacy is not None
    found = find_tables(config.source, engine=engine)
    source = chosen_table(found, config.source, config.table)
    lake = Lake((source,))
    versions = package_versions("interpret-core", "scikit-learn", "numpy")
    report_url = place_of(config.output).child("report.html").url
    with heard_warnings() as notes, restricted_file(config.privacy.restricted_log):
        run_id = run_id_of("train-ebm", config_hash(config), lake, versions)
        if finished_status(config.output, run_id) is not None:
            text = f"already done as run {run_id}; nothing was charged"
            return Outcome(OK, text, report_url, unread=unread_files(lake))
        result = _train(config, engine, source)
    remove_manifest(config.output)  # it speaks of the model that is replaced now
    facts = {
        "run_id": run_id or uuid.uuid4().hex[:16],
        "config_hash": config_hash(config),
        "status": "ok",
        "engine": config.engine,
    }
    _write(config, result, {**facts, "versions": versions}, source, list(notes))
    text = f"a private EBM of {len(config.features)} terms; epsilon {config.privacy.epsilon}"
    return Outcome(OK, text, report_url, tuple(notes), unread_files(lake))


def _train(config: EBMJob, engine: Engine, source: TableSource) -> Any:
    assert config.privacy is not None
    from rai_scale.glassbox.private_ebm import train_private_ebm
    from rai_scale.privacy.disclosure import one_message

    asked = config.privacy
    ledger = open_named(asked.ledger, force_ephemeral=asked.force_ephemeral)
    frame = one_message(lambda: read_table(source, engine))
    options: dict[str, Any] = {
        "features": list(config.features),
        "y_true": config.target,
        "classes": list(asked.classes),
        "privacy_unit": asked.unit,
        "privacy_bounds": {name: list(bound) for name, bound in asked.bounds.items()},
        "epsilon": asked.epsilon,
        "delta": asked.delta,
        "max_leaves": asked.max_leaves,
        "bin_budget_frac": asked.bin_budget_frac,
        **config.given("task", "max_bins", "max_rounds", "learning_rate"),
    }
    try:
        return train_private_ebm(
            frame,
            **options,
            ledger=ledger,
            scope=asked.scope,
            analyst=asked.analyst,
            dataset=asked.dataset or source.name,
            idempotency_key=_release_key(options, source, asked.snapshot),
        )
    except BudgetExceededError as error:
        raise GateFailed(str(error)) from None


def _release_key(options: dict[str, Any], source: TableSource, snapshot: str | None) -> str | None:
    """Return an id of these settings on this state of the table; None where it is not known."""
    state = snapshot or source.snapshot
    if state is None:
        return None
    text = json.dumps([options, source.location, state], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _write(
    config: EBMJob, result: Any, facts: dict[str, Any], source: TableSource, notes: list[str]
) -> None:
    """Write all outputs, the manifest last and without anything that depends on rows."""
    from rai_scale.privacy.disclosure import private_facts
    from rai_scale.reports.ebm import render_ebm

    assert config.privacy is not None
    output, shapes = place_of(config.output), shapes_of(result.model)
    tables = {"importance": importance_table(result.model), "shapes": shapes_table(shapes)}
    report = plain(_report(config, facts, shapes, tables["importance"], notes))
    page = render_ebm(report)
    save_bytes(output.child("model.pkl"), cloudpickle.dumps(result.model))
    for name, table in tables.items():
        save_bytes(output.child(f"{name}.parquet"), parquet_bytes(table))
    save_bytes(output.child("ebm.json"), _json(report))
    save_bytes(output.child("report.html"), page.encode())
    names = ["model.pkl", *(f"{name}.parquet" for name in tables), "ebm.json", "report.html"]
    told = {
        **facts,
        "job": "train-ebm",
        "inputs": [{key: getattr(source, key) for key in ("name", "format", "snapshot")}],
        "outputs": {name: output.child(name).url for name in [*names, MANIFEST]},
        "files": files_of(output, names),
        "scope": config.privacy.scope,
        "analyst": config.privacy.analyst,
        "dataset": config.privacy.dataset or source.name,
        "epsilon": str(config.privacy.epsilon),
        "delta": str(config.privacy.delta),
        "reservations": [result.release.reservation],
    }
    save_bytes(output.child(MANIFEST), _json(private_facts(told)))


def _report(
    config: EBMJob, facts: dict[str, Any], shapes: list[dict[str, Any]], importance: Any,
    notes: list[str],
) -> dict[str, Any]:  # fmt: skip
    from rai_scale.jobs.glassbox.report import LIMITS as OF_SHAPES

    asked = config.privacy
    assert asked is not None
    versions = {"package_version": facts["versions"]["rai_scale"], "source": config.source}
    run = {key: value for key, value in facts.items() if key != "versions"}
    return {
        "title": config.title or f"A private EBM for {config.target}",
        "run": {**run, **versions},
        "settings": {
            "features": list(config.features),
            "target": config.target,
            "task": "classification",
            "unit": "log-odds",
            "importance": "Mean size of a term’s score, by the noisy weights of its bins.",
            "kind": "A differentially private Explainable Boosting Machine",
            "privacy": f"epsilon {asked.epsilon:g}, delta {asked.delta:g}, per {asked.unit}; "
            f"scope {asked.scope}",
        },
        "summary": {"terms": len(config.features)},
        "importance": importance.to_dict("records"),
        "shapes": shapes,
        "performance": [],
        "method": {"limits": [*LIMITS, OF_SHAPES[0], *OF_SHAPES[2:]]},
        "notes": notes,
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False, default=str).encode()
