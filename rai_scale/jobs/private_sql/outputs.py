"""What a private SQL job writes: tables, ``releases.json``, the report, and the manifest last.

Everything is made of released values, the configuration and the ledger, so that a run that shows
stored releases again writes the same bytes.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from rai_scale.jobs.manifest import MANIFEST, written_names
from rai_scale.jobs.outputs import files_of, still_there
from rai_scale.reports.private_sql import render_private_sql
from rai_scale.tables.paths import place_of, save_bytes

if TYPE_CHECKING:
    import pandas as pd

    from rai_scale.jobs.private_sql.config import PrivateSqlJob
    from rai_scale.jobs.private_sql.plan import Planned
    from rai_scale.privacy.ledger.ledger import Ledger
    from rai_scale.privacy.ledger.no_ledger import NoLedger
    from rai_scale.private_queries.result import PrivateRelease
    from rai_scale.tables.source import Lake

ROWS_SHOWN = 50
"""Rows of a table in the report; all are in its Parquet file."""


@dataclass(frozen=True)
class Released:
    """A release and the plan that it was made by."""

    planned: Planned
    release: PrivateRelease


@dataclass(frozen=True)
class Run:
    """Which run it is, and what has to be said of it."""

    run_id: str
    config_hash: str
    versions: dict[str, str]
    notes: tuple[str, ...]
    unread: int

    @property
    def status(self) -> str:
        """``ok``, or ``warnings`` where files could not be opened."""
        return "warnings" if self.unread else "ok"


def finished_status(output: str, run_id: str | None) -> str | None:
    """Return how this very run ended if it has finished before and its outputs are there."""
    place = place_of(output).child(MANIFEST)
    if run_id is None or not place.fs.exists(place.path):
        return None
    try:
        with place.open(compression=None) as file:
            found = json.loads(file.read())
        same = found["run_id"] == run_id and still_there(place_of(output), found["files"])
        return str(found["status"]) if same else None
    except (ValueError, TypeError, KeyError):
        return None


def write_outputs(
    config: PrivateSqlJob,
    releases: list[Released],
    *,
    run: Run,
    lake: Lake,
    ledger: Ledger | NoLedger,
) -> None:
    """Write all outputs, each whole or not at all, the manifest last."""
    output = place_of(config.output)
    described = [_described(config, each) for each in releases]
    for each, facts in zip(releases, described, strict=True):
        release = each.release
        save_bytes(output.child(facts["table"]), _parquet(release.to_pandas(), facts))
        bounds = release.intervals(1 - facts["confidence"], shown=True)
        save_bytes(output.child(facts["intervals"]), _parquet(bounds, facts))
    save_bytes(output.child("releases.json"), _json({"releases": described}))
    page = render_private_sql(_report(config, releases, described, run=run, ledger=ledger))
    save_bytes(output.child("report.html"), page.encode())
    tables = [facts[kind] for facts in described for kind in ("table", "intervals")]
    names = [*tables, "releases.json", "report.html", MANIFEST]
    manifest = _manifest(config, releases, run=run, lake=lake, names=names)
    save_bytes(output.child(MANIFEST), _json(manifest))


def _described(config: PrivateSqlJob, each: Released) -> dict[str, Any]:
    """Return what may be known of a release besides its table."""
    query, release = each.planned.query, each.release
    return {
        "name": query.name,
        "table": f"{query.name}.parquet",
        "intervals": f"{query.name}.intervals.parquet",
        "query": query.query,
        "dataset": config.dataset or each.planned.plan.parsed.facts.name,
        "reservation": release.reservation,
        **_budget(each.planned.epsilon, each.planned.rho),
        "delta": f"{each.planned.delta:f}",
        "confidence": 0.95,
        "columns": release.columns(),
        **release.facts,
    }


def _budget(epsilon: object, rho: object) -> dict[str, str]:
    """Return the budget as text, by the measure that it is given in."""
    return {"epsilon": str(epsilon)} if rho is None else {"rho": str(rho)}


def _parquet(frame: pd.DataFrame, facts: dict[str, Any]) -> bytes:
    """Return a released table; what its columns mean is in the schema's metadata."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({"rai_scale.release": json.dumps(facts, sort_keys=True)})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def _report(
    config: PrivateSqlJob,
    releases: list[Released],
    described: list[dict[str, Any]],
    *,
    run: Run,
    ledger: Ledger | NoLedger,
) -> dict[str, Any]:
    tables = []
    for each, facts in zip(releases, described, strict=True):
        tables.append({**facts, **each.release.shown(ROWS_SHOWN)})
    budget = getattr(ledger, "budget", None)
    limits = [] if budget is None else json.loads(budget(config.scope).to_json(orient="records"))
    return {
        "title": config.title or "Private tables",
        "run": {"run_id": run.run_id, "status": run.status, "engine": config.engine},
        "settings": {
            **{"scope": config.scope, "analyst": config.analyst, "mechanism": config.mechanism},
            **{"epsilon": config.epsilon, "rho": config.rho, "delta": config.delta},
        },
        "releases": tables,
        "limits": [row for row in limits if _concerns(config, row)],
        "notes": list(run.notes),
    }


def _concerns(config: PrivateSqlJob, limit: dict[str, Any]) -> bool:
    """Whether a limit is the cap or a grant of this analyst; those of others are not shown."""
    return limit["analyst"] in ("*", config.analyst)


def _manifest(
    config: PrivateSqlJob,
    releases: list[Released],
    *,
    run: Run,
    lake: Lake,
    names: list[str],
) -> dict[str, Any]:
    """Return the manifest without anything that depends on rows: no counts, no times."""
    from rai_scale.privacy.disclosure import private_facts

    keys = ("name", "format", "snapshot")
    facts = asdict(run)
    return private_facts(
        {
            **facts,
            "status": run.status,
            "job": "private_sql",
            "engine": config.engine,
            "inputs": [{key: getattr(source, key) for key in keys} for source in lake],
            "outputs": {name: place_of(config.output).child(name).url for name in names},
            "files": files_of(place_of(config.output), written_names(names)),
            "scope": config.scope,
            "analyst": config.analyst,
            "dataset": config.dataset,
            **_budget(config.epsilon, config.rho),
            "delta": str(config.delta),
            "query_names": [each.planned.query.name for each in releases],
            "reservations": [each.release.reservation for each in releases],
        }
    )


def _json(value: Any) -> bytes:
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False, default=str)
    return text.encode()
