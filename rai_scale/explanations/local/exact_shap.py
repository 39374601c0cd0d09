"""Shapley values by enumeration of all coalitions; exact for any model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import pandas as pd

from rai_scale.explanations.local.coalition_means import Evaluation
from rai_scale.explanations.local.coalitions import all_coalitions, exact_weights
from rai_scale.explanations.local.values import LocalValues, Task

MOST_FEATURES = 12
_COALITIONS = 256


@dataclass(frozen=True)
class ExactShap:
    """Enumerates 2**features coalitions per row, each over the whole background.

    Equal to ``shap.ExactExplainer`` with the same background.
    """

    task: Task
    prefix: ClassVar[str] = "shap"
    sampled: ClassVar[bool] = False

    @cached_property
    def _weights(self) -> np.ndarray:
        return exact_weights(self.task.features)

    def _parts(self) -> Iterator[Evaluation]:
        """Yield all coalitions but the empty and the full one, a few hundred at a time."""
        masks = all_coalitions(self.task.features)[1:-1]
        count = len(self.task.background)
        for start in range(0, len(masks), _COALITIONS):
            part = masks[start : start + _COALITIONS]
            other = np.tile(np.arange(count), len(part))
            yield Evaluation(np.repeat(part, count, axis=0), other)

    def explain(self, rows: pd.DataFrame, hashes: np.ndarray) -> LocalValues:
        """Explain rows; see :class:`~rai_scale.explanations.local.values.LocalExplainer`."""
        task = self.task
        prediction = task.output.in_blocks(rows)
        base = np.broadcast_to(task.base, prediction.shape)
        weights, count = self._weights[..., None], len(task.background)
        values = weights[:, 0] * base[:, None] + weights[:, -1] * prediction[:, None]
        for number, part in enumerate(self._parts()):
            first = 1 + number * _COALITIONS
            own = self._weights[:, first : first + len(part.other) // count]
            for start in range(0, len(rows), part.rows_at_once):
                outputs = part.run(task, rows.iloc[start : start + part.rows_at_once])
                shape = (len(outputs), -1, count, outputs.shape[-1])
                for at, game in enumerate(outputs.reshape(shape).mean(axis=2), start):
                    values[at] += own @ game
        return LocalValues(prediction, base, values)
