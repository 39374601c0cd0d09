"""Keys of groups as Python, pandas and NumPy have them, without a detour through floats.

A float holds whole numbers up to 2^53 only: two groups beyond it would become one. So a whole
number stays one, whatever column it comes from, and codes are made of Arrow's own values.
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


def is_number(kind: pa.DataType) -> bool:
    """Whether values of a type are integers, floats or decimals."""
    known = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return any(is_known(kind) for is_known in known)


def key_values(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column without nulls as pandas would hold it, every value distinct that was.

    Decimals without places are integers: int64, else uint64, else Python's own (dtype object).
    Decimals with places stay ``decimal.Decimal``.
    """
    if pa.types.is_decimal(column.type) and column.type.scale <= 0:
        return _whole(column)
    return column.to_pandas().to_numpy()


def number_values(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column without nulls to compute with: as :func:`key_values`, but floats of decimals.

    A metric of numbers with places computes with 64-bit floats, as scikit-learn does.
    """
    if pa.types.is_decimal(column.type) and column.type.scale > 0:
        column = column.cast(pa.float64())
    return key_values(column)


def _whole(column: pa.ChunkedArray) -> np.ndarray:
    for kind in (pa.int64(), pa.uint64()):
        try:
            return column.cast(kind).to_numpy()
        except pa.ArrowInvalid:  # out of this type's range
            continue
    found = np.empty(len(column), dtype=object)
    found[:] = [int(value) for value in column.to_pylist()]
    return found


def joined(*parts: Any) -> pd.Series:
    """Join columns of :func:`key_values`: pandas would make floats of int64 beside uint64."""
    series = [pd.Series(part).reset_index(drop=True) for part in parts]
    if len({part.dtype.kind for part in series}) == 1:
        return pd.concat(series, ignore_index=True)
    both = pd.concat([part.astype(object) for part in series], ignore_index=True)
    whole = all(part.dtype.kind in "iu" for part in series)
    return pd.Series(both.tolist()) if whole else both.infer_objects()


def row_codes(table: pa.Table, keys: Sequence[str]) -> np.ndarray:
    """Number the distinct combinations of ``keys``; null is a key like any other, and so is NaN.

    Returns
    -------
    ndarray of int64, shape (rows,)
        Codes from 0 on, without a gap.
    """
    codes = np.zeros(table.num_rows, dtype=np.int64)
    table = lists_as_bytes(table.select(list(dict.fromkeys(keys))), keys)
    for key in keys:
        column = canonical_column(table[key])
        if pa.types.is_floating(column.type):  # 0.0 and -0.0 are one key
            column = pc.add(column, pa.scalar(0.0, column.type))
        coded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        codes = codes * max(1, len(coded.dictionary)) + coded.indices.to_numpy()
        codes = np.unique(codes, return_inverse=True)[1]  # keeps the product from overflowing
    return codes


def places_of(table: pa.Table, groups: Mapping[str, pa.Array]) -> np.ndarray:
    """Return which of ``groups`` each row of a table belongs to; -1 for none of them.

    Parameters
    ----------
    table : pyarrow.Table
        With the columns of ``groups``.
    groups : mapping of str to pyarrow.Array
        The values of each group by column; every combination is there once. Whole numbers and
        decimals are compared exactly, whatever their types.

    Raises
    ------
    ConfigError
        If the type of a column cannot be brought to that of the groups.
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
                f"column {name!r} is of type {table[name].type} here and was {values.type} when "
                "its groups were counted; cast it."
            ) from None
        known &= found >= 0
        own = positions(pa.chunked_array([values]), distinct)
        codes = codes * len(distinct) + np.r_[np.maximum(found, 0), own]
        codes = np.unique(codes, return_inverse=True)[1]
    place = np.full(codes.max(initial=0) + 1, -1, dtype=np.int64)
    place[codes[rows:]] = np.arange(len(codes) - rows)
    return np.where(known, place[codes[:rows]], -1)


def positions(column: pa.ChunkedArray, values: pa.Array) -> np.ndarray:
    """Return where each value of a column stands among ``values``; -1 if it does not.

    Whether this raises (``pyarrow.ArrowInvalid`` and relatives) hangs on the column's type and the
    values, never on what the column holds.
    """
    column, values = _comparable(column, values)
    return pc.fill_null(pc.index_in(column, value_set=values), -1).to_numpy().astype(np.int64)


def _comparable(column: pa.ChunkedArray, values: pa.Array) -> tuple[pa.ChunkedArray, pa.Array]:
    if column.type.equals(values.type):
        return column, values
    kinds = [column.type, values.type]
    if all(pa.types.is_integer(kind) or pa.types.is_decimal(kind) for kind in kinds):
        places = max(kind.scale if pa.types.is_decimal(kind) else 0 for kind in kinds)
        wide = pa.decimal256(_WIDEST, max(places, 0))
        return column.cast(wide), values.cast(wide)
    return column, values.cast(column.type)  # a whole number that no float holds is an error here


def arrow_values(values: Sequence[Any] | np.ndarray) -> pa.Array:
    """Return what :func:`key_values` gave as an Arrow array again."""
    try:
        return pa.array(values)
    except (OverflowError, pa.ArrowInvalid):  # whole numbers beyond 64 bits
        return pa.array([Decimal(int(value)) for value in values])


def merging(frame: pd.DataFrame) -> pd.DataFrame:
    """Return group columns that Fairlearn may merge to one text.

    Columns of several number types would meet in a common one, which is a float.
    """
    several = len(set(frame.dtypes)) > 1
    large = [c for c in frame if frame[c].dtype.kind in "iu" and (abs(frame[c]) > _EXACT).any()]
    return frame.astype(object) if several and large else frame
