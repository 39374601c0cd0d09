"""Tokens that stand for a value and give it back with the key: ``<EMAIL_ADDRESS:k1:MFRGG...>``.

A value is encrypted by AES-SIV (RFC 5297), which is deterministic: equal values of one entity, key
and domain have equal tokens, in every table, run and engine, so joins still work. Whoever sees the
tokens sees how often each occurs, and how long its value is.

The last part of a token is the base32 text of 4 bytes that identify the key, the ciphertext, and 4
bytes of CRC-32. So a wrong key, a damaged token and one that was moved to another entity are
different errors.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from typing import Any
from zlib import crc32

from rai_scale.errors import ConfigError, MissingExtraError, RaiScaleError, did_you_mean
from rai_scale.pii.pseudonyms import base32
from rai_scale.pii.pseudonyms.person import person_in

ENTITY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")
TOKEN = re.compile(rf"<({ENTITY.pattern}):({KEY_ID.pattern}):([A-Z2-7]{{40,}}>)?")
"""A token, or only its beginning if the rest of it is damaged."""
SHORTEST_KEY = 16
REFERENCES = ("env", "file", "databricks")
"""How a reference to a secret begins in a configuration file, before a colon."""
_MARK = 4
_VERSION = b"\x01"
"""Before each value: AES-SIV needs at least one byte, and a later form can have another number."""


class TokenError(RaiScaleError):
    """A token that cannot be restored; the message contains no value and no token."""


class UnknownKeyError(TokenError):
    """A token names a key that was not given."""


class WrongKeyError(TokenError):
    """A token was made with another key of the same name."""


class DamagedTokenError(TokenError):
    """Characters of a token were lost or changed."""


class MovedTokenError(TokenError):
    """A token was made for another entity, domain or person."""


class Tokenizer:
    """Makes and opens tokens with one key.

    Parameters
    ----------
    key : str or bytes
        The secret, at least 16 bytes long; the keys of AES-SIV are derived by HKDF-SHA256.
    key_id : str
        The key's public name, part of each token: letters, digits, ``_``, ``.`` and ``-``.
    domain : str
        Equal values have different tokens in different domains. The domain is authenticated and
        not part of the token.

    Raises
    ------
    ConfigError
        If the key is too short or its name has other characters.
    MissingExtraError
        If ``cryptography`` is not installed.
    """

    def __init__(self, key: str | bytes, key_id: str, domain: str = "") -> None:
        self.key_id = checked_key_id(key_id, domain)
        self._cipher, self._mark = _derived(secret_bytes(key))
        self._domain = domain
        self._contexts: dict[str, tuple[list[bytes], str]] = {}

    def seal(self, text: str, entity: str, person: str | None = None) -> str:
        """Return the token of a text; the same for the same text, entity and person."""
        bound, start = self._contexts.get(entity) or self._context(entity)
        if person is not None:
            bound = [*bound, _bytes(person)]
        plain = _VERSION + text.encode("utf-8", "surrogatepass")
        sealed = self._mark + self._cipher.encrypt(plain, bound)
        return f"{start}{base32.encode(sealed + crc32(sealed).to_bytes(4))}>"

    def seal_all(self, texts: Sequence[str], entity: str) -> list[str]:
        """Return the tokens of many texts of no person, in less time than one by one."""
        bound, start = self._context(entity)
        encrypt, mark = self._cipher.encrypt, self._mark
        sealed = [
            mark + encrypt(_VERSION + text.encode("utf-8", "surrogatepass"), bound)
            for text in texts
        ]
        coded = base32.encode_all([one + crc32(one).to_bytes(4) for one in sealed])
        return [f"{start}{one}>" for one in coded]

    def open(self, coded: str, entity: str, person: str | None = None) -> str:
        """Return the text of the last part of a token.

        Raises
        ------
        TokenError
            A subclass that says why the token cannot be opened.
        """
        from cryptography.exceptions import InvalidTag

        try:
            whole = base32.decode(coded)
        except ValueError:
            raise DamagedTokenError(_about(entity, self.key_id, "is damaged")) from None
        sealed, check = whole[:-4], whole[-4:]
        if crc32(sealed).to_bytes(4) != check:
            raise DamagedTokenError(_about(entity, self.key_id, "is damaged"))
        if not hmac.compare_digest(sealed[:_MARK], self._mark):
            raise WrongKeyError(
                _about(entity, self.key_id, "was made with another key of the same name")
            )
        bound = self._context(entity)[0] + ([] if person is None else [_bytes(person)])
        try:
            plain = self._cipher.decrypt(sealed[_MARK:], bound)
        except InvalidTag:
            raise MovedTokenError(
                _about(entity, self.key_id, "was made for another entity, domain or person")
            ) from None
        return plain[len(_VERSION) :].decode("utf-8", "surrogatepass")

    def _context(self, entity: str) -> tuple[list[bytes], str]:
        """Return what a token of an entity is bound to, and how it starts."""
        if entity not in self._contexts:
            if not ENTITY.fullmatch(entity):
                raise ConfigError(
                    f"{entity!r} cannot be part of a token: the name of an entity has letters, "
                    "digits and '_', and begins with a letter."
                )
            bound = ["\0".join((entity, self.key_id, self._domain)).encode()]
            self._contexts[entity] = bound, f"<{entity}:{self.key_id}:"
        return self._contexts[entity]


class TokenRewriter:
    """Replaces each token in a text by its value, or by its token with another key.

    Parameters
    ----------
    keys : mapping of str to str or bytes
        The secrets by key id.
    domain : str
        The domain that the tokens were made for.
    per : bool
        Whether the tokens were made per person.
    to : str, optional
        The key id of the new tokens; without it, tokens are replaced by their values.

    Raises
    ------
    ConfigError
        If there are no keys, a key is not valid, or ``to`` is not one of them.
    """

    def __init__(
        self,
        keys: Mapping[str, str | bytes],
        domain: str = "",
        per: bool = False,
        to: str | None = None,
    ) -> None:
        self._by_id = {name: Tokenizer(key, name, domain) for name, key in keys.items()}
        if not self._by_id:
            raise ConfigError("keys: give at least one key, by its key id.")
        if to is not None and to not in self._by_id:
            raise ConfigError(f"to: {to!r} is not one of the keys: {', '.join(self._by_id)}.")
        self._per = per
        self._to = to and self._by_id[to]

    def __call__(self, text: str, person: str | None = None) -> str:
        """Return the text with each token replaced; raises :class:`TokenError`."""
        if "<" not in text:
            return text
        return TOKEN.sub(lambda token: self._one(token, person), text)

    def _one(self, token: re.Match[str], person: str | None) -> str:
        entity, key_id, coded = token.groups()
        if key_id not in self._by_id:
            if coded is None:
                return token[0]  # a text that only begins like a token
            raise UnknownKeyError(
                f"{_about(entity, key_id, 'has no key here')}"
                f"{did_you_mean(key_id, list(self._by_id))} The keys are: {', '.join(self._by_id)}."
            )
        if coded is None:
            raise DamagedTokenError(f"a token with key {key_id!r} is damaged.")
        person = person_in(person) if self._per else None
        text = self._by_id[key_id].open(coded[:-1], entity, person)
        return self._to.seal(text, entity, person) if self._to else text


def checked_key_id(key_id: Any, domain: Any = "") -> str:
    """Return a key id; raise :class:`ConfigError` if it or the domain is not valid."""
    if not isinstance(domain, str):
        raise ConfigError(f"domain must be text; found {type(domain).__name__}.")
    if not isinstance(key_id, str) or not KEY_ID.fullmatch(key_id):
        raise ConfigError(
            "key_id must have 1 to 32 letters, digits, '_', '.' or '-', because it is part of "
            "tokens."
        )
    return key_id


def check_no_reference(what: str, value: object) -> None:
    """Raise :class:`ConfigError` for the reference to a secret where the secret is needed."""
    kind = value.partition(":")[0] if isinstance(value, str) else None
    if kind in REFERENCES:
        raise ConfigError(
            f"{what} is a reference ({kind}:...), which only a configuration file can have. In "
            "Python, give the secret itself, such as os.environ[NAME]."
        )


def secret_bytes(key: Any) -> bytes:
    """Return a secret as bytes.

    Raises
    ------
    ConfigError
        If it is not text or bytes, is too short, or is a reference to a secret.
    """
    check_no_reference("a key", key)
    raw = key.encode() if isinstance(key, str) else key
    if not isinstance(raw, bytes) or len(raw) < SHORTEST_KEY:
        raise ConfigError(
            f"a key must have at least {SHORTEST_KEY} bytes; make one with: rai-scale keys new"
        )
    return raw


@cache
def _derived(secret: bytes) -> tuple[Any, bytes]:
    """Return the cipher of a secret, and the bytes that distinguish it from others."""
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    except ImportError:
        raise MissingExtraError("cryptography", "pii") from None
    key = HKDF(SHA256(), 64, None, b"rai_scale tokenize 1").derive(secret)
    return AESSIV(key), hmac.digest(key, b"which key", sha256)[:_MARK]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _about(entity: str, key_id: str, what: str) -> str:
    """Return a sentence about a token that does not show it."""
    return f"a token of {entity} with key {key_id!r} {what}."
