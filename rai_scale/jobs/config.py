"""From YAML to a checked, frozen configuration.

Precedence: ``--set a.b=c`` over the environment (``RAI_SCALE__A__B=c``) over the file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import ValidationError

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.pii.config import Frozen

ENVIRONMENT = "RAI_SCALE__"
_HIDDEN = ("key", "salt", "password", "token", "secret")
_SHOWN = 80


class EngineConfig(Frozen):
    """Where a job runs; every job has these keys.

    ``spark_remote`` is a Spark Connect address, ``dask_scheduler`` a scheduler's; without them the
    active Spark session is used, or a local one, or a local Dask cluster that ends with the job.
    """

    engine: Literal["local", "dask", "spark"] = "local"
    spark_remote: str | None = None
    dask_scheduler: str | None = None
    warnings_ok: bool = False


Config = TypeVar("Config", bound=Frozen)


def load_config(
    kind: type[Config],
    path: str | Path,
    sets: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Read a YAML file and check it.

    Raises
    ------
    ConfigError
        With the file, the path inside it, what was found (unless it may be a secret) and what is
        allowed.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        values = yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({type(error).__name__}).") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}: not valid YAML{line}.") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must be a mapping of keys to values.")
    environ = os.environ if environ is None else environ
    for name in sorted(environ):
        if name.startswith(ENVIRONMENT):
            keys = name[len(ENVIRONMENT) :].lower().split("__")
            _put(values, keys, environ[name], f"environment variable {name}")
    for item in sets:
        name, found, value = item.partition("=")
        if not found:
            raise ConfigError(f"--set {item!r}: write it as a.b=value.")
        _put(values, name.strip().split("."), value, f"--set {name}")
    return check_config(kind, values, str(path))


def check_config(kind: type[Config], values: Mapping[str, Any], where: str) -> Config:
    """Check plain values; ``where`` names their origin in errors."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        lines = [_explain(kind, item) for item in error.errors(include_url=False)]
        raise ConfigError("\n".join(f"{where}: {line}" for line in lines)) from None


def config_hash(config: Frozen) -> str:
    """Return a hash of all values of a configuration."""
    canonical = json.dumps(config.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _put(values: dict[str, Any], keys: list[str], text: str, where: str) -> None:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"{where}: the value is not valid YAML.") from None
    for key in keys[:-1]:
        inner = values.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{where}: {key!r} holds a value, not further keys.")
        values = inner
    values[keys[-1]] = value


def _explain(kind: type[Frozen], item: Any) -> str:
    path = ".".join(map(str, item["loc"])) or "(top level)"
    if item["type"] == "extra_forbidden":
        known = _siblings(kind, item["loc"])
        wrong = str(item["loc"][-1])
        return f"{path}: unknown key.{did_you_mean(wrong, known)} Allowed: {', '.join(known)}."
    if item["type"] == "missing":
        return f"{path}: is required and missing."
    return f"{path}: {item['msg']}; found {_shown(path, item.get('input'))}."


def _shown(path: str, value: Any) -> str:
    if any(word in path.lower() for word in _HIDDEN) or isinstance(value, dict | list):
        return f"a {type(value).__name__}"
    return repr(value)[:_SHOWN]


def _siblings(kind: type[Frozen], location: tuple[Any, ...]) -> list[str]:
    """Return the keys that are allowed where an unknown one was found."""
    current: Any = kind
    for step in location[:-1]:
        fields = getattr(current, "model_fields", {})
        if step in fields:
            current = _model_in(fields[step].annotation)
    return sorted(getattr(current, "model_fields", {}))


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
