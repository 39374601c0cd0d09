"""The dialect of one text file, from its first bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rai_scale.tables.column_names import unique_names
from rai_scale.tables.dialect import (
    HEAD_BYTES,
    CsvOptions,
    TextDialect,
    csv_dialect,
    document_of,
    encoding_doubts,
    encoding_of,
)
from rai_scale.tables.formats import CORRUPT, delimiter_of
from rai_scale.tables.path_names import base_name
from rai_scale.tables.paths import Place


def dialect_of(format: str, file: Place, asked: CsvOptions | None = None) -> TextDialect:
    """Return how a text file is written; raises :class:`NoTextError` if it is not text."""
    with file.open() as stream:
        head = _read(stream)
    if format == "csv":
        usual = delimiter_of(base_name(file.path))
        found = csv_dialect(head, len(head) < HEAD_BYTES, usual, asked or CsvOptions())
        names = tuple(unique_names(found.names, [CORRUPT]))
        return found if names == found.names else replace(found, names=names)
    encoding = encoding_of(head)
    document = format == "jsonl" and document_of(head, encoding)
    return TextDialect(encoding, document=document, doubts=encoding_doubts(head, encoding))


def _read(stream: Any) -> bytes:
    """Read the first bytes, also from streams that return less than requested."""
    head = b""
    while len(head) < HEAD_BYTES and (more := stream.read(HEAD_BYTES - len(head))):
        head += more
    return head
