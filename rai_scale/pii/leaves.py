"""Text leaves of cells: a plain cell has one, a JSON document or a nested value may have many.

A leaf is named by its path: ``user.email``, ``items[].note``. A key of a document that does not
look like a name of a field may be personal itself: it is a leaf too, and reads ``*`` in paths.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

FIELD_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_:$-]{0,63}")


class Leaf(NamedTuple):
    """A text inside a cell."""

    path: str
    text: str


def cell_text(value: Any) -> str | None:
    """Return the text of a plain cell as ``str`` gives it; null, NaN, bool and bytes have none."""
    if value is None or isinstance(value, bytes | bool) or value != value:  # noqa: PLR0124
        return None
    return value if isinstance(value, str) else str(value)


def parse_document(text: str | None) -> Any:
    """Return the JSON object or array that a text is, or None if it is neither."""
    if not text or text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def to_json(document: Any) -> str:
    """Return a document as compact JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def leaves_of(value: Any, path: str, strings_only: bool = False) -> list[Leaf]:
    """Return the leaves of a nested value, depth first."""
    found: list[Leaf] = []

    def note(path: str, text: str) -> str:
        found.append(Leaf(path, text))
        return text

    map_leaves(value, path, note, strings_only)
    return found


def map_leaves(
    value: Any, path: str, change: Callable[[str, str], str], strings_only: bool = False
) -> Any:
    """Rebuild a nested value with ``change(path, text)`` in place of each leaf that differs."""
    if isinstance(value, dict):
        return _map_fields(value, path, change, strings_only)
    if isinstance(value, list | tuple):
        return type(value)(map_leaves(v, f"{path}[]", change, strings_only) for v in value)
    text = cell_text(value)
    if text is None or (strings_only and not isinstance(value, str)):
        return value
    new = change(path, text)
    return value if new == text else new


def _map_fields(
    value: dict[str, Any], path: str, change: Callable[[str, str], str], strings_only: bool
) -> dict[str, Any]:
    """Rebuild the fields of a value; names of a typed value are schema and stay."""
    fields: dict[str, Any] = {}
    for key, inner in value.items():
        is_name = strings_only or FIELD_NAME.fullmatch(key) is not None
        name, new = (key, key) if is_name else ("*", change(f"{path}.*", key))
        while new in fields:  # two keys became the same placeholder: keep both fields
            new += "_"
        fields[new] = map_leaves(inner, f"{path}.{name}", change, strings_only)
    return fields
