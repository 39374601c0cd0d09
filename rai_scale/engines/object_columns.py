"""Object columns of pandas and Dask frames converted to a declared type.

Otherwise the type of such a column is inferred from its values: one person's value could change
it, and with it whether a private query is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.frames import check_unique, utf8_text

_CONTAINERS = (bytes, bytearray, memoryview, Mapping, list, tuple, set, frozenset, np.ndarray)
_EXACT = 2**53


def type_of_values(values: Sequence[Any]) -> pa.DataType:
    """Return the type of public values, among those that ``Engine.declared`` accepts."""
    found: list[Any] = [v.item() if isinstance(v, np.generic) else v for v in values]
    for kinds, kind in (
        (bool, pa.bool_()),
        (int, pa.int64()),
        (int | float, pa.float64()),
        (date, pa.timestamp("us")),
    ):
        if all(isinstance(value, kinds) for value in found):
            large = kind == pa.int64() and any(abs(value) >= 2**63 for value in found)
            return pa.decimal128(38, 0) if large else kind
    return pa.string()


def has_objects(frame: pd.DataFrame) -> bool:
    """Return whether a column, or its categories, holds Python objects."""
    check_unique(list(frame.columns))
    return any(map(_is_object, frame.dtypes))


def declared_frame(frame: pd.DataFrame, types: Mapping[str, pa.DataType]) -> pd.DataFrame:
    """Convert the object columns of a pandas frame; see ``Engine.declared``."""
    names = [name for name in frame.columns if _is_object(frame[name].dtype)]
    return frame.assign(**{name: _column(frame[name], types.get(name)) for name in names})


def _is_object(dtype: Any) -> bool:
    dtype = dtype.categories.dtype if isinstance(dtype, pd.CategoricalDtype) else dtype
    return isinstance(dtype, np.dtype | pd.SparseDtype) and pd.api.types.is_object_dtype(dtype)


def _column(series: pd.Series, kind: pa.DataType | None) -> pd.Series:
    if kind is None:
        array = pa.nulls(len(series), pa.string())
    elif isinstance(series.dtype, pd.CategoricalDtype):
        codes = series.cat.codes.to_numpy()
        values = _array(series.dtype.categories.to_numpy(), kind)
        array = values.take(pa.array(codes, mask=codes < 0))
    else:
        array = _array(np.asarray(series, dtype=object), kind)
    return pd.Series(pd.arrays.ArrowExtensionArray(array), index=series.index, name=series.name)


def _array(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind) and pd.api.types.infer_dtype(values, skipna=True) == "string":
        try:
            return pa.array(values, kind, from_pandas=True)
        except (pa.ArrowException, UnicodeError):
            pass  # lone surrogates
    convert = next(found for is_a, found in _CONVERSIONS if is_a(kind))
    if pa.types.is_timestamp(kind) and kind.tz:
        convert, kind = partial(_time, zone=ZoneInfo(kind.tz)), pa.timestamp("us")
    return pa.array([_or_null(convert, value) for value in values], kind)


def _or_null(convert: Callable[[Any], Any], value: Any) -> Any:
    try:
        if isinstance(value, np.generic):
            value = pd.Timestamp(value) if isinstance(value, np.datetime64) else value.item()
        missing = value is None or value is pd.NA or value is pd.NaT
        missing |= isinstance(value, float | Decimal) and value != value  # noqa: PLR0124
        return None if missing else convert(value)
    except Exception:
        return None


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.hex()  # an identifier such as the bytes of a UUID
    if isinstance(value, _CONTAINERS):
        return None
    if isinstance(value, float | Decimal) and value == int(value) and -_EXACT < value < _EXACT:
        value = int(value)  # an identifier may be 7 in one row and 7.0 in another
    return utf8_text(str(value))


def _whole(value: Any, most: int = 2**63) -> int | None:
    if not isinstance(value, int | float | Decimal) or value != int(value):
        return None
    return int(value) if -most <= value < most else None


def _long(value: Any) -> Decimal | None:
    found = _whole(value, 10**38)
    return None if found is None or abs(found) == 10**38 else Decimal(found)


def _double(value: Any) -> float | None:
    found = float(value) if isinstance(value, int | float | Decimal) else None
    return None if found is None or math.isnan(found) else found


def _time(value: Any, zone: tzinfo = UTC) -> datetime | None:
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime(warn=False)
    if isinstance(value, datetime):
        return value.astimezone(zone).replace(tzinfo=None) if value.tzinfo else value
    return datetime(value.year, value.month, value.day) if isinstance(value, date) else None


_CONVERSIONS: list[tuple[Callable[[pa.DataType], bool], Callable[[Any], Any]]] = [
    (pa.types.is_string, _text),
    (pa.types.is_boolean, lambda value: value if isinstance(value, bool) else None),
    (pa.types.is_integer, _whole),
    (pa.types.is_decimal, _long),
    (pa.types.is_floating, _double),
    (pa.types.is_timestamp, _time),
]
