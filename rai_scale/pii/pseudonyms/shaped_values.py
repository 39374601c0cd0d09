"""Made-up values of the same kind as a value, drawn from a hash of it.

``drawn`` is the hash, an integer of 256 bits.

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
from functools import lru_cache
from ipaddress import ip_address
from itertools import product
from operator import add
from string import ascii_letters, ascii_uppercase
from string import digits as decimals
from unicodedata import normalize

from rai_scale.pii.pseudonyms import base32
from rai_scale.pii.pseudonyms.made_up_names import FAMILY, GIVEN

LONGEST_SHIFT = 365
_SHIFTS = [timedelta(days) for days in range(-LONGEST_SHIFT, LONGEST_SHIFT + 1) if days]
_SMALLEST_CARD, _LARGEST_CARD = 12, 19
_LONGEST_ACCOUNT = 34
_DOUBLED = str.maketrans("0123456789", "0246813579")
"""Twice each digit, as the sum of the digits of the product."""
_AS_NUMBERS = {ord(letter): str(10 + i) for i, letter in enumerate(ascii_uppercase)}
_PAIRS = ["".join(pair) for pair in product(ascii_uppercase, repeat=2)]
_NO_DIGITS = str.maketrans(dict.fromkeys(decimals, "\0"))
_FORM = str.maketrans(dict.fromkeys(ascii_letters, "A") | dict.fromkeys(decimals, "0"))
_POWERS = [10**count for count in range(_LONGEST_ACCOUNT)]
_AREAS = (
    *(202, 206, 212, 213, 214, 215, 216, 303, 305, 312, 313, 314, 402, 404, 410, 412),
    *(414, 415, 416, 503, 504, 505, 512, 513, 514, 602, 604, 612, 615, 617, 702, 703),
    *(704, 713, 716, 801, 803, 804, 808, 816, 901, 904, 907, 913, 916, 919, 905),
)
"""Area codes of North America that are in use."""
_AMERICAN = [f"{area}55501{last:02d}" for area in _AREAS for last in range(100)]
_BRITISH = ("20 7946", "161 496", "121 496", "113 496", "131 496", "141 496", "117 496")
_FRENCH = ("1 99 00", "2 61 91", "3 53 01", "4 65 71", "5 36 49")
_DOMAINS = ("com", "net", "org")
_WORD = re.compile(r"\w+")


def _digits(drawn: int, count: int) -> str:
    """Return ``count`` decimal digits; a hash has enough for the longest account."""
    return str(drawn % _POWERS[count]).zfill(count)


def _name(drawn: int) -> str:
    """Return 16 letters and digits."""
    return base32.encode((drawn & (1 << 80) - 1).to_bytes(10)).lower()


def _card(text: str, drawn: int) -> str | None:
    """Return a number of the same length and grouping with a valid check digit (Luhn)."""
    gaps = _gaps(text)
    if not _SMALLEST_CARD < len(gaps) <= _LARGEST_CARD + 1:
        return None
    number = "9" + _digits(drawn, len(gaps) - 3)
    return _filled(gaps, number + _luhn(number))


def _luhn(number: str) -> str:
    """Return the check digit; from the right, every other digit is doubled."""
    doubled = number[::-2].translate(_DOUBLED)
    return str((48 * len(number) - sum((doubled + number[-2::-2]).encode())) % 10)


def _gaps(text: str) -> list[str]:
    """Return what is before, between and after the decimal digits of a text, in any script."""
    if not text.isascii():
        text = "".join("0" if character.isdecimal() else character for character in text)
    return text.translate(_NO_DIGITS).split("\0")


def _filled(gaps: Sequence[str], characters: str) -> str:
    """Return these characters with the gaps around them."""
    return "".join(map(add, gaps, characters)) + gaps[-1]


def _email(text: str, drawn: int) -> str:
    return f"{_name(drawn)}@example.{_DOMAINS[(drawn >> 80) % 3]}"


def _url(text: str, drawn: int) -> str:
    return f"https://www.example.{_DOMAINS[(drawn >> 80) % 3]}/{_name(drawn)}"


def _ip(text: str, drawn: int) -> str | None:
    try:
        version = ip_address(text).version
    except ValueError:
        return None
    if version == 6:  # noqa: PLR2004
        groups = [f"{drawn >> 16 * place & 0xFFFF:x}" for place in range(6)]
        return "2001:db8:" + ":".join(groups)
    rest, net = divmod(drawn, 3)
    return f"{('192.0.2', '198.51.100', '203.0.113')[net]}.{1 + rest % 254}"


def _phone(text: str, drawn: int) -> str:
    start = text.lstrip()
    if start.startswith(("+44", "0044")):
        rest, place = divmod(drawn, len(_BRITISH))
        return f"+44 {_BRITISH[place]} 0{_digits(rest, 3)}"
    if start.startswith(("+33", "0033")):
        rest, place = divmod(drawn, len(_FRENCH))
        last = _digits(rest, 4)
        return f"+33 {_FRENCH[place]} {last[:2]} {last[2:]}"
    number, gaps = _AMERICAN[drawn % len(_AMERICAN)], _gaps(text)
    if len(gaps) == len(number) + 1 and not start.startswith(("+", "00")):
        return _filled(gaps, number)
    return f"+1 {number[:3]}-{number[3:6]}-{number[6:]}"


def _ssn(text: str, drawn: int) -> str | None:
    """Return a number of the area 666, which is never assigned."""
    gaps = _gaps(text)
    if len(gaps) != 10:  # noqa: PLR2004
        return None
    rest, group = divmod(drawn, 99)
    return _filled(gaps, f"666{1 + group:02d}{1 + rest % 9999:04d}")


def _iban(text: str, drawn: int) -> str | None:
    """Return an account of the same country with valid check digits (ISO 7064, MOD 97-10)."""
    plain = text if text.isalnum() else "".join(filter(str.isalnum, text))
    country = plain[:2].upper()
    is_long = 4 < len(plain) <= _LONGEST_ACCOUNT  # noqa: PLR2004
    if not (plain.isascii() and country.isalpha() and is_long):
        return None
    account, digits = "", ""
    for letters, count in _runs(plain[4:].translate(_FORM)):
        if letters:
            drawn, place = divmod(drawn, len(_PAIRS))
            account += _PAIRS[place][:count]
            digits += _PAIRS[place][:count].translate(_AS_NUMBERS)
        else:
            drawn, number = divmod(drawn, _POWERS[count])
            account += str(number).zfill(count)
            digits += str(number).zfill(count)
    check = 98 - int(f"{digits}{country.translate(_AS_NUMBERS)}00") % 97
    made = f"{country}{check:02d}{account}"
    if len(made) == len(text):
        return made
    left = iter(made)
    return "".join([next(left) if character.isalnum() else character for character in text])


@lru_cache(1_000)
def _runs(form: str) -> list[tuple[bool, int]]:
    """Return whether letters or digits follow each other, and how many; letters in pairs."""
    found = (run[0] for run in re.finditer("A{1,2}|0+", form))
    return [(run[0] == "A", len(run)) for run in found]


def _person(text: str, drawn: int) -> str:
    """Return a made-up name of as many other words, at most three, in the same case."""
    words = len(text.split())
    taken = set(_WORD.findall(normalize("NFKC", normalize("NFKC", text).casefold())))
    drawn, given = _other(GIVEN, drawn, taken)
    drawn, family = _other(FAMILY, drawn, taken)
    drawn, middle = _other(GIVEN, drawn, taken)
    name = " ".join([given, *([middle] if words > 2 else ()), *([family] if words > 1 else ())])  # noqa: PLR2004
    return name.upper() if text.isupper() else name.lower() if text.islower() else name


def _other(names: Sequence[str], drawn: int, taken: set[str]) -> tuple[int, str]:
    """Return the rest of what was drawn, and a name that is not taken: the one drawn or a later."""
    rest, at = divmod(drawn, len(names))
    if names[at].casefold() not in taken:
        return rest, names[at]
    order = (*names[at:], *names[:at])
    return rest, next((name for name in order if name.casefold() not in taken), order[0])


_TIME = r"(?P<time>(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?)"
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.]?)(\d\d)\2(\d\d){_TIME}", re.ASCII)
_YEAR_LAST = re.compile(rf"(\d\d?)([-/.])(\d\d?)\2(\d{{4}}){_TIME}", re.ASCII)
_WITH_NAMES = ("%B %d, %Y", "%d %B %Y", "%b %d, %Y", "%d %b %Y", "%B %d %Y")


def _date(text: str, drawn: int) -> str | None:
    """Return the date shifted by 1 to 365 days, in the same form; the time of day stays."""
    shift = _SHIFTS[drawn % len(_SHIFTS)]
    try:
        if len(text) == 10 and text[4] == text[7] == "-":  # noqa: PLR2004
            return (date.fromisoformat(text) + shift).isoformat()
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


SHAPES: dict[str, Callable[[str, int], str | None]] = {
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
