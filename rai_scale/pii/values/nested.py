"""Nested values of typed columns: list their leaves by schema, and rebuild them with new leaves.

The keys of a map are values of the data and appear as ``*`` in paths; the field names of a struct
belong to the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from rai_scale.engines.plain_texts import whole_text
from rai_scale.errors import ConfigError
from rai_scale.names import looks_personal
from rai_scale.pii.values.documents import Keys, parse_document
from rai_scale.pii.values.text_leaves import REMOVED, TextLeaf, Treat, ValueNode, value_text

Change = Callable[[TextLeaf], Any]
_ENDS = ("", ".", "[")
"""What can follow a step of a path."""


def map_nested(value: Any, kind: pa.DataType, node: ValueNode, change: Change) -> Any:
    """Rebuild a nested Python value with ``change(leaf)`` in place of each leaf.

    Leaves are texts, and values of any type that a rule replaces; other values stay. A value that
    is made null or removed is a leaf too, but its new text is not used.

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
    if value is None or (node.treat is Treat.KEEP and not node.below):
        return value
    if node.treat is Treat.EMPTY:
        change(node.leaf())
        return None
    if pa.types.is_struct(kind):
        fields = ((field, node.field(field.name, True)[0]) for field in kind)
        return {
            field.name: map_nested(value[field.name], field.type, inside, change)
            for field, inside in fields
            if inside.treat is not Treat.DROP or _removed(value[field.name], inside, change)
        }
    if pa.types.is_map(kind):
        return _map_entries(value, kind, node, change)
    if pa.types.is_nested(kind):
        item = node.item()
        return [map_nested(inner, kind.value_type, item, change) for inner in value]
    return _map_leaf(value, node, change)


def _removed(value: Any, node: ValueNode, change: Change) -> bool:
    if value is not None:
        change(node.leaf())
    return False


def _map_entries(
    entries: list[tuple[Any, Any]], kind: pa.MapType, node: ValueNode, change: Change
) -> list[tuple[Any, Any]]:
    """Rebuild a map. Its keys are texts, or become texts if a rule replaces them."""
    other = node.other_key()
    as_text = _is_text_key(kind, other)
    nodes = [node.entry(key) for key, _ in entries]
    pairs = zip(entries, nodes, strict=True)
    stays = Treat.KEEP is other.treat
    names = {(0, whole_text(key)) for (key, _), (_, named) in pairs if named or stays}
    keys = Keys(names)
    done = []
    for (key, value), (inside, named) in zip(entries, nodes, strict=True):
        if inside.treat is Treat.DROP:
            _removed(key, inside, change)
            continue
        new = whole_text(key) if as_text else key
        if as_text and not named and not stays:
            new = keys.of(0, new, change(inside.leaf(new)))
        done.append((new, map_nested(value, kind.item_type, inside, change)))
    return done


def _is_text_key(kind: pa.MapType, other: ValueNode) -> bool:
    return bool(pa.types.is_string(kind.key_type)) or other.treat is Treat.REPLACE


def _map_leaf(value: Any, node: ValueNode, change: Change) -> Any:
    if node.treat is Treat.REPLACE:
        return change(node.leaf(whole_text(value)))
    if not isinstance(value, str):
        return value
    document = parse_document(value, node)
    if document is not None:
        return document.write(change(leaf) for leaf in document.leaves())
    return value if node.treat is Treat.KEEP else change(node.leaf(value))


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
        Type of the redacted column: a value that a rule replaces becomes text.
    met : set of str
        Rules that name a field of the schema.
    open : set of str
        Rules for leaves of JSON text or keys of a map; whether these exist is known only from
        the rows.
    unread : list of (str, str)
        Path and type of the leaves that are analysed but not text: they are copied unchanged.
    replaced : list of (str, str, DataType)
        Rule, path and type of the leaves that a rule replaces.
    unnamed : list of str
        Paths of the leaves that no rule covers.
    paths : list of str
        All paths of the schema.
    """

    def __init__(self, kind: pa.DataType, node: ValueNode) -> None:
        self.met: set[str] = set()
        self.open: set[str] = set()
        self.unread: list[tuple[str, str]] = []
        self.replaced: list[tuple[str, str, pa.DataType]] = []
        self.unnamed: list[str] = []
        self.paths: list[str] = []
        self.type = self._fit(kind, node, False)

    def _fit(self, kind: pa.DataType, node: ValueNode, in_map: bool) -> pa.DataType:
        self.paths.append(node.path)
        (self.open if in_map else self.met).update({node.rule} - {None})  # type: ignore[arg-type]
        if node.treat in REMOVED or (node.treat is Treat.KEEP and node.rule and not node.below):
            return kind
        if pa.types.is_struct(kind):
            return self._fit_struct(kind, node, in_map)
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

    def _fit_struct(self, kind: pa.StructType, node: ValueNode, in_map: bool) -> pa.DataType:
        check_names(kind, node)
        fields = []
        for field in kind:
            inside = node.field(field.name, True)[0]
            new = field.with_type(self._fit(field.type, inside, in_map))
            if inside.treat is not Treat.DROP:
                fields.append(new.with_nullable(new.nullable or inside.treat is Treat.EMPTY))
        if not fields and kind.num_fields:
            raise ConfigError(f"no field of {node.path!r} is left; drop {node.path!r} itself.")
        return pa.struct(fields)

    def _leaf(self, kind: pa.DataType, node: ValueNode) -> pa.DataType:
        if node.rule is None and node.treat is Treat.KEEP:
            self.unnamed.append(node.path)
        if pa.types.is_string(kind):
            self.open.update(below.rule for below in node.below)
        if node.treat is Treat.REPLACE:
            self.replaced.append((node.rule or node.path, node.path, kind))
            if pa.types.is_binary(kind):
                raise ConfigError(f"{node.path!r} is binary; decode it to text first.")
            return pa.string()
        if node.treat is Treat.ANALYSE and not pa.types.is_string(kind):
            self.unread.append((node.path, str(kind)))
        return kind

    def _fit_map(self, kind: pa.MapType, node: ValueNode) -> pa.DataType:
        """Fit a map. Only the rows show its keys, so its values can only change type together."""
        if pa.types.is_nested(kind.key_type):
            raise ConfigError(
                f"the keys of {node.path!r} have type {kind.key_type}; cast them to text."
            )
        other = node.other_key()
        keys = kind.key_type
        if other.treat not in REMOVED:
            keys = self._fit(keys, other._replace(below=()), True)
        free = self._fit(kind.item_type, other, True)
        for rest, rule, _ in node.below:
            self.open.add(rule)
            ends = [end for end in range(2, len(rest) + 1) if rest[end : end + 1] in _ENDS]
            for inside in (node.entry(rest[1:end])[0] for end in ends):
                if inside.treat not in REMOVED and self._fit(kind.item_type, inside, True) != free:
                    raise ConfigError(
                        f"{rule!r} names values of a map that change their type ({kind}). All "
                        "values of a map have one type; cast them to text first."
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
