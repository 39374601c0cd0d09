"""Shapley values from a sample of coalitions, with an error for each value.

Background rows are divided among a small set of independent designs of coalitions, which all
explained rows share. Each design is evaluated on its own background rows only: the errors of
different designs average out, whereas a single design for the whole background would repeat the
same error for each background row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import pandas as pd

from rai_scale.explanations.local.coalition_means import Evaluation
from rai_scale.explanations.local.coalitions import FOLDS, Design, make_design, smallest_budget
from rai_scale.explanations.local.kernel_solver import Solver, make_solver
from rai_scale.explanations.local.values import LocalValues, Task

DESIGNS = 64
"""Largest number of designs; more would gain little."""
MOST_CELLS = 5_000_000
"""Limit of features times coalitions of all designs, which bounds the memory of their maps."""
MOST_EVALS = 100_000
EVALS_PER_FEATURE = 10
"""Default number of coalitions per feature."""
STANDARD_ERRORS = 2
"""Half-width of the interval, which contains the exact value in at least 95 % of cases."""
_PILOT_ROWS = 16


def default_evals(features: int) -> int:
    """Return the default number of coalitions."""
    return max(EVALS_PER_FEATURE * features, smallest_budget(features))


@dataclass(frozen=True)
class KernelShap:
    """Samples ``evals`` coalitions per row and background row.

    Parameters
    ----------
    task : Task
        The model's output, the background and the options.
    evals : int
        Number of coalitions. Multiplied by the number of background rows, it is the number of
        predictions per explained row.
    """

    task: Task
    evals: int
    prefix: ClassVar[str] = "shap"
    sampled: ClassVar[bool] = True

    @cached_property
    def groups(self) -> list[np.ndarray]:
        """Background rows of each design."""
        count = len(self.task.background)
        order = np.random.default_rng([self.task.random_state, 0]).permutation(count)
        fitting = max(FOLDS, MOST_CELLS // (self.task.features * self.evals))
        return np.array_split(order, min(count, DESIGNS, fitting))

    @cached_property
    def designs(self) -> list[Design]:
        """One design per group, each drawn from its own random numbers."""
        seed, features = self.task.random_state, self.task.features
        return [
            make_design(features, self.evals, np.random.default_rng([seed, 1, number]))
            for number in range(len(self.groups))
        ]

    @cached_property
    def _evaluation(self) -> Evaluation:
        masks, other = [], []
        for group, design in zip(self.groups, self.designs, strict=True):
            masks.append(np.repeat(design.masks, len(group), axis=0))
            other.append(np.tile(group, len(design.masks)))
        return Evaluation(np.concatenate(masks), np.concatenate(other))

    def explain(self, rows: pd.DataFrame, hashes: np.ndarray) -> LocalValues:
        """Explain rows; see :class:`~rai_scale.explanations.local.values.LocalExplainer`."""
        task = self.task
        prediction = task.output.in_blocks(rows)
        values = np.empty((len(rows), FOLDS, task.features, prediction.shape[1]))
        variance = np.empty((len(rows), task.features, prediction.shape[1]))
        step = self._evaluation.rows_at_once
        for start in range(0, len(rows), step):
            outputs = self._evaluation.run(task, rows.iloc[start : start + step])
            for number, one in enumerate(outputs, start):
                values[number], variance[number] = self._solve(one, prediction[number])
        base = np.broadcast_to(task.base, prediction.shape)
        error = self._half_width(variance)
        return LocalValues(prediction, base, values.mean(axis=1), error, values)

    def _solve(self, outputs: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each fold's values of one row and the variances of their mean."""
        game = np.add.reduceat(outputs, self._starts, axis=0) / self._sizes[:, None]
        game = game.reshape(len(self.groups), -1, outputs.shape[1]) - self._none[:, None]
        return self._solver.solve(game, prediction - self._none)

    @cached_property
    def _sizes(self) -> np.ndarray:
        """Number of background rows in the mean of each coalition."""
        return np.repeat([len(group) for group in self.groups], len(self.designs[0].masks))

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(self._sizes)[:-1]])

    @cached_property
    def _none(self) -> np.ndarray:
        """Output of the empty coalition of each group, shape (groups, outputs)."""
        return np.stack([self.task.background_output[group].mean(axis=0) for group in self.groups])

    @cached_property
    def _solver(self) -> Solver:
        shares = np.array([len(group) for group in self.groups]) / len(self.task.background)
        return make_solver(self.designs, shares)

    def _half_width(self, variance: np.ndarray) -> np.ndarray:
        """Return two standard errors.

        The proxies of the folds are estimates too, and the spread around them does not include
        their error. As in a regression with d coefficients and n pairs, the variance grows by a
        share of d / n.
        """
        design = self.designs[0]
        pairs = len(design.fold) / 2
        return STANDARD_ERRORS * np.sqrt(variance * (1 + self.task.features / pairs))


def evals_for_error(task: Task) -> int:
    """Return the number of coalitions for which 95 % of errors are below ``target_error``.

    A pilot on some background rows measures the error with the default number. Errors decrease with
    the square root of the number of pairs.
    """
    wanted = task.sampling.target_error
    assert wanted is not None
    evals = default_evals(task.features)
    pilot = KernelShap(task, evals)
    rows = task.background.iloc[_pilot_rows(task)]
    error = pilot.explain(rows, np.zeros(len(rows), np.uint64)).error
    found = float(np.quantile(error, 0.95)) if error is not None else 0.0
    fixed = pilot.designs[0].complete
    return max(smallest_budget(task.features), int(fixed + (evals - fixed) * (found / wanted) ** 2))


def _pilot_rows(task: Task) -> list[int]:
    rng = np.random.default_rng([task.random_state, 2])
    count = len(task.background)
    return list(map(int, rng.permutation(count)[:_PILOT_ROWS]))
