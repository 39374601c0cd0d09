"""Any model as an estimator that scikit-learn's scorers accept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from rai_scale.models.model import CheckedModel


def as_estimator(model: CheckedModel) -> Any:
    """Return the model itself if it is a scikit-learn estimator, otherwise a wrapper."""
    own = model.estimator
    if hasattr(own, "fit") and hasattr(own, "predict"):
        return own
    return _classifier(model) if model.classes is not None else _regressor(model)


def _classifier(model: CheckedModel) -> Any:
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        """Returns the model's probabilities and predicts the most likely class."""

        classes_ = np.asarray(model.classes)

        def fit(self, rows: Any, label: Any = None) -> Any:
            """Return the estimator; the model is already fitted."""
            return self

        def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
            """Return probabilities (rows, classes)."""
            return model.predict(rows)

        def predict(self, rows: pd.DataFrame) -> np.ndarray:
            """Return the most likely class."""
            return np.asarray(self.classes_[model.predict(rows).argmax(axis=1)])

    return Classifier()


def _regressor(model: CheckedModel) -> Any:
    from sklearn.base import BaseEstimator, RegressorMixin

    class Regressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
        """Returns the model's values."""

        fitted_ = True

        def fit(self, rows: Any, label: Any = None) -> Any:
            """Return the estimator; the model is already fitted."""
            return self

        def predict(self, rows: pd.DataFrame) -> np.ndarray:
            """Return values."""
            return model.predict(rows)[:, 0]

    return Regressor()
