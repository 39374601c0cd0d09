"""Labels and groups of counted cells as small integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.key_values import key_values, row_codes
from rai_scale.errors import ConfigError
from rai_scale.statistics.score_bins import raise_missing


def binary_labels(
    column: pa.ChunkedArray,
    count: np.ndarray,
    name: str,
    pos_label: Any = None,
    only_0_and_1: bool = False,
) -> np.ndarray:
    """Return 1 for the positive label and 0 for the other (int8).

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
        Refuse other pairs of labels.
    """
    missing = np.asarray(pc.is_null(column, nan_is_null=pa.types.is_floating(column.type)))
    raise_missing(int(count[missing].sum()), "label", name)
    coded = column.combine_chunks().dictionary_encode()
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    found = coded.dictionary.to_pylist()
    positive = 1 if pos_label is None else pos_label
    known = pos_label is not None and len(found) <= 2  # noqa: PLR2004
    if only_0_and_1 and not set(found) <= {0, 1}:
        raise ConfigError(f"the label column {name!r} must hold 0 and 1 only.")
    if not (known or set(found) <= {0, 1} or set(found) <= {-1, 1}):
        raise ConfigError(
            f"the label column {name!r} has {len(found)} distinct values. Two are needed: 0 and 1 "
            "(or -1 and 1), or any two with pos_label naming the positive one."
        )
    if len(found) == 2 and positive not in found:  # noqa: PLR2004
        raise ConfigError(
            f"pos_label={pos_label!r} is not among the two labels of column {name!r}, which holds "
            f"{column.type}."
        )
    is_positive = np.array([value == positive for value in found], dtype=np.int8)
    return is_positive[coded.indices.to_numpy()]


def group_levels(
    table: pa.Table, groups: Sequence[str], count: np.ndarray
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the distinct groups, sorted, and the row of each cell's group among them."""
    for name in groups:
        column = table[name]
        missing = np.asarray(pc.is_null(column, nan_is_null=pa.types.is_floating(column.type)))
        raise_missing(int(count[missing].sum()), "group", name)
    code = row_codes(table, groups)
    first = np.unique(code, return_index=True)[1]
    distinct = table.take(pa.array(first))
    levels = {name: key_values(distinct[name]) for name in groups}
    frame = pd.DataFrame(levels, index=pd.RangeIndex(len(first)))
    if not groups:
        return frame, code
    order = frame.sort_values(list(groups), kind="stable").index.to_numpy()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return frame.take(order).reset_index(drop=True), rank[code]
