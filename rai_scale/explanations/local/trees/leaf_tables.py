"""Interventional Shapley values of trees, from a table for each leaf.

The path to a leaf has a condition on each of d features. The conditions that a row meets are a
pattern of d bits. The row's values at the leaf depend only on its pattern and on the patterns of
the background, so they are computed once for all 2**d patterns. The formula is that of
interventional TreeSHAP (Lundberg et al. 2020); sums over background rows are computed by subset
sums, as in WOODELF (Nadel and Wettenstein 2025). All numbers have 64 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np

from rai_scale.explanations.local.trees.nodes import MISSING, Trees

MOST_BITS = 15
MOST_NODES = 50_000
MOST_CELLS = 8_000_000
"""Maximum number of entries of all tables, which limits memory (64 MB) and time."""
MOST_ASKED = 64_000_000
"""Maximum number of codes times leaves, which need two bytes each."""
_ROWS = 64


@dataclass(frozen=True)
class TreeLeaf:
    """A leaf and the codes of each feature that reach it, as bits (missing last)."""

    value: np.ndarray
    asks: dict[int, int]


def leaves_of(trees: Trees) -> list[TreeLeaf]:
    """Return the leaves of all trees."""
    left, right, feature = (part.tolist() for part in (trees.left, trees.right, trees.feature))
    goes = [_goes_left(trees, node) if left[node] >= 0 else 0 for node in range(len(left))]
    every = [(1 << (size + 1)) - 1 for size in trees.sizes]
    stack: list[tuple[int, dict[int, int]]] = [(int(root), {}) for root in trees.roots]
    found = []
    while stack:
        node, asks = stack.pop()
        if left[node] < 0:
            found.append(TreeLeaf(trees.value[node], asks))
            continue
        at = feature[node]
        before = asks.get(at, every[at])
        for child, stays in ((right[node], ~goes[node]), (left[node], goes[node])):
            if stays & before:  # otherwise no value reaches the child
                stack.append((child, {**asks, at: stays & before}))
    return found


def _goes_left(trees: Trees, node: int) -> int:
    size = trees.sizes[trees.feature[node]]
    if node in trees.sets:
        row, table = trees.members
        left = sum(1 << code for code in np.flatnonzero(table[row[node], :size]).tolist())
    else:
        left = (1 << (int(trees.goes_left[node]) + 1)) - 1
    return left | (1 << size if trees.missing[node] == trees.left[node] else 0)


@dataclass(frozen=True)
class LeafTables:
    """Tables of all leaves over a background.

    Attributes
    ----------
    columns, outputs : int
    bits : list of ndarray of int16, shape (codes + 1, leaves)
        Per column, the bit that each code (missing last) sets in each leaf's pattern.
    groups : list of Group
        Leaves grouped by the number of features on their path; leaves without any are omitted.
    """

    columns: int
    outputs: int
    bits: list[np.ndarray]
    groups: list[Group]

    def values(self, codes: np.ndarray) -> np.ndarray:
        """Return values, shape (rows, columns, outputs)."""
        found = np.zeros((self.columns * self.outputs, len(codes)))
        for start in range(0, len(codes), _ROWS):
            patterns = _patterns(self.bits, codes[start : start + _ROWS])
            for group in self.groups:
                found[:, start : start + _ROWS] += group.values(patterns)
        return found.T.reshape(len(codes), self.columns, self.outputs)


def make_tables(trees: Trees, leaves: list[TreeLeaf], background: np.ndarray) -> LeafTables:
    """Return the tables for a background, which is given as codes (rows, columns)."""
    bits = _bits(trees, leaves)
    depths = np.array([len(leaf.asks) for leaf in leaves])
    patterns = _patterns(bits, background)
    groups = []
    for depth in range(1, int(depths.max(initial=0)) + 1):
        mine = np.flatnonzero(depths == depth)
        if len(mine):
            places = _places(trees.columns, [leaves[number] for number in mine])
            groups.append(Group(mine, _table(depth, patterns[:, mine]), places))
    return LeafTables(trees.columns, trees.value.shape[1], bits, groups)


def _bits(trees: Trees, leaves: list[TreeLeaf]) -> list[np.ndarray]:
    made = []
    for at, size in enumerate(trees.sizes):
        asking = [number for number, leaf in enumerate(leaves) if at in leaf.asks]
        place = [list(leaves[number].asks).index(at) for number in asking]
        length = size // 8 + 1
        packed = b"".join(leaves[number].asks[at].to_bytes(length, "little") for number in asking)
        rows = np.frombuffer(packed, np.uint8).reshape(len(asking), length)
        stays = np.unpackbits(rows, axis=1, bitorder="little")[:, : size + 1]
        bits = np.zeros((size + 1, len(leaves)), np.int16)
        bits[:, asking] = (stays.astype(np.int16) << np.array(place, np.int16)[:, None]).T
        made.append(bits)
    return made


def _patterns(bits: list[np.ndarray], codes: np.ndarray) -> np.ndarray:
    """Return the conditions of each leaf's path that rows meet, as bits, int16 (rows, leaves)."""
    found = np.zeros((len(codes), bits[0].shape[1]), np.int16)
    for at, column in enumerate(bits):
        found += column[np.where(codes[:, at] == MISSING, len(column) - 1, codes[:, at])]
    return found


def _places(columns: int, leaves: list[TreeLeaf]) -> Any:
    """Return a sparse matrix with a leaf's value where a feature on its path is the column."""
    from scipy.sparse import csr_matrix

    features = np.array([list(leaf.asks) for leaf in leaves])
    value = np.array([leaf.value for leaf in leaves])
    outputs = value.shape[1]
    row = features[:, :, None] * outputs + np.arange(outputs)
    column = np.broadcast_to(np.arange(features.size).reshape(*features.shape, 1), row.shape)
    cells = np.broadcast_to(value[:, None, :], row.shape)
    keep = cells != 0
    shape = columns * outputs, features.size
    return csr_matrix((cells[keep], (row[keep], column[keep])), shape=shape)


@dataclass(frozen=True)
class Group:
    """Leaves whose paths have the same number of features.

    Attributes
    ----------
    leaves : ndarray of int, shape (leaves,)
    table : ndarray, shape (leaves, 2**features, features)
        Shapley values of a leaf whose value is 1, for each pattern.
    places : scipy.sparse matrix, shape (columns * outputs, leaves * features)
        Value of the leaf where a feature on its path is the column.
    """

    leaves: np.ndarray
    table: np.ndarray
    places: Any

    def values(self, patterns: np.ndarray) -> np.ndarray:
        """Return the group's part of the values, shape (columns * outputs, rows)."""
        found = self.table[np.arange(len(self.leaves)), patterns[:, self.leaves]]
        values: np.ndarray = self.places @ np.ascontiguousarray(found.reshape(len(patterns), -1).T)
        return values


def may_fit(trees: Trees) -> bool:
    """Whether there are few enough nodes and codes to visit every leaf."""
    leaves = int((trees.left < 0).sum())
    return len(trees.left) <= MOST_NODES and leaves * sum(trees.sizes) <= MOST_ASKED


def tables_fit(leaves: list[TreeLeaf]) -> bool:
    """Whether the tables of these leaves are small enough."""
    depths = np.array([len(leaf.asks) for leaf in leaves], dtype=np.float64)
    small = depths.max(initial=0) <= MOST_BITS
    return bool(small and (depths * 2**depths).sum() <= MOST_CELLS)


def _table(depth: int, patterns: np.ndarray) -> np.ndarray:
    """Return, for each leaf, its values for each pattern of the explained row."""
    size, leaves = 2**depth, patterns.shape[1]
    lacks = (size - 1) ^ patterns.astype(np.int64)  # conditions that a background row does not meet
    counts = np.bincount((lacks + size * np.arange(leaves)).ravel(), minlength=size * leaves)
    ones = np.array([int(pattern).bit_count() for pattern in range(size)])
    by_size = np.where(np.arange(depth + 1)[:, None] == ones, 1, 0)
    sums = _subset_sums(by_size[:, None] * counts.reshape(leaves, size), depth)
    foreign = depth - ones  # number of conditions that only the background can meet
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
    """Add the numbers of its subsets to each set; the last axis enumerates sets as bits."""
    sums = sums.astype(np.float64)
    for place in range(depth):
        view = sums.reshape(*sums.shape[:-1], -1, 2, 1 << place)
        view[..., 1, :] += view[..., 0, :]
    return sums


def _weights(depth: int, less: Callable[[int, int], tuple[int, int]]) -> np.ndarray:
    """Return Shapley weights by the numbers of conditions that only one of the two rows meets."""
    found = np.zeros((depth + 1, depth + 1))
    for own in range(depth + 1):
        for other in range(depth + 1 - own):
            first, second = less(own, other)
            if first >= 0 and second >= 0:
                found[own, other] = factorial(first) * factorial(second) / factorial(own + other)
    return found
