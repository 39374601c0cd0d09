"""Checks of the arguments of evaluations and reviews."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from rai_scale.errors import ConfigError


def check_share(name: str, value: Any) -> None:
    """Raise :class:`ConfigError` unless a value is a number between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise ConfigError(f"{name} must be a number between 0 and 1; found {value!r}.")


def check_integer(name: str, value: Any, least: int | None = None) -> None:
    """Raise :class:`ConfigError` unless a value is an integer that is large enough."""
    small = isinstance(value, Integral) and least is not None and value < least
    if isinstance(value, bool) or not isinstance(value, Integral) or small:
        limit = "" if least is None else f" of at least {least}"
        raise ConfigError(f"{name} must be an integer{limit}; found {value!r}.")
