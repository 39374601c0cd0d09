"""Which columns hold values that are searched."""

from __future__ import annotations

import pyarrow as pa

_TIMES = (pa.date32(), pa.date64(), pa.time32("s"), pa.time64("us"), pa.timestamp("us"))
_SPANS = (pa.duration("us"), pa.month_day_nano_interval())
_NOT_READ = frozenset(kind.id for kind in (pa.bool_(), *_TIMES, *_SPANS))


def values_read(kind: pa.DataType) -> bool:
    """Return whether the values of a type are searched; booleans and times hold no other data."""
    return kind.id not in _NOT_READ
