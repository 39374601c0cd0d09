"""Fairlearn's threshold optimizer, fitted from counts and applied to frames of any size."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_array

from rai_scale.engines.choose import engine_of
from rai_scale.engines.key_values import arrow_values, safe_to_merge
from rai_scale.fairness.thresholds.apply import GroupRules
from rai_scale.fairness.thresholds.counts import RANGE_ROWS, GroupPoints, group_points
from rai_scale.fairness.thresholds.points import ThresholdPoints, optimistic_points
from rai_scale.fairness.thresholds.result import FittedThresholds, column_names
from rai_scale.fairness.thresholds.score_column import ScoreColumn
from rai_scale.fairness.thresholds.solver import (
    Problem,
    Solution,
    ThresholdProblemError,
    solve,
)
from rai_scale.statistics.cells import MAX_CELLS
from rai_scale.statistics.histogram import ScoreColumns
from rai_scale.upstream.fairlearn import InterpolatedThresholder, merge_columns


def fit_threshold_optimizer(
    frame: Any,
    *,
    score: str,
    y_true: str,
    sensitive_features: Sequence[str] | str,
    constraints: str = "demographic_parity",
    objective: str = "accuracy_score",
    grid_size: int = 1000,
    flip: bool = False,
    tol: float | None = None,
    bins: int | None = None,
    max_cells: int = MAX_CELLS,
    range_rows: int = RANGE_ROWS,
) -> FittedThresholds:
    """Fit Fairlearn's ``ThresholdOptimizer`` to a frame of any size, from counts.

    Parameters
    ----------
    frame : DataFrame
        pyspark, dask or pandas DataFrame, DuckDB relation, pyarrow Table.
    score : str
        Numeric column without missing values: the scores that ``ThresholdOptimizer`` gets from its
        estimator.
    y_true : str
        Column of labels 0 and 1.
    sensitive_features : str or sequence of str
        Columns that make the groups.
    constraints, objective, grid_size, flip, tol
        As in ``fairlearn.postprocessing.ThresholdOptimizer`` 0.15.
    bins : int, optional
        Put thresholds on the edges of this number of bins of equal width: the constraint is met
        exactly on the fitted data, and ``objective_bound`` is the largest possible loss of the
        objective.
    max_cells : int
        Up to this number of distinct (group, label, score) the fit is equal to Fairlearn's to the
        last bit. Beyond it, the workers reduce ranges of scores to their hulls, which are merged to
        the same hull: rates and objective agree to about 1e-12. If several points are on one
        straight edge, Fairlearn's choice among them depends on rounding, and thresholds may differ.
    range_rows : int
        Approximate number of rows of a range on one worker in that case.

    Raises
    ------
    ThresholdProblemError
        For arguments that Fairlearn does not allow, and for groups with only one label.
    ConfigError
        For rows with missing scores, labels or groups.
    """
    problem = Problem(constraints, objective, grid_size, flip, tol)
    problem.check()
    groups = column_names("sensitive_features", sensitive_features)
    found = group_points(
        engine_of(frame),
        frame,
        ScoreColumns(groups, y_true, score, only_0_and_1=True),
        max_cells=max_cells,
        bins=bins,
        range_rows=range_rows,
    )
    _check_labels(found.points)
    levels, points = _in_fairlearn_order(found)
    solution = solve(problem, points)
    bound = 0.0
    if found.mode == "binned":
        best = solve(problem, {value: optimistic_points(p) for value, p in points.items()})
        bound = max(0.0, best.objective_value - solution.objective_value)
    thresholder = InterpolatedThresholder(
        ScoreColumn(score), solution.interpolation, True, "predict"
    ).fit(None, None)
    counts = pd.DataFrame(
        {
            "rows": [p.rows for p in points.values()],
            "positives": [p.positives for p in points.values()],
        }
    )
    return FittedThresholds(
        thresholder=thresholder,
        problem=problem,
        score=score,
        sensitive_features=groups,
        solution=solution,
        objective_bound=bound,
        mode=found.mode,
        counts=pd.concat([levels, counts], axis=1),
        rules=_rules(solution, levels),
    )


def _check_labels(points: Sequence[ThresholdPoints]) -> None:
    single = sum(not (p.positives and p.negatives) for p in points)
    if single:
        raise ThresholdProblemError(
            f"{single} of {len(points)} groups have degenerate labels: all rows of the group have "
            f"the same label, so there is no rate for the other label. Merge small groups or "
            f"filter them."
        )


def _in_fairlearn_order(
    found: GroupPoints,
) -> tuple[pd.DataFrame, dict[Hashable, ThresholdPoints]]:
    """Return groups and points with Fairlearn's names; several columns are joined to one text."""
    levels = found.levels
    if levels.shape[1] == 1:
        return levels, dict(zip(levels.iloc[:, 0].tolist(), found.points, strict=True))
    merged = merge_columns(check_array(safe_to_merge(levels), dtype=None, ensure_2d=False))
    order = np.argsort(merged)
    points: dict[Hashable, ThresholdPoints] = {str(merged[i]): found.points[i] for i in order}
    return levels.take(order).reset_index(drop=True), points


def _rules(solution: Solution, levels: pd.DataFrame) -> GroupRules:
    chosen = list(solution.interpolation.values())
    operations = [[rule[f"operation{i}"] for rule in chosen] for i in (0, 1)]

    def numbers(name: str) -> np.ndarray:
        return np.array([rule.get(name, np.nan) for rule in chosen], dtype=np.float64)

    return GroupRules(
        groups={str(name): arrow_values(values.to_numpy()) for name, values in levels.items()},
        p0=numbers("p0"),
        p1=numbers("p1"),
        p_ignore=numbers("p_ignore"),
        constant=numbers("prediction_constant"),
        threshold0=np.array([o.threshold for o in operations[0]]),
        threshold1=np.array([o.threshold for o in operations[1]]),
        below0=np.array([o.operator == "<" for o in operations[0]]),
        below1=np.array([o.operator == "<" for o in operations[1]]),
    )
