"""Numbers, times and entity types as readers expect to see them; all are template filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import ceil, floor, log10
from typing import Any

NOT_MEASURED = "not measured"

ENTITY_MEANINGS = {
    "PERSON": "names of people",
    "EMAIL_ADDRESS": "e-mail addresses",
    "PHONE_NUMBER": "telephone numbers",
    "CREDIT_CARD": "payment card numbers",
    "IBAN_CODE": "bank account numbers (IBAN)",
    "US_BANK_NUMBER": "US bank account numbers",
    "US_SSN": "US social security numbers",
    "US_ITIN": "US taxpayer numbers",
    "US_PASSPORT": "US passport numbers",
    "US_DRIVER_LICENSE": "US driving licence numbers",
    "UK_NHS": "UK health service numbers",
    "UK_NINO": "UK national insurance numbers",
    "MEDICAL_LICENSE": "medical licence numbers",
    "IP_ADDRESS": "network (IP) addresses",
    "MAC_ADDRESS": "network device addresses",
    "URL": "web addresses",
    "LOCATION": "places and addresses",
    "DATE_TIME": "dates and times",
    "NRP": "nationality, religion or political group",
    "ORGANIZATION": "names of organisations",
    "CRYPTO": "crypto-currency wallet addresses",
}


def number(value: float | None) -> str:
    """Return a number as ``1,234,567``; ``not measured`` for None."""
    if value is None:
        return NOT_MEASURED
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def plural(count: int, noun: str, many: str = "") -> str:
    """Return the count with its noun: ``1 column``, ``2,000 columns``."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def percent(ratio: float) -> str:
    """Return a ratio (0 to 1) in per cent, rounded to 0 or 100 only if it is exactly that."""
    value = ratio * 100
    if value in (0, 100):
        return f"{value:.0f}"
    for digits in (1, 2):
        text = f"{value:.{digits}f}"
        if 0 < float(text) < 100:  # noqa: PLR2004
            return text
    return "< 0.01" if value < 1 else "> 99.99"


def share(ratio: float | None) -> str:
    """Return a ratio (0 to 1) as ``38.2 %``."""
    return NOT_MEASURED if ratio is None else f"{percent(ratio)}\u00a0%"


def interval(low: float | None, high: float | None) -> str:
    """Return both ends as ``35.1 to 41.4 %``, rounded outward; an empty text if there are none."""
    if low is None or high is None or low == high:
        return ""
    digits = 2 if high < 0.01 or low > 0.99 else 1  # noqa: PLR2004
    return f"{_outward(low, floor, digits)} to {_outward(high, ceil, digits)}\u00a0%"


def interval_end(high: float) -> str:
    """Return an upper bound (0 to 1) as ``0.092 %``, rounded upward to two digits."""
    if high <= 0 or high >= 1:
        return share(high)
    digits = max(0, 1 - floor(log10(high * 100)))
    return f"{ceil(high * 100 * 10**digits - 1e-9) / 10**digits:.{digits}f}\u00a0%"


def _outward(ratio: float, rounded: Callable[[float], int], digits: int) -> str:
    """Round an end of an interval away from its middle, so that the interval does not shrink."""
    scale: int = 10**digits
    steps = rounded(round(ratio * 100 * scale, 6))
    return f"{steps // scale}" if steps in (0, 100 * scale) else f"{steps / scale:.{digits}f}"


def score(value: Any) -> str:
    """Return a score (0 to 1) with two decimals; a text stays as it is."""
    if value is None:
        return NOT_MEASURED
    return value if isinstance(value, str) else f"{value:.2f}"


def duration(seconds: float) -> str:
    """Return a duration in seconds as ``1 h 02 min``, ``4 min 12 s`` or ``3.4 s``."""
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def moment(iso: str) -> str:
    """Return an ISO 8601 time as ``2026-01-31 02:00 UTC``; without a time zone, UTC is omitted."""
    time = datetime.fromisoformat(iso)
    if time.tzinfo is None:
        return f"{time:%Y-%m-%d %H:%M}"
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def entity_meaning(entity: str) -> str:
    """Return the meaning of an entity type in words, or an empty text if it is unknown."""
    return ENTITY_MEANINGS.get(entity, "")


def size(count: int | None) -> str:
    """Return a number of bytes as ``3.4 MB``."""
    if count is None:
        return "size not known"
    value, units = float(count), ["bytes", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:  # noqa: PLR2004
        value, units = value / 1000, units[1:]
    return f"{count:,} bytes" if units[0] == "bytes" else f"{value:.1f}\u00a0{units[0]}"


def unread_amount(summary: Mapping[str, int]) -> str:
    """Return the amount that was not scanned, as text; an empty text if there is none."""
    values = (summary.get("error_cells") or 0) + (summary.get("cells_unread") or 0)
    files, tables = (summary.get(f"{what}_unread") or 0 for what in ("files", "tables"))
    counts = {"file": files, "table": tables, "value": values}
    parts = [plural(count, noun) for noun, count in counts.items() if count]
    if not parts:
        return ""
    unread, known = summary.get("bytes_unread") or 0, summary.get("bytes_known") or 0
    measure = size(unread)
    if known:
        measure += f", {share(min(1.0, unread / known))} of the bytes"
    return f"{', '.join(parts)} ({measure})"


def day(moment: str) -> str:
    """Return the day of a time in ISO 8601."""
    return moment[:10]


FILTERS = {
    function.__name__: function
    for function in (
        day,
        number,
        plural,
        percent,
        share,
        interval,
        interval_end,
        score,
        duration,
        moment,
        entity_meaning,
        size,
        unread_amount,
    )
}
