"""Small groups are hidden, and so that the total does not betray one, not a single one alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError

SMALL, COMPLEMENTARY = "small", "complementary"


def hidden_groups(counts: pd.Series, min_rows: int, strata: Sequence[str] = ()) -> pd.Series:
    """Say which groups are hidden, and why.

    A group with 1 to ``min_rows - 1`` rows is hidden. Where that is exactly one group of a
    stratum, its numbers would follow from the total and the groups that are shown; the next
    smallest group is then hidden too (complementary suppression: Willenborg & de Waal 2001,
    Elements of Statistical Disclosure Control, 1.3). Groups without rows stay as they are.

    Parameters
    ----------
    counts : pandas.Series of int64
        Rows per group.
    min_rows : int
        Groups with fewer rows are hidden; 0 or 1 hides none.
    strata : list of str
        Levels of the index within which totals are known (control features); one stratum
        by default.

    Returns
    -------
    pandas.Series of str
        Indexed as ``counts``: ``""``, ``"small"`` or ``"complementary"``.
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
    """Say in a sentence what was hidden; an empty string where nothing was."""
    small, more = (int((hidden == kind).sum()) for kind in (SMALL, COMPLEMENTARY))
    if not small:
        return ""
    text = f"{small} group{'s' * (small > 1)} with fewer than {min_rows} rows hidden"
    if more:
        text += f", and {more} more so that no hidden group follows from a total"
    return text + "."


def hide(table: pd.DataFrame, hidden: pd.Series, columns: Sequence[str]) -> pd.DataFrame:
    """Return a table whose ``columns`` are NaN in the rows of hidden groups.

    ``table`` is indexed as ``hidden``, or has its levels as columns.
    """
    result = table.copy()
    names = list(hidden.index.names)
    if list(table.index.names) == names:
        found = hidden.reindex(table.index).to_numpy() != ""
    else:
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
