"""Coarser values: a date as its year, an age as a band, a postcode as its first characters."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Context, Decimal
from typing import Literal, NamedTuple

import pyarrow as pa

from rai_scale.engines.plain_texts import plain_number

Coarser = Literal["year", "quarter", "month", "decade", "age_band", "prefix", "step"]
DATES = ("year", "quarter", "month", "decade")
ENTITIES = {**dict.fromkeys(DATES, "DATE_TIME"), "age_band": "AGE", "prefix": "LOCATION"}
"""What findings call a generalised value, unless the policy names an entity."""
_ISO = re.compile(
    r"(?P<year>[0-9]{4})(-(?P<month>[0-9]{2})(-(?P<day>[0-9]{2})(?P<time>[T ][0-9:.,]+ ?"
    r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?)?)?"
)
_POSTCODE = re.compile(r"(?=[^0-9]*[0-9])[A-Za-z0-9][A-Za-z0-9 -]{0,11}")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_EXACT = Context(prec=1_000)
"""Enough digits for every number that a column can hold."""


_SOME_TIME = dt.datetime(1987, 11, 23, 14, 5, 6, tzinfo=dt.UTC)


class NotGeneralised(Exception):
    """A value cannot be parsed; it fails and is never passed on."""


class Generalise(NamedTuple):
    """How values become coarser; the result is text.

    Attributes
    ----------
    to : str
        ``year``, ``quarter``, ``month``, ``decade``, ``age_band``, ``prefix`` or ``step``.
    format : str, optional
        Format of dates (``strptime``); ISO 8601 by default.
    width, top : int
        Width of the age bands in years, and the age from which there is one open band.
    characters : int
        Number of characters of a postcode that stay.
    step : Decimal
        Numbers are rounded down to a multiple of it.
    """

    to: Coarser
    format: str | None = None
    width: int = 10
    top: int = 90
    characters: int = 3
    step: Decimal = Decimal(1)

    def __call__(self, text: str) -> str:
        """Return the coarser value of a text.

        Raises
        ------
        NotGeneralised
            If the text is not a date, an age, a postcode or a number, whichever is needed.
        """
        text = text.strip()
        try:
            if self.to in DATES:
                return self._date(text)
            if self.to == "age_band":
                return self._age(_number(text))
            if self.to == "prefix":
                return self._prefix(text)
            return _step(_number(text), self.step)
        except (ValueError, ArithmeticError):  # the message may quote the text
            raise NotGeneralised from None

    def reads_format(self) -> bool:
        """Return whether the format has all that is needed: ``strptime`` fills gaps with 1900."""
        if self.format is None:
            return True
        try:
            read = self(_SOME_TIME.strftime(self.format))
        except Exception:  # not only ValueError: a repeated directive is an re.error
            return False
        return read == self._replace(format=None)(_SOME_TIME.isoformat())

    def refuses(self, kind: pa.DataType) -> str | None:
        """Return why values of a type cannot be generalised; None if they can.

        A number may be a date in many ways, and a postcode that was read as a number has lost its
        leading zeros.
        """
        if pa.types.is_string(kind) or pa.types.is_null(kind):
            return None
        is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        is_number = is_number or pa.types.is_decimal(kind)
        if self.to == "prefix":
            return "text is needed: as a number, a postcode has lost its leading zeros"
        if self.to not in DATES:
            return None if is_number else "numbers are needed, or text with numbers"
        if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            return "it is a date already; remove format" if self.format else None
        if is_number and self.format:
            return None
        return "dates, times or text are needed, or numbers together with a format"

    def _date(self, text: str) -> str:
        year, month = self._declared(text) if self.format else _iso(text)
        if self.to == "year":
            return f"{year:04}"
        if self.to == "decade":
            return f"{year // 10 * 10:04}s"
        if month is None:
            raise ValueError
        quarter = (month + 2) // 3
        return f"{year:04}-Q{quarter}" if self.to == "quarter" else f"{year:04}-{month:02}"

    def _declared(self, text: str) -> tuple[int, int]:
        read = _utc(dt.datetime.strptime(text, self.format or ""))
        return read.year, read.month

    def _age(self, age: Decimal) -> str:
        if age < 0:
            raise ValueError
        if age >= self.top:
            return f"{self.top}+"
        low = int(age) // self.width * self.width
        return f"{low}-{min(low + self.width, self.top) - 1}"

    def _prefix(self, text: str) -> str:
        if not _POSTCODE.fullmatch(text) or len(text) <= self.characters:
            raise ValueError
        return text[: self.characters]


def _iso(text: str) -> tuple[int, int | None]:
    """Return year and month of a date, or of its first parts (``1985``, ``1985-06``)."""
    found = _ISO.fullmatch(text)
    if found is None:
        raise ValueError
    if found["day"] is not None:
        read = _utc(dt.datetime.fromisoformat(text.replace(" Z", "Z")))
    else:
        read = dt.datetime(int(found["year"]), int(found["month"] or 1), 1)
    return read.year, None if found["month"] is None else read.month


def _utc(time: dt.datetime) -> dt.datetime:
    """Convert a time with an offset to UTC, as typed columns hold it."""
    return time if time.tzinfo is None else time.astimezone(dt.UTC)


def _number(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return Decimal(text)


def _step(number: Decimal, step: Decimal) -> str:
    times = _EXACT.divide_int(number, step)
    low = _EXACT.multiply(times, step)
    if low > number:
        low = _EXACT.subtract(low, step)
    return plain_number(str(low))
