"""The fairness job: predictions in, measures by group, a report, and gates that can fail."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import replace
from typing import Any

from rai_scale.engines.protocol import Engine
from rai_scale.jobs.config import EngineConfig, config_hash
from rai_scale.jobs.fairness.config import FairnessJob
from rai_scale.jobs.manifest import (
    MANIFEST,
    Manifest,
    finished_manifest,
    inputs_of,
    remove_manifest,
    run_id_of,
    unread_files,
)
from rai_scale.jobs.one_table import chosen_table, package_versions, parquet_bytes
from rai_scale.jobs.outputs import writes_output
from rai_scale.jobs.run import FAILED_CHECK, OK, Outcome, code_with_unread
from rai_scale.tables.find import find_tables
from rai_scale.tables.paths import place_of, save_bytes
from rai_scale.tables.read import read_table
from rai_scale.tables.source import Lake

_LOG = logging.getLogger(__name__)


@writes_output
def run(config: FairnessJob, engine: Engine) -> Outcome:
    """Measure, write the tables, ``fairness.json``, ``report.html``, and the manifest last.

    A run that has finished before, with the same configuration, inputs and versions, changes
    nothing and ends as it did then. With ``privacy``, see :func:`run_private`.
    """
    if config.privacy is not None:
        from rai_scale.jobs.fairness.private import run_private

        return run_private(config, config.privacy, engine)
    from rai_scale.fairness.assessment.assess import assess_fairness
    from rai_scale.fairness.assessment.run_drift import read_run

    lake = Lake(
        (chosen_table(find_tables(config.source, engine=engine), config.source, config.table),)
    )
    earlier = None if config.compare_with is None else read_run(config.compare_with)
    versions = _versions(earlier)
    run_id = run_id_of("fairness", config_hash(config), lake, versions)
    output = place_of(config.output)
    report = output.child("report.html").url
    before = finished_manifest(config.output, run_id) if run_id else None
    unread = unread_files(lake)
    if before is not None:
        text = f"already done as run {run_id}; nothing changed"
        return Outcome(before.exit_code, text, report, unread=unread)
    result = assess_fairness(
        read_table(lake[0], engine), compare_with=earlier, **_options(config, lake)
    )
    known = {"config_hash": config_hash(config), "source": config.source}
    known |= {"run_id": run_id or result.run["run_id"], "table": lake[0].name}
    result = replace(result, run={**result.run, **known})
    remove_manifest(config.output)  # it speaks of the tables that are replaced now
    names = [f"{name}.parquet" for name in result.tables]
    for name, table in result.tables.items():
        save_bytes(output.child(f"{name}.parquet"), parquet_bytes(table))
    save_bytes(output.child("fairness.json"), result.to_json().encode())
    save_bytes(output.child("report.html"), result.to_html().encode())
    failed_gate = result.run["status"] == "failed"
    exit_code = code_with_unread(FAILED_CHECK if failed_gate else OK, unread)
    if config.mlflow:
        result.log_mlflow()
    _LOG.info("measured %s: %s", lake[0].name, result.run["status"])
    outputs = [*names, "fairness.json", "report.html", MANIFEST]
    manifest = _manifest(
        result,
        config=config,
        exit_code=exit_code,
        lake=lake,
        versions=versions,
        outputs=outputs,
    )
    manifest.save(config.output)
    failed = tuple(f"{g['name']}: {g['detail']}" for g in result.gates() if not g["passed"])
    return Outcome(exit_code, _summary(result), report, failed, unread)


def _options(config: FairnessJob, lake: Lake) -> dict[str, Any]:
    own = set(EngineConfig.model_fields) | {"source", "table", "output", "fail_if"}
    own |= {"compare_with", "mlflow", "privacy"}
    options = {name: getattr(config, name) for name in FairnessJob.model_fields if name not in own}
    options["gates"] = list(config.fail_if)
    options["title"] = config.title or f"Fairness of {config.y_pred} in {lake[0].name}"
    return options


def _versions(earlier: dict[str, Any] | None) -> dict[str, str]:
    """Return the versions that an answer depends on, and the earlier run it is compared with."""
    found = package_versions("fairlearn", "scikit-learn", "scipy", "numpy")
    if earlier is not None:
        text = json.dumps(earlier, sort_keys=True)
        found["compared with"] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return found


def _summary(result: Any) -> str:
    s = result.totals()
    text = f"{s['rows']:,} rows in {s['groups']} groups"
    if s["groups_hidden"]:
        text += f", {s['groups_hidden']} of them hidden"
    if s["gates"]:
        text += f": {s['gates'] - s['gates_failed']} of {s['gates']} gates hold"
    return text


def _manifest(
    result: Any,
    *,
    config: FairnessJob,
    exit_code: int,
    lake: Lake,
    versions: dict[str, str],
    outputs: list[str],
) -> Manifest:
    plain = result.to_dict()
    return Manifest(
        run_id=result.run["run_id"],
        job="fairness",
        status=result.run["status"],
        exit_code=exit_code,
        config_hash=config_hash(config),
        engine=config.engine,
        started=result.run["started"],
        seconds=result.run["seconds"],
        versions=versions,
        inputs=inputs_of(lake),
        rows={"in": result.rows, "out": result.rows, "quarantined": 0, "skipped": 0},
        outputs={name: place_of(config.output).child(name).url for name in outputs},
        seeds={"bootstrap": config.random_state},
        details={"summary": plain["summary"], "gates": plain["gates"]},
    )
