"""One row per group and metric: the form that comparisons, reports and files share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import sklearn.metrics as skm
from fairlearn import metrics as fm

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.measures.group_columns import column_of, group_label
from rai_scale.measures.uncertainty.proportions import proportion_counts

if TYPE_CHECKING:
    from rai_scale.measures.counted_frame import CountedMetricFrame

LOWER_IS_BETTER = (
    *(fm.false_positive_rate, fm.false_negative_rate, skm.zero_one_loss, skm.log_loss),
    *(skm.brier_score_loss, skm.mean_absolute_error, skm.mean_squared_error),
    *(skm.root_mean_squared_error,),
)
"""Metrics for which a smaller value is better."""


def control_names(mf: CountedMetricFrame) -> list[str]:
    """Return the columns of the control features."""
    return [column_of(name) for name in mf.measured.roles.control]


def group_names(mf: CountedMetricFrame) -> list[str]:
    """Return the columns that make the groups, control features first."""
    return [column_of(name) for name in mf.measured.roles.groups]


def long_table(mf: CountedMetricFrame) -> pd.DataFrame:
    """Return one row per group and metric.

    Returns
    -------
    pandas.DataFrame
        The group's columns, ``group`` (its sensitive levels as text), ``metric``, ``value``,
        ``rows`` (int64), ``successes`` and ``trials`` (float64; NaN unless the metric is a share of
        rows) and ``flags`` (text). Metrics that are not single numbers are left out.
    """
    names = group_names(mf)
    values = pd.DataFrame(mf.by_group)
    values.columns = [metric.name for metric in mf.measured.metrics]
    parts = []
    for metric in values:
        if not values[metric].map(np.isscalar).all():
            continue
        part = values.index.to_frame(index=False)
        part.columns = names
        part["metric"] = str(metric)
        part["value"] = values[metric].to_numpy(dtype=float, na_value=np.nan)
        part["rows"] = mf.counts.to_numpy()
        parts.append(part)
    if not parts:
        raise ConfigError("no metric is a single number; ask for at least one that is.")
    table = pd.concat(parts, ignore_index=True)
    measured = mf.measured
    roles = measured.roles
    shares = proportion_counts(measured.cells, roles, measured.metrics, roles.groups)
    shares = shares.rename_axis([*names, "metric"]).reset_index()
    table = table.merge(shares, how="left", on=[*names, "metric"])
    table[["successes", "trials"]] = table[["successes", "trials"]].astype(float)
    table["flags"] = _flags(mf, table, names)
    sensitive = [column_of(name) for name in roles.sensitive]
    table.insert(len(names), "group", [group_label(t) for t in _levels(table, sensitive)])
    return table


def strata(table: pd.DataFrame, control: list[str]) -> list[tuple[tuple[Any, ...], pd.DataFrame]]:
    """Split a long table by control level and metric; without control features, by metric."""
    return [(key, part) for key, part in table.groupby([*control, "metric"], sort=False)]


def check_metric(mf: CountedMetricFrame, name: str) -> None:
    """Raise if a metric was not measured."""
    names = [metric.name for metric in mf.measured.metrics]
    if name not in names:
        raise ConfigError(
            f"metric {name!r} was not measured.{did_you_mean(name, names)} "
            f"Measured: {', '.join(names)}."
        )


def _levels(table: pd.DataFrame, names: list[str]) -> list[object]:
    return list(table[names].itertuples(index=False, name=None))


def _flags(mf: CountedMetricFrame, table: pd.DataFrame, names: list[str]) -> list[str]:
    found: dict[tuple[Any, ...], list[str]] = {}
    for *levels, metric, flag, _ in mf.flags.itertuples(index=False, name=None):
        found.setdefault((*levels, metric), []).append(flag)
    keys: list[Any] = _levels(table, names)
    pairs = zip(keys, table["metric"], strict=True)
    return [
        "; ".join([*found.get((*key, "*"), []), *found.get((*key, metric), [])])
        for key, metric in pairs
    ]
