"""The trees of an ensemble as arrays, with integer codes for the values that they distinguish.

The code of a value is the number of thresholds below it. Because codes are integers, values that
equal a threshold, or differ from it in the tenth digit only, take the same branch as in the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

MISSING = -1
"""Code of a missing value."""
KEPT, ZERO_IS_MISSING, MISSING_IS_ZERO = range(3)
"""How LightGBM treats a missing value of a feature before it evaluates a tree."""
_NEAR_ZERO = float(np.float32(1e-35))  # LightGBM treats smaller numbers as 0


@dataclass(frozen=True)
class Trees:
    """Nodes of all trees, one tree after another.

    Attributes
    ----------
    left, right : ndarray of int, shape (nodes,)
        Children; -1 at leaves.
    missing : ndarray of int, shape (nodes,)
        The child that a missing value goes to.
    feature : ndarray of int, shape (nodes,)
        Column of the estimator's input; -1 at leaves.
    threshold : ndarray of float64, shape (nodes,)
        A value goes left if it is at most (``strict``: less than) this.
    sets : dict of int to frozenset of int
        For nodes that split by category: the listed categories.
    value : ndarray of float64, shape (nodes, outputs)
        Contribution of a leaf to the raw score.
    roots : ndarray of int, shape (trees,)
    columns : int
        Number of columns of the estimator's input.
    single : bool
        Whether values are rounded to 32 bits before they are compared.
    strict : bool
        Whether a value that equals the threshold goes right.
    others_left : bool
        Whether categories that a split does not list go left, and listed categories right.
    zeros : ndarray of int, shape (columns,), or None
        One of ``KEPT``, ``ZERO_IS_MISSING``, ``MISSING_IS_ZERO`` per column.
    """

    left: np.ndarray
    right: np.ndarray
    missing: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    sets: dict[int, frozenset[int]]
    value: np.ndarray
    roots: np.ndarray
    columns: int
    single: bool = False
    strict: bool = False
    others_left: bool = False
    zeros: np.ndarray | None = None

    @cached_property
    def cuts(self) -> list[np.ndarray]:
        """Sorted thresholds of each column; empty for a column that is split by category."""
        inner = self.left >= 0
        inner[list(self.sets)] = False
        return [
            np.unique(self.threshold[inner & (self.feature == at)]) for at in range(self.columns)
        ]

    @cached_property
    def categories(self) -> list[int]:
        """One more than the largest category of each column; 0 if it is split by thresholds."""
        most = [0] * self.columns
        for node, members in self.sets.items():
            at = int(self.feature[node])
            most[at] = max(most[at], 1, *(member + 1 for member in members))
        return most

    @cached_property
    def sizes(self) -> list[int]:
        """Number of codes of each column, without the code for missing values."""
        pairs = zip(self.categories, self.cuts, strict=True)
        return [1 + (most or len(cuts)) for most, cuts in pairs]

    @cached_property
    def goes_left(self) -> np.ndarray:
        """For each node, the rank of its threshold among the thresholds of its column."""
        rank = np.full(len(self.left), MISSING)
        for at, cuts in enumerate(self.cuts):
            mine = (self.feature == at) & (self.left >= 0)
            rank[mine] = np.searchsorted(cuts, self.threshold[mine])
        return rank

    @cached_property
    def members(self) -> tuple[np.ndarray, np.ndarray]:
        """The row of each node (-1: none) in a table of the codes that go left, and the table."""
        row = np.full(len(self.left), -1)
        row[list(self.sets)] = np.arange(len(self.sets))
        table = np.full((len(self.sets), max(self.categories) + 1), self.others_left)
        for number, listed in enumerate(self.sets.values()):
            table[number, list(listed)] = not self.others_left
        return row, table

    def codes(self, given: np.ndarray) -> np.ndarray:
        """Return the code of each value of the estimator's input, int32 (rows, columns)."""
        codes = np.empty(given.shape, np.int32)
        with np.errstate(over="ignore", invalid="ignore"):
            rounded = given.astype(np.float32).astype(np.float64) if self.single else given
        for at in range(self.columns):
            codes[:, at] = self._codes(rounded[:, at], at)
        return codes

    def _codes(self, values: np.ndarray, at: int) -> np.ndarray:
        gone = np.isnan(values)
        most = self.categories[at]
        if most:
            whole = np.where(gone, 0, np.clip(np.trunc(values), -1, most)).astype(np.int64)
            found = np.where(whole < 0, most, whole)
        else:
            if self.zeros is not None:
                values, gone = _zeros(values, gone, int(self.zeros[at]))
            found = np.searchsorted(self.cuts[at], values, side="right" if self.strict else "left")
        return np.where(gone, MISSING, found)

    def scores(self, codes: np.ndarray) -> np.ndarray:
        """Return the sum of the trees for each row of codes, shape (rows, outputs)."""
        at = np.repeat(self.roots[None], len(codes), axis=0)
        row, tree = np.nonzero(self.left[at] >= 0)
        while len(row):
            here = at[row, tree]
            at[row, tree] = self._next(here, codes[row, self.feature[here]])
            inner = self.left[at[row, tree]] >= 0
            row, tree = row[inner], tree[inner]
        return sum((self.value[leaves] for leaves in at.T), np.zeros((1, self.value.shape[1])))

    def _next(self, nodes: np.ndarray, code: np.ndarray) -> np.ndarray:
        goes_left = code <= self.goes_left[nodes]
        if self.sets:
            row, table = self.members
            by_set = row[nodes] >= 0
            goes_left[by_set] = table[row[nodes[by_set]], code[by_set]]
        found = np.where(goes_left, self.left[nodes], self.right[nodes])
        after: np.ndarray = np.where(code == MISSING, self.missing[nodes], found)
        return after


def _zeros(values: np.ndarray, gone: np.ndarray, treat: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the values, and whether they are missing, as LightGBM reads them."""
    zero = np.abs(values) <= _NEAR_ZERO
    if treat == MISSING_IS_ZERO:
        zero, gone = zero | gone, np.zeros_like(gone)
    return np.where(zero, 0.0, values), gone | zero if treat == ZERO_IS_MISSING else gone
