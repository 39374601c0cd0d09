"""Tokens that stand for a value and give it back with the key: ``<EMAIL_ADDRESS:k1:MFRGG...>``.

A value is encrypted by AES-SIV (RFC 5297), which is deterministic: one value, entity, key and domain
give one token, in every table, run and engine, so joins still work. Whoever sees the tokens sees
how often each occurs, and how long its value is.

A token's last part is base32 of: 4 bytes that tell the key, the ciphertext, 4 bytes of CRC-32. So a
wrong key, a damaged token and one that was moved to another entity are told apart.
"""

from __future__ import annotations

import hmac
import re
import zlib
from base64 import b32decode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from typing import Any

from rai_scale.errors import ConfigError, MissingExtraError, RaiScaleError, did_you_mean
from rai_scale.pii import base32

TOKEN = re.compile(r"<([A-Z][A-Z0-9_]*):([A-Za-z0-9_.-]{1,32}):([A-Z2-7]{40,})>")
KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")
SHORTEST_KEY = 16
_MARK = 4
_VERSION = b"\x01"


class TokenError(RaiScaleError):
    """A token that cannot be restored; the message holds no value and no token."""


class UnknownKeyError(TokenError):
    """A token names a key that was not given."""


class WrongKeyError(TokenError):
    """A token was made with another key of this name."""


class DamagedTokenError(TokenError):
    """A token is not as it was made: characters were lost or changed."""


class MovedTokenError(TokenError):
    """A token was made for another entity or domain."""


class Tokenizer:
    """Makes and opens tokens with one key.

    Parameters
    ----------
    key : str or bytes
        The secret, at least 16 bytes of it; the keys of AES-SIV are derived by HKDF-SHA256.
    key_id : str
        The key's public name, part of each token: letters, digits, ``_``, ``.`` and ``-``.
    domain : str
        Tokens of one domain are not those of another. Part of what is authenticated, not of the
        token.

    Raises
    ------
    ConfigError
        If the key is too short or its name has other characters.
    MissingExtraError
        If ``cryptography`` is not installed.
    """

    def __init__(self, key: str | bytes, key_id: str, domain: str = "") -> None:
        if not isinstance(key_id, str) or not KEY_ID.fullmatch(key_id):
            raise ConfigError(
                "key_id must be 1 to 32 letters, digits, '_', '.' or '-', for it is part of tokens."
            )
        self.key_id = key_id
        self._cipher, self._mark = _derived(secret_bytes(key))
        self._bound = (key_id.encode(), domain.encode())
        self._contexts: dict[str, tuple[list[bytes], str]] = {}

    def seal(self, text: str, entity: str) -> str:
        """Return the token of a text; the same for the same text and entity."""
        bound, start = self._context(entity)
        plain = _VERSION + text.encode("utf-8", "surrogatepass")
        sealed = self._mark + self._cipher.encrypt(plain, bound)
        return start + base32.encode(sealed + zlib.crc32(sealed).to_bytes(4)) + ">"

    def _context(self, entity: str) -> tuple[list[bytes], str]:
        """Return what a token of an entity is bound to, and how it starts."""
        if entity not in self._contexts:
            bound = [entity.encode(), *self._bound]
            self._contexts[entity] = bound, f"<{entity}:{self.key_id}:"
        return self._contexts[entity]

    def open(self, coded: str, entity: str) -> str:
        """Return the text of a token's last part.

        Raises
        ------
        TokenError
            The kind that says why there is none.
        """
        from cryptography.exceptions import InvalidTag

        try:
            whole = b32decode(coded + "=" * (-len(coded) % 8))
        except ValueError:
            raise DamagedTokenError(_about(entity, self.key_id, "is damaged")) from None
        sealed, check = whole[:-4], whole[-4:]
        if zlib.crc32(sealed).to_bytes(4) != check:
            raise DamagedTokenError(_about(entity, self.key_id, "is damaged"))
        if not hmac.compare_digest(sealed[:_MARK], self._mark):
            raise WrongKeyError(
                _about(entity, self.key_id, "was made with another key of this name")
            )
        try:
            plain = self._cipher.decrypt(sealed[_MARK:], self._context(entity)[0])
        except InvalidTag:
            raise MovedTokenError(
                _about(entity, self.key_id, "was made for another entity or domain")
            ) from None
        return plain[len(_VERSION) :].decode("utf-8", "surrogatepass")


class Restorer:
    """Puts the values back where their tokens stand in a text.

    Parameters
    ----------
    keys : mapping of str to str or bytes
        The secrets by key id.
    domain : str
        As the tokens were made.
    """

    def __init__(self, keys: Mapping[str, str | bytes], domain: str = "") -> None:
        self._by_id = {name: Tokenizer(key, name, domain) for name, key in keys.items()}

    def __call__(self, text: str) -> str:
        """Return the text with each token replaced by its value; raises :class:`TokenError`."""
        return TOKEN.sub(self._one, text)

    def _one(self, token: re.Match[str]) -> str:
        entity, key_id, coded = token.groups()
        if key_id not in self._by_id:
            raise UnknownKeyError(
                f"{_about(entity, key_id, 'has no key here')}"
                f"{did_you_mean(key_id, list(self._by_id))} Keys are: {', '.join(self._by_id)}."
            )
        return self._by_id[key_id].open(coded, entity)


def secret_bytes(key: str | bytes) -> bytes:
    """Return a secret as bytes.

    Raises
    ------
    ConfigError
        If it is no text or bytes, or is too short.
    """
    raw = key.encode() if isinstance(key, str) else key
    if not isinstance(raw, bytes) or len(raw) < SHORTEST_KEY:
        raise ConfigError(
            f"a key must have at least {SHORTEST_KEY} bytes, such as those of: "
            'python -c "import secrets; print(secrets.token_hex(32))"'
        )
    return raw


@cache
def _derived(secret: bytes) -> tuple[Any, bytes]:
    """Return the cipher of a secret and the bytes that tell it from others."""
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    except ImportError:
        raise MissingExtraError("cryptography", "pii") from None
    key = HKDF(SHA256(), 64, None, b"rai_scale tokenize 1").derive(secret)
    return AESSIV(key), hmac.digest(key, b"which key", sha256)[:_MARK]


def _about(entity: str, key_id: str, what: str) -> str:
    return f"a token of {entity} with key {key_id!r} {what}."
