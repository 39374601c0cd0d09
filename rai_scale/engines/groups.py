"""Rows of one key together: how a table, or a sorted stream of tables, is cut into groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from rai_scale.engines.key_values import row_codes


def split_groups(table: pa.Table, keys: Sequence[str]) -> Iterator[pa.Table]:
    """Yield all rows of each distinct combination of ``keys``; null is a key like any other."""
    if table.num_rows == 0:
        return
    codes = row_codes(table, keys)
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes))
    for start, end in zip(np.r_[0, ends[:-1]], ends, strict=True):
        yield table.take(pa.array(order[start:end]))


def groups_of_sorted(tables: Iterator[pa.Table], keys: Sequence[str]) -> Iterator[pa.Table]:
    """Yield whole groups of a stream in which the rows of each key stand side by side."""
    waiting: list[pa.Table] = []
    for table in tables:
        for group in split_groups(table, keys):
            if waiting and _key(waiting[0], keys) != _key(group, keys):
                yield pa.concat_tables(waiting)
                waiting = []
            waiting.append(group)
    if waiting:
        yield pa.concat_tables(waiting)


def _key(table: pa.Table, keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(repr(table[key][0].as_py()) for key in keys)
