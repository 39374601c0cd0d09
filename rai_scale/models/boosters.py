"""``Booster`` objects of LightGBM and XGBoost, wrapped as functions of a pandas frame."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError
from rai_scale.upstream.lightgbm import classifier_of

HINGE = "binary:hinge"
"""An objective of XGBoost that predicts labels, and whose scores do not give probabilities."""


@dataclass(frozen=True)
class BoosterModel:
    """A LightGBM booster; a binary or multiclass objective gives probabilities."""

    booster: Any

    def __call__(self, frame: pd.DataFrame) -> np.ndarray:
        """Return what the booster predicts."""
        return np.asarray(self.booster.predict(frame))

    @cached_property
    def classes(self) -> tuple[int, ...] | None:
        """Class numbers; ``None`` if the objective is not a classification."""
        text = self.booster.model_to_string(num_iteration=1)
        head = dict(line.split("=", 1) for line in text.splitlines()[:40] if "=" in line)
        kind = head.get("objective", "").split(" ")[0]
        if kind == "binary":
            return (0, 1)
        return tuple(range(int(head["num_class"]))) if kind.startswith("multiclass") else None

    @property
    def estimator(self) -> Any:
        """The object to pass to shap, which does not recognize the classes of a plain booster."""
        if self.classes is None or len(self.classes) == 2:  # noqa: PLR2004
            return self.booster
        return classifier_of(self.booster, len(self.classes))


@dataclass(frozen=True)
class XGBoostModel:
    """An XGBoost booster, which returns probabilities even if it predicts labels or margins."""

    booster: Any

    def __call__(self, frame: pd.DataFrame) -> np.ndarray:
        """Return probabilities, or values.

        Raises
        ------
        ConfigError
            If the objective is ``binary:hinge``.
        """
        check_hinge(self.objective)
        if self.objective == "multi:softmax":
            margin = self.margin(frame).reshape(len(frame), -1).astype(np.float64)
            power = np.exp(margin - margin.max(axis=1, keepdims=True))
            return np.asarray(power / power.sum(axis=1, keepdims=True))
        if self.objective == "binary:logitraw":
            return np.asarray(1 / (1 + np.exp(-self.margin(frame).astype(np.float64))))
        return np.asarray(self.booster.predict(_matrix(frame)))

    def margin(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the scores before the link function."""
        return np.asarray(self.booster.predict(_matrix(frame), output_margin=True))

    @property
    def estimator(self) -> Any:
        """The object to pass to shap."""
        return self.booster

    @cached_property
    def _learner(self) -> dict[str, Any]:
        return dict(json.loads(self.booster.save_config())["learner"])

    @property
    def objective(self) -> str:
        """XGBoost's name of the objective."""
        return str(self._learner["objective"]["name"])

    @property
    def classes(self) -> tuple[int, ...] | None:
        """Class numbers; ``None`` if the objective is not a classification."""
        if self.objective.startswith("binary:"):
            return (0, 1)
        several = self.objective.startswith("multi:")
        return (
            tuple(range(int(self._learner["learner_model_param"]["num_class"])))
            if several
            else None
        )


def _matrix(frame: pd.DataFrame) -> Any:
    import xgboost

    return xgboost.DMatrix(frame, enable_categorical=True)


def wrapped_booster(model: Any) -> Any:
    """Return a function of a frame for a ``Booster`` object, and any other model as it is."""
    home = type(model).__module__.split(".")[0]
    if type(model).__name__ == "Booster" and home in ("lightgbm", "xgboost"):
        return BoosterModel(model) if home == "lightgbm" else XGBoostModel(model)
    if home == "xgboost":
        check_hinge(getattr(model, "objective", None))
    return model


def check_hinge(objective: Any) -> None:
    """Raise :class:`ConfigError` for the objective that has no probabilities."""
    if objective == HINGE:
        raise ConfigError(
            f"an XGBoost model with objective {HINGE} predicts labels, not probabilities; "
            "train it with binary:logistic."
        )
