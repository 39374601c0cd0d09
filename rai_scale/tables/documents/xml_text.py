"""XML parsed by expat, event by event: no entity is expanded, and no tree is built."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any, BinaryIO
from xml.parsers import expat

from rai_scale.errors import NotReadError
from rai_scale.tables.dialect import HEAD_BYTES
from rai_scale.tables.documents.plain_text import declared_encoding
from rai_scale.tables.documents.work import Entry, Row, Work, blocks

_STEP = 1 << 16
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})")


class XmlTexts:
    """Collects ``name: text`` of elements and attributes; subclasses choose other texts."""

    def __init__(self) -> None:
        self.done: list[Row] = []
        self._open: list[list[str]] = []
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self.start
        self._parser.EndElementHandler = self.end
        self._parser.CharacterDataHandler = self.text
        self._parser.CommentHandler = self.comment
        self._parser.ProcessingInstructionHandler = self.instruction
        self._parser.EntityDeclHandler = _refuse_entity

    def place(self) -> str:
        """Return the line that is being parsed."""
        return f"line {self._parser.CurrentLineNumber}"

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        if self._open:
            self._emit(self._open[-1])
        self._open.append([local(tag)])
        for name, value in attributes.items():
            if not name.startswith("xmlns"):
                self.done.append((self.place(), f"{local(name)}: {value}"))

    def end(self, tag: str) -> None:
        """End an element."""
        self._emit(self._open.pop())

    def text(self, data: str) -> None:
        """Add text to the open element."""
        if self._open:
            self._open[-1].append(data)

    def comment(self, data: str) -> None:
        """Keep a comment."""
        self.done.append((self.place(), data))

    def instruction(self, target: str, data: str) -> None:
        """Keep a processing instruction."""
        self.done.append((self.place(), f"{target}: {data}"))

    def _emit(self, parts: list[str]) -> None:
        text = " ".join("".join(parts[1:]).split())
        del parts[1:]
        if text:
            self.done.append((self.place(), f"{parts[0]}: {text}"))

    def rows(self, stream: BinaryIO) -> Iterator[Row]:
        """Parse a stream and yield (place, text) in the order of the file."""
        stream.seek(0)
        head = stream.read(HEAD_BYTES)
        declared = _DECLARED.search(head[:300])
        encoding = declared_encoding(head, declared and declared.group(1))
        stream.seek(0)
        reader, damaged = codecs.getreader(encoding)(stream, "replace"), None
        try:
            while chunk := reader.read(_STEP):
                self._parser.Parse(chunk.encode("utf-8", "replace"), False)
                yield from self._taken()
            self._parser.Parse(b"", True)
        except expat.ExpatError:
            damaged = NotReadError("damaged: not well-formed XML")
        yield from self._taken()
        if damaged:
            raise damaged

    def _taken(self) -> list[Row]:
        taken, self.done = self.done, []
        return taken


def local(name: str) -> str:
    """Return a name without its namespace prefix."""
    return name.rpartition(":")[2]


def _refuse_entity(*_: Any) -> None:
    raise NotReadError("declares XML entities, which are not expanded")


def read_xml(entry: Entry, work: Work) -> Iterator[Row]:
    """Yield blocks of ``name: text`` lines, with the number of the first line."""
    yield from blocks(XmlTexts().rows(entry.stream))
