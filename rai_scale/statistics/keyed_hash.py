"""Random numbers from a row's key: the same on every engine and for every partitioning."""

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
    """Hash each row by the text of its values (SipHash, keyed by seed and column name).

    Parameters
    ----------
    table : pyarrow.Table
        The key columns.
    seed : int

    Returns
    -------
    ndarray of uint64, shape (rows,)
        Independent of the order of columns and rows. Numbers are hashed as text, so that 7 as an
        integer of any width, 7.0 and ``"7"`` are the same key.

    Raises
    ------
    ConfigError
        If a column is nested.
    """
    return text_hashes({name: _texts(table[name]) for name in table.column_names}, seed)


def text_hashes(columns: Mapping[str, pa.Array], seed: int) -> np.ndarray:
    """Hash rows by their text in named columns; uint64, independent of the order of columns."""
    total = np.zeros(len(next(iter(columns.values()), [])), dtype=np.uint64)
    for name in sorted(columns):
        key = hashlib.sha256(f"{seed}\x00{name}".encode()).hexdigest()[:16]
        total += _column_hashes(columns[name], key)  # overflow wraps around
    return mix(total)


def key_uniforms(table: pa.Table, seed: int) -> np.ndarray:
    """Return a number in [0, 1) per row, uniform over keys; see :func:`key_hashes`."""
    return (key_hashes(table, seed) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _column_hashes(texts: pa.Array, key: str) -> np.ndarray:
    missing = np.asarray(pc.is_null(texts))
    values = pc.fill_null(texts, "").to_numpy(zero_copy_only=False).astype(object)
    hashed = pd.util.hash_array(values, hash_key=key, categorize=True)
    null = mix(np.full(len(values), _NULL) + np.uint64(int(key, 16)))
    return np.where(missing, null, hashed)  # null differs from an empty text


def _texts(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    if pa.types.is_string(array.type):
        return array
    if pa.types.is_nested(array.type):
        raise ConfigError(
            f"a key column cannot have type {array.type}. Use columns without nesting."
        )
    if pa.types.is_floating(array.type):
        array = _float_texts(pc.cast(array, pa.float64()))
    if pa.types.is_binary(array.type):
        return pa.array([None if v is None else v.hex() for v in array.to_pylist()], pa.string())
    return array if pa.types.is_string(array.type) else pc.cast(array, pa.string())


def _float_texts(array: pa.Array) -> pa.Array:
    """Return floats as text; integers have no decimal point or exponent."""
    values = array.to_numpy(zero_copy_only=False)
    whole = np.isfinite(values) & (values == np.trunc(values)) & (np.abs(values) < 2**63)
    integers = np.where(whole, values, 0).astype(np.int64)
    texts = [pc.cast(found, pa.string()) for found in (pa.array(integers), array)]
    return pc.if_else(pa.array(whole), *texts)


def mix(values: np.ndarray) -> np.ndarray:
    """Mix the bits of 64-bit integers (the finaliser of splitmix64, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))
