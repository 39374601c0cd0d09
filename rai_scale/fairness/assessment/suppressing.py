"""A measured table without its small groups, so that readers cannot identify people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError
from rai_scale.measures.counted_frame import CountedMetricFrame
from rai_scale.measures.from_cells import disaggregate
from rai_scale.measures.group_columns import column_of
from rai_scale.statistics.suppression import hidden_groups, hide, note_of


@dataclass(frozen=True)
class Suppressed:
    """What may be shown.

    Attributes
    ----------
    by_group : pandas.DataFrame
        Values, NaN for hidden groups.
    counts : pandas.Series of float64
        Rows, NaN for hidden groups.
    overall : pandas.Series or pandas.DataFrame
        Of all rows, hidden groups included.
    difference, ratio : pandas.Series or pandas.DataFrame
        As Fairlearn's (max - min, min / max), between the groups that are shown; a gap to a hidden
        group would reveal its value.
    hidden : pandas.Series of str
        ``""``, ``"small"`` or ``"complementary"`` per group.
    note : str
    """

    by_group: pd.DataFrame
    counts: pd.Series
    overall: pd.Series | pd.DataFrame
    difference: pd.Series | pd.DataFrame
    ratio: pd.Series | pd.DataFrame
    hidden: pd.Series
    note: str


def suppressed(mf: CountedMetricFrame, min_rows: int) -> Suppressed:
    """Hide groups with fewer than ``min_rows`` rows, with complementary suppression.

    See :func:`rai_scale.statistics.suppression.hidden_groups`. A small group cannot be computed
    from one such table. It can still be computed from the difference of several tables with
    overlapping groups or periods.

    Parameters
    ----------
    mf : CountedMetricFrame
        From :func:`rai_scale.metric_frame`.
    min_rows : int
        Groups with fewer rows are hidden.
    """
    hidden = hidden_of(mf, min_rows)
    by_group = pd.DataFrame(mf.by_group)
    low, high = between_shown(by_group, hidden, mf.measured.roles.control)
    return Suppressed(
        hide(by_group, hidden, [str(name) for name in by_group]),
        mf.counts.astype(float).mask(hidden != ""),
        mf.overall,
        high - low,
        low / high,
        hidden,
        note_of(hidden, min_rows),
    )


def hidden_of(mf: CountedMetricFrame, min_rows: int) -> pd.Series:
    """Return which groups are hidden; one stratum per control level."""
    return hidden_groups(mf.counts, min_rows, mf.measured.roles.control)


def between_shown(
    by_group: pd.DataFrame, hidden: pd.Series, control: Sequence[str]
) -> tuple[pd.DataFrame | pd.Series, pd.DataFrame | pd.Series]:
    """Return the least and the greatest value over the groups that are shown, by control level."""
    shown = by_group.astype(float).mask(hidden != "")
    if control:
        grouped = shown.groupby(level=list(control))
        return grouped.min(), grouped.max()
    return shown.min(), shown.max()


def shown_groups(mf: CountedMetricFrame, hidden: pd.Series) -> CountedMetricFrame:
    """Return the table of the groups that are shown, as if the others had no rows.

    Raises
    ------
    ConfigError
        If no group is left, or the table does not come from cells.
    """
    if (hidden == "").all():
        return mf
    measured = mf.measured
    if measured.counted != measured.metrics or measured.bounds is not None:
        raise ConfigError("small groups can be hidden only in tables that come from cells.")
    names = measured.roles.groups
    keys = measured.cells.keys[names]
    index = pd.MultiIndex.from_frame(keys) if len(names) > 1 else pd.Index(keys[names[0]])
    keep = np.asarray(hidden.reindex(index) == "")
    if not keep.any():
        raise ConfigError("every group is small; use fewer features or a lower limit.")
    cells = measured.cells.select(keep)
    result = disaggregate(cells, measured.roles, measured.metrics)
    return CountedMetricFrame(replace(measured, result=result, cells=cells), single=False)


def without_hidden(tables: dict[str, pd.DataFrame], hidden: pd.Series) -> dict[str, pd.DataFrame]:
    """Hide groups in the tables of an assessment: their values, rows and remarks."""
    by_group, flags = tables["by_group"], tables["flags"]
    names = [str(name) for name in hidden.index.names]
    why = _why(by_group, hidden, names)
    numbers = ["value", "rows", "successes", "trials", "low", "high", "bound"]
    shown = by_group.copy()
    for number in numbers if (why != "").any() else ():
        shown[number] = shown[number].astype(float).mask(why != "")
    shown["hidden"] = why
    shown.loc[why != "", "flags"] = ""
    kept = flags[_why(flags, hidden, names) == ""].reset_index(drop=True)
    return {**tables, "by_group": shown, "flags": kept}


def _why(table: pd.DataFrame, hidden: pd.Series, names: list[str]) -> np.ndarray:
    own = [column_of(name) for name in names]
    keys = pd.MultiIndex.from_frame(table[own]) if len(own) > 1 else pd.Index(table[own[0]])
    return hidden.reindex(keys).to_numpy()
