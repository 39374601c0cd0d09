"""The estimator inside a pipeline whose other steps transform each column separately."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.models.boosters import BoosterModel, XGBoostModel
from rai_scale.models.model import CheckedModel, model_input

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
"""scikit-learn's steps that turn each column into one column, independently of the others."""


class MethodUnfit(Exception):
    """A method cannot explain this model; the message states the reason and contains no values."""


@dataclass(frozen=True)
class Unwrapped:
    """The final estimator of a model and the transformation that computes its input.

    The Shapley values of features are those of their transformed columns.

    Attributes
    ----------
    estimator : object
    transform : function of a frame
    features : tuple of str
        The feature from which each column of the estimator's input is computed.
    direct : bool
        Whether the estimator receives the features themselves.
    """

    estimator: Any
    transform: Callable[[pd.DataFrame], Any]
    features: tuple[str, ...]
    direct: bool = True

    def positions(self, names: Iterable[str]) -> list[int]:
        """Return the position of each name in the estimator's input."""
        return [self.features.index(name) for name in names]

    def numbers(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the estimator's input as float64; categories become their codes.

        Raises
        ------
        MethodUnfit
            If a column is not numeric.
        """
        given = self.transform(frame)
        given = given.toarray() if hasattr(given, "toarray") else given
        given = given if isinstance(given, pd.DataFrame) else pd.DataFrame(given)
        kept = iter(_kept_categories(self.estimator))
        columns = [_column(given.iloc[:, at], kept) for at in range(given.shape[1])]
        found = np.column_stack(columns)
        gone = getattr(self.estimator, "missing", np.nan)  # an option of XGBoost's estimators
        return np.where(found == gone, np.nan, found)


def _column(column: pd.Series, kept: Iterator[list[Any]]) -> np.ndarray:
    if isinstance(column.dtype, pd.CategoricalDtype):
        categories = next(kept, None)
        known = column if categories is None else column.cat.set_categories(categories)
        codes = known.cat.codes.to_numpy(np.float64)
        return np.where(codes < 0, np.nan, codes)
    if not pd.api.types.is_numeric_dtype(column.dtype) or column.dtype.kind == "c":
        raise MethodUnfit("not all features are numeric")
    return column.to_numpy(np.float64, na_value=np.nan)


def _kept_categories(estimator: Any) -> list[list[Any]]:
    """Return the categories that a LightGBM model stores for each categorical column."""
    booster = getattr(estimator, "booster_", estimator)
    return getattr(booster, "pandas_categorical", None) or []


def unwrap(known: CheckedModel) -> Unwrapped:
    """Return the estimator inside a model.

    Raises
    ------
    MethodUnfit
        If a step of the pipeline combines columns, or makes several columns of one.
    """
    model, names = known.estimator, list(known.features)
    if isinstance(model, BoosterModel | XGBoostModel):
        return Unwrapped(model.estimator, lambda frame: frame[names], known.features)
    if not hasattr(model, "steps"):
        return Unwrapped(model, lambda frame: frame[names], known.features)
    for name, step in model.steps[:-1]:
        if not _one_to_one(step):
            raise MethodUnfit(
                f"step {name!r} of the pipeline does not transform each column separately"
            )
    final = model.steps[-1][1]
    if len(model.steps) == 1:
        return Unwrapped(final, lambda frame: frame[names], known.features)
    return Unwrapped(
        final,
        lambda frame: model[:-1].transform(model_input(model, frame[names])),
        known.features,
        direct=False,
    )


def _one_to_one(step: Any) -> bool:
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return True
    known = type(step).__module__.startswith("sklearn.") and type(step).__name__ in ONE_TO_ONE
    return known and not getattr(step, "add_indicator", False)
