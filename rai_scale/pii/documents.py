"""JSON text: its leaves, and the same text with some of them replaced.

What is not replaced stays as it was written, to the byte: order and repeated keys, spaces, and
numbers that no float can hold. Nothing here recurses with the depth of a document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import NamedTuple

from rai_scale.pii.text_leaves import Leaf, Place, plain_number, to_json, valid_text

INNER_DOCUMENTS = 16
"""JSON in a text of JSON is opened so many times; what is below is one text."""
_SPACE = re.compile(r"[ \t\n\r]*")
_SCALAR = re.compile(
    r"(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
    r"|true|false|null|NaN|Infinity"
)
_MINUS_INFINITY = "-Infinity"
_PYTHON = {"true": "True", "false": "False", "NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}
"""How a whole cell of these values reads in a typed column."""


class InvalidDocument(Exception):
    """A text that begins like JSON is none, and rules for its leaves cannot be kept."""


class Part(NamedTuple):
    """A stretch of a document that may be replaced: a leaf, or a text that is a document itself.

    ``owner`` is the number of the object that a key belongs to.
    """

    start: int
    end: int
    leaf: Leaf | None
    inner: Document | None = None
    owner: int | None = None


class Document(NamedTuple):
    """A JSON object or array, as its text, what may be replaced in it, and its keys that stay."""

    text: str
    parts: list[Part]
    names: set[tuple[int, str]]

    def leaves(self) -> Iterator[Leaf]:
        """Yield the leaves in the order of the text."""
        for part in self.parts:
            if part.leaf is not None:
                yield part.leaf
            elif part.inner is not None:
                yield from part.inner.leaves()

    def write(self, texts: Iterator[str]) -> str:
        """Return the text with the next of ``texts`` in place of each leaf that differs."""
        keys = Keys(self.names)
        pieces, at = [], 0
        for part in self.parts:
            if part.leaf is not None:
                new = next(texts)
                if part.owner is not None:
                    new = keys.of(part.owner, part.leaf.text, new)
                changed = new != part.leaf.text
            elif part.inner is not None:
                new = part.inner.write(texts)
                changed = new != part.inner.text
            if changed:
                pieces += [self.text[at : part.start], to_json(new)]
                at = part.end
        return "".join([*pieces, self.text[at:]]) if pieces else self.text


class Keys:
    """New keys of objects and maps: two that differ must not become one, or a value is lost.

    ``names`` are keys that stay, each with the number of its object.
    """

    def __init__(self, names: set[tuple[int, str]]) -> None:
        self._taken = names
        self._new: dict[tuple[int, str], str] = {}
        self._used: set[tuple[int, str]] = set()

    def of(self, owner: int, key: str, new: str) -> str:
        """Return what a key becomes: ``new``, with ``_`` as long as another key has that name."""
        known = self._new.get((owner, key))
        if known is not None:
            return known
        changed = new != key
        while (owner, new) in self._used or (changed and (owner, new) in self._taken):
            new += "_"
        self._new[owner, key] = new
        self._used.add((owner, new))
        return new


def parse_document(text: str | None, place: Place, depth: int = 0) -> Document | None:
    """Return the JSON object or array that a text is, or None if it is neither.

    Raises
    ------
    InvalidDocument
        If the text begins like one, is none, and there are rules for its leaves.
    """
    if not text:
        return None
    start = _SPACE.match(text, text.startswith("\ufeff")).end()  # type: ignore[union-attr]
    if text[start : start + 1] not in ("{", "["):
        return None
    try:
        return _Parser(text, depth).document(start, place)
    except (ValueError, IndexError):
        if place.below:
            raise InvalidDocument from None
        return None


class _Open(NamedTuple):
    """An object or array under way, and its number."""

    close: str
    place: Place
    number: int


class _Parser:
    """Reads one document with a stack of its own."""

    def __init__(self, text: str, depth: int) -> None:
        self.text = text
        self.depth = depth
        self.parts: list[Part] = []
        self.names: set[tuple[int, str]] = set()
        self.objects = 0

    def document(self, at: int, place: Place) -> Document:
        stack: list[_Open] = []
        here: Place | None = place
        while here is not None:
            at, here = self.value(at, here, stack)
        if at != len(self.text):
            raise ValueError
        return Document(self.text, self.parts, self.names)

    def value(self, at: int, here: Place, stack: list[_Open]) -> tuple[int, Place | None]:
        """Read one value, or open one; return where the next begins and its place."""
        begin = self.text[at]
        if begin not in "{[":
            return self.after(self.scalar(at, here), stack)
        self.objects += 1
        opened = _Open("}" if begin == "{" else "]", here, self.objects)
        at = self.skip(at + 1)
        if self.text[at] == opened.close:
            return self.after(self.skip(at + 1), stack)
        stack.append(opened)
        return self.inside(at, opened)

    def after(self, at: int, stack: list[_Open]) -> tuple[int, Place | None]:
        """Close what ends here; return where the next value begins, and its place."""
        while stack:
            mark = self.text[at]
            at = self.skip(at + 1)
            if mark == ",":
                return self.inside(at, stack[-1])
            if mark != stack.pop().close:
                raise ValueError
        return at, None

    def inside(self, at: int, opened: _Open) -> tuple[int, Place]:
        """Return where the next value of an object or array begins, and its place."""
        if opened.close == "]":
            return at, opened.place.item()
        if self.text[at] != '"':
            raise ValueError
        key, end = scanstring(self.text, at + 1, False)
        place, known = opened.place.field(key)
        if known:
            self.names.add((opened.number, key))
        else:
            leaf = Leaf(place.path, valid_text(key), place.rule)
            self.parts.append(Part(at, end, leaf, owner=opened.number))
        at = self.skip(end)
        if self.text[at] != ":":
            raise ValueError
        return self.skip(at + 1), place

    def scalar(self, at: int, here: Place) -> int:
        """Read a text, number or literal; return where the next token begins."""
        if self.text[at] == '"':
            value, end = scanstring(self.text, at + 1, False)
            self.string(at, end, valid_text(value), here)
            return self.skip(end)
        if self.text.startswith(_MINUS_INFINITY, at):
            value, end, number = _MINUS_INFINITY, at + len(_MINUS_INFINITY), False
        else:
            found = _SCALAR.match(self.text, at)
            if found is None:
                raise ValueError
            value, end, number = found[0], found.end(), found["number"] is not None
        if here.rule is not None and value != "null":
            whole = plain_number(value) if number else _PYTHON[value]
            self.parts.append(Part(at, end, Leaf(here.path, whole, here.rule)))
        elif number:
            self.parts.append(Part(at, end, Leaf(here.path, value)))
        return self.skip(end)

    def string(self, start: int, end: int, value: str, here: Place) -> None:
        inner = None
        if here.rule is None and self.depth < INNER_DOCUMENTS:
            inner = parse_document(value, here, self.depth + 1)
        if inner is not None:
            self.parts.append(Part(start, end, None, inner))
        else:
            self.parts.append(Part(start, end, Leaf(here.path, value, here.rule)))

    def skip(self, at: int) -> int:
        return _SPACE.match(self.text, at).end()  # type: ignore[union-attr]
