"""Fairlearn's choice among trade-off curves (``ThresholdOptimizer``, version 0.15), from counts.

Source: Hardt, Price and Srebro, Equality of Opportunity in Supervised Learning, 2016. Every step is
that of ``fairlearn.postprocessing._threshold_optimizer``, with the same order of arithmetic.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.fairness.thresholds.points import ThresholdPoints, tradeoff_curve
from rai_scale.upstream.fairlearn import (
    ALL_CONSTRAINTS,
    METRIC_DICT,
    OBJECTIVES_FOR_EQUALIZED_ODDS,
    OBJECTIVES_FOR_SIMPLE_CONSTRAINTS,
    SIMPLE_CONSTRAINTS,
    extend_confusion_matrix,
    maximize_objective_with_tolerance,
)

Groups = Mapping[Hashable, ThresholdPoints]


@dataclass(frozen=True)
class Problem:
    """The problem to solve: the arguments of Fairlearn's ``ThresholdOptimizer``."""

    constraints: str = "demographic_parity"
    objective: str = "accuracy_score"
    grid_size: int = 1000
    flip: bool = False
    tol: float | None = None

    def check(self) -> None:
        """Raise :class:`ConfigError` for arguments that Fairlearn does not allow."""
        if self.constraints not in ALL_CONSTRAINTS:
            raise _not_one_of("constraints", self.constraints, ALL_CONSTRAINTS)
        odds = self.constraints == "equalized_odds"
        allowed = OBJECTIVES_FOR_EQUALIZED_ODDS if odds else OBJECTIVES_FOR_SIMPLE_CONSTRAINTS
        if self.objective not in allowed:
            raise _not_one_of(f"objective for {self.constraints}", self.objective, allowed)
        if odds and self.tol is not None:
            raise ThresholdProblemError("tol cannot be used with equalized_odds; leave it out.")
        if self.tol is not None and not self.tol >= 0:
            raise ThresholdProblemError(f"tol must be 0 or more; found {self.tol!r}.")
        if not isinstance(self.grid_size, int) or self.grid_size < 1:
            raise ThresholdProblemError(
                f"grid_size must be an integer above 0; found {self.grid_size!r}."
            )

    @property
    def x_grid(self) -> np.ndarray:
        """The values of the constrained metric that are tried."""
        return np.linspace(0, 1, self.grid_size + 1)


class ThresholdProblemError(ConfigError, ValueError):
    """A problem that ``ThresholdOptimizer`` refuses; a ValueError, like Fairlearn's own error."""


def _not_one_of(what: str, found: Any, allowed: Any) -> ThresholdProblemError:
    choices = sorted(allowed)
    return ThresholdProblemError(
        f"unknown {what}: {found!r}; choose one of {', '.join(choices)}."
        f"{did_you_mean(str(found), choices)}"
    )


@dataclass(frozen=True)
class Solution:
    """The chosen point.

    Attributes
    ----------
    interpolation : dict
        A ``Bunch`` per group, as ``InterpolatedThresholder`` takes it.
    curves : dict of DataFrame
        Each group's trade-off curve on the grid.
    overall : DataFrame or None
        The curve of all groups together (x, y); None with ``tol``.
    x_best : dict
        The constrained metric of each group.
    objective_value : float
        The objective on the fitted data.
    """

    interpolation: dict[Hashable, Bunch]
    curves: dict[Hashable, pd.DataFrame]
    overall: pd.DataFrame | None
    x_best: dict[Hashable, float]
    objective_value: float


def solve(problem: Problem, groups: Groups) -> Solution:
    """Choose the best point; ``groups`` in Fairlearn's order, each with both labels."""
    if problem.constraints == "equalized_odds":
        return _solve_equalized_odds(problem, groups)
    return _solve_simple(problem, groups)


def _solve_simple(problem: Problem, groups: Groups) -> Solution:
    x_grid = problem.x_grid
    x_metric = SIMPLE_CONSTRAINTS[problem.constraints]
    n = sum(points.rows for points in groups.values())
    shares = {value: points.rows / n for value, points in groups.items()}
    curves = {
        value: tradeoff_curve(points, x_metric, problem.objective, problem.flip, x_grid)
        for value, points in groups.items()
    }
    overall = None
    if not problem.tol:
        weighted = [share * curves[value]["y"] for value, share in shares.items()]
        y = pd.concat(weighted, axis=1).sum(axis=1)
        overall = pd.DataFrame({"x": x_grid, "y": y})
        best = int(y.idxmax())
        chosen, value_best = [best] * len(groups), y[best]
    else:
        chosen, value_best = maximize_objective_with_tolerance(
            dataframes=list(curves.values()), weights=shares.values(), tol=problem.tol
        )
    rows = {value: curves[value].iloc[i] for value, i in zip(curves, chosen, strict=True)}
    interpolation = {
        value: Bunch(p0=r.p0, operation0=r.operation0, p1=r.p1, operation1=r.operation1)
        for value, r in rows.items()
    }
    x_best = {value: float(x_grid[i]) for value, i in zip(curves, chosen, strict=True)}
    return Solution(interpolation, curves, overall, x_best, float(value_best))


def _solve_equalized_odds(problem: Problem, groups: Groups) -> Solution:
    x_grid = problem.x_grid
    positives = sum(points.positives for points in groups.values())
    negatives = sum(points.negatives for points in groups.values())
    curves = {
        value: tradeoff_curve(
            points, "false_positive_rate", "true_positive_rate", problem.flip, x_grid
        )
        for value, points in groups.items()
    }
    y_min = pd.Series(np.amin(np.column_stack([c["y"] for c in curves.values()]), axis=1))
    counts = extend_confusion_matrix(
        false_positives=(negatives * x_grid),
        true_negatives=(negatives * (1.0 - x_grid)),
        true_positives=(positives * y_min),
        false_negatives=(positives * (1.0 - y_min)),
    )
    objective = np.around(METRIC_DICT[problem.objective](counts), 15)
    best = objective.idxmax()
    interpolation = {
        value: _onto_common_point(curve.iloc[best], x_grid[best], y_min[best])
        for value, curve in curves.items()
    }
    overall = pd.DataFrame({"x": x_grid, "y": y_min})
    x_best = dict.fromkeys(curves, float(x_grid[best]))
    return Solution(interpolation, curves, overall, x_best, float(objective[best]))


def _onto_common_point(point: Any, x_best: float, y_best: float) -> Bunch:
    """Mix a group's point with random predictions of rate ``x_best``; its TPR is ``y_best``."""
    p_ignore = 0 if point.y == point.x else (point.y - y_best) / (point.y - point.x)
    return Bunch(
        p_ignore=p_ignore,
        prediction_constant=x_best,
        p0=point.p0,
        operation0=point.operation0,
        p1=point.p1,
        operation1=point.operation1,
    )
