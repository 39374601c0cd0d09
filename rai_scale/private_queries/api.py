"""Private SQL: one call from query to release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from snsql.metadata import Metadata

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError
from rai_scale.privacy.bounding import HashKey
from rai_scale.privacy.disclosure import one_message
from rai_scale.privacy.ledger.amounts import Number
from rai_scale.privacy.ledger.no_ledger import ledger_of
from rai_scale.privacy.ledger.release import release_once
from rai_scale.privacy.noise import Kind
from rai_scale.private_queries.cost_preview import default_scope
from rai_scale.private_queries.exact import ExactSql
from rai_scale.private_queries.metadata import Given, load_metadata, table_facts, to_plain
from rai_scale.private_queries.parse import parse
from rai_scale.private_queries.plan import QueryPlan, declared_types, make_plan
from rai_scale.private_queries.public_groups import Keys
from rai_scale.private_queries.release import draw, encoded
from rai_scale.private_queries.result import PrivateRelease
from rai_scale.records.canonical import idempotency_key

if TYPE_CHECKING:
    import pyarrow as pa

_VERSION = 1


def private_sql(
    query: str,
    tables: Mapping[str, Any],
    metadata: Given,
    *,
    epsilon: Number | None = None,
    rho: Number | None = None,
    delta: Number = 0,
    ledger: Any = None,
    keys: Keys | None = None,
    mechanism: Kind = "laplace",
    groups_per_unit: int | None = None,
    rows_per_group: int | None = None,
    time_zone: str = "UTC",
    scope: str | None = None,
    analyst: str = "unnamed",
    dataset: str | None = None,
    snapshot: str | None = None,
    visible_to: tuple[str, ...] = (),
    hash_key: bytes | None = None,
    force_ephemeral: bool = False,
) -> PrivateRelease:
    """Answer a SmartNoise SQL query with differential privacy, on the engine of the table.

    The guarantee holds for all rows of one privacy unit, added or removed, and for the result's
    values; it does not cover how long the computation takes.

    Parameters
    ----------
    query : str
        What smartnoise-sql 1.0.10 accepts.
    tables : mapping of str to frame
        Frames by the name in the query (``people`` or ``schema.people``): pyspark, dask or pandas
        DataFrame, DuckDB relation or pyarrow Table.
    metadata : path, mapping or snsql Metadata
        In smartnoise-sql's own form.
    epsilon, delta : number
        Budget of the whole release, all columns together. It is split evenly over the noisy
        numbers that the query needs. Delta pays for naming groups that are found in the data, and
        for Gaussian noise.
    rho : number, optional
        In place of epsilon, with ``mechanism="gaussian"``: the noise is rho-zCDP. Delta then pays
        for naming groups only, and a scope that counts in zCDP is charged rho. Where no group is
        named (no GROUP BY, or ``keys``), a scope that counts epsilon will do as well: it needs a
        delta, at which rho is converted (Bun and Steinke 2016, Proposition 1.3).
    ledger : SQLAlchemy URL or object, Ledger, or ``"none"``
        Where the budget is kept. ``"none"`` has to be said, and warns.
    keys : mapping, DataFrame or sequence, optional
        Public groups: all of them are in the result, none is hidden or found in the data.
    mechanism : str
        ``laplace`` (pure epsilon-DP, apart from naming groups) or ``gaussian`` (zCDP).
    groups_per_unit, rows_per_group : int, optional
        Tighter limits on a unit, besides the metadata's ``max_ids``.
    time_zone : str
        A zone of the IANA database, such as ``Europe/Berlin``, in which times with a zone are
        read, on every engine and whatever the session's zone is.
    scope, analyst, dataset : str
        For the ledger: the namespace of the privacy units (by default ``table.unit``), who asks,
        and for what (by default the table).
    snapshot : str, optional
        Id of the state of the data. A re-run on the same one shows the stored release and charges
        nothing; without it every run is charged.
    visible_to : tuple of str
        Other analysts who may see the release. The one who was charged may name more of them in a
        re-run on the same snapshot.
    hash_key : bytes, optional
        Decides which rows of a unit above ``max_ids`` are kept; random by default.
    force_ephemeral : bool
        As in :func:`~rai_scale.privacy.ledger.ledger.open_ledger`.

    Returns
    -------
    PrivateRelease
        With ``to_pandas()``, ``intervals()``, ``columns_info`` and ``save_html()``.

    Raises
    ------
    QueryRefusedError
        If the query cannot be answered privately; nothing is charged.
    ConfigError
        If metadata, keys or budget do not fit; nothing is charged.
    BudgetExceededError
        Before any data are read.
    PrivateComputationError
        If the engine fails: one message, whatever the reason.
    """
    book = ledger_of(ledger, force_ephemeral=force_ephemeral)
    described = load_metadata(metadata)
    given = _frame_of(query, tables, described)
    facts = parse(query, described, time_zone).facts
    engine = engine_of(given)
    frame = one_message(lambda: engine.declared(given, declared_types(facts)))
    schema = one_message(lambda: engine.schema(frame))
    plan = make_plan(
        query,
        described,
        schema,
        epsilon=epsilon,
        rho=rho,
        delta=delta,
        mechanism=mechanism,
        keys=keys,
        groups_per_unit=groups_per_unit,
        rows_per_group=rows_per_group,
        time_zone=time_zone,
    )
    key = HashKey() if hash_key is None else HashKey(hash_key)

    def compute() -> tuple[bytes, Mapping[str, Any]]:
        return encoded(plan, draw(plan, exact_aggregates(plan, frame, key, schema)))

    table, named = plan.parsed.facts.name, scope or default_scope(plan)
    stored = release_once(
        book,
        lambda: one_message(compute),
        scope=named,
        analyst=analyst,
        dataset=dataset or table,
        costs=plan.budgeted.costs,
        idempotency_key=release_key(plan, described, snapshot, mechanism, dataset or table),
        visible_to=visible_to,
        query=plan.parsed.text,
    )
    about = {"scope": named, "analyst": analyst, "engine": engine.name}
    return PrivateRelease(stored, plan, about)


def exact_aggregates(plan: QueryPlan, frame: Any, key: HashKey, schema: pa.Schema) -> pa.Table:
    """Return the exact bounded aggregates: not private, to be seen by tests and noise only."""
    engine = engine_of(frame)
    return ExactSql(plan.exact, schema, engine.dialect, key).run(engine, frame)


def release_key(
    plan: QueryPlan, metadata: Metadata, snapshot: str | None, mechanism: str, dataset: str
) -> str | None:
    """Return the key under which the ledger knows this release."""
    columns = [
        [c.aggregate.label, str(c.epsilon), str(c.delta), c.noise.scale]
        for c in plan.budgeted.columns
    ]
    parameters = {
        "version": _VERSION,
        "columns": columns,
        "mechanism": mechanism,
        "threshold": [plan.budgeted.threshold, str(plan.budgeted.threshold_delta)],
        "keys": None if plan.public is None else [list(key) for key in plan.public],
        "groups_per_unit": plan.bounding.groups_per_unit,
        "rows_per_group": plan.bounding.rows_per_group,
        "dataset": dataset,
    }
    if plan.parsed.facts.time_zone != "UTC":  # keys of releases that were made before stay
        parameters["time_zone"] = plan.parsed.facts.time_zone
    if plan.budgeted.asked_rho is not None:
        parameters["rho"] = str(plan.budgeted.asked_rho)
    return idempotency_key(plan.parsed.text, to_plain(metadata), parameters, snapshot)


def _frame_of(query: str, tables: Mapping[str, Any], metadata: Metadata) -> Any:
    if not isinstance(tables, Mapping) or not tables:
        raise ConfigError("tables= maps each table's name in the query to a frame.")
    name = parse(query, metadata).facts.name
    for given in (name, name.split(".")[-1]):
        if given in tables:
            return tables[given]
    for given, frame in tables.items():
        found = metadata[given]
        if found is not None and table_facts(metadata, given).name == name:
            return frame
    raise ConfigError(
        f"the query reads table {name!r}; tables= holds {', '.join(map(repr, tables))}."
    )
