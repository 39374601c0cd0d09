"""Charges and events of a ledger as tables."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from rai_scale.privacy.costs import REPLACE, Cost
from rai_scale.privacy.ledger.accounts import Accounts
from rai_scale.privacy.ledger.amounts import from_units
from rai_scale.privacy.ledger.schema import events
from rai_scale.privacy.ledger.state import Limit, Scope, standing

_DAY = 86_400
BUDGET_COLUMNS = (
    *("scope", "neighbours", "limit", "analyst", "dataset", "window_days"),
    *("measure", "cap", "spent", "remaining"),
)
HISTORY_COLUMNS = (
    *("event", "at", "kind", "scope", "analyst", "dataset", "reservation", "attempt"),
    *("epsilon", "delta", "rho", "columns", "query_hash", "query"),
)


def budget(connection: Connection, accounts: Accounts, scope: str | None, now: int) -> pd.DataFrame:
    """Return caps and grants, one row per limit and measure."""
    names = [scope] if scope else accounts.names(connection)
    rows = []
    for name in names:
        account = accounts.of(connection, name)
        for limit in account.limits(now):
            rows += _limit_rows(account.scope, limit)
    return pd.DataFrame(rows, columns=list(BUDGET_COLUMNS))


def _limit_rows(scope: Scope, limit: Limit) -> list[dict[str, Any]]:
    shared = {
        "scope": scope.name,
        "neighbours": scope.neighbours,
        "limit": "hard cap" if limit.name == "hard cap" else "grant",
        "analyst": limit.analyst,
        "dataset": limit.dataset,
        "window_days": None if limit.window is None else limit.window / _DAY,
    }
    return [
        {
            **shared,
            "measure": measure,
            "cap": float(from_units(limit.cap.of(measure), measure)),
            "spent": float(from_units(limit.spent.of(measure), measure)),
            "remaining": float(from_units(limit.remaining(measure), measure)),
        }
        for measure in scope.measures
    ]


def history(
    connection: Connection, scope: str | None, analyst: str | None, dataset: str | None
) -> pd.DataFrame:
    """Return the events, oldest first; those of a scope, an analyst or a dataset if given."""
    chosen = select(events).order_by(events.c.seq)
    for column, value in (("scope", scope), ("analyst", analyst), ("dataset", dataset)):
        if value is not None:
            chosen = chosen.where(events.c[column] == value)
    rows = [_history_row(row) for row in connection.execute(chosen)]
    return pd.DataFrame(rows, columns=list(HISTORY_COLUMNS))


def _history_row(row: Any) -> dict[str, Any]:
    body = json.loads(row.body)
    return {
        "event": row.seq,
        "at": pd.Timestamp(row.at, unit="us", tz="UTC"),
        "kind": row.kind,
        "scope": row.scope,
        "analyst": row.analyst,
        "dataset": row.dataset,
        "reservation": row.reservation,
        "attempt": row.attempt,
        "epsilon": float(from_units(row.epsilon, "epsilon")),
        "delta": float(from_units(row.delta, "delta")),
        "rho": float(from_units(row.rho, "rho")),
        "columns": ", ".join(cost["label"] for cost in body.get("costs", [])),
        "query_hash": body.get("query_hash"),
        "query": body.get("query"),
    }


def standing_costs(connection: Connection, scope: Scope) -> list[Cost]:
    """Return every cost of a scope that was charged and not refunded.

    A release whose costs were converted to another neighbour relation counts as one amount.
    """
    found = []
    for row in connection.execute(standing(scope.name)):
        costs = [Cost.from_dict(cost) for cost in json.loads(row.body)["costs"]]
        if scope.neighbours == REPLACE and any(cost.neighbours != REPLACE for cost in costs):
            given = {m: from_units(getattr(row, m), m) for m in scope.measures}
            costs = [Cost("converted", given.get("epsilon"), given["delta"], given.get("rho"))]
        found += costs
    return found
