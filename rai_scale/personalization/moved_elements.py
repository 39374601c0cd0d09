"""Elements of a page whose place changes: do they win a reward by being hit by mistake?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import pandas as pd

from rai_scale.engines import engine_of
from rai_scale.engines.dialect import Dialect
from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS
from rai_scale.errors import ConfigError, check_columns
from rai_scale.personalization.exposure_sql import period_kind
from rai_scale.personalization.log_faults import clean_log, weighting_faults
from rai_scale.results import Result, Tables
from rai_scale.statistics.multiple_tests import holm

# all texts of SQL in this module are made of fixed names
# ruff: noqa: S608

_SUMS = {"n1": "m", "n0": "1 - m", "a1": "m * r", "a0": "(1 - m) * r", "b1": "m * s",
         "b0": "(1 - m) * s"}  # fmt: skip
"""Per person and element: events that moved (1) or not (0), rewards a, and satisfaction b."""
_VALUES = {"reward": "a", "satisfaction": "b"}


@dataclass(frozen=True, repr=False)
class MovedElements(Result):
    """Elements that win a reward, and lose what it stands for, where their place has changed.

    Attributes
    ----------
    elements : pandas.DataFrame
        The strongest first: ``item``, ``rows`` (with an earlier event of the same person and
        element), ``moved`` (of these, rows at another place than before), ``reward_moved`` and
        ``reward_same``, ``satisfaction_moved`` and ``satisfaction_same`` (means), ``reward_gap``
        and ``satisfaction_gap`` (moved minus same), ``p_adjusted`` (of the larger of both
        one-sided p-values, Holm over elements), and ``bends``.
    rows : int
    notes : tuple of str
    """

    elements: pd.DataFrame
    rows: int
    notes: tuple[str, ...] = ()

    def totals(self) -> Mapping[str, Any]:
        """Return the numbers of rows, of moved rows, and of elements that bend the reward."""
        return {
            "rows": self.rows,
            "moved": int(self.elements["moved"].sum()),
            "conflicts": int(self.elements["bends"].sum()),
        }

    def _numbers(self) -> Mapping[str, float]:
        return {"conflicts": float(self.elements["bends"].sum())}

    def _remarks(self) -> Sequence[str]:
        return self.notes

    def _tables(self) -> Tables:
        return {"elements": lambda: self.elements}


def find_moved_elements(
    log: Any,
    *,
    item: str,
    position: str,
    person: str,
    time: str,
    reward: str,
    satisfaction: str,
    min_rows: int = 100,
    alpha: float = 0.05,
    on_bad: str = "refuse",
) -> MovedElements:
    """Find elements that win a reward where people do not expect them; executes.

    An event has moved if the element is at another place than when the same person saw it last.
    An element bends the reward if its mean reward is higher in moved events than in others, and its
    mean satisfaction lower, both by more than chance: the larger of the two one-sided p-values
    counts (an intersection-union test, Berger 1982), corrected by Holm. All events of a person are
    taken together.

    Parameters
    ----------
    log : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect); one row per event.
    item : str
        The column of the element of the page, such as a button, or of the item.
    position : str
        The column of its place.
    person : str
        The column of the person.
    time : str
        A time, a date, or an integer that orders the events of a person.
    reward, satisfaction : str
        The columns of the reward, and of what it stands for: numbers or booleans.
    min_rows : int
        Elements with fewer moved rows, or fewer others, are not tested.
    alpha : float
        The level of the tests.
    on_bad : {"refuse", "exclude"}
        What to do with rows without a reward or satisfaction.

    Returns
    -------
    MovedElements

    Raises
    ------
    ConfigError
        If no person saw an element twice, the type of ``time`` is not valid, or rows lack a reward.
    MissingColumnError
        If a column does not exist.
    """
    names = {item: "i", position: "pos", person: "p", time: "t", reward: "r", satisfaction: "s"}
    engine = engine_of(log)
    check_columns(names, engine.columns(log))
    if len(names) < 6:  # noqa: PLR2004
        raise ConfigError("find_moved_elements needs six different columns.")
    period_kind(engine.schema(log).field(time).type, "time")
    conditions = weighting_faults(
        Dialect(engine.dialect), engine.schema(log), None, None, [reward, satisfaction]
    )
    kept, notes = clean_log(engine, log, conditions, on_bad)
    whole = engine.sql_sees_all
    part = "" if whole else ", CAST(hash(p) >> 1 AS BIGINT) AS part"
    rows = (
        f"SELECT i, pos, p, t, CAST(r AS DOUBLE) AS r, CAST(s AS DOUBLE) AS s{part} "
        f"FROM {SQL_DATA} WHERE p IS NOT NULL AND pos IS NOT NULL AND t IS NOT NULL"
    )
    last = "lag(pos) OVER (PARTITION BY p, i ORDER BY t, pos)"
    placed = f"SELECT i, p, r, s, pos, {last} AS before FROM {SQL_ROWS}"
    moved = (
        "SELECT i, p, r, s, CAST(CASE WHEN pos = before THEN 0 ELSE 1 END AS DOUBLE) AS m "
        f"FROM ({placed}) AS placed WHERE before IS NOT NULL"
    )
    sums = ", ".join(f"sum({sql}) AS {name}" for name, sql in _SUMS.items())
    each = f"SELECT i, p, {sums} FROM ({moved}) AS moved GROUP BY i, p"
    totals = ", ".join(
        [f"sum({n}) AS {n}" for n in _SUMS] + [f"sum({x} * {y}) AS {x}{y}" for x, y in _products()]
    )
    table = engine.aggregate_sql(
        engine.with_names(kept, names),
        rows,
        f"SELECT i, {totals} FROM ({each}) AS own GROUP BY i",
        keys=["i"],
        together=[] if whole else ["part"],
    ).to_pandas()
    if not len(table):
        raise ConfigError("no person saw the same element twice, so that nothing can have moved.")
    found = pd.DataFrame([_element(row, min_rows) for row in table.to_dict("records")])
    found["p_adjusted"] = holm(found.pop("p").to_numpy(float))
    found["bends"] = found["p_adjusted"] < alpha
    order = ["p_adjusted", "reward_gap"]
    found = found.sort_values(order, ascending=[True, False], ignore_index=True)
    return MovedElements(found, int(found["rows"].sum()), notes)


def _products() -> list[tuple[str, str]]:
    """Return the pairs of sums whose products are needed."""
    pairs = [
        pair
        for own in _VALUES.values()
        for pair in combinations_with_replacement((f"{own}1", "n1", f"{own}0", "n0"), 2)
    ]
    return list(dict.fromkeys(pairs))


def _element(row: Mapping[Any, Any], min_rows: int) -> dict[str, Any]:
    """Return the means and gaps of an element.

    The gap is a difference of two ratios; a person contributes (x1 - mean1 n1) / N1 minus the same
    of the events that did not move (Cochran 1977, Sampling Techniques, 6.3).
    """
    from scipy.special import ndtr

    moved, same = float(row["n1"]), float(row["n0"])
    made: dict[str, Any] = {"item": row["i"], "rows": int(moved + same), "moved": int(moved)}
    p_values = []
    for name, own in _VALUES.items():
        mean = row[f"{own}1"] / moved if moved else math.nan
        rest = row[f"{own}0"] / same if same else math.nan
        made |= {f"{name}_moved": mean, f"{name}_same": rest, f"{name}_gap": mean - rest}
        if not (moved and same):
            p_values.append(math.nan)
            continue
        weight = {f"{own}1": 1 / moved, "n1": -mean / moved, f"{own}0": -1 / same}
        weight["n0"] = rest / same
        square = sum(
            (1 if x == y else 2) * weight[x] * weight[y] * row[x + y]
            for x, y in combinations_with_replacement(weight, 2)
        )
        error = math.sqrt(max(float(square), 0.0))
        z = (mean - rest) / error if error > 0 else math.nan
        p_values.append(float(ndtr(-z if name == "reward" else z)))
    tested = min(moved, same) >= min_rows
    return {**made, "p": max(p_values) if tested else math.nan}
