"""Typed options of the reductions: the training rows, the solver and the grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from fairlearn.reductions import ExponentiatedGradient, GridSearch, Moment

from rai_scale.errors import OptionError, did_you_mean

ROW_LIMIT = 5_000_000
TRAIN_ON = ("rows", "distinct_rows")
SELECTION_RULE = "tradeoff_optimization"
Selection = str | Callable[[list[float], pd.DataFrame], int]


@dataclass(frozen=True)
class TrainingRows:
    """How rows are brought to a learner that trains on one machine.

    Parameters
    ----------
    train_on : {"rows", "distinct_rows"}
        With ``"distinct_rows"`` the engine counts equal rows, and each distinct row is trained on
        once, with its count in its weight. This suits learners for which a row of weight 2 equals
        two rows (linear models, trees without limits on the rows of a leaf).
    row_order : str, optional
        Column by which rows are sorted before training. A grid starts from the group of the first
        row, as in Fairlearn. Without ``row_order`` rows stay in the engine's order; on Spark they
        are sorted by all columns, so that the result does not depend on the partitions.
    max_rows : int
        The most rows that may be brought to one machine.
    sample_weight_name : str
        The parameter of the learner's ``fit`` that takes the weights of the rows.

    Raises
    ------
    OptionError
        If ``train_on`` is unknown or ``max_rows`` is not an integer of 1 or more.
    """

    train_on: str = "rows"
    row_order: str | None = None
    max_rows: int = ROW_LIMIT
    sample_weight_name: str = "sample_weight"

    def __post_init__(self) -> None:
        if self.train_on not in TRAIN_ON:
            raise OptionError(
                f"train_on is {self.train_on!r}; choose one of {', '.join(TRAIN_ON)}."
                f"{did_you_mean(str(self.train_on), TRAIN_ON)}"
            )
        if not isinstance(self.max_rows, int) or self.max_rows < 1:
            raise OptionError(f"max_rows must be an integer of 1 or more; found {self.max_rows!r}.")


@dataclass(frozen=True)
class ReductionSolver:
    """The numbers of Fairlearn's exponentiated gradient, under Fairlearn's names.

    Parameters
    ----------
    eps : float
        Allowed violation of the constraints, above 0; the multipliers are bounded by ``1 / eps``.
    max_iter : int
        The most iterations, 1 or more; each fits the learner once.
    nu : float, optional
        Duality gap at which the iterations stop; None: computed from the errors of the first
        predictor.
    eta0 : float
        Initial learning rate.
    run_linprog_step : bool
        Whether a linear program over the predictors so far is solved after each iteration.

    Raises
    ------
    OptionError
        If ``eps`` is not above 0, or ``max_iter`` is below 1.
    """

    eps: float = 0.01
    max_iter: int = 50
    nu: float | None = None
    eta0: float = 2.0
    run_linprog_step: bool = True

    def __post_init__(self) -> None:
        if not self.eps > 0 or self.max_iter < 1:
            raise OptionError(
                "eps must be above 0 and max_iter 1 or more; "
                f"found eps={self.eps!r} and max_iter={self.max_iter!r}."
            )

    def mitigator(
        self, estimator: Any, constraints: Moment, objective: Moment | None, **given: Any
    ) -> ExponentiatedGradient:
        """Return Fairlearn's object with these numbers, not fitted yet."""
        return ExponentiatedGradient(
            estimator, constraints, objective=objective, **vars(self), **given
        )


@dataclass(frozen=True, eq=False)
class MultiplierGrid:
    """The Lagrange multipliers of Fairlearn's grid search, and the choice among its points.

    Parameters
    ----------
    grid_size : int
        Number of grid points.
    grid_limit : float
        Largest multiplier.
    grid_offset : pandas.Series, optional
        Shift of the grid, indexed by constraint.
    grid : pandas.DataFrame, optional
        The multipliers: constraints in rows, points in columns. The three parameters above are then
        ignored.
    selection_rule : {"tradeoff_optimization"} or callable
        Fairlearn's rule, the least ``(1 - constraint_weight) * objective + constraint_weight *
        largest violation``; or a function of (objectives, gammas) that returns the position.
    constraint_weight : float
        Weight of the violation in that rule, from 0 to 1.

    Raises
    ------
    OptionError
        If ``selection_rule`` is unknown or ``constraint_weight`` is outside 0 to 1.
    """

    grid_size: int = 10
    grid_limit: float = 2.0
    grid_offset: pd.Series | None = None
    grid: pd.DataFrame | None = None
    selection_rule: Selection = SELECTION_RULE
    constraint_weight: float = 0.5

    def __post_init__(self) -> None:
        if isinstance(self.selection_rule, str) and self.selection_rule != SELECTION_RULE:
            raise OptionError(
                f"selection_rule is {self.selection_rule!r}; use {SELECTION_RULE!r} or a function."
            )
        if not 0 <= self.constraint_weight <= 1:
            raise OptionError(
                f"constraint_weight must be between 0 and 1; found {self.constraint_weight!r}."
            )

    def mitigator(self, estimator: Any, constraints: Moment, **given: Any) -> GridSearch:
        """Return Fairlearn's object with these values, not fitted yet."""
        return GridSearch(
            estimator,
            constraints,
            **{**vars(self), "selection_rule": SELECTION_RULE},
            **given,
        )
