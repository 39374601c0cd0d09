"""Nested values of typed columns: list their leaves by schema, and rebuild them with new leaves.

The keys of a map are values of the data and appear as ``*`` in paths; the field names of a struct
belong to the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from rai_scale.errors import ConfigError
from rai_scale.names import looks_personal
from rai_scale.pii.values.documents import Keys, parse_document
from rai_scale.pii.values.text_leaves import TextLeaf, ValueNode, value_text, whole_text

Change = Callable[[TextLeaf], Any]
_ENDS = ("", ".", "[")
"""What can follow a step of a path."""


def map_nested(value: Any, kind: pa.DataType, node: ValueNode, change: Change) -> Any:
    """Rebuild a nested Python value with ``change(leaf)`` in place of each leaf.

    Leaves are texts, and values of any type that a rule covers; other values stay.

    Parameters
    ----------
    value : object
        The value as ``pyarrow`` gives it: dict for a struct, list of pairs for a map, list.
    kind : pyarrow.DataType
    node : ValueNode
        The path of the value and the rules for its leaves.
    change : callable
        Takes a :class:`TextLeaf` and returns its new value.
    """
    if value is None:
        return None
    if pa.types.is_struct(kind):
        return {
            field.name: map_nested(
                value[field.name], field.type, node.field(field.name, True)[0], change
            )
            for field in kind
        }
    if pa.types.is_map(kind):
        return _map_entries(value, kind, node, change)
    if pa.types.is_nested(kind):
        item = node.item()
        return [map_nested(inner, kind.value_type, item, change) for inner in value]
    return _map_leaf(value, node, change)


def _map_entries(
    entries: list[tuple[Any, Any]], kind: pa.MapType, node: ValueNode, change: Change
) -> list[tuple[Any, Any]]:
    """Rebuild a map. Its keys are texts, or become texts if a rule replaces them."""
    as_text = pa.types.is_string(kind.key_type) or node.other_key().rule is not None
    nodes = [node.entry(key) for key, _ in entries]
    pairs = zip(entries, nodes, strict=True)
    keys = Keys({(0, whole_text(key)) for (key, _), (_, named) in pairs if named})
    done = []
    for (key, value), (inside, named) in zip(entries, nodes, strict=True):
        new = whole_text(key) if as_text else key
        if as_text and not named:
            new = keys.of(0, new, change(TextLeaf(inside.path, new, inside.rule)))
        done.append((new, map_nested(value, kind.item_type, inside, change)))
    return done


def _map_leaf(value: Any, node: ValueNode, change: Change) -> Any:
    if node.rule is not None:
        return change(TextLeaf(node.path, whole_text(value), node.rule))
    if not isinstance(value, str):
        return value
    document = parse_document(value, node)
    if document is None:
        return change(TextLeaf(node.path, value))
    return document.write(change(leaf) for leaf in document.leaves())


def nested_leaves(value: Any, kind: pa.DataType, node: ValueNode) -> list[TextLeaf]:
    """Return the leaves that :func:`map_nested` would change, in the same order."""
    found: list[TextLeaf] = []

    def note(leaf: TextLeaf) -> str:
        found.append(leaf)
        return leaf.text

    map_nested(value, kind, node, note)
    return found


def all_leaves(value: Any, kind: pa.DataType, node: ValueNode) -> Iterator[TextLeaf]:
    """Yield all leaves of a nested value; values of other types are converted to text."""
    if value is None or pa.types.is_duration(kind):  # read as a number, it resembles a code
        return
    if pa.types.is_struct(kind):
        for field in kind:
            shown = "*" if looks_personal(field.name) else field.name
            inside = node.field(shown, True)[0]
            yield from all_leaves(value[field.name], field.type, inside)
    elif pa.types.is_map(kind):
        for key, inner in value:
            inside = node.entry(key)[0]
            yield from all_leaves(key, kind.key_type, inside)
            yield from all_leaves(inner, kind.item_type, inside)
    elif pa.types.is_nested(kind):
        for inner in value:
            yield from all_leaves(inner, kind.value_type, node.item())
    elif isinstance(value, str) and (document := parse_document(value, node)):
        yield from document.leaves()
    elif (text := value_text(value)) is not None:
        yield TextLeaf(node.path, text)


class Fitted:
    """Rules matched against the schema of a column.

    Attributes
    ----------
    type : DataType
        Type of the redacted column: a value that a rule covers becomes text.
    met : set of str
        Rules that name a field of the schema.
    open : set of str
        Rules for leaves of JSON text or keys of a map; whether these exist is known only from
        the rows.
    unread : list of (str, str)
        Path and type of the leaves that are copied unchanged: not text, and no rule covers them.
    paths : list of str
        All paths of the schema.
    """

    def __init__(self, kind: pa.DataType, node: ValueNode) -> None:
        self.met: set[str] = set()
        self.open: set[str] = set()
        self.unread: list[tuple[str, str]] = []
        self.paths: list[str] = []
        self.type = self._fit(kind, node, False)

    def _fit(self, kind: pa.DataType, node: ValueNode, in_map: bool) -> pa.DataType:
        self.paths.append(node.path)
        (self.open if in_map else self.met).update({node.rule} - {None})  # type: ignore[arg-type]
        if pa.types.is_struct(kind):
            check_names(kind, node)
            return pa.struct(
                [f.with_type(self._fit(f.type, node.field(f.name, True)[0], in_map)) for f in kind]
            )
        if pa.types.is_map(kind):
            return self._fit_map(kind, node)
        if pa.types.is_list(kind):
            return pa.list_(self._fit(kind.value_type, node.item(), in_map))
        if pa.types.is_nested(kind):
            raise ConfigError(
                f"column {node.path!r} has type {kind}, which cannot be rebuilt; cast it to a "
                "struct, list or map, or to JSON text."
            )
        return self._leaf(kind, node)

    def _leaf(self, kind: pa.DataType, node: ValueNode) -> pa.DataType:
        if pa.types.is_string(kind):
            self.open.update(rule for _, rule in node.below)
            return kind
        if node.rule is None:
            self.unread.append((node.path, str(kind)))
            return kind
        if pa.types.is_binary(kind):
            raise ConfigError(f"whole_columns: {node.path!r} is binary; decode it to text first.")
        return pa.string()

    def _fit_map(self, kind: pa.MapType, node: ValueNode) -> pa.DataType:
        """Fit a map. Only the rows show its keys, so its values can only change type together."""
        if pa.types.is_nested(kind.key_type):
            raise ConfigError(
                f"the keys of {node.path!r} have type {kind.key_type}; cast them to text."
            )
        other = node.other_key()
        keys = self._fit(kind.key_type, other._replace(below=()), True)
        free = self._fit(kind.item_type, other, True)
        for rest, rule in node.below:
            self.open.add(rule)
            ends = [end for end in range(2, len(rest) + 1) if rest[end : end + 1] in _ENDS]
            for inside in (node.entry(rest[1:end])[0] for end in ends):
                if self._fit(kind.item_type, inside, True) != free:
                    raise ConfigError(
                        f"whole_columns: {rule!r} names values of a map that are not text "
                        f"({kind}). All values of a map have one type; cast them to text first."
                    )
        return pa.map_(keys, free)


def check_names(kind: pa.StructType, node: ValueNode) -> None:
    """Raise :class:`ConfigError` for duplicate field names and for names that are personal data."""
    names = [field.name for field in kind]
    personal = [number for number, name in enumerate(names, 1) if looks_personal(name)]
    if personal:
        numbers = ", ".join(map(str, personal))
        raise ConfigError(
            f"{node.path!r} has fields whose names look like personal data, and redaction does not "
            f"change field names: number {numbers}. Rename them, or cast {node.path!r} to a map "
            "or to JSON text."
        )
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise ConfigError(f"{node.path!r} has fields of the same name: {double}; rename them.")
