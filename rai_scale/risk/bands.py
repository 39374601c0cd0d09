"""Bands such as ``20-29`` as numbers, and the blocks by which a value finds its bands."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

_NUMBER = r"([+-]?\d+(?:\.\d+)?)"
_PAIR = re.compile(rf"([\[(]?)\s*{_NUMBER}\s*(?:-|–|,|\.\.|to)\s*{_NUMBER}\s*([\])]?)")
_OVER = re.compile(rf"(>=?)\s*{_NUMBER}|{_NUMBER}\s*\+")
_UNDER = re.compile(rf"(<=?)\s*{_NUMBER}")
_MOST_BLOCKS = 1000


@dataclass(frozen=True)
class Band:
    """The numbers from ``low`` to ``high``; an open end does not belong to it."""

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False


def parsed(text: str) -> Band | None:
    """Return the band that a text means; None if it is none.

    ``20-29``, ``20 to 29`` and ``[20, 29]`` include both ends; ``[20, 30)`` and ``(20, 30]`` do not
    include the end with a round bracket; ``90+``, ``>=90``, ``>90``, ``<18`` and ``<=18`` are open;
    ``*`` holds every number, and ``37`` only itself.
    """
    text = text.strip()
    if text == "*":
        return Band(-math.inf, math.inf)
    if found := _PAIR.fullmatch(text):
        left, low, high, right = found.groups()
        return Band(float(low), float(high), left == "(", right == ")")
    if found := _OVER.fullmatch(text):
        sign, low, plus = found.groups()
        return Band(float(low or plus), math.inf, sign == ">")
    if found := _UNDER.fullmatch(text):
        return Band(-math.inf, float(found[2]), high_open=found[1] == "<")
    return Band(float(text), float(text)) if re.fullmatch(_NUMBER, text) else None


@dataclass(frozen=True)
class Blocks:
    """Equal stretches of numbers: a value is in one of them, a band covers one or several.

    Attributes
    ----------
    width : float
        The width of a block.
    first, last : int
        All numbers before the first block belong to it, and all after the last one to that.
    table : pyarrow.Table
        One row per band and block: ``r`` (the text), ``b`` (the block), ``lo``, ``hi``,
        ``lo_open``, ``hi_open``.
    bands : int
        The number of texts that are bands.
    unread : int
        The number of other texts.
    """

    width: float
    first: int
    last: int
    table: pa.Table
    bands: int
    unread: int

    def of(self, value: str) -> str:
        """Return the SQL of the block of a double."""
        low, high = self.first * self.width, self.last * self.width
        inside = f"CAST(floor({value} / {_double(self.width)}) AS BIGINT)"
        return (
            f"CASE WHEN {value} < {_double(low)} THEN CAST({self.first} AS BIGINT) "
            f"WHEN {value} >= {_double(high)} THEN CAST({self.last} AS BIGINT) ELSE {inside} END"
        )


def blocks_of(texts: Sequence[str]) -> Blocks:
    """Return the blocks of the bands that are written in ``texts``."""
    read = {text: parsed(text) for text in texts}
    bands = {text: band for text, band in read.items() if band is not None}
    ends = [e for band in bands.values() for e in (band.low, band.high) if math.isfinite(e)]
    widths = [b.high - b.low for b in bands.values() if math.isfinite(b.high - b.low)]
    width = sum(widths) / len(widths) if widths else 1.0
    low, high = min(ends, default=0.0), max(ends, default=0.0)
    width = max(width, (high - low) / _MOST_BLOCKS) or 1.0
    first, last = math.floor(low / width), math.floor(high / width)

    def block(value: float) -> int:
        if value < first * width:
            return first
        return last if value >= last * width else math.floor(value / width)

    rows = [
        {"r": text, "b": at, "lo": band.low, "hi": band.high}
        | {"lo_open": int(band.low_open), "hi_open": int(band.high_open)}
        for text, band in bands.items()
        for at in range(block(band.low), block(band.high) + 1)
    ]
    kinds = {"r": pa.string(), "b": pa.int64(), "lo": pa.float64(), "hi": pa.float64()}
    schema = pa.schema(list((kinds | {"lo_open": pa.int64(), "hi_open": pa.int64()}).items()))
    table = pa.Table.from_pylist(rows, schema)
    return Blocks(width, first, last, table, len(bands), len(read) - len(bands))


def _double(value: float) -> str:
    return f"CAST('{value!r}' AS DOUBLE)"
