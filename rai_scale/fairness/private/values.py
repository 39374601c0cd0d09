"""The groups of a private comparison: those with usable values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError
from rai_scale.fairness.private.shares import NoisyCounts, usable_by
from rai_scale.measures.counted_frame import CountedMetricFrame
from rai_scale.measures.disparity_bands import parts_of
from rai_scale.measures.metrics import METRICS, Metric, Metrics, base_function

_EVERY_LABEL = ("true_positive_rate", "false_positive_rate", "precision_score")


class UsableTables(CountedMetricFrame):
    """Tables of noisy counts, and which of their values are usable.

    Attributes
    ----------
    noisy : NoisyCounts
        The release, before it was projected.
    usable : pandas.DataFrame of bool
        Per group and metric.
    usable_overall : pandas.DataFrame of bool
        One row per control level, or one.
    """

    noisy: NoisyCounts
    usable: pd.DataFrame
    usable_overall: pd.DataFrame


def usable_groups(found: UsableTables, metrics: Metrics) -> np.ndarray:
    """Return which groups are usable for all metrics that disparities need.

    The only group of a control level cannot be compared, and is not usable.
    """
    if isinstance(metrics, Mapping):
        asked: list[Any] = list(metrics.values())
    else:
        asked = [metrics] if isinstance(metrics, str) or callable(metrics) else list(metrics)
    names = {part for one in asked for part in _made_of(one)}
    by = found.noisy.roles.groups
    usable = [usable_by(found.noisy, Metric(n, METRICS[n]), by)[0] for n in sorted(names)]
    keep = pd.Series(np.logical_and.reduce(usable), index=found.usable.index)
    control = list(found.noisy.roles.control)
    number = keep.groupby(level=control).transform("sum") if control else keep.sum()
    return np.asarray(keep & (number >= 2))  # noqa: PLR2004


def _made_of(asked: Any) -> tuple[str, ...]:
    """Return the metrics of a disparity; if its name is unknown, the rates of all labels."""
    name = asked if isinstance(asked, str) else getattr(base_function(asked), "__name__", "")
    try:
        return parts_of(name)[0]
    except ConfigError:
        return _EVERY_LABEL


def mask_gaps(found: UsableTables) -> None:
    """Remove differences and ratios between fewer than two usable groups."""
    usable = found.usable
    control = list(found.noisy.roles.control)
    if control:
        number = usable.groupby(level=control, sort=True).sum()
    else:
        number = usable.sum().to_frame().T
    enough = number.to_numpy() >= 2  # noqa: PLR2004
    for name in ("difference", "ratio"):
        by_error = found.answers[name]["between_groups"]
        for how, value in by_error.items():
            if not isinstance(value, Exception):
                by_error[how] = shaped(found, np.where(enough, wide(found, value), np.nan))


def wide(found: UsableTables, value: Any) -> np.ndarray:
    """Return a result of Fairlearn's as an array, shape (levels or 1, metrics)."""
    return np.asarray(value, dtype=float).reshape(found.usable_overall.shape)


def shaped(found: UsableTables, values: np.ndarray) -> Any:
    """Return numbers per control level and metric in the form of Fairlearn's results."""
    names, single = list(found.usable_overall), found.single
    if found.noisy.roles.control:
        table = pd.DataFrame(values, index=found.usable_overall.index, columns=names)
        return table.iloc[:, 0] if single else table
    return float(values[0, 0]) if single else pd.Series(values[0], index=names)
