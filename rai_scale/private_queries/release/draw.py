"""The noise, drawn once for whole columns, and the release that the ledger stores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.privacy.ledger.reservation import to_ipc
from rai_scale.private_queries.release.noise_plan import NoisyColumn
from rai_scale.private_queries.release.plan import QueryPlan, describe


def draw(plan: QueryPlan, exact: pa.Table) -> pa.Table:
    """Return the noisy table: groups ``k0`` ..., noisy integers ``a0`` ...; sorted by group.

    Parameters
    ----------
    exact : pyarrow.Table
        From the engine, in any order. The result is sorted, because an order could disclose
        something about the data.

    The driver holds a few numbers per group, whatever the number of rows.
    """
    keys = [name for name in exact.column_names if name.startswith("k")]
    if plan.public is not None:
        exact = _on_public(plan, exact, keys)
    elif keys:
        exact = exact.sort_by([(name, "ascending") for name in keys])
    columns = {name: exact[name].combine_chunks() for name in keys}
    keep = np.ones(exact.num_rows, dtype=bool)
    for i, column in enumerate(plan.budgeted.columns):
        noisy = column.noise.draw(exact[f"a{i}"].to_numpy())
        if i == plan.budgeted.key_count and plan.budgeted.threshold is not None:
            keep = noisy >= plan.budgeted.threshold
        columns[f"a{i}"] = pa.array(noisy)
    return pa.table(columns).filter(pa.array(keep))


def _on_public(plan: QueryPlan, exact: pa.Table, keys: list[str]) -> pa.Table:
    """Return the exact numbers of the declared groups, 0 for groups without rows."""
    public = plan.public or []
    columns = {
        name: pa.array([key[i] for key in public], exact.schema.field(name).type)
        for i, name in enumerate(keys)
    }
    at = _places(columns, exact)
    for name in exact.column_names[len(keys) :]:
        values = np.append(exact[name].to_numpy(), 0)  # -1 takes the 0
        columns[name] = pa.array(values[at])
    return pa.table(columns)


def _places(public: Mapping[str, pa.Array], exact: pa.Table) -> np.ndarray:
    """Return the position of each public key in the exact table, -1 if it is absent.

    Keys are matched in Arrow: a group's value in Python could fail, which would disclose something
    about the data.
    """
    count = len(next(iter(public.values())))
    ours, theirs = np.zeros(count, np.int64), np.zeros(exact.num_rows, np.int64)
    for name, column in public.items():
        values = column.unique()
        ours, theirs = (
            np.where(codes < 0, -1, codes * len(values) + _codes(found, values))
            for codes, found in ((ours, column), (theirs, exact[name]))
        )
        theirs[_codes(exact[name], values) < 0] = -1
        known, ours = np.unique(ours, return_inverse=True)  # small codes again
        near = np.minimum(np.searchsorted(known, theirs), len(known) - 1)
        theirs = np.where(known[near] == theirs, near, -1)
    places = np.full(count, -1, np.int64)  # each public key occurs once
    rows = np.flatnonzero(theirs >= 0)
    places[theirs[rows]] = rows
    return places[ours]


def _codes(found: pa.Array | pa.ChunkedArray, values: pa.Array) -> np.ndarray:
    """Return each value's position among the distinct ``values`` (with null), -1 if absent."""
    codes = pc.fill_null(pc.index_in(found, value_set=values), -1)
    return np.asarray(codes, dtype=np.int64)


def encoded(plan: QueryPlan, noisy: pa.Table) -> tuple[bytes, dict[str, Any]]:
    """Return what the ledger stores: the noisy table, and the facts needed to interpret it."""
    info = json.loads(describe(plan).to_json(orient="records", double_precision=15))
    budgeted = plan.budgeted
    facts: dict[str, Any] = {
        "aggregates": info,
        "threshold": budgeted.threshold,
        "threshold_delta": float(budgeted.threshold_delta),
        "groups": "public" if plan.public is not None else "found above the threshold",
        "rows_per_unit": plan.bounding.rows_per_unit,
        "groups_per_unit": plan.bounding.groups_here,
        "time_zone": plan.parsed.facts.time_zone,
        "neighbours": "all rows of one privacy unit added or removed",
    }
    if plan.public is None and budgeted.threshold is None:
        facts["groups"] = "as found (public by censor_dims: False)" if plan.shape.groups else "none"
    return to_ipc(noisy), facts


def released_values(column: NoisyColumn, units: np.ndarray) -> np.ndarray:
    """Return noisy grid units as numbers in the column's own unit."""
    return units if column.grid is None else column.grid.values(units)
