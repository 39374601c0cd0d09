"""Who sees what, per group and period, from counts of a log."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from rai_scale.engines import engine_of
from rai_scale.engines.dialect import Dialect
from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, check_columns
from rai_scale.names import Names, names_of
from rai_scale.personalization.exposure_result import Exposure
from rai_scale.personalization.exposure_sql import ExposureSql, period_kind, period_sql
from rai_scale.personalization.exposure_tables import Counted, ExposureTables

_EVERY = ("day", "week", "month")


def audit_exposure(
    log: Any,
    *,
    item: str,
    person: str,
    position: str | None = None,
    relevance: str | None = None,
    groups: Names = (),
    category: str | None = None,
    period: str | None = None,
    every: str = "week",
    lists: Names = (),
    propensity: str | None = None,
    explore_below: float = 0.5,
    quality: str | None = None,
    catalogue: int | None = None,
    alpha: float = 0.05,
    confidence: float = 0.95,
) -> Exposure:
    """Measure who sees what, per group of people and period, from counts of the engine; executes.

    - The exposure of an event is 1 / log2(1 + position), or 1 without positions.
    - ``gini`` (Dixon et al. 1987), ``hhi`` and ``entropy`` of the exposure of items.
    - ``exposure_parity``: the smallest mean exposure per item of a category divided by the
      largest; ``relevance_parity``: the same of exposure divided by relevance (demographic parity
      and disparate treatment of Singh and Joachims 2018, Fairness of Exposure in Rankings).
    - ``diversity``: the mean share of pairs of a list whose categories differ.
    - ``person_entropy``: the mean entropy of a person's categories in a period; ``drift``: the mean
      Jensen-Shannon divergence (nats) from the person's period before.
    - ``exploration_share``: events with a propensity below ``explore_below``;
      ``exploration_reach``: people with such an event.
    - ``loops``: shares of categories that move otherwise in a group than in the others, by a test
      of trends that respects people, corrected for the number of tests (Holm).

    Parameters
    ----------
    log : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect); one row per item that was shown.
    item, person : str
        Columns of what was shown and to whom.
    position : str, optional
        The column of the place, from 1.
    relevance : str, optional
        The column of the relevance of the item to the person, a number.
    groups : str or sequence of str
        Columns of groups of people, such as accessibility settings; each is audited on its own.
    category : str, optional
        The column of the item's category; by default the item.
    period : str, optional
        A time, a date, or an integer that numbers the periods.
    every : {"day", "week", "month"}
        The length of a period, for times and dates (in UTC).
    lists : str or sequence of str
        Columns that, with the person, identify a list of items that were shown together.
    propensity : str, optional
        The column of the probability with which the item was chosen.
    explore_below : float
        An event with a smaller propensity is exploration.
    quality : str, optional
        The column of a reward or rating, whose mean per group gets an interval by person.
    catalogue : int, optional
        The number of items that could be shown; by default those in the log.
    alpha : float
        The level of the tests of trends.
    confidence : float
        In (0, 1).

    Returns
    -------
    Exposure

    Raises
    ------
    ConfigError
        If the log has no rows, or an option or a type is not valid.
    MissingColumnError
        If a column does not exist.
    TooManyGroupsError
        For more than 2,000,000 combinations of groups, periods and items.
    """
    if every not in _EVERY:
        raise ConfigError(f"every must be one of {', '.join(_EVERY)}; found {every!r}.")
    named = {"p": person, "i": item, "pos": position, "r": relevance, "c": category}
    named |= {"q": quality, "prop": propensity, "t": period}
    given = {short: name for short, name in named.items() if name}
    by, keys = names_of(groups), names_of(lists)
    engine = engine_of(log)
    check_columns([*given.values(), *by, *keys], engine.columns(log))
    given |= {f"g{k}": name for k, name in enumerate(by, 1)}
    given |= {f"l{k}": name for k, name in enumerate(keys)}
    kind = period_kind(engine.schema(log).field(period).type, "period") if period else "int"
    dialect = Dialect(engine.dialect)
    sql = ExposureSql(
        dialect,
        len(by),
        len(keys),
        tuple(short for short in ("c", "pos", "r", "q", "prop") if short in given),
        period_sql(dialect, kind, every) if period else "CAST(0 AS BIGINT)",
        explore_below,
        not engine.sql_sees_all,
    )
    one = Counted(engine, _short(engine, log, given), sql)
    parts = ExposureTables(tuple(by), bool(period), kind, every, catalogue, alpha, confidence)
    return parts.result(one)


def _short(engine: Engine, log: Any, given: dict[str, str]) -> Any:
    """Return the columns under short names; a column with two roles is copied in SQL."""
    dialect = Dialect(engine.dialect)
    first: dict[str, str] = {}
    for short, name in given.items():
        first.setdefault(name, short)
    data = engine.with_names(log, first)
    rest = {s: first[name] for s, name in given.items() if first[name] != s}
    if not rest:
        return data
    schema = engine.schema(data)
    outputs = pa.schema([schema.field(source).with_name(short) for short, source in rest.items()])
    expressions = {short: dialect.column(source) for short, source in rest.items()}
    return engine.with_expressions(data, expressions, outputs)
