"""The replicates of a measured table: from cells, by person, or from moments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError
from rai_scale.measures.averages import Averages
from rai_scale.measures.bootstrap_options import Bootstrap
from rai_scale.measures.measure import Measured
from rai_scale.measures.metrics import Metric
from rai_scale.measures.refusals import ArgumentError
from rai_scale.measures.uncertainty.persons import align, person_replicates
from rai_scale.measures.uncertainty.replicates import Replicates, layout_of, replicate_metrics
from rai_scale.measures.uncertainty.resample import Draw, generator_of, resample_cells
from rai_scale.statistics.cells import Cells
from rai_scale.statistics.moments import merge_all
from rai_scale.upstream.fairlearn import BOOTSTRAP_QUANTILE_ERROR

REPEATED_ROWS = 2_000_000
"""The most rows of a table for which metrics without a weight are resampled: each replicate
calls them on that many rows, on the driver."""


def replicates_of(measured: Measured, asked: Bootstrap, engine: Any, frame: Any) -> Replicates:
    """Draw the replicates of all metrics; only resampling by person reads the table again.
    Raises
    ------
    ConfigError
        If a metric was not computed from counts, or is not a single number.
    """
    _refuse_unfit(measured, asked)
    assert asked.n_boot is not None
    rng = generator_of(asked.random_state)
    found: Replicates | None = None
    if measured.counted or _rest(measured):
        draws = _draws(measured, asked, engine, frame, rng)
        found = _from_cells(measured, draws)
    if measured.averages:
        found = _with_averages(measured, found, asked.n_boot, rng)
    assert found is not None
    order = [found.metrics.index(metric.name) for metric in measured.metrics]
    names = tuple(metric.name for metric in measured.metrics)
    overall, by_group = found.overall[..., order], found.by_group[..., order]
    return replace(found, metrics=names, overall=overall, by_group=by_group)


def _refuse_unfit(measured: Measured, asked: Bootstrap) -> None:
    rest = _rest(measured)
    if rest:
        _refuse_unrepeated(measured, rest)
    _refuse_no_numbers(measured.result.by_group)
    if asked.person is not None and (measured.averages or measured.bounds is not None):
        raise ConfigError(
            "resampling by person needs at most max_cells cells: pass predicted labels, or scores "
            "with fewer distinct values."
        )


def _refuse_no_numbers(table: pd.DataFrame) -> None:
    for name, values in table.items():
        cause = None
        try:
            np.quantile(values.to_numpy(), 0.5)
        except (TypeError, ValueError) as error:  # as in Fairlearn, for matrices or texts
            cause = error
        if cause is not None or not values.map(np.isscalar).all():
            raise ArgumentError(
                BOOTSTRAP_QUANTILE_ERROR, f"{name!r} is not a single number, so it has no interval."
            ) from cause


def _rest(measured: Measured) -> list[Metric]:
    """Return the metrics that were computed from rows, not from cells or moments."""
    known = {m.name for m in measured.counted} | {
        m.name for averages in measured.averages for m in averages.metrics
    }
    return [m for m in measured.metrics if m.name not in known]


def _refuse_unrepeated(measured: Measured, rest: list[Metric]) -> None:
    name = rest[0].name
    told_apart = set(measured.cells.keys) >= set(measured.roles.keys(rest))
    if measured.averages or measured.bounds is not None or not told_apart:
        raise ConfigError(
            f"{name!r} is computed from rows, which have too many distinct values to be resampled "
            f"from counts. Add a parameter sample_weight to it, pass columns with fewer distinct "
            f"values, or raise max_cells."
        )
    if measured.cells.rows > REPEATED_ROWS:
        raise ConfigError(
            f"{name!r} takes no sample_weight, so each replicate would call it on all "
            f"{measured.cells.rows:,} rows on the driver; the limit is {REPEATED_ROWS:,}. Add a "
            f"parameter sample_weight to it, or omit bootstrap."
        )


def _draws(
    measured: Measured, asked: Bootstrap, engine: Any, frame: Any, rng: np.random.Generator
) -> Iterator[Draw]:
    assert asked.n_boot is not None
    weights = list(dict.fromkeys(m.weight for m in measured.counted if m.weight is not None))
    if asked.person is None:
        return resample_cells(_with_squares(measured.cells), asked.n_boot, rng, weights)
    wanted = measured.cells.keys
    keys, draw = person_replicates(
        engine,
        frame,
        keys=list(wanted.columns),
        person=asked.person,
        n_boot=asked.n_boot,
        random_state=rng,
        weights=weights,
        numbers=set(wanted.columns) - set(measured.roles.groups),
    )
    return iter([align(keys, draw, wanted)])


def _with_squares(cells: Cells) -> Cells:
    """Add squares of weights if a histogram has none, as if weights were equal within a cell."""
    squares = {
        f"{name}*{name}": values**2 / np.maximum(cells.count, 1)
        for name, values in cells.sums.items()
        if "*" not in name and f"{name}*{name}" not in cells.sums
    }
    return replace(cells, sums={**cells.sums, **squares}) if squares else cells


def _from_cells(measured: Measured, draws: Iterator[Draw]) -> Replicates:
    keys, roles, rest = measured.cells.keys, measured.roles, _rest(measured)
    metrics = [*measured.counted, *rest]
    layout = layout_of(
        keys, roles.sensitive, roles.control, y_true=roles.y_true, y_pred=roles.y_pred
    )
    return replicate_metrics(
        draws,
        {metric.name: metric.function for metric in metrics},
        layout,
        weights={metric.name: metric.weight for metric in measured.counted},
        params={
            metric.name: {name: keys[column].to_numpy() for name, column in metric.params.items()}
            for metric in metrics
        },
        repeated={metric.name for metric in rest},
    )


def _with_averages(
    measured: Measured, found: Replicates | None, n_boot: int, rng: np.random.Generator
) -> Replicates:
    by_group, overall = measured.result.by_group, measured.result.overall
    parts = [] if found is None else [found]
    for averages in measured.averages:
        names = tuple(metric.name for metric in averages.metrics)
        index = _places(averages.groups, measured.roles.groups, by_group.index)
        groups = np.full((n_boot, len(by_group), len(names)), np.nan)
        for place, moments in zip(index, averages.moments, strict=True):
            groups[:, place] = averages.resampled(moments, n_boot, rng)
        whole = _whole(measured, averages, overall, n_boot, rng)
        parts.append(_laid_out(measured, names, whole, groups))
    names = tuple(name for part in parts for name in part.metrics)
    overall_values = np.concatenate([part.overall for part in parts], axis=-1)
    group_values = np.concatenate([part.by_group for part in parts], axis=-1)
    return replace(parts[0], metrics=names, overall=overall_values, by_group=group_values)


def _whole(
    measured: Measured,
    averages: Averages,
    overall: pd.DataFrame | pd.Series,
    n_boot: int,
    rng: np.random.Generator,
) -> np.ndarray:
    control = list(measured.roles.control)
    if not control:
        return averages.resampled(merge_all(averages.moments), n_boot, rng)
    places = _places(averages.groups, control, overall.index)
    values = np.full((n_boot, len(overall), len(averages.metrics)), np.nan)
    for place in np.unique(places):
        chosen = [m for p, m in zip(places, averages.moments, strict=True) if p == place]
        values[:, place] = averages.resampled(merge_all(chosen), n_boot, rng)
    return values


def _places(groups: pd.DataFrame, names: list[str], index: pd.Index) -> np.ndarray:
    rows = groups[names]
    wanted = pd.MultiIndex.from_frame(rows) if len(names) > 1 else pd.Index(rows[names[0]])
    return index.get_indexer(wanted)


def _laid_out(
    measured: Measured, names: tuple[str, ...], overall: np.ndarray, by_group: np.ndarray
) -> Replicates:
    index, roles = measured.result.by_group.index, measured.roles
    if not roles.control:
        return Replicates(names, overall, by_group, index)
    controls = measured.result.overall.index
    levels = index.to_frame(index=False)
    places = _places(levels, list(roles.control), controls)
    return Replicates(names, overall, by_group, index, controls, places)
