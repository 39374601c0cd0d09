"""Partial dependence in an explain job: curves with lines of single rows, and pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rai_scale.engines.choose import engine_of
from rai_scale.explanations.overall.dependence import partial_dependence
from rai_scale.explanations.overall.ice_lines import ice
from rai_scale.statistics.json_values import plain
from rai_scale.statistics.quantiles import distribution

if TYPE_CHECKING:
    from rai_scale.jobs.explain.config import ExplainJob

PAIR_POINTS = 10
"""Grid points per feature of a pair; each pair of points is a prediction of every row."""
OUTER = (2.5, 97.5)
"""Percentiles at which curves end: the extremes would be the values of single rows."""


def dependence_curves(
    config: ExplainJob, frame: Any, model: Any, asked: dict[str, Any]
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Return the curves of the report, with lines of single rows, and the table of averages."""
    options = {**asked, "of": single_terms(config)}
    options["grid"] = _grids(config, frame, asked, single_terms(config), config.grid_points)
    options["grid_points"] = config.grid_points
    averages = partial_dependence(frame, model, **options)
    lines = None
    if config.ice_rows:
        lines = ice(frame, model, rows=config.ice_rows, **options).lines
    curves = []
    for number, term in enumerate(averages.terms):
        axis = term.axes[0]
        for at, label in enumerate(averages.labels):
            own = [] if lines is None or axis.categorical else lines[number][:, :, at].tolist()
            curves.append(
                {
                    "feature": axis.feature,
                    "class": label,
                    "kind": "levels" if axis.categorical else "numeric",
                    "grid": _grid(axis),
                    "values": averages.mean[number][:, at].tolist(),
                    "lines": own,
                }
            )
    table = averages.to_pandas().rename(columns={"term": "feature"})
    return curves, table.assign(value=table["value"].astype(str))


def _grid(axis: Any) -> list[Any]:
    return [str(v) for v in axis.values] if axis.categorical else plain(axis.values)


def _grids(
    config: ExplainJob, frame: Any, asked: dict[str, Any], names: list[str], points: int
) -> dict[str, list[float]]:
    """Return quantiles as the grid of each feature of numbers."""
    engine, found = engine_of(frame), {}
    for name in names:
        if not pd.api.types.is_numeric_dtype(asked["background"][name].dtype):
            continue
        if pd.api.types.is_bool_dtype(asked["background"][name].dtype):
            continue
        counted = distribution(engine, frame, name)
        percents = np.linspace(*OUTER, points)
        few = len(counted.value) <= points and not counted.error_bound
        values = counted.value if few else np.unique(counted.percentile(percents))
        found[name] = values.tolist()
    return found


def dependence_pairs(
    config: ExplainJob, frame: Any, model: Any, asked: dict[str, Any]
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Return the heat maps of the report and the table of averages over two features."""
    pairs = pair_terms(config)
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    points = min(config.grid_points, PAIR_POINTS)
    grid = _grids(config, frame, asked, names, points)
    averages = partial_dependence(frame, model, of=pairs, grid=grid, grid_points=points, **asked)
    maps = []
    for number, term in enumerate(averages.terms):
        left, right = (_levels(axis) for axis in term.axes)
        for label, values in zip(averages.labels, averages.average(number), strict=True):
            own = {"features": list(term.features), "class": label, "left": left, "right": right}
            maps.append({**own, "values": values.tolist(), "middle": float(values.mean())})
    table = averages.to_pandas()
    texts = {name: table[name].astype(str) for name in ("value_1", "value_2")}
    return maps, table.assign(**texts)


def _levels(axis: Any) -> list[str]:
    return [str(v) if axis.categorical else _short(float(v)) for v in axis.values]


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004


def single_terms(config: ExplainJob) -> list[str]:
    """Return the features whose dependence is asked for."""
    return [term for term in config.partial_dependence if isinstance(term, str)]


def pair_terms(config: ExplainJob) -> list[tuple[str, str]]:
    """Return the pairs whose dependence is asked for."""
    return [term for term in config.partial_dependence if not isinstance(term, str)]
