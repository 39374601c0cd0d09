"""The dialect of one text file, from its first bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rai_scale.tables.column_names import unique_names
from rai_scale.tables.dialect import (
    HEAD_BYTES,
    UTF8,
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

Headers = dict[tuple[bytes, CsvOptions | None], TextDialect]
"""How CSV files of one table are written whose first line is surely a header, by that line."""
_LINES = 200


def dialect_of(
    format: str,
    file: Place,
    asked: CsvOptions | None = None,
    parts: Headers | None = None,
) -> TextDialect:
    """Return how a text file is written; raises :class:`NoTextError` if it is not text.

    Parameters
    ----------
    format : str
    file : Place
    asked : CsvOptions, optional
        What the user specifies.
    parts : dict, optional
        What is known of other parts of the same table, to which this one is added. A first line
        that another part has as well is not examined again.
    """
    with file.open() as stream:
        head = _read(stream)
    if format == "csv":
        line = head[: head.find(b"\n") + 1]
        known = parts.get((line, asked)) if parts else None
        if known and _is_like(head, known):
            return known
        found = _of_csv(head, file, asked)
        simple = line.strip() and b'"' not in line
        if parts is not None and simple and found.header and not found.doubts:
            parts[line, asked] = found
        return found
    encoding = encoding_of(head)
    document = format == "jsonl" and document_of(head, encoding)
    return TextDialect(encoding, document=document, doubts=encoding_doubts(head, encoding))


def _is_like(head: bytes, known: TextDialect) -> bool:
    """Return whether a file with a known header has nothing else to examine."""
    if b'"' in head or known.encoding != UTF8:
        return False
    encoding, mark = encoding_of(head), known.delimiter.encode()
    lines = head.split(b"\n", _LINES)[:_LINES]
    marks = lines[0].count(mark)
    even = all(line.count(mark) == marks for line in lines if line.strip())
    return even and encoding == UTF8 and not encoding_doubts(head, encoding)


def _of_csv(head: bytes, file: Place, asked: CsvOptions | None) -> TextDialect:
    usual = delimiter_of(base_name(file.path))
    found = csv_dialect(head, len(head) < HEAD_BYTES, usual, asked or CsvOptions())
    names = tuple(unique_names(found.names, [CORRUPT]))
    return found if names == found.names else replace(found, names=names)


def _read(stream: Any) -> bytes:
    """Read the first bytes, also from streams that return less than requested."""
    head = b""
    while len(head) < HEAD_BYTES and (more := stream.read(HEAD_BYTES - len(head))):
        head += more
    return head
