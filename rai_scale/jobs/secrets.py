"""Secrets by reference: a store for each form."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rai_scale.errors import ConfigError, not_read
from rai_scale.pii.pseudonyms.tokens import REFERENCES

SECRET_PARAMETERS = ("key", "salt")
"""Parameters of Presidio's operators that must not be written in a file."""

FORMS = "env:NAME, file:/path or databricks:scope/key"
"""How references are written, for messages and help."""


def is_reference(value: object) -> bool:
    """Return whether a value refers to a secret."""
    return isinstance(value, str) and value.startswith(tuple(f"{kind}:" for kind in _STORES))


def resolve_secret(reference: str) -> str:
    """Return the secret that a reference points to.

    Raises
    ------
    ConfigError
        If the secret is not found; the message has the reference, never the secret.
    """
    kind, _, name = reference.partition(":")
    if kind not in _STORES:
        raise ConfigError(f"a secret is written as {FORMS}.")
    return _STORES[kind](reference, name)


def resolve_operators(specs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return operators with their keys and salts filled in."""
    return {
        entity: {
            name: resolve_secret(value) if name in SECRET_PARAMETERS else value
            for name, value in spec.items()
        }
        for entity, spec in specs.items()
    }


def check_references(specs: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise ``ValueError`` if a key or salt is written out instead of given as a reference."""
    for entity, spec in specs.items():
        for name in SECRET_PARAMETERS:
            if name in spec and not is_reference(spec[name]):
                raise ValueError(
                    f"{entity}.{name} is a secret and must be a reference ({FORMS}), not a value"
                )


def _environment(reference: str, name: str) -> str:
    if name not in os.environ:
        raise ConfigError(f"secret {reference!r}: the environment variable is not set.")
    return os.environ[name]


def _file(reference: str, name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8-sig").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"secret {reference!r}: {not_read(name, error)}") from None


def _databricks(reference: str, name: str) -> str:
    scope, _, key = name.partition("/")
    try:
        from databricks.sdk.runtime import dbutils
    except (ImportError, ValueError):  # without the SDK, or with it and no credentials
        raise ConfigError(f"secret {reference!r}: this is not a Databricks session.") from None
    return str(dbutils.secrets.get(scope=scope, key=key))


_STORES = dict(zip(REFERENCES, (_environment, _file, _databricks), strict=True))
"""Where secrets can be, by what a reference begins with; ``FORMS`` shows each to the user."""
