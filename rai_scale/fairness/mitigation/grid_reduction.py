"""Fairlearn's GridSearch with its grid points as parallel tasks of the engine."""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from fairlearn.reductions import GridSearch, Moment

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError
from rai_scale.fairness.mitigation.cell_moments import counted
from rai_scale.fairness.mitigation.grid_result import GridSearchResult
from rai_scale.fairness.mitigation.options import MultiplierGrid, Selection, TrainingRows
from rai_scale.fairness.mitigation.reductions import (
    Categories,
    TrainingColumns,
    collect_training,
    moment_of,
    noted_columns,
    read_training,
    training_of,
)
from rai_scale.upstream.fairlearn import GridGenerator

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine
    from rai_scale.engines.shared_file import SharedFile


@dataclass(frozen=True)
class FittedPoint:
    """The result of a task."""

    predictor: Any
    objective: float
    gamma: pd.Series
    seconds: float


@dataclass(frozen=True)
class FitPoint:
    """The task: Fairlearn's GridSearch on a grid of one point."""

    file: SharedFile
    estimator: Any
    constraints: Moment
    sample_weight_name: str

    def __call__(self, point: pd.DataFrame) -> FittedPoint:
        """Fit the point; ``point`` is one column of multipliers."""
        data = self.file.load(read_training)
        search = GridSearch(
            self.estimator,
            counted(self.constraints),
            grid=point,
            sample_weight_name=self.sample_weight_name,
        )
        search.fit(data.X, data.y, **data.features_of_people())
        gamma = search.gammas_.iloc[:, 0]
        seconds = search.oracle_execution_times_[0]
        return FittedPoint(search.predictors_[0], search.objectives_[0], gamma, seconds)


def grid_search(
    frame: Any,
    estimator: Any,
    *,
    features: str | Sequence[str],
    y_true: str,
    sensitive_features: str | Sequence[str],
    control_features: str | Sequence[str] = (),
    constraints: str | Moment = "EqualizedOdds",
    grid: MultiplierGrid = MultiplierGrid(),
    training: TrainingRows = TrainingRows(),
    categorical_features: Categories = (),
    engine: Engine | None = None,
) -> GridSearchResult:
    """Fit one estimator per point of a grid of Lagrange multipliers, in parallel.

    The labels and weights of each point are Fairlearn's; each task runs Fairlearn's ``GridSearch``
    on its point. The learner trains on one machine: the columns that are named here are brought to
    the driver and published once to all workers as a Parquet file, where each task needs memory
    for these rows. Fairlearn's dense constraint matrix is never built.

    Parameters
    ----------
    frame : pyspark, dask or pandas DataFrame, DuckDB relation or pyarrow Table
        The training rows.
    estimator : object
        With ``fit(X, y, sample_weight=...)`` and ``predict(X)``; ``X`` is a pandas frame.
    features, y_true, sensitive_features, control_features : (sequence of) str
        Columns. Labels are 0 and 1, except with ``BoundedGroupLoss``, which takes no control
        features.
    constraints : str or fairlearn.reductions.Moment
        A name such as ``"EqualizedOdds"``, or a moment with bounds of its own.
    grid : MultiplierGrid
        ``grid_size``, ``grid_limit``, ``grid_offset``, ``grid``, ``selection_rule``,
        ``constraint_weight`` as in ``fairlearn.reductions.GridSearch``.
    training : TrainingRows
        How rows are brought to the learner.
    categorical_features : sequence of str, or mapping of str to sequence
        Features that get the pandas category dtype, with their categories if a mapping. The
        category dtypes of a pandas or dask frame are kept.
    engine : Engine, optional
        Found from the frame by default.

    Returns
    -------
    GridSearchResult
        ``predictors_``, ``lambda_vecs_``, ``gammas_``, ``objectives_``, ``best_idx_`` as
        Fairlearn's on the same rows.

    Raises
    ------
    ConfigError, MissingColumnError, WorkerError
        If labels, groups or options cannot be used, there are too many rows, or a learner failed.

    Notes
    -----
    Agarwal et al. 2018, "A Reductions Approach to Fair Classification", section 3.4.

    Fairlearn's own ``GridSearch`` takes no control features since 0.13, because its ``ErrorRate``
    refuses them; here they reach the constraints, and the error rate is that of all rows. With
    control features Fairlearn's ``TruePositiveRateParity`` and ``FalsePositiveRateParity`` make
    constraints of both labels, as ``EqualizedOdds`` does; these are kept.
    """
    engine = engine or engine_of(frame)
    roles = TrainingColumns.of(features, y_true, sensitive_features, control_features)
    moment = moment_of(constraints)
    name = training.sample_weight_name
    search = grid.mitigator(estimator, copy.deepcopy(moment), sample_weight_name=name)
    table = collect_training(
        engine, frame, roles, moment, training, categorical_features=categorical_features
    )
    points = _grid(search, table)
    task = (estimator, moment, name)
    fitted = _fit_points(engine, table, task, [points[[name]] for name in points.columns])
    _assemble(search, points, fitted, grid.selection_rule)
    return GridSearchResult(search, roles.features, noted_columns(table)[1])


def _grid(search: GridSearch, table: pa.Table) -> pd.DataFrame:
    """Return the multipliers, one column per point, as Fairlearn makes them."""
    data = training_of(table)
    moment = counted(copy.deepcopy(search.constraints))
    moment.load_data(None, data.y, **data.features_of_people())
    search.constraints_ = moment
    if search.grid is not None:
        return search.grid
    if not len(moment.pos_basis.columns):
        raise ConfigError(
            "there is a single group, so there is nothing to search; add sensitive features."
        )
    spanned = moment.default_objective_lambda_vec is not None
    return GridGenerator(
        search.grid_size,
        search.grid_limit,
        moment.pos_basis,
        moment.neg_basis,
        moment.neg_basis_present,
        spanned,
        search.grid_offset,
    ).grid


def _fit_points(
    engine: Engine, table: pa.Table, task: tuple[Any, Moment, str], points: list[pd.DataFrame]
) -> list[FittedPoint]:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "training.parquet")
        pq.write_table(table, path)
        file = engine.publish(path)
        return engine.map_tasks(FitPoint(file, *task), points, shared=[file])


def _assemble(
    search: GridSearch, points: pd.DataFrame, fitted: list[FittedPoint], selection: Selection
) -> None:
    """Set the attributes that ``fit`` of Fairlearn's object would set."""
    names = list(points.columns)
    search.predictors_ = [point.predictor for point in fitted]
    search.objectives_ = [point.objective for point in fitted]
    search.oracle_execution_times_ = [point.seconds for point in fitted]
    search.lambda_vecs_ = pd.DataFrame({n: points[n] for n in names}, dtype=np.float64)
    gammas = {name: point.gamma for name, point in zip(names, fitted, strict=True)}
    search.gammas_ = pd.DataFrame(gammas, dtype=np.float64)
    if callable(selection):
        search.best_idx_ = int(selection(search.objectives_, search.gammas_))
        return
    worst = search.gammas_.max()
    losses = [
        search.objective_weight * objective + search.constraint_weight * worst[name]
        for name, objective in zip(names, search.objectives_, strict=True)
    ]
    search.best_idx_ = losses.index(min(losses))
