"""Made-up values of the same kind as a value, drawn from a hash of it.

Where there are numbers and names that are reserved for examples, the made-up values are among
them, so that they belong to nobody: cards of the industry digit 9, which no payment network
issues; telephone numbers 555-01xx and those that Ofcom and ARCEP reserve for drama; the domains of
RFC 2606 and the addresses of RFC 5737 and RFC 3849; social security numbers of the area 666. For
bank accounts (IBAN) there is no such range. Two values can have the same made-up value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from unicodedata import normalize

from rai_scale.pii.pseudonyms import base32
from rai_scale.pii.pseudonyms.made_up_names import FAMILY, GIVEN

LONGEST_SHIFT = 365
_SMALLEST_CARD = 12
_DOUBLED = str.maketrans("0123456789", "0246813579")
"""Twice each digit, as the sum of the digits of the product."""
_AS_NUMBERS = {ord("A") + i: str(10 + i) for i in range(26)}
_AREAS = (
    *(202, 206, 212, 213, 214, 215, 216, 303, 305, 312, 313, 314, 402, 404, 410, 412),
    *(414, 415, 416, 503, 504, 505, 512, 513, 514, 602, 604, 612, 615, 617, 702, 703),
    *(704, 713, 716, 801, 803, 804, 808, 816, 901, 904, 907, 913, 916, 919, 905),
)
"""Area codes of North America that are in use."""
_BRITISH = ("20 7946", "161 496", "121 496", "113 496", "131 496", "141 496", "117 496")
_FRENCH = ("1 99 00", "2 61 91", "3 53 01", "4 65 71", "5 36 49")
_DOMAINS = ("com", "net", "org")
_WORD = re.compile(r"\w+")


class Draws:
    """An endless sequence of integers that follows from a hash; the same for the same hash."""

    def __init__(self, digest: bytes) -> None:
        self._digest = digest
        self._left = int.from_bytes(digest)
        self._size = 1 << 8 * len(digest)

    def below(self, count: int) -> int:
        """Return a number from 0 to ``count - 1``, uniform up to 1 in 2**64."""
        if self._size < count << 64:
            self._digest = sha256(self._digest).digest()
            self._left = self._left * (1 << 256) + int.from_bytes(self._digest)
            self._size <<= 256
        self._left, drawn = divmod(self._left, count)
        self._size //= count
        return drawn

    def digits(self, count: int) -> str:
        """Return ``count`` decimal digits."""
        return f"{self.below(10**count):0{count}d}" if count else ""

    def name(self) -> str:
        """Return 16 letters and digits."""
        return base32.encode(self.below(1 << 80).to_bytes(10)).lower()


def _card(text: str, draws: Draws) -> str | None:
    """Return a number of the same length and grouping with a valid check digit (Luhn)."""
    count = _digits(text)
    if count < _SMALLEST_CARD:
        return None
    number = "9" + draws.digits(count - 2)
    return _into(text, number + _luhn(number))


def _luhn(number: str) -> str:
    """Return the check digit; from the right, every other digit is doubled."""
    doubled = number[::-2].translate(_DOUBLED)
    return str((48 * len(number) - sum((doubled + number[-2::-2]).encode())) % 10)


def _digits(text: str) -> int:
    return len(text) if text.isdecimal() else sum(map(str.isdecimal, text))


def _into(text: str, digits: str) -> str:
    """Return the text with these digits in place of its own."""
    if text.isdecimal():
        return digits
    left = iter(digits)
    return "".join([next(left) if character.isdecimal() else character for character in text])


def _email(text: str, draws: Draws) -> str:
    return f"{draws.name()}@example.{_DOMAINS[draws.below(3)]}"


def _url(text: str, draws: Draws) -> str:
    return f"https://www.example.{_DOMAINS[draws.below(3)]}/{draws.name()}"


def _ip(text: str, draws: Draws) -> str | None:
    try:
        version = ip_address(text).version
    except ValueError:
        return None
    if version == 6:  # noqa: PLR2004
        groups = [f"{draws.below(1 << 16):x}" for _ in range(6)]
        return "2001:db8:" + ":".join(groups)
    net = ("192.0.2", "198.51.100", "203.0.113")[draws.below(3)]
    return f"{net}.{1 + draws.below(254)}"


def _phone(text: str, draws: Draws) -> str:
    start = text.lstrip()
    if start.startswith(("+44", "0044")):
        return f"+44 {_BRITISH[draws.below(len(_BRITISH))]} 0{draws.digits(3)}"
    if start.startswith(("+33", "0033")):
        return f"+33 {_FRENCH[draws.below(len(_FRENCH))]} {draws.digits(2)} {draws.digits(2)}"
    number = f"{_AREAS[draws.below(len(_AREAS))]}55501{draws.digits(2)}"
    if _digits(text) == len(number) and not start.startswith(("+", "00")):
        return _into(text, number)
    return f"+1 {number[:3]}-{number[3:6]}-{number[6:]}"


def _ssn(text: str, draws: Draws) -> str | None:
    """Return a number of the area 666, which is never assigned."""
    if _digits(text) != 9:  # noqa: PLR2004
        return None
    return _into(text, f"666{1 + draws.below(99):02d}{1 + draws.below(9999):04d}")


def _iban(text: str, draws: Draws) -> str | None:
    """Return an account of the same country with valid check digits (ISO 7064, MOD 97-10)."""
    plain = (text if text.isalnum() else "".join(filter(str.isalnum, text))).upper()
    if not (plain.isascii() and plain[:2].isalpha() and len(plain) > 4):  # noqa: PLR2004
        return None
    account = draws.digits(len(plain) - 4)
    if not plain[4:].isdecimal():
        pairs = zip(plain[4:], account, strict=True)
        account = "".join(
            [chr(ord("A") + draws.below(26)) if c.isalpha() else digit for c, digit in pairs]
        )
    check = 98 - int(f"{account}{plain[:2]}00".translate(_AS_NUMBERS)) % 97
    made = f"{plain[:2]}{check:02d}{account}"
    if len(made) == len(text):
        return made
    left = iter(made)
    return "".join([next(left) if character.isalnum() else character for character in text])


def _person(text: str, draws: Draws) -> str:
    """Return a made-up name of as many other words, at most three, in the same case."""
    words = len(text.split())
    taken = set(_WORD.findall(normalize("NFKC", normalize("NFKC", text).casefold())))
    given = _other(GIVEN, draws, taken)
    family = _other(FAMILY, draws, taken)
    middle = _other(GIVEN, draws, taken)
    name = " ".join([given, *([middle] if words > 2 else ()), *([family] if words > 1 else ())])  # noqa: PLR2004
    return name.upper() if text.isupper() else name.lower() if text.islower() else name


def _other(names: Sequence[str], draws: Draws, taken: set[str]) -> str:
    """Return a name that is not taken: the one drawn, or the next in the list."""
    at = draws.below(len(names))
    order = (*names[at:], *names[:at])
    return next((name for name in order if name.casefold() not in taken), order[0])


_TIME = r"(?P<time>(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?)"
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.]?)(\d\d)\2(\d\d){_TIME}", re.ASCII)
_YEAR_LAST = re.compile(rf"(\d\d?)([-/.])(\d\d?)\2(\d{{4}}){_TIME}", re.ASCII)
_WITH_NAMES = ("%B %d, %Y", "%d %B %Y", "%b %d, %Y", "%d %b %Y", "%B %d %Y")


def _date(text: str, draws: Draws) -> str | None:
    """Return the date shifted by 1 to 365 days, in the same form; the time of day stays."""
    days = 1 + draws.below(2 * LONGEST_SHIFT)
    shift = timedelta(days - LONGEST_SHIFT - (days <= LONGEST_SHIFT))
    try:
        return _shifted(text, shift)
    except (OverflowError, ValueError):  # not in the calendar
        return None


def _shifted(text: str, shift: timedelta) -> str | None:
    if found := _YEAR_FIRST.fullmatch(text):
        year, between, month, day = found.groups()[:4]
        moved = date(int(year), int(month), int(day)) + shift
        time = found["time"]
        return f"{moved.year:04d}{between}{moved.month:02d}{between}{moved.day:02d}{time}"
    if found := _YEAR_LAST.fullmatch(text):
        first, between, second, year = found.groups()[:4]
        month_first = between == "/" and int(first) <= 12  # noqa: PLR2004
        month, day = (first, second) if month_first else (second, first)
        moved = date(int(year), int(month), int(day)) + shift
        width = 2 if len(first + second) == 4 or "0" in (first[0], second[0]) else 1  # noqa: PLR2004
        new = [moved.month, moved.day] if month_first else [moved.day, moved.month]
        dated = [f"{part:0{width}d}" for part in new]
        return between.join([*dated, f"{moved.year:04d}"]) + found["time"]
    for form in _WITH_NAMES:
        try:
            moved = datetime.strptime(text, form).date() + shift
        except ValueError:
            continue
        return moved.strftime(form) if moved.year > 999 else None  # noqa: PLR2004
    return None


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
"""How a value of an entity is made; None if the text has no form that is known."""
