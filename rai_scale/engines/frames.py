"""The one place where Arrow and pandas meet, so that dtypes are the same on every engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.arrow_types import canonical_schema, canonical_table
from rai_scale.errors import ConfigError


def pandas_dtype(kind: pa.DataType, text: object) -> object:
    """Return the pandas dtype of a new column: plain for text and floats, else Arrow's.

    ``text`` is the frame's own dtype for strings, so that a new column looks like its neighbours;
    where that is Arrow's, floats are Arrow's too, which tell NaN from null.
    """
    if pa.types.is_string(kind):
        return text
    if pa.types.is_float64(kind) and not isinstance(text, pd.ArrowDtype):
        return "float64"
    return pd.ArrowDtype(kind)


def check_unique(names: Sequence[object]) -> None:
    """Raise :class:`ConfigError` where two columns share a name, or one has none."""
    double = sorted({str(name) for name in names if list(names).count(name) > 1})
    if double:
        raise ConfigError(f"column names must be unique; found twice: {', '.join(double)}.")
    odd = [name for name in names if not isinstance(name, str) or not name]
    if odd:
        kinds = ", ".join(sorted({type(name).__name__ for name in odd}))
        raise ConfigError(
            f"column names must be texts that are not empty; {len(odd)} of them are not ({kinds}). "
            "Rename them first: frame.columns = [str(name) for name in frame.columns]."
        )


def text_dtype(frame: pd.DataFrame) -> object:
    """Return the dtype that the frame uses for text: a string dtype if it has one, or object."""
    for dtype in frame.dtypes:
        if isinstance(dtype, pd.StringDtype):
            return dtype
        if isinstance(dtype, pd.ArrowDtype) and pa.types.is_string(dtype.pyarrow_dtype):
            return dtype
    return "object"


def column_to_arrow(series: pd.Series) -> pa.Array:
    """Convert one pandas column; an object column of mixed values becomes text.

    Null, None, NaN and NaT are null. A mixed column (say numbers among strings) is what a CSV with
    dirt looks like in pandas; each value is taken as ``str(value)``. Lone surrogates, which no
    UTF-8 can hold, become U+FFFD. Intervals (of ``pandas.cut``) and periods are their texts,
    categories what their values are.

    Raises
    ------
    ConfigError
        For a dtype that Arrow has no type for, such as complex numbers.
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
            f"column {series.name!r} is of dtype {dtype}, which has no type in Arrow. Convert it "
            "first, for example with astype('float64') or astype(str)."
        ) from None
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError):
        array = as_texts(series)
    objects = dtype.kind == "O" and pa.types.is_date(array.type)
    if objects and any(isinstance(value, datetime) for value in series):
        array = as_texts(series)  # Arrow would cut times off dates
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _coded(codes: np.ndarray, values: pa.Array) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), values)


def as_texts(series: pd.Series) -> pa.Array:
    """Return ``str(value)`` of each value as UTF-8, and null for missing ones."""
    return pa.array([None if _missing(v) else _text(str(v)) for v in series], pa.string())


def frame_as(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Convert the columns of ``schema``; objects that it says are text are texts, value by value.

    A partition whose objects are all of one kind is then no other than one where they are mixed.
    """
    table = frame_to_arrow(frame, schema.names)
    for at, (found, wanted) in enumerate(zip(table.schema, schema, strict=True)):
        if found.type.equals(wanted.type) or not pa.types.is_string(wanted.type):
            continue
        if pa.types.is_binary(found.type):
            decoded = [_decoded(value) for value in table.column(at).to_pylist()]
            table = table.set_column(at, wanted, pa.array(decoded, pa.string()))
        elif not pa.types.is_nested(found.type) and len(table):
            table = table.set_column(at, wanted, as_texts(frame[wanted.name]))
    return canonical_table(table, schema)


def _decoded(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "backslashreplace")


def _text(value: str) -> str:
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or bool(value != value)  # noqa: PLR0124


def frame_to_arrow(frame: pd.DataFrame, columns: Sequence[str] | None = None) -> pa.Table:
    """Convert (some columns of) a pandas frame to a table of canonical types; the index is left."""
    check_unique(list(frame.columns))
    names = list(frame.columns if columns is None else columns)
    if not names:
        return pa.table({"": pa.nulls(len(frame))}).select([])
    return canonical_table(pa.table([column_to_arrow(frame[n]) for n in names], names=names))


def arrow_to_frame(table: pa.Table, text: object = "object") -> pd.DataFrame:
    """Convert a table to pandas, with the dtypes of :func:`pandas_dtype`."""
    return pd.DataFrame(
        {
            field.name: _to_series(column, pandas_dtype(field.type, text))
            for field, column in zip(table.schema, table.columns, strict=True)
        },
        index=pd.RangeIndex(table.num_rows),
    )


def _to_series(column: pa.ChunkedArray, dtype: object) -> pd.Series:
    if isinstance(dtype, pd.ArrowDtype):
        return pd.Series(pd.arrays.ArrowExtensionArray(column.cast(dtype.pyarrow_dtype)))
    return column.to_pandas().astype(dtype)  # type: ignore[call-overload]


def frame_schema(frame: pd.DataFrame) -> pa.Schema:
    """Return the canonical schema of a pandas (or dask ``_meta``) frame; reads objects only."""
    check_unique(list(frame.columns))
    kinds = [(name, column_to_arrow(_of_its_type(frame[name])).type) for name in frame.columns]
    return canonical_schema(pa.schema(kinds))


def _of_its_type(series: pd.Series) -> pd.Series:
    """Return as few values as tell the type: none but of objects, one where all are texts."""
    if series.dtype != object:
        return series.iloc[:0]
    if len(series) and pd.api.types.infer_dtype(series, skipna=True) == "string":
        return series[series.notna()].iloc[:1]
    return series


def pandas_dtypes(data: Any) -> pd.Series | None:
    """Return the types of a pandas or dask frame's columns; ``None`` of another frame."""
    meta = getattr(data, "_meta", data)  # dask keeps the types of its partitions there
    return meta.dtypes if isinstance(meta, pd.DataFrame) else None


def level_maker(data: Any, name: str) -> Callable[[str], Any] | None:
    """Return what makes a value of its text where a column holds intervals or periods, else None.

    ``data`` is a pandas or dask frame or an Arrow table; other frames have no such columns.
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
