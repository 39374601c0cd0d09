"""Comparison of candidates: performance against disparity, and the choice by a stated rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError, check_columns
from rai_scale.fairness.mitigation.pareto_chart import Axes, pareto_page, pareto_svg
from rai_scale.results import Result, Tables
from rai_scale.statistics.json_values import records

Rule = Callable[[pd.DataFrame], str]


@dataclass(frozen=True, repr=False)
class ParetoResult(Result):
    """The candidates, the Pareto-optimal ones and the chosen one.

    Attributes
    ----------
    table : pandas.DataFrame
        ``candidate``, ``performance``, ``disparity``, ``pareto_optimal``, ``chosen``; best
        performance first.
    rule : str
        The rule of the choice, in words.
    performance, disparity : str
        The names of the two numbers.
    higher_is_better : bool
        Whether a higher performance is better.
    """

    table: pd.DataFrame
    rule: str
    performance: str = "performance"
    disparity: str = "disparity"
    higher_is_better: bool = True

    @property
    def chosen(self) -> str:
        """The name of the chosen candidate."""
        return str(self.table.loc[self.table["chosen"], "candidate"].iloc[0])

    def totals(self) -> dict[str, Any]:
        """Return the number of candidates, and the chosen one."""
        optimal = int(self.table["pareto_optimal"].sum())
        return {"candidates": len(self.table), "pareto_optimal": optimal, "chosen": self.chosen}

    def _tables(self) -> Tables:
        return {"candidates": self.table.copy}

    def _remarks(self) -> list[str]:
        return [f"chosen by: {self.rule}"]

    def to_dict(self) -> dict[str, Any]:
        """Return the table and the rule as plain values."""
        names = {"performance": self.performance, "disparity": self.disparity}
        candidates = records(self.table)
        return {**names, "rule": self.rule, "chosen": self.chosen, "candidates": candidates}

    def to_svg(self) -> str:
        """Return the chart as SVG."""
        return pareto_svg(self.table, self._axes)

    def to_html(self) -> str:
        """Return a page with chart and table."""
        return pareto_page(self.table, self._axes, self.rule)

    @property
    def _axes(self) -> Axes:
        return Axes(self.performance, self.disparity, self.higher_is_better)

    def _numbers(self) -> dict[str, float]:
        """Return the two numbers of the chosen candidate."""
        row = self.table[self.table["chosen"]].iloc[0]
        return {"performance": float(row["performance"]), "disparity": float(row["disparity"])}


def pareto(
    candidates: pd.DataFrame,
    *,
    performance: str = "performance",
    disparity: str = "disparity",
    higher_is_better: bool = True,
    disparity_weight: float = 0.5,
    max_disparity: float | None = None,
    rule: Rule | None = None,
) -> ParetoResult:
    """Flag the Pareto-optimal candidates and choose one by a stated rule.

    A candidate is Pareto-optimal if no other is at least as good in both numbers and better in
    one. Equal candidates are both optimal.

    Parameters
    ----------
    candidates : pandas.DataFrame
        A column ``candidate`` of distinct names, and the two columns of numbers; what
        :func:`rai_scale.fairness.mitigation.candidates.evaluate_candidates` returns.
    performance, disparity : str
        The names of the two columns; a lower disparity is better.
    higher_is_better : bool
        False if performance is an error or a loss.
    disparity_weight : float
        The default rule, of Fairlearn's GridSearch: the least ``(1 - disparity_weight) * error +
        disparity_weight * disparity``, where the error is ``1 - performance``, or the performance
        itself if lower is better.
    max_disparity : float, optional
        Another rule: the best performance among those of at most this disparity.
    rule : callable, optional
        The caller's own rule: takes the table, returns the name of the chosen candidate; the page
        shows the first line of its docstring.

    Raises
    ------
    MissingColumnError, ConfigError
        If columns are missing, there are no candidates, a number is missing, a name occurs twice,
        two rules are given, no candidate meets ``max_disparity``, or the caller's rule returns an
        unknown name.
    """
    check_columns(["candidate", performance, disparity], map(str, candidates.columns))
    table = pd.DataFrame(
        {
            "candidate": candidates["candidate"].astype(str).to_numpy(),
            "performance": candidates[performance].to_numpy(dtype=np.float64),
            "disparity": candidates[disparity].to_numpy(dtype=np.float64),
        }
    )
    _check_candidates(table)
    if not 0 <= disparity_weight <= 1:
        raise ConfigError(f"disparity_weight is {disparity_weight}; it must be between 0 and 1.")
    cost = (1 - table["performance"]) if higher_is_better else table["performance"]
    table["pareto_optimal"] = _optimal(cost.to_numpy(), table["disparity"].to_numpy())
    name, words = _choose(table, cost, disparity_weight, max_disparity, rule)
    table["chosen"] = table["candidate"] == name
    order = cost.sort_values(kind="stable").index
    table = table.loc[order].reset_index(drop=True)
    return ParetoResult(table, words, performance, disparity, higher_is_better)


def _check_candidates(table: pd.DataFrame) -> None:
    if table.empty:
        raise ConfigError("there are no candidates to choose from.")
    if table["candidate"].duplicated().any():
        raise ConfigError("two candidates have the same name; use distinct names.")
    missing = table["candidate"][table.isna().any(axis=1)]
    if len(missing):
        raise ConfigError(f"no performance or disparity for: {', '.join(map(repr, missing))}.")


def _optimal(cost: np.ndarray, disparity: np.ndarray) -> np.ndarray:
    """Return which points no other point dominates; both numbers are better when lower."""
    as_good = (cost[:, None] <= cost) & (disparity[:, None] <= disparity)
    better = (cost[:, None] < cost) | (disparity[:, None] < disparity)
    return np.asarray(~(as_good & better).any(axis=0))


def _choose(
    table: pd.DataFrame,
    cost: pd.Series,
    weight: float,
    max_disparity: float | None,
    rule: Rule | None,
) -> tuple[str, str]:
    if rule is not None and max_disparity is not None:
        raise ConfigError("give either a rule or max_disparity, not both.")
    if rule is not None:
        name = str(rule(table.copy()))
        if name not in set(table["candidate"]):
            raise ConfigError(f"the rule chose {name!r}, which is not a candidate.")
        named = f"the caller's rule {getattr(rule, '__name__', '')}".rstrip()
        return name, (rule.__doc__ or named).strip().splitlines()[0]
    if max_disparity is not None:
        fair = table["disparity"] <= max_disparity
        if not fair.any():
            raise ConfigError(
                f"no candidate has a disparity of at most {max_disparity:g}; the least is "
                f"{table['disparity'].min():.6g}."
            )
        at = cost[fair].idxmin()
        return str(table.at[at, "candidate"]), f"best with disparity at most {max_disparity:g}"
    at = ((1 - weight) * cost + weight * table["disparity"]).idxmin()
    words = f"least {1 - weight:g} * error + {weight:g} * disparity"
    return str(table.at[at, "candidate"]), words
