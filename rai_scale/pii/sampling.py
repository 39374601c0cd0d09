"""Choose rows by a keyed hash of their content: the same rows on every engine and in any order."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.pii.leaves import to_json

_NULL = np.uint64(0x9E3779B97F4A7C15)


def row_hashes(table: pa.Table, seed: int) -> np.ndarray:
    """Hash each row by the text of its cells.

    Returns
    -------
    ndarray of uint64, shape (rows,)
        Independent of the order of columns and rows; equal rows hash equal, and a number hashes as
        its text does (a CSV file and a typed table of the same rows give the same sample).
    """
    total = np.zeros(table.num_rows, dtype=np.uint64)
    for name in sorted(table.column_names):
        key = hashlib.sha256(f"{seed}\x00{name}".encode()).hexdigest()[:16]
        total += _cell_hashes(table[name], key)  # wraps; a sum does not depend on the order
    return _mix(total)


def chosen(table: pa.Table, fraction: float, seed: int) -> pa.Table:
    """Return the rows whose hash falls into the first ``fraction`` of all hashes."""
    if fraction >= 1:
        return table
    limit = np.uint64(int(fraction * 2**64))
    return table.filter(pa.array(row_hashes(table, seed) < limit))


def _cell_hashes(column: pa.ChunkedArray, key: str) -> np.ndarray:
    texts = _texts(column)
    missing = np.asarray(pc.is_null(texts))
    values = pc.fill_null(texts, "").to_numpy(zero_copy_only=False).astype(object)
    hashed = pd.util.hash_array(values, hash_key=key, categorize=True)
    # a null must not look like an empty text, nor the same in two columns
    return np.where(missing, _mix(np.full(len(values), _NULL) + np.uint64(int(key, 16))), hashed)


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


def _mix(values: np.ndarray) -> np.ndarray:
    """Spread 64 bits (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
