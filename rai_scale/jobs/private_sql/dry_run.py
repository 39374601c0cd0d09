"""``rai-scale private-sql --dry-run`` and ``--advise``: no data are read and nothing is charged."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rai_scale.errors import ConfigError
from rai_scale.jobs.ledgers import open_named
from rai_scale.jobs.private_options import heard_warnings
from rai_scale.jobs.private_sql.plan import Planned, plan_queries, read_metadata

if TYPE_CHECKING:
    import pandas as pd

    from rai_scale.jobs.private_sql.config import PrivateSqlJob

_COUNTS = ("rows", "units", "count", "distinct")


def charges(config: PrivateSqlJob, target: str | None = None) -> tuple[list[str], bool]:
    """Describe the budget and the noise of each query and column, and what would remain.

    Types are those of the metadata. The second value is whether the remaining budget is enough.
    A release that is stored already costs nothing, which only a run can find out.

    Parameters
    ----------
    target
        Also print the epsilon (or rho, if that is given) for this expected error, which is the mean
        absolute error of the noise: a number for all counts, or ``COLUMN=NUMBER`` such as
        ``sum(balance)=1000``.
    """
    with heard_warnings() as notes:
        lines, fits = _lines(config, target)
    return lines + [f"note: {note}" for note in notes], fits


def _lines(config: PrivateSqlJob, target: str | None) -> tuple[list[str], bool]:
    from rai_scale.private_queries.release.plan import describe

    metadata = read_metadata(config.metadata)
    plans = plan_queries(config, metadata)
    lines: list[str] = []
    for planned in plans:
        query = planned.query
        measure, amount = planned.amount
        lines += ["", f"{query.name}: {measure} {amount:f}, delta {planned.delta:f}"]
        lines += [f"  {line}" for line in _table(describe(planned.plan), measure).splitlines()]
        lines.append(f"  {_groups(planned)}")
        if target is not None:
            lines.append(f"  {_advice(config, metadata, planned, target)}")
    told, fits = _remaining(config, plans)
    return [*lines, "", *told], fits


def _table(described: pd.DataFrame, measure: str) -> str:
    shown = described[
        ["aggregate", measure, "mechanism", "noise_scale", "expected_error", "half_width"]
    ]
    shown = shown.rename(columns={"half_width": "95 % within"})
    return shown.to_string(index=False, float_format=lambda value: f"{value:.6g}")


def _groups(planned: Planned) -> str:
    plan = planned.plan
    bounds = f"at most {plan.bounding.rows_per_unit} rows per person"
    if plan.public is not None:
        return f"{len(plan.public)} declared groups; {bounds}"
    if plan.budgeted.threshold is None:
        return f"no group is hidden; {bounds}"
    return (
        f"groups are shown from a noisy count of {plan.budgeted.threshold} people "
        f"(delta {float(plan.budgeted.threshold_delta):g}); {bounds}"
    )


def _advice(config: PrivateSqlJob, metadata: dict[str, Any], planned: Planned, target: str) -> str:
    from rai_scale.private_queries.release.cost_preview import advise

    query = planned.query
    goals = _goals(planned, target)
    if not goals:
        return f"advice: {target} does not match a column of this query"
    what = ", ".join(f"{name} {goal:g}" for name, goal in goals.items())
    measure, amount = planned.amount
    try:
        needed = advise(
            query.query,
            metadata,
            goals,
            delta=planned.delta,
            groups=query.groups,
            mechanism=config.mechanism,
            groups_per_unit=query.groups_per_unit,
            rows_per_group=query.rows_per_group,
            measure="rho" if measure == "rho" else "epsilon",
        )
    except ConfigError as error:
        return f"advice: expected error of {what}: {error}"
    share = float(amount) / float(config.private.rho or config.private.epsilon or 1)
    return (
        f"advice: for an expected error of {what} it takes {measure} {needed:.4g}, which is "
        f"{measure} {needed / share:.4g} for the job at this query's share"
    )


def _goals(planned: Planned, target: str) -> dict[str, float]:
    """Return the target of each column; a plain number is the target of all counts."""
    name, named, amount = target.rpartition("=")
    try:
        goal = float(amount)
    except ValueError:
        goal = math.nan
    if not (math.isfinite(goal) and goal > 0):
        raise ConfigError(f"--advise {target!r}: write an error above 0, or COLUMN=ERROR.")
    found = planned.plan.aggregates
    meant = [a.label for a in found if (a.label == name if named else a.kind in _COUNTS)]
    return dict.fromkeys(meant, goal)


def _remaining(config: PrivateSqlJob, plans: list[Planned]) -> tuple[list[str], bool]:
    """Describe what would remain of each limit, and return whether all queries fit into it."""
    from rai_scale.privacy.ledger.ledger import Ledger

    ledger = open_named(config.private.ledger, force_ephemeral=config.private.force_ephemeral)
    if not isinstance(ledger, Ledger):
        return ["No ledger: nothing would be charged."], True
    own: dict[str, list[dict[str, Decimal]]] = {}
    for planned in plans:
        price = ledger.price(config.private.scope, planned.plan.budgeted.costs)
        own.setdefault(config.private.dataset or planned.plan.parsed.facts.name, []).append(price)
    rows = ledger.budget(config.private.scope).to_dict(orient="records")
    limits = [{str(key): value for key, value in row.items()} for row in rows]
    lines, fits = _without_a_grant(config, limits, list(own))
    for limit in limits:
        if limit["analyst"] not in ("*", config.private.analyst):
            continue
        meant = [p for name, each in own.items() if limit["dataset"] in ("*", name) for p in each]
        if meant:
            line, left = _of_limit(limit, meant)
            lines.append(line)
            fits = fits and left
    return lines, fits


def _without_a_grant(
    config: PrivateSqlJob, limits: list[dict[str, Any]], datasets: list[str]
) -> tuple[list[str], bool]:
    grants = [limit for limit in limits if limit["limit"] == "grant"]
    held = {
        limit["dataset"] for limit in grants if limit["analyst"] in ("*", config.private.analyst)
    }
    without = [name for name in datasets if grants and not held & {"*", name}]
    said = [
        f"{config.private.analyst} has no grant on {name}: it would be refused." for name in without
    ]
    return said, not without


def _of_limit(limit: dict[str, Any], prices: list[dict[str, Decimal]]) -> tuple[str, bool]:
    measure = limit["measure"]
    spent = sum((price[measure] for price in prices), Decimal(0))
    now = Decimal(repr(limit["remaining"]))
    name = "hard cap of the scope"
    if limit["limit"] == "grant":
        name = f"grant of {limit['analyst']} on {limit['dataset']}"
    left = now - spent
    would = f"{left.normalize():f} would remain" if left >= 0 else "that does not fit"
    asked = f"{now.normalize():f} is left, this costs {spent.normalize():f}"
    return f"{measure}, {name}: {asked}, {would}.", left >= 0
