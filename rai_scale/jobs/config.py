"""From YAML to a checked, frozen configuration.

Precedence: ``--set a.b=c`` over the environment (``RAI_SCALE__A__B=c``) over the file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import ValidationError

from rai_scale.errors import ConfigError, did_you_mean, not_read
from rai_scale.gates import Gate
from rai_scale.jobs.strict_yaml import load_yaml
from rai_scale.option_errors import UNKNOWN, closest, fields_of, in_words, model_at
from rai_scale.pii.analysis.config import Frozen

ENVIRONMENT = "RAI_SCALE__"
_HIDDEN = ("key", "salt", "password", "token", "secret")
_SHOWN = 80


class EngineConfig(Frozen):
    """Keys of every job: where it runs.

    ``spark_remote`` is the address of a Spark Connect server, ``dask_scheduler`` that of a Dask
    scheduler. By default the active Spark session is used, or a local one, or a local Dask cluster
    that ends with the job.
    """

    engine: Literal["local", "dask", "spark"] = "local"
    spark_remote: str | None = None
    dask_scheduler: str | None = None
    warnings_ok: bool = False


class JobConfig(EngineConfig):
    """Keys of every job that writes an output.

    ``gates`` are limits on the metrics of the run: if one does not hold, the exit code is 1.
    ``report`` writes ``report.html``; ``mlflow`` logs metrics and page to the active MLflow run.
    """

    short_forms: ClassVar[dict[str, str]] = {}
    """The key of a block that gets the value if a plain value is given instead of the block."""

    output: str
    gates: tuple[Gate, ...] = ()
    report: bool = True
    mlflow: bool = False
    title: str | None = None


OLD_KEYS: dict[str, tuple[str, ...]] = {
    "bootstrap_unit": ("person",),
    "fail_if": ("gates",),
    "key": ("key_columns",),
    "keys": ("key_columns",),
    "label": ("y_true",),
    "positive": ("pos_label",),
    "prediction": ("y_pred",),
    "privacy": ("private",),
    "seed": ("random_state",),
    "target": ("y_true", "explain_class"),
    "unit": ("privacy_unit",),
}
"""Old names of keys with their new names; the first new name that a job knows is suggested."""

Config = TypeVar("Config", bound=Frozen)


def load_config(
    kind: type[Config],
    path: str | Path | Mapping[str, Any],
    sets: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
) -> Config:
    """Read and validate a YAML file, or plain values.

    ``options`` are the options of a command by the dotted keys that they set, for messages.

    Raises
    ------
    ConfigError
        If a value is wrong; with the file, the key, what was found (unless it may be a secret) and
        what is allowed.
    """
    where = "the command line" if isinstance(path, Mapping) else str(path)
    values = dict(path) if isinstance(path, Mapping) else _read(path)
    asked = options if isinstance(path, Mapping) else None
    origins: dict[str, str] = {}
    environ = os.environ if environ is None else environ
    for name in sorted(environ):
        if name.startswith(ENVIRONMENT):
            keys = _as_written(values, name[len(ENVIRONMENT) :].split("__"))
            origins[".".join(keys)] = f"environment variable {name}"
            _put(kind, values, keys, environ[name], origins[".".join(keys)])
    given: set[str] = set()
    # a block before its keys, or it would replace them
    for item in sorted(sets, key=lambda item: item.partition("=")[0].count(".")):
        name, found, value = item.partition("=")
        if not found:
            raise ConfigError(f"--set {_shown(item, item)}: write it as a.b=value.")
        keys = name.strip().split(".")
        if ".".join(keys) in given:
            raise ConfigError(f"--set {name.strip()} is given twice; give it once.")
        given.add(".".join(keys))
        origins[".".join(keys)] = f"--set {name.strip()}"
        _put(kind, values, keys, value, origins[".".join(keys)])
    return check_config(kind, values, where, origins, asked)


def _read(path: str | Path) -> dict[str, Any]:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(not_read(path, error)) from None
    values = load_yaml(text, str(path))
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must be a mapping of keys to values.")
    return values


def check_config(
    kind: type[Config],
    values: Mapping[str, Any],
    where: str,
    origins: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
) -> Config:
    """Check plain values; errors name their origin: ``where``, or the override of the key.

    A missing key is named by the option that sets it, if ``options`` has one.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        lines = []
        for item in error.errors(include_url=False):
            path = ".".join(map(str, item["loc"]))
            if options and item["type"] == "missing":
                lines.append(f"{_option_of(path, options)} is required.")
            else:
                lines.append(f"{(origins or {}).get(path, where)}: {_explain(kind, item)}")
        raise ConfigError(*lines) from None


def _option_of(path: str, options: Mapping[str, str]) -> str:
    """Return the option that sets a key, or the options of the keys in it."""
    inner = [option for key, option in options.items() if key.startswith(f"{path}.")]
    return options.get(path) or (" or ".join(inner) if inner else f"--set {path}=VALUE")


def config_hash(config: Frozen) -> str:
    """Return a hash of all values of a configuration."""
    canonical = json.dumps(config.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _as_written(values: Any, names: list[str]) -> list[str]:
    """Spell the names in a variable as the file does; names of entities stay in upper case."""
    keys: list[str] = []
    for name in names:
        near = [key for key in values or () if str(key).lower() == name.lower()]
        entity = keys[-1:] in (["operators"], ["deny_lists"])
        keys.append(str(near[0]) if near else name.upper() if entity else name.lower())
        inner = values.get(near[0]) if near else None
        values = inner if isinstance(inner, dict) else None
    return keys


def _put(
    kind: type[Frozen], values: dict[str, Any], keys: list[str], text: str, where: str
) -> None:
    value = load_yaml(text, where)
    short_forms = getattr(kind, "short_forms", {})
    for key in keys[:-1]:
        if values.get(key) is None:
            values[key] = {}
        elif key in short_forms and not isinstance(values[key], dict):
            values[key] = {short_forms[key]: values[key]}
        short_forms, inner = {}, values[key]
        if not isinstance(inner, dict):
            raise ConfigError(f"{where}: {key!r} is a value and has no keys of its own.")
        values = inner
    values[keys[-1]] = value


def _explain(kind: type[Frozen], item: Any) -> str:
    path = ".".join(map(str, item["loc"])) or "(top level)"
    if item["type"] in UNKNOWN:
        holder = model_at(kind, item["loc"])
        known = sorted(fields_of(holder))
        wrong = str(item["loc"][-1])
        old = {**OLD_KEYS, **getattr(holder, "old_keys", {})}
        now = [new for new in old.get(wrong, ()) if new.split(".")[0] in known]
        now += getattr(kind, "old_keys", {}).get(path, ())  # moved out of its block
        if now:
            return f"{path}: is now called {now[0]}."
        return f"{path}: unknown key.{did_you_mean(wrong, known)} Allowed: {', '.join(known)}."
    said, found = in_words(item), item.get("input")
    if item["type"] == "missing" or (item["type"] == "value_error" and isinstance(found, dict)):
        return f"{path}: {said}" + ("" if said.endswith("?") else ".")
    hint = closest(item)
    if item["type"] == "string_type" and isinstance(found, bool | float | int | date):
        hint = " Write it in quotation marks: without them YAML reads another type."
    return f"{path}: {said}; found {_shown(path, found)}.{hint}"


def _shown(path: str, value: Any) -> str:
    if isinstance(value, dict | list):
        return f"a {type(value).__name__}"
    if any(word in path.lower().replace("[key]", "") for word in _HIDDEN):
        return f"a value of type {type(value).__name__}"
    return repr(value)[:_SHOWN]
