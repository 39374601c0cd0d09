"""Private SQL: one call from query to release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from snsql.metadata import Metadata

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError
from rai_scale.privacy.bounding import HashKey
from rai_scale.privacy.disclosure import one_message
from rai_scale.privacy.noise import Kind
from rai_scale.privacy.options import Privacy
from rai_scale.private_queries.engine_sql.exact import ExactSql
from rai_scale.private_queries.metadata import Given, load_metadata, table_facts, to_plain
from rai_scale.private_queries.query.parse import parse
from rai_scale.private_queries.release.cost_preview import default_scope
from rai_scale.private_queries.release.draw import draw, encoded
from rai_scale.private_queries.release.plan import QueryPlan, declared_types, make_plan
from rai_scale.private_queries.release.public_groups import Groups
from rai_scale.private_queries.release.result import PrivateRelease
from rai_scale.records.canonical import idempotency_key

if TYPE_CHECKING:
    import pyarrow as pa

_VERSION = 1


def private_sql(
    query: str,
    tables: Mapping[str, Any],
    metadata: Given,
    *,
    privacy: Privacy,
    groups: Groups | None = None,
    mechanism: Kind = "laplace",
    groups_per_unit: int | None = None,
    rows_per_group: int | None = None,
    time_zone: str = "UTC",
    hash_key: bytes | None = None,
) -> PrivateRelease:
    """Answer a SmartNoise SQL query with differential privacy, on the engine of the table.

    The guarantee holds for all rows of one privacy unit, added or removed, and for the result's
    values; it does not cover how long the computation takes.

    Parameters
    ----------
    query : str
        A query as smartnoise-sql 1.0.10 accepts it.
    tables : mapping of str to frame
        Frames by the name in the query (``people`` or ``schema.people``): pyspark, dask or pandas
        DataFrame, DuckDB relation or pyarrow Table.
    metadata : path, mapping or snsql Metadata
        In smartnoise-sql's own form.
    privacy : Privacy
        The budget of the whole release, all columns together, and where it is charged. It is split
        evenly over the noisy numbers that the query needs. Delta pays for naming groups that are
        found in the data, and for Gaussian noise. With ``rho``, which needs
        ``mechanism="gaussian"``, delta pays for naming groups only; where no group is named (no
        GROUP BY, or ``groups``), it converts rho for a scope that counts epsilon.
        ``privacy_unit`` may be left out, as the metadata name it.
    groups : mapping, DataFrame or sequence, optional
        Declared groups, from public knowledge: a mapping from each group's name to its values (all
        combinations are declared), a DataFrame with a column per group, or a sequence of keys. The
        result has exactly these groups, whether they occur in the data or not.
    mechanism : str
        ``laplace`` (pure epsilon-DP, apart from naming groups) or ``gaussian`` (zCDP).
    groups_per_unit, rows_per_group : int, optional
        Tighter limits on the groups of a unit and on its rows in a group, in addition to the
        metadata's ``max_ids``.
    time_zone : str
        A zone of the IANA database, such as ``Europe/Berlin``. Times with a zone are converted to
        it, on every engine and independently of the session's zone.
    hash_key : bytes, optional
        Determines which rows of a unit are kept if it has more than ``max_ids``; random by default.

    Returns
    -------
    PrivateRelease
        With ``to_pandas()``, ``intervals()``, ``columns_info`` and ``save_html()``.

    Raises
    ------
    QueryRefusedError
        If the query cannot be answered privately; nothing is charged.
    ConfigError
        If metadata, groups or budget do not fit; nothing is charged.
    BudgetExceededError
        Before any data are read.
    PrivateComputationError
        If the engine fails: one message, whatever the reason.
    """
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
        privacy,
        groups=groups,
        mechanism=mechanism,
        groups_per_unit=groups_per_unit,
        rows_per_group=rows_per_group,
        time_zone=time_zone,
    )
    key = HashKey() if hash_key is None else HashKey(hash_key)

    def compute() -> tuple[bytes, Mapping[str, Any]]:
        return encoded(plan, draw(plan, exact_aggregates(plan, frame, key, schema)))

    table, scope = plan.parsed.facts.name, default_scope(plan)
    dataset = privacy.dataset or table
    stored = privacy.release(
        lambda: one_message(compute),
        costs=plan.budgeted.costs,
        key=release_key(plan, described, privacy.snapshot, mechanism, dataset),
        query=plan.parsed.text,
        scope=scope,
        dataset=dataset,
    )
    about = {"scope": privacy.scope or scope, "analyst": privacy.analyst, "engine": engine.name}
    return PrivateRelease(stored, plan, about)


def exact_aggregates(plan: QueryPlan, frame: Any, key: HashKey, schema: pa.Schema) -> pa.Table:
    """Return the exact bounded aggregates. They are not private: only for tests and before noise.

    Parameters
    ----------
    plan : QueryPlan
        Of the query.
    frame : frame
        The table, of any engine.
    key : HashKey
        Decides which rows of a unit are kept.
    schema : pyarrow.Schema
        Canonical, of the table.

    Returns
    -------
    pyarrow.Table
        Groups ``k0`` ..., integers ``a0`` ...; a row per group, in any order.
    """
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
    if plan.parsed.facts.time_zone != "UTC":  # keys of earlier releases must not change
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
        f"the query reads table {name!r}, but tables= has {', '.join(map(repr, tables))}."
    )
