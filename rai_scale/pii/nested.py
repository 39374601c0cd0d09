"""Nested values of typed columns: their leaves by schema, and the same value rebuilt.

Keys of maps are values like others, and read ``*`` in paths; names of structs are schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from rai_scale.errors import ConfigError
from rai_scale.pii.documents import Keys, parse_document
from rai_scale.pii.names import looks_personal
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
        return _map_entries(value, kind, place, change)
    if pa.types.is_nested(kind):
        item = place.item()
        return [map_nested(inner, kind.value_type, item, change) for inner in value]
    return _map_leaf(value, place, change)


def _map_entries(
    entries: list[tuple[Any, Any]], kind: pa.MapType, place: Place, change: Change
) -> list[tuple[Any, Any]]:
    """Rebuild a map. Its keys are texts, or become texts where a rule replaces them."""
    as_text = pa.types.is_string(kind.key_type) or place.other_key().rule is not None
    places = [place.entry(key) for key, _ in entries]
    pairs = zip(entries, places, strict=True)
    keys = Keys({(0, whole_text(key)) for (key, _), (_, named) in pairs if named})
    done = []
    for (key, value), (inside, named) in zip(entries, places, strict=True):
        new = whole_text(key) if as_text else key
        if as_text and not named:
            new = keys.of(0, new, change(Leaf(inside.path, new, inside.rule)))
        done.append((new, map_nested(value, kind.item_type, inside, change)))
    return done


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
            shown = "*" if looks_personal(field.name) else field.name
            inside = place.field(shown, True)[0]
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
        if pa.types.is_nested(kind.key_type):
            raise ConfigError(f"keys of {place.path!r} are {kind.key_type}; cast them to text.")
        other = place.other_key()
        keys = self._fit(kind.key_type, other._replace(below=()), True)
        free = self._fit(kind.item_type, other, True)
        for rest, rule in place.below:
            self.open.add(rule)
            ends = [end for end in range(2, len(rest) + 1) if rest[end : end + 1] in _ENDS]
            for inside in (place.entry(rest[1:end])[0] for end in ends):
                if self._fit(kind.item_type, inside, True) != free:
                    raise ConfigError(
                        f"whole_columns: {rule!r} names values of a map that are no text ({kind}), "
                        "and all of them would have to become text; cast the values to text first."
                    )
        return pa.map_(keys, free)


def check_names(kind: pa.StructType, place: Place) -> None:
    """Raise :class:`ConfigError` for two fields of one name, or a name that is personal itself."""
    names = [field.name for field in kind]
    personal = [number for number, name in enumerate(names, 1) if looks_personal(name)]
    if personal:
        numbers = ", ".join(map(str, personal))
        raise ConfigError(
            f"{place.path!r} has fields whose names look like personal data, and names stay: "
            f"number {numbers}. Rename them, or cast {place.path!r} to a map or JSON text."
        )
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise ConfigError(f"{place.path!r} has fields of the same name: {double}; rename them.")
