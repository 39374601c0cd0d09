"""``metric_frame``: a Fairlearn MetricFrame of a table of any size, from one pass of counting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import pandas as pd
from fairlearn.metrics import MetricFrame
from fairlearn.metrics._disaggregated_result import DisaggregatedResult

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError, check_columns
from rai_scale.fairness.disparities import disparity_values
from rai_scale.fairness.flags import SMALL_GROUP, find_flags
from rai_scale.fairness.from_cells import Roles, check_roles, group_rows
from rai_scale.fairness.intervals import Bootstrap, bootstrap_of, replicates_of
from rai_scale.fairness.measure import Limits, Measured, measure
from rai_scale.fairness.metrics import Metrics, refuse_uncounted, resolve_metrics
from rai_scale.fairness.uncertainty.quantiles import interval_tables
from rai_scale.fairness.uncertainty.replicates import Replicates

MAX_CELLS = 2_000_000
COMPARED = ("group_min", "group_max", "difference", "ratio")


class _Answers(dict[str, Any]):
    """Fairlearn's answers; those that compare groups are computed when one is first asked for.

    They take half the time of a small frame, and most readers want the values by group alone.
    """

    def __init__(self, frame: CountedMetricFrame, result: DisaggregatedResult) -> None:
        super().__init__()
        self._frame = frame
        # the reader may change the tables that the frame shows
        self._result = DisaggregatedResult(result.overall.copy(), result.by_group.copy())

    def __missing__(self, name: str) -> Any:
        if name not in COMPARED:
            raise KeyError(name)
        eager = copy(self._frame)
        eager._result_cache = {}
        eager._populate_results(self._result)
        for other in COMPARED:
            self.setdefault(other, eager._result_cache[other])
        return self[name]


class CountedMetricFrame(MetricFrame):
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
        self._sf_names = list(roles.sensitive)
        self._cf_names = list(roles.control) or None
        self._user_supplied_callable = single
        self._ci_quantiles: list[float] | None = None
        self._n_boot: int | None = None
        result = measured.result
        self._result_cache: dict[str, Any] = _Answers(self, result)
        self._result_cache["overall"] = self._extract_result(result.overall, False)
        self._result_cache["by_group"] = self._extract_result(result.by_group, True)
        self._measured = measured
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
        self._n_boot, self._ci_quantiles = asked.n_boot, list(asked.quantiles)
        for name, tables in interval_tables(replicates, asked.quantiles).items():
            whole = name == "by_group_ci"
            if isinstance(tables, dict):
                self._result_cache[name] = {
                    method: [self._extract_result(t, no_control_levels=False) for t in found]
                    for method, found in tables.items()
                }
            else:
                self._result_cache[name] = [
                    self._extract_result(t, no_control_levels=whole) for t in tables
                ]

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
        measured = self._measured
        weight = next((m.weight for m in measured.metrics if m.weight is not None), None)
        return disparity_values(
            measured.cells, measured.roles, metrics, weight, method=method, options=options
        )


def metric_frame(
    frame: Any,
    *,
    metrics: Metrics,
    y_true: str,
    y_pred: str,
    sensitive_features: str | Sequence[str],
    control_features: str | Sequence[str] | None = None,
    sample_weight: str | None = None,
    sample_params: Mapping[str, Any] | None = None,
    n_boot: int | None = None,
    ci_quantiles: list[float] | None = None,
    random_state: Any = None,
    bootstrap_unit: str | None = None,
    per_group: bool = False,
    max_cells: int = MAX_CELLS,
    bins: int | None = None,
    small_group: int = SMALL_GROUP,
    **privacy: Any,
) -> CountedMetricFrame:
    """Measure a model by group, as ``fairlearn.metrics.MetricFrame`` does, at any size.

    The engine counts the rows of each (control, sensitive, y_true, y_pred) combination in one
    pass; Fairlearn computes from those counts. Executes at once.

    Parameters
    ----------
    frame : pyspark, dask or pandas DataFrame, DuckDB relation, pyarrow Table
        One row per prediction.
    metrics : function, str, list of str, or dict of str to function or str
        Fairlearn's and scikit-learn's metrics by function or name, and any function
        ``f(y_true, y_pred, sample_weight)`` for which a weight is a number of equal rows.
    y_true, y_pred : str
        Columns of labels and of predictions (or scores, as the metrics need).
    sensitive_features, control_features : str or list of str
        Columns that make the groups; missing values are an error that says how many.
    sample_weight : str, optional
        Column of weights for every metric that takes them.
    sample_params : dict, optional
        As in Fairlearn, with columns in place of arrays.
    n_boot, ci_quantiles, random_state
        As in Fairlearn; the replicates are drawn from the counts.
    bootstrap_unit : str, optional
        Column of the person (or household) whose rows are resampled together.
    per_group : bool
        Run metrics that cannot be computed from counts on all rows of a group at once. Their
        replicates repeat the cells on the driver, of at most ``REPEATED_ROWS`` rows.
    max_cells : int
        The most cells that come to the driver. With more distinct scores, rank metrics are
        computed from bins with a certified bound, and averages (log loss, Brier, MAE, MSE, R2)
        from moments.
    bins : int, optional
        Bin scores into this many bins at once, without trying distinct scores first.
    small_group : int
        Groups with fewer rows are flagged.
    **privacy
        ``privacy_unit``, ``epsilon``, ``groups`` (all values of each feature), ``ledger``, and the
        other attributes of :class:`rai_scale.fairness.private_cells.Private`: noise is added once
        to the declared cells, and every number comes from that release. The result is a
        :class:`~rai_scale.fairness.private_frame.PrivateMetricFrame`.

    Returns
    -------
    CountedMetricFrame

    Raises
    ------
    MissingColumnError, ConfigError
        If columns are not there, values are missing, or a metric cannot be computed.
    """
    engine = engine_of(frame)
    roles = Roles(y_true, y_pred, _names(sensitive_features), _names(control_features or ()))
    resolved, single = resolve_metrics(metrics, sample_weight, sample_params)
    weights = [w for w in (sample_weight, *(m.weight for m in resolved)) if w is not None]
    check_roles(roles, [*roles.keys(resolved), *weights], engine.columns(frame))
    if not per_group:
        refuse_uncounted(resolved)
    if privacy:
        from rai_scale.fairness.private_frame import private_metric_frame, private_options

        if per_group or bins or bootstrap_unit:
            raise ConfigError("per_group, bins and bootstrap_unit have no private form.")
        return private_metric_frame(
            frame,
            roles,
            resolved,
            private_options(privacy),
            single=single,
            quantiles=ci_quantiles,
            n_boot=n_boot,
            random_state=random_state,
        )
    asked = bootstrap_of(n_boot, ci_quantiles, random_state, bootstrap_unit)
    check_columns([] if bootstrap_unit is None else [bootstrap_unit], engine.columns(frame))
    limits = Limits(max_cells, bins, resampled=asked is not None)
    measured = measure(engine, frame, roles, resolved, limits)
    result = CountedMetricFrame(measured, single=single, small_group=small_group)
    if asked is not None:
        result.add_replicates(replicates_of(measured, asked, engine, frame), asked)
    return result


def _names(features: str | Sequence[str]) -> tuple[str, ...]:
    return (features,) if isinstance(features, str) else tuple(features)
