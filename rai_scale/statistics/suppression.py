"""Suppression of small groups, so that no hidden group follows from a total."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError

SMALL, COMPLEMENTARY = "small", "complementary"


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
