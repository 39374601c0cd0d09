"""Numbers of NumPy as plain values that JSON knows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd


def plain(value: Any) -> Any:
    """Return a value as Python's own; what is missing or not finite is ``None``."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if isinstance(value, bool | int | str) else str(value)


def plain_list(values: Iterable[Any]) -> list[Any]:
    """Return values as a list of plain ones; see :func:`plain`."""
    return [plain(value) for value in values]
