"""The fairness job: metrics of predictions by group, a report, and gates."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import replace
from typing import Any

import pandas as pd

from rai_scale.engines.protocol import Engine
from rai_scale.jobs.config import JobConfig
from rai_scale.jobs.fairness.config import FairnessJob
from rai_scale.jobs.fairness.private import release, summary_of
from rai_scale.jobs.inputs import Inputs, one_table_of
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.metrics import share_variance
from rai_scale.jobs.private_options import charge_lines, charged_facts
from rai_scale.jobs.profile import profile_of, shares_of
from rai_scale.jobs.table_files import file_names, table_files
from rai_scale.tables.read import read_table

_LOG = logging.getLogger(__name__)
_PACKAGES = ("fairlearn", "scikit-learn", "scipy", "numpy")


def find_inputs(config: FairnessJob, engine: Engine) -> Inputs:
    """Find the table of predictions, and read the earlier run to compare with."""
    packages = _PACKAGES if config.private is None else (*_PACKAGES, "opendp")
    found = one_table_of(config.source, config.table, engine, *packages)
    if config.compare_with is None:
        return found
    from rai_scale.fairness.assessment.run_drift import read_run

    earlier = read_run(config.compare_with)
    text = json.dumps(earlier, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return replace(found, versions={**found.versions, "compared with": digest}, given=earlier)


def compute(config: FairnessJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Measure the predictions; all files are made from one result."""
    options = _options(config)
    notes: tuple[str, ...] = ()
    if config.private is not None:
        result, notes = release(
            config.private, engine, inputs, {**options, "declared": config.declared}
        )
    else:
        from rai_scale.fairness.assessment.assess import assess_fairness

        frame = read_table(inputs.table, engine)
        result = assess_fairness(frame, **options)
        if inputs.given is not None:
            result = result.compare_with(inputs.given)
        _LOG.info("measured %s: %s", inputs.table.name, result.run["status"])
    known = {"config_hash": run.config_hash, "source": run.source}
    known |= {"run_id": run.id, "table": inputs.table.name}
    title = config.title or f"Fairness of {config.y_pred} in {inputs.table.name}"
    result = replace(result, title=title, run={**result.run, **known})
    seeds: dict[str, int] = {}
    if config.bootstrap is not None and config.bootstrap.random_state is not None:
        draws = "bootstrap" if config.private is None else "replicates"
        seeds = {draws: config.bootstrap.random_state}
    done = Done(
        message=_summary(result) if config.private is None else summary_of(result),
        files={**table_files(result.tables), "fairness.json": result.to_json().encode()},
        page=result.to_html(),
        status=result.run["status"],
        notes=notes,
        gates=result.gates(),
        unread=inputs.unread,
        seeds=seeds,
        private=None if config.private is None else charged_facts(result.settings["privacy"]),
    )
    return (
        done if done.private is not None else replace(done, **_exact_facts(config, result, inputs))
    )


def _exact_facts(config: FairnessJob, result: Any, inputs: Inputs) -> dict[str, Any]:
    groups = result.tables["by_group"].drop_duplicates("group")
    shares = {}
    if not config.control_features:  # with them a group has a row per level
        names = " x ".join(config.sensitive_features)
        shares = {names: shares_of(groups["group"], groups["rows"])}
    return {
        "rows": {"in": result.rows, "out": result.rows, "quarantined": 0, "skipped": 0},
        "details": {"summary": result.totals()},
        "profile": (profile_of(inputs.table, categories=shares),),
        "metrics": _metrics(config, result),
    }


def _metrics(config: FairnessJob, result: Any) -> list[dict[str, Any]]:
    """Return the disparities and overall values, and the metrics of each group that is shown."""
    found: list[dict[str, Any]] = [{"name": k, "value": v} for k, v in result.metrics().items()]
    levels = [name for name in result.tables["by_group"] if name in config.control_features]
    for row in result.tables["by_group"].to_dict("records"):
        group = ", ".join([*(f"{name}: {row[name]}" for name in levels), str(row["group"])])
        numbers = {"value": row["value"], "lower": row["low"], "upper": row["high"]}
        counts = {"n": row["rows"], "numerator": row["successes"], "denominator": row["trials"]}
        share = pd.notna(row["trials"])
        known: dict[str, Any] = {"group": group, "confidence": result.settings["confidence"]}
        known |= {"unit": "share of rows"} if share else {}
        by_person = config.bootstrap is not None and config.bootstrap.person is not None
        if share and not by_person:  # rows of one person are not independent
            known["variance"] = share_variance(row["value"], row["trials"])
        found.append({"name": row["metric"], **numbers, **counts, **known})
    return found


def _options(config: FairnessJob) -> dict[str, Any]:
    own = {*JobConfig.model_fields, "source", "table", "compare_with", "private", "declared"}
    own -= {"gates"}
    return {name: getattr(config, name) for name in FairnessJob.model_fields if name not in own}


def _writes(config: FairnessJob) -> tuple[str, ...]:
    tables = ["by_group", "overall", "disparities", "flags"]
    if config.private is None:
        tables += ["reference", "four_fifths", "smallest_gaps"]
        tables += ["worst_groups"] * (config.comparison.depth > 0)
        tables += ["drift"] * (config.compare_with is not None)
    return (*file_names(*tables), "fairness.json", "report.html")


def _check_gates(config: FairnessJob, inputs: Inputs) -> None:
    from rai_scale.fairness.assessment.gate_checks import gates_asked

    n_boot = None if config.bootstrap is None else config.bootstrap.n_boot
    gates_asked(config.gates, n_boot)


def _summary(result: Any) -> str:
    s = result.totals()
    text = f"{s['rows']:,} rows in {s['groups']} groups"
    if s["groups_hidden"]:
        text += f", {s['groups_hidden']} of them hidden"
    if s["gates"]:
        text += f": {s['gates'] - s['gates_failed']} of {s['gates']} gates passed"
    return text


JOB = Job(
    "fairness",
    FairnessJob,
    find_inputs,
    compute,
    writes=_writes,
    charges=lambda config, _: charge_lines(config.private),
    check_gates=_check_gates,
)
