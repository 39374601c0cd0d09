"""Fairlearn's single numbers over all groups, computed from cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.engines.choose import engine_of
from rai_scale.fairness.from_cells import COUNT, ROLE, Roles, frame_of
from rai_scale.fairness.metrics import DISPARITIES, Metric, Metrics, named_functions
from rai_scale.statistics.cells import Cells, count_cells


def disparity_values(
    cells: Cells,
    roles: Roles,
    metrics: Metrics,
    weight: str | None,
    *,
    method: str = "between_groups",
    options: dict[str, Any] | None = None,
) -> Any:
    """Call Fairlearn's disparity functions on cells; one value per control level if there are."""
    functions, single = named_functions(metrics, DISPARITIES)
    frame = frame_of(cells, roles, [Metric("", _nothing, weight)])
    column = COUNT if weight is None else ROLE + weight
    options = {"method": method, **(options or {})}

    def values(part: pd.DataFrame) -> pd.Series:
        found = {name: _call(f, part, roles, column, options) for name, f in functions.items()}
        return pd.Series(found, dtype=float)

    if roles.control:
        table = frame.groupby(list(roles.control)).apply(values, include_groups=False)
        return table.iloc[:, 0] if single else table
    series = values(frame)
    return float(series.iloc[0]) if single else series


def _nothing(y_true: np.ndarray, y_pred: np.ndarray) -> None:
    """Stand for no metric: only the weight's column is wanted."""


def _call(
    function: Callable[..., Any],
    part: pd.DataFrame,
    roles: Roles,
    weight: str,
    options: dict[str, Any],
) -> float:
    name = getattr(function, "__name__", "")
    own = {key: v for key, v in options.items() if key != "method" or "group_m" not in name}
    return function(
        np.stack(part[ROLE + roles.y_true].to_numpy()),
        np.stack(part[ROLE + roles.y_pred].to_numpy()),
        sensitive_features=part[list(roles.sensitive)],
        sample_weight=part[weight].to_numpy(),
        **own,
    )


def disparities(
    frame: Any,
    *,
    metrics: Metrics,
    y_true: str,
    y_pred: str,
    sensitive_features: str | list[str],
    control_features: str | list[str] | None = None,
    sample_weight: str | None = None,
    method: str = "between_groups",
    **options: Any,
) -> Any:
    """Return Fairlearn's single numbers over all groups: demographic parity, equalized odds, ...

    Parameters are those of :func:`rai_scale.metric_frame`; ``metrics`` are names such as
    ``"equalized_odds_difference"`` or the functions of ``fairlearn.metrics``; ``method`` and
    ``options`` (such as ``agg="mean"``) go to them. One pass of counting; executes at once.

    Returns
    -------
    float, or pandas.Series for several metrics; with control features one per control level.
    """
    sensitive, control = (
        (names,) if isinstance(names, str) else tuple(names)
        for names in (sensitive_features, control_features or ())
    )
    roles = Roles(y_true, y_pred, sensitive, control)
    weights = [] if sample_weight is None else [sample_weight]
    cells = count_cells(engine_of(frame), frame, roles.keys([]), weights=weights)
    return disparity_values(cells, roles, metrics, sample_weight, method=method, options=options)
