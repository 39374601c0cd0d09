"""Walks over SmartNoise's trees, and the names in them."""

from __future__ import annotations

import re
from typing import Any


def nodes(tree: Any) -> list[Any]:
    """Return all nodes of a tree, the root among them."""
    if isinstance(tree, str) or not hasattr(tree, "children"):
        return [tree]
    return [tree, *(n for child in tree.children() if child is not None for n in nodes(child))]


def parts_of(name: str) -> list[str]:
    """Return the parts of a name with dots, each with its quotes."""
    return re.findall(r'"[^"]*"|\[[^\]]*\]|`[^`]*`|[^.]+', str(name))


def plain_name(name: str) -> str:
    """Return a column's name without its table and quotes."""
    return (parts_of(name) or [""])[-1].strip('"`[]')


def bound(name: Any) -> str:
    """Return the name by which SmartNoise's trees look a value up."""
    return str(name).lower().replace('"', "")
