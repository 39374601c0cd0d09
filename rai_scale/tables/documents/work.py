"""What the readers of all kinds of files share: entries, rows of text, counted limits, reasons."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from rai_scale.errors import NotReadError
from rai_scale.tables.documents.limits import DocumentLimits

BLOCK = 8_000
"""Characters of a row: short texts that follow each other are joined, longer ones are split."""
_CHUNK = 1 << 20
_FREE = 16 << 20
_HEAD = 4096

Row = tuple[str, ...]
"""The place of a text in its file, and the text; before them, for a table, its name."""


class LimitError(NotReadError):
    """A limit for the whole file is exceeded: nothing more of it is read."""


@dataclass
class Entry:
    """A file in the lake, or a file within another.

    Attributes
    ----------
    name : str
        Its name, which may show its kind.
    stream : BinaryIO
        Its content; seekable.
    part : str
        Its path within the file in the lake; empty for that file itself.
    depth : int
        The number of files around it.
    path : str, optional
        Its path on a disk of this machine.
    whole : bool
        Whether the stream has the whole content; false if it was longer than a limit.
    """

    name: str
    stream: BinaryIO
    part: str = ""
    depth: int = 0
    path: str | None = None
    whole: bool = True

    def head(self) -> bytes:
        """Return the first bytes."""
        self.stream.seek(0)
        found = self.stream.read(_HEAD)
        self.stream.seek(0)
        return found

    def size(self) -> int:
        """Return the number of bytes."""
        size = self.stream.seek(0, os.SEEK_END)
        self.stream.seek(0)
        return size

    def content(self, work: Work) -> bytes:
        """Return all bytes of a file that must be read as a whole."""
        if not self.whole or self.size() > work.limits.max_bytes:
            raise NotReadError("larger than max_bytes")
        self.stream.seek(0)
        return self.stream.read()

    def inner(self, name: str, content: bytes | BinaryIO, work: Work, whole: bool = True) -> Entry:
        """Return a file within this one; raises an error if it is too deep or one too many."""
        work.add_file()
        if self.depth >= work.limits.max_depth:
            raise NotReadError("nested deeper than max_depth")
        stream = io.BytesIO(content) if isinstance(content, bytes) else content
        part = f"{self.part}/{name}" if self.part else name
        return Entry(name, stream, part, self.depth + 1, whole=whole)


@dataclass
class Work:
    """The work for one file in the lake: its limits, what was used of them, what was not read."""

    limits: DocumentLimits
    size: int
    files: int = 0
    rows: int = 0
    unpacked: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    renew: Callable[[], None] = lambda: None
    """Starts the time for the file again; called for each page that is read by OCR."""

    def note(self, reason: str) -> None:
        """Record that something was not read."""
        self.reasons[reason] += 1

    def note_once(self, reason: str) -> None:
        """Record that something was not read, which is seen each time the file is opened."""
        self.reasons[reason] = 1

    def why(self) -> str:
        """Return all reasons as one text."""
        return "; ".join(
            reason if n == 1 else f"{reason} ({n:,} times)" for reason, n in self.reasons.items()
        )

    def add_file(self) -> None:
        """Count a file within the file."""
        self.files += 1
        if self.files > self.limits.max_files:
            raise LimitError("holds more files than max_files")

    def add_row(self) -> None:
        """Count a row of text."""
        self.rows += 1
        if self.rows > self.limits.max_rows:
            raise LimitError("holds more text than max_rows")

    def unpack(self, read: Callable[[int], bytes]) -> tuple[bytes, bool]:
        """Read an unpacked file up to ``max_bytes``; the flag tells whether that is all of it."""
        parts: list[bytes] = []
        size = 0
        while chunk := read(_CHUNK):
            self.unpacked += len(chunk)
            if self.unpacked > self.limits.max_unpacked:
                raise LimitError("unpacks to more than max_unpacked")
            if self.unpacked > self.limits.max_ratio * self.size + _FREE:
                raise LimitError("unpacks to more than max_ratio times its size")
            if size + len(chunk) > self.limits.max_bytes:
                return b"".join(parts), False
            parts.append(chunk)
            size += len(chunk)
        return b"".join(parts), True


def blocks(texts: Iterable[Row]) -> Iterator[Row]:
    """Join short texts that follow each other to rows of about ``BLOCK`` characters.

    If ``texts`` fails, the texts before the error are yielded first.
    """
    place, size = "", 0
    waiting: list[str] = []
    failed: Exception | None = None
    try:
        for at, raw in texts:
            text = raw.replace("\0", " ").strip()
            if not text:
                continue
            if waiting and size + len(text) > BLOCK:
                yield from _split(place, "\n".join(waiting))
                waiting, size = [], 0
            place = place if waiting else at
            waiting.append(text)
            size += len(text) + 1
    except Exception as error:
        failed = error
    if waiting:
        yield from _split(place, "\n".join(waiting))
    if failed is not None:
        raise failed


def _split(place: str, text: str) -> Iterator[Row]:
    """Split a long text where a line ends, or else between two words."""
    while len(text) > 2 * BLOCK:
        cut = text.rfind("\n", BLOCK, 2 * BLOCK)
        cut = text.rfind(" ", BLOCK, 2 * BLOCK) if cut < 0 else cut
        cut = 2 * BLOCK if cut < 0 else cut
        yield place, text[:cut]
        text = text[cut:].lstrip()
    yield place, text
