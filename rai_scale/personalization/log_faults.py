"""What is wrong with rows of a log, as conditions of SQL, counted natively before any weighting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rai_scale.engines.arrow_types import is_number, is_text
from rai_scale.engines.dialect import Dialect
from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS
from rai_scale.errors import ConfigError

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

# all texts of SQL in this module are made of quoted names, numbers and fixed words
# ruff: noqa: S608

FAULTS = {
    "propensity_missing": "the propensity is missing",
    "propensity_not_positive": "the propensity is 0 or negative",
    "propensity_above_1": "the propensity is above 1",
    "propensity_of_another_action": "the propensity is not that of the logged action",
    "action_missing": "the action is missing",
    "reward_missing": "a reward is missing",
    "no_reward": "no reward was ever given",
    "person_missing": "the person is missing",
    "item_missing": "the item is missing",
    "position_not_positive": "the position is missing or below 1",
    "time_missing": "the time is missing or is not a time",
    "time_without_zone": "the time has no time zone",
    "time_out_of_order": "the time is before that of the person's previous event",
    "doubled_event": "the event occurs more than once",
    "person_in_two_groups": "the person is in more than one group",
}
"""Faults of a log in words. Rows are counted, except people in the last one."""

_ZONE = "(Z|[+-][0-9]{2}:?[0-9]{2})$"
_NEAR = 1e-9


def missing(dialect: Dialect, name: str, kind: pa.DataType) -> str:
    """Return the condition that a value is null or NaN."""
    column = dialect.column(name)
    null = f"{column} IS NULL"
    return f"({null} OR isnan({column}))" if pa.types.is_floating(kind) else f"({null})"


def weighting_faults(
    dialect: Dialect,
    schema: pa.Schema,
    action: str | None,
    propensity: str | None,
    rewards: Sequence[str],
) -> dict[str, str]:
    """Return the conditions that keep a row from being weighted, by fault."""
    found = {}
    if propensity:
        kind = schema.field(propensity).type
        if not is_number(kind):
            raise ConfigError(f"column {propensity!r} must hold numbers; found {kind}. Cast it.")
        gone, p = missing(dialect, propensity, kind), dialect.column(propensity)
        found["propensity_missing"] = gone
        found["propensity_not_positive"] = f"(NOT {gone} AND {p} <= 0)"
        found["propensity_above_1"] = f"(NOT {gone} AND {p} > 1)"
    if action:
        found["action_missing"] = missing(dialect, action, schema.field(action).type)
    if rewards:
        gone = " OR ".join(missing(dialect, r, schema.field(r).type) for r in rewards)
        found["reward_missing"] = f"({gone})"
    return found


def other_action(
    dialect: Dialect,
    schema: pa.Schema,
    action: str,
    propensity: str,
    propensities: Mapping[str, str],
) -> str:
    """Return the condition that the propensity is not that of the logged action."""
    kind = "STRING" if dialect.spark else "VARCHAR"
    own = f"CAST({dialect.column(action)} AS {kind})"
    cases = " ".join(
        f"WHEN {own} = {dialect.text(value)} THEN CAST({dialect.column(column)} AS DOUBLE)"
        for value, column in propensities.items()
    )
    gone = missing(dialect, propensity, schema.field(propensity).type)
    near = f"abs(CASE {cases} END - {dialect.column(propensity)}) <= {_NEAR!r}"
    return f"(NOT {gone} AND {dialect.column(action)} IS NOT NULL AND NOT coalesce({near}, FALSE))"


def time_faults(dialect: Dialect, schema: pa.Schema, time: str) -> dict[str, str]:
    """Return the conditions of faults of a time."""
    kind, column = schema.field(time).type, dialect.column(time)
    gone = f"({column} IS NULL)"
    if is_text(kind):
        stamp = "TIMESTAMP" if dialect.spark else "TIMESTAMPTZ"
        gone = f"(TRY_CAST({column} AS {stamp}) IS NULL)"
        match = "rlike" if dialect.spark else "regexp_matches"
        zoned = f"{match}({column}, '{_ZONE}')"
        return {"time_missing": gone, "time_without_zone": f"(NOT {gone} AND NOT {zoned})"}
    if not pa.types.is_timestamp(kind):
        return {"time_missing": "TRUE"}
    zone = {} if kind.tz else {"time_without_zone": f"(NOT {gone})"}
    return {"time_missing": gone, **zone}


def count_conditions(
    engine: Engine, data: Any, conditions: Mapping[str, str]
) -> tuple[int, dict[str, int]]:
    """Count the rows, and those for which each condition holds; executes once.

    Returns
    -------
    tuple of (int, dict of str to int)
    """
    flags = [
        f"CASE WHEN {condition} THEN 1 ELSE 0 END AS rai_f{i}"
        for i, condition in enumerate(conditions.values())
    ]
    rows = f"SELECT {', '.join(['1 AS rai_one', *flags])} FROM {SQL_DATA}"
    sums = [f"CAST(sum(rai_f{i}) AS BIGINT) AS rai_f{i}" for i in range(len(flags))]
    total = ", ".join(["CAST(sum(rai_one) AS BIGINT) AS rai_n", *sums])
    totals = f"SELECT rai_one, {total} FROM {SQL_ROWS} GROUP BY rai_one"
    found = engine.aggregate_sql(data, rows, totals, keys=["rai_one"]).to_pylist()
    row = found[0] if found else {}
    counts = {name: int(row.get(f"rai_f{i}") or 0) for i, name in enumerate(conditions)}
    return int(row.get("rai_n") or 0), counts


def clean_log(
    engine: Engine, log: Any, conditions: Mapping[str, str], on_bad: str
) -> tuple[Any, tuple[str, ...]]:
    """Count the rows with faults, and return the others (lazy) with a note for each fault.

    Raises
    ------
    ConfigError
        If there are faults and they are to be refused.
    """
    if on_bad not in ("refuse", "exclude"):
        raise ConfigError(f"on_bad must be 'refuse' or 'exclude'; found {on_bad!r}.")
    rows, counts = count_conditions(engine, log, conditions)
    said = [f"{FAULTS[name]} in {n:,} of {rows:,} rows" for name, n in counts.items() if n]
    if not said:
        return log, ()
    if on_bad == "refuse":
        raise ConfigError(
            f"the log cannot be weighted: {'; '.join(said)}. Mend the log, or leave these rows "
            "out with on_bad='exclude' and report it."
        )
    bad = " OR ".join(conditions[name] for name, n in counts.items() if n)
    kept = engine.where(log, f"NOT coalesce(({bad}), FALSE)")
    return kept, tuple(f"excluded before weighting: {text}." for text in said)
