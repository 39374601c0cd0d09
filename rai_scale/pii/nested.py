"""Nested values of typed columns: their leaves by schema, and the same value rebuilt.

Keys of maps are texts like others, and read ``*`` in paths; names of structs are schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from rai_scale.errors import ConfigError
from rai_scale.pii.documents import parse_document
from rai_scale.pii.text_leaves import Leaf, Place, cell_text, whole_text

Change = Callable[[Leaf], Any]
_ENDS = ("", ".", "[")
"""What follows a step of a path."""


def map_nested(value: Any, kind: pa.DataType, place: Place, change: Change) -> Any:
    """Rebuild a nested Python value with ``change(leaf)`` in place of its leaves.

    Leaves are texts, and values of any type under a rule; other values stay.
    """
    if value is None:
        return None
    if pa.types.is_struct(kind):
        return {
            field.name: map_nested(
                value[field.name], field.type, place.field(field.name, True)[0], change
            )
            for field in kind
        }
    if pa.types.is_map(kind):
        return [_map_entry(key, inner, kind, place, change) for key, inner in value]
    if pa.types.is_nested(kind):
        item = place.item()
        return [map_nested(inner, kind.value_type, item, change) for inner in value]
    return _map_leaf(value, place, change)


def _map_entry(
    key: Any, value: Any, kind: pa.MapType, place: Place, change: Change
) -> tuple[Any, Any]:
    inside, named = place.entry(key)
    new = key
    if isinstance(key, str) and not named:
        new = change(Leaf(inside.path, key, inside.rule))
    return new, map_nested(value, kind.item_type, inside, change)


def _map_leaf(value: Any, place: Place, change: Change) -> Any:
    if place.rule is not None:
        return change(Leaf(place.path, whole_text(value), place.rule))
    if not isinstance(value, str):
        return value
    document = parse_document(value, place)
    if document is None:
        return change(Leaf(place.path, value))
    return document.write(change(leaf) for leaf in document.leaves())


def nested_leaves(value: Any, kind: pa.DataType, place: Place) -> list[Leaf]:
    """Return the leaves that :func:`map_nested` asks for, in its order."""
    found: list[Leaf] = []

    def note(leaf: Leaf) -> str:
        found.append(leaf)
        return leaf.text

    map_nested(value, kind, place, note)
    return found


def all_leaves(value: Any, kind: pa.DataType, place: Place) -> Iterator[Leaf]:
    """Yield the leaves of a nested value, those that are no texts as their text."""
    if value is None:
        return
    if pa.types.is_struct(kind):
        for field in kind:
            inside = place.field(field.name, True)[0]
            yield from all_leaves(value[field.name], field.type, inside)
    elif pa.types.is_map(kind):
        for key, inner in value:
            inside = place.entry(key)[0]
            yield from all_leaves(key, kind.key_type, inside)
            yield from all_leaves(inner, kind.item_type, inside)
    elif pa.types.is_nested(kind):
        for inner in value:
            yield from all_leaves(inner, kind.value_type, place.item())
    elif isinstance(value, str) and (document := parse_document(value, place)):
        yield from document.leaves()
    elif (text := cell_text(value)) is not None:
        yield Leaf(place.path, text)


class Fitted:
    """Rules fitted to the schema of a column.

    Attributes
    ----------
    type : DataType
        Of the redacted column: a value under a rule becomes text.
    met : set of str
        Rules that name a field of the schema.
    open : set of str
        Rules for leaves of JSON text or keys of a map: only the rows tell whether they exist.
    unread : list of (str, str)
        Path and type of the leaves that are carried as they are: neither text nor under a rule.
    paths : list of str
        All paths of the schema.
    """

    def __init__(self, kind: pa.DataType, place: Place) -> None:
        self.met: set[str] = set()
        self.open: set[str] = set()
        self.unread: list[tuple[str, str]] = []
        self.paths: list[str] = []
        self.type = self._fit(kind, place, False)

    def _fit(self, kind: pa.DataType, place: Place, in_map: bool) -> pa.DataType:
        self.paths.append(place.path)
        (self.open if in_map else self.met).update({place.rule} - {None})  # type: ignore[arg-type]
        if pa.types.is_struct(kind):
            check_names(kind, place)
            return pa.struct(
                [f.with_type(self._fit(f.type, place.field(f.name, True)[0], in_map)) for f in kind]
            )
        if pa.types.is_map(kind):
            return self._fit_map(kind, place)
        if pa.types.is_list(kind):
            return pa.list_(self._fit(kind.value_type, place.item(), in_map))
        if pa.types.is_nested(kind):
            raise ConfigError(f"column {place.path!r} is {kind}, which cannot be rebuilt; cast it.")
        return self._leaf(kind, place)

    def _leaf(self, kind: pa.DataType, place: Place) -> pa.DataType:
        if pa.types.is_string(kind):
            self.open.update(rule for _, rule in place.below)
            return kind
        if place.rule is None:
            self.unread.append((place.path, str(kind)))
            return kind
        if pa.types.is_binary(kind):
            raise ConfigError(f"whole_columns: {place.path!r} is binary; decode it to text first.")
        return pa.string()

    def _fit_map(self, kind: pa.MapType, place: Place) -> pa.DataType:
        """Fit a map, whose keys only the rows tell: its values can change their type together."""
        other = place.entry("")[0]
        self._fit(kind.key_type, other._replace(below=()), True)
        free = self._fit(kind.item_type, other, True)
        for rest, rule in place.below:
            self.open.add(rule)
            keys = [rest[1:end] for end in range(2, len(rest) + 1) if rest[end : end + 1] in _ENDS]
            for inside in (place.entry(key)[0] for key in keys):
                if self._fit(kind.item_type, inside, True) != free:
                    raise ConfigError(
                        f"whole_columns: {rule!r} names values of a map that are no text ({kind}), "
                        "and all of them would have to become text; cast the values to text first."
                    )
        return pa.map_(kind.key_type, free)


def check_names(kind: pa.StructType, place: Place) -> None:
    """Raise :class:`ConfigError` for a struct that has two fields of one name."""
    names = [field.name for field in kind]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise ConfigError(f"{place.path!r} has fields of the same name: {double}; rename them.")
