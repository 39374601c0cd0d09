"""Models in files: formats that hold no code, and, for trusted files, formats that can."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import cloudpickle

from rai_scale.errors import ConfigError
from rai_scale.models.boosters import BoosterModel, XGBoostModel, wrapped_booster
from rai_scale.models.column_order import LOGGED_NAMES, own_names, schema_names
from rai_scale.models.onnx_model import OnnxModel

FLAVORS = ("sklearn", "lightgbm", "xgboost")
"""Flavors of MLflow that are loaded as what they are; MLflow's own ``predict`` gives labels."""


def load_model(path: str | Path, *, trusted: bool = False) -> Any:
    """Load a model file by its ending: .txt (LightGBM), .json, .ubj (XGBoost), .onnx.

    ``trusted=True`` also allows .pkl, .joblib and MLflow models (a folder with ``MLmodel``, or a
    ``models:/`` or ``runs:/`` address), which can run code while they load. MLflow models of
    scikit-learn, LightGBM and XGBoost are loaded as such, others as MLflow's ``pyfunc``.

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
        If the format is unknown, or can run code and was not said to be trusted.
    MissingExtraError
        If MLflow is needed and not installed.
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
            f"a {kind} model can run code while it loads. If you know where it comes from, give "
            "Model(path, trusted=True), or in YAML `model: {path: ..., trusted: true}`."
        )
    return load(path)


def _package(name: str) -> Any:
    """Import the package that a model was made with."""
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
    from mlflow.models import Model as Logged

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
