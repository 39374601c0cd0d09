"""What a private SQL job writes: tables, ``releases.json``, the report, and the manifest last.

Everything is made of released values, the configuration and the ledger, so that a run that shows
stored releases again writes the same bytes.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from rai_scale.jobs.job import Done
from rai_scale.reports.private_sql import render_private_sql
from rai_scale.statistics.json_values import json_text

if TYPE_CHECKING:
    import pandas as pd

    from rai_scale.jobs.private_sql.config import PrivateSqlJob
    from rai_scale.jobs.private_sql.plan import Planned
    from rai_scale.privacy.ledger.ledger import Ledger
    from rai_scale.privacy.ledger.no_ledger import NoLedger
    from rai_scale.private_queries.result import PrivateRelease

ROWS_SHOWN = 50
"""Rows of a table in the report; all are in its Parquet file."""


@dataclass(frozen=True)
class Released:
    """A release and the plan that it was made by."""

    planned: Planned
    release: PrivateRelease


@dataclass(frozen=True)
class About:
    """Which run it is, and what has to be said of it."""

    run_id: str
    unread: int
    notes: tuple[str, ...]
    ledger: Ledger | NoLedger


def outputs_of(config: PrivateSqlJob, releases: list[Released], about: About, message: str) -> Done:
    """Return the tables, ``releases.json`` and the report of releases."""
    described = [_described(config, each) for each in releases]
    files = {}
    for each, facts in zip(releases, described, strict=True):
        release = each.release
        files[facts["table"]] = _parquet(release.to_pandas(), facts)
        bounds = release.intervals(1 - facts["confidence"], shown=True)
        files[facts["intervals"]] = _parquet(bounds, facts)
    files["releases.json"] = json_text({"releases": described}).encode()
    status = "warnings" if about.unread else "ok"
    run = {"run_id": about.run_id, "status": status, "engine": config.engine}
    report = {"run": run, **_report(config, releases, described, about)}
    names = [each.planned.query.name for each in releases]
    return Done(
        message=message,
        files=files,
        page=render_private_sql(report),
        status=status,
        notes=about.notes,
        unread=about.unread,
        private={
            **config.private.facts(),
            "query_names": names,
            "reservations": [each.release.reservation for each in releases],
        },
    )


def _described(config: PrivateSqlJob, each: Released) -> dict[str, Any]:
    """Return what may be known of a release besides its table."""
    query, release = each.planned.query, each.release
    return {
        "name": query.name,
        "table": f"{query.name}.parquet",
        "intervals": f"{query.name}.intervals.parquet",
        "query": query.query,
        "dataset": config.private.dataset or each.planned.plan.parsed.facts.name,
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
    about: About,
) -> dict[str, Any]:
    tables = []
    for each, facts in zip(releases, described, strict=True):
        tables.append({**facts, **each.release.shown(ROWS_SHOWN)})
    budget = getattr(about.ledger, "budget", None)
    limits = (
        [] if budget is None else json.loads(budget(config.private.scope).to_json(orient="records"))
    )
    return {
        "title": config.title or "Private tables",
        "settings": {
            **{name: getattr(config.private, name) for name in ("scope", "analyst")},
            **{name: getattr(config.private, name) for name in ("epsilon", "rho", "delta")},
            "mechanism": config.mechanism,
        },
        "releases": tables,
        "limits": [row for row in limits if _concerns(config, row)],
        "notes": list(about.notes),
    }


def _concerns(config: PrivateSqlJob, limit: dict[str, Any]) -> bool:
    """Whether a limit is the cap or a grant of this analyst; those of others are not shown."""
    return limit["analyst"] in ("*", config.private.analyst)
