"""The outputs of a private SQL job: tables, ``releases.json``, report and manifest.

They are made from released values, the configuration and the ledger alone, so that a run that shows
stored releases again writes the same bytes.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from rai_scale.gates import status_of
from rai_scale.jobs.job import Done
from rai_scale.reports.private_sql import render_private_sql
from rai_scale.statistics.json_values import json_text, records

if TYPE_CHECKING:
    import pandas as pd

    from rai_scale.jobs.private_sql.config import PrivateSqlJob
    from rai_scale.jobs.private_sql.plan import Planned
    from rai_scale.privacy.ledger.ledger import Ledger
    from rai_scale.privacy.ledger.no_ledger import NoLedger
    from rai_scale.private_queries.release.result import PrivateRelease

_SHOWN = ("rows", "intervals", "more")
ROWS_SHOWN = 50
"""Rows of each table in the report; its Parquet file has all of them."""


@dataclass(frozen=True)
class Released:
    """A release and its plan."""

    planned: Planned
    release: PrivateRelease


@dataclass(frozen=True)
class About:
    """Facts about the run that its outputs show."""

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
    gates = _judged(config, releases)
    status = "warnings" if about.unread else "ok"
    run = {"run_id": about.run_id, "status": status_of(gates, status), "engine": config.engine}
    report = {"run": run, **_report(config, releases, described, about), "gates": gates}
    shown = [{name: table[name] for name in _SHOWN} for table in report["releases"]]
    files["releases.json"] = json_text({**report, "releases": described, "shown": shown}).encode()
    names = [each.planned.query.name for each in releases]
    return Done(
        message=message,
        files=files,
        page=render_private_sql(report),
        status=status,
        notes=about.notes,
        unread=about.unread,
        gates=gates,
        private={
            **config.private.facts(),
            "query_names": names,
            "reservations": [each.release.reservation for each in releases],
        },
    )


def _judged(config: PrivateSqlJob, releases: list[Released]) -> list[dict[str, Any]]:
    """Return the outcomes of the gates, each on ``<query>.<column>``: released values alone."""
    by_name = {each.planned.query.name: each.release for each in releases}
    checked = []
    for gate in config.gates:
        query, _, column = gate.metric.partition(".")
        [found] = by_name[query].gates(replace(gate, metric=column, name=gate.called))
        checked.append(found | {"metric": gate.metric})
    return checked


def _described(config: PrivateSqlJob, each: Released) -> dict[str, Any]:
    """Return the public facts about a release."""
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
    """Return the budget as text, in the measure in which it was given."""
    return {"epsilon": str(epsilon)} if rho is None else {"rho": str(rho)}


def _parquet(frame: pd.DataFrame, facts: dict[str, Any]) -> bytes:
    """Return a released table as Parquet, with the facts about it in the schema's metadata."""
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
    limits = [] if budget is None else records(budget(config.private.scope))
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
    """Return whether a limit is the cap or a grant of this analyst; others are not shown."""
    return limit["analyst"] in ("*", config.private.analyst)
