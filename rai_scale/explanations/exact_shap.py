"""Shapley values by enumeration of all coalitions; exact for any model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import pandas as pd

from rai_scale.explanations.coalitions import all_coalitions, exact_weights
from rai_scale.explanations.evaluate import Evaluation
from rai_scale.explanations.local_values import LocalValues, Task

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

    @cached_property
    def _parts(self) -> list[Evaluation]:
        """All coalitions but the empty and the full one, a few hundred at a time."""
        masks = all_coalitions(self.task.features)[1:-1]
        count = len(self.task.background)
        return [
            Evaluation(np.repeat(part, count, axis=0), np.tile(np.arange(count), len(part)))
            for part in (masks[i : i + _COALITIONS] for i in range(0, len(masks), _COALITIONS))
        ]

    def explain(self, rows: pd.DataFrame, hashes: np.ndarray) -> LocalValues:
        """Explain rows; see :class:`~rai_scale.explanations.local_values.LocalExplainer`."""
        task = self.task
        prediction = task.output.in_blocks(rows)
        base = np.broadcast_to(task.base, prediction.shape)
        games = [base[:, None, :]]
        for part in self._parts:
            outputs = part.run(task, rows)
            shape = (len(rows), -1, len(task.background), outputs.shape[-1])
            games.append(outputs.reshape(shape).mean(axis=2))
        game = np.concatenate([*games, prediction[:, None, :]], axis=1)
        values = np.stack([self._weights @ one for one in game])
        return LocalValues(prediction, base, values)
