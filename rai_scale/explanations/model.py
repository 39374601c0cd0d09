"""What a model is: something that predicts from a pandas frame, published once per worker.

A model that is given as an object is the caller's own and travels pickled between processes of one
program. A model that is named by a path is loaded by a format that holds no code (LightGBM text,
XGBoost JSON, ONNX), or, where its source is said to be trusted, by one that does (pickle, MLflow).
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle
import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine
    from rai_scale.engines.shared_file import SharedFile


@dataclass(frozen=True)
class Model:
    """A model with the names of its columns and of its outputs.

    Attributes
    ----------
    model : object
        As the caller gave it, or as it was loaded.
    features : tuple of str
        Columns that it reads, in its order.
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
        if values.ndim == 1 and self.outputs == 2:  # noqa: PLR2004
            values = np.column_stack([1 - values, values])
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
        See :func:`load_model` for paths.
    features : list of str
        The columns that it reads.
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
        If it is no model, or its predictions do not have one row per row of ``sample``.
    """
    if isinstance(model, str | Path):
        model = load_model(model, trusted=trusted)
    names = tuple(features)
    found = np.asarray(_raw(model)(model_input(model, sample[list(names)])))
    if found.ndim not in (1, 2) or len(found) != len(sample):
        raise ConfigError(
            f"the model returned an array of shape {found.shape} for {len(sample)} rows; expected "
            "one row of predictions per row."
        )
    if classes is None and hasattr(model, "classes_") and not hasattr(model, "predict_proba"):
        return Model(model, names, tuple(np.asarray(model.classes_).tolist()))  # raw scores only
    if found.dtype.kind not in "iufb":
        raise ConfigError("the model predicts labels, not numbers; give one with predict_proba.")
    width = 1 if found.ndim == 1 else found.shape[1]
    if classes is None and hasattr(model, "predict_proba"):
        classes = getattr(model, "classes_", range(width))
    if classes is None and width > 1:
        classes = range(width)
    if classes is not None and width not in (len(classes), len(classes) - 1):
        raise ConfigError(f"the model gives {width} numbers per row for {len(classes)} classes.")
    return Model(model, names, None if classes is None else tuple(np.asarray(classes).tolist()))


def load_model(path: str | Path, *, trusted: bool = False) -> Any:
    """Load a model file by its ending: .txt (LightGBM), .json, .ubj (XGBoost), .onnx.

    ``trusted=True`` also allows .pkl, .joblib and MLflow models (a folder with ``MLmodel``, or a
    ``models:/`` or ``runs:/`` address), which can run code while they load.

    Raises
    ------
    ConfigError
        If the format is unknown, or can run code and was not said to be trusted.
    """
    text, place = str(path), Path(path)
    if text.startswith(("models:/", "runs:/")) or (place / "MLmodel").is_file():
        return _code_format(text, trusted, "MLflow", _load_mlflow)
    if place.suffix in (".pkl", ".pickle", ".joblib"):
        return _code_format(text, trusted, "pickle", _load_pickle)
    loaders = {
        ".txt": _load_lightgbm,
        ".json": _load_xgboost,
        ".ubj": _load_xgboost,
        ".onnx": _load_onnx,
    }
    if place.suffix not in loaders:
        raise ConfigError(
            f"no loader for a model file ending in {place.suffix!r}; known: "
            f"{', '.join(loaders)}, and if trusted .pkl, .joblib, MLflow."
        )
    if not place.is_file():
        raise ConfigError(f"there is no model file {text!r}.")
    return loaders[place.suffix](text)


def _code_format(path: str, trusted: bool, kind: str, load: Callable[[str], Any]) -> Any:
    if not trusted:
        raise ConfigError(
            f"a {kind} model can run code while it loads. If you know where it comes from, say "
            "trusted=True (in a configuration: `trusted: true`)."
        )
    return load(path)


def _load_lightgbm(path: str) -> Any:
    try:
        import lightgbm
    except ImportError:
        raise MissingExtraError("lightgbm", "explain") from None
    return BoosterModel(lightgbm.Booster(model_file=path))


def _load_xgboost(path: str) -> Any:
    try:
        import xgboost
    except ImportError:
        raise MissingExtraError("xgboost", "explain") from None
    booster = xgboost.Booster()
    booster.load_model(path)
    return XGBoostModel(booster)


def _load_onnx(path: str) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError("onnxruntime", "explain") from None
    return OnnxModel(Path(path).read_bytes(), onnxruntime.__version__)


def _load_mlflow(path: str) -> Any:
    try:
        import mlflow.pyfunc
    except ImportError:
        raise MissingExtraError("mlflow", "explain") from None
    return mlflow.pyfunc.load_model(path)


def _load_pickle(path: str) -> Any:
    if path.endswith(".joblib"):
        import joblib

        return joblib.load(path)
    with open(path, "rb") as file:
        return cloudpickle.load(file)


@dataclass(frozen=True)
class BoosterModel:
    """A LightGBM booster; a binary or multiclass objective gives probabilities."""

    booster: Any

    def __call__(self, frame: pd.DataFrame) -> np.ndarray:
        """Return what the booster predicts."""
        return self.booster.predict(frame)


@dataclass(frozen=True)
class XGBoostModel:
    """An XGBoost booster."""

    booster: Any

    def __call__(self, frame: pd.DataFrame) -> np.ndarray:
        """Return what the booster predicts."""
        import xgboost

        return self.booster.predict(xgboost.DMatrix(frame, enable_categorical=True))

    def margin(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the scores before the link."""
        import xgboost

        matrix = xgboost.DMatrix(frame, enable_categorical=True)
        return self.booster.predict(matrix, output_margin=True)


@dataclass(frozen=True)
class OnnxModel:
    """An ONNX model of one float tensor; its last output is taken (probabilities in skl2onnx)."""

    content: bytes
    version: str

    def __call__(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the last output."""
        session = _onnx_session(self.content)
        name = session.get_inputs()[0].name
        return _onnx_table(session.run(None, {name: frame.to_numpy(np.float32)})[-1])


@cache
def _onnx_session(content: bytes) -> Any:
    """Return a session, opened once per process: reading the model costs more than a batch."""
    import onnxruntime

    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def _onnx_table(output: Any) -> np.ndarray:
    """Return an output as an array; skl2onnx gives a list of {class: probability} by default."""
    if isinstance(output, list):
        return np.array([[row[name] for name in sorted(row)] for row in output])
    return np.asarray(output)


def publish_object(engine: Engine, value: Any, name: str) -> SharedFile:
    """Bring any object to every worker once; it is loaded by :func:`load_object`.

    The file is kept until this process ends: lazy frames may need it as long.
    """
    path = Path(tempfile.mkdtemp(dir=_kept_folder())) / name
    with path.open("wb") as file:
        cloudpickle.dump(value, file)
    return engine.publish(str(path))


@cache
def _kept_folder() -> str:
    folder = tempfile.mkdtemp(prefix="rai_scale_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def load_object(path: str) -> Any:
    """Load what :func:`publish_object` wrote; both ends are this program."""
    with open(path, "rb") as file:
        return cloudpickle.load(file)
