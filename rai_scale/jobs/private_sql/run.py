"""The private SQL job: it releases named queries and charges each to a ledger once."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rai_scale._version import package_versions
from rai_scale.engines.protocol import Engine
from rai_scale.errors import BudgetExceededError, ConfigError, GateFailed
from rai_scale.gates import check_metrics
from rai_scale.jobs.inputs import Inputs
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.private_options import charging, told_snapshot
from rai_scale.jobs.private_sql.config import PrivateSqlJob
from rai_scale.jobs.private_sql.dry_run import charges
from rai_scale.jobs.private_sql.outputs import About, Released, outputs_of
from rai_scale.jobs.private_sql.plan import Planned, plan_queries, read_metadata
from rai_scale.jobs.secrets import resolve_secret
from rai_scale.reports.words import plural
from rai_scale.tables.find import one_table
from rai_scale.tables.read import read_table
from rai_scale.tables.source import Lake

if TYPE_CHECKING:
    from rai_scale.privacy.ledger.ledger import Ledger
    from rai_scale.privacy.ledger.no_ledger import NoLedger
    from rai_scale.privacy.options import Privacy


def find_inputs(config: PrivateSqlJob, engine: Engine) -> Inputs:
    """Find the tables; a hash of the metadata is one of the versions."""
    metadata = read_metadata(config.metadata)
    found = {name: one_table(path, engine=engine) for name, path in config.source.items()}
    lake = Lake(tuple(replace(source, name=name) for name, source in found.items()))
    from rai_scale.private_queries.metadata import load_metadata, to_plain
    from rai_scale.records.canonical import canonical_json

    plain = canonical_json(to_plain(load_metadata(metadata)))
    digest = hashlib.sha256(plain.encode()).hexdigest()[:16]
    versions = {**package_versions("smartnoise-sql", "opendp"), "metadata": digest}
    return Inputs(lake, versions, given=metadata)


def compute(config: PrivateSqlJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Release every query; the outputs are made from the releases alone.

    If the ledger has a release of the same query, metadata, parameters and files, it is written
    again and nothing is charged. All queries are planned before the first is charged,
    and each is charged before its data are read.

    Raises
    ------
    GateFailed
        If a release exceeds the budget (exit code 1). Earlier releases of the run stay charged and
        stored, and a new run does not charge them again; the output is not changed.
    """
    with charging(config.private) as (ledger, notes):
        earlier = _reservations(ledger, config.private.scope)
        releases = _release_all(config, inputs, engine, ledger)
    if inputs.unread:
        notes.append(f"{plural(inputs.unread, 'file')} could not be opened.")
    charged = sum(each.release.reservation not in earlier for each in releases)
    message = f"{plural(len(releases), 'release')}: {charged} charged now, "
    message += f"{len(releases) - charged} shown again from the ledger"
    about = About(run.id, inputs.unread, tuple(notes), ledger)
    return outputs_of(config, releases, about, message)


def _release_all(
    config: PrivateSqlJob, inputs: Inputs, engine: Engine, ledger: Ledger | NoLedger
) -> list[Released]:
    from rai_scale.privacy.disclosure import one_message

    sources = {source.name: source for source in inputs.lake}
    frames = one_message(
        lambda: {name: read_table(source, engine) for name, source in sources.items()}
    )
    schemas = one_message(lambda: {name: engine.schema(frame) for name, frame in frames.items()})
    released = []
    for planned in plan_queries(config, inputs.given, schemas):
        snapshot = told_snapshot(sources[planned.table], config.private.snapshot)
        budget = {"epsilon": planned.epsilon, "rho": planned.rho, "delta": planned.delta}
        privacy = config.private.privacy(ledger=ledger, snapshot=snapshot, **budget)
        frame = frames[planned.table]
        released.append(_release(config, planned, frame, inputs.given, privacy))
    return released


def _release(
    config: PrivateSqlJob,
    planned: Planned,
    frame: Any,
    metadata: dict[str, Any],
    privacy: Privacy,
) -> Released:
    from rai_scale.private_queries.api import private_sql

    query = planned.query
    key = None if config.hash_key is None else resolve_secret(config.hash_key).encode()
    try:
        release = private_sql(
            query.query,
            {planned.plan.parsed.facts.name: frame},
            metadata,
            privacy=privacy,
            groups=query.groups,
            mechanism=config.mechanism,
            groups_per_unit=query.groups_per_unit,
            rows_per_group=query.rows_per_group,
            time_zone=config.time_zone,
            hash_key=key,
        )
    except BudgetExceededError as error:
        raise GateFailed(f"query {query.name!r}: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"query {query.name!r}: {error}") from None
    return Released(planned, release)


def _check_gates(config: PrivateSqlJob, inputs: Inputs) -> None:
    """Check that each gate names ``<query>.<column>`` of a released number, or ``<query>.rows``."""
    names: list[str] = []
    for planned in plan_queries(config, inputs.given):
        numbers = [output.name for output in planned.plan.shape.outputs if output.parts]
        names += [f"{planned.query.name}.{name}" for name in dict.fromkeys([*numbers, "rows"])]
    check_metrics(config.gates, names)


def _reservations(ledger: Ledger | NoLedger, scope: str) -> set[str]:
    history = getattr(ledger, "history", None)
    return set() if history is None else set(history(scope)["reservation"])


JOB = Job(
    "private_sql",
    PrivateSqlJob,
    find_inputs,
    compute,
    writes=("a table and its intervals per query", "releases.json", "report.html"),
    charges=charges,
    check_gates=_check_gates,
)
