"""Keys of groups as Python, pandas and NumPy values, never converted through floats.

A float represents integers exactly only up to 2^53: two groups beyond it would become one. So
integers stay integers, whatever column they come from, and codes are made from Arrow's own values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.arrow_types import canonical_column
from rai_scale.engines.list_keys import lists_as_bytes
from rai_scale.errors import ConfigError

_WIDEST = 76
_EXACT = 2**53


def key_values(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column without nulls as pandas would hold it; distinct values stay distinct.

    Decimals without decimal places become integers: int64, else uint64, else Python's own (dtype
    object). Decimals with decimal places stay ``decimal.Decimal``.
    """
    if pa.types.is_decimal(column.type) and column.type.scale <= 0:
        return _integers(column)
    return np.asarray(column.to_pandas().to_numpy())


def number_values(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column without nulls to compute with: as :func:`key_values`, but no decimals.

    Decimals with decimal places become float64, with which scikit-learn computes.
    """
    if pa.types.is_decimal(column.type) and column.type.scale > 0:
        column = column.cast(pa.float64())
    return key_values(column)


def _integers(column: pa.ChunkedArray) -> np.ndarray:
    for kind in (pa.int64(), pa.uint64()):
        try:
            return np.asarray(column.cast(kind).to_numpy())
        except pa.ArrowInvalid:  # outside this type's range
            continue
    found = np.empty(len(column), dtype=object)
    found[:] = [int(value) for value in column.to_pylist()]
    return found


def joined(*parts: Any) -> pd.Series:
    """Join columns of :func:`key_values`; pandas alone would turn int64 and uint64 into floats."""
    series = [pd.Series(part).reset_index(drop=True) for part in parts]
    if len({part.dtype.kind for part in series}) == 1:
        return pd.concat(series, ignore_index=True)
    both = pd.concat([part.astype(object) for part in series], ignore_index=True)
    whole = all(part.dtype.kind in "iu" for part in series)
    return pd.Series(both.tolist()) if whole else both.infer_objects()


def row_codes(table: pa.Table, keys: Sequence[str]) -> np.ndarray:
    """Number the distinct combinations of ``keys``; null and NaN are keys like any other.

    Returns
    -------
    ndarray of int64, shape (rows,)
        Codes from 0, without gaps.
    """
    codes = np.zeros(table.num_rows, dtype=np.int64)
    table = lists_as_bytes(table.select(list(dict.fromkeys(keys))), keys)
    for key in keys:
        column = canonical_column(table[key])
        if pa.types.is_floating(column.type):  # 0.0 and -0.0 are one key
            column = pc.add(column, pa.scalar(0.0, column.type))
        coded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        codes = codes * max(1, len(coded.dictionary)) + coded.indices.to_numpy()
        codes = np.unique(codes, return_inverse=True)[1]  # keeps the product small
    return codes


def places_of(table: pa.Table, groups: Mapping[str, pa.Array]) -> np.ndarray:
    """Return the position among ``groups`` of each row of a table; -1 for none of them.

    Parameters
    ----------
    table : pyarrow.Table
        It has the columns of ``groups``.
    groups : mapping of str to pyarrow.Array
        The values of each group by column; every combination occurs once. Integers and decimals
        are compared exactly, whatever their types.

    Returns
    -------
    ndarray of int64, shape (rows,)

    Raises
    ------
    ConfigError
        If a column cannot be cast to the type of the groups.
    """
    rows = table.num_rows
    codes = np.zeros(rows + len(next(iter(groups.values()))), dtype=np.int64)
    known = np.ones(rows, dtype=bool)
    for name, values in groups.items():
        distinct = values.unique()
        try:
            found = positions(table[name], distinct)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise ConfigError(
                f"column {name!r} has type {table[name].type}, but had {values.type} when its "
                "groups were counted. Cast it."
            ) from None
        known &= found >= 0
        own = positions(pa.chunked_array([values]), distinct)
        codes = codes * len(distinct) + np.r_[np.maximum(found, 0), own]
        codes = np.unique(codes, return_inverse=True)[1]
    place = np.full(codes.max(initial=0) + 1, -1, dtype=np.int64)
    place[codes[rows:]] = np.arange(len(codes) - rows)
    return np.where(known, place[codes[:rows]], -1)


def positions(column: pa.ChunkedArray, values: pa.Array) -> np.ndarray:
    """Return the position of each value of a column among ``values``; -1 if it is not there.

    Whether this raises (``pyarrow.ArrowInvalid`` and related errors) depends on the column's type
    and on ``values``, never on the column's content.
    """
    column, values = _comparable(column, values)
    found = pc.fill_null(pc.index_in(column, value_set=values), -1)
    return np.asarray(found.to_numpy().astype(np.int64))


def _comparable(column: pa.ChunkedArray, values: pa.Array) -> tuple[pa.ChunkedArray, pa.Array]:
    if column.type.equals(values.type):
        return column, values
    kinds = [column.type, values.type]
    if all(pa.types.is_integer(kind) and not pa.types.is_uint64(kind) for kind in kinds):
        return column.cast(pa.int64()), values.cast(pa.int64())
    if all(pa.types.is_integer(kind) or pa.types.is_decimal(kind) for kind in kinds):
        places = max(kind.scale if pa.types.is_decimal(kind) else 0 for kind in kinds)
        wide = pa.decimal256(_WIDEST, max(places, 0))
        return column.cast(wide), values.cast(wide)
    return column, values.cast(column.type)  # fails for an integer that no float holds


def arrow_values(values: Sequence[Any] | np.ndarray) -> pa.Array:
    """Return values of :func:`key_values` as an Arrow array."""
    try:
        return pa.array(values)
    except (OverflowError, pa.ArrowInvalid):  # integers beyond 64 bits
        return pa.array([Decimal(int(value)) for value in values])


def safe_to_merge(frame: pd.DataFrame) -> pd.DataFrame:
    """Return group columns that Fairlearn can merge into one column of text without rounding.

    NumPy would convert columns of several numeric types to a common one, which is a float.
    """
    several = len(set(frame.dtypes)) > 1
    large = [c for c in frame if frame[c].dtype.kind in "iu" and (abs(frame[c]) > _EXACT).any()]
    return frame.astype(object) if several and large else frame
