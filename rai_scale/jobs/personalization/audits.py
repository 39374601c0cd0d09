"""The audits of the personalisation job: each from its options and the columns of the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, did_you_mean, not_read
from rai_scale.gates import Figure
from rai_scale.jobs.personalization.config import (
    ConflictOptions,
    ConsentOptions,
    PersonalizationJob,
    PolicyConfig,
)
from rai_scale.personalization.bursts import find_bursts
from rai_scale.personalization.consent import STATUS, apply_consent
from rai_scale.personalization.exposure_audit import audit_exposure
from rai_scale.personalization.feature_audit import audit_features
from rai_scale.personalization.log_contract import LogContract
from rai_scale.personalization.policy_values import evaluate_policy
from rai_scale.personalization.reward_conflicts import find_reward_conflicts
from rai_scale.personalization.snapshots import replay
from rai_scale.results import Result

NEEDS = {
    "features": "audit_features",
    "exposure": "audit_exposure",
    "rewards": "evaluate_policy",
    "conflicts": "find_reward_conflicts",
    "bursts": "find_bursts",
    "consent": "apply_consent",
}
"""The function of each audit, whose arguments the log contract must have."""


def check_contract(config: PersonalizationJob) -> None:
    """Raise :class:`ConfigError` if the log contract lacks what an audit needs."""
    for name, function in NEEDS.items():
        if getattr(config, name):
            config.log.arguments(function)
    for one in config.conflicts:
        for reward in (one.reward, one.satisfaction):
            _reward(config.log, reward)


def run_audits(config: PersonalizationJob, frame: Any) -> dict[str, Result]:
    """Return the results of the audits that are one result each, by name; executes."""
    log = config.log
    found: dict[str, Result] = {}
    if config.features:
        options = {**dict(config.features), "learner": _learner(config)}
        asked = {**log.arguments("audit_features"), **options}
        found["features"] = audit_features(frame, **asked, confidence=config.confidence)
    if config.exposure:
        asked = {**log.arguments("audit_exposure"), **dict(config.exposure)}
        found["exposure"] = audit_exposure(frame, **asked, confidence=config.confidence)
    if config.rewards:
        found["rewards"] = _rewards(frame, config)
    if config.bursts:
        found["bursts"] = find_bursts(frame, **log.arguments("find_bursts"), **dict(config.bursts))
    if config.replay:
        given = config.replay
        found["replay"] = replay(given.snapshot, frame, trusted=given.trusted)
    return found


def _learner(config: PersonalizationJob) -> Any:
    asked = config.features
    if asked is None or asked.learner is None:
        return None
    from interpret.glassbox import ExplainableBoostingClassifier

    # without pairs, so that each feature carries its own part
    return lambda: ExplainableBoostingClassifier(
        interactions=0, n_jobs=1, random_state=asked.random_state
    )


def _reward(contract: LogContract, name: str) -> str:
    if name not in contract.rewards:
        raise ConfigError(
            f"conflicts: the log has no reward {name!r}.{did_you_mean(name, contract.rewards)} "
            f"There are: {', '.join(contract.rewards)}."
        )
    return contract.rewards[name]


def conflicts(config: PersonalizationJob, frame: Any) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the items of all pairs of rewards, and notes; executes once per pair."""
    parts: list[pd.DataFrame] = []
    notes: list[str] = []
    for one in config.conflicts:
        own = {"reward": one.reward, "satisfaction": one.satisfaction}
        columns = {name: _reward(config.log, reward) for name, reward in own.items()}
        asked = {**config.log.arguments("find_reward_conflicts"), **columns, **_more(one)}
        result = find_reward_conflicts(frame, **asked, confidence=config.confidence)
        table = result.items.assign(item=result.items["item"].astype(str))
        pair = f"{one.reward} against {one.satisfaction}"
        table.insert(0, "column", one.item or str(config.log.item))
        table.insert(0, "pair", pair)
        parts.append(table)
        notes += [f"{pair}: {note}" for note in result.notes]
    return pd.concat(parts, ignore_index=True), tuple(notes)


def _more(one: ConflictOptions) -> dict[str, Any]:
    options = {"min_rows": one.min_rows, "alpha": one.alpha, "on_bad": one.on_bad}
    return {**options, "item": one.item} if one.item else options


def conflict_figures(table: pd.DataFrame) -> dict[str, Sequence[Figure]]:
    """Return the number of conflicts as a figure that gates judge."""
    return {"conflicts.conflicts": [Figure(float(table["bends"].sum()))]}


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


def consents(engine: Engine, frame: Any, consent: Any, config: PersonalizationJob) -> pd.DataFrame:
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


def columns_used(config: PersonalizationJob) -> pd.DataFrame:
    """Return what each column is used for, and the consent that it needs."""
    groups = dict(config.consent.feature_groups) if config.consent else {}
    roles = config.log.roles()
    for name in (column for columns in groups.values() for column in columns):
        roles.setdefault(name, [])
    return pd.DataFrame(
        [
            {
                "column": name,
                "used_as": ", ".join(used) or "nothing that the log names",
                "consent": ", ".join(g for g, columns in groups.items() if name in columns),
                "feature": "feature" in used,
            }
            for name, used in roles.items()
        ]
    )
