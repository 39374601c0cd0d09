"""The cost and the noise of a release, computed before any data are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from rai_scale.errors import ConfigError
from rai_scale.privacy.costs import spent
from rai_scale.privacy.ledger.amounts import Number
from rai_scale.privacy.ledger.no_ledger import NoLedger, ledger_of
from rai_scale.privacy.noise import Kind
from rai_scale.privacy.options import Privacy
from rai_scale.private_queries.column_names import with_quotes
from rai_scale.private_queries.metadata import Given, load_metadata
from rai_scale.private_queries.release.noise_plan import assign
from rai_scale.private_queries.release.plan import QueryPlan, describe, make_plan
from rai_scale.private_queries.release.public_groups import Groups
from rai_scale.results import Result, Tables

_ROUNDS = 40


@dataclass(frozen=True, repr=False)
class DryRun(Result):
    """A plan as tables and text.

    Attributes
    ----------
    columns : pandas.DataFrame
        See :func:`~rai_scale.private_queries.release.plan.describe`.
    threshold : int, optional
        Noisy count of units from which a group is named.
    epsilon, delta, rho : float
        Charge of the release. Epsilon is None where the budget is given in rho and not converted,
        rho where the noise is Laplace's.
    remaining : dict, optional
        What remains in the ledger now, per measure.
    remaining_after : dict, optional
        What would remain; below 0 the release would be refused.
    time_zone : str
        In which times with a zone are read.
    """

    columns: pd.DataFrame
    threshold: int | None
    epsilon: float | None
    delta: float
    rho: float | None = None
    remaining: Mapping[str, float] | None = None
    remaining_after: Mapping[str, float] | None = None
    time_zone: str = "UTC"

    def _tables(self) -> Tables:
        return {"columns": self.columns.copy}

    def totals(self) -> dict[str, float]:
        """Return what the release would be charged."""
        amounts = {"epsilon": self.epsilon, "rho": self.rho, "delta": self.delta}
        return {name: value for name, value in amounts.items() if value is not None}

    def _numbers(self) -> dict[str, float]:
        left = {f"remaining_{name}": value for name, value in (self.remaining_after or {}).items()}
        return {**self.totals(), **left}

    def _remarks(self) -> list[str]:
        lines = []
        if self.threshold is not None:
            lines.append(f"groups with a noisy count of units below {self.threshold} are hidden")
        lines.append(f"times with a zone are read in {self.time_zone}")
        for measure, left in (self.remaining_after or {}).items():
            before = (self.remaining or {})[measure]
            lines.append(f"remaining {measure}: {before:g} before, {left:g} after")
        return lines

    def __str__(self) -> str:
        charged = ", ".join(f"{name} {value:g}" for name, value in self.totals().items())
        table = self.columns.to_string(index=False)
        return "\n".join([table, f"charged: {charged}", *self._remarks()])


def dry_run(
    query: str,
    metadata: Given,
    *,
    privacy: Privacy,
    groups: Groups | None = None,
    mechanism: Kind = "laplace",
    groups_per_unit: int | None = None,
    rows_per_group: int | None = None,
    time_zone: str = "UTC",
) -> DryRun:
    """Return the cost and the noise of a release; reads no data and charges nothing.

    The types of columns are taken from the metadata.

    Parameters
    ----------
    query, metadata, groups, mechanism, groups_per_unit, rows_per_group, time_zone
        As for :func:`~rai_scale.private_queries.api.private_sql`.
    privacy : Privacy
        As for the release. With a ledger, the result also has what would remain of the budget.

    Raises
    ------
    QueryRefusedError
        If the query cannot be answered privately.
    ConfigError
        If metadata, groups or budget do not fit.
    """
    plan = make_plan(
        query,
        load_metadata(metadata),
        None,
        privacy,
        groups=groups,
        mechanism=mechanism,
        groups_per_unit=groups_per_unit,
        rows_per_group=rows_per_group,
        time_zone=time_zone,
    )
    costs = plan.budgeted.costs
    cost = spent(costs)
    found = (describe(plan), plan.budgeted.threshold, cost["epsilon"], cost["delta"] or 0.0)
    charged = (*found, cost["rho"])
    if privacy.ledger is None or privacy.ledger == "none":
        return DryRun(*charged, time_zone=time_zone)
    book = ledger_of(privacy.ledger, force_ephemeral=privacy.force_ephemeral)
    if isinstance(book, NoLedger):
        return DryRun(*charged, time_zone=time_zone)
    name = privacy.scope or default_scope(plan)
    before = book.remaining(name, privacy.analyst, privacy.dataset or plan.parsed.facts.name)
    charge = book.price(name, costs)
    after = {m: float(left - charge[m]) for m, left in before.items()}
    return DryRun(*charged, {m: float(v) for m, v in before.items()}, after, time_zone)


def default_scope(plan: QueryPlan) -> str:
    """Return the default scope of a table's units."""
    return f"{plan.parsed.facts.name}.{with_quotes(plan.parsed.facts.unit or 'row')}"


def advise(
    query: str,
    metadata: Given,
    target_error: float | Mapping[str, float],
    *,
    delta: Number = 0,
    groups: Groups | None = None,
    mechanism: Kind = "laplace",
    groups_per_unit: int | None = None,
    rows_per_group: int | None = None,
    measure: Literal["epsilon", "rho"] = "epsilon",
) -> float:
    """Return the least epsilon (or rho) whose expected error is at most the target; reads no data.

    Parameters
    ----------
    query, metadata, groups, mechanism, groups_per_unit, rows_per_group
        As for :func:`~rai_scale.private_queries.api.private_sql`.
    target_error : float or mapping
        Mean absolute error of the noise, in the columns' own units: for all aggregates, or per
        aggregate by its name in :func:`dry_run`, such as ``{"rows": 5, "sum(age)": 100}``.
    delta : number
        Delta of the release.
    measure : str
        ``epsilon``, or ``rho`` for a budget in rho with Gaussian noise.

    Raises
    ------
    ConfigError
        If an aggregate is unknown or no epsilon (or rho) up to 1000 reaches the target.
    """
    if measure not in ("epsilon", "rho"):
        raise ConfigError(f"measure is {measure!r}; choose one of epsilon, rho.")
    described = load_metadata(metadata)
    plan = make_plan(
        query,
        described,
        None,
        Privacy(**_amount(measure, 1), delta=delta),
        groups=groups,
        mechanism=mechanism,
        groups_per_unit=groups_per_unit,
        rows_per_group=rows_per_group,
    )
    labels = [a.label for a in plan.aggregates]
    goals = _goals(target_error, labels)
    count = plan.budgeted.key_count
    key_count = None if count is None else plan.aggregates[count]

    def reached(amount: float) -> bool:
        budgeted = assign(
            plan.aggregates,
            plan.exact.grids,
            plan.bounding,
            key_count=key_count,
            **_amount(measure, amount),
            delta=delta,
            mechanism=mechanism,
        )
        columns = {c.aggregate.label: c for c in budgeted.columns}
        return all(columns[name].expected_error <= goal for name, goal in goals.items())

    low, high = 1e-6, 1e3
    if not reached(high):
        raise ConfigError(f"no {measure} up to 1000 reaches this error: lower max_ids.")
    for _ in range(_ROUNDS):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def _amount(measure: str, amount: float) -> dict[str, Any]:
    return {measure: amount}


def _goals(target: float | Mapping[str, float], labels: list[str]) -> dict[str, float]:
    goals = dict(target) if isinstance(target, Mapping) else dict.fromkeys(labels, float(target))
    unknown = [name for name in goals if name not in labels]
    if unknown or not all(goal > 0 for goal in goals.values()):
        raise ConfigError(
            f"target_error must have positive errors for {', '.join(map(repr, labels))}; found "
            f"{', '.join(map(repr, goals))}."
        )
    return goals
