"""Values by group and overall with their intervals, as long tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rai_scale.measures.long_table import control_names, group_names, long_table
from rai_scale.statistics.wilson import wilson

if TYPE_CHECKING:
    from rai_scale.measures.counted_frame import CountedMetricFrame


def scalar_metrics(mf: CountedMetricFrame) -> list[str]:
    """Return the metrics that are single numbers."""
    return list(dict.fromkeys(long_table(mf)["metric"]))


def group_table(mf: CountedMetricFrame, confidence: float, by_person: bool = False) -> pd.DataFrame:
    """Return the long table with an interval per value, its method, and the bound of binning.

    Shares of rows have Wilson's interval, unless people were resampled (``by_person``); other
    values have the bootstrap's, if there are replicates.
    """
    table = long_table(mf)
    share = table["trials"].notna() & (not by_person)
    low, high = wilson(table["successes"], table["trials"], confidence)
    table["low"], table["high"] = np.where(share, low, np.nan), np.where(share, high, np.nan)
    table["interval"] = np.where(share, "Wilson", "")
    if mf.replicates is not None:
        ends = [pd.DataFrame(t) for t in mf.by_group_ci]
        places = mf.counts.index.get_indexer(_index_of(mf, table))
        for name in table.loc[~share, "metric"].unique():
            at = (table["metric"] == name) & ~share
            for column, frame in zip(("low", "high"), ends, strict=True):
                values = frame.iloc[:, _place(mf, name)].to_numpy(float)
                table.loc[at, column] = values[places[at.to_numpy()]]
            table.loc[at, "interval"] = "bootstrap"
    bounds = pd.Series(mf.bounds.stack(), name="bound").rename_axis([*group_names(mf), "metric"])
    table = table.merge(bounds.reset_index(), how="left", on=[*group_names(mf), "metric"])
    table.loc[table["rows"] == 0, ["low", "high"]] = np.nan
    return table


def _place(mf: CountedMetricFrame, name: str) -> int:
    return [metric.name for metric in mf.measured.metrics].index(name)


def _index_of(mf: CountedMetricFrame, table: pd.DataFrame) -> pd.Index:
    names = group_names(mf)
    return pd.MultiIndex.from_frame(table[names]) if len(names) > 1 else pd.Index(table[names[0]])


def overall_table(mf: CountedMetricFrame, confidence: float) -> pd.DataFrame:
    """Return the overall values (per control level), with bootstrap intervals."""
    control = list(mf.measured.roles.control)
    found = {"value": mf.overall}
    if mf.replicates is not None:
        found |= dict(zip(("low", "high"), mf.overall_ci, strict=True))
    parts = []
    for name, values in found.items():
        table = values if control else pd.DataFrame([values])
        table = pd.DataFrame(table)[[m for m in pd.DataFrame(table) if m in scalar_metrics(mf)]]
        table.columns.name = "metric"
        long = pd.Series(table.stack(future_stack=True), name=name)
        parts.append(long if control else long.droplevel(0))
    joined = pd.concat(parts, axis=1).rename_axis([*control_names(mf), "metric"]).reset_index()
    for end in ("value", "low", "high"):
        joined[end] = joined[end].astype(float) if end in joined else np.nan
    return joined
