"""Refusals: all before any data are read."""

from __future__ import annotations

from rai_scale.errors import ConfigError


class QueryRefusedError(ConfigError):
    """A query cannot be answered privately; the message names the construct."""
