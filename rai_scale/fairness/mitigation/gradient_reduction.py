"""Fairlearn's ExponentiatedGradient over counted rows."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from fairlearn.reductions import ClassificationMoment, ExponentiatedGradient, Moment

from rai_scale.engines.choose import engine_of
from rai_scale.engines.shared_object import publish_object
from rai_scale.fairness.mitigation.cell_moments import counted
from rai_scale.fairness.mitigation.options import ReductionSolver, TrainingRows
from rai_scale.fairness.mitigation.reductions import (
    Categories,
    Predict,
    Training,
    TrainingColumns,
    collect_training,
    moment_of,
    noted_columns,
    training_of,
)
from rai_scale.results import Result, Tables
from rai_scale.upstream.fairlearn import ACCURACY_MUL, Lagrangian, expected_predictions

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine


@dataclass(frozen=True, repr=False)
class ExponentiatedGradientResult(Result):
    """A fitted randomised predictor: Fairlearn's own object, and how to apply it to a frame.

    Attributes
    ----------
    mitigator : fairlearn.reductions.ExponentiatedGradient
        With ``predictors_``, ``weights_``, ``best_gap_``, ``n_oracle_calls_`` and its other
        attributes.
    features : tuple of str
        The columns that the predictors read, in order.
    categories : dict
        The categories of each categorical feature.
    """

    mitigator: ExponentiatedGradient
    features: tuple[str, ...]
    categories: dict[str, list[Any]]

    @property
    def predictors_(self) -> pd.Series:
        """The distinct best responses."""
        return self.mitigator.predictors_

    @property
    def weights_(self) -> pd.Series:
        """The probability with which each predictor answers."""
        return self.mitigator.weights_

    @property
    def best_gap_(self) -> float:
        """The duality gap of the solution."""
        return float(self.mitigator.best_gap_)

    def totals(self) -> dict[str, int]:
        """Return the number of predictors, and how many were fitted."""
        fits = self.mitigator.n_oracle_calls_
        used = int((self.weights_ > 0).sum())
        return {"predictors": used, "fits": fits, "features": len(self.features)}

    def _tables(self) -> Tables:
        return {"predictors": self._weights}

    def _numbers(self) -> dict[str, float]:
        return {"best_gap": float(self.best_gap_), **self.totals()}

    def _weights(self) -> pd.DataFrame:
        kinds = [type(predictor).__name__ for predictor in self.predictors_]
        weights = self.weights_.reindex(self.predictors_.index).to_numpy()
        return pd.DataFrame({"predictor": self.predictors_.index, "kind": kinds, "weight": weights})

    def expected(self, X: pd.DataFrame) -> np.ndarray:
        """Return each row's probability of prediction 1 (in regression, the mean prediction)."""
        return _Expected(self.mitigator)(X)

    def predict(self, X: pd.DataFrame, random_state: int | None = None) -> np.ndarray:
        """Return Fairlearn's randomised predictions for a pandas frame of the features."""
        return self.mitigator.predict(X, random_state=random_state)

    def apply(
        self, frame: Any, output: str = "probability", *, engine: Engine | None = None
    ) -> Any:
        """Add :meth:`expected` (float64) for each row; lazy.

        To draw a prediction, compare it with a uniform random number: ``1`` if it is at least as
        large.
        """
        engine = engine or engine_of(frame)
        outputs = pa.schema([(output, pa.float64())])
        slim = copy.copy(self.mitigator)
        del slim.constraints_  # contains the training rows, which no worker needs
        file = publish_object(engine, {output: _Expected(slim)})
        function = Predict(file, self.features, self.categories, outputs)
        return engine.with_columns(
            frame, function, outputs, inputs=self.features, label="exponentiated_gradient"
        )


@dataclass(frozen=True)
class _Expected:
    mitigator: ExponentiatedGradient

    def __call__(self, X: pd.DataFrame) -> np.ndarray:
        answers, weights = expected_predictions(self.mitigator, X)
        if isinstance(self.mitigator.constraints, ClassificationMoment):
            return answers[:, 1]
        return answers[weights.index].dot(weights).to_numpy()


def exponentiated_gradient(
    frame: Any,
    estimator: Any,
    *,
    features: str | Sequence[str],
    y_true: str,
    sensitive_features: str | Sequence[str],
    control_features: str | Sequence[str] = (),
    constraints: str | Moment = "EqualizedOdds",
    objective: Moment | None = None,
    solver: ReductionSolver = ReductionSolver(),
    training: TrainingRows = TrainingRows(),
    categorical_features: Categories = (),
    engine: Engine | None = None,
) -> ExponentiatedGradientResult:
    """Fit Fairlearn's randomised predictor without its dense constraint matrix.

    Fairlearn's own algorithm runs on the driver, over rows with their cell number and count. Each
    step trains the learner once; steps depend on each other, so they are not parallel. With
    ``train_on="distinct_rows"`` the engine counts equal rows, and memory and time depend only on
    the number of distinct rows. A learner that trains on the engine itself is fitted by
    :func:`rai_scale.fairness.mitigation.engine_learner.exponentiated_gradient_on_engine`.

    Parameters
    ----------
    frame : pyspark, dask or pandas DataFrame, DuckDB relation or pyarrow Table
        The training rows.
    estimator : object
        With ``fit(X, y, sample_weight=...)`` and ``predict(X)``; ``X`` is a pandas frame.
    features, y_true, sensitive_features, control_features : (sequence of) str
        Columns. Labels are 0 and 1, except with ``BoundedGroupLoss``.
    constraints : str or fairlearn.reductions.Moment
        A name such as ``"EqualizedOdds"``, or a moment with bounds of its own.
    objective : fairlearn.reductions.Moment, optional
        What is minimised; by default the constraints' own objective.
    solver : ReductionSolver
        ``eps``, ``max_iter``, ``nu``, ``eta0``, ``run_linprog_step`` as in
        ``fairlearn.reductions.ExponentiatedGradient``.
    training : TrainingRows
        How rows are brought to the learner. ``"distinct_rows"`` costs one more fit if ``nu`` is not
        given, because ``nu`` is computed from the first predictor's errors on all rows.
    categorical_features, engine
        As in :func:`rai_scale.fairness.grid_search`.

    Returns
    -------
    ExponentiatedGradientResult
        ``weights_`` and ``predictors_`` as Fairlearn's on the same rows.

    Raises
    ------
    ConfigError, MissingColumnError
        If labels, groups or options cannot be used, or there are too many rows.

    Notes
    -----
    Agarwal et al. 2018, "A Reductions Approach to Fair Classification", algorithm 1.
    """
    engine = engine or engine_of(frame)
    roles = TrainingColumns.of(features, y_true, sensitive_features, control_features)
    moment = moment_of(constraints)
    table = collect_training(
        engine, frame, roles, moment, training, categorical_features=categorical_features
    )
    mitigator = solver.mitigator(
        estimator,
        counted(moment),
        None if objective is None else counted(objective),
        sample_weight_name=training.sample_weight_name,
    )
    fit_counted(mitigator, training_of(table))
    return ExponentiatedGradientResult(mitigator, roles.features, noted_columns(table)[1])


def fit_counted(mitigator: ExponentiatedGradient, data: Training) -> None:
    """Fit Fairlearn's object on counted rows."""
    if mitigator.nu is None and data.counts is not None:
        mitigator.nu = _nu(mitigator, data)
    mitigator.fit(data.X, data.y, **data.features_of_people())


def _nu(mitigator: ExponentiatedGradient, data: Training) -> float:
    """Return Fairlearn's default ``nu``, which it computes from rows of equal weight."""
    assert data.counts is not None
    errors = np.abs(first_response(mitigator, data) - data.y.to_numpy())
    mean, rows = np.average(errors, weights=data.counts), np.sum(data.counts)
    std = np.sqrt(np.sum((errors - mean) ** 2 * data.counts) / (rows - 1))
    return float(ACCURACY_MUL * std / np.sqrt(rows))


def first_response(mitigator: ExponentiatedGradient, data: Training) -> np.ndarray:
    """Return the first step's predictions for the rows."""
    bound = 1 / mitigator.eps
    lagrangian = Lagrangian(
        X=data.X,
        y=data.y,
        estimator=mitigator.estimator,
        constraints=mitigator.constraints,
        B=bound,
        objective=copy.deepcopy(mitigator.objective),
        sample_weight_name=mitigator.sample_weight_name,
        **data.features_of_people(),
    )
    index = lagrangian.constraints.index
    h, _ = lagrangian.best_h(pd.Series(bound / (1 + len(index)), index))
    return np.asarray(h(data.X), dtype=np.float64).reshape(-1)
