"""Random numbers that belong to a row's key: the same on every engine and however data are cut."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.errors import ConfigError

_NULL = np.uint64(0x9E3779B97F4A7C15)


def key_hashes(table: pa.Table, seed: int) -> np.ndarray:
    """Hash each row by the text of its cells (SipHash, keyed by the seed and the column's name).

    Returns
    -------
    ndarray of uint64, shape (rows,)
        Independent of the order of columns and rows. A number hashes as its text does, so that 7
        is the same key as an integer of any width, as 7.0 and as ``"7"``.
    """
    return text_hashes({name: _texts(table[name]) for name in table.column_names}, seed)


def text_hashes(columns: Mapping[str, pa.Array], seed: int) -> np.ndarray:
    """Hash rows by their texts in named columns; uint64, independent of the columns' order."""
    total = np.zeros(len(next(iter(columns.values()), [])), dtype=np.uint64)
    for name in sorted(columns):
        key = hashlib.sha256(f"{seed}\x00{name}".encode()).hexdigest()[:16]
        total += _cell_hashes(columns[name], key)  # wraps; a sum does not depend on the order
    return mix(total)


def key_uniforms(table: pa.Table, seed: int) -> np.ndarray:
    """Return a number in [0, 1) per row, uniform over keys, made of the row's key and the seed."""
    return (key_hashes(table, seed) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _cell_hashes(texts: pa.Array, key: str) -> np.ndarray:
    missing = np.asarray(pc.is_null(texts))
    values = pc.fill_null(texts, "").to_numpy(zero_copy_only=False).astype(object)
    hashed = pd.util.hash_array(values, hash_key=key, categorize=True)
    null = mix(np.full(len(values), _NULL) + np.uint64(int(key, 16)))
    return np.where(missing, null, hashed)  # null is not the same as an empty text


def _texts(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    if pa.types.is_string(array.type):
        return array
    if pa.types.is_nested(array.type):
        raise ConfigError(f"a key column cannot be of type {array.type}; name plain columns.")
    if pa.types.is_floating(array.type):
        array = _whole_as_integers(pc.cast(array, pa.float64()))
    if pa.types.is_binary(array.type):
        return pa.array([None if v is None else v.hex() for v in array.to_pylist()], pa.string())
    return array if pa.types.is_string(array.type) else pc.cast(array, pa.string())


def _whole_as_integers(array: pa.Array) -> pa.Array:
    """Return the texts of floats, whole numbers without a point or an exponent."""
    values = array.to_numpy(zero_copy_only=False)
    whole = np.isfinite(values) & (values == np.trunc(values)) & (np.abs(values) < 2**63)
    integers = np.where(whole, values, 0).astype(np.int64)
    return pc.if_else(pa.array(whole), pc.cast(pa.array(integers), pa.string()), _plain(array))


def _plain(array: pa.Array) -> pa.Array:
    return pc.cast(array, pa.string())


def mix(values: np.ndarray) -> np.ndarray:
    """Spread 64 bits (the finaliser of splitmix64, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
