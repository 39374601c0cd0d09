"""The personalisation job: the log is checked, then exposure, rewards and consents are audited."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, not_read
from rai_scale.gates import Figure, check_gates, check_metrics, status_of
from rai_scale.jobs.inputs import Inputs, chosen_table, content_hash, one_table_of
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.personalization.config import (
    ConsentOptions,
    PersonalizationJob,
    PolicyConfig,
)
from rai_scale.jobs.profile import profile_of
from rai_scale.jobs.table_files import file_names, table_files
from rai_scale.personalization.consent import STATUS, apply_consent
from rai_scale.personalization.exposure_audit import audit_exposure
from rai_scale.personalization.log_check import LogCheck, check_log
from rai_scale.personalization.log_contract import LogContract
from rai_scale.personalization.log_faults import FAULTS
from rai_scale.personalization.policy_values import evaluate_policy
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
_WEIGHTS = ("mean_weight", "effective_rows", "largest_weight", "unsupported")
_SENSITIVE = "use_cases.sensitive"


def find_inputs(config: PersonalizationJob, engine: Engine) -> Inputs:
    """Find the tables; check that the contract has what the audits need."""
    for name, asked in (("audit_exposure", config.exposure), ("evaluate_policy", config.rewards)):
        if asked is not None:
            config.log.arguments(name)
    if config.consent:
        config.log.arguments("apply_consent")
    found = one_table_of(config.source, config.table, engine, *_PACKAGES)
    versions = dict(found.versions)
    for name, one in (config.rewards.policies if config.rewards else {}).items():
        if one.file:
            versions[f"policy {name}"] = content_hash(one.file) or "not a local file"
    tables: tuple[TableSource, ...] = (found.table,)
    if config.consent:
        lake = find_tables(config.consent.source, engine=engine)
        tables = (found.table, chosen_table(lake, config.consent.source, config.consent.table))
    return replace(found, lake=Lake(tables), versions=versions)


def compute(config: PersonalizationJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Check the log, then run the audits; all files are made from their results."""
    frame = read_table(inputs.table, engine)
    checked = check_log(frame, config.log)
    found: dict[str, Result] = {"log": checked}
    if config.exposure:
        asked = config.log.arguments("audit_exposure")
        options = {**dict(config.exposure), "confidence": config.confidence}
        found["exposure"] = audit_exposure(frame, **asked, **options)
    if config.rewards:
        found["rewards"] = _rewards(frame, config)
    consents = pd.DataFrame()
    if config.consent:
        consents = _consents(engine, frame, read_table(inputs.lake[1], engine), config)
    register = register_of(config.use_cases)
    figures = _figures(found, register)
    gates = check_gates(config.gates, figures)
    notes = tuple(dict.fromkeys(n for one in found.values() for n in one._remarks()))
    report = {
        "title": config.title or f"Personalisation in {inputs.table.name}",
        "use_cases": register,
        "rows": checked.rows,
        "asked": {"exposure": bool(config.exposure), "rewards": bool(config.rewards),
                  "consent": bool(config.consent)},
        **{name: one.to_dict() for name, one in found.items()},
        "consent": plain(consents),
        "confidence": config.confidence,
        "notes": list(notes),
        "gates": gates,
        "run": run.facts(status_of(gates), table=inputs.table.name),
    }  # fmt: skip
    return Done(
        message=_summary(checked, found, consents),
        files={
            **table_files(_tables(config, found, consents)),
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


def _rewards(frame: Any, config: PersonalizationJob) -> Result:
    asked = config.rewards
    assert asked is not None
    contract = config.log
    policies = {name: _policy(name, one, contract) for name, one in asked.policies.items()}
    return evaluate_policy(
        frame,
        **contract.arguments("evaluate_policy"),
        policy=policies,
        estimators=asked.estimators,
        unsupported=asked.unsupported,
        reward_range=asked.reward_range or None,
        on_bad=asked.on_bad,
        confidence=config.confidence,
    )


def _policy(name: str, given: PolicyConfig, contract: LogContract) -> Any:
    chosen = [key for key in ("column", "file", "probabilities") if getattr(given, key)]
    if len(chosen) != 1:
        raise ConfigError(
            f"rewards.policies.{name}: give exactly one of column, file and probabilities."
        )
    if given.column:
        return given.column
    if given.file:
        try:
            parquet = given.file.endswith(".parquet")
            return pq.read_table(given.file).to_pandas() if parquet else pd.read_csv(given.file)
        except (OSError, ValueError) as error:
            raise ConfigError(f"policy {name!r}: {not_read(given.file, error)}") from None
    if contract.context:
        raise ConfigError(
            f"rewards.policies.{name}: probabilities are the same for everybody, but the log has "
            "a context. Give a file with the columns of the context."
        )
    shares = given.probabilities or {}
    return pd.DataFrame({contract.action: [*shares], "probability": [*shares.values()]})


def _consents(engine: Engine, frame: Any, consent: Any, config: PersonalizationJob) -> pd.DataFrame:
    """Count the events of each combination of removed features and reasons."""
    asked: ConsentOptions | None = config.consent
    assert asked is not None
    own = ("source", "table", "person", "refresh_days")
    options = {k: v for k, v in dict(asked).items() if k not in own}
    if asked.refresh_days is not None:
        options["refresh"] = timedelta(days=asked.refresh_days)
    person = str(config.log.person)
    kept = apply_consent(frame, consent, person=person, consent_person=asked.person, **options)
    table = engine.group_counts(kept, [STATUS]).to_pandas()
    table = table.rename(columns={STATUS: "removed", "count": "events"})
    table["share"] = table["events"] / table["events"].sum()
    return table.sort_values(["events", "removed"], ascending=[False, True], ignore_index=True)


def _tables(
    config: PersonalizationJob, found: Mapping[str, Result], consents: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    tables = {"faults": found["log"].to_pandas("faults")}
    tables["propensities"] = found["log"].to_pandas("propensities")
    for name in ("groups", "categories", "loops") if config.exposure else ():
        tables[f"exposure_{name}"] = found["exposure"].to_pandas(name)
    for name in ("values", "weights") if config.rewards else ():
        tables[f"policy_{name}"] = found["rewards"].to_pandas(name)
    return tables | ({"consents": consents} if config.consent else {})


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


def _summary(checked: LogCheck, found: Mapping[str, Result], consents: pd.DataFrame) -> str:
    parts = [f"{checked.rows:,} events, {checked.totals()['faults']} kinds of faults in the log"]
    if "exposure" in found:
        parts.append(f"{found['exposure'].totals()['loops']} loops")
    if "rewards" in found:
        parts.append(f"{found['rewards'].totals()['policies']} policies")
    if len(consents):
        lost = int(consents.loc[consents["removed"] != "", "events"].sum())
        parts.append(f"{lost:,} events with features that may not be used")
    return "; ".join(parts)


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
    return names


def _writes(config: PersonalizationJob) -> tuple[str, ...]:
    exposure = ("exposure_groups", "exposure_categories", "exposure_loops")
    named = ["faults", "propensities", *(exposure if config.exposure else ())]
    named += ["policy_values", "policy_weights"] if config.rewards else []
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
