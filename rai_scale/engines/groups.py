"""How the rows of a table, or of a sorted stream of tables, are split into groups by key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

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


def groups_of_sorted(tables: Iterable[pa.Table], keys: Sequence[str]) -> Iterator[pa.Table]:
    """Yield whole groups of a stream whose rows are sorted by ``keys``; null and NaN are keys.

    At most one group and one table are held in memory at a time.
    """
    pending: list[pa.Table] = []
    for table in tables:
        if table.num_rows == 0:
            continue
        last = pending[-1].slice(pending[-1].num_rows - 1) if pending else table.slice(0, 1)
        codes = row_codes(pa.concat_tables([last, table]), keys)
        begin = 0
        for start in np.flatnonzero(np.diff(codes)).tolist():
            yield pa.concat_tables([*pending, table.slice(begin, start - begin)])
            pending, begin = [], start
        pending.append(table.slice(begin))
    if pending:
        yield pa.concat_tables(pending)
