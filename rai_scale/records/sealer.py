"""Hashes, with a key if there is one."""

from __future__ import annotations

import hashlib
import hmac
import os

from rai_scale.errors import ConfigError

_SHORTEST_KEY = 16


class Sealer:
    """Hashes content with SHA-256 or, if there is a key, with HMAC-SHA-256.

    Parameters
    ----------
    key : str, optional
        At least 16 characters.
    variable : str
        The environment variable of the key, for messages.

    Raises
    ------
    ConfigError
        If the key is too short.
    """

    def __init__(self, key: str | None = None, variable: str = "the key") -> None:
        if key is not None and len(key) < _SHORTEST_KEY:
            raise ConfigError(
                f"{variable} must have at least {_SHORTEST_KEY} characters; found {len(key)}."
            )
        self._key = key.encode() if key else None

    @classmethod
    def from_environment(cls, variable: str) -> Sealer:
        """Return a sealer with the key in an environment variable; without a key if it is empty."""
        return cls(os.environ.get(variable) or None, variable)

    @property
    def keyed(self) -> bool:
        """Whether there is a key."""
        return self._key is not None

    def digest(self, use: str, content: bytes) -> str:
        """Return a hash of 64 hexadecimal digits that is different for each use."""
        message = use.encode() + b"\n" + content
        if self._key is None:
            return hashlib.sha256(message).hexdigest()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def seal(self, count: int, last: str) -> str:
        """Return the seal of a head with ``count`` events and the hash ``last``."""
        return self.digest("head", f"{count}:{last}".encode())
