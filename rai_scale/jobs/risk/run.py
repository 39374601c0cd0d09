"""The risk job: who can be identified again, by which columns, and what hiding people costs."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from rai_scale._version import package_versions
from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError
from rai_scale.gates import Figure, check_gates, check_metrics, status_of
from rai_scale.jobs.inputs import Inputs, chosen_table, content_hash
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.private_options import charge_lines
from rai_scale.jobs.profile import profile_of
from rai_scale.jobs.risk.config import RiskJob
from rai_scale.jobs.table_files import file_names, table_files
from rai_scale.models.files import loader_of
from rai_scale.models.model import Model
from rai_scale.reports.risk import render_risk
from rai_scale.risk.anonymity_result import UNDER, Anonymity
from rai_scale.risk.column_sets import risky_columns
from rai_scale.risk.conditions import conditions_of
from rai_scale.risk.find_levels import generalise
from rai_scale.risk.generalise_result import Generalisation
from rai_scale.risk.hierarchies import hierarchies_of
from rai_scale.risk.linkage import linkage_attack
from rai_scale.risk.linkage_result import Linkage
from rai_scale.risk.measure_anonymity import anonymity
from rai_scale.risk.membership import membership_inference
from rai_scale.risk.membership_result import Membership
from rai_scale.statistics.json_values import json_text, plain
from rai_scale.tables.find import find_tables
from rai_scale.tables.read import read_table
from rai_scale.tables.source import Lake

_LOWER_IS_WORSE = ("k", "l")
_RATES = ("tpr_at_1pct", "tpr_at_0.1pct")


def find_inputs(config: RiskJob, engine: Engine) -> Inputs:
    """Find the table and, for an attack, the table that is known."""
    lake = find_tables(config.source, engine=engine)
    tables = [chosen_table(lake, config.source, config.table)]
    if config.linkage:
        conditions_of(config.linkage.conditions)
        known = find_tables(config.linkage.source, engine=engine)
        tables.append(chosen_table(known, config.linkage.source, config.linkage.table))
    if config.generalise:
        hierarchies_of(config.generalise.hierarchies, config.quasi_identifiers)
        if not config.sensitive and (config.generalise.l or config.generalise.t is not None):
            raise ConfigError("generalise: l and t need sensitive columns. Name them in sensitive.")
    packages = ("numpy", "pandas") if config.private is None else ("numpy", "opendp")
    versions, model = package_versions(*packages), None
    if asked := config.membership:
        loader_of(asked.model, trusted=asked.trusted)  # checks the file
        others = find_tables(asked.source, engine=engine)
        tables.append(chosen_table(others, asked.source, asked.table))
        model = content_hash(asked.model)
        versions["model"] = model or "an address"
    sure = model is not None or not config.membership
    return Inputs(Lake(tuple(tables)), versions, known=sure, model_hash=model)


def compute(config: RiskJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Measure what is asked for; all files are made from these results."""
    if config.private is not None:
        from rai_scale.jobs.risk.private import compute_private

        return compute_private(config, engine, inputs, run)
    frame = read_table(inputs.table, engine)
    names = ("quasi_identifiers", "sensitive", "ordered", "person", "missing")
    found = anonymity(
        frame, **{name: getattr(config, name) for name in names}, by=config.by or None
    )
    sets = None
    if config.depth:
        keys = config.quasi_identifiers
        sets = risky_columns(frame, keys, config.depth, person=config.person)
    attack = None
    if config.linkage:
        known = read_table(inputs.lake[1], engine)
        options: dict[str, Any] = config.linkage.model_dump(
            exclude={"source", "table", "conditions"}
        )
        attack = linkage_attack(frame, known, on=config.linkage.conditions, **options)
    hidden = None
    if config.generalise:
        same = ("quasi_identifiers", "sensitive", "ordered")
        columns = {name: getattr(config, name) for name in same}
        hidden = generalise(frame, **columns, **config.generalise.model_dump())
    recognised = _recognised(config, engine, inputs, frame)
    numbers = _numbers(found, attack, hidden, recognised)
    gates = check_gates(config.gates, {n: [Figure(value)] for n, value in numbers.items()})
    report: dict[str, Any] = {
        **found.to_dict(),
        "title": config.title or f"Re-identification risk of {inputs.table.name}",
        "people": found.counted == "people",
        "columns": [] if sets is None else plain(sets),
        "linkage": attack.to_dict() if attack else None,
        "generalise": hidden.to_dict() if hidden else None,
        "membership": recognised.to_dict() if recognised else None,
        "gates": gates,
        "run": run.facts(status_of(gates), table=inputs.table.name),
    }
    tables = _tables(found, sets, attack, hidden)
    tables |= {"membership": recognised.rates} if recognised else {}
    return Done(
        message=_summary(found),
        files={**table_files(tables), "risk.json": json_text(report).encode()},
        page=render_risk(report),
        gates=gates,
        notes=tuple(n for one in (found, attack, recognised) if one for n in one.notes),
        unread=inputs.unread,
        seeds={
            f"{name}.random_state": asked.random_state
            for name in ("linkage", "membership")
            if (asked := getattr(config, name))
        },
        profile=(profile_of(inputs.table),),
        metrics=[
            {"name": n, "value": v, "direction": "higher" if n in _LOWER_IS_WORSE else "lower"}
            for n, v in numbers.items()
            if not math.isnan(v)
        ],
    )


def _recognised(config: RiskJob, engine: Engine, inputs: Inputs, frame: Any) -> Membership | None:
    """Attack the model, if there is one; the last table has the rows it was not fitted on."""
    if not config.membership:
        return None
    names = {"y_true", "features", "max_rows", "random_state"}
    options = config.membership.model_dump(include=names)
    return membership_inference(
        Model(config.membership.model, trusted=config.membership.trusted),
        frame,
        read_table(inputs.lake[len(inputs.lake) - 1], engine),
        person=config.person,
        sensitive_features=config.by,
        **options,
    )


def _numbers(
    found: Anonymity,
    attack: Linkage | None,
    hidden: Generalisation | None,
    recognised: Membership | None,
) -> dict[str, float]:
    measures = found.metrics()
    numbers = {"k": float(found.k), "uniques": measures["uniques"], "marketer": found.marketer}
    if found.l is not None:
        numbers |= {"l": float(found.l), "t": measures.get("t", float("nan"))}
    if attack:
        numbers["linkage_over_baseline"] = attack.over_baseline
    if hidden:
        numbers |= {"generalise.lost": hidden.lost, "generalise.gap": hidden.gap}
    if recognised:
        measured = recognised.metrics()
        numbers |= {name: measured[name] for name in _RATES}
        numbers["membership_auc"] = recognised.auc
    return numbers


def _tables(
    found: Anonymity,
    sets: pd.DataFrame | None,
    attack: Linkage | None,
    hidden: Generalisation | None,
) -> dict[str, pd.DataFrame]:
    tables = {"sizes": found.sizes, "sensitive": found.diversity}
    if found.groups is not None:
        tables["groups"] = found.groups
    if sets is not None:
        tables["columns"] = sets
    if attack:
        tables["linkage"] = attack.baseline
    if hidden:
        tables["levels"] = hidden.levels
    return tables


def _summary(found: Anonymity) -> str:
    known = "l not measured" if found.l is None else f"l = {found.l}"
    alone = found.rows_under(2)
    return f"k = {found.k}, {known}; {alone:,} of {found.rows:,} {found.counted} are unique"


def metric_names(config: RiskJob) -> list[str]:
    """Return the names of the metrics of a run."""
    if config.private is not None:
        under = [f"people_under_{k}" for k in UNDER if k <= config.sizes.largest]
        return ["rows", "classes", "at_least_10"] if config.declared else ["classes", *under]
    names = ["k", "uniques", "marketer", *(["l", "t"] if config.sensitive else [])]
    names += ["linkage_over_baseline"] if config.linkage else []
    names += [*_RATES, "membership_auc"] if config.membership else []
    return names + (["generalise.lost", "generalise.gap"] if config.generalise else [])


def _writes(config: RiskJob) -> tuple[str, ...]:
    if config.private is not None:
        return (*file_names("classes" if config.declared else "sizes"), "risk.json", "report.html")
    asked = {
        "groups": config.by,
        "columns": config.depth,
        "linkage": config.linkage,
        "levels": config.generalise,
        "membership": config.membership,
    }
    names = [name for name, given in asked.items() if given]
    return (*file_names("sizes", "sensitive", *names), "risk.json", "report.html")


JOB = Job(
    "risk",
    RiskJob,
    find_inputs,
    compute,
    writes=_writes,
    charges=lambda config, _: charge_lines(config.private),
    check_gates=lambda config, _: check_metrics(config.gates, metric_names(config)),
)
