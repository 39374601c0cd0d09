"""The plans of the queries of a private SQL job: their cost and their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rai_scale.errors import ConfigError, did_you_mean, not_read
from rai_scale.jobs.strict_yaml import load_yaml
from rai_scale.tables.paths import place_of

if TYPE_CHECKING:
    import pyarrow as pa

    from rai_scale.jobs.private_sql.config import PrivateQuery, PrivateSqlJob
    from rai_scale.private_queries.release.plan import QueryPlan


@dataclass(frozen=True)
class Planned:
    """A query with its share of the budget, its plan, and the name of its table in ``source``."""

    query: PrivateQuery
    epsilon: Decimal | None
    delta: Decimal
    plan: QueryPlan
    table: str
    rho: Decimal | None = None

    @property
    def amount(self) -> tuple[str, Decimal]:
        """The measure of the budget, epsilon or rho, and the query's share of it."""
        if self.rho is not None:
            return "rho", self.rho
        return "epsilon", self.epsilon or Decimal(0)


def read_metadata(given: str | dict[str, Any]) -> dict[str, Any]:
    """Return metadata as plain values, from the configuration or from a YAML file.

    Raises
    ------
    ConfigError
        If the file cannot be read or is not a mapping.
    """
    if isinstance(given, dict):
        return given
    try:
        with place_of(given).open() as file:
            text = file.read()
    except OSError as error:
        raise ConfigError(f"metadata: {not_read(given, error)}") from None
    values = load_yaml(text, f"metadata {given}")
    if not isinstance(values, dict):
        raise ConfigError(f"metadata {given}: must be a mapping in the form of smartnoise-sql.")
    return values


def plan_queries(
    config: PrivateSqlJob, metadata: dict[str, Any], schemas: Mapping[str, pa.Schema] | None = None
) -> list[Planned]:
    """Plan all queries of a job, in order; reads no data.

    Epsilon or rho is shared by all queries. Delta is shared by those that spend it: the ones whose
    groups are found in the data, and all of them where Gaussian noise is given by epsilon, or where
    rho is given and no query names groups, so that all of delta converts rho.

    Parameters
    ----------
    schemas
        Schemas by the name of the table in ``source``; by default the types of the metadata.

    Raises
    ------
    ConfigError
        If a query cannot be answered, with its name and the reason.
    """
    from rai_scale.privacy.ledger.amounts import shares

    queries, asked = config.queries, config.private
    measure = "epsilon" if asked.rho is None else "rho"
    budget = asked.epsilon if asked.rho is None else asked.rho
    amounts = [
        {measure: part}
        for part in shares(budget or 0, [str(query.share) for query in queries], measure)
    ]
    whole = Decimal(str(asked.delta))
    plans = [
        _planned(config, query, metadata, schemas, amount=amount, delta=whole)
        for query, amount in zip(queries, amounts, strict=True)
    ]
    spending = [i for i, p in enumerate(plans) if any(c.delta for c in p.plan.budgeted.costs)]
    naming = [i for i in spending if plans[i].plan.budgeted.threshold_delta]
    paying = naming or spending if measure == "rho" else spending
    deltas = dict.fromkeys(spending, Decimal(0))
    if paying:
        parts = shares(asked.delta, [str(queries[i].share) for i in paying], "delta")
        deltas |= dict(zip(paying, parts, strict=True))
    return [
        _planned(config, p.query, metadata, schemas, amount=amounts[i], delta=deltas[i])
        if i in deltas
        else replace(p, delta=Decimal(0))
        for i, p in enumerate(plans)
    ]


def _planned(
    config: PrivateSqlJob,
    query: PrivateQuery,
    metadata: dict[str, Any],
    schemas: Mapping[str, pa.Schema] | None,
    *,
    amount: Mapping[str, Decimal],
    delta: Decimal,
) -> Planned:
    from rai_scale.private_queries.metadata import load_metadata
    from rai_scale.private_queries.query.parse import parse
    from rai_scale.private_queries.release.plan import make_plan

    described = load_metadata(metadata)
    epsilon, rho = amount.get("epsilon"), amount.get("rho")
    try:
        named = parse(query.query, described, config.time_zone).facts.name
        table = _table_of(named, list(config.source))
        plan = make_plan(
            query.query,
            described,
            None if schemas is None else schemas[table],
            config.private.privacy(epsilon=epsilon, rho=rho, delta=delta),
            groups=query.groups,
            mechanism=config.mechanism,
            groups_per_unit=query.groups_per_unit,
            rows_per_group=query.rows_per_group,
            time_zone=config.time_zone,
        )
    except ConfigError as error:
        raise ConfigError(f"query {query.name!r}: {error}") from None
    return Planned(query, epsilon, delta, plan, table, rho)


def _table_of(name: str, known: Sequence[str]) -> str:
    for choice in (name, name.rsplit(".", maxsplit=1)[-1]):
        if choice in known:
            return choice
    raise ConfigError(
        f"it reads table {name!r}, which source does not have.{did_you_mean(name, known)} "
        f"It has: {', '.join(known)}."
    )
