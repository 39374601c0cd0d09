"""Walks over SmartNoise's trees, and the names in them."""

from __future__ import annotations

import re
from typing import Any

from rai_scale.private_queries.column_names import real_name


class Pattern(str):
    """The pattern of LIKE; a backslash escapes ``%``, ``_`` and itself."""


def nodes(tree: Any) -> list[Any]:
    """Return all nodes of a tree, the root among them."""
    if isinstance(tree, str) or not hasattr(tree, "children"):
        return [tree]
    return [tree, *(n for child in tree.children() if child is not None for n in nodes(child))]


def parts_of(name: str) -> list[str]:
    """Return the parts of a name with dots, each with its quotes."""
    return re.findall(r'"(?:[^"]|"")*"|\[[^\]]*\]|`[^`]*`|[^.]+', str(name))


def plain_name(name: str) -> str:
    """Return a column's name without its table and quotes."""
    return real_name((parts_of(name) or [""])[-1])


def bound(name: Any) -> str:
    """Return the name that SmartNoise's trees use to look up a value."""
    return str(name).lower().replace('"', "")


def is_literal(node: Any) -> bool:
    """Return whether a node is a literal."""
    return type(node).__name__ == "Literal"


def pattern_of(test: Any) -> Pattern | None:
    """Return the pattern if SmartNoise's IN replaces a LIKE, else None."""
    items = list(test.expressions.seq)
    value = items[0].value if len(items) == 1 and is_literal(items[0]) else None
    return value if isinstance(value, Pattern) else None
