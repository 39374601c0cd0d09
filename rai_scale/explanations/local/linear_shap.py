"""Shapley values of linear models: coefficient times distance from the background's mean."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import pandas as pd

from rai_scale.explanations.local.additivity import not_additive, probe_rows
from rai_scale.explanations.local.values import LocalValues, Task
from rai_scale.models.unwrap import MethodUnfit


@dataclass(frozen=True)
class LinearShap:
    """Interventional values of a linear score, exact (Lundberg and Lee 2017, corollary 1).

    Equal to ``shap.LinearExplainer`` with an independent masker over the same background.
    """

    task: Task
    prefix: ClassVar[str] = "shap"
    sampled: ClassVar[bool] = False

    @cached_property
    def _mean(self) -> np.ndarray:
        return np.asarray(self.task.unwrapped.numbers(self.task.background).mean(axis=0))

    @cached_property
    def _weights(self) -> np.ndarray:
        """Coefficients, shape (features, outputs)."""
        coefficients = self.task.unwrapped.estimator.coef_
        if hasattr(coefficients, "toarray"):
            coefficients = coefficients.toarray()
        table = np.atleast_2d(np.asarray(coefficients, dtype=np.float64)).T
        return self.task.output.pick(table)

    def explain(self, rows: pd.DataFrame, hashes: np.ndarray) -> LocalValues:
        """Explain rows; see :class:`~rai_scale.explanations.local.values.LocalExplainer`."""
        prediction = self.task.output.in_blocks(rows)
        distance = self.task.unwrapped.numbers(rows) - self._mean
        values = distance[:, :, None] * self._weights
        values = values[:, self.task.unwrapped.positions(rows.columns)]
        return LocalValues(prediction, np.broadcast_to(self.task.base, prediction.shape), values)


def check_linear(task: Task) -> str:
    """Return the reason why linear SHAP is exact for the model.

    Raises
    ------
    MethodUnfit
        If it is not exact.
    """
    inner = task.unwrapped
    name = type(inner.estimator).__name__
    if not hasattr(inner.estimator, "coef_"):
        raise MethodUnfit(f"{name} is not linear")
    if task.output.kind == "probability" and task.output.model.classes is not None:
        raise MethodUnfit("probabilities of a linear classifier are not linear (raw scores are)")
    explainer = LinearShap(task)
    rows = probe_rows(task.background)
    if explainer._weights.shape[0] != task.features or explainer._mean.shape != (task.features,):
        raise MethodUnfit("the linear model does not have one coefficient per feature")
    if not_additive(explainer.explain(rows, np.zeros(len(rows), np.uint64))).any():
        raise MethodUnfit(f"predictions of {name} are not linear in its coefficients")
    return f"{name} is linear in its features"
