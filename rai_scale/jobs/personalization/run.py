"""The personalisation job: the log is checked, then audited; one page, tables and gates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from rai_scale.engines.protocol import Engine
from rai_scale.gates import Figure, check_gates, check_metrics, status_of
from rai_scale.jobs.inputs import Inputs, chosen_table, content_hash, one_table_of
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.personalization.audits import (
    NEEDS,
    check_contract,
    columns_used,
    conflict_figures,
    conflicts,
    consents,
    run_audits,
)
from rai_scale.jobs.personalization.config import PersonalizationJob
from rai_scale.jobs.profile import profile_of
from rai_scale.jobs.table_files import file_names, table_files
from rai_scale.personalization.log_check import LogCheck, check_log
from rai_scale.personalization.log_faults import FAULTS
from rai_scale.personalization.use_cases import register_of
from rai_scale.reports.personalization import render_personalization
from rai_scale.results import Result
from rai_scale.statistics.json_values import json_text, plain
from rai_scale.tables.find import find_tables
from rai_scale.tables.read import read_table
from rai_scale.tables.source import Lake, TableSource

_PACKAGES = ("numpy", "scipy")
_EXPOSURE = (
    *("loops", "gini", "hhi", "coverage", "diversity", "exposure_parity", "relevance_parity"),
    *("exploration_share", "quality", "never_shown"),
)
_BURSTS = ("bursts", "drifts", "dispersion")
_REPLAY = ("rows", "differences", "changed_files")
_FILES: dict[str, dict[str, str]] = {
    "log": {"faults": "faults", "propensities": "propensities"},
    "features": {f"feature_{n}": n for n in ("forbidden", "associations", "predictions",
                                             "carriers")},
    "exposure": {f"exposure_{n}": n for n in ("groups", "categories", "loops")},
    "rewards": {f"policy_{n}": n for n in ("values", "weights")},
    "bursts": {"bursts": "bursts", "burst_drift": "drift"},
    "replay": {f"replay_{n}": n for n in ("files", "differences")},
}  # fmt: skip
"""Per audit: the tables of the output, and those of the result."""
_PERSONAL = ("bursts", "replay")
_SHOWN = {
    "bursts": ["kind", "window", "rows", "expected", "p_adjusted"],
    "drift": ["feature", "window", "rows", "share", "share_before", "p_adjusted"],
    "files": ["name", "state"],
    "differences": ["rows", "logged", "replayed"],
}
"""Per table of these results: the columns that the report shows."""
_WEIGHTS = ("mean_weight", "effective_rows", "largest_weight", "unsupported")
_SENSITIVE = "use_cases.sensitive"


def find_inputs(config: PersonalizationJob, engine: Engine) -> Inputs:
    """Find the tables; check that the contract has what the audits need."""
    check_contract(config)
    found = one_table_of(config.source, config.table, engine, *_PACKAGES)
    versions = dict(found.versions)
    for name, one in (config.rewards.policies if config.rewards else {}).items():
        if one.file:
            versions[f"policy {name}"] = content_hash(one.file) or "not a local file"
    if config.replay:
        versions["snapshot"] = content_hash(config.replay.snapshot) or "not a local file"
    tables: tuple[TableSource, ...] = (found.table,)
    if config.consent:
        lake = find_tables(config.consent.source, engine=engine)
        tables = (found.table, chosen_table(lake, config.consent.source, config.consent.table))
    return replace(found, lake=Lake(tables), versions=versions)


def compute(config: PersonalizationJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Check the log, then run the audits; all files are made from their results."""
    frame = read_table(inputs.table, engine)
    checked = check_log(frame, config.log)
    found: dict[str, Result] = {"log": checked, **run_audits(config, frame)}
    bent, more = conflicts(config, frame) if config.conflicts else (pd.DataFrame(), ())
    lost = pd.DataFrame()
    if config.consent:
        lost = consents(engine, frame, read_table(inputs.lake[1], engine), config)
    register = register_of(config.use_cases)
    figures = _figures(found, register) | (conflict_figures(bent) if config.conflicts else {})
    gates = check_gates(config.gates, figures)
    notes = tuple(dict.fromkeys([*(n for one in found.values() for n in one._remarks()), *more]))
    report = {
        "title": config.title or f"Personalisation in {inputs.table.name}",
        "use_cases": register,
        "rows": checked.rows,
        "asked": {name: bool(getattr(config, name)) for name in (*NEEDS, "replay")},
        **{name: one.to_dict() for name, one in found.items() if name not in _PERSONAL},
        **{name: _without_values(one, config) for name, one in found.items() if name in _PERSONAL},
        "columns": plain(columns_used(config)),
        "conflicts": plain(bent),
        "consent": plain(lost),
        "confidence": config.confidence,
        "notes": list(notes),
        "gates": gates,
        "run": run.facts(status_of(gates), table=inputs.table.name),
    }  # fmt: skip
    return Done(
        message=_summary(checked, found, lost, figures),
        files={
            **table_files(_tables(config, found, bent, lost)),
            "personalization.json": json_text(report).encode(),
        },
        page=render_personalization(report),
        gates=gates,
        notes=notes,
        unread=inputs.unread,
        rows={"in": checked.rows, "out": checked.rows, "quarantined": 0, "skipped": 0},
        profile=(profile_of(inputs.table, rows=checked.rows),),
        metrics=_metrics(figures),
    )


def _without_values(found: Result, config: PersonalizationJob) -> dict[str, Any]:
    """Return a result without sources and values of features, which may be personal data."""
    item = str(config.log.item)
    tables = {
        name: found.to_pandas(name).filter(items=[*columns, item]).rename(columns={item: "item"})
        for name, columns in _SHOWN.items()
        if name in found._tables()
    }
    return {"totals": plain(dict(found.totals())), **{n: plain(t) for n, t in tables.items()}}


def _tables(
    config: PersonalizationJob,
    found: Mapping[str, Result],
    bent: pd.DataFrame,
    lost: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    tables = {
        name: found[audit].to_pandas(table)
        for audit, named in _FILES.items()
        if audit in found
        for name, table in named.items()
    }
    tables["columns"] = columns_used(config)
    tables |= {"reward_conflicts": bent} if config.conflicts else {}
    return tables | ({"consents": lost} if config.consent else {})


def _figures(
    found: Mapping[str, Result], register: Sequence[Mapping[str, Any]]
) -> dict[str, Sequence[Figure]]:
    sensitive = sum(row["sensitive"] for row in register)
    figures: dict[str, Sequence[Figure]] = {_SENSITIVE: [Figure(float(sensitive))]}
    for start, one in found.items():
        figures |= {f"{start}.{name}": values for name, values in one._figures().items()}
    return figures


def _metrics(figures: Mapping[str, Sequence[Figure]]) -> list[dict[str, Any]]:
    """Return the metrics of all rows; those of groups are in the tables."""
    known = {name: [f for f in found if not f.at] for name, found in figures.items()}
    return [
        {
            "name": name,
            "value": found[0].value,
            "lower": None if math.isnan(found[0].low) else found[0].low,
            "upper": None if math.isnan(found[0].high) else found[0].high,
        }
        for name, found in known.items()
        if found and math.isfinite(found[0].value)
    ]


def _summary(
    checked: LogCheck,
    found: Mapping[str, Result],
    lost: pd.DataFrame,
    figures: Mapping[str, Sequence[Figure]],
) -> str:
    faults = _many(checked.totals()["faults"], "kind of faults", "kinds of faults")
    parts = [f"{_many(checked.rows, 'event')}, {faults} in the log"]
    if "features" in found:
        used = found["features"].totals()["forbidden"]
        parts.append(_many(used, "forbidden feature in use", "forbidden features in use"))
    if "exposure" in found:
        parts.append(_many(found["exposure"].totals()["loops"], "loop"))
    if "rewards" in found:
        parts.append(_many(found["rewards"].totals()["policies"], "policy", "policies"))
    if "conflicts.conflicts" in figures:
        bent = int(figures["conflicts.conflicts"][0].value)
        parts.append(_many(bent, "item that bends a reward", "items that bend a reward"))
    if "bursts" in found:
        sizes = found["bursts"].totals()
        drifts = _many(sizes["drifts"], "window with drift", "windows with drift")
        parts.append(f"{_many(sizes['bursts'], 'burst')}, {drifts}")
    if "replay" in found:
        sizes = found["replay"].totals()
        changed = _many(sizes["changed_files"], "changed file")
        parts.append(f"replay: {_many(sizes['differences'], 'difference')}, {changed}")
    if len(lost):
        events = int(lost.loc[lost["removed"] != "", "events"].sum())
        parts.append(f"{_many(events, 'event')} with features that may not be used")
    return "; ".join(parts)


def _many(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def metric_names(config: PersonalizationJob) -> list[str]:
    """Return the names of the metrics of a run that gates may judge."""
    names = [_SENSITIVE, "log.faults", *(f"log.{name}" for name in FAULTS)]
    names += ["log.actions_with_wrong_propensities"]
    if config.exposure:
        names += [f"exposure.{name}" for name in _EXPOSURE]
    if config.rewards:
        for policy in config.rewards.policies:
            names += [f"rewards.{policy}.{name}" for name in _WEIGHTS]
            names += [
                f"rewards.{policy}.{reward}.{estimator}"
                for reward in config.log.rewards
                for estimator in config.rewards.estimators
            ]
        names += [f"rewards.logged.{reward}.mean" for reward in config.log.rewards]
    if config.features:
        names += ["features.forbidden_features", "features.association"]
        names += ["features.auc"] if config.features.learner else []
    names += ["conflicts.conflicts"] if config.conflicts else []
    for audit, own in (("bursts", _BURSTS), ("replay", _REPLAY)):
        names += [f"{audit}.{name}" for name in own if getattr(config, audit)]
    return names


def _writes(config: PersonalizationJob) -> tuple[str, ...]:
    asked = [name for name in _FILES if name == "log" or getattr(config, name)]
    named = [*(table for audit in asked for table in _FILES[audit]), "columns"]
    named += ["reward_conflicts"] if config.conflicts else []
    named += ["consents"] if config.consent else []
    return (*file_names(*named), "personalization.json", "report.html")


JOB = Job(
    "personalization",
    PersonalizationJob,
    find_inputs,
    compute,
    writes=_writes,
    check_gates=lambda config, _: check_metrics(config.gates, metric_names(config)),
)
