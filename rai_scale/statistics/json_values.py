"""Conversion of values to JSON, for all results, reports and manifests."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd


def plain(value: Any) -> Any:
    """Return a value in JSON's types: text, numbers, booleans, lists, and dicts with text keys.

    Missing and undefined values (None, NaN, NaT, NA) become None. Infinity, for which JSON has no
    number, becomes ``"inf"`` or ``"-inf"``, which ``float`` reads. Dates and times become ISO 8601.
    A decimal without decimal places becomes an integer, another decimal its text, so that no digit
    is lost. Tables become lists of rows. Any other value becomes its text.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, pd.DataFrame):
        return records(value)
    if isinstance(value, np.ndarray) and not value.ndim:
        value = value[()]
    if isinstance(value, list | tuple | np.ndarray | pd.Series | pd.Index):
        return [plain(inner) for inner in value]
    return _scalar(value)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as a list of rows, with values as of :func:`plain`."""
    return [{str(name): plain(v) for name, v in row.items()} for row in table.to_dict("records")]


def json_text(value: Any) -> str:
    """Return a value as JSON text; see :func:`plain`."""
    return json.dumps(plain(value), ensure_ascii=False, indent=1, allow_nan=False)


def _scalar(value: Any) -> Any:
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    elif isinstance(value, np.generic) and not isinstance(value, np.timedelta64):
        value = value.item()
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    if isinstance(value, Decimal):
        whole = value.is_finite() and value == value.to_integral_value()
        return None if value.is_nan() else int(value) if whole else str(value)
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)
