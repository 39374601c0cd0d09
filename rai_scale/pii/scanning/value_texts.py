"""The texts of values that are searched, and values that cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from math import isfinite
from typing import Any, NamedTuple

import pyarrow as pa

from rai_scale.engines.plain_texts import plain_number
from rai_scale.pii.values.nested import all_leaves
from rai_scale.pii.values.text_leaves import TextLeaf, root

ERRORS, UNREAD = "#errors", "#unread"
"""Keys of counts of values that failed, and of values that are not text."""
PLACEHOLDER = re.compile(r"<([A-Z][A-Z0-9_]+)>")
"""The placeholder that Presidio writes: the language model would recognise it as a name."""
_SHORTEST = 1_000_000
"""Smallest integer stored as a decimal or float that is searched; a smaller one is an amount."""


class UnreadValue(NamedTuple):
    """A value that was not searched: it failed (``ERRORS``) or is not text (``UNREAD``)."""

    row: int
    kind: str
    bytes: int


def row_leaves(
    name: str,
    column: pa.ChunkedArray,
    kind: pa.DataType,
    entities: frozenset[str],
    unread: list[UnreadValue],
) -> Iterator[tuple[int, TextLeaf]]:
    """Yield (row, leaf) for each text of a column; JSON documents and nested values are opened.

    A text that consists of a placeholder of an earlier redaction counts as missing. Values that
    cannot be searched are added to ``unread``.
    """
    for row, raw in enumerate(column.to_pylist()):
        blobs: list[bytes] = []
        value = as_text(raw, blobs)
        unread += [UnreadValue(row, UNREAD, len(blob)) for blob in blobs]
        try:
            leaves = list(all_leaves(value, kind, root(name)))
        except (ValueError, RecursionError):  # one invalid document must not stop the batch
            unread.append(UnreadValue(row, ERRORS, size_of(value)))
            continue
        for leaf in leaves:
            whole = PLACEHOLDER.fullmatch(leaf.text)
            if leaf.text and not (whole and whole.group(1) in entities):
                yield row, leaf


def as_text(value: Any, blobs: list[bytes]) -> Any:
    """Return a value in which bytes and numbers, nested ones included, are converted to text.

    UTF-8 bytes are decoded; other bytes are added to ``blobs`` and become null. An integer that is
    stored as a decimal or float (``4012888888881881.0``) is written without its fraction. A number
    with a fraction or with few digits is an amount, which does not identify anyone, and becomes
    null.
    """
    if isinstance(value, bytes):
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = "\0"
        blobs += [value] if "\0" in text else []
        return None if "\0" in text else text
    if isinstance(value, float | Decimal):
        if not isfinite(value):
            return None
        plain = plain_number(str(value))
        return plain if value == int(value) and abs(int(value)) >= _SHORTEST else None
    if isinstance(value, dict):
        return {key: as_text(inner, blobs) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(as_text(inner, blobs) for inner in value)
    return value


def is_fractional(kind: pa.DataType) -> bool:
    """Return whether numbers of a type may have a fraction."""
    return bool(pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def size_of(value: Any) -> int:
    """Return the size of the text of a value in bytes."""
    return len(str(value).encode("utf-8", "replace"))
