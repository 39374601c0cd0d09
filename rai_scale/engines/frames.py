"""All conversions between Arrow and pandas, so that dtypes are the same on every engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.arrow_types import canonical_schema, canonical_table
from rai_scale.engines.plain_texts import whole_text
from rai_scale.errors import ConfigError

TEXT = pd.ArrowDtype(pa.string())


def pandas_dtype(kind: pa.DataType, text: object) -> object:
    """Return the pandas dtype of a new column.

    Parameters
    ----------
    kind : pyarrow.DataType
    text : object
        The dtype that the frame uses for text.

    Returns
    -------
    object
        ``text`` for text, NumPy's float64 for float64, and Arrow's dtype for all other types. If
        ``text`` is Arrow's, float64 is Arrow's too, which distinguishes NaN from null.
    """
    if pa.types.is_string(kind):
        return text
    if pa.types.is_float64(kind) and not isinstance(text, pd.ArrowDtype):
        return "float64"
    return pd.ArrowDtype(kind)


def check_unique(names: Sequence[object]) -> None:
    """Raise :class:`ConfigError` for column names that are repeated, empty or not text."""
    double = sorted({str(name) for name in names if list(names).count(name) > 1})
    if double:
        raise ConfigError(
            f"column names must be unique; found more than once: {', '.join(double)}."
        )
    odd = [name for name in names if not isinstance(name, str) or not name]
    if odd:
        kinds = sorted(
            {
                f"a name of type {type(name).__name__}" if name != "" else "an empty name"
                for name in odd
            }
        )
        raise ConfigError(
            f"column names must be non-empty text; found {' and '.join(kinds)}. "
            "Rename them first: frame.columns = [str(name) for name in frame.columns]."
        )


def index_levels(frame: object) -> list[str]:
    """Return the levels of a pandas or Dask index that are more than unnamed row numbers.

    Other frames have no index.
    """
    if not isinstance(frame, pd.DataFrame):  # that of dask has an empty one with its types
        frame = getattr(frame, "_meta", None)
    if not isinstance(frame, pd.DataFrame):
        return []
    levels = [frame.index.get_level_values(at) for at in range(frame.index.nlevels)]
    return [
        str(at if level.name is None else level.name)
        for at, level in enumerate(levels)
        if level.name is not None or not pd.api.types.is_integer_dtype(level.dtype)
    ]


def text_dtype(frame: pd.DataFrame) -> object:
    """Return the dtype that the frame uses for text: a string dtype if it has one, else object."""
    texts = (kind for kind in frame.dtypes if isinstance(kind, pd.StringDtype) or kind == TEXT)
    return next(texts, "object")


def column_to_arrow(series: pd.Series) -> pa.Array:
    """Convert one pandas column; an object column of mixed values becomes text.

    None, NA, NaN and NaT become null. A mixed column (numbers among strings, as from a damaged CSV
    file) becomes the :func:`whole_text` of each value, and JSON of its dictionaries and lists.
    Lone surrogates, which UTF-8 cannot encode, become U+FFFD. Intervals (as from ``pandas.cut``)
    and periods become their text, categories a dictionary of their values.

    Raises
    ------
    ConfigError
        If Arrow has no type for the dtype, as for complex numbers.
    """
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _coded(series.cat.codes.to_numpy(), column_to_arrow(pd.Series(dtype.categories)))
    if isinstance(dtype, pd.IntervalDtype | pd.PeriodDtype):
        codes, distinct = pd.factorize(series)
        return _coded(codes, as_texts(pd.Series(distinct)))
    if isinstance(dtype, pd.SparseDtype):
        series = series.sparse.to_dense()  # type: ignore[attr-defined]
    if len(series) == 0 and series.dtype == object:
        return pa.array([], pa.string())
    try:
        array = pa.Array.from_pandas(series)
    except pa.ArrowNotImplementedError:
        raise ConfigError(
            f"column {series.name!r} has dtype {dtype}, for which Arrow has no type. Convert it "
            "first, for example with astype('float64') or astype(str)."
        ) from None
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError):
        array = as_texts(series)
    objects = dtype.kind == "O" and pa.types.is_date(array.type)
    if objects and any(isinstance(value, datetime) for value in series):
        array = as_texts(series)  # Arrow would drop the times of day
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _coded(codes: np.ndarray, values: pa.Array) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), values)


def as_texts(series: pd.Series) -> pa.Array:
    """Return the :func:`whole_text` of each value as UTF-8, and null for missing values.

    Dictionaries, lists, tuples and arrays become JSON text.
    """
    texts = (None if _missing(value) else utf8_text(_object_text(value)) for value in series)
    return pa.array(texts, pa.string())


def _object_text(value: object) -> str:
    value = value.tolist() if isinstance(value, np.ndarray) else value
    if isinstance(value, dict | list | tuple):
        try:
            return json.dumps(value, ensure_ascii=False, default=_object_text)
        except (TypeError, ValueError):  # keys that JSON does not have, a value within itself
            return str(value)
    return whole_text(value)


def frame_as(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Convert the columns of ``schema``; an object column becomes text where the schema says so.

    The types are then the same in a partition whose objects are all of one type and in one where
    they are mixed.
    """
    table = frame_to_arrow(frame, schema.names)
    for at, (found, wanted) in enumerate(zip(table.schema, schema, strict=True)):
        if found.type.equals(wanted.type) or not pa.types.is_string(wanted.type):
            continue
        if len(table):
            table = table.set_column(at, wanted, as_texts(frame[wanted.name]))
    return canonical_table(table, schema)


def utf8_text(value: str) -> str:
    """Return a text that UTF-8 can encode: lone surrogates become U+FFFD."""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _missing(value: Any) -> bool:
    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


def frame_to_arrow(frame: pd.DataFrame, columns: Sequence[str] | None = None) -> pa.Table:
    """Convert columns of a pandas frame (all by default) to canonical types, without the index."""
    check_unique(list(frame.columns))
    names = list(frame.columns if columns is None else columns)
    if not names:
        return pa.table({"": pa.nulls(len(frame))}).select([])
    return canonical_table(pa.table([column_to_arrow(frame[n]) for n in names], names=names))


def arrow_to_frame(table: pa.Table, text: object = "object") -> pd.DataFrame:
    """Convert a table to pandas with the dtypes of :func:`pandas_dtype`; ``text`` as there."""
    return pd.DataFrame(
        {
            field.name: _to_series(column, pandas_dtype(field.type, text))
            for field, column in zip(table.schema, table.columns, strict=True)
        },
        index=pd.RangeIndex(table.num_rows),
    )


def _to_series(column: pa.ChunkedArray, dtype: Any) -> pd.Series:
    if isinstance(dtype, pd.ArrowDtype):
        return pd.Series(pd.arrays.ArrowExtensionArray(column.cast(dtype.pyarrow_dtype)))
    return pd.Series(column.to_pandas().astype(dtype))


def frame_schema(frame: pd.DataFrame) -> pa.Schema:
    """Return the canonical schema of a pandas frame; reads the values of object columns only."""
    check_unique(list(frame.columns))
    kinds = [(name, column_to_arrow(_of_its_type(frame[name])).type) for name in frame.columns]
    return canonical_schema(pa.schema(kinds))


def _of_its_type(series: pd.Series) -> pd.Series:
    """Return the values that decide the type: of an object column all, or one if all are text."""
    if series.dtype != object:
        return series.iloc[:0]
    if len(series) and pd.api.types.infer_dtype(series, skipna=True) == "string":
        return series[series.notna()].iloc[:1]
    return series


def pandas_dtypes(data: Any) -> pd.Series | None:
    """Return the dtypes of a pandas or dask frame; None for another kind of frame."""
    meta = getattr(data, "_meta", data)  # dask keeps the types of its partitions there
    return meta.dtypes if isinstance(meta, pd.DataFrame) else None


def level_maker(data: Any, name: str) -> Callable[[str], Any] | None:
    """Return the parser of a column's values if they are intervals or periods, else None.

    Parameters
    ----------
    data : frame
        Only pandas and dask frames and Arrow tables have such columns.
    name : str
        The column.

    Returns
    -------
    callable or None
        Makes a ``pandas.Interval`` or ``pandas.Period`` from its text.
    """
    dtypes = pandas_dtypes(data)
    dtype: Any
    if dtypes is not None:
        dtype = dtypes[name]
        dtype = dtype.categories.dtype if isinstance(dtype, pd.CategoricalDtype) else dtype
    elif isinstance(data, pa.Table):
        kind = data.schema.field(name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        known = str(getattr(kind, "extension_name", "")).startswith("pandas.")
        dtype = kind.to_pandas_dtype() if known else None
    else:
        return None
    if isinstance(dtype, pd.PeriodDtype):
        freq: Any = dtype.freq
        return partial(pd.Period, freq=freq)
    if isinstance(dtype, pd.IntervalDtype):
        closed: Any = dtype.closed  # type: ignore[attr-defined]
        return partial(_interval, kind=pd.api.types.pandas_dtype(dtype.subtype), closed=closed)
    return None


def _interval(text: str, kind: Any, closed: Any) -> pd.Interval:
    ends = pd.Series(text[1:-1].split(", ")).astype(kind)
    left, right = ends
    return pd.Interval(left, right, closed=closed)
