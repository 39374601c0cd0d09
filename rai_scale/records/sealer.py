"""Hashes with a key where there is one."""

from __future__ import annotations

import hashlib
import hmac
import os

from rai_scale.errors import ConfigError

_SHORTEST_KEY = 16


class Sealer:
    """Hashes texts, with a key where there is one: SHA-256 or HMAC-SHA-256.

    Each use has a name, so that a hash made for one is none for another.
    """

    def __init__(self, key: str | None = None, variable: str = "the key") -> None:
        if key is not None and len(key) < _SHORTEST_KEY:
            raise ConfigError(
                f"{variable} must have at least {_SHORTEST_KEY} characters, found {len(key)}."
            )
        self._key = key.encode() if key else None

    @classmethod
    def from_environment(cls, variable: str) -> Sealer:
        """Return a sealer with the key of the environment, if it holds one."""
        return cls(os.environ.get(variable) or None, variable)

    @property
    def keyed(self) -> bool:
        """Whether hashes need a key."""
        return self._key is not None

    def digest(self, use: str, content: bytes) -> str:
        """Return 64 hexadecimal digits."""
        message = use.encode() + b"\n" + content
        if self._key is None:
            return hashlib.sha256(message).hexdigest()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def seal(self, count: int, last: str) -> str:
        """Return the seal of a head."""
        return self.digest("head", f"{count}:{last}".encode())
