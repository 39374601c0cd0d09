"""Lists of numbers as keys of groups: pyarrow can group by bytes, but not by lists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.errors import ConfigError

_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


def is_list_of_numbers(kind: pa.DataType) -> bool:
    """Return whether values of a type are lists of integers or floats, of any length."""
    if not any(is_list(kind) for is_list in _LISTS):
        return False
    return bool(pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type))


def lists_as_bytes(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Replace each list among the keys by the bytes of its numbers.

    Raises
    ------
    ConfigError
        If a list has a null in it.
    """
    for key in keys:
        at = table.schema.get_field_index(key)
        if is_list_of_numbers(table.schema.field(at).type):
            table = table.set_column(at, key, _as_bytes(table[key].combine_chunks(), key))
    return table


def bytes_as_lists(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Undo :func:`lists_as_bytes` for the columns that are lists in ``schema``."""
    for at, name in enumerate(table.column_names):
        kind = schema.field(name).type
        if is_list_of_numbers(kind):
            table = table.set_column(at, name, _as_lists(table[name].combine_chunks(), kind))
    return table


def _as_bytes(lists: pa.Array, name: str) -> pa.Array:
    """Return the bytes of lists; equal numbers have equal bytes, except 0.0 and -0.0."""
    numbers = lists.flatten()
    if numbers.null_count:
        raise ConfigError(
            f"column {name!r}: {numbers.null_count:,} numbers in the lists of a partition are "
            "missing. Fill them, or remove those rows and report it."
        )
    values = np.ascontiguousarray(numbers.to_numpy(zero_copy_only=False))
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]) * values.itemsize
    buffers = [None, pa.py_buffer(ends.astype(np.int64)), pa.py_buffer(values)]
    found = pa.Array.from_buffers(pa.large_binary(), len(lists), buffers)
    return pc.if_else(lists.is_null(), pa.scalar(None, pa.large_binary()), found)


def _as_lists(found: pa.Array, kind: pa.DataType) -> pa.Array:
    dtype = kind.value_type.to_pandas_dtype()
    rows = [None if v is None else np.frombuffer(v, dtype) for v in found.to_pylist()]
    return pa.array(rows, kind)
