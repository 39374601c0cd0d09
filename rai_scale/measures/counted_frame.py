"""A Fairlearn MetricFrame of a table of any size: planned, counted and computed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.engines.choose import engine_of
from rai_scale.errors import check_columns
from rai_scale.measures.between_groups import disparity_values
from rai_scale.measures.bootstrap_options import Bootstrap
from rai_scale.measures.draw_replicates import replicates_of
from rai_scale.measures.flags import SMALL_GROUP, find_flags
from rai_scale.measures.from_cells import Roles, check_roles, group_rows
from rai_scale.measures.measure import Limits, Measured, measure
from rai_scale.measures.metrics import Metric, Metrics, refuse_uncounted, resolve_metrics
from rai_scale.measures.uncertainty.quantiles import interval_tables
from rai_scale.measures.uncertainty.replicates import Replicates
from rai_scale.names import names_of
from rai_scale.results import Result, Tables
from rai_scale.statistics.cells import MAX_CELLS
from rai_scale.upstream.fairlearn import COMPARED, FilledMetricFrame


class CountedMetricFrame(FilledMetricFrame, Result):
    """A :class:`fairlearn.metrics.MetricFrame` whose numbers come from counts.

    It has all attributes and methods of Fairlearn's class, and in addition:

    Attributes
    ----------
    counts : pandas.Series of int64
        Rows per group, indexed as ``by_group``; 0 for combinations that do not occur.
    flags : pandas.DataFrame
        Remarks on groups with misleading values: the levels, ``metric``, ``flag``, ``rows``. If a
        feature has one of these names, an underscore is appended.
    bounds : pandas.DataFrame
        The largest possible error of each value of ``by_group``; 0.0 unless scores were binned.
    replicates : Replicates or None
        The values of the bootstrap, if replicates were requested.
    cells : Cells
        The counted cells, from which more can be computed without another pass.
    """

    def __init__(self, measured: Measured, *, single: bool, small_group: int = SMALL_GROUP) -> None:
        roles = measured.roles
        super().__init__(measured.result, roles.sensitive, roles.control, single=single)
        self.measured = measured
        self.replicates: Replicates | None = None
        index = measured.result.by_group.index
        self.cells = measured.cells
        self.counts = group_rows(measured.cells, roles, index)
        self.flags = find_flags(measured.cells, roles, measured.metrics, self.counts, small_group)
        exact = pd.DataFrame(0.0, index, [m.name for m in measured.metrics])
        self.bounds = exact if measured.bounds is None else exact.add(measured.bounds, fill_value=0)

    def totals(self) -> dict[str, Any]:
        """Return what was measured."""
        names = tuple(metric.name for metric in self.measured.metrics)
        sizes = {"rows": int(self.counts.sum()), "groups": int((self.counts > 0).sum())}
        return {"metrics": names, **sizes, "flags": len(self.flags)}

    def _tables(self) -> Tables:
        found = {
            "by_group": self.by_group,
            "overall": self.overall,
            "counts": self.counts.rename("rows"),
        }
        found |= {"flags": self.flags, "bounds": self.bounds}
        names = [metric.name for metric in self.measured.metrics]
        return {name: partial(_table, table, names) for name, table in found.items()}

    def _numbers(self) -> dict[str, float]:
        """Return overall values and comparisons of groups, those of the worst control level."""
        names = [metric.name for metric in self.measured.metrics]
        found = {}
        for kind in ("overall", *COMPARED):
            table = self.overall if kind == "overall" else getattr(self, kind)(errors="coerce")
            if kind == "overall" and self._cf_names:
                continue
            values = np.asarray(table, dtype=object).reshape(-1, len(names)).T
            worst = np.max if kind in ("overall", "difference", "group_max") else np.min
            for name, levels in zip(names, values, strict=True):
                if all(np.isscalar(value) for value in levels):
                    found[f"{name}_{kind}"] = float(worst(levels.astype(float)))
        return found

    def add_replicates(self, replicates: Replicates, asked: Bootstrap) -> None:
        """Fill every ``*_ci`` from replicates, as Fairlearn's constructor does."""
        self.replicates = replicates
        tables = interval_tables(replicates, asked.quantiles)
        assert asked.n_boot is not None
        self.fill_intervals(asked.n_boot, asked.quantiles, tables)

    def disparities(
        self, metrics: Metrics, *, method: str = "between_groups", **options: Any
    ) -> Any:
        """Return Fairlearn's single numbers over all groups, computed from the same cells.

        Parameters
        ----------
        metrics : str, function, list or dict
            Such as ``"equalized_odds_difference"`` or ``fairlearn.metrics`` functions.
        method : {"between_groups", "to_overall"}
            As in Fairlearn.
        **options
            Passed on to the functions, such as ``agg="mean"``.

        Returns
        -------
        float, or pandas.Series for several metrics; with control features one per control level.
        """
        measured = self.measured
        weight = next((m.weight for m in measured.metrics if m.weight is not None), None)
        return disparity_values(
            measured.cells, measured.roles, metrics, weight, method=method, options=options
        )


def _table(values: Any, names: list[str]) -> pd.DataFrame:
    """Return a number, Series or table of Fairlearn's as a table with its levels as columns."""
    if isinstance(values, pd.Series) and values.index.names == [None]:
        values = values.to_frame().T  # several metrics, without control features
    if isinstance(values, pd.Series):
        values = values.to_frame(values.name if values.name is not None else names[0])
    if not isinstance(values, pd.DataFrame):
        return pd.DataFrame({names[0]: [values]})
    levels = values.index.to_frame(index=False) if values.index.names != [None] else None
    if levels is None:
        return values.reset_index(drop=True)
    columns = [str(name) for name in values]
    taken = {name: f"{name}_" for name in levels if str(name) in columns}
    return pd.concat([levels.rename(columns=taken), values.reset_index(drop=True)], axis=1)


@dataclass(frozen=True)
class MetricPlan:
    """The validated metrics and columns of a measurement.

    ``single`` is whether a single function was given: then Fairlearn's results have no name.
    """

    roles: Roles
    metrics: list[Metric]
    single: bool


def plan_metrics(
    frame: Any,
    *,
    metrics: Metrics,
    y_true: str,
    y_pred: str,
    sensitive_features: str | Sequence[str],
    control_features: str | Sequence[str] | None = None,
    sample_weight: str | None = None,
    sample_params: Mapping[str, Any] | None = None,
    per_group: bool = False,
) -> MetricPlan:
    """Validate the arguments of ``metric_frame``; no row is read.

    Raises
    ------
    MissingColumnError, ConfigError
    """
    roles = Roles(y_true, y_pred, _names(sensitive_features), _names(control_features or ()))
    resolved, single = resolve_metrics(metrics, sample_weight, sample_params)
    weights = [w for w in (sample_weight, *(m.weight for m in resolved)) if w is not None]
    check_roles(roles, [*roles.keys(resolved), *weights], engine_of(frame).columns(frame))
    if not per_group:
        refuse_uncounted(resolved)
    return MetricPlan(roles, resolved, single)


def counted_metric_frame(
    frame: Any,
    plan: MetricPlan,
    limits: Limits = Limits(MAX_CELLS),
    bootstrap: Bootstrap | None = None,
    *,
    small_group: int = SMALL_GROUP,
) -> CountedMetricFrame:
    """Count once and compute once; executes."""
    engine = engine_of(frame)
    asked = None if bootstrap is None or bootstrap.n_boot is None else bootstrap
    if asked is not None and asked.person is not None:
        check_columns([asked.person], engine.columns(frame))
    measured = measure(
        engine, frame, plan.roles, plan.metrics, replace(limits, resampled=asked is not None)
    )
    result = CountedMetricFrame(measured, single=plan.single, small_group=small_group)
    if asked is not None:
        result.add_replicates(replicates_of(measured, asked, engine, frame), asked)
    return result


def _names(features: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(names_of(features))
