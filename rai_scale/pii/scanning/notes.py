"""Notes for people: the format of text files, what is uncertain about it, what was not read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from rai_scale.pii.scanning.table_scan import TableScan
from rai_scale.tables.dialect import DELIMITERS, UTF8
from rai_scale.tables.formats import CORRUPT
from rai_scale.tables.source import TableSource


def doubts_of(table: TableSource) -> Iterator[str]:
    """Yield what is uncertain about the format of the text files of a table."""
    counts = Counter(d for f in table.files if f.dialect for d in f.dialect.doubts)
    for doubt, files in counts.items():
        yield doubt if len(table.files) == 1 else f"{doubt} ({files} of {len(table.files)} files)"


def written_as(table: TableSource) -> Iterator[str]:
    """Yield delimiters and encodings that differ from the defaults (comma, UTF-8)."""
    found = [f.dialect for f in table.files if f.dialect]
    if table.format == "csv":
        marks = {d.delimiter for d in found}
        if marks - {","}:
            yield f"Delimiter: {' or '.join(sorted(DELIMITERS.get(m, m) for m in marks))}."
    codes = {d.encoding for d in found} - {UTF8}
    if codes:
        yield f"Encoding: {', '.join(sorted(codes))}."


def remarks(table: TableScan, written: Iterable[str]) -> Iterator[str]:
    """Yield what a reader of the result should know about how a table was read."""
    bad, files, columns = len(table.unreadable), table.files, table.columns
    if bad:
        yield f"Files that cannot be read: {bad} of {files}."
    if table.partly_read:
        yield f"Files that were read in part: {len(table.partly_read)} of {files}."
    yield from written
    for doubt in table.doubts:
        yield f"Uncertain: {doubt}."
    masked = sum(column.masked for column in columns)
    if masked:
        yield f"Column names that may be personal data and are not shown: {masked}."
    undecoded = sum(column.undecoded for column in columns)
    if undecoded:
        yield f"Values with a character that could not be decoded: {undecoded}."
    lines = next((c.non_null for c in columns if c.column == CORRUPT), 0)
    if lines:
        yield f"Lines that cannot be parsed: {lines}; their text was scanned as column {CORRUPT}."
