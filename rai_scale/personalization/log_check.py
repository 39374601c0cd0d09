"""Is a log fit for its audits? Its faults are counted first, and nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rai_scale.engines import engine_of
from rai_scale.engines.arrow_types import is_text
from rai_scale.engines.dialect import Dialect
from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS
from rai_scale.errors import ConfigError, check_columns
from rai_scale.personalization.log_contract import LogContract, contract_of
from rai_scale.personalization.log_faults import (
    FAULTS,
    count_conditions,
    missing,
    other_action,
    time_faults,
    weighting_faults,
)
from rai_scale.results import Result, Tables
from rai_scale.statistics.multiple_tests import holm

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

# all texts of SQL in this module are made of quoted names, numbers and fixed words
# ruff: noqa: S608

NEEDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(list(FAULTS)[:3], ("propensity",)),
    "propensity_of_another_action": ("action", "propensity", "propensities"),
    "action_missing": ("action",),
    "reward_missing": ("rewards",),
    "no_reward": ("rewards",),
    "person_missing": ("person",),
    "item_missing": ("item",),
    "position_not_positive": ("position",),
    "time_missing": ("time",),
    "time_without_zone": ("time",),
    "time_out_of_order": ("person", "time", "sequence"),
    "doubled_event": ("event",),
    "person_in_two_groups": ("person", "groups"),
}
"""The parts of the contract that each check needs."""

ACTION_LIMIT = 10_000


@dataclass(frozen=True, repr=False)
class LogCheck(Result):
    """The faults of a log.

    Attributes
    ----------
    faults : pandas.DataFrame
        One row per fault: ``fault``, ``meaning``, ``count`` (rows; people in two groups; rewards
        that were never given), ``share`` of the rows, and ``needs``, the parts of the contract
        without which it was not checked (then ``count`` is missing).
    propensities : pandas.DataFrame
        One row per action: ``action``, ``rows``, ``inverse_mean`` (the sum of 1 / propensity over
        its rows divided by all rows, which is 1 on average if the propensities are right and every
        action was possible), ``z`` and ``p_adjusted`` (Holm). Empty without action and propensity.
    rows : int
    notes : tuple of str
    """

    faults: pd.DataFrame
    propensities: pd.DataFrame
    rows: int
    notes: tuple[str, ...] = ()

    def totals(self) -> Mapping[str, Any]:
        """Return the number of rows, and of kinds of faults that were found."""
        return {"rows": self.rows, "faults": int((self.faults["count"].fillna(0) > 0).sum())}

    def _numbers(self) -> Mapping[str, float]:
        counts = dict(zip(self.faults["fault"], self.faults["count"].astype(float), strict=True))
        wrong = self.propensities["p_adjusted"] < 0.05  # noqa: PLR2004
        return {
            "faults": float(self.totals()["faults"]),
            **counts,
            "actions_with_wrong_propensities": float(wrong.sum()),
        }

    def _remarks(self) -> Sequence[str]:
        return self.notes

    def _tables(self) -> Tables:
        return {"faults": lambda: self.faults, "propensities": lambda: self.propensities}


def check_log(log: Any, contract: LogContract | Mapping[str, Any]) -> LogCheck:
    """Count the faults of a log, before anything is weighted; executes, and changes nothing.

    The propensities of each action are also compared with how often it was taken: the mean of
    1{action taken} / propensity is 1 if they are right (the harmonic mean test of Li, Kim and
    Zitouni 2015, Toward Predicting the Outcome of an A/B Experiment, section 4).

    Parameters
    ----------
    log : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect); one row per event.
    contract : LogContract, or mapping of its fields
        What is checked follows from the parts that it names.

    Returns
    -------
    LogCheck

    Raises
    ------
    ConfigError
        If the contract has unknown keys, or a column the wrong type.
    MissingColumnError
        If the log lacks a column of the contract.
    """
    parts = contract_of(contract)
    engine = engine_of(log)
    check_columns(parts.columns(), engine.columns(log))
    conditions, flags = _conditions(engine, log, parts)
    rows, counts = count_conditions(engine, log, {**conditions, **flags})
    if not rows:
        raise ConfigError("the log has no rows.")
    found: dict[str, int] = {name: counts[name] for name in conditions}
    if parts.rewards:
        found["no_reward"] = sum(not counts[name] for name in flags)
    if parts.event or (parts.person and parts.time):
        found["doubled_event"] = _doubled(engine, log, parts)
    if parts.person and parts.groups:
        found["person_in_two_groups"] = _two_groups(engine, log, parts.person, parts.groups)
    if parts.person and parts.time and parts.sequence:
        found["time_out_of_order"] = _out_of_order(engine, log, parts)
    table = pd.DataFrame(
        {
            "fault": [*FAULTS],
            "meaning": [*FAULTS.values()],
            "count": pd.array([found.get(name) for name in FAULTS], dtype="Int64"),
            "needs": ["" if name in found else ", ".join(_lacking(name, parts)) for name in FAULTS],
        }
    )
    table.insert(3, "share", table["count"].astype("Float64") / rows)
    calibration, notes = _calibration(engine, log, parts, rows, conditions)
    return LogCheck(table, calibration, rows, notes)


def _lacking(fault: str, parts: LogContract) -> list[str]:
    return [name for name in NEEDS[fault] if not getattr(parts, name)]


def _conditions(
    engine: Engine, log: Any, parts: LogContract
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the conditions of faults of single rows, and one per reward that it was given."""
    dialect, schema = Dialect(engine.dialect), engine.schema(log)
    rewards = list(dict.fromkeys(parts.rewards.values()))
    found = weighting_faults(dialect, schema, parts.action, parts.propensity, rewards)
    if parts.action and parts.propensity and parts.propensities:
        found["propensity_of_another_action"] = other_action(
            dialect, schema, parts.action, parts.propensity, parts.propensities
        )
    for name, column in (("person_missing", parts.person), ("item_missing", parts.item)):
        if column:
            found[name] = missing(dialect, column, schema.field(column).type)
    if parts.position:
        gone = missing(dialect, parts.position, schema.field(parts.position).type)
        found["position_not_positive"] = f"({gone} OR {dialect.column(parts.position)} < 1)"
    if parts.time:
        found |= {"time_without_zone": "FALSE", **time_faults(dialect, schema, parts.time)}
    flags = {
        f"given {name}": f"(NOT {missing(dialect, name, schema.field(name).type)} AND "
        f"CAST({dialect.column(name)} AS DOUBLE) <> 0)"
        for name in rewards
    }
    return found, flags


def _grouped(engine: Engine, log: Any, columns: Sequence[str], keys: int, totals: str) -> int:
    """Return the number ``n`` of a statement over columns ``c0`` ...; equal keys stay together."""
    data = engine.with_names(log, {name: f"c{i}" for i, name in enumerate(columns)})
    names = [f"c{i}" for i in range(len(columns))]
    whole = engine.sql_sees_all
    part = "" if whole else f", CAST(hash({', '.join(names[:keys])}) >> 1 AS BIGINT) AS part"
    rows = f"SELECT {', '.join(names)}{part} FROM {SQL_DATA}"
    together = [] if whole else ["part"]
    full = f"SELECT 1 AS one, CAST(coalesce(sum(n), 0) AS BIGINT) AS n FROM ({totals}) AS t"
    table = engine.aggregate_sql(data, rows, full, keys=["one"], together=together)
    return sum(table["n"].to_pylist())


def _doubled(engine: Engine, log: Any, parts: LogContract) -> int:
    default = [parts.person, parts.time, parts.item, parts.position, parts.action]
    keys = list(dict.fromkeys(parts.event or [name for name in default if name]))
    by = ", ".join(f"c{i}" for i in range(len(keys)))
    return _grouped(
        engine,
        log,
        keys,
        len(keys),
        f"SELECT count(*) - 1 AS n FROM {SQL_ROWS} GROUP BY {by}",
    )


def _two_groups(engine: Engine, log: Any, person: str, groups: Sequence[str]) -> int:
    several = " OR ".join(f"count(DISTINCT c{i}) > 1" for i in range(1, len(groups) + 1))
    totals = (
        f"SELECT CASE WHEN {several} THEN 1 ELSE 0 END AS n FROM {SQL_ROWS} "
        "WHERE c0 IS NOT NULL GROUP BY c0"
    )
    return _grouped(engine, log, [person, *groups], 1, totals)


def _out_of_order(engine: Engine, log: Any, parts: LogContract) -> int:
    columns = [str(parts.person), str(parts.time), str(parts.sequence)]
    stamp = "TIMESTAMP" if engine.dialect != "duckdb" else "TIMESTAMPTZ"
    time = "c1"
    if is_text(engine.schema(log).field(columns[1]).type):
        time = f"TRY_CAST(c1 AS {stamp})"
    totals = (
        f"SELECT CASE WHEN t < before THEN 1 ELSE 0 END AS n FROM (SELECT t, lag(t) OVER "
        f"(PARTITION BY c0 ORDER BY c2) AS before FROM (SELECT c0, c2, {time} AS t "
        f"FROM {SQL_ROWS} WHERE c0 IS NOT NULL) AS given WHERE t IS NOT NULL) AS pairs"
    )
    return _grouped(engine, log, columns, 1, totals)


def _calibration(
    engine: Engine, log: Any, parts: LogContract, rows: int, faults: Mapping[str, str]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Compare the propensities of each action with how often it was taken."""
    empty = pd.DataFrame(columns=["action", "rows", "inverse_mean", "z", "p_adjusted"])
    if not (parts.action and parts.propensity):
        return empty, ()
    bad = [faults[name] for name in list(FAULTS)[:3]]
    dialect = Dialect(engine.dialect)
    inverse = f"1.0 / CAST({dialect.column(parts.propensity)} AS DOUBLE)"
    usable = f"CASE WHEN NOT coalesce(({' OR '.join(bad)}), TRUE) THEN {inverse} END"
    select = f"SELECT {dialect.column(parts.action)} AS a, {usable} AS v FROM {SQL_DATA}"
    totals = (
        "SELECT a, CAST(count(v) AS BIGINT) AS n, coalesce(sum(v), 0.0) AS s, "
        f"coalesce(sum(v * v), 0.0) AS ss FROM {SQL_ROWS} GROUP BY a LIMIT {ACTION_LIMIT + 1}"
    )
    table = engine.aggregate_sql(log, select, totals, keys=["a"]).to_pandas()
    if len(table) > ACTION_LIMIT:
        return empty, (f"more than {ACTION_LIMIT:,} actions: propensities were not compared.",)
    good = int(table["n"].sum())
    if not good:
        return empty, ()
    from scipy.special import ndtr

    mean = table["s"] / good
    error = np.sqrt(np.maximum(table["ss"] / good - mean**2, 0) / good)
    z = np.divide(mean - 1, error, out=np.full(len(table), np.nan), where=error > 0)
    found = pd.DataFrame(
        {
            "action": table["a"].astype(str),
            "rows": table["n"],
            "inverse_mean": mean,
            "z": z,
            "p_adjusted": holm(2 * ndtr(-abs(np.asarray(z)))),
        }
    )
    return found.sort_values("action", ignore_index=True), ()
