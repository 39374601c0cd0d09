"""The column names that a model stores, and their order; most libraries read by position."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.models.boosters import BoosterModel, XGBoostModel
from rai_scale.models.onnx_model import OnnxModel

LOGGED_NAMES = "rai_scale_logged_names"
"""Attribute of a model from MLflow: the column names in its signature."""
UNNAMED = "the model stores no column names, so it receives the columns in the order of features"
_GENERATED: tuple[Callable[[int], str], ...] = (
    "Column_{}".format,
    "{}".format,
    "f{}".format,
    "feature_{:04d}".format,
)
"""Names that LightGBM, CatBoost, XGBoost and interpret generate for a model fitted on an array."""


def in_own_order(model: Any, features: Sequence[str]) -> tuple[str, ...]:
    """Return ``features`` in the order in which the model was fitted, if the model stores it.

    Raises
    ------
    ConfigError
        If the model stores other names than ``features``.
    """
    own = own_names(model, features)
    if own is None:
        return tuple(features)
    given = {_with_underscores(name): name for name in features}
    lacking = [name for name in own if _with_underscores(name) not in given]
    foreign = [name for key, name in given.items() if key not in set(map(_with_underscores, own))]
    if lacking or foreign or len(own) != len(features):
        raise ConfigError(_other_names(own, lacking, foreign))
    return tuple(given[_with_underscores(name)] for name in own)


def is_unnamed(model: Any, features: Sequence[str]) -> bool:
    """Whether the model reads columns by position and does not store their names."""
    own_code = callable(model) and not isinstance(model, BoosterModel | XGBoostModel | OnnxModel)
    by_name = isinstance(model, OnnxModel) and len(model.input_names) > 1
    return not own_code and not by_name and own_names(model, features) is None


def own_names(model: Any, features: Sequence[str]) -> list[str] | None:
    """Return the model's column names in its order; ``None`` if it has none or generated ones."""
    names = _known_names(getattr(model, "__self__", model))
    if names is None or not all(isinstance(name, str) for name in names):
        return None
    generated = any(names == [make(at) for at in range(len(names))] for make in _GENERATED)
    return None if generated and set(names) != set(features) else names


def _known_names(model: Any) -> list[Any] | None:
    holder = getattr(model, "booster", model)
    if hasattr(holder, LOGGED_NAMES):
        return list(getattr(holder, LOGGED_NAMES))
    if isinstance(model, BoosterModel):
        return list(model.booster.feature_name())
    if isinstance(model, XGBoostModel):
        return list(model.booster.feature_names or ()) or None
    if hasattr(model, "metadata") and hasattr(model.metadata, "get_input_schema"):
        return schema_names(model.metadata)
    for attribute in ("feature_names_in_", "feature_names_", "feature_name_"):
        names = getattr(model, attribute, None)
        if names is not None and not callable(names):
            return list(names)
    return None


def schema_names(logged: Any) -> list[str] | None:
    """Return the names of the columns in the signature of an MLflow model."""
    schema = logged.get_input_schema()
    if schema is None or not schema.has_input_names() or schema.is_tensor_spec():
        return None
    return list(schema.input_names())


def _with_underscores(name: str) -> str:
    """Return a name as LightGBM stores it: with underscores instead of spaces."""
    return name.replace(" ", "_")


def _other_names(own: list[str], lacking: list[str], foreign: list[str]) -> str:
    parts = [f"the model was fitted on {len(own)} columns: {_list(own)}."]
    if lacking:
        parts.append(f"features does not include {_list(lacking)}.")
    if foreign:
        parts.append(
            f"It was not fitted on {_list(foreign)}.{did_you_mean(foreign[0], lacking or own)}"
        )
    return " ".join([*parts, "List the columns that the model was fitted on, in any order."])


def _list(names: list[str], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
