"""Pseudonyms by keyed hash: one value has one pseudonym, in every table, run and engine.

Without the key nobody can tell which value a pseudonym stands for, or try values out; with it they
can, but no pseudonym is turned back into its value (for that, see ``tokens``). All draws come from
HMAC-SHA256 of the entity, the domain, the person (``per``) and the normalised text.

Shaped pseudonyms look like the value and can belong to nobody: cards of the industry digit 9,
which no payment network issues; telephone numbers, host names and addresses that are reserved for
examples (RFC 2606, 5737, 3849; 555-01xx; Ofcom's and ARCEP's numbers for drama). Two values can
have one shaped pseudonym: join by ``shape: token``.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.pii import base32
from rai_scale.pii.tokens import KEY_ID, secret_bytes

TOKEN_BYTES = 15
"""24 letters of base32: two of a billion values have one token with a chance below 1e-18."""
LONGEST_SHIFT = 365
_NORMAL: dict[str, Callable[[str], str]] = {
    "nfc": lambda text: unicodedata.normalize("NFC", text),
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),
    "casefold": str.casefold,
    "strip": lambda text: " ".join(text.split()),
}


class Draws:
    """Whole numbers without end that follow from a hash; the same for the same hash."""

    def __init__(self, digest: bytes) -> None:
        self._digest = digest
        self._left = int.from_bytes(digest)
        self._size = 1 << 8 * len(digest)

    def below(self, count: int) -> int:
        """Return a number from 0 to ``count - 1``, each as likely up to 1 in 2**64."""
        if self._size < count << 64:
            self._digest = sha256(self._digest).digest()
            self._left = self._left * (1 << 256) + int.from_bytes(self._digest)
            self._size <<= 256
        self._left, drawn = divmod(self._left, count)
        self._size //= count
        return drawn

    def digits(self, count: int) -> str:
        """Return so many decimal digits."""
        return f"{self.below(10**count):0{count}d}" if count else ""


class Pseudonymizer:
    """Makes pseudonyms with one key.

    Parameters
    ----------
    key : str or bytes
        The secret, at least 16 bytes of it.
    key_id : str
        The key's public name, part of pseudonyms that are tokens.
    shape : {"token", "value"}
        ``<PERSON#k1:...>``, or a value of the same kind; an entity without such values gets a
        token.
    normalize : sequence of {"nfc", "nfkc", "casefold", "strip"}
        Texts that are equal after these steps have one pseudonym.
    domain : str
        Pseudonyms of one domain say nothing of those of another.

    Raises
    ------
    ConfigError
        If one of these is not as described.
    """

    def __init__(
        self,
        key: str | bytes,
        key_id: str,
        shape: str = "token",
        normalize: Sequence[str] = (),
        domain: str = "",
    ) -> None:
        if not isinstance(key_id, str) or not KEY_ID.fullmatch(key_id):
            raise ConfigError(
                "key_id must be 1 to 32 letters, digits, '_', '.' or '-', for it is part of tokens."
            )
        if shape not in ("token", "value"):
            raise ConfigError(f"shape must be 'token' or 'value'; found {shape!r}.")
        for step in normalize:
            if step not in _NORMAL:
                raise ConfigError(
                    f"normalize: there is no step {step!r}.{did_you_mean(step, list(_NORMAL))} "
                    f"Steps are: {', '.join(_NORMAL)}."
                )
        self.key_id = key_id
        self._secret = hmac.digest(secret_bytes(key), b"rai_scale pseudonym 1", sha256)
        self._shaped = shape == "value"
        self._normalize = [_NORMAL[step] for step in normalize]
        self._domain = domain

    def of(self, text: str, entity: str, person: str | None = None) -> str:
        """Return the pseudonym of a text; ``person`` makes it that of this person's text."""
        if self._shaped and (make := SHAPES.get(entity)):
            shift = self._draws("shift", "", person) if entity == "DATE_TIME" else None
            shaped = make(text, shift or self._draws(entity, self._normal(text), person))
            if shaped is not None:
                return shaped
        digest = self._digest(entity, self._normal(text), person)
        return f"<{entity}#{self.key_id}:{base32.encode(digest[:TOKEN_BYTES])}>"

    def _draws(self, entity: str, text: str, person: str | None) -> Draws:
        return Draws(self._digest(entity, text, person))

    def _normal(self, text: str) -> str:
        for step in self._normalize:
            text = step(text)
        return text

    def _digest(self, *parts: str | None) -> bytes:
        """Hash the parts with their lengths, so that no two lists of parts are hashed alike."""
        told = [b"-" if p is None else p.encode("utf-8", "surrogatepass") for p in parts]
        message = self._domain.encode() + b"".join(
            b"\x00%d%s:" % (len(raw), b"" if part is None else b"t") + raw
            for part, raw in zip(parts, told, strict=True)
        )
        return hmac.digest(self._secret, message, sha256)


# ---------------------------------------------------------------- values by entity


def _card(text: str, draws: Draws) -> str | None:
    """Return a number of the same length and groups with a right check digit (Luhn)."""
    count = sum(map(str.isdecimal, text))
    if count < 12:
        return None
    number = "9" + draws.digits(count - 2)
    return _into(text, number + _luhn(number))


def _luhn(number: str) -> str:
    doubled = [int(d) * (2 - place % 2) for place, d in enumerate(reversed(number))]
    return str(-sum(d // 10 + d % 10 for d in doubled) % 10)


def _into(text: str, digits: str) -> str:
    """Return the text with these digits in place of its own."""
    left = iter(digits)
    return "".join(next(left) if character.isdecimal() else character for character in text)


def _email(text: str, draws: Draws) -> str:
    name = base32.encode(draws.below(1 << 80).to_bytes(10)).lower()
    return f"{name}@example.{('com', 'net', 'org')[draws.below(3)]}"


def _url(text: str, draws: Draws) -> str:
    name = base32.encode(draws.below(1 << 80).to_bytes(10)).lower()
    return f"https://www.example.{('com', 'net', 'org')[draws.below(3)]}/{name}"


def _ip(text: str, draws: Draws) -> str | None:
    try:
        version = ip_address(text).version
    except ValueError:
        return None
    if version == 6:
        groups = [f"{draws.below(1 << 16):x}" for _ in range(6)]
        return "2001:db8:" + ":".join(groups)
    net = ("192.0.2", "198.51.100", "203.0.113")[draws.below(3)]
    return f"{net}.{1 + draws.below(254)}"


def _phone(text: str, draws: Draws) -> str:
    digits = "".join(filter(str.isdecimal, text))
    if text.lstrip().startswith(("+44", "0044")):
        return f"+44 7700 900{draws.digits(3)}"
    if text.lstrip().startswith(("+33", "0033")):
        return f"+33 1 99 00 {draws.digits(2)} {draws.digits(2)}"
    number = f"{2 + draws.below(8)}{draws.digits(2)}55501{draws.digits(2)}"
    if len(digits) == len(number) and not text.lstrip().startswith(("+", "00")):
        return _into(text, number)
    return f"+1 {number[:3]}-{number[3:6]}-{number[6:]}"


def _ssn(text: str, draws: Draws) -> str | None:
    """Return a number of the area 666, which was never given to anyone."""
    if sum(map(str.isdecimal, text)) != 9:
        return None
    return _into(text, f"666{1 + draws.below(99):02d}{1 + draws.below(9999):04d}")


def _iban(text: str, draws: Draws) -> str | None:
    """Return an account of the same country with right check digits (ISO 7064, MOD 97-10)."""
    plain = "".join(filter(str.isalnum, text)).upper()
    if not (plain.isascii() and plain[:2].isalpha() and len(plain) > 4):
        return None
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    account = "".join(
        letters[draws.below(26)] if c.isalpha() else draws.digits(1) for c in plain[4:]
    )
    check = 98 - int("".join(str(int(c, 36)) for c in account + plain[:2] + "00")) % 97
    left = iter(f"{plain[:2]}{check:02d}{account}")
    return "".join(next(left) if character.isalnum() else character for character in text)


def _person(text: str, draws: Draws) -> str:
    """Return a made-up name of as many words, at most three, in the same case."""
    from rai_scale.pii.made_up_names import FAMILY, GIVEN

    words = len(text.split())
    given = GIVEN[draws.below(len(GIVEN))]
    family = FAMILY[draws.below(len(FAMILY))]
    middle = GIVEN[draws.below(len(GIVEN))]
    name = " ".join([given, *([middle] if words > 2 else ()), *([family] if words > 1 else ())])
    return name.upper() if text.isupper() else name.lower() if text.islower() else name


FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%B %d, %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%d %b %Y",
    "%Y%m%d",
)


def _date(text: str, draws: Draws) -> str | None:
    """Return the date moved by this person's number of days, never none, in the same form.

    Intervals between the dates of a person stay as they are.
    """
    days = 1 + draws.below(2 * LONGEST_SHIFT)
    shift = timedelta(days - LONGEST_SHIFT - (days <= LONGEST_SHIFT))
    for form in FORMATS:
        try:
            found = datetime.strptime(text, form)
        except ValueError:
            continue
        try:
            return _as_written(text, form, found + shift)
        except (OverflowError, ValueError):
            return None
    return None


def _as_written(text: str, form: str, moved: datetime) -> str | None:
    """Write a date in a form, with zeros before numbers only if the text has them."""
    padded = bool(re.search(r"(?<!\d)0\d", text)) or not re.search(r"(?<!\d)\d(?!\d)", text)
    written = moved.strftime(form)
    if form.startswith("%Y") and moved.year < 1000:
        return None
    return written if padded else re.sub(r"(?<!\d)0(\d)(?!\d)", r"\1", written)


SHAPES: dict[str, Callable[[str, Draws], str | None]] = {
    "CREDIT_CARD": _card,
    "DATE_TIME": _date,
    "EMAIL_ADDRESS": _email,
    "IBAN_CODE": _iban,
    "IP_ADDRESS": _ip,
    "PERSON": _person,
    "PHONE_NUMBER": _phone,
    "URL": _url,
    "US_SSN": _ssn,
}
"""How a value of an entity is made; None where the text is not of a form that is known."""
