"""Interventional Shapley values of trees from one table per leaf, made once of the background.

A leaf asks something of each of d features on its path. What a row meets is a pattern of d bits,
and the row's values at the leaf depend on that pattern and on the patterns of the background only:
they are written down for all 2**d patterns. The formula is that of interventional TreeSHAP
(Lundberg et al. 2020), the sum over background rows by subset sums, as in Nadel and Wettenstein
2025 (WOODELF). All numbers are of 64 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import factorial
from typing import Any

import numpy as np

from rai_scale.explanations.tree_nodes import MISSING, Trees

MOST_BITS = 15
MOST_NODES = 50_000
MOST_CELLS = 8_000_000
"""Numbers of all tables at most, which bounds memory (64 MB) and the time to make them."""
MOST_ASKED = 64_000_000
"""Codes times leaves at most: two bytes each."""
_ROWS = 64


@dataclass(frozen=True)
class Leaf:
    """A leaf and, for each feature on its path, which codes (missing last) stay on the path."""

    value: np.ndarray
    asks: dict[int, np.ndarray]


def leaves_of(trees: Trees) -> list[Leaf]:
    """Return the leaves of all trees."""
    return [leaf for root in trees.roots for leaf in _walk(trees, int(root))]


def _walk(trees: Trees, root: int) -> Iterator[Leaf]:
    stack: list[tuple[int, dict[int, np.ndarray]]] = [(root, {})]
    while stack:
        node, asks = stack.pop()
        if trees.left[node] < 0:
            yield Leaf(trees.value[node], asks)
            continue
        at = int(trees.feature[node])
        left = _goes_left(trees, node)
        before = asks.get(at, np.ones(len(left), bool))
        for child, stays in ((trees.right[node], ~left), (trees.left[node], left)):
            if (stays & before).any():  # else no value comes here
                stack.append((int(child), {**asks, at: stays & before}))


def _goes_left(trees: Trees, node: int) -> np.ndarray:
    codes = np.arange(trees.sizes[int(trees.feature[node])])
    left = trees.members[node] if node in trees.sets else codes <= trees.goes_left[node]
    return np.append(left, trees.missing[node] == trees.left[node])


@dataclass(frozen=True)
class LeafTables:
    """Tables of all leaves over a background.

    Attributes
    ----------
    trees : Trees
    leaves : list of Leaf
    background : ndarray of int, shape (rows, columns)
        Codes of the background.
    """

    trees: Trees
    leaves: list[Leaf]
    background: np.ndarray

    @cached_property
    def _bits(self) -> list[np.ndarray]:
        """Per column, the bit that each code (missing last) sets in each leaf's pattern."""
        bits = [np.zeros((size + 1, len(self.leaves)), np.int16) for size in self.trees.sizes]
        for number, leaf in enumerate(self.leaves):
            for place, (at, stays) in enumerate(leaf.asks.items()):
                bits[at][stays, number] = 1 << place
        return bits

    @cached_property
    def _groups(self) -> list[_Group]:
        """Leaves by the length of their path; those of stumps ask nothing and explain nothing."""
        depths = np.array([len(leaf.asks) for leaf in self.leaves])
        patterns = self._patterns(self.background)
        made = []
        for depth in range(1, int(depths.max(initial=0)) + 1):
            mine = np.flatnonzero(depths == depth)
            if len(mine):
                made.append(self._group(depth, mine, patterns[:, mine]))
        return made

    def _group(self, depth: int, mine: np.ndarray, patterns: np.ndarray) -> _Group:
        from scipy.sparse import csr_matrix

        features = np.array([list(self.leaves[leaf].asks) for leaf in mine])
        value = np.array([self.leaves[leaf].value for leaf in mine])
        outputs = value.shape[1]
        row = features[:, :, None] * outputs + np.arange(outputs)
        column = np.broadcast_to(np.arange(features.size).reshape(*features.shape, 1), row.shape)
        cells = np.broadcast_to(value[:, None, :], row.shape)
        keep = cells != 0
        shape = self.trees.columns * outputs, features.size
        places = csr_matrix((cells[keep], (row[keep], column[keep])), shape=shape)
        return _Group(mine, _table(depth, patterns), places)

    def _patterns(self, codes: np.ndarray) -> np.ndarray:
        """Return what rows meet of each leaf's path, int16 (rows, leaves)."""
        found = np.zeros((len(codes), len(self.leaves)), np.int16)
        for at, bits in enumerate(self._bits):
            found += bits[np.where(codes[:, at] == MISSING, len(bits) - 1, codes[:, at])]
        return found

    def values(self, codes: np.ndarray) -> np.ndarray:
        """Return values, shape (rows, columns, outputs)."""
        outputs = self.trees.value.shape[1]
        found = np.zeros((self.trees.columns * outputs, len(codes)))
        for start in range(0, len(codes), _ROWS):
            patterns = self._patterns(codes[start : start + _ROWS])
            for group in self._groups:
                found[:, start : start + _ROWS] += group.values(patterns)
        return found.T.reshape(len(codes), self.trees.columns, outputs)


@dataclass(frozen=True)
class _Group:
    """Leaves whose paths ask of equally many features.

    Attributes
    ----------
    leaves : ndarray of int, shape (leaves,)
    table : ndarray, shape (leaves, 2**features, features)
        Values of a leaf of value 1.
    places : scipy.sparse matrix, shape (columns * outputs, leaves * features)
        Value of the leaf where a feature on its path is the column.
    """

    leaves: np.ndarray
    table: np.ndarray
    places: Any

    def values(self, patterns: np.ndarray) -> np.ndarray:
        """Return the group's part of the values, shape (columns * outputs, rows)."""
        found = self.table[np.arange(len(self.leaves)), patterns[:, self.leaves]]
        return self.places @ np.ascontiguousarray(found.reshape(len(patterns), -1).T)


def may_fit(trees: Trees) -> bool:
    """Whether there are few enough nodes and codes to look at every leaf."""
    leaves = int((trees.left < 0).sum())
    return len(trees.left) <= MOST_NODES and leaves * sum(trees.sizes) <= MOST_ASKED


def tables_fit(leaves: list[Leaf]) -> bool:
    """Whether tables of these leaves are of a bearable size."""
    depths = np.array([len(leaf.asks) for leaf in leaves], dtype=np.float64)
    small = depths.max(initial=0) <= MOST_BITS
    return bool(small and (depths * 2**depths).sum() <= MOST_CELLS)


def _table(depth: int, patterns: np.ndarray) -> np.ndarray:
    """Return a leaf's values per pattern of the explained row, for each leaf."""
    size, leaves = 2**depth, patterns.shape[1]
    lacks = (size - 1) ^ patterns.astype(np.int64)  # what each background row does not meet
    counts = np.bincount((lacks + size * np.arange(leaves)).ravel(), minlength=size * leaves)
    ones = np.array([int(pattern).bit_count() for pattern in range(size)])
    by_size = np.where(np.arange(depth + 1)[:, None] == ones, 1, 0)
    sums = _subset_sums(by_size[:, None] * counts.reshape(leaves, size), depth)
    foreign = depth - ones  # of each pattern, how many features only the background may meet
    gain = _weights(depth, lambda own, other: (own - 1, other))[:, foreign]
    loss = _weights(depth, lambda own, other: (own, other - 1))[:, foreign]
    table = np.empty((leaves, size, depth))
    met = np.einsum("mlp,mp->lp", sums, gain)
    unmet = np.einsum("mlp,mp->lp", sums, loss)
    every = np.arange(size)
    for place in range(depth):
        has = (every >> place) & 1 == 1
        without = np.einsum("mlp,mp->lp", sums[:, :, every[has] ^ (1 << place)], gain[:, has])
        table[:, has, place] = met[:, has] - without
        table[:, ~has, place] = -unmet[:, ~has]
    return table / len(patterns)


def _subset_sums(sums: np.ndarray, depth: int) -> np.ndarray:
    """Add to each set the numbers of its subsets; the last axis is sets as bits."""
    sums = sums.astype(np.float64)
    for place in range(depth):
        view = sums.reshape(*sums.shape[:-1], -1, 2, 1 << place)
        view[..., 1, :] += view[..., 0, :]
    return sums


def _weights(depth: int, less: Callable[[int, int], tuple[int, int]]) -> np.ndarray:
    """Return the Shapley weight of a leaf that ``own`` features let in and ``other`` shut out."""
    found = np.zeros((depth + 1, depth + 1))
    for own in range(depth + 1):
        for other in range(depth + 1 - own):
            first, second = less(own, other)
            if first >= 0 and second >= 0:
                found[own, other] = factorial(first) * factorial(second) / factorial(own + other)
    return found
