"""What bends a reward: items that win it and lose what it stands for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rai_scale.engines import engine_of
from rai_scale.engines.dialect import Dialect
from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS
from rai_scale.errors import ConfigError, check_columns
from rai_scale.gates import Figure
from rai_scale.personalization.exposure_measures import ratio_interval
from rai_scale.personalization.log_faults import clean_log, weighting_faults
from rai_scale.results import Result, Tables
from rai_scale.statistics.multiple_tests import holm

# all texts of SQL in this module are made of fixed names
# ruff: noqa: S608

_VALUES = {"reward": ("r", "a"), "satisfaction": ("s", "b")}
"""Per value: its sum over the rows of a person and item, and over all rows of the person."""


@dataclass(frozen=True, repr=False)
class RewardConflicts(Result):
    """Items whose reward is above that of the others, and whose satisfaction is below.

    Attributes
    ----------
    items : pandas.DataFrame
        The strongest conflicts first: ``item``, ``rows``, ``reward`` and ``satisfaction`` (means,
        with ``reward_low``, ``reward_high``, ``satisfaction_low``, ``satisfaction_high``),
        ``reward_gap`` and ``satisfaction_gap`` (mean of the item minus that of all other rows),
        ``p_adjusted`` (of the larger of both one-sided p-values, Holm over items), and ``bends``.
    rows : int
    notes : tuple of str
    """

    items: pd.DataFrame
    rows: int
    notes: tuple[str, ...] = ()

    def totals(self) -> Mapping[str, Any]:
        """Return the numbers of rows, items and conflicts."""
        return {
            "rows": self.rows,
            "items": len(self.items),
            "conflicts": int(self.items["bends"].sum()),
        }

    def _numbers(self) -> Mapping[str, float]:
        return {"conflicts": float(self.items["bends"].sum())}

    def _figures(self) -> Mapping[str, Sequence[Figure]]:
        return {name: [Figure(value)] for name, value in self._numbers().items()}

    def _remarks(self) -> Sequence[str]:
        return self.notes

    def _tables(self) -> Tables:
        return {"items": lambda: self.items}


def find_reward_conflicts(
    log: Any,
    *,
    item: str,
    reward: str,
    satisfaction: str,
    person: str,
    min_rows: int = 100,
    alpha: float = 0.05,
    on_bad: str = "refuse",
    confidence: float = 0.95,
) -> RewardConflicts:
    """Find the items that win a reward and lose what it stands for; executes.

    An item bends the reward if its mean reward is above that of all other rows, and its mean
    satisfaction below, both by more than chance: the larger of the two one-sided p-values counts
    (an intersection-union test, Berger 1982), corrected by Holm. All events of a person are taken
    together. Examples are clicks against satisfaction, and minutes watched against the share
    watched.

    Parameters
    ----------
    log : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect); one row per event.
    item : str
        The column of the item, or of an element or place of the page.
    reward, satisfaction : str
        The columns of the reward, and of what it stands for: numbers or booleans.
    person : str
        The column of the person.
    min_rows : int
        Items with fewer rows are not tested.
    alpha : float
        The level of the tests.
    on_bad : {"refuse", "exclude"}
        What to do with rows without one of the two.
    confidence : float
        In (0, 1).

    Returns
    -------
    RewardConflicts

    Raises
    ------
    ConfigError
        If the log has no rows, or rows without a reward or satisfaction.
    MissingColumnError
        If a column does not exist.
    """
    engine = engine_of(log)
    check_columns([item, reward, satisfaction, person], engine.columns(log))
    conditions = weighting_faults(
        Dialect(engine.dialect), engine.schema(log), None, None, [reward, satisfaction]
    )
    kept, notes = clean_log(engine, log, conditions, on_bad)
    data = engine.with_names(kept, {item: "i", reward: "r", satisfaction: "s", person: "p"})
    whole = engine.sql_sees_all
    part = "" if whole else ", CAST(hash(p) >> 1 AS BIGINT) AS part"
    rows = f"SELECT i, p, CAST(r AS DOUBLE) AS r, CAST(s AS DOUBLE) AS s{part} FROM {SQL_DATA}"
    each = (
        "SELECT i, p, CAST(count(*) AS DOUBLE) AS n, sum(r) AS r, sum(s) AS s "
        f"FROM {SQL_ROWS} GROUP BY i, p"
    )
    person_sums = ", ".join(
        f"sum({own}) OVER (PARTITION BY p) AS {of}"
        for own, of in (("n", "m"), ("r", "a"), ("s", "b"))
    )
    sums = ["sum(n) AS n", "sum(r) AS r", "sum(s) AS s", "sum(n * n) AS nn", "sum(n * m) AS nm"]
    for own, of in _VALUES.values():
        pairs = [own * 2, f"{own}n", f"{own}m", own + of, f"{of}n"]
        sums += [f"sum({x[0]} * {x[1]}) AS {x}" for x in pairs]
    totals = (
        f"SELECT i, CAST(count(*) AS BIGINT) AS people, {', '.join(sums)} "
        f"FROM (SELECT *, {person_sums} FROM ({each}) AS own) AS pairs GROUP BY i"
    )
    together = [] if whole else ["part"]
    table = engine.aggregate_sql(data, rows, totals, keys=["i"], together=together).to_pandas()
    if not len(table):
        raise ConfigError("the log has no rows.")
    found = _items(table, min_rows, confidence)
    found["p_adjusted"] = holm(found.pop("p").to_numpy(float))
    found["bends"] = found["p_adjusted"] < alpha
    order = ["p_adjusted", "reward_gap"]
    found = found.sort_values(order, ascending=[True, False], ignore_index=True)
    return RewardConflicts(found, int(table["n"].sum()), notes)


def _items(table: pd.DataFrame, min_rows: int, confidence: float) -> pd.DataFrame:
    from scipy.special import ndtr

    rows = []
    whole = {str(name): float(table[name].sum()) for name in table if name != "i"}
    for row in table.to_dict("records"):
        made: dict[str, Any] = {"item": row["i"], "rows": int(row["n"])}
        p_values = []
        for name, (own, of) in _VALUES.items():
            products = (row[own * 2], row[f"{own}n"], row["nn"])
            value, low, high = ratio_interval(
                row[own], row["n"], products, int(row["people"]), confidence
            )
            gap, error = _gap(row, whole, own, of)
            z = gap / error if error > 0 else math.nan
            p_values.append(float(ndtr(-z if name == "reward" else z)))
            made |= {name: value, f"{name}_low": low, f"{name}_high": high, f"{name}_gap": gap}
        tested = row["n"] >= min_rows and row["people"] > 1
        rows.append({**made, "p": max(p_values) if tested else math.nan})
    return pd.DataFrame(rows)


def _gap(
    row: Mapping[Any, Any], whole: Mapping[str, float], own: str, of: str
) -> tuple[float, float]:
    """Return the mean of an item minus that of all other rows, with its error over people.

    The contribution of a person is (r - mean n) / rows of the item, minus the same of the others;
    it is linear in the person's sums of the item and of all items, whose products are known.
    """
    mine, others = row["n"], whole["n"] - row["n"]
    if not others:
        return math.nan, math.nan
    mean, rest = row[own] / mine, (whole[own] - row[own]) / others
    weights = {
        own: 1 / mine + 1 / others,
        "n": -mean / mine - rest / others,
        of: -1 / others,
        "m": rest / others,
    }
    # sums over all items of (item x person) are those of (person x person)
    known = {**row, of * 2: whole[own + of], f"{of}m": whole[f"{own}m"], "mm": whole["nm"]}
    square = sum(
        weights[x] * weights[y] * known[x + y if x + y in known else y + x]
        for x in weights
        for y in weights
    )
    return mean - rest, math.sqrt(max(float(square), 0.0))
