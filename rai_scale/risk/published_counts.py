"""What several tables of counts show together: differences, and hidden counts that follow.

Groups are rows of integer codes, which are equal for equal values in all tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rai_scale.errors import ConfigError
from rai_scale.statistics.suppression import MOST_SOLVED, determined

_EXACT = 1e-6


@dataclass(frozen=True)
class Published:
    """A published table.

    Attributes
    ----------
    name : str
    columns : tuple of str
        The columns that define its groups.
    codes : ndarray of int64, shape (n_groups, n_columns)
    counts : ndarray of float64, shape (n_groups,)
        NaN is a hidden count.
    rows_of : str
        The name of the set of rows that it counts.
    """

    name: str
    columns: tuple[str, ...]
    codes: np.ndarray
    counts: np.ndarray
    rows_of: str

    @property
    def hidden(self) -> np.ndarray:
        """Which counts are hidden."""
        return np.isnan(self.counts)


@dataclass(frozen=True)
class Remainders:
    """What is left of the counts of one table after those of another are subtracted.

    Attributes
    ----------
    one, other : Published
        The subtracted table, and the one that it is subtracted from.
    columns : tuple of str
        The columns that both have.
    ids : ndarray of int64, shape (n_groups,)
        For each group of ``one``, the number of its merged group.
    codes : ndarray of int64, shape (n_merged, n_columns)
        The values of each merged group.
    rows : ndarray of float64, shape (n_merged,)
        The remainder; NaN where a count of ``other`` is hidden.
    hidden : ndarray of int64, shape (n_merged,)
        The hidden groups of ``one`` in each merged group.
    """

    one: Published
    other: Published
    columns: tuple[str, ...]
    ids: np.ndarray
    codes: np.ndarray
    rows: np.ndarray
    hidden: np.ndarray

    def group(self, merged: int) -> tuple[tuple[str, ...], np.ndarray]:
        """Return the columns and values of a remainder: those of a hidden group if it is one."""
        if self.one.rows_of == self.other.rows_of and self.hidden[merged] == 1:
            [at] = np.flatnonzero((self.ids == merged) & self.one.hidden)
            return self.one.columns, self.one.codes[at]
        return self.columns, self.codes[merged]


def remainders(one: Published, other: Published) -> Remainders:
    """Subtract the shown counts of ``one`` from those of ``other``, in groups that both have.

    Raises
    ------
    ConfigError
        If the rows of ``one`` cannot be among those of ``other``.
    """
    common = tuple(name for name in one.columns if name in other.columns)
    parts = [t.codes[:, [t.columns.index(name) for name in common]] for t in (one, other)]
    if common:
        codes, ids = np.unique(np.vstack(parts), axis=0, return_inverse=True)
    else:
        codes, ids = np.zeros((1, 0), np.int64), np.zeros(sum(map(len, parts)), np.int64)
    mine, theirs = np.split(ids.reshape(-1), [len(parts[0])])
    size = len(codes)
    hidden = np.bincount(mine[one.hidden], minlength=size)
    shown = np.bincount(mine, np.nan_to_num(one.counts), minlength=size)
    rows = np.bincount(theirs, other.counts, minlength=size) - shown
    wrong = rows < 0
    if one.rows_of == other.rows_of:
        wrong |= (rows > 0) & (hidden == 0)
    if wrong.any():
        raise _contradiction(one, other, int(wrong.sum()))
    return Remainders(one, other, common, mine, codes, rows, hidden)


def pairs(tables: Sequence[Published], inside: set[tuple[str, str]]) -> Iterator[Remainders]:
    """Yield the remainders of all pairs of tables where the rows of one are among the other's.

    ``inside`` holds pairs (smaller set, larger set); a set is inside itself.
    """
    for one in tables:
        for other in tables:
            if one is not other and (
                one.rows_of == other.rows_of or (one.rows_of, other.rows_of) in inside
            ):
                yield remainders(one, other)


def solved(table: Published, others: Sequence[Published]) -> tuple[Published, int]:
    """Fill in the hidden counts that follow from the other tables of the same rows.

    A hidden count follows if it is zero in the whole null space of the sums that are known.

    Returns
    -------
    tuple of (Published, int)
        The table, and how many hidden counts were not solved because more than 1,000 of them
        depend on each other.

    Raises
    ------
    ConfigError
        If no counts satisfy all sums.
    """
    at = np.flatnonzero(table.hidden)
    if not len(at):
        return table, 0
    sums = [
        (found.ids[at], found.rows)
        for other in others
        if other.rows_of == table.rows_of and other is not table
        for found in [remainders(table, other)]
    ]
    counts, left = table.counts.copy(), 0
    blocks = _blocks(len(at), sums)
    for block in np.split(np.argsort(blocks, kind="stable"), np.cumsum(np.bincount(blocks))[:-1]):
        if len(block) > MOST_SOLVED:
            left += len(block)
        elif len(block):
            values = _solve(table, block, sums)
            counts[at[block]] = values
    return replace(table, counts=counts), left


def _solve(
    table: Published, block: np.ndarray, sums: Sequence[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Return the counts of a block of hidden groups that follow; NaN for the others."""
    sides, totals = [], []
    for ids, rows in sums:
        for merged in np.unique(ids[block]):
            if not np.isnan(rows[merged]):
                sides.append(ids[block] == merged)
                totals.append(rows[merged])
    found = np.full(len(block), np.nan)
    if not sides:
        return found
    matrix, right = np.array(sides, dtype=float), np.array(totals)
    values, *_ = np.linalg.lstsq(matrix, right)
    known = determined(matrix)
    whole = np.round(values[known])
    off = np.abs(matrix @ values - right).max() > _EXACT
    if off or (np.abs(values[known] - whole) > _EXACT).any() or (whole < 0).any():
        raise ConfigError(
            f"no hidden counts of table {table.name!r} satisfy the sums of the other tables. Do "
            "all tables count the same rows, without rounding or noise?"
        )
    found[known] = whole
    return found


def _blocks(size: int, sums: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Number the hidden groups that are connected by sums."""
    labels = np.arange(size)
    while True:
        before = labels
        for ids, rows in sums:
            least = np.full(len(rows), size)
            np.minimum.at(least, ids, labels)
            joined = ~np.isnan(rows)[ids]
            labels = np.where(joined, least[ids], labels)
        if (labels == before).all():
            return np.unique(labels, return_inverse=True)[1].reshape(-1)


def _contradiction(one: Published, other: Published, groups: int) -> ConfigError:
    if one.rows_of == other.rows_of:
        return ConfigError(
            f"tables {one.name!r} and {other.name!r} contradict each other in {groups:,} merged "
            "groups. If they count different rows, say so in rows_of; counts with rounding or "
            "noise cannot be checked."
        )
    return ConfigError(
        f"table {one.name!r} counts more rows than {other.name!r} in {groups:,} merged groups, so "
        f"{one.rows_of!r} is not a subset of {other.rows_of!r}. Check rows_of and subset_of."
    )
