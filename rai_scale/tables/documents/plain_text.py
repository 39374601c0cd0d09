"""Text files within archives and e-mails: rows of lines."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from rai_scale.tables.dialect import HEAD_BYTES, UTF8, encoding_of
from rai_scale.tables.documents.work import Entry, Row, Work, blocks


def read_plain(entry: Entry, work: Work) -> Iterator[Row]:
    """Yield blocks of lines, with the number of the first line."""
    entry.stream.seek(0)
    encoding = encoding_of(entry.stream.read(HEAD_BYTES))
    entry.stream.seek(0)
    reader = codecs.getreader(encoding)(entry.stream, "replace")
    yield from blocks((f"line {n}", line) for n, line in enumerate(reader, 1))
    if not entry.whole:
        work.note("longer than max_bytes: the rest was not read")


def declared_encoding(head: bytes, declared: bytes | None) -> str:
    """Return the encoding of a byte order mark, else the declared one if it fits, else a guess."""
    guessed = encoding_of(head)
    if declared is None or guessed.startswith(("utf-16", "utf-32")):
        return guessed
    try:
        name = codecs.lookup(declared.decode("ascii")).name
        if guessed == UTF8:  # most bytes are UTF-8 or ASCII: another name must prove right
            codecs.getincrementaldecoder(name)("strict").decode(head)
    except (LookupError, ValueError):
        return guessed
    # browsers read Latin-1 as Windows-1252, which has more letters
    return "cp1252" if name == "iso8859-1" else name
