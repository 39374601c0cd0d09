"""Models: objects and functions that predict from a pandas frame.

A model that is given as an object comes from the caller, so it is pickled to send it to workers. A
model that is given as a path is loaded from a format without code (LightGBM text, XGBoost JSON,
ONNX) or, if the caller trusts the file, from a format that can run code (pickle, MLflow).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError, OptionError, RaiScaleError
from rai_scale.models.boosters import wrapped_booster
from rai_scale.models.column_order import in_own_order
from rai_scale.models.files import load_model

OUTPUTS = ("probability", "raw")


@dataclass(frozen=True)
class Model:
    """A model with options that the model itself does not store.

    Every function that takes a model accepts it. An estimator or a path that needs none of these
    options can be given directly.

    Attributes
    ----------
    estimator : object with predict or predict_proba, function of a pandas frame, str or Path
        See :func:`~rai_scale.models.files.load_model` for paths. ``Booster`` objects of LightGBM
        and XGBoost are accepted.
    classes : sequence, optional
        Names of the classes, for a model that does not store them (an ONNX file, or a function that
        returns probabilities). If the model returns one column for two classes, that is the
        probability of the second class.
    output : {"probability", "raw"}
        The numbers to explain: probabilities, or scores before the link function (log-odds,
        margins). In a regression, both are the predicted value, unless the model has a link
        function.
    trusted : bool
        Whether a file may be loaded if its format can run code.

    Raises
    ------
    OptionError
        If ``output`` is unknown, or ``classes`` is a string or empty.
    """

    estimator: Any
    classes: Sequence[Any] | None = None
    output: Literal["probability", "raw"] = "probability"
    trusted: bool = False

    def __post_init__(self) -> None:
        if self.output not in OUTPUTS:
            raise OptionError(
                f"unknown output {self.output!r}; choose one of {', '.join(OUTPUTS)}."
            )
        if self.classes is not None and (isinstance(self.classes, str) or not len(self.classes)):
            raise OptionError("classes must list the names of the classes, in the model's order.")

    @classmethod
    def of(cls, model: Any) -> Model:
        """Return ``model`` if it is a :class:`Model`, otherwise ``Model(model)``."""
        return model if isinstance(model, cls) else cls(model)


@dataclass(frozen=True)
class CheckedModel:
    """A model that was checked by predicting a few rows, with its column names and classes.

    Attributes
    ----------
    estimator : object
        The caller's estimator, or the one that was loaded from a file.
    features : tuple of str
        Columns that the model reads, in the order in which it was fitted.
    classes : tuple or None
        Its classes, for a classifier; ``None`` for regression.
    """

    estimator: Any
    features: tuple[str, ...]
    classes: tuple[Any, ...] | None

    @property
    def outputs(self) -> int:
        """Number of outputs per row: one per class, or one in a regression."""
        return 1 if self.classes is None else len(self.classes)

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return predictions (rows, outputs) float64: probabilities per class, or the value."""
        given = model_input(self.estimator, frame[list(self.features)])
        values = np.asarray(_raw(self.estimator)(given), dtype=np.float64)
        if self.outputs == 2 and values.size == len(frame):  # noqa: PLR2004
            values = np.column_stack([1 - values.ravel(), values.ravel()])
        return values.reshape(len(frame), self.outputs)


def model_input(model: Any, given: Any) -> Any:
    """Return the frame, or its array for a model that was fitted without column names."""
    unnamed = hasattr(model, "n_features_in_") and not hasattr(model, "feature_names_in_")
    return given.to_numpy() if unnamed and isinstance(given, pd.DataFrame) else given


def _raw(model: Any) -> Callable[[pd.DataFrame], Any]:
    """Return the model's function that predicts probabilities or, without one, values."""
    for name in ("predict_proba", "predict", "__call__"):
        if hasattr(model, name):
            own: Callable[[pd.DataFrame], Any] = getattr(model, name)
            return own
    raise ConfigError(
        f"a {type(model).__name__} is not a model: give an object with predict or predict_proba, "
        "or a function of a pandas frame."
    )


def check_model(model: Any, features: Sequence[str], sample: pd.DataFrame) -> CheckedModel:
    """Load a model if it is a path, and check it by predicting a few rows.

    Parameters
    ----------
    model : Model, or an estimator, function or path for ``Model(...)``
    features : list of str
        Columns that the model reads. If the model stores their order, it receives them in that
        order.
    sample : pandas.DataFrame
        A few rows to predict.

    Raises
    ------
    ConfigError
        If the object is not a model, was fitted on other columns, cannot predict ``sample``,
        returns labels instead of numbers, or does not return one row of predictions per row of
        ``sample``.
    """
    asked = Model.of(model)
    estimator, classes = asked.estimator, asked.classes
    _check_home(estimator)
    if isinstance(estimator, str | Path):
        estimator = load_model(estimator, trusted=asked.trusted)
    estimator = wrapped_booster(estimator)
    names = in_own_order(estimator, features)
    found = _first_prediction(estimator, sample[list(names)])
    if found.ndim not in (1, 2) or len(found) != len(sample):
        raise ConfigError(
            f"the model returned an array of shape {found.shape} for {len(sample)} rows; expected "
            "one row of predictions per row."
        )
    own = class_names(estimator)
    labels = hasattr(estimator, "predict") and not hasattr(estimator, "predict_proba")
    if labels and own is not None:
        _check_scores(estimator)  # raw scores only
        return CheckedModel(estimator, names, _as_tuple(own if classes is None else classes))
    if scores_outliers(estimator) and found.dtype.kind in "iu":
        return CheckedModel(estimator, names, None)
    _check_numbers(found)
    width = 1 if found.ndim == 1 else found.shape[1]
    if classes is None and hasattr(estimator, "predict_proba"):
        classes = range(width) if own is None else own
    if classes is None:
        classes = getattr(estimator, "classes", None) or (range(width) if width > 1 else None)
    if classes is not None and width not in (len(classes), len(classes) - 1):
        raise ConfigError(
            f"the model returns {width} numbers per row for {len(classes)} classes; expected one "
            "per class."
        )
    return CheckedModel(estimator, names, None if classes is None else _as_tuple(classes))


def class_names(model: Any) -> Any:
    """Return ``classes_``, or ``None``; CatBoost gives regressors an empty list."""
    found = getattr(model, "classes_", None)
    return None if found is None or len(found) == 0 else found


def scores_outliers(model: Any) -> bool:
    """Whether a model is an outlier detector: it has a decision function, but no classes."""
    return (
        hasattr(model, "predict")
        and hasattr(model, "decision_function")
        and not hasattr(model, "predict_proba")
        and class_names(model) is None
    )


def _check_home(model: Any) -> None:
    """Refuse models that predict from Spark frames, because workers cannot call them."""
    model = getattr(model, "__self__", model)
    home = type(model).__module__
    if not home.startswith(("pyspark.ml", "pyspark.mllib", "xgboost.spark", "synapse.ml")):
        return
    raise ConfigError(
        f"a {type(model).__name__} of {home.split('.')[0]} predicts from a Spark frame and runs on "
        "the driver only, so workers cannot use it. Give the model inside it (get_booster() of "
        "xgboost.spark, getNativeModel() of synapse.ml saved as a .txt file), an ONNX file of it, "
        "or a function of a pandas frame that computes its predictions, for example from its "
        "coefficients and intercept."
    )


def _as_tuple(classes: Any) -> tuple[Any, ...]:
    return tuple(np.asarray(classes).tolist())


def _first_prediction(model: Any, rows: pd.DataFrame) -> np.ndarray:
    """Predict a few background rows; a library's message is hidden, as it may quote values."""
    try:
        return np.asarray(_raw(model)(model_input(model, rows)))
    except RaiScaleError:
        raise
    except Exception as error:
        given = ", ".join(f"{name} ({dtype})" for name, dtype in rows.dtypes.items())
        raise ConfigError(
            f"the model could not predict rows of the background ({type(error).__name__} at "
            f"{_place(error)}). It received {given}. If it was fitted on other types, such as "
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
            f"a {type(model).__name__} predicts class labels only; give a model with "
            "predict_proba or decision_function, or a function that returns probabilities."
        )


def _check_numbers(found: np.ndarray) -> None:
    """Refuse labels, because differences between labels have no meaning."""
    if found.dtype.kind in "iub":
        raise ConfigError(
            f"the model predicts integers ({found.dtype}), which look like class labels. Give "
            "an object with predict_proba, or a function that returns probabilities; if they are "
            "quantities, give a function that returns them as floats."
        )
    if found.dtype.kind != "f":
        raise ConfigError("the model predicts labels, not numbers; give one with predict_proba.")
