"""Which columns hold values that are searched."""

from __future__ import annotations

import pyarrow as pa


def values_read(kind: pa.DataType) -> bool:
    """Return whether the values of a type are searched; booleans and times hold no other data."""
    return not (pa.types.is_boolean(kind) or pa.types.is_temporal(kind))
