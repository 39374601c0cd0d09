"""A model that scikit-learn's scorers take, whatever kind of model it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from rai_scale.models.model import Model


def as_estimator(model: Model) -> Any:
    """Return the model itself where scikit-learn knows it, or a wrapper that it knows."""
    own = model.model
    if hasattr(own, "fit") and hasattr(own, "predict"):
        return own
    return _classifier(model) if model.classes is not None else _regressor(model)


def _classifier(model: Model) -> Any:
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Classifier(ClassifierMixin, BaseEstimator):
        """Probabilities of the model; the likeliest class is predicted."""

        classes_ = np.asarray(model.classes)

        def fit(self, rows: Any, label: Any = None) -> Any:
            """Return itself: the model is fitted."""
            return self

        def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
            """Return probabilities (rows, classes)."""
            return model.predict(rows)

        def predict(self, rows: pd.DataFrame) -> np.ndarray:
            """Return the likeliest class."""
            return self.classes_[model.predict(rows).argmax(axis=1)]

    return Classifier()


def _regressor(model: Model) -> Any:
    from sklearn.base import BaseEstimator, RegressorMixin

    class Regressor(RegressorMixin, BaseEstimator):
        """Values of the model."""

        fitted_ = True

        def fit(self, rows: Any, label: Any = None) -> Any:
            """Return itself: the model is fitted."""
            return self

        def predict(self, rows: pd.DataFrame) -> np.ndarray:
            """Return values."""
            return model.predict(rows)[:, 0]

    return Regressor()
