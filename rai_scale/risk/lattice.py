"""The lattice of generalisations, searched on counted cells.

A node has one level per column. Its cost without suppressed rows never falls on the way up, and a
suppressed row costs as much as a removed one, so this cost bounds that of the node. Nodes whose
bound is not below the best cost need no look. With k and l, a node that suppresses too many rows
rules out all nodes below it; with t it does not, because merging may spoil a good class.

Where the table has too many combinations of values, the cells are those of coarser values. Nodes
with a finer level cannot be counted; they are ruled out by their bound, or by a node above them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

Floats = np.ndarray
_SMALL = 1e-12


@dataclass(frozen=True)
class Sensitive:
    """The number of the sensitive value of each cell, in their order if ``ordered``."""

    codes: Floats
    ordered: bool = False


@dataclass(frozen=True)
class Cells:
    """Counts of rows per combination of values.

    Attributes
    ----------
    codes : numpy.ndarray of shape (cells, columns), int64
        The number of the value of each column.
    levels : list of list of numpy.ndarray or None
        Per column and level, the number of the coarser value of each value; None for levels that
        are finer than the cells.
    n : numpy.ndarray of shape (cells,), int64
    sensitive : list of Sensitive
    """

    codes: Floats
    levels: list[list[Floats | None]]
    n: Floats
    sensitive: list[Sensitive]

    @property
    def least(self) -> list[int]:
        """The finest level of each column that can be counted."""
        return [sum(level is None for level in column) for column in self.levels]

    def classes(self, node: Sequence[int]) -> Floats:
        """Return the number of the class of each cell."""
        keys = np.zeros(len(self.n), dtype=np.int64)
        for at, level in enumerate(node):
            coarse = self.levels[at][level]
            assert coarse is not None
            _, keys = np.unique(
                keys * (int(coarse.max()) + 1) + coarse[self.codes[:, at]], return_inverse=True
            )
        return keys


@dataclass(frozen=True)
class Limits:
    """What a class must have: k rows, l distinct sensitive values, distance t to the table."""

    k: int
    l: int | None = None  # noqa: E741
    t: float | None = None

    def broken(self, cells: Cells, classes: Floats) -> Floats:
        """Return whether each class breaks a limit."""
        size = np.bincount(classes, weights=cells.n)
        bad = size < self.k
        for one in cells.sensitive if self.l or self.t is not None else ():
            m = int(one.codes.max()) + 1
            pairs, at = np.unique(classes * m + one.codes, return_inverse=True)
            of_class, value = pairs // m, pairs % m
            if self.l:
                bad |= np.bincount(of_class, minlength=len(size)) < self.l
            if self.t is not None:
                q = np.bincount(one.codes, weights=cells.n) / cells.n.sum()
                p = np.bincount(at, weights=cells.n) / size[of_class]
                distance = _ordered if one.ordered else _equal
                bad |= distance(of_class, value, p, q) > self.t + _SMALL
        return bad


def _equal(of_class: Floats, value: Floats, p: Floats, q: Floats) -> Floats:
    """Return the distance of each class to the table; different values have the distance 1."""
    gaps = np.abs(p - q[value]) - q[value]
    return (np.bincount(of_class, weights=gaps) + 1) / 2


def _ordered(of_class: Floats, value: Floats, p: Floats, q: Floats) -> Floats:
    """Return the distance of each class to the table; values differ by their ranks.

    It is the mean over the m - 1 gaps of abs(P - Q), the cumulative shares of class and table (Li
    et al., 2007). Between two values of a class P does not change, so that the sum over Q is a
    difference of its running sums, split where Q passes P. The pairs are sorted.
    """
    first = np.flatnonzero(np.diff(of_class, prepend=-1))
    total = np.cumsum(p)
    level = total - (total[first] - p[first])[of_class]
    upto = np.cumsum(q)
    below = np.concatenate([[0.0], np.cumsum(upto)])
    after = np.append(value[1:], len(q))
    after[first[1:] - 1] = len(q)
    split = np.clip(np.searchsorted(upto, level), value, after)
    gaps = level * (2 * split - value - after) - 2 * below[split] + below[value] + below[after]
    gaps[first] += below[value[first]]
    return np.bincount(of_class, weights=gaps) / max(len(q) - 1, 1)


@dataclass(frozen=True)
class Found:
    """The best node.

    Attributes
    ----------
    node : tuple of int
        The level of each column.
    cost : float
        Per row.
    bound : float
        No node costs less; equal to ``cost`` if the optimum is proven.
    looked_at, nodes : int
        Nodes that were counted, and all.
    """

    node: tuple[int, ...]
    cost: float
    bound: float
    looked_at: int
    nodes: int


def best_node(
    cells: Cells, limits: Limits, losses: list[list[Floats]] | None, most: float, max_nodes: int
) -> Found | None:
    """Return the cheapest node that suppresses at most ``most`` rows; None if none is found.

    Parameters
    ----------
    cells, limits
    losses : list of list of numpy.ndarray, optional
        Per column and level, the loss of each value; it never falls with the level. Without it the
        cost of a row is the size of its class (discernibility).
    most : float
    max_nodes : int
        The number of nodes that are counted at most.
    """
    search = _Search(cells, limits, losses, most)
    while search.looked_at < max_nodes and (search.open() & search.countable).any():
        start = search.cheapest(search.open() & search.countable)
        if limits.t is not None:
            search.look(start)
            continue
        path = search.path(start)
        low, high = 0, len(path) - 1
        while low <= high:
            middle = (low + high) // 2
            if search.look(path[middle]):
                high = middle - 1
            else:
                low = middle + 1
    search.rule_out(max_nodes)
    if search.best is None:
        return None
    rest = search.bound[search.open()]
    bound = min(search.cost, float(rest.min())) if len(rest) else search.cost
    node = tuple(int(level) for level in search.nodes[search.best])
    return Found(node, search.cost, bound, search.looked_at, len(search.nodes))


class _Search:
    """What is known of each node."""

    def __init__(
        self, cells: Cells, limits: Limits, losses: list[list[Floats]] | None, most: float
    ) -> None:
        self.cells, self.limits, self.losses, self.most = cells, limits, losses, most
        self.rows = float(cells.n.sum())
        heights = [range(len(levels)) for levels in cells.levels]
        self.nodes = np.array(list(product(*heights)), dtype=np.int64)
        self.alive = np.ones(len(self.nodes), dtype=bool)
        self.countable = (self.nodes >= cells.least).all(axis=1)
        # the size of a class that satisfies the limits is at least k
        self.bound = np.full(len(self.nodes), 0.0 if losses else min(limits.k, self.rows))
        for at, column in enumerate(losses or ()):
            means = [(loss[cells.codes[:, at]] * cells.n).sum() / self.rows for loss in column]
            self.bound += np.array(means)[self.nodes[:, at]]
        self.cost = float("inf")
        self.best: int | None = None
        self.looked_at = 0
        self._known: dict[int, bool] = {}

    def open(self) -> Floats:
        """Return which nodes may still be the best."""
        return self.alive & (self.bound < self.cost - _SMALL)

    def cheapest(self, among: Floats) -> int:
        """Return the node with the least bound."""
        return int(np.argmin(np.where(among, self.bound, np.inf)))

    def rule_out(self, max_nodes: int) -> None:
        """Count the nodes above those that cannot be counted, which they may rule out."""
        tried = np.zeros(len(self.nodes), dtype=bool)
        while self.limits.t is None and self.looked_at < max_nodes:
            rest = self.open() & ~self.countable & ~tried
            if not rest.any():
                return
            one = self.cheapest(rest)
            tried[one] = True
            above = np.maximum(self.nodes[one], self.cells.least)
            self.look(int(np.flatnonzero((self.nodes == above).all(axis=1))[0]))

    def path(self, start: int) -> list[int]:
        """Return nodes from ``start`` upward, each the cheapest above the one before."""
        found = [start]
        while True:
            here = self.nodes[found[-1]]
            above = (self.nodes >= here).all(axis=1) & (self.nodes.sum(axis=1) == here.sum() + 1)
            above &= self.open()
            if not above.any():
                return found
            found.append(int(np.argmin(np.where(above, self.bound, np.inf))))

    def look(self, at: int) -> bool:
        """Count a node; return whether it suppresses few enough rows."""
        if at in self._known:
            return self._known[at]
        self.looked_at += 1
        self.alive[at] = False
        node = self.nodes[at]
        classes = self.cells.classes(node)
        gone = self.limits.broken(self.cells, classes)[classes]
        whole, cost = self._costs(node, classes, gone)
        over = (self.nodes >= node).all(axis=1)
        self.bound[over] = np.maximum(self.bound[over], whole)
        suits = bool(self.cells.n[gone].sum() <= self.most)
        if suits and cost < self.cost - _SMALL:
            self.cost, self.best = cost, at
        if not suits and self.limits.t is None:
            self.alive[(self.nodes <= node).all(axis=1)] = False
        self._known[at] = suits
        return suits

    def _costs(self, node: Floats, classes: Floats, gone: Floats) -> tuple[float, float]:
        """Return the cost per row without suppressed rows, and with them."""
        n = self.cells.n
        if self.losses is None:
            own = np.bincount(classes, weights=n)[classes]
            removed: Floats | float = self.rows
        else:
            own = sum(
                column[level][self.cells.codes[:, at]]
                for at, (column, level) in enumerate(zip(self.losses, node, strict=True))
            )
            removed = sum(
                column[-1][self.cells.codes[:, at]] for at, column in enumerate(self.losses)
            )
        with_gone = np.where(gone, removed, own)
        return float((own * n).sum() / self.rows), float((with_gone * n).sum() / self.rows)
