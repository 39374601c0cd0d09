"""The release: noise drawn once, stored as whole numbers, shown as often as asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from snsql.metadata import Metadata

from rai_scale.errors import ConfigError
from rai_scale.privacy.reservation import Release, to_ipc
from rai_scale.private_queries.budget import NoisyColumn
from rai_scale.private_queries.intervals import Intervals, Noisy
from rai_scale.private_queries.plan import Plan, describe
from rai_scale.private_queries.seam import post_process

_ALPHA = 0.05


def draw(plan: Plan, exact: pa.Table) -> pa.Table:
    """Return the noisy table: groups ``k0`` ..., noisy whole numbers ``a0`` ...; sorted by group.

    Parameters
    ----------
    exact : pyarrow.Table
        From the engine, in any order: an order could tell of the data.

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


def _on_public(plan: Plan, exact: pa.Table, keys: list[str]) -> pa.Table:
    """Lay the exact numbers over the declared groups, 0 where there are no rows."""
    public = plan.public or []
    found = zip(*(exact[name].to_pylist() for name in keys), strict=True)
    place = {key: i for i, key in enumerate(found)}
    at = np.array([place.get(key, -1) for key in public], dtype=np.int64)
    columns = {
        name: pa.array([key[i] for key in public], exact.schema.field(name).type)
        for i, name in enumerate(keys)
    }
    for name in exact.column_names[len(keys) :]:
        values = np.append(exact[name].to_numpy(), 0)  # -1 takes the 0
        columns[name] = pa.array(values[at])
    return pa.table(columns)


def encoded(plan: Plan, noisy: pa.Table) -> tuple[bytes, dict[str, Any]]:
    """Return what the ledger stores: the noisy table, and what is needed to read it."""
    info = json.loads(describe(plan).to_json(orient="records", double_precision=15))
    budgeted = plan.budgeted
    facts: dict[str, Any] = {
        "aggregates": info,
        "threshold": budgeted.threshold,
        "threshold_delta": float(budgeted.threshold_delta),
        "groups": "public" if plan.public is not None else "found above the threshold",
        "rows_per_unit": plan.bounding.rows_per_unit,
        "groups_per_unit": plan.bounding.groups_here,
        "neighbours": "all rows of one privacy unit added or removed",
    }
    if plan.public is None and budgeted.threshold is None:
        facts["groups"] = "as found (public by censor_dims: False)" if plan.shape.groups else "none"
    return to_ipc(noisy), facts


class PrivateRelease:
    """A private result: computed once, the same whenever it is shown.

    Attributes
    ----------
    arrow : bytes
        The stored noisy aggregates, an Arrow IPC stream.
    facts : dict
        Public facts of the release.
    reservation : str
        Id of the charge in the ledger.
    columns_info : pandas.DataFrame
        One row per column of the result: ``column``, ``made_of``, ``epsilon``, ``delta``,
        ``mechanism``, ``noise_scale``, ``half_width_95`` (the exact value of the bounded data is
        within this distance in 95 of 100 releases) and ``grid``. The last four are missing for a
        column that is computed from several noisy numbers; see :meth:`intervals`.
    """

    def __init__(self, stored: Release, plan: Plan, metadata: Metadata) -> None:
        self.arrow = stored.arrow
        self.facts = dict(stored.metadata)
        self.reservation = stored.reservation
        self._plan = plan
        self._noisy = stored.table()
        self._frame = self._processed(self._noisy, metadata)
        self.columns_info = self._info()

    def to_pandas(self) -> pd.DataFrame:
        """Return the result; a copy of the same table each time."""
        return self._frame.copy()

    def intervals(self, alpha: float = 0.05) -> pd.DataFrame:
        """Return a confidence interval for each number, also for AVG, VAR, STDDEV and arithmetic.

        Each interval holds the exact value of the bounded data, on the grid, with probability
        ``1 - alpha`` at least. It is computed from the released numbers and costs nothing.
        Averages of a group without values do not exist, and nothing is said of them.

        Parameters
        ----------
        alpha : float
            Above 0 and below 1.

        Returns
        -------
        pandas.DataFrame
            The groups' columns, then ``<column>_low`` and ``<column>_high`` (float64); one row per
            group that was released, before HAVING, ORDER BY and LIMIT. Missing for functions other
            than ``+ - * /`` and SQRT.

        Raises
        ------
        ConfigError
            If alpha is no probability.
        """
        if not 0 < alpha < 1:
            raise ConfigError(f"alpha must be above 0 and below 1, found {alpha!r}.")
        plan, table = self._plan, self._noisy
        place = {a: i for i, a in enumerate(plan.aggregates)}
        noisy = {}
        for name, item in plan.shape.inner:
            if not isinstance(item, int):
                at = place[plan.same[item]]
                column = plan.budgeted.columns[at]
                values = released_values(column, table[f"a{at}"].to_numpy())
                noisy[name.lower()] = Noisy(column, values)
        names = plan.group_names
        found: dict[str, Any] = {n: table[f"k{i}"].to_pylist() for i, n in enumerate(names)}
        for name, output in zip(self._frame.columns, plan.shape.outputs, strict=True):
            if output.parts:
                parts = len({plan.same[a] for a in output.parts})
                bounds = Intervals(noisy, alpha / parts).of(output.tree)
                low, high = (np.array(np.nan),) * 2 if bounds is None else bounds
                found[f"{name}_low"] = np.broadcast_to(low, table.num_rows)
                found[f"{name}_high"] = np.broadcast_to(high, table.num_rows)
        return pd.DataFrame(found)

    def to_dict(self) -> dict[str, Any]:
        """Return the result, its columns' noise and the public facts as plain values."""
        return {
            "result": self._frame.to_dict(orient="list"),
            "columns": json.loads(self.columns_info.to_json(orient="records")),
            "facts": self.facts,
        }

    def to_json(self) -> str:
        """Return :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), default=str, sort_keys=True)

    def __repr__(self) -> str:
        return f"PrivateRelease({len(self._frame)} rows)\n{self._frame}"

    def _processed(self, noisy: pa.Table, metadata: Metadata) -> pd.DataFrame:
        plan = self._plan
        place = {a: i for i, a in enumerate(plan.aggregates)}
        columns: list[list[Any]] = []
        for _, item in plan.shape.inner:
            if isinstance(item, int):
                columns.append(noisy[f"k{item}"].to_pylist())
                continue
            at = place[plan.same[item]]
            values = released_values(plan.budgeted.columns[at], noisy[f"a{at}"].to_numpy())
            columns.append(values.tolist())
        return post_process(plan.parsed.text, metadata, columns, noisy.num_rows)

    def _info(self) -> pd.DataFrame:
        plan = self._plan
        place = dict(zip(plan.aggregates, plan.budgeted.columns, strict=True))
        rows = []
        for name, output in zip(self._frame.columns, plan.shape.outputs, strict=True):
            made_of = list(dict.fromkeys(plan.same[a] for a in output.parts))
            parts = [place[a] for a in made_of]
            row: dict[str, Any] = {
                "column": name,
                "made_of": ", ".join(a.label for a in made_of) or "group",
                "epsilon": float(sum(p.epsilon for p in parts)),
                "delta": float(sum(p.delta for p in parts)) + self._threshold_delta(parts),
                "mechanism": f"discrete {parts[0].noise.kind}" if parts else "threshold",
            }
            rows.append({**row, **_single(parts if output.direct else [])})
        return pd.DataFrame(rows)

    def _threshold_delta(self, parts: list[NoisyColumn]) -> float:
        """Return the delta of naming groups for the columns that name them."""
        return 0.0 if parts else float(self.facts.get("threshold_delta", 0.0))


def _single(parts: list[NoisyColumn]) -> Mapping[str, float]:
    if len(parts) != 1:
        return {"noise_scale": np.nan, "half_width_95": np.nan, "grid": np.nan}
    part = parts[0]
    return {
        "noise_scale": part.noise.scale * part.step,
        "half_width_95": part.half_width(_ALPHA),
        "grid": part.step,
    }


def released_values(column: NoisyColumn, units: np.ndarray) -> np.ndarray:
    """Return noisy whole units as numbers in the column's own unit."""
    return units if column.grid is None else column.grid.values(units)
