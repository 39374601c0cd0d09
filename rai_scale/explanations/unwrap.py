"""The estimator inside a pipeline whose other steps treat each column on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.explanations.boosters import BoosterModel, XGBoostModel
from rai_scale.explanations.local_values import MethodUnfit
from rai_scale.explanations.model import Model, model_input

ONE_TO_ONE = frozenset(
    {
        "MaxAbsScaler",
        "MinMaxScaler",
        "OrdinalEncoder",
        "PowerTransformer",
        "QuantileTransformer",
        "RobustScaler",
        "SimpleImputer",
        "StandardScaler",
    }
)
"""Steps of scikit-learn that turn each column into one column, whatever the others hold."""


@dataclass(frozen=True)
class Unwrapped:
    """A final estimator and how its input is made.

    Shapley values of features are those of their transforms, column by column.
    """

    estimator: Any
    transform: Callable[[pd.DataFrame], Any]
    features: tuple[str, ...]

    def positions(self, names: Iterable[str]) -> list[int]:
        """Return where the estimator's input has each of ``names``."""
        return [self.features.index(name) for name in names]

    def numbers(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the estimator's input, float64.

        Raises
        ------
        MethodUnfit
            If a column is not numeric.
        """
        given = self.transform(frame)
        given = given.toarray() if hasattr(given, "toarray") else given
        kinds = list(given.dtypes) if isinstance(given, pd.DataFrame) else [given.dtype]
        if not all(isinstance(kind, np.dtype) and kind.kind in "iufb" for kind in kinds):
            raise MethodUnfit("not all features are numbers")
        return np.asarray(given, dtype=np.float64)


def unwrap(known: Model) -> Unwrapped:
    """Return the estimator inside a model.

    Raises
    ------
    MethodUnfit
        If a step of a pipeline mixes columns or makes several of one.
    """
    model, names = known.model, list(known.features)
    if isinstance(model, BoosterModel | XGBoostModel):
        return Unwrapped(model.estimator, lambda frame: frame[names], known.features)
    if not hasattr(model, "steps"):
        return Unwrapped(model, lambda frame: frame[names], known.features)
    for name, step in model.steps[:-1]:
        if not _one_to_one(step):
            raise MethodUnfit(f"step {name!r} of the pipeline is not column by column")
    final = model.steps[-1][1]
    if len(model.steps) == 1:
        return Unwrapped(final, lambda frame: frame[names], known.features)
    return Unwrapped(
        final,
        lambda frame: model[:-1].transform(model_input(model, frame[names])),
        known.features,
    )


def _one_to_one(step: Any) -> bool:
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return True
    known = type(step).__module__.startswith("sklearn.") and type(step).__name__ in ONE_TO_ONE
    return known and not getattr(step, "add_indicator", False)


def as_columns(values: np.ndarray) -> pd.DataFrame:
    """Name the columns of an estimator's input by their numbers."""
    return pd.DataFrame(values, columns=[f"f{number}" for number in range(values.shape[1])])
