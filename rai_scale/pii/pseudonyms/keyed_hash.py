"""Pseudonyms by keyed hash: a value has the same pseudonym in every table, run and engine.

Without the key nobody can find out which value a pseudonym stands for by trying values; with the
key they can, but no pseudonym can be turned back into its value (for that, see ``tokens``). All
draws come from HMAC-SHA256 of the domain, the entity, the normalised text and the person.
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.names import Names, names_of
from rai_scale.pii.pseudonyms import base32
from rai_scale.pii.pseudonyms.shaped_values import SHAPES
from rai_scale.pii.pseudonyms.tokens import checked_key_id, secret_bytes

TOKEN_BYTES = 15
"""24 letters of base32. Among a billion values, two have the same with a chance below 1e-18."""
_BLOCK = 64
_PADS = [bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C)]
"""The block of SHA-256, and what HMAC does with each byte of the key for its two hashes."""
_NORMAL: dict[str, Callable[[str], str]] = {
    "nfc": lambda text: unicodedata.normalize("NFC", text),
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),
    "casefold": str.casefold,
    "strip": lambda text: " ".join(text.split()),
}


class Pseudonymizer:
    """Makes pseudonyms with one key.

    Parameters
    ----------
    key : str or bytes
        The secret, at least 16 bytes long.
    key_id : str
        The key's public name, part of pseudonyms that are tokens.
    shape : {"token", "value"}
        ``<PERSON#k1:...>``, or a value of the same kind. Texts for which there is no value of the
        same kind get a token.
    normalize : sequence of {"nfc", "nfkc", "casefold", "strip"}, or one of them
        Texts that are equal after these steps have one token, or one made-up value, which keeps
        the case and grouping of each text.
    domain : str
        Equal values have different pseudonyms in different domains.

    Raises
    ------
    ConfigError
        If an argument is not valid.
    """

    def __init__(
        self,
        key: str | bytes,
        key_id: str,
        shape: str = "token",
        normalize: Names | None = (),
        domain: str = "",
    ) -> None:
        if shape not in ("token", "value"):
            raise ConfigError(f"shape must be 'token' or 'value'; found {shape!r}.")
        steps = names_of(normalize)
        for step in steps:
            if step not in _NORMAL:
                raise ConfigError(
                    f"normalize: there is no step {step!r}.{did_you_mean(step, list(_NORMAL))} "
                    f"The steps are: {', '.join(_NORMAL)}."
                )
        self.key_id = checked_key_id(key_id, domain)
        secret = hmac.digest(secret_bytes(key), b"rai_scale pseudonym 1", "sha256")
        self._inner, self._outer = (sha256(secret.ljust(_BLOCK, b"\0").translate(p)) for p in _PADS)
        self._shapes = SHAPES if shape == "value" else {}
        self._normalize = [_NORMAL[step] for step in steps]
        self._domain = domain
        self._inners: dict[str, Any] = {}

    def of(self, text: str, entity: str, person: str | None = None) -> str:
        """Return the pseudonym of a text.

        Parameters
        ----------
        text : str
        entity : str
        person : str, optional
            Equal texts of different persons have different pseudonyms, and all dates of a person
            are shifted by the same number of days.
        """
        normal = text
        for step in self._normalize:
            normal = step(normal)
        make = self._shapes.get(entity)
        if make is not None:
            if person is not None and entity == "DATE_TIME":  # one shift for all dates of a person
                drawn = self._digest("shift", "", person)
            else:
                drawn = self._digest(entity, normal, person)
            shaped = make(text, int.from_bytes(drawn))
            if shaped is not None:
                return shaped
        digest = self._digest(entity, normal, person)
        return f"<{entity}#{self.key_id}:{base32.encode(digest[:TOKEN_BYTES])}>"

    def _digest(self, entity: str, text: str, person: str | None) -> bytes:
        """Return the HMAC of the parts with their lengths; different parts are different messages.

        Its two hashes go on from copies that have read what does not change (RFC 2104, section 4):
        this takes a third of the time of ``hmac.digest``.
        """
        inner, outer = (self._inners.get(entity) or self._start(entity)).copy(), self._outer.copy()
        owner = b"-" if person is None else _sized(person)
        inner.update(owner + text.encode("utf-8", "surrogatepass"))
        outer.update(inner.digest())
        return outer.digest()

    def _start(self, entity: str) -> Any:
        """Return the inner hash after the domain and the entity."""
        inner = self._inner.copy()
        inner.update(_sized(self._domain) + _sized(entity))
        self._inners[entity] = inner
        return inner


def _sized(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogatepass")
    return b"%d:%b" % (len(raw), raw)
