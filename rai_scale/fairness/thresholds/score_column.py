"""A fitted estimator that returns a column of its input, for Fairlearn's classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator


class ScoreColumn(BaseEstimator):
    """An estimator whose prediction is the score in its input.

    Parameters
    ----------
    name : str
        The score column of a DataFrame; an array is used as the scores.
    """

    def __init__(self, name: str = "score") -> None:
        self.name = name

    def fit(self, X: Any, y: Any = None) -> ScoreColumn:
        """Return itself; there is nothing to fit."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X: Any) -> np.ndarray:
        """Return the scores as float64, shape (rows,)."""
        values = X[self.name] if isinstance(X, pd.DataFrame) else X
        return np.asarray(values, dtype=np.float64).reshape(-1)
