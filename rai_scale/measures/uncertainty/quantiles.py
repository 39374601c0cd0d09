"""Fairlearn's bootstrap intervals from replicates, with the same tables and treatment of NaN.

Fairlearn 0.15 (``MetricFrame._populate_results_ci``) takes quantiles of frames without their NaN,
and of series with them: one replicate without a value makes a series' interval NaN. Differences,
ratios, minima and maxima are taken in each replicate first. A percentile interval of a difference
does not have its stated coverage at parity; for claims and gates use
:mod:`rai_scale.measures.uncertainty.bands`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.measures.uncertainty.replicates import Replicates

METHODS = ("between_groups", "to_overall")


def interval_tables(replicates: Replicates, quantiles: Sequence[float]) -> dict[str, Any]:
    """Return every interval that Fairlearn's ``MetricFrame`` offers, before it drops dimensions.

    Parameters
    ----------
    replicates : Replicates
    quantiles : list of float
        ``ci_quantiles``, between 0 and 1.

    Returns
    -------
    dict
        ``overall_ci``, ``by_group_ci``, ``group_min_ci``, ``group_max_ci``: a list with one Series
        or DataFrame per quantile; ``difference_ci``, ``ratio_ci``: a dict of such lists by method
        (``between_groups``, ``to_overall``). Columns or entries are metrics. The keys are those of
        ``MetricFrame._result_cache``.
    """
    by_group = _frames(replicates.by_group, quantiles, replicates.groups, replicates.metrics)

    def tables(values: np.ndarray) -> list[Any]:
        if replicates.controls is None:
            return _series(values, quantiles, replicates.metrics)
        return _frames(values, quantiles, replicates.controls, replicates.metrics)

    return {
        "overall_ci": tables(replicates.overall),
        "by_group_ci": by_group,
        "group_min_ci": tables(group_min(replicates)),
        "group_max_ci": tables(group_max(replicates)),
        "difference_ci": {m: tables(difference(replicates, m)) for m in METHODS},
        "ratio_ci": {m: tables(ratio(replicates, m)) for m in METHODS},
    }


def group_min(replicates: Replicates) -> np.ndarray:
    """Return the least value over groups in each replicate, without NaN; shape as ``overall``."""
    return _over_groups(np.fmin, replicates.by_group, replicates)


def group_max(replicates: Replicates) -> np.ndarray:
    """Return the greatest value over groups in each replicate, without NaN."""
    return _over_groups(np.fmax, replicates.by_group, replicates)


def difference(replicates: Replicates, method: str = "between_groups") -> np.ndarray:
    """Return the greatest absolute difference in each replicate; shape as ``overall``.

    Between the groups with the greatest and the least value, or (``to_overall``) between a group
    and all rows.
    """
    if method == "between_groups":
        return group_max(replicates) - group_min(replicates)
    apart = np.abs(replicates.by_group - _of_groups(replicates.overall, replicates))
    return _over_groups(np.fmax, apart, replicates)


def ratio(replicates: Replicates, method: str = "between_groups") -> np.ndarray:
    """Return the least ratio in each replicate; shape as ``overall``.

    The least over the greatest value, or (``to_overall``) a group's over that of all rows, inverted
    if above 1.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if method == "between_groups":
            return group_min(replicates) / group_max(replicates)
        ratios = replicates.by_group / _of_groups(replicates.overall, replicates)
        return _over_groups(np.fmin, np.where(ratios > 1, 1 / ratios, ratios), replicates)


def _of_groups(overall: np.ndarray, replicates: Replicates) -> np.ndarray:
    """Give each group the value of its control level, shape (B, groups or 1, metrics)."""
    if replicates.control_of_group is None:
        return overall[:, None, :]
    return overall[:, replicates.control_of_group, :]


def _over_groups(reduce: np.ufunc, values: np.ndarray, replicates: Replicates) -> np.ndarray:
    """Reduce over the groups, within control levels if there are any; fmin and fmax skip NaN."""
    if replicates.controls is None:
        return reduce.reduce(values, axis=1)
    levels = range(len(replicates.controls))
    parts = [values[:, replicates.control_of_group == level] for level in levels]
    return np.stack([reduce.reduce(part, axis=1) for part in parts], axis=1)


def _series(
    values: np.ndarray, quantiles: Sequence[float], metrics: Sequence[str]
) -> list[pd.Series]:
    found = np.quantile(values, q=list(quantiles), axis=0)
    return [pd.Series(row, index=list(metrics)) for row in found]


def _frames(
    values: np.ndarray, quantiles: Sequence[float], index: pd.Index, metrics: Sequence[str]
) -> list[pd.DataFrame]:
    known = not np.isnan(values).any()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a group without rows in any replicate
        quantile = np.quantile if known else np.nanquantile
        found = quantile(values, q=list(quantiles), axis=0)
    return [pd.DataFrame(table, index=index, columns=list(metrics)) for table in found]
