"""The plans of a private SQL job: what it would cost and how far off answers would be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import yaml

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.tables.paths import place_of

if TYPE_CHECKING:
    import pyarrow as pa

    from rai_scale.jobs.private_sql import PrivateQuery, PrivateSqlJob
    from rai_scale.private_queries.plan import Plan


@dataclass(frozen=True)
class Planned:
    """A query, its part of the budget, its plan, and the name of its table in the configuration."""

    query: PrivateQuery
    epsilon: Decimal
    delta: Decimal
    plan: Plan
    table: str


def read_metadata(given: str | dict[str, Any]) -> dict[str, Any]:
    """Return metadata as plain values, from the configuration or from a YAML file.

    Raises
    ------
    ConfigError
        If the file cannot be read or is no mapping.
    """
    if isinstance(given, dict):
        return given
    try:
        with place_of(given).open() as file:
            values = yaml.safe_load(file.read())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"metadata {given}: cannot be read ({type(error).__name__}).") from None
    if not isinstance(values, dict):
        raise ConfigError(f"metadata {given}: must be a mapping, in smartnoise-sql's form.")
    return values


def plan_queries(
    config: PrivateSqlJob, metadata: dict[str, Any], schemas: Mapping[str, pa.Schema] | None = None
) -> list[Planned]:
    """Plan all queries of a job, in order; reads no data.

    Epsilon is shared by all queries. Delta is shared by those that spend it: the ones whose groups
    are found in the data, and all of them where the noise is Gaussian.

    Parameters
    ----------
    schemas
        By name of table in the configuration; without them the metadata's types are taken.

    Raises
    ------
    ConfigError
        With the name of the query that cannot be answered, and why.
    """
    from rai_scale.privacy.budget import shares

    queries = config.queries
    epsilons = shares(config.epsilon, [str(query.share) for query in queries])
    whole = Decimal(str(config.delta))
    plans = [
        _planned(config, query, metadata, schemas, epsilon=epsilon, delta=whole)
        for query, epsilon in zip(queries, epsilons, strict=True)
    ]
    spending = [i for i, p in enumerate(plans) if any(c.delta for c in p.plan.budgeted.costs)]
    plans = [replace(planned, delta=Decimal(0)) for planned in plans]
    if spending:
        parts = shares(config.delta, [str(queries[i].share) for i in spending], "delta")
        for i, part in zip(spending, parts, strict=True):
            plans[i] = _planned(
                config, queries[i], metadata, schemas, epsilon=epsilons[i], delta=part
            )
    return plans


def _planned(
    config: PrivateSqlJob,
    query: PrivateQuery,
    metadata: dict[str, Any],
    schemas: Mapping[str, pa.Schema] | None,
    *,
    epsilon: Decimal,
    delta: Decimal,
) -> Planned:
    from rai_scale.private_queries.metadata import load_metadata
    from rai_scale.private_queries.parse import parse
    from rai_scale.private_queries.plan import make_plan

    described = load_metadata(metadata)
    try:
        table = _table_of(parse(query.query, described).facts.name, list(config.tables))
        plan = make_plan(
            query.query,
            described,
            None if schemas is None else schemas[table],
            epsilon=epsilon,
            delta=delta,
            mechanism=config.mechanism,
            keys=query.keys,
            groups_per_unit=query.groups_per_unit,
            rows_per_group=query.rows_per_group,
        )
    except ConfigError as error:
        raise ConfigError(f"query {query.name!r}: {error}") from None
    return Planned(query, epsilon, delta, plan, table)


def _table_of(name: str, known: Sequence[str]) -> str:
    for choice in (name, name.rsplit(".", maxsplit=1)[-1]):
        if choice in known:
            return choice
    raise ConfigError(
        f"it reads table {name!r}, which tables: does not hold.{did_you_mean(name, known)} "
        f"There are: {', '.join(known)}."
    )
