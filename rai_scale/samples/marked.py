"""Text that knows where its personal items are, from the moment it is made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rai_scale.samples.people import Person

    Slot = tuple[str | None, Callable[[Person, Random], str]]


class Marked(NamedTuple):
    """A text with its personal items: ``spans`` holds (entity, start, end) in characters.

    ``cell`` is what the table stores where that is not a string (a date): ``text`` is then its
    ISO form.
    """

    text: str
    spans: tuple[tuple[str, int, int], ...]
    cell: Any = None


class Found(NamedTuple):
    """One personal item of a row: in which column or leaf, and where in its text."""

    column: str
    entity: str
    start: int
    end: int
    value: str


def whole(entity: str, text: str, cell: Any = None) -> Marked:
    """Mark all of ``text``."""
    return Marked(text, ((entity, 0, len(text)),), cell)


def join(parts: Iterable[Marked], separator: str = " ") -> Marked:
    """Join marked texts and shift their spans."""
    texts: list[str] = []
    spans: list[tuple[str, int, int]] = []
    at = 0
    for part in parts:
        texts.append(part.text)
        spans.extend((entity, start + at, end + at) for entity, start, end in part.spans)
        at += len(part.text) + len(separator)
    return Marked(separator.join(texts), tuple(spans))


class Template:
    """A sentence with ``{slots}``; a slot without an entity is filled but not marked."""

    def __init__(self, text: str, slots: Mapping[str, Slot]) -> None:
        pieces = re.split(r"\{(\w+)\}", text)
        self._literals = pieces[::2]
        self._slots = [slots[name] for name in pieces[1::2]]

    def render(self, person: Person, rng: Random) -> Marked:
        """Fill the slots with items of one person."""
        texts = [self._literals[0]]
        at = len(self._literals[0])
        spans: list[tuple[str, int, int]] = []
        for (entity, fill), literal in zip(self._slots, self._literals[1:], strict=True):
            value = fill(person, rng)
            if entity:
                spans.append((entity, at, at + len(value)))
            texts += [value, literal]
            at += len(value) + len(literal)
        return Marked("".join(texts), tuple(spans))


def unmark(value: Any, path: str, found: list[Found]) -> Any:
    """Return ``value`` as a table stores it, and append its items to ``found``.

    Goes into dicts (``user.email``) and lists (``payload.messages[0].text``).
    """
    if isinstance(value, Marked):
        found.extend(_items(value, path))
        return value.text if value.cell is None else value.cell
    if isinstance(value, dict):
        return {name: unmark(item, f"{path}.{name}", found) for name, item in value.items()}
    if isinstance(value, list):
        return [unmark(item, f"{path}[{i}]", found) for i, item in enumerate(value)]
    return value


def unmark_row(row: dict[str, Any]) -> tuple[dict[str, Any], list[Found]]:
    """Split a row of marked cells into the plain row and its personal items."""
    found: list[Found] = []
    return {name: unmark(value, name, found) for name, value in row.items()}, found


def _items(marked: Marked, path: str) -> Iterator[Found]:
    for entity, start, end in marked.spans:
        yield Found(path, entity, start, end, marked.text[start:end])
