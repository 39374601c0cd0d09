"""A Fairlearn MetricFrame of a table of any size: planned, counted and computed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from rai_scale.engines.choose import engine_of
from rai_scale.errors import check_columns
from rai_scale.measures.between_groups import disparity_values
from rai_scale.measures.flags import SMALL_GROUP, find_flags
from rai_scale.measures.from_cells import Roles, check_roles, group_rows
from rai_scale.measures.intervals import Bootstrap, replicates_of
from rai_scale.measures.measure import Limits, Measured, measure
from rai_scale.measures.metrics import Metric, Metrics, refuse_uncounted, resolve_metrics
from rai_scale.measures.uncertainty.quantiles import interval_tables
from rai_scale.measures.uncertainty.replicates import Replicates
from rai_scale.upstream.fairlearn import FilledMetricFrame

MAX_CELLS = 2_000_000


class CountedMetricFrame(FilledMetricFrame):
    """A :class:`fairlearn.metrics.MetricFrame` whose numbers come from counts.

    Everything that Fairlearn's class offers works as documented there. In addition:

    Attributes
    ----------
    counts : pandas.Series of int64
        Rows per group, indexed as ``by_group``; 0 for combinations that do not occur.
    flags : pandas.DataFrame
        Remarks on groups where a value misleads: the levels, ``metric``, ``flag``, ``rows``. A
        feature that has one of these names has an underscore after it.
    bounds : pandas.DataFrame
        How far each value of ``by_group`` may be from the exact one; 0.0 unless scores were
        binned.
    replicates : Replicates or None
        The bootstrap's values, where ``n_boot`` was given.
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

    def add_replicates(self, replicates: Replicates, asked: Bootstrap) -> None:
        """Fill every ``*_ci`` from replicates, as Fairlearn's constructor does."""
        self.replicates = replicates
        tables = interval_tables(replicates, asked.quantiles)
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


@dataclass(frozen=True)
class MetricPlan:
    """What is measured of which columns, checked against the columns that there are.

    ``single`` is whether one function was asked for, whose values Fairlearn shows without a name.
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
    """Check what ``metric_frame`` is asked for; no row is read.

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
    limits: Limits = Limits(MAX_CELLS),  # noqa: B008
    asked: Bootstrap | None = None,
    *,
    small_group: int = SMALL_GROUP,
) -> CountedMetricFrame:
    """Count once and compute once; executes."""
    engine = engine_of(frame)
    check_columns(
        [] if asked is None or asked.unit is None else [asked.unit], engine.columns(frame)
    )
    measured = measure(
        engine, frame, plan.roles, plan.metrics, replace(limits, resampled=asked is not None)
    )
    result = CountedMetricFrame(measured, single=plan.single, small_group=small_group)
    if asked is not None:
        result.add_replicates(replicates_of(measured, asked, engine, frame), asked)
    return result


def _names(features: str | Sequence[str]) -> tuple[str, ...]:
    return (features,) if isinstance(features, str) else tuple(features)
