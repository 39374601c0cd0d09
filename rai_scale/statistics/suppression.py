"""Suppression of small groups, so that no hidden group follows from a total."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError

SMALL, COMPLEMENTARY = "small", "complementary"
MOST_SOLVED = 1_000
"""The most hidden cells for which it is solved whether they follow from the totals."""
_TINY = 1e-9


def hidden_groups(counts: pd.Series, min_rows: int, strata: Sequence[str] = ()) -> pd.Series:
    """Decide which groups to hide, and why.

    A group with 1 to ``min_rows - 1`` rows is hidden. If exactly one group of a stratum is hidden,
    its numbers would follow from the total and the visible groups; the next smallest group is then
    hidden too (complementary suppression: Willenborg and de Waal 2001, Elements of Statistical
    Disclosure Control, 1.3). Groups without rows are not hidden.

    Parameters
    ----------
    counts : pandas.Series of int64
        Rows per group.
    min_rows : int
        Groups with fewer rows are hidden; 0 or 1 hides none.
    strata : list of str
        Levels of the index within which totals are known (control features); by default, one
        stratum holds all groups.

    Returns
    -------
    pandas.Series of str
        Indexed as ``counts``: ``""`` (visible), ``"small"`` or ``"complementary"``.

    Raises
    ------
    ConfigError
        If ``min_rows`` is negative.
    """
    if min_rows < 0:
        raise ConfigError(f"min_rows must be 0 or more; found {min_rows!r}.")
    why = pd.Series("", counts.index, dtype=object, name="hidden")
    codes = _codes(counts.index, strata)
    rows = counts.to_numpy()
    small = (rows > 0) & (rows < min_rows)
    why[small] = SMALL
    for code in np.unique(codes[small]):
        inside = codes == code
        if (small & inside).sum() == 1:
            others = np.flatnonzero(inside & ~small & (rows > 0))
            if len(others):
                why.iloc[others[np.argmin(rows[others])]] = COMPLEMENTARY
    return why


def hidden_cells(
    counts: Sequence[int], min_rows: int, totals: Sequence[Sequence[Hashable]] = ()
) -> np.ndarray:
    """Decide which cells of a table to hide if several kinds of totals are known.

    As in :func:`hidden_groups`, cells with 1 to ``min_rows - 1`` rows are hidden, and then further
    ones, smallest first, until in each total the hidden cells have together at least ``min_rows``
    rows, and no small cell follows from the totals by arithmetic: a hidden cell follows from them
    exactly if it is zero in the whole null space of the sums over the hidden cells. Cells without
    rows are hidden last.

    Parameters
    ----------
    counts : sequence of int, shape (n_cells,)
        Rows per cell; each row is in one cell.
    min_rows : int
    totals : sequence of sequence, shape (n_totals, n_cells)
        For each kind of known totals, the label of the total that each cell adds to: the labels of
        the rows and of the columns of a table. The total of all cells counts as known.

    Returns
    -------
    numpy.ndarray of bool, shape (n_cells,)
    """
    rows = np.asarray(counts, dtype=np.int64)
    small = (rows > 0) & (rows < min_rows)
    hidden = small.copy()
    codes = [pd.factorize(pd.Series(list(labels), dtype=object))[0] for labels in totals]
    sums = [code == one for code in codes for one in np.unique(code)]
    sums = [*sums, np.ones(len(rows), dtype=bool)]
    while True:
        partly = [s for s in sums if (s & hidden).any() and not hidden[s].all()]
        weak = [s for s in partly if rows[s & hidden].sum() < min_rows]
        if not weak:
            known = small & _follows(hidden, sums)
            weak = [s for s in partly if (s & known).any()]
        if not weak:
            return hidden
        shown = np.flatnonzero(min(weak, key=np.sum) & ~hidden)
        hidden[min(shown, key=lambda cell: (rows[cell] == 0, rows[cell]))] = True


def _follows(hidden: np.ndarray, sums: Sequence[np.ndarray]) -> np.ndarray:
    """Return the hidden cells that follow from the sums and the shown cells."""
    found = hidden.copy()
    if 0 < hidden.sum() <= MOST_SOLVED:  # above, all count as known, so that more are hidden
        found[hidden] = determined(np.array([s[hidden] for s in sums], dtype=float))
    return found


def determined(matrix: np.ndarray) -> np.ndarray:
    """Return which unknowns follow from linear equations.

    An unknown follows exactly if it is zero in the whole null space.

    Parameters
    ----------
    matrix : ndarray of float64, shape (n_equations, n_unknowns)
        The left sides.

    Returns
    -------
    numpy.ndarray of bool, shape (n_unknowns,)
    """
    _, size, right = np.linalg.svd(matrix)
    free = right[int((size > _TINY).sum()) :]
    return (np.abs(free) < _TINY).all(axis=0)


def note_of(hidden: pd.Series, min_rows: int) -> str:
    """Return a sentence about the result of :func:`hidden_groups`; empty if nothing is hidden."""
    small, more = (int((hidden == kind).sum()) for kind in (SMALL, COMPLEMENTARY))
    if not small:
        return ""
    text = f"{small} group{'s' * (small > 1)} with fewer than {min_rows} rows hidden"
    if more:
        text += f", and {more} more so that no hidden group follows from a total"
    return text + "."


def hide(table: pd.DataFrame, hidden: pd.Series, columns: Sequence[str]) -> pd.DataFrame:
    """Replace the values of hidden groups by NaN.

    Parameters
    ----------
    table : pandas.DataFrame
        Indexed as ``hidden``, or with its levels as columns.
    hidden : pandas.Series of str
        The result of :func:`hidden_groups`.
    columns : sequence of str
        The columns to hide, which become float64.

    Returns
    -------
    pandas.DataFrame
        A copy.
    """
    result = table.copy()
    names = list(hidden.index.names)
    keys: Any = table.index
    if list(keys.names) != names:
        keys = pd.MultiIndex.from_frame(table[names]) if len(names) > 1 else table[names[0]]
    found = hidden.reindex(keys).to_numpy() != ""
    for column in columns:
        result[column] = result[column].astype(float).mask(found)
    return result


def _codes(index: pd.Index, strata: Sequence[str]) -> np.ndarray:
    if not strata:
        return np.zeros(len(index), dtype=np.int64)
    levels = index.to_frame(index=False)[list(strata)]
    return levels.groupby(list(strata), sort=False).ngroup().to_numpy()
