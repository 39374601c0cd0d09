"""Reductions with a learner that trains on the engine, so that no rows leave it.

Fairlearn's algorithm sees one row per cell (control features, sensitive features, label) with its
count. The learner runs on the engine: labels and weights of cells become two columns of the frame,
and predictions are returned as counts per cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
from fairlearn.reductions import ExponentiatedGradient, Moment
from sklearn.dummy import DummyClassifier

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError
from rai_scale.fairness.mitigation.cell_lookup import CellLookup
from rai_scale.fairness.mitigation.cell_moments import CountedParity, counted
from rai_scale.fairness.mitigation.gradient_reduction import first_response
from rai_scale.fairness.mitigation.options import ReductionSolver
from rai_scale.fairness.mitigation.reductions import Training, moment_of
from rai_scale.names import names_of
from rai_scale.statistics.cells import Cells, count_cells
from rai_scale.upstream.fairlearn import ACCURACY_MUL

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

LABEL, WEIGHT, PREDICTION = "_rai_label", "_rai_weight", "_rai_prediction"


class EngineModel(Protocol):
    """A model that predicts on the engine."""

    def predict(self, frame: Any, output: str) -> Any:
        """Return ``frame`` with a column ``output`` of 0 and 1; lazy."""


class EngineLearner(Protocol):
    """A learner that trains on the engine, for example a wrapped Spark ML estimator."""

    def fit(self, frame: Any, label: str, weight: str) -> EngineModel:
        """Train on the columns ``label`` (int64, 0 or 1) and ``weight`` (float64)."""


@dataclass
class CellOracle:
    """The learner for Fairlearn: it is fitted on cells, and predicts cells."""

    learner: EngineLearner
    engine: Engine
    frame: Any
    cells: Cells
    model: EngineModel | None = None
    answers: np.ndarray | None = field(default=None, repr=False)

    def __sklearn_clone__(self) -> CellOracle:
        return CellOracle(self.learner, self.engine, self.frame, self.cells)

    def __deepcopy__(self, memo: dict[int, Any]) -> CellOracle:
        return self.__sklearn_clone__()  # a frame of an engine is not copied

    def fit(self, X: Any, y: Any, sample_weight: Any) -> CellOracle:
        """Train the learner on the frame; ``sample_weight`` is the weight of all rows of a cell."""
        weights = np.asarray(sample_weight, dtype=np.float64) / self.cells.count
        values = {LABEL: np.asarray(y, dtype=np.int64), WEIGHT: weights}
        outputs = pa.schema([(LABEL, pa.int64()), (WEIGHT, pa.float64())])
        keys = list(self.cells.keys.columns)
        lookup = CellLookup(self.cells.keys, values)
        weighted = self.engine.with_columns(
            self.frame, lookup, outputs, inputs=keys, label="reductions"
        )
        self.model = self.learner.fit(weighted, LABEL, WEIGHT)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the share of predictions 1 in each cell, counted by the engine."""
        if self.answers is None:
            assert self.model is not None, "call fit before predict"
            keys = list(self.cells.keys.columns)
            predicted = self.model.predict(self.frame, PREDICTION)
            found = count_cells(self.engine, predicted, [*keys, PREDICTION])
            if not set(found.keys[PREDICTION].unique()) <= {0, 1}:
                raise ConfigError("the engine's model returned predictions other than 0 and 1.")
            ones = found.keys[keys].assign(n=found.count * found.keys[PREDICTION].to_numpy())
            total = ones.groupby(keys, sort=False)["n"].sum().rename("n").reset_index()
            merged = self.cells.keys.merge(total, on=keys, how="left", validate="one_to_one")
            self.answers = merged["n"].to_numpy(dtype=np.float64) / self.cells.count
        return self.answers


@dataclass(frozen=True)
class EngineMixture:
    """A randomised predictor whose parts run on the engine.

    Attributes
    ----------
    mitigator : fairlearn.reductions.ExponentiatedGradient
        Fitted on cells; its ``predictors_`` hold the models.
    """

    mitigator: ExponentiatedGradient

    @property
    def weights_(self) -> pd.Series:
        """The probability with which each model answers."""
        return self.mitigator.weights_

    @property
    def best_gap_(self) -> float:
        """The duality gap of the solution."""
        return float(self.mitigator.best_gap_)

    def apply(
        self, frame: Any, output: str = "probability", *, engine: Engine | None = None
    ) -> Any:
        """Add the probability of answer 1 (float64) of each row; lazy."""
        engine = engine or engine_of(frame)
        schema = engine.schema(frame)
        constant, parts = 0.0, {}
        for number, weight in self.weights_[self.weights_ > 0].items():
            part = self.mitigator.predictors_[number]
            if isinstance(part, DummyClassifier):
                constant += weight * float(part.constant)
                continue
            name = f"{PREDICTION}_{number}"
            parts[name] = float(weight)
            frame = part.model.predict(frame, name)
        mix = _Mix(tuple(schema.names), output, constant, parts)
        kept = [f for f in schema if f.name != output]
        outputs = pa.schema([*kept, pa.field(output, pa.float64())])
        inputs = [*schema.names, *parts]
        return engine.map_partitions(frame, mix, outputs, inputs=inputs, label="mixture")


@dataclass(frozen=True)
class _Mix:
    names: tuple[str, ...]
    output: str
    constant: float
    parts: dict[str, float]
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        total = np.full(table.num_rows, self.constant)
        for name, weight in self.parts.items():
            total += weight * table[name].to_numpy()
        kept = table.select([name for name in self.names if name != self.output])
        return kept.append_column(self.output, pa.array(total))


def exponentiated_gradient_on_engine(
    frame: Any,
    learner: EngineLearner,
    *,
    y_true: str,
    sensitive_features: str | Sequence[str],
    control_features: str | Sequence[str] = (),
    constraints: str | Moment = "EqualizedOdds",
    objective: Moment | None = None,
    solver: ReductionSolver = ReductionSolver(),
    engine: Engine | None = None,
) -> EngineMixture:
    """Fit Fairlearn's randomised predictor with a learner that trains on the engine.

    Memory on the driver depends only on the number of cells. Each step trains the learner once on
    the frame and counts its predictions once.

    Parameters
    ----------
    frame : pyspark, dask or pandas DataFrame, DuckDB relation or pyarrow Table
        The training rows.
    learner : EngineLearner
        ``fit(frame, label, weight)`` returns a model with ``predict(frame, output)``.
    y_true, sensitive_features, control_features : (sequence of) str
        Columns; labels are 0 and 1.
    constraints, objective, solver
        As in :func:`rai_scale.fairness.exponentiated_gradient`, classification only.
    engine : Engine, optional
        Found from the frame by default.

    Raises
    ------
    ConfigError, MissingColumnError
        If labels, groups, constraints or the model's predictions are invalid.

    Notes
    -----
    Agarwal et al. 2018, "A Reductions Approach to Fair Classification", algorithm 1.
    """
    engine = engine or engine_of(frame)
    moment = counted(moment_of(constraints))
    if not isinstance(moment, CountedParity):
        raise ConfigError("a learner on the engine needs a classification constraint.")
    sensitive, control = names_of(sensitive_features), names_of(control_features)
    keys = list(dict.fromkeys([*control, *sensitive, y_true]))
    cells = count_cells(engine, frame, keys)
    if cells.rows == 0:
        raise ConfigError("the table has no rows to train on.")
    if not set(cells.keys[y_true].unique()) <= {0, 1}:
        raise ConfigError(f"column {y_true!r} has labels other than 0 and 1; map them first.")
    of_control = cells.keys[control] if control else None
    y = cells.keys[y_true]
    data = Training(cells.keys, y, cells.keys[sensitive], of_control, cells.count)
    mitigator = solver.mitigator(
        CellOracle(learner, engine, frame, cells),
        moment,
        None if objective is None else counted(objective),
    )
    if solver.nu is None:
        h = first_response(mitigator, data)
        error = np.average(np.abs(h - y.to_numpy()), weights=cells.count)
        # the standard deviation of errors (0 or 1) over rows
        mitigator.nu = float(ACCURACY_MUL * np.sqrt(error * (1 - error) / (cells.rows - 1)))
    mitigator.fit(data.X, data.y, **data.features_of_people())
    return EngineMixture(mitigator)
