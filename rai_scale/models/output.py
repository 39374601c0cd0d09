"""The outputs of a model that are explained: probabilities or raw scores, of which classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.models.boosters import BoosterModel, XGBoostModel
from rai_scale.models.columns import in_blocks
from rai_scale.models.model import CheckedModel, class_names, model_input, scores_outliers
from rai_scale.upstream.sklearn import FORESTS, TREES

PREDICT_ROWS = 1024
_BINARY = 2


@dataclass(frozen=True)
class ModelOutput:
    """The outputs of a model that are explained.

    Attributes
    ----------
    model : CheckedModel
    kind : {"probability", "raw"}
        See :class:`~rai_scale.models.model.Model`.
    picked : tuple of int
        Positions of the explained outputs among all outputs.
    labels : tuple of str
        Names of the explained classes; empty if there is a single output.
    """

    model: CheckedModel
    kind: str
    picked: tuple[int, ...]
    labels: tuple[str, ...]

    def __call__(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the explained outputs, float64 of shape (rows, outputs)."""
        if self.kind == "probability":
            return self.model.predict(frame)[:, list(self.picked)]
        raw = raw_function(self.model.estimator)(frame[list(self.model.features)])
        return self.pick(np.asarray(raw, dtype=np.float64).reshape(len(frame), -1))

    def pick(self, values: np.ndarray) -> np.ndarray:
        """Return the explained outputs of an array of shape (..., outputs).

        A single score of a binary model is the score of the second class.
        """
        if values.shape[-1] == 1 and self.model.outputs == _BINARY:
            values = np.concatenate([-values, values], axis=-1)
        if values.shape[-1] != self.model.outputs:
            raise ConfigError(
                f"the model returns {values.shape[-1]} raw scores per row for {self.model.outputs} "
                "outputs; give Model(..., output='probability')."
            )
        return values[..., list(self.picked)]

    def in_blocks(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the outputs, computed in blocks of a fixed number of rows."""
        done = [self(frame.iloc[block]) for block in in_blocks(len(frame), PREDICT_ROWS)]
        return np.concatenate([np.empty((0, len(self.picked))), *done])[: len(frame)]


def make_output(model: CheckedModel, kind: str, explain_class: Any) -> ModelOutput:
    """Return the output of this kind for ``explain_class`` or, if it is ``None``, by default.

    Raises
    ------
    ConfigError
        If the class is not one of the model's, or the model has no such output.
    """
    estimator = model.estimator
    if kind == "raw":
        raw_function(estimator)
    elif class_names(estimator) is not None and not hasattr(estimator, "predict_proba"):
        raise ConfigError("the classifier has no probabilities; give Model(..., output='raw').")
    elif scores_outliers(estimator):
        raise ConfigError(
            "the model predicts outlier labels; give Model(..., output='raw') to explain its "
            "decision_function."
        )
    if model.classes is None:
        if explain_class is not None:
            raise ConfigError("explain_class is for classifiers, and this model is a regression.")
        return ModelOutput(model, kind, (0,), ())
    if explain_class is not None:
        return ModelOutput(model, kind, (_index(model.classes, explain_class),), ())
    if model.outputs == _BINARY:
        return ModelOutput(model, kind, (1,), ())
    return ModelOutput(model, kind, tuple(range(model.outputs)), tuple(map(str, model.classes)))


def _index(classes: tuple[Any, ...], wanted: Any) -> int:
    for number, name in enumerate(classes):
        if name == wanted:
            return number
    names = [str(name) for name in classes]
    raise ConfigError(
        f"the model has no class {wanted!r}; it has {', '.join(names)}."
        f"{did_you_mean(str(wanted), names)}"
    )


def raw_function(model: Any) -> Callable[[pd.DataFrame], Any]:  # noqa: PLR0911
    """Return the function for scores before the link function: margins, log-odds or values.

    Raises
    ------
    ConfigError
        If no such function of the model is known.
    """
    home = type(model).__module__.split(".")[0]
    if isinstance(model, BoosterModel):
        return lambda frame: model.booster.predict(frame, raw_score=True)
    if isinstance(model, XGBoostModel):
        return model.margin
    if home == "lightgbm" and hasattr(model, "predict"):
        return lambda frame: model.predict(frame, raw_score=True)
    if home == "xgboost" and hasattr(model, "get_booster"):
        return lambda frame: model.predict(frame, output_margin=True)
    if home == "catboost" and hasattr(model, "predict"):
        return lambda frame: model.predict(frame, prediction_type="RawFormulaVal")
    if hasattr(model, "steps"):
        return _pipeline_raw(model)
    if hasattr(model, "decision_function"):
        return lambda frame: model.decision_function(model_input(model, frame))
    if averages_trees(model) and hasattr(model, "predict_proba"):
        return lambda frame: model.predict_proba(model_input(model, frame))
    if hasattr(model, "predict") and not hasattr(model, "predict_proba"):
        return lambda frame: model.predict(model_input(model, frame))
    raise ConfigError(
        f"a {type(model).__name__} has no raw scores; give Model(..., output='probability')."
    )


def _pipeline_raw(pipeline: Any) -> Callable[[pd.DataFrame], Any]:
    raw = raw_function(pipeline.steps[-1][1])
    return lambda frame: raw(pipeline[:-1].transform(model_input(pipeline, frame)))


def averages_trees(model: Any) -> bool:
    """Whether predictions are averages over scikit-learn's trees, without a link function."""
    return type(model).__module__.startswith((FORESTS, TREES))
