"""Pseudonyms by keyed hash: a value has the same pseudonym in every table, run and engine.

Without the key nobody can find out which value a pseudonym stands for by trying values; with the
key they can, but no pseudonym can be turned back into its value (for that, see ``tokens``). All
draws come from HMAC-SHA256 of the domain, the entity, the normalised text and the person.
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Callable, Sequence

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.pii.pseudonyms import base32
from rai_scale.pii.pseudonyms.shaped_values import SHAPES, Draws
from rai_scale.pii.pseudonyms.tokens import checked_key_id, secret_bytes

TOKEN_BYTES = 15
"""24 letters of base32. Among a billion values, two have the same with a chance below 1e-18."""
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
    normalize : sequence of {"nfc", "nfkc", "casefold", "strip"}
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
        normalize: Sequence[str] = (),
        domain: str = "",
    ) -> None:
        if shape not in ("token", "value"):
            raise ConfigError(f"shape must be 'token' or 'value'; found {shape!r}.")
        for step in normalize:
            if step not in _NORMAL:
                raise ConfigError(
                    f"normalize: there is no step {step!r}.{did_you_mean(step, list(_NORMAL))} "
                    f"The steps are: {', '.join(_NORMAL)}."
                )
        self.key_id = checked_key_id(key_id, domain)
        self._secret = hmac.digest(secret_bytes(key), b"rai_scale pseudonym 1", "sha256")
        self._shaped = shape == "value"
        self._normalize = [_NORMAL[step] for step in normalize]
        self._domain = domain
        self._starts: dict[str, bytes] = {}

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
        if self._shaped and (make := SHAPES.get(entity)):
            one_shift = entity == "DATE_TIME" and person is not None
            drawn_from = ("shift", "") if one_shift else (entity, normal)
            shaped = make(text, Draws(self._digest(*drawn_from, person)))
            if shaped is not None:
                return shaped
        digest = self._digest(entity, normal, person)
        return f"<{entity}#{self.key_id}:{base32.encode(digest[:TOKEN_BYTES])}>"

    def _digest(self, entity: str, text: str, person: str | None) -> bytes:
        """Hash the parts with their lengths, so that different parts are different messages."""
        if entity not in self._starts:
            self._starts[entity] = _sized(self._domain) + _sized(entity)
        owner = b"-" if person is None else _sized(person)
        message = self._starts[entity] + owner + text.encode("utf-8", "surrogatepass")
        return hmac.digest(self._secret, message, "sha256")


def _sized(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogatepass")
    return b"%d:%b" % (len(raw), raw)
