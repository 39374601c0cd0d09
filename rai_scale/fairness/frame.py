"""``metric_frame``: measures by group of a table of any size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rai_scale.measures.bootstrap_options import Bootstrap
from rai_scale.measures.counted_frame import (
    CountedMetricFrame,
    counted_metric_frame,
    plan_metrics,
)
from rai_scale.measures.flags import SMALL_GROUP
from rai_scale.measures.measure import Limits
from rai_scale.measures.metrics import Metrics
from rai_scale.statistics.cells import MAX_CELLS


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
    bootstrap: Bootstrap | None = None,
    per_group: bool = False,
    max_cells: int = MAX_CELLS,
    bins: int | None = None,
    small_group: int = SMALL_GROUP,
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
        Columns that make the groups; missing values are an error that gives their number.
    sample_weight : str, optional
        Column of weights for every metric that takes them.
    sample_params : dict, optional
        As in Fairlearn, with columns in place of arrays.
    bootstrap : Bootstrap, optional
        ``n_boot``, ``ci_quantiles`` (or ``confidence``) and ``random_state`` as in Fairlearn, and
        ``person``; the replicates are drawn from the counts. None: no intervals.
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

    Returns
    -------
    CountedMetricFrame

    Raises
    ------
    MissingColumnError, ConfigError
        If columns are not there, values are missing, or a metric cannot be computed.
    """
    plan = plan_metrics(
        frame,
        metrics=metrics,
        y_true=y_true,
        y_pred=y_pred,
        sensitive_features=sensitive_features,
        control_features=control_features,
        sample_weight=sample_weight,
        sample_params=sample_params,
        per_group=per_group,
    )
    return counted_metric_frame(
        frame,
        plan,
        Limits(max_cells, bins, resampled=False),
        bootstrap,
        small_group=small_group,
    )
