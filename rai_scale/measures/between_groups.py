"""Fairlearn's single numbers over all groups, computed from cells."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.measures.from_cells import (
    COUNT,
    ROLE,
    WEIGHT,
    Roles,
    check_roles,
    frame_of,
    refuse_empty,
)
from rai_scale.measures.levels import makers_of, named_cells
from rai_scale.measures.metrics import (
    DISPARITIES,
    Metric,
    Metrics,
    call_metric,
    named_functions,
)
from rai_scale.measures.positive_labels import refuse_absent_labels_of
from rai_scale.names import names_of
from rai_scale.statistics.cells import Cells, count_cells
from rai_scale.upstream.fairlearn import derived_from


def disparity_values(
    cells: Cells,
    roles: Roles,
    metrics: Metrics,
    weight: str | None,
    *,
    method: str = "between_groups",
    options: dict[str, Any] | None = None,
    labels: pd.DataFrame | None = None,
) -> Any:
    """Call Fairlearn's disparity functions on cells, for each control level if there are any.

    ``labels`` has all labels that can occur, where that is more than the cells have.
    """
    functions, single = named_functions(metrics, DISPARITIES)
    column = COUNT if weight is None else WEIGHT + weight
    given = {"method": method, **(options or {})}
    taken = _taken(functions, given)
    refuse_empty(cells)
    refuse_absent_labels_of(functions, given, roles, cells.keys if labels is None else labels)
    cells = cells.select(cells.count > 0)  # a private frame has only cells of declared values
    frame = _two_rows(frame_of(cells, roles, [Metric("", _nothing, weight)]), roles, column)

    def values(part: pd.DataFrame) -> pd.Series:
        found = {name: _call(f, part, roles, column, taken[name]) for name, f in functions.items()}
        return pd.Series(found, dtype=float)

    if roles.control:
        levels: Any = frame.groupby(list(roles.control))
        table = levels.apply(values, include_groups=False)
        return table.iloc[:, 0] if single else table
    series = values(frame)
    return float(series.iloc[0]) if single else series


def _nothing(y_true: np.ndarray, y_pred: np.ndarray) -> None:
    """A placeholder metric: only the weight's column is needed."""


def _taken(
    functions: Mapping[str, Callable[..., Any]], given: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the options that each function accepts; at least one must accept each option."""
    known = {name: _parameters(function) for name, function in functions.items()}
    for option in given.keys() - {"method"}:
        if not any(option in names for names in known.values()):
            choices = sorted({*set().union(*known.values())} - _ROLES)
            raise ConfigError(
                f"none of {', '.join(map(repr, functions))} has the option {option!r}; the options "
                f"are "
                f"{', '.join(choices)}.{did_you_mean(option, choices)}"
            )
    refused = [name for name, names in known.items() if "sample_weight" not in names]
    if refused:
        raise ConfigError(
            f"{', '.join(map(repr, refused))} cannot be computed from counts, because there is no "
            f"parameter sample_weight for the number of equal rows."
        )
    return {
        name: {key: value for key, value in given.items() if key in names}
        for name, names in known.items()
    }


_ROLES = {"y_true", "y_pred", "sensitive_features", "sample_weight"}


def _parameters(function: Callable[..., Any]) -> set[str]:
    base = derived_from(function)
    if base is None:
        return set(inspect.signature(function).parameters)
    return {*inspect.signature(base).parameters, "method"}


def _two_rows(frame: pd.DataFrame, roles: Roles, weight: str) -> pd.DataFrame:
    """Split a group's only cell in two: some functions require at least two rows."""
    groups = frame.groupby(roles.groups)[COUNT]
    lonely = (groups.transform("size") == 1) & (frame[COUNT] > 1)
    one = frame[lonely]
    first = one[weight] / 2 if weight != COUNT else np.ones(len(one), np.int64)
    halves = [one.assign(**{weight: first}), one.assign(**{weight: one[weight] - first})]
    return pd.concat([frame[~lonely], *halves], ignore_index=True)


def _call(
    function: Callable[..., Any],
    part: pd.DataFrame,
    roles: Roles,
    weight: str,
    options: dict[str, Any],
) -> float:
    return call_metric(
        getattr(function, "__name__", "disparity"),
        function,
        np.stack(list(part[ROLE + roles.y_true])),
        np.stack(list(part[ROLE + roles.y_pred])),
        sensitive_features=part[list(roles.sensitive)],
        sample_weight=part[weight].to_numpy(),
        **options,
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

    One pass of counting; executes at once.

    Parameters
    ----------
    frame : pyspark, dask or pandas DataFrame, DuckDB relation, pyarrow Table
        One row per prediction.
    metrics : str, function, list or dict
        Names such as ``"equalized_odds_difference"``, or functions of ``fairlearn.metrics``.
    y_true, y_pred, sensitive_features, control_features, sample_weight
        Columns, as for :func:`rai_scale.metric_frame`.
    method : {"between_groups", "to_overall"}
        As in Fairlearn.
    **options
        Passed on to the functions, such as ``agg="mean"`` or ``pos_label="yes"``.

    Returns
    -------
    float, or pandas.Series for several metrics; with control features one per control level.

    Raises
    ------
    ConfigError
        If columns are missing, or the positive label (1, or ``pos_label``) does not occur.
    """
    sensitive, control = tuple(names_of(sensitive_features)), tuple(names_of(control_features))
    roles = Roles(y_true, y_pred, sensitive, control)
    weights = [] if sample_weight is None else [sample_weight]
    engine = engine_of(frame)
    check_roles(roles, [*roles.keys([]), *weights], engine.columns(frame))
    keys = roles.keys([])
    numbers = set(keys) - set(roles.groups)
    cells = count_cells(engine, frame, keys, weights=weights, numbers=numbers)
    cells = named_cells(cells, makers_of(frame, roles))
    return disparity_values(cells, roles, metrics, sample_weight, method=method, options=options)
