"""The plan of a release: what follows from query, metadata and budget; no data are read."""

from __future__ import annotations

import datetime
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
from snsql.metadata import Metadata

from rai_scale.engines.arrow_types import Kind as ColumnKind
from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.privacy.bounding import Bounding, HashKey
from rai_scale.privacy.fixed_point import Grid
from rai_scale.privacy.ledger.problems import PrivacyWarning
from rai_scale.privacy.noise import Kind
from rai_scale.privacy.options import Privacy
from rai_scale.private_queries.column_names import real_name
from rai_scale.private_queries.engine_sql.exact import ExactQuery, ExactSql
from rai_scale.private_queries.metadata import TableFacts
from rai_scale.private_queries.problems import QueryRefusedError
from rai_scale.private_queries.query.aggregates import Aggregate, Shape, shape_of
from rai_scale.private_queries.query.moments import grid_of
from rai_scale.private_queries.query.parse import Parsed, parse
from rai_scale.private_queries.query.trees import plain_name
from rai_scale.private_queries.release.noise_plan import MECHANISMS, Budgeted, assign
from rai_scale.private_queries.release.public_groups import Groups, Key, public_groups

_INLINE = 2_000
_TYPES = {
    "int": pa.int64(),
    "float": pa.float64(),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "datetime": pa.timestamp("us"),
}


_MADE_UP: dict[ColumnKind, tuple[Any, Any]] = {
    "int": (1, 2),
    "decimal": (Decimal(1), Decimal(2)),
    "float": (1.5, 2.5),
    "text": ("a", "b"),
    "bool": (True, False),
    "date": (datetime.date(2001, 2, 3), datetime.date(2004, 5, 6)),
    "time": (datetime.datetime(2001, 2, 3, 4, 5), datetime.datetime(2004, 5, 6, 7, 8)),
}


@dataclass(frozen=True)
class QueryPlan:
    """The aggregates of a release, their noise, and the costs.

    Attributes
    ----------
    parsed : Parsed
        The query.
    shape : Shape
        The parts of SmartNoise's rewriting.
    exact : ExactQuery
        The aggregates that the engine computes.
    same : dict
        Maps each aggregate of ``shape`` to the computed aggregate with the same value.
    budgeted : Budgeted
        Noise, threshold, costs.
    public : list of tuples, optional
        Declared groups.
    """

    parsed: Parsed
    shape: Shape
    exact: ExactQuery
    same: dict[Aggregate, Aggregate]
    budgeted: Budgeted
    public: list[Key] | None

    @property
    def bounding(self) -> Bounding:
        """The limits on the contribution of one unit."""
        return self.exact.bounding

    @property
    def aggregates(self) -> Sequence[Aggregate]:
        """The aggregates that are computed exactly, each once."""
        return self.exact.aggregates

    @property
    def group_names(self) -> list[str]:
        """Names of the groups: the output's name, or the column's."""
        return names_of_groups(self.parsed, self.shape)


def make_plan(
    query: str,
    metadata: Metadata,
    schema: pa.Schema | None,
    privacy: Privacy,
    *,
    groups: Groups | None = None,
    mechanism: Kind = "laplace",
    groups_per_unit: int | None = None,
    rows_per_group: int | None = None,
    time_zone: str = "UTC",
) -> QueryPlan:
    """Plan a release.

    Parameters
    ----------
    schema : pyarrow.Schema, optional
        Of the table; None uses the types in the metadata.
    privacy : Privacy
        The budget. A privacy unit, if given, must be the one in the metadata.
    time_zone : str
        In which times with a zone are read.

    Raises
    ------
    QueryRefusedError
        If the query cannot be answered privately.
    ConfigError
        If metadata, groups, privacy unit or budget do not fit.
    """
    if mechanism not in MECHANISMS:
        raise ConfigError(
            f"no mechanism is named {mechanism!r}.{did_you_mean(mechanism, MECHANISMS)} "
            f"Allowed: {', '.join(MECHANISMS)}."
        )
    parsed = parse(query, metadata, time_zone)
    facts = parsed.facts
    _check_unit(privacy.privacy_unit, facts)
    shape = shape_of(parsed, parsed.metadata)
    bounding = Bounding(
        facts.max_ids,
        groups_per_unit,
        rows_per_group,
        enforced=facts.sample_max_ids and facts.unit is not None,
        grouped=bool(shape.groups),
    )
    same = {a: _same(a, bounding) for a in shape.aggregates}
    key_count = _key_count(facts, shape, bounding, declared=groups is not None)
    wanted = [*same.values(), *([key_count] if key_count else [])]
    aggregates = list(dict.fromkeys(wanted))
    if not aggregates:
        raise QueryRefusedError(
            "the query has no aggregate: that is possible only if its groups are found in the data "
            "above a threshold (censor_dims, and no groups=)."
        )
    grids = _grids(facts, aggregates)
    public = None
    schema = schema_of(facts) if schema is None else schema
    where = None if parsed.query.where is None else parsed.query.where.condition
    exact = ExactQuery(facts, where, shape.groups, aggregates, grids, bounding)
    # compiled here, so that the query is refused before the budget is charged
    sql = ExactSql(exact, schema, "duckdb", HashKey(b"plan"))
    _check_answer(shape, [like.kind for like in sql.types])
    if groups is not None:
        public = public_groups(groups, names_of_groups(parsed, shape), sql.types, time_zone)
    budgeted = assign(
        aggregates,
        grids,
        bounding,
        epsilon=privacy.epsilon,
        rho=privacy.rho,
        delta=privacy.delta,
        mechanism=mechanism,
        key_count=key_count,
    )
    if public is not None and len(public) <= _INLINE:
        exact = replace(exact, public=public)
    return QueryPlan(parsed, shape, exact, same, budgeted, public)


def _check_unit(given: str | None, facts: TableFacts) -> None:
    found = None if facts.unit is None else plain_name(facts.unit)
    if given is not None and given != found:
        raise ConfigError(
            f"privacy_unit is {given!r}, but the metadata of {facts.name} say {found!r} "
            "(private_id, or none with row_privacy). Correct one of them."
        )


def _check_answer(shape: Shape, kinds: Sequence[ColumnKind]) -> None:
    """Evaluate SELECT, HAVING and ORDER BY on two invented rows, before anything is charged."""
    columns = []
    for _, item in shape.inner:
        if isinstance(item, int):
            columns.append(_MADE_UP[kinds[item]])
        else:
            columns.append((11.0, 13.0) if item.kind in ("sum", "squares") else (7, 9))
    shape.answer.check(columns, rows=2)


def _same(aggregate: Aggregate, bounding: Bounding) -> Aggregate:
    """Return an aggregate with the same value: rows count units if each has one row per group."""
    if aggregate.kind == "units" and bounding.rows_here == 1:
        return Aggregate("rows")
    return aggregate


def _key_count(
    facts: TableFacts, shape: Shape, bounding: Bounding, *, declared: bool
) -> Aggregate | None:
    if not shape.groups or declared:
        return None
    if facts.censor_dims:
        return _same(Aggregate("units"), bounding)
    warnings.warn(
        "censor_dims: False shows every group that is found in the data, even a group of one "
        "person: it declares that the groups are public. List them with groups= instead.",
        PrivacyWarning,
        stacklevel=4,
    )
    return None


def _grids(facts: TableFacts, aggregates: Sequence[Aggregate]) -> dict[Aggregate, Grid]:
    sums = [a for a in aggregates if a.kind in ("sum", "squares")]
    return {aggregate: grid_of(aggregate, facts) for aggregate in sums}


def schema_of(facts: TableFacts) -> pa.Schema:
    """Return the schema that the metadata describe."""
    fields = [
        pa.field(real_name(name), _TYPES[column.typename()])
        for name, column in facts.columns.items()
        if column.typename() in _TYPES
    ]
    return pa.schema(fields)


def declared_types(facts: TableFacts) -> dict[str, pa.DataType]:
    """Return the type of each described column; ids may exceed 64 bits."""
    time = pa.timestamp("us", None if facts.time_zone == "UTC" else facts.time_zone)
    found = {
        field.name: time if pa.types.is_timestamp(field.type) else field.type
        for field in schema_of(facts)
    }
    unit = None if facts.unit is None else plain_name(facts.unit)
    if unit is not None and found.get(unit) == pa.int64():
        found[unit] = pa.decimal128(38, 0)
    return found


def names_of_groups(parsed: Parsed, shape: Shape) -> list[str]:
    """Return a name per group: the alias in SELECT, or the column's name, or its position."""
    names = []
    for i, tree in enumerate(shape.groups):
        named = [n.name for n in parsed.query.select.namedExpressions if n.expression == tree]
        alias = next((str(n) for n in named if n is not None), None)
        own = plain_name(tree.name) if type(tree).__name__ == "Column" else f"group_{i + 1}"
        names.append(plain_name(alias) if alias else own)
    return names


def describe(plan: QueryPlan, alpha: float = 0.05) -> pd.DataFrame:
    """Return one row per aggregate: its budget, noise and expected error; reads no data.

    Returns
    -------
    pandas.DataFrame
        ``aggregate``, ``epsilon``, ``delta``, ``rho``, ``mechanism``, ``noise_scale`` and
        ``expected_error`` (mean absolute error of the noise) and ``half_width`` (of the interval
        that holds the noise with probability ``1 - alpha``), in the column's unit; ``grid``;
        ``groups_per_unit``, ``sensitivity_l1``.
    """
    rows: list[dict[str, Any]] = []
    for column in plan.budgeted.columns:
        noise = column.noise
        rows.append(
            {
                "aggregate": column.aggregate.label,
                "epsilon": math.nan if column.epsilon is None else float(column.epsilon),
                "delta": float(column.delta),
                "rho": math.nan if column.rho is None else float(column.rho),
                "mechanism": f"discrete {noise.kind}",
                "noise_scale": noise.scale * column.step,
                "expected_error": column.expected_error,
                "half_width": column.half_width(alpha),
                "grid": column.step,
                "groups_per_unit": column.sensitivity.groups,
                "sensitivity_l1": column.sensitivity.l1 * column.step,
            }
        )
    return pd.DataFrame(rows)
