"""The private SQL job: named queries in, private tables out, each charged to a ledger once."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rai_scale.engines.protocol import Engine
from rai_scale.errors import BudgetExceededError, ConfigError, GateFailed
from rai_scale.jobs.config import config_hash
from rai_scale.jobs.ledgers import open_named
from rai_scale.jobs.manifest import remove_manifest, run_id_of, unread_files
from rai_scale.jobs.outputs import writes_output
from rai_scale.jobs.private_sql.config import PrivateSqlJob
from rai_scale.jobs.private_sql.messages import heard_warnings, restricted_file
from rai_scale.jobs.private_sql.outputs import Released, Run, finished_status, write_outputs
from rai_scale.jobs.private_sql.plan import Planned, plan_queries, read_metadata
from rai_scale.jobs.run import OK, WARNINGS, Outcome
from rai_scale.jobs.secrets import resolve_secret
from rai_scale.tables.find import one_table
from rai_scale.tables.paths import place_of
from rai_scale.tables.read import read_table
from rai_scale.tables.source import Lake, TableSource

if TYPE_CHECKING:
    from rai_scale.privacy.ledger.ledger import Ledger
    from rai_scale.privacy.ledger.no_ledger import NoLedger


@writes_output
def run(config: PrivateSqlJob, engine: Engine) -> Outcome:
    """Release every query, then write the tables, ``releases.json``, the report, the manifest last.

    A release that the ledger holds for the same query, metadata, parameters and files is written
    again from there, and nothing is charged. All queries are planned before the first is charged,
    and each is charged before its data are read.

    Raises
    ------
    GateFailed
        If a release goes over the budget (exit code 1). What was released before it stays charged
        and stored, and a re-run does not charge it again; the output is not touched.
    """
    metadata = read_metadata(config.metadata)
    lake = Lake(tuple(_source(name, path, engine) for name, path in config.tables.items()))
    with heard_warnings() as notes, restricted_file(config.restricted_log):
        versions = _versions(metadata)
        run_id = run_id_of("private_sql", config_hash(config), lake, versions)
        report = place_of(config.output).child("report.html").url
        before = finished_status(config.output, run_id)
        if before is not None:
            code = WARNINGS if before == "warnings" else OK
            text = f"already done as run {run_id}; nothing was charged"
            return Outcome(code, text, report, unread=unread_files(lake))
        ledger = open_named(config.ledger, force_ephemeral=config.force_ephemeral)
        earlier = _reservations(ledger, config.scope)
        releases = _release_all(config, metadata=metadata, lake=lake, engine=engine, ledger=ledger)
    unread = unread_files(lake)
    if unread:
        notes.append(f"{unread} file(s) could not be opened and were left out.")
    remove_manifest(config.output)  # it speaks of the tables that are replaced now
    done = Run(run_id or uuid.uuid4().hex[:16], config_hash(config), versions, tuple(notes), unread)
    write_outputs(config, releases, run=done, lake=lake, ledger=ledger)
    charged = sum(each.release.reservation not in earlier for each in releases)
    message = f"{len(releases)} releases: {charged} charged now, {len(releases) - charged} shown"
    message += " again from the ledger"
    return Outcome(WARNINGS if unread else OK, message, report, tuple(notes), unread)


def _release_all(
    config: PrivateSqlJob,
    *,
    metadata: dict[str, Any],
    lake: Lake,
    engine: Engine,
    ledger: Ledger | NoLedger,
) -> list[Released]:
    from rai_scale.privacy.disclosure import one_message

    sources = {source.name: source for source in lake}
    frames = one_message(
        lambda: {name: read_table(source, engine) for name, source in sources.items()}
    )
    schemas = one_message(lambda: {name: engine.schema(frame) for name, frame in frames.items()})
    return [
        _release(
            config,
            planned,
            metadata=metadata,
            frame=frames[planned.table],
            snapshot=_snapshot(sources[planned.table], config.snapshot),
            ledger=ledger,
        )
        for planned in plan_queries(config, metadata, schemas)
    ]


def _release(
    config: PrivateSqlJob,
    planned: Planned,
    *,
    metadata: dict[str, Any],
    frame: Any,
    snapshot: str | None,
    ledger: Ledger | NoLedger,
) -> Released:
    from rai_scale.private_queries.api import private_sql

    query = planned.query
    key = None if config.hash_key is None else resolve_secret(config.hash_key).encode()
    try:
        release = private_sql(
            query.query,
            {planned.plan.parsed.facts.name: frame},
            metadata,
            epsilon=planned.epsilon,
            rho=planned.rho,
            delta=planned.delta,
            ledger=ledger,
            keys=query.keys,
            mechanism=config.mechanism,
            groups_per_unit=query.groups_per_unit,
            rows_per_group=query.rows_per_group,
            time_zone=config.time_zone,
            scope=config.scope,
            analyst=config.analyst,
            dataset=config.dataset,
            snapshot=snapshot,
            visible_to=config.visible_to,
            hash_key=key,
        )
    except BudgetExceededError as error:
        raise GateFailed(f"query {query.name!r}: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"query {query.name!r}: {error}") from None
    return Released(planned, release)


def _source(name: str, path: str, engine: Engine) -> TableSource:
    return replace(one_table(path, engine=engine), name=name)


def _snapshot(source: TableSource, given: str | None) -> str | None:
    """Return an id of the data: where they are and in which state, as a hash."""
    state = given or source.snapshot
    if state is None:
        return None
    return hashlib.sha256(f"{source.location}\n{state}".encode()).hexdigest()


def _versions(metadata: dict[str, Any]) -> dict[str, str]:
    """Return the versions that an answer depends on, and a hash of the metadata."""
    from importlib.metadata import version

    from rai_scale._version import __version__
    from rai_scale.private_queries.metadata import load_metadata, to_plain
    from rai_scale.records.canonical import canonical_json

    found = {name: version(name) for name in ("smartnoise-sql", "opendp")}
    plain = canonical_json(to_plain(load_metadata(metadata)))
    digest = hashlib.sha256(plain.encode()).hexdigest()[:16]
    return {"rai_scale": __version__, **found, "metadata": digest}


def _reservations(ledger: Ledger | NoLedger, scope: str) -> set[str]:
    history = getattr(ledger, "history", None)
    return set() if history is None else set(history(scope)["reservation"])
