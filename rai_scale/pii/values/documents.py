"""Find the leaves of a JSON text, and replace some of them.

Everything else stays as it was written, byte for byte: the order of keys, repeated keys, spaces,
and numbers that no float can represent. The parser does not recurse into the levels of a document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import NamedTuple

from rai_scale.engines.plain_texts import plain_number
from rai_scale.pii.values.text_leaves import (
    REMOVED,
    TextLeaf,
    Treat,
    ValueNode,
    to_json,
    valid_text,
)

INNER_DOCUMENTS = 16
"""Levels of JSON within JSON strings that are parsed; deeper ones are treated as plain text."""
_SPACE = re.compile(r"[ \t\n\r]*")
_ALMOST = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2060\ufeff\ufffd]+[{\[]")
"""What a damaged or badly decoded file has before a document, and JSON does not allow."""
_SCALAR = re.compile(
    r"(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
    r"|true|false|null|NaN|Infinity"
)
_MINUS_INFINITY = "-Infinity"
_PYTHON = {"true": "True", "false": "False", "NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}
"""How these JSON literals are written in a typed column."""


class InvalidDocument(Exception):
    """A text starts like JSON but is invalid, so the rules for its leaves cannot be applied."""


class Part(NamedTuple):
    """A span of a document that may be replaced: a leaf, or a string that is itself a document.

    ``owner`` is the number of the object that a key belongs to; None if the span is not a key.
    ``fixed`` is what replaces a value that is made null or removed, whatever its new text.
    """

    start: int
    end: int
    leaf: TextLeaf | None
    inner: Document | None = None
    owner: int | None = None
    fixed: str | None = None


class Document(NamedTuple):
    """A JSON object or array: its text, the parts that may be replaced, and the keys that stay."""

    text: str
    parts: list[Part]
    names: set[tuple[int, str]]

    def leaves(self) -> Iterator[TextLeaf]:
        """Yield the leaves in the order in which they appear in the text."""
        for part in self.parts:
            if part.leaf is not None:
                yield part.leaf
            elif part.inner is not None:
                yield from part.inner.leaves()

    def write(self, texts: Iterator[str]) -> str:
        """Return the document's text with each leaf replaced by the next of ``texts``."""
        keys = Keys(self.names)
        pieces, at = [], 0
        for part in self.parts:
            if part.leaf is not None:
                new = next(texts)
                if part.fixed is not None:
                    pieces += [self.text[at : part.start], part.fixed]
                    at = part.end
                    continue
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
    """New names for the keys of objects and maps; distinct keys stay distinct, or values are lost.

    ``names`` are the keys that stay, each with the number of its object.
    """

    def __init__(self, names: set[tuple[int, str]]) -> None:
        self._taken = names
        self._new: dict[tuple[int, str], str] = {}
        self._used: set[tuple[int, str]] = set()

    def of(self, owner: int, key: str, new: str) -> str:
        """Return the new name of a key: ``new``, plus ``_`` until no other key has that name."""
        known = self._new.get((owner, key))
        if known is not None:
            return known
        changed = new != key
        while (owner, new) in self._used or (changed and (owner, new) in self._taken):
            new += "_"
        self._new[owner, key] = new
        self._used.add((owner, new))
        return new


def parse_document(text: str | None, node: ValueNode, depth: int = 0) -> Document | None:
    """Return the JSON object or array in a text, or None if the text holds neither.

    A JSON string that holds an object or array counts as one: the document was encoded twice.

    Parameters
    ----------
    text : str or None
    node : ValueNode
        The path of the value and the rules for its leaves.
    depth : int
        Number of JSON documents that enclose this text.

    Raises
    ------
    InvalidDocument
        If there are rules for leaves, and the text starts like an object or array but is invalid,
        or is enclosed by more than ``INNER_DOCUMENTS`` documents.
    """
    if not text:
        return None
    start = _SPACE.match(text, text.startswith("\ufeff")).end()  # type: ignore[union-attr]
    begin = text[start : start + 1]
    if begin == '"':
        return _twice_encoded(text, start, node, depth)
    if begin not in ("{", "["):
        if node.below and _ALMOST.match(text):
            raise InvalidDocument
        return None
    try:
        if depth > INNER_DOCUMENTS:
            raise ValueError
        return _Parser(text, depth).document(start, node)
    except (ValueError, IndexError):
        if node.below:
            raise InvalidDocument from None
        return None


def _twice_encoded(text: str, start: int, node: ValueNode, depth: int) -> Document | None:
    """Return the document in a JSON string; None if the text is any other one in quotes."""
    try:
        document = _Parser(text, depth).document(start, node)
    except (ValueError, IndexError):
        return None
    return document if any(part.inner for part in document.parts) else None


class _Open(NamedTuple):
    """An object or array that is being read, and its number."""

    close: str
    node: ValueNode
    number: int


class _Parser:
    """Reads one document; uses a stack instead of recursion."""

    def __init__(self, text: str, depth: int) -> None:
        self.text = text
        self.depth = depth
        self.parts: list[Part] = []
        self.names: set[tuple[int, str]] = set()
        self.objects = 0
        self.key = 0  # where the key of the next value starts
        self.kept: set[int] = set()  # the objects in which a key stays

    def document(self, at: int, node: ValueNode) -> Document:
        if self.read(at, node) != len(self.text):
            raise ValueError
        return Document(self.text, self.parts, self.names)

    def read(self, at: int, node: ValueNode) -> int:
        """Read a value with all that is in it; return the position of the next token."""
        stack: list[_Open] = []
        here: ValueNode | None = node
        while here is not None:
            at, here = self.value(at, here, stack)
        return at

    def value(self, at: int, here: ValueNode, stack: list[_Open]) -> tuple[int, ValueNode | None]:
        """Read a value or enter an object or array; return the next position and node."""
        if here.treat in REMOVED:
            return self.after(self.remove(at, here, stack), stack)
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

    def after(self, at: int, stack: list[_Open]) -> tuple[int, ValueNode | None]:
        """Leave what ends here; return the position and node of the next value."""
        while stack:
            mark = self.text[at]
            at = self.skip(at + 1)
            if mark == ",":
                return self.inside(at, stack[-1])
            if mark != stack.pop().close:
                raise ValueError
        return at, None

    def remove(self, at: int, here: ValueNode, stack: list[_Open]) -> int:
        """Make a value null, or remove it with its key and one comma; return the next position."""
        key = self.key
        after = self.read(at, ValueNode("", None, Treat.KEEP))
        end = after
        while self.text[end - 1] in " \t\n\r":
            end -= 1
        if self.text[at:end] == "null" and here.treat is Treat.EMPTY:
            return after
        if here.treat is Treat.EMPTY:
            part = Part(at, end, here.leaf(), fixed="null")
        elif stack[-1].number in self.kept:
            part = Part(self.text.rindex(",", 0, key), end, here.leaf(), fixed="")
        else:
            end = self.skip(after + 1) if self.text[after] == "," else end
            part = Part(key, end, here.leaf(), fixed="")
        self.parts.append(part)
        return after

    def inside(self, at: int, opened: _Open) -> tuple[int, ValueNode]:
        """Return the position and node of the next value of an object or array."""
        if opened.close == "]":
            return at, opened.node.item()
        if self.text[at] != '"':
            raise ValueError
        key, end = scanstring(self.text, at + 1, False)
        node, known = opened.node.field(key)
        self.key = at
        if node.treat is not Treat.DROP:
            self.kept.add(opened.number)
            if known or node.treat is Treat.KEEP:
                self.names.add((opened.number, key))
            else:
                leaf = node.leaf(valid_text(key))
                self.parts.append(Part(at, end, leaf, owner=opened.number))
        at = self.skip(end)
        if self.text[at] != ":":
            raise ValueError
        return self.skip(at + 1), node

    def scalar(self, at: int, here: ValueNode) -> int:
        """Read a string, number or literal; return the position of the next token."""
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
        if here.treat is Treat.REPLACE and value != "null":
            whole = plain_number(value) if number else _PYTHON[value]
            self.parts.append(Part(at, end, here.leaf(whole)))
        elif here.treat is Treat.ANALYSE and number:
            self.parts.append(Part(at, end, here.leaf(value)))
        return self.skip(end)

    def string(self, start: int, end: int, value: str, here: ValueNode) -> None:
        inner = None
        opened = here.treat is Treat.ANALYSE or (here.treat is Treat.KEEP and here.below)
        if opened:
            inner = parse_document(value, here, self.depth + 1)
        if inner is not None:
            self.parts.append(Part(start, end, None, inner))
        elif here.treat is not Treat.KEEP:
            self.parts.append(Part(start, end, here.leaf(value)))

    def skip(self, at: int) -> int:
        return _SPACE.match(self.text, at).end()  # type: ignore[union-attr]
