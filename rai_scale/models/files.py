"""Load models from files: formats without code, and, if trusted, formats that can run code."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import cloudpickle

from rai_scale.errors import ConfigError, MissingExtraError
from rai_scale.models.boosters import BoosterModel, XGBoostModel, wrapped_booster
from rai_scale.models.column_order import LOGGED_NAMES, own_names, schema_names
from rai_scale.models.onnx_model import OnnxModel

FLAVORS = ("sklearn", "lightgbm", "xgboost")
"""MLflow flavors that are loaded with their own library; MLflow's ``predict`` returns labels."""


def load_model(path: str | Path, *, trusted: bool = False) -> Any:
    """Load a model from a file whose extension is .txt (LightGBM), .json, .ubj (XGBoost) or .onnx.

    ``trusted=True`` also allows .pkl, .joblib and MLflow models (a folder with ``MLmodel``, or a
    ``models:/`` or ``runs:/`` address), which can run code when they are loaded. MLflow models of
    scikit-learn, LightGBM and XGBoost are loaded with these libraries, others as ``pyfunc``.

    Parameters
    ----------
    path : str or Path
        A file, or for MLflow a folder or an address.
    trusted : bool
        Whether a format that can run code may be loaded.

    Returns
    -------
    object
        The estimator, or a function of a pandas frame.

    Raises
    ------
    ConfigError
        If there is no such file, or the format is unknown, or can run code and is not trusted.
    MissingExtraError
        If MLflow is needed but not installed.
    """
    return loader_of(path, trusted=trusted)(str(path))


def loader_of(path: str | Path, *, trusted: bool = False) -> Callable[[str], Any]:
    """Return the function that loads a model file, after all checks that read nothing of it."""
    text, place = str(path), Path(path)
    if text.startswith(("models:/", "runs:/")) or (place / "MLmodel").is_file():
        _refuse_code(trusted, "MLflow")
        return _load_mlflow
    loaders = {
        ".txt": _load_lightgbm,
        ".json": _load_xgboost,
        ".ubj": _load_xgboost,
        ".onnx": _load_onnx,
    }
    if place.suffix in (".pkl", ".pickle", ".joblib"):
        _refuse_code(trusted, "pickle")
        loaders[place.suffix] = _load_pickle
    if place.suffix not in loaders:
        raise ConfigError(
            f"model files with the extension {place.suffix!r} cannot be loaded; supported: "
            f"{', '.join(loaders)} and, if trusted, .pkl, .joblib and MLflow models."
        )
    if not place.is_file():
        raise ConfigError(
            f"there is no model file {text!r}. Train and save the model first; for an EBM, "
            "`rai-scale train-ebm` writes model.pkl into its output."
        )
    return loaders[place.suffix]


def _refuse_code(trusted: bool, kind: str) -> None:
    if not trusted:
        raise ConfigError(
            f"a {kind} model can run code when it is loaded. If you trust its source, give "
            "Model(path, trusted=True), in YAML `model: {path: ..., trusted: true}`, or "
            "`--set model.trusted=true`."
        )


def _package(name: str) -> Any:
    """Import the package that a model was trained with."""
    try:
        return import_module(name)
    except ImportError:
        raise _not_installed(name) from None


def _not_installed(name: str) -> ConfigError:
    return ConfigError(
        f"this model needs the package {name}, which is not installed. Run: pip install {name}"
    )


def _load_lightgbm(path: str) -> Any:
    return BoosterModel(_package("lightgbm").Booster(model_file=path))


def _load_xgboost(path: str) -> Any:
    booster = _package("xgboost").Booster()
    booster.load_model(path)
    return XGBoostModel(booster)


def _load_onnx(path: str) -> Any:
    return OnnxModel(Path(path).read_bytes(), _package("onnxruntime").__version__)


def _load_mlflow(path: str) -> Any:
    try:
        from mlflow.models import Model as Logged
    except ImportError:
        raise MissingExtraError("mlflow", "mlflow") from None
    logged = Logged.load(path)
    flavor = next((name for name in FLAVORS if name in logged.flavors), "pyfunc")
    try:
        model = import_module(f"mlflow.{flavor}").load_model(path)
    except ModuleNotFoundError as error:
        raise _not_installed(error.name or flavor) from None
    names = schema_names(logged)
    if names and flavor != "pyfunc" and own_names(wrapped_booster(model), names) is None:
        setattr(model, LOGGED_NAMES, names)
    return model


def _load_pickle(path: str) -> Any:
    if path.endswith(".joblib"):
        return _package("joblib").load(path)
    with open(path, "rb") as file:
        return cloudpickle.load(file)
