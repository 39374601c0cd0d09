"""What a model is: something that predicts from a pandas frame, published once per worker.

A model that is given as an object is the caller's own and travels pickled between processes of one
program. A model that is named by a path is loaded by a format that holds no code (LightGBM text,
XGBoost JSON, ONNX), or, where its source is said to be trusted, by one that does (pickle, MLflow).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError, RaiScaleError
from rai_scale.models.boosters import wrapped_booster
from rai_scale.models.column_order import in_own_order
from rai_scale.models.files import load_model

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Model:
    """A model with the names of its columns and of its outputs.

    Attributes
    ----------
    model : object
        As the caller gave it, or as it was loaded.
    features : tuple of str
        Columns that it reads, in the order in which it was fitted.
    classes : tuple or None
        Its classes, for a classifier; ``None`` for regression.
    """

    model: Any
    features: tuple[str, ...]
    classes: tuple[Any, ...] | None

    @property
    def outputs(self) -> int:
        """How many numbers a prediction has: one per class, or one."""
        return 1 if self.classes is None else len(self.classes)

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return predictions (rows, outputs) float64: probabilities per class, or the value."""
        given = model_input(self.model, frame[list(self.features)])
        values = np.asarray(_raw(self.model)(given), dtype=np.float64)
        if self.outputs == 2 and values.size == len(frame):  # noqa: PLR2004
            values = np.column_stack([1 - values.ravel(), values.ravel()])
        return values.reshape(len(frame), self.outputs)


def model_input(model: Any, given: Any) -> Any:
    """Return a frame as it is, or its array for a model that was fitted without names."""
    unnamed = hasattr(model, "n_features_in_") and not hasattr(model, "feature_names_in_")
    return given.to_numpy() if unnamed and isinstance(given, pd.DataFrame) else given


def _raw(model: Any) -> Callable[[pd.DataFrame], Any]:
    """Return the function that gives probabilities, or else values."""
    for name in ("predict_proba", "predict"):
        if hasattr(model, name):
            return getattr(model, name)
    if callable(model):
        return model
    raise ConfigError(
        f"a {type(model).__name__} is no model: give an object with predict or predict_proba, or a "
        "function of a pandas frame."
    )


def as_model(
    model: Any,
    features: Sequence[str],
    sample: pd.DataFrame,
    *,
    classes: Sequence[Any] | None = None,
    trusted: bool = False,
) -> Model:
    """Return a :class:`Model` of an object, a function or a path.

    Parameters
    ----------
    model : object with predict or predict_proba, function of a pandas frame, or path
        See :func:`~rai_scale.models.files.load_model` for paths; a ``Booster`` of
        LightGBM or XGBoost is taken as it is.
    features : list of str
        The columns that it reads; put into its own order where it says one.
    sample : pandas.DataFrame
        A few rows, on which it is tried once.
    classes : list, optional
        Names of the classes where the model does not say them (a function that returns
        probabilities). One column of probabilities and two classes: that of the second class.
    trusted : bool
        Whether a path may be loaded by a format that can run code.

    Raises
    ------
    ConfigError
        If it is no model, was fitted on other columns, cannot predict ``sample``, gives labels
        instead of numbers, or its predictions do not have one row per row of ``sample``.
    """
    _check_home(model)
    if isinstance(model, str | Path):
        model = load_model(model, trusted=trusted)
    model = wrapped_booster(model)
    names = in_own_order(model, features)
    found = _first_prediction(model, sample[list(names)])
    if found.ndim not in (1, 2) or len(found) != len(sample):
        raise ConfigError(
            f"the model returned an array of shape {found.shape} for {len(sample)} rows; expected "
            "one row of predictions per row."
        )
    own = class_names(model)
    labels = hasattr(model, "predict") and not hasattr(model, "predict_proba")
    if labels and own is not None:
        _check_scores(model)  # raw scores only
        return Model(model, names, _plain(own if classes is None else classes))
    if scores_outliers(model) and found.dtype.kind in "iu":
        return Model(model, names, None)
    _check_numbers(found)
    width = 1 if found.ndim == 1 else found.shape[1]
    if classes is None and hasattr(model, "predict_proba"):
        classes = range(width) if own is None else own
    if classes is None:
        classes = getattr(model, "classes", None) or (range(width) if width > 1 else None)
    if classes is not None and width not in (len(classes), len(classes) - 1):
        raise ConfigError(f"the model gives {width} numbers per row for {len(classes)} classes.")
    return Model(model, names, None if classes is None else _plain(classes))


def class_names(model: Any) -> Any:
    """Return ``classes_``; ``None`` where there are none (CatBoost gives regressors an empty one).

    A classifier of scikit-learn with several outputs has a list of them, which is no case of ours.
    """
    found = getattr(model, "classes_", None)
    return None if found is None or len(found) == 0 else found


def scores_outliers(model: Any) -> bool:
    """Whether a model without classes predicts labels of outliers, and scores by a function."""
    return (
        hasattr(model, "predict")
        and hasattr(model, "decision_function")
        and not hasattr(model, "predict_proba")
        and class_names(model) is None
    )


def _check_home(model: Any) -> None:
    """Refuse models that predict from frames of Spark: workers cannot call them."""
    model = getattr(model, "__self__", model)
    home = type(model).__module__
    if not home.startswith(("pyspark.ml", "pyspark.mllib", "xgboost.spark", "synapse.ml")):
        return
    raise ConfigError(
        f"a {type(model).__name__} of {home.split('.')[0]} predicts from a Spark frame and runs on "
        "the driver only, so that workers cannot ask it about mixed rows. Give the model that it "
        "holds (get_booster() of xgboost.spark, getNativeModel() of synapse.ml saved as a .txt "
        "file), an ONNX file of it, or a function of a pandas frame made of its numbers, such as "
        "coefficients and intercept."
    )


def _plain(classes: Any) -> tuple[Any, ...]:
    return tuple(np.asarray(classes).tolist())


def _first_prediction(model: Any, rows: pd.DataFrame) -> np.ndarray:
    """Predict some rows of the background; a library's own message may quote their values."""
    try:
        return np.asarray(_raw(model)(model_input(model, rows)))
    except RaiScaleError:
        raise
    except Exception as error:
        given = ", ".join(f"{name} ({dtype})" for name, dtype in rows.dtypes.items())
        raise ConfigError(
            f"the model could not predict rows of the background ({type(error).__name__} at "
            f"{_place(error)}). It was given {given}. If it was fitted on other types, such as "
            "categories, give background as a pandas frame with the dtypes that it was fitted on."
        ) from None


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "?" if trace is None else f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}"


def _check_scores(model: Any) -> None:
    if not hasattr(model, "decision_function"):
        raise ConfigError(
            f"a {type(model).__name__} has classes and gives their labels only; give a model with "
            "predict_proba or decision_function, or a function that returns probabilities."
        )


def _check_numbers(found: np.ndarray) -> None:
    """Refuse labels: differences between them mean nothing, and would be explained as numbers."""
    if found.dtype.kind in "iub":
        raise ConfigError(
            f"the model predicts whole numbers ({found.dtype}), as labels of classes are. Give an "
            "object with predict_proba, or a function that returns probabilities; where they are "
            "quantities, give a function that returns them as floats."
        )
    if found.dtype.kind != "f":
        raise ConfigError("the model predicts labels, not numbers; give one with predict_proba.")
