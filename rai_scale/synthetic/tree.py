"""A fitted model as a tree of marginals, for any marginal and for samples; NumPy alone.

The nodes are the cliques of a junction tree, parents before children. The distribution is the
product of the marginals of the nodes over that of their separators (Lauritzen and Spiegelhalter
1988).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rai_scale.synthetic.counting import Clique


@dataclass(frozen=True)
class Node:
    """One clique of the tree.

    Attributes
    ----------
    clique : tuple of int
    parent : int
        Position of the parent; -1 for the root of a component.
    table : ndarray of float64
        The marginal distribution of the clique; its sum is 1.
    """

    clique: Clique
    parent: int
    table: np.ndarray


@dataclass(frozen=True)
class Tree:
    """A distribution over coded columns, and its number of rows.

    Attributes
    ----------
    sizes : tuple of int
        The number of codes of each column.
    nodes : tuple of Node
    total : float
    """

    sizes: tuple[int, ...]
    nodes: tuple[Node, ...]
    total: float

    def separator(self, at: int) -> Clique:
        """Return the columns that a node shares with its parent."""
        node = self.nodes[at]
        shared = () if node.parent < 0 else self.nodes[node.parent].clique
        return tuple(i for i in node.clique if i in shared)

    @cached_property
    def below(self) -> tuple[frozenset[int], ...]:
        """The columns of each node and of all nodes under it."""
        found = [set(node.clique) for node in self.nodes]
        for at in range(len(self.nodes) - 1, -1, -1):
            if self.nodes[at].parent >= 0:
                found[self.nodes[at].parent] |= found[at]
        return tuple(map(frozenset, found))

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """The positions of each node's children."""
        found: list[list[int]] = [[] for _ in self.nodes]
        for at, node in enumerate(self.nodes):
            if node.parent >= 0:
                found[node.parent].append(at)
        return tuple(map(tuple, found))

    def conditional(self, at: int) -> np.ndarray:
        """Return the distribution of a node given its separator, in the shape of its clique.

        All values are 0 where the separator has probability 0.
        """
        node, shared = self.nodes[at], self.separator(at)
        summed = tuple(k for k, i in enumerate(node.clique) if i not in shared)
        given = node.table.sum(axis=summed, keepdims=True)
        return np.divide(node.table, given, out=np.zeros_like(node.table), where=given > 0)

    @cached_property
    def _conditionals(self) -> tuple[np.ndarray, ...]:
        return tuple(self.conditional(at) for at in range(len(self.nodes)))

    def project(self, clique: Sequence[int]) -> np.ndarray:
        """Return the expected counts of a marginal, float64, axes in the order given."""
        wanted = frozenset(clique)
        parts: list[tuple[np.ndarray, Clique]] = []
        for at, node in enumerate(self.nodes):
            if node.parent < 0 and wanted & self.below[at]:
                parts.append(self._root(at, wanted & self.below[at]))
        table = np.ones(())
        axes: Clique = ()
        for part, own in parts:
            table, axes = np.multiply.outer(table, part), (*axes, *own)
        return self.total * table.transpose([axes.index(i) for i in clique])

    def _root(self, at: int, wanted: frozenset[int]) -> tuple[np.ndarray, Clique]:
        """Return the marginal of some columns of one component."""
        while not wanted <= set(self.nodes[at].clique):
            under = [child for child in self.children[at] if wanted <= self.below[child]]
            if not under:
                break
            at = under[0]
        return self._collected(at, wanted, self.nodes[at].table, ())

    def _collected(
        self, at: int, wanted: frozenset[int], table: np.ndarray, shared: Clique
    ) -> tuple[np.ndarray, Clique]:
        """Return the distribution of the wanted columns under a node, given its separator."""
        axes = self.nodes[at].clique
        missing = wanted - set(axes)
        needed = [c for c in self.children[at] if missing & self.below[c]]
        for position, child in enumerate(needed):
            own = self.separator(child)
            below = (missing & self.below[child]) | (wanted & set(own))
            part, part_axes = self._collected(child, below, self._conditionals[child], own)
            later = {i for other in needed[position + 1 :] for i in self.separator(other)}
            kept = wanted | set(shared) | later
            out = tuple(i for i in dict.fromkeys((*axes, *part_axes)) if i in kept)
            table, axes = _product(table, axes, part, part_axes, out), out
        out = tuple(i for i in axes if i in wanted or i in shared)
        summed = tuple(k for k, i in enumerate(axes) if i not in out)
        return np.asarray(table.sum(axis=summed)), out


def _product(
    left: np.ndarray, of_left: Clique, right: np.ndarray, of_right: Clique, out: Clique
) -> np.ndarray:
    label = {i: k for k, i in enumerate(dict.fromkeys((*of_left, *of_right)))}
    sides = [label[i] for i in of_left], [label[i] for i in of_right]
    result: np.ndarray = np.einsum(left, sides[0], right, sides[1], [label[i] for i in out])
    return result


def independent(tables: Sequence[np.ndarray], total: float) -> Tree:
    """Return the tree of independent columns with these distributions."""
    nodes = [Node((i,), -1, table / table.sum()) for i, table in enumerate(tables)]
    return Tree(tuple(len(table) for table in tables), tuple(nodes), total)


def calibrated(
    sizes: Sequence[int],
    cliques: Sequence[Clique],
    edges: Sequence[tuple[Clique, Clique]],
    potentials: Mapping[Clique, np.ndarray],
    total: float,
) -> Tree:
    """Return the tree of a graphical model, by message passing in logarithms.

    Parameters
    ----------
    sizes : sequence of int
    cliques, edges : the nodes and edges of a junction tree
    potentials : mapping of tuple to ndarray of float64
        Logarithms; each within one of the cliques. -inf is a combination that cannot occur.
    total : float
    """
    order, parents = _rooted(cliques, edges)
    logs = {c: np.zeros([sizes[i] for i in c]) for c in order}
    for own, values in potentials.items():
        home = next(c for c in order if set(own) <= set(c))
        logs[home] = logs[home] + _spread(values, own, home)
    messages: dict[Clique, np.ndarray] = {}
    for clique in reversed(order):  # from the leaves
        parent = parents[clique]
        if parent is not None:
            shared = tuple(i for i in clique if i in parent)
            messages[clique] = _summed(logs[clique], clique, shared)
            logs[parent] = logs[parent] + _spread(messages[clique], shared, parent)
    nodes = []
    for clique in order:  # from the roots
        parent = parents[clique]
        if parent is not None:
            shared = tuple(i for i in clique if i in parent)
            whole = _summed(logs[parent], parent, shared)
            with np.errstate(invalid="ignore"):
                back = np.where(np.isneginf(whole), -np.inf, whole - messages[clique])
            logs[clique] = logs[clique] + _spread(back, shared, clique)
        table = np.exp(logs[clique] - logs[clique].max())
        at = -1 if parent is None else order.index(parent)
        nodes.append(Node(clique, at, table / table.sum()))
    return Tree(tuple(sizes), tuple(nodes), total)


def _rooted(
    cliques: Sequence[Clique], edges: Sequence[tuple[Clique, Clique]]
) -> tuple[list[Clique], dict[Clique, Clique | None]]:
    near: dict[Clique, list[Clique]] = {c: [] for c in cliques}
    for one, other in edges:
        near[one].append(other)
        near[other].append(one)
    parents: dict[Clique, Clique | None] = {}
    order: list[Clique] = []
    for root in cliques:
        if root in parents:
            continue
        parents[root] = None
        waiting = [root]
        while waiting:
            clique = waiting.pop()
            order.append(clique)
            for other in near[clique]:
                if other not in parents:
                    parents[other] = clique
                    waiting.append(other)
    return order, parents


def _spread(values: np.ndarray, own: Clique, home: Clique) -> np.ndarray:
    """Return a table over ``own`` (both ascending) as one that broadcasts over ``home``."""
    return np.asarray(values).reshape([values.shape[own.index(i)] if i in own else 1 for i in home])


def _summed(logs: np.ndarray, clique: Clique, kept: Clique) -> np.ndarray:
    """Return the logarithm of the sum of exponentials over the other columns."""
    away = tuple(k for k, i in enumerate(clique) if i not in kept)
    top = logs.max(axis=away, keepdims=True)
    top = np.where(np.isneginf(top), 0.0, top)
    with np.errstate(divide="ignore"):
        found = np.log(np.exp(logs - top).sum(axis=away, keepdims=True)) + top
    return np.asarray(found.squeeze(axis=away))
