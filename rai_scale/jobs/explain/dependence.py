"""Partial dependence in an explain job: curves, lines of single rows, and pairs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from rai_scale.explanations.overall.dependence import partial_dependence
from rai_scale.explanations.overall.grids import FeatureGrid, GridAxis
from rai_scale.explanations.overall.ice_lines import ice
from rai_scale.statistics.json_values import plain

if TYPE_CHECKING:
    from rai_scale.jobs.explain.config import ExplainJob

PAIR_POINTS = 10
"""Grid points per feature of a pair; every row is predicted at each pair of points."""


def dependence_curves(
    config: ExplainJob, frame: Any, model: Any, asked: dict[str, Any]
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Return the curves of the report, with lines of single rows, and the table of averages."""
    asked = {**asked, "of": single_terms(config)}
    averages = partial_dependence(frame, model, grid=config.grid, **asked)
    lines = None
    if config.ice_rows:
        axes = [term.axes[0] for term in averages.terms]
        same = FeatureGrid(values={axis.feature: list(axis.values) for axis in axes})
        lines = ice(frame, model, rows=config.ice_rows, grid=same, **asked).lines
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


def _grid(axis: GridAxis) -> list[Any]:
    return [str(v) for v in axis.values] if axis.categorical else plain(axis.values)


def dependence_pairs(
    config: ExplainJob, frame: Any, model: Any, asked: dict[str, Any]
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Return the heat maps of the report and the table of averages over two features."""
    grid = replace(config.grid, points=min(config.grid.points, PAIR_POINTS))
    averages = partial_dependence(frame, model, of=pair_terms(config), grid=grid, **asked)
    maps = []
    for number, term in enumerate(averages.terms):
        left, right = (_levels(axis) for axis in term.axes)
        for label, values in zip(averages.labels, averages.average(number), strict=True):
            own = {"features": list(term.features), "class": label, "left": left, "right": right}
            maps.append({**own, "values": values.tolist(), "middle": float(values.mean())})
    table = averages.to_pandas()
    texts = {name: table[name].astype(str) for name in ("value_1", "value_2")}
    return maps, table.assign(**texts)


def _levels(axis: GridAxis) -> list[str]:
    return [str(v) if axis.categorical else _short(float(v)) for v in axis.values]


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004


def single_terms(config: ExplainJob) -> list[str]:
    """Return the single features of ``partial_dependence``."""
    return [term for term in config.partial_dependence if isinstance(term, str)]


def pair_terms(config: ExplainJob) -> list[tuple[str, str]]:
    """Return the pairs of features of ``partial_dependence``."""
    return [term for term in config.partial_dependence if not isinstance(term, str)]
