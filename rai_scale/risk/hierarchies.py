"""Hierarchies: how a value becomes coarser, level by level, up to ``*``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rai_scale.errors import ConfigError

TOP = "*"
_KINDS = ("intervals", "prefixes", "tree")


@dataclass(frozen=True)
class Hierarchy:
    """The levels of one column: 0 is the value itself, the last one is ``*``.

    Attributes
    ----------
    column : str
    kind : {"intervals", "prefixes", "tree", "none"}
    steps : tuple
        Widths of intervals, or lengths of prefixes, from fine to coarse.
    tree : mapping of str to tuple of str
        For each value (as text), its ancestors from the nearest to the furthest.
    """

    column: str
    kind: str
    steps: tuple[float, ...] = ()
    tree: Mapping[str, tuple[str, ...]] | None = None

    @property
    def height(self) -> int:
        """The number of the last level, which is ``*``."""
        depth = len(next(iter(self.tree.values()))) if self.tree else len(self.steps)
        return depth + 1

    def renamed(self, column: str) -> Hierarchy:
        """Return the same levels for another column."""
        return replace(self, column=column)

    def named(self, level: int) -> str:
        """Return what a level does, for a reader."""
        if level == 0:
            return "unchanged"
        if level == self.height:
            return "removed (*)"
        if self.kind == "tree":
            return f"ancestor {level} of the tree"
        size = f"{self.steps[level - 1]:g}"
        return f"intervals of {size}" if self.kind == "intervals" else f"first {size} characters"

    def value_at(self, value: Any, level: int) -> str | None:
        """Return a value at a level, as text; null stays null below ``*``.

        NaN and infinity are values of their own, and -0.0 is 0.0.
        """
        if level >= self.height:
            return TOP
        if value is None:
            return None
        value = value + 0.0 if isinstance(value, float) else value
        if level == 0 or (self.kind == "intervals" and not math.isfinite(value)):
            return str(value)
        if self.kind == "tree":
            return self._ancestor(str(value), level)
        step = self.steps[level - 1]
        return _interval(value, step) if self.kind == "intervals" else _prefix(value, int(step))

    def _ancestor(self, value: str, level: int) -> str:
        assert self.tree is not None
        found = self.tree.get(value)
        return TOP if found is None else found[level - 1]


def hierarchies_of(given: Mapping[str, Any], columns: Sequence[str]) -> list[Hierarchy]:
    """Return the hierarchy of each column; without one, a column is unchanged or removed.

    Raises
    ------
    ConfigError
        For unknown columns or kinds, and for levels that do not contain each other.
    """
    unknown = [name for name in given if name not in columns]
    if unknown:
        names = ", ".join(map(repr, unknown))
        raise ConfigError(f"hierarchies: {names} is not one of the quasi-identifiers.")
    return [_hierarchy(name, given.get(name)) for name in columns]


def _hierarchy(name: str, given: Any) -> Hierarchy:
    if given is None:
        return Hierarchy(name, "none")
    if not isinstance(given, Mapping) or len(given) != 1 or next(iter(given)) not in _KINDS:
        raise ConfigError(
            f"hierarchies.{name}: give one of intervals: [5, 10], prefixes: [4, 3], or tree: "
            "{value: [parent, grandparent]}."
        )
    kind, levels = next(iter(given.items()))
    if kind == "tree":
        return Hierarchy(name, kind, tree=_checked_tree(name, levels))
    steps = list(levels) if isinstance(levels, list | tuple) else [levels]
    if not steps or not all(isinstance(step, int | float) and step > 0 for step in steps):
        raise ConfigError(f"hierarchies.{name}.{kind}: give positive numbers, such as [5, 10].")
    pairs = list(itertools.pairwise(steps))
    if kind == "intervals" and not all(b > a and b % a == 0 for a, b in pairs):
        raise ConfigError(
            f"hierarchies.{name}.intervals: each width must be a multiple of the one before."
        )
    if kind == "prefixes" and not all(b < a for a, b in pairs):
        raise ConfigError(f"hierarchies.{name}.prefixes: each length must be below the one before.")
    return Hierarchy(name, kind, tuple(steps))


def _checked_tree(name: str, tree: Any) -> dict[str, tuple[str, ...]]:
    rows = {
        str(value): tuple(map(str, [up] if isinstance(up, str) else up))
        for value, up in (tree.items() if isinstance(tree, Mapping) else ())
    }
    if not rows or len({len(up) for up in rows.values()}) > 1 or not all(rows.values()):
        raise ConfigError(f"hierarchies.{name}.tree: give each value equally many ancestors.")
    parents: dict[tuple[int, str], str] = {}
    for up in rows.values():
        for level, (child, parent) in enumerate(itertools.pairwise(up)):
            if parents.setdefault((level, child), parent) != parent:
                raise ConfigError(f"hierarchies.{name}.tree: an ancestor has two parents.")
    return rows


def _interval(value: Any, width: float) -> str:
    if not isinstance(value, int | float):
        value = float(value)
    low = math.floor(value / width) * width
    if isinstance(value, int) and float(width).is_integer():
        return f"{int(low)}-{int(low + width) - 1}"
    return f"[{low:g}, {low + width:g})"


def _prefix(value: Any, length: int) -> str:
    text = str(value)
    return text[:length] + TOP * max(0, len(text) - length)
