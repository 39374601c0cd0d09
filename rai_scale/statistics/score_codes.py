"""Labels and groups of counted cells as integers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.key_values import key_values, row_codes
from rai_scale.errors import ConfigError
from rai_scale.statistics.cells import sorted_rows
from rai_scale.statistics.score_bins import raise_missing

_USUAL: tuple[set[Any], ...] = ({0, 1}, {-1, 1})
"""Pairs of labels of which 1 is the positive one, also where one of them does not occur."""


def lacks_positive(pos_label: Any, labels: Collection[Any], known: Collection[Any] = ()) -> bool:
    """Return whether a positive label does not occur, and may be misspelt.

    Parameters
    ----------
    pos_label : object
        The positive label.
    labels : collection
        The distinct labels of a column.
    known : collection
        The distinct labels of another column of the same vocabulary: the label may occur only
        there if all of ``labels`` do.

    Returns
    -------
    bool
        False also if all labels are 0 (or -1) and the positive one is 1.
    """
    found = set(labels)
    if not found or pos_label in found or (pos_label in known and found <= set(known)):
        return False
    return not any(found | {pos_label} <= pair for pair in _USUAL)


def binary_labels(
    column: pa.ChunkedArray,
    count: np.ndarray,
    name: str,
    pos_label: Any = None,
    only_0_and_1: bool = False,
) -> np.ndarray:
    """Return 1 for the positive label and 0 for the other.

    Parameters
    ----------
    column : ChunkedArray
        One label per cell.
    count : ndarray of int64
        Rows per cell, for messages.
    name : str
        The label column, for messages.
    pos_label : optional
        The positive label; 1 by default.
    only_0_and_1 : bool
        Whether other pairs of labels are an error.

    Returns
    -------
    ndarray of int8, shape (cells,)

    Raises
    ------
    ConfigError
        If a label is missing, there are more than two, or the positive label is not among them.
    """
    _check_missing(column, count, "label", name)
    coded = column.combine_chunks().dictionary_encode()
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    found = coded.dictionary.to_pylist()
    positive = 1 if pos_label is None else pos_label
    known = pos_label is not None and len(found) <= 2  # noqa: PLR2004
    if only_0_and_1 and not set(found) <= {0, 1}:
        raise ConfigError(f"the label column {name!r} must have only the labels 0 and 1.")
    if not (known or set(found) <= {0, 1} or set(found) <= {-1, 1}):
        raise ConfigError(
            f"the label column {name!r} has {len(found)} distinct values. Two are needed: 0 and 1 "
            "(or -1 and 1), or any two with pos_label for the positive one."
        )
    if lacks_positive(positive, found):
        raise ConfigError(
            f"pos_label={pos_label!r} is not among the labels of column {name!r}, which "
            f"has type {column.type}."
        )
    is_positive = np.array([value == positive for value in found], dtype=np.int8)
    return np.asarray(is_positive[coded.indices.to_numpy()])


def _check_missing(column: pa.ChunkedArray, count: np.ndarray, what: str, name: str) -> None:
    missing = np.asarray(pc.is_null(column, nan_is_null=pa.types.is_floating(column.type)))
    raise_missing(int(count[missing].sum()), what, name)


def group_levels(
    table: pa.Table, groups: Sequence[str], count: np.ndarray
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the distinct groups and the group of each cell.

    Parameters
    ----------
    table : pyarrow.Table
        One row per cell, with the columns ``groups``.
    groups : sequence of str
        May be empty: then there is one group.
    count : ndarray of int64, shape (cells,)
        Rows per cell, for messages.

    Returns
    -------
    tuple of (pandas.DataFrame, ndarray of int64, shape (cells,))
        The groups, sorted, and the position of each cell's group among them.

    Raises
    ------
    ConfigError
        If a group is missing in some rows.
    """
    for name in groups:
        _check_missing(table[name], count, "group", name)
    code = row_codes(table, groups)
    first = np.unique(code, return_index=True)[1]
    distinct = table.take(pa.array(first))
    levels = {name: key_values(distinct[name]) for name in groups}
    frame, order = sorted_rows(pd.DataFrame(levels, index=pd.RangeIndex(len(first))))
    return frame, np.argsort(order)[code]
