"""Sample rows by a keyed hash of their content: the same rows on every engine and in any order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.pii.values.text_leaves import to_json
from rai_scale.statistics.keyed_hash import text_hashes


def row_hashes(table: pa.Table, seed: int) -> np.ndarray:
    """Hash each row by the text of its values.

    Returns
    -------
    ndarray of uint64, shape (rows,)
        Independent of the order of columns and rows. Equal rows have equal hashes, and a number
        has the hash of its text, so a CSV file and a typed table give the same sample.
    """
    return text_hashes({name: _texts(table[name]) for name in table.column_names}, seed)


def chosen(table: pa.Table, fraction: float, seed: int) -> pa.Table:
    """Return the rows whose hash is in the lowest ``fraction`` (0 to 1) of all possible hashes."""
    if fraction >= 1:
        return table
    limit = np.uint64(int(fraction * 2**64))
    return table.filter(pa.array(row_hashes(table, seed) < limit))


def _texts(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    if pa.types.is_string(array.type):
        return array
    if pa.types.is_binary(array.type):
        return pa.array([None if v is None else v.hex() for v in array.to_pylist()], pa.string())
    if pa.types.is_nested(array.type):
        values = (None if v is None else to_json(_jsonable(v)) for v in array.to_pylist())
        return pa.array(list(values), pa.string())
    try:
        return pc.cast(array, pa.string())
    except pa.ArrowNotImplementedError:  # intervals
        return pa.array([None if v is None else str(v) for v in array.to_pylist()], pa.string())


def _jsonable(value: object) -> object:
    if isinstance(value, dict):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(v) for v in value]
    return value if value is None or isinstance(value, str | int | bool) else str(value)
