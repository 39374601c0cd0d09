"""The worst-off groups among all combinations of up to three sensitive features."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError
from rai_scale.measures.from_cells import CellMetric, Roles, frame_of
from rai_scale.measures.group_columns import column_of
from rai_scale.measures.long_table import LOWER_IS_BETTER, check_metric
from rai_scale.measures.metrics import Metric, base_function
from rai_scale.measures.uncertainty.proportions import is_proportion, proportion_counts, z_test
from rai_scale.statistics.cells import Cells
from rai_scale.statistics.multiple_tests import holm
from rai_scale.statistics.wilson import wilson

if TYPE_CHECKING:
    from rai_scale.measures.counted_frame import CountedMetricFrame

DEEPEST = 3


def worst_groups(
    mf: CountedMetricFrame,
    metric: str,
    *,
    depth: int = 2,
    min_rows: int = 30,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Search all combinations of up to ``depth`` sensitive features for groups far from overall.

    The groups are sums of cells that are already counted; nothing is read again. Control features
    are ignored. Among many groups, some are far from the rest by chance alone, so intervals and
    p-values are corrected for all groups that were searched.

    Parameters
    ----------
    mf : CountedMetricFrame
    metric : str
        A metric of the frame.
    depth : int
        1 to 3 features at a time.
    min_rows : int
        Groups with fewer rows are not searched.
    confidence : float
        Probability with which all intervals cover their values at once (Bonferroni).

    Returns
    -------
    pandas.DataFrame
        Farthest first: ``features``, ``group`` (``sex = F, race = A``), ``depth``, ``rows``,
        ``value``, ``overall``, ``distance`` (value - overall), ``worse`` (bool; None for metrics
        without a better side, such as selection rate), and for shares of rows ``low``, ``high``
        (Wilson's interval at ``1 - (1 - confidence) / searched``), ``z`` and ``p_value`` against
        all other rows, ``p_holm``, ``sure`` (p_holm below 1 - confidence); ``searched`` groups.

    Raises
    ------
    ConfigError
        If the metric was not measured from cells, or depth is not 1, 2 or 3.
    """
    check_metric(mf, metric)
    if depth not in range(1, DEEPEST + 1):
        raise ConfigError(f"depth must be 1, 2 or 3; found {depth!r}.")
    measured = mf.measured
    chosen = next((m for m in measured.counted if m.name == metric), None)
    if chosen is None or measured.bounds is not None:
        raise ConfigError(f"{metric!r} was not computed from cells; use predicted labels.")
    tables = [
        _groups_of(measured.cells, measured.roles, chosen, list(names), min_rows)
        for size in range(1, min(depth, len(measured.roles.sensitive)) + 1)
        for names in combinations(measured.roles.sensitive, size)
    ]
    table = pd.concat(tables, ignore_index=True)
    table["overall"] = _overall(measured.cells, measured.roles, chosen)
    table["distance"] = table["value"] - table["overall"]
    table["worse"] = _worse(chosen, table["distance"])
    _correct(table, measured.cells, measured.roles, chosen, confidence)
    table["searched"] = len(table)
    order = table["distance"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index(drop=True)


def _groups_of(
    cells: Cells, roles: Roles, metric: Metric, names: list[str], min_rows: int
) -> pd.DataFrame:
    rows = pd.Series(cells.count).groupby([cells.keys[n].to_numpy() for n in names]).sum()
    own = [column_of(name) for name in names]
    rows = rows[rows >= min_rows].rename_axis(own)
    table = rows.rename("rows").reset_index()
    levels = list(table[own].itertuples(index=False, name=None))
    found = pd.DataFrame({"features": [", ".join(names)] * len(table)})
    found["group"] = [_said(names, values) for values in levels]
    found["depth"] = len(names)
    found["rows"] = table["rows"].astype("int64")
    if is_proportion(metric, cells, roles):
        counts = proportion_counts(cells, roles, [metric], names)
        counts = counts.rename_axis([*own, "metric"]).reset_index()
        counts = table.merge(counts, on=own, how="left")
        found["successes"], found["trials"] = counts["successes"], counts["trials"]
        found["value"] = counts["successes"] / counts["trials"].where(counts["trials"] > 0)
    else:
        found["successes"], found["trials"] = np.nan, np.nan
        found["value"] = list(_values(cells, roles, metric, names, levels))
    return found


def _said(names: list[str], values: tuple[Any, ...]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in zip(names, values, strict=True))


def _values(
    cells: Cells, roles: Roles, metric: Metric, names: list[str], levels: list[tuple[Any, ...]]
) -> Iterator[float]:
    frame = frame_of(cells, roles, [metric])
    compute = CellMetric(metric, roles.y_true, roles.y_pred)
    parts = dict(list(frame.groupby(names)))
    for key in levels:
        value = compute(parts[key])
        if not np.isscalar(value):
            raise ConfigError(f"{metric.name!r} is not a single number; it cannot be ranked.")
        yield float(value)  # type: ignore[arg-type]


def _overall(cells: Cells, roles: Roles, metric: Metric) -> float:
    if is_proportion(metric, cells, roles):
        counts = proportion_counts(cells, roles, [metric], roles.groups)
        trials = counts["trials"].sum()
        return counts["successes"].sum() / trials if trials else np.nan
    frame = frame_of(cells, roles, [metric])
    return float(CellMetric(metric, roles.y_true, roles.y_pred)(frame))


def _worse(metric: Metric, distance: pd.Series) -> list[bool | None]:
    name = getattr(base_function(metric.function), "__name__", "")
    if name in ("selection_rate", "mean_prediction", "count"):
        return [None] * len(distance)
    sign = -1 if base_function(metric.function) in LOWER_IS_BETTER else 1
    return [None if np.isnan(d) else bool(sign * d < 0) for d in distance]


def _correct(
    table: pd.DataFrame, cells: Cells, roles: Roles, metric: Metric, confidence: float
) -> None:
    """Add intervals and tests, corrected for all groups of the table."""
    x, n = table.pop("successes"), table.pop("trials")
    whole = proportion_counts(cells, roles, [metric], roles.groups).sum()
    each = 1 - (1 - confidence) / max(len(table), 1)
    table["low"], table["high"] = wilson(x, n, each)
    table["z"], table["p_value"] = z_test(x, n, whole["successes"] - x, whole["trials"] - n)
    table["p_holm"] = holm(table["p_value"].to_numpy())
    table["sure"] = table["p_holm"] < 1 - confidence
