"""Texts with the positions of their personal items, which are recorded as a text is made."""

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
    """A text with its personal items: ``spans`` has (entity, start, end) in characters.

    ``cell`` is the stored value if it is not a string but a date; ``text`` is then its ISO form.
    """

    text: str
    spans: tuple[tuple[str, int, int], ...]
    cell: Any = None


class PlantedItem(NamedTuple):
    """A personal item of a row: its column or leaf, and its position in the text."""

    column: str
    entity: str
    start: int
    end: int
    value: str


def whole(entity: str, text: str, cell: Any = None) -> Marked:
    """Return a text that is one personal item as a whole."""
    return Marked(text, ((entity, 0, len(text)),), cell)


def join(parts: Iterable[Marked], separator: str = " ") -> Marked:
    """Join marked texts, and shift their spans accordingly."""
    texts: list[str] = []
    spans: list[tuple[str, int, int]] = []
    at = 0
    for part in parts:
        texts.append(part.text)
        spans.extend((entity, start + at, end + at) for entity, start, end in part.spans)
        at += len(part.text) + len(separator)
    return Marked(separator.join(texts), tuple(spans))


class Template:
    """A sentence with ``{slots}``; slots without an entity are filled, but not marked."""

    def __init__(self, text: str, slots: Mapping[str, Slot]) -> None:
        pieces = re.split(r"\{(\w+)\}", text)
        self._literals = pieces[::2]
        self._slots = [slots[name] for name in pieces[1::2]]

    def render(self, person: Person, rng: Random) -> Marked:
        """Return the sentence with the items of one person."""
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


class MarkedText(NamedTuple):
    """A text of a row, its column or leaf, and the positions of its personal items."""

    column: str
    marked: Marked


def unmark(value: Any, path: str, found: list[MarkedText]) -> Any:
    """Return ``value`` as a table stores it, and append its marked texts to ``found``.

    Dicts (``user.email``) and lists (``payload.messages[0].text``) are searched recursively.
    """
    if isinstance(value, Marked):
        found.append(MarkedText(path, value))
        return value.text if value.cell is None else value.cell
    if isinstance(value, dict):
        return {name: unmark(item, f"{path}.{name}", found) for name, item in value.items()}
    if isinstance(value, list):
        return [unmark(item, f"{path}[{i}]", found) for i, item in enumerate(value)]
    return value


def unmark_row(row: dict[str, Any]) -> tuple[dict[str, Any], list[MarkedText]]:
    """Split a row of marked values into the plain row and its marked texts."""
    found: list[MarkedText] = []
    return {name: unmark(value, name, found) for name, value in row.items()}, found


def planted(texts: Iterable[MarkedText]) -> list[PlantedItem]:
    """Return the personal items of marked texts."""
    return [item for text in texts for item in _items(text.marked, text.column)]


def _items(marked: Marked, path: str) -> Iterator[PlantedItem]:
    for entity, start, end in marked.spans:
        yield PlantedItem(path, entity, start, end, marked.text[start:end])
