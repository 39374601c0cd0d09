"""Groups of a stream of Arrow batches whose rows are sorted by their keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def groups_of(batches: Iterable[pa.Table], keys: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the rows of one combination of ``keys`` after the other; null and NaN are values.

    No more than one group and one batch are held at a time.
    """
    pending: list[pa.Table] = []
    for batch in batches:
        if batch.num_rows == 0:
            continue
        last = pending[-1].slice(pending[-1].num_rows - 1) if pending else batch.slice(0, 1)
        starts = _starts(pa.concat_tables([last, batch]), keys)
        ends = [*starts, batch.num_rows]
        if starts and pending and starts[0] == 0:
            yield pa.concat_tables(pending)
            pending = []
        begin = 0
        for end in ends:
            if end == 0:
                continue
            pending.append(batch.slice(begin, end - begin))
            begin = end
            if end < batch.num_rows:
                yield pa.concat_tables(pending)
                pending = []
    if pending:
        yield pa.concat_tables(pending)


def _starts(table: pa.Table, keys: Sequence[str]) -> list[int]:
    """Return the rows of all but the first that differ from the one before, counted from there."""
    new = np.zeros(table.num_rows - 1, dtype=bool)
    for key in keys:
        column = table.column(key).combine_chunks()
        if pa.types.is_floating(column.type):
            column = pc.add(column, 0.0)  # -0.0 is 0.0
        codes = column.dictionary_encode(null_encoding="encode").indices.to_numpy()
        new |= codes[1:] != codes[:-1]
    return np.flatnonzero(new).tolist()
