"""Fitted thresholds: Fairlearn's predictor, its curves, and predictions on frames."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError
from rai_scale.fairness.thresholds.apply import GroupRules, PredictRows, rule_columns
from rai_scale.fairness.thresholds.solver import Problem, Solution
from rai_scale.measures.group_columns import group_label
from rai_scale.names import names_of
from rai_scale.results import Result, Tables
from rai_scale.upstream.fairlearn import InterpolatedThresholder


@dataclass(frozen=True, repr=False)
class FittedThresholds(Result):
    """Fitted thresholds per group.

    Attributes
    ----------
    thresholder : fairlearn.postprocessing.InterpolatedThresholder
        Fairlearn's own predictor. Its estimator returns the score column of a DataFrame, or an
        array of scores unchanged; :meth:`thresholder_of` replaces it by a model.
    problem : Problem
        What was asked for.
    score : str
        The score column.
    sensitive_features : tuple of str
        The group columns.
    solution : Solution
        The chosen point, with the curves that it was chosen from.
    objective_bound : float
        The largest possible loss of the objective by binning; 0.0 without bins.
    mode : str
        ``"exact"``, ``"hulls"`` or ``"binned"``.
    counts : DataFrame
        Rows and positives per group.
    rules : GroupRules
        The rule of each group as plain numbers.
    """

    thresholder: InterpolatedThresholder
    problem: Problem
    score: str
    sensitive_features: tuple[str, ...]
    solution: Solution
    objective_bound: float
    mode: str
    counts: pd.DataFrame
    rules: GroupRules

    @property
    def curves(self) -> dict[Hashable, pd.DataFrame]:
        """Per group: x, y, p0, operation0, p1, operation1 on the grid of ``x``."""
        return self.solution.curves

    @property
    def overall_curve(self) -> pd.DataFrame | None:
        """The x and y of all groups together; None with ``tol``."""
        return self.solution.overall

    @property
    def x_best(self) -> dict[Hashable, float]:
        """The constrained metric per group."""
        return self.solution.x_best

    @property
    def objective_value(self) -> float:
        """The objective on the fitted data."""
        return self.solution.objective_value

    def totals(self) -> dict[str, Any]:
        """Return what was fitted."""
        asked = {"constraints": self.problem.constraints, "objective": self.problem.objective}
        return {"groups": len(self.x_best), **asked, "mode": self.mode}

    def _tables(self) -> Tables:
        whole = {} if self.overall_curve is None else {"overall_curve": self.overall_curve.copy}
        return {"thresholds": self._thresholds, "curves": self._curves, **whole}

    def _numbers(self) -> dict[str, float]:
        bound = self.objective_bound
        return {self.problem.objective: self.objective_value, "lost_by_bins_at_most": bound}

    def _thresholds(self) -> pd.DataFrame:
        """Return the rule of each group: operation0 with probability p0, else operation1."""
        rules = self.thresholder.interpolation_dict
        rows = [
            {"group": group_label(group), "constrained": self.x_best[group], **rules[group]}
            for group in self.x_best
        ]
        return pd.DataFrame(rows)

    def _curves(self) -> pd.DataFrame:
        parts = [
            curve.assign(group=group_label(group)).set_index("group").reset_index()
            for group, curve in self.curves.items()
        ]
        return pd.concat(parts, ignore_index=True)

    def thresholder_of(
        self, estimator: Any, predict_method: str = "auto"
    ) -> InterpolatedThresholder:
        """Return Fairlearn's predictor around a fitted model that gives these scores."""
        rules = self.thresholder.interpolation_dict
        made = InterpolatedThresholder(estimator, rules, True, predict_method)
        return made.fit(None, None)

    def predict_proba(
        self, frame: Any, *, output: str = "probability", unseen: str = "error"
    ) -> Any:
        """Add the probability of a positive prediction to a frame; lazy if the frame is.

        Parameters
        ----------
        frame : DataFrame
            With the score and group columns; the result is the same kind of frame.
        output : str
            The new column, float64; null where the score is missing.
        unseen : str
            ``"error"`` for rows of groups that were not fitted, or ``"zero"``: probability 0, as
            Fairlearn gives them.
        """
        function = PredictRows(self.rules, self.score, output, _checked_unseen(unseen))
        return self._with(frame, function, pa.float64())

    def predict(
        self,
        frame: Any,
        *,
        random_state: int,
        key_columns: Sequence[str] | str,
        output: str = "prediction",
        unseen: str = "error",
    ) -> Any:
        """Add a random prediction (0 or 1) to a frame; lazy if the frame is.

        Parameters
        ----------
        frame, unseen : see :meth:`predict_proba`
        random_state : int
            The seed.
        key_columns : str or sequence of str
            Columns that identify a row. The draw is a hash of the seed and these, so that a row
            gets the same prediction on every engine and partitioning; rows with the same key share
            a draw.
        output : str
            The new column, int64; null where the score is missing.
        """
        names = column_names("key_columns", key_columns)
        unseen = _checked_unseen(unseen)
        function = PredictRows(self.rules, self.score, output, unseen, names, int(random_state))
        return self._with(frame, function, pa.int64())

    def _with(self, frame: Any, function: PredictRows, kind: pa.DataType) -> Any:
        inputs = rule_columns(self.sensitive_features, self.score, function.key or ())
        outputs = pa.schema([(function.output, kind)])
        engine = engine_of(frame)
        return engine.with_columns(
            frame, function, outputs, inputs=inputs, label="threshold predictions"
        )


def column_names(what: str, names: Sequence[str] | str) -> tuple[str, ...]:
    """Return the columns as a tuple; at least one."""
    found = tuple(names_of(names))
    if not found:
        raise ConfigError(f"{what} must name at least one column.")
    return found


def _checked_unseen(unseen: str) -> str:
    if unseen not in ("error", "zero"):
        raise ConfigError(f"unseen must be 'error' or 'zero'; found {unseen!r}.")
    return unseen
