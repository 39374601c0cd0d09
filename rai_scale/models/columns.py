"""Convert Arrow batches to the pandas columns that a model was fitted on, and mix rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


def model_frame(table: pa.Table, like: pd.DataFrame) -> pd.DataFrame:
    """Convert a batch to the columns and dtypes of ``like``.

    If a column has a number that the dtype of ``like`` cannot hold, such as 2.75 or 300 in int8, it
    becomes int64 or float64. Integers and booleans with nulls become floats with NaN. Categories
    that are not in ``like`` become missing. Null text becomes NaN, as in pandas' readers.
    """
    columns = {name: _as_dtype(table[name], like[name].dtype) for name in like.columns}
    return pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows))


def _as_dtype(column: pa.ChunkedArray, dtype: Any) -> pd.Series:
    if isinstance(dtype, pd.CategoricalDtype):
        categories = column.to_pandas(integer_object_nulls=True)
        return pd.Series(pd.Categorical(categories, dtype=dtype))
    if isinstance(dtype, np.dtype) and dtype.kind in "iufb":
        return pd.Series(_fitting(_numbers(column, dtype), dtype))
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        values: pd.Series = column.to_pandas(integer_object_nulls=True).astype(object)
        return values.where(values.notna(), np.nan)
    found: pd.Series = column.to_pandas()
    try:
        return found.astype(dtype)
    except TypeError:  # pandas' nullable integers cannot hold these numbers
        return found.astype("Float64")


def _fitting(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return numbers in ``dtype`` if it can hold them, otherwise unchanged.

    Rounding to a shorter float type is allowed.
    """
    with np.errstate(all="ignore"):
        cast = values.astype(dtype)
        same = np.isfinite(cast) == np.isfinite(values) if dtype.kind == "f" else cast == values
    return cast if same.all() else values


def _numbers(column: pa.ChunkedArray, dtype: np.dtype) -> np.ndarray:
    """Return integers as int64 if nothing is missing, and anything else as float64."""
    whole = pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if whole and column.null_count == 0 and dtype.kind != "f":
        column = column.cast(pa.int64())
    else:
        column = pc.cast(column, pa.float64(), safe=False)
    numbers: np.ndarray = column.to_numpy()
    return numbers


@dataclass(frozen=True)
class Mixer:
    """Builds rows from the features of an explained row and of a background row.

    Parameters
    ----------
    background : pandas.DataFrame
        Background rows, with the features of the model only.
    """

    background: pd.DataFrame

    @cached_property
    def _matrix(self) -> np.ndarray | None:
        """The background as one float64 array, if all columns are float64."""
        kinds = {str(dtype) for dtype in self.background.dtypes}
        return self.background.to_numpy() if kinds == {"float64"} else None

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the cached array, which can be computed from the frame."""
        return {"background": self.background}

    def mix(
        self, rows: pd.DataFrame, of: np.ndarray, masks: np.ndarray, other: np.ndarray
    ) -> pd.DataFrame:
        """Return a frame of ``len(of)`` rows.

        Parameters
        ----------
        rows : pandas.DataFrame
            Explained rows.
        of, other : ndarray of int, shape (n,)
            For each result row, the number of the explained row and of the background row.
        masks : ndarray of bool, shape (n, features)
            True where the feature comes from the explained row.
        """
        names = self.background.columns
        if self._matrix is not None and set(map(str, rows.dtypes)) == {"float64"}:
            mixed = np.where(masks, rows.to_numpy()[of], self._matrix[other])
            return pd.DataFrame(mixed, columns=names)
        columns = [
            _mix_column(rows[name], self.background[name], of, masks[:, j], other)
            for j, name in enumerate(names)
        ]
        return pd.DataFrame(dict(zip(names, columns, strict=True)))


def _mix_column(
    rows: pd.Series, background: pd.Series, of: np.ndarray, mask: np.ndarray, other: np.ndarray
) -> Any:
    if isinstance(background.dtype, np.dtype):
        return np.where(mask, rows.to_numpy()[of], background.to_numpy()[other])
    pool = pd.concat([background, rows], ignore_index=True).array
    return pool.take(np.where(mask, len(background) + of, other))


def in_blocks(rows: int, size: int) -> list[np.ndarray]:
    """Split row numbers into blocks of exactly ``size``; the last one repeats its last row.

    All blocks have the same shape, so a matrix product in the model gives the same result for a row
    whatever other rows are in its block.
    """
    starts: Sequence[int] = range(0, rows, size)
    return [np.minimum(np.arange(start, start + size), rows - 1) for start in starts]
