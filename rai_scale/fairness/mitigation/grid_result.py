"""The result of a grid search: Fairlearn's own object, and how to apply it to a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from fairlearn.reductions import ClassificationMoment, GridSearch

from rai_scale.engines.choose import engine_of
from rai_scale.engines.shared_object import publish_object
from rai_scale.fairness.mitigation.pareto_front import ParetoResult, pareto
from rai_scale.fairness.mitigation.reductions import Predict
from rai_scale.results import Result, Tables

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine


@dataclass(frozen=True, repr=False)
class GridSearchResult(Result):
    """A fitted grid: Fairlearn's own object, and how to apply it to a frame.

    Attributes
    ----------
    mitigator : fairlearn.reductions.GridSearch
        With ``predictors_``, ``lambda_vecs_``, ``gammas_``, ``objectives_`` and ``best_idx_``.
    features : tuple of str
        The columns that the predictors read, in order.
    categories : dict
        The categories of each categorical feature.
    """

    mitigator: GridSearch
    features: tuple[str, ...]
    categories: dict[str, list[Any]]

    @property
    def predictors_(self) -> list[Any]:
        """One fitted estimator per grid point."""
        return self.mitigator.predictors_

    @property
    def lambda_vecs_(self) -> pd.DataFrame:
        """The multipliers: constraints in rows, grid points in columns."""
        return self.mitigator.lambda_vecs_

    @property
    def gammas_(self) -> pd.DataFrame:
        """The violations: constraints in rows, grid points in columns."""
        return self.mitigator.gammas_

    @property
    def objectives_(self) -> list[float]:
        """The error (or mean loss) of each predictor on the training rows."""
        return self.mitigator.objectives_

    @property
    def best_idx_(self) -> int:
        """The position of the chosen grid point."""
        return self.mitigator.best_idx_

    def candidates(self) -> dict[str, Any]:
        """Return the predictors by name (``grid 0``, ...), for :func:`evaluate_candidates`."""
        return {f"grid {i}": predictor for i, predictor in enumerate(self.predictors_)}

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return the chosen predictor's predictions for a pandas frame of the features."""
        return self.mitigator.predict(X)

    def apply(
        self,
        frame: Any,
        output: str = "prediction",
        *,
        index: int | None = None,
        engine: Engine | None = None,
    ) -> Any:
        """Add the predictions of one predictor (by default the chosen one); lazy.

        The column is int64 for classification and float64 for regression.
        """
        engine = engine or engine_of(frame)
        predictor = self.predictors_[self.best_idx_ if index is None else index]
        classifies = isinstance(self.mitigator.constraints, ClassificationMoment)
        outputs = pa.schema([(output, pa.int64() if classifies else pa.float64())])
        file = publish_object(engine, {output: predictor.predict})
        function = Predict(file, self.features, self.categories, outputs)
        return engine.with_columns(
            frame, function, outputs, inputs=self.features, label="grid_search"
        )

    def pareto(self) -> ParetoResult:
        """Return all grid points, by objective and largest violation on the training rows.

        For other rows than the training rows, see
        :func:`rai_scale.fairness.mitigation.candidates.evaluate_candidates`.
        """

        def selected(table: pd.DataFrame) -> str:
            """The selection of the grid search, made on the training rows."""
            return f"grid {self.best_idx_}"

        return pareto(
            self._points().assign(candidate=list(self.candidates())),
            performance="objective",
            disparity="largest_violation",
            higher_is_better=False,
            rule=selected,
        )

    def totals(self) -> dict[str, int]:
        """Return how many points were fitted."""
        constraints, features = len(self.lambda_vecs_), len(self.features)
        return {"points": len(self.objectives_), "constraints": constraints, "features": features}

    def _tables(self) -> Tables:
        return {"points": self._points}

    def _points(self) -> pd.DataFrame:
        """Return one row per grid point: objective, largest violation, and whether it is chosen."""
        return pd.DataFrame(
            {
                "objective": self.objectives_,
                "largest_violation": self.gammas_.max().to_numpy(),
                "chosen": np.arange(len(self.objectives_)) == self.best_idx_,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the grid as plain values: per point its multipliers, violations and objective."""
        names = [str(name) for name in self.lambda_vecs_.index]
        return {
            "best": self.best_idx_,
            "constraints": names,
            "lambda": self.lambda_vecs_.T.to_numpy().tolist(),
            "gamma": self.gammas_.T.to_numpy().tolist(),
            "objective": [float(value) for value in self.objectives_],
        }

    def to_html(self) -> str:
        """Return a page of all grid points."""
        return self.pareto().to_html()

    def _numbers(self) -> dict[str, float]:
        """Return objective and largest violation of the chosen point."""
        chosen = self._points().iloc[self.best_idx_]
        return {name: float(chosen[name]) for name in ("objective", "largest_violation")}
