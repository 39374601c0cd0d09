"""``private_metric_frame``: metrics by group under a privacy budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sklearn.metrics as skm

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError, check_columns
from rai_scale.fairness.private.declared import Declared
from rai_scale.fairness.private.frame import PrivateMetricFrame, frame_of_noisy, replicates_of
from rai_scale.fairness.private.shares import NoisyCounts
from rai_scale.measures.bootstrap_options import Bootstrap
from rai_scale.measures.counted_frame import plan_metrics
from rai_scale.measures.from_cells import Roles
from rai_scale.measures.metrics import Metric, Metrics, base_function
from rai_scale.measures.positive_labels import refuse_absent_label
from rai_scale.privacy.declared_cells import (
    NOISY,
    DeclaredCells,
    declare,
    noise_for,
    release_cells,
)
from rai_scale.privacy.noise import Noise
from rai_scale.privacy.options import Privacy

REPLICATES = 1_000


def private_metric_frame(
    frame: Any,
    *,
    metrics: Metrics,
    y_true: str,
    y_pred: str,
    sensitive_features: str | Sequence[str],
    privacy: Privacy,
    declared: Declared,
    control_features: str | Sequence[str] | None = None,
    bootstrap: Bootstrap = Bootstrap(n_boot=REPLICATES),
) -> PrivateMetricFrame:
    """Measure a model by group under a privacy budget.

    Noise is added once to the counts of the declared groups and labels, and every number is
    computed from that release.

    Parameters
    ----------
    frame : pyspark, dask or pandas DataFrame, DuckDB relation, pyarrow Table
        One row per prediction.
    metrics : function, str, list of str, or dict of str to function or str
        As for :func:`rai_scale.metric_frame`, without metrics of scores: each must be a single
        number that is computed from counts.
    y_true, y_pred : str
        Columns of labels and of predicted labels.
    sensitive_features, control_features : str or list of str
        Columns that make the groups.
    privacy : Privacy
        The budget, and where it is charged. ``privacy_unit`` is needed.
    declared : Declared
        All values of the groups and labels, and how many rows of a unit are counted.
    bootstrap : Bootstrap
        Replicates for the intervals of metrics that are not shares of rows (1,000 if ``n_boot`` is
        None), the quantiles of all intervals, and the seed of the replicates. The noise of the
        release does not depend on that seed. ``person`` must not be set.

    Returns
    -------
    PrivateMetricFrame

    Raises
    ------
    MissingColumnError
        If a column does not exist.
    ConfigError
        If a metric cannot be computed, or the options are invalid; nothing is charged.
    BudgetExceededError
        If the release exceeds the budget; raised before any data are read.
    """
    if bootstrap.person is not None:
        raise ConfigError(
            "leave out bootstrap's person: the privacy unit already identifies the person."
        )
    plan = plan_metrics(
        frame,
        metrics=metrics,
        y_true=y_true,
        y_pred=y_pred,
        sensitive_features=sensitive_features,
        control_features=control_features,
    )
    roles, engine = plan.roles, engine_of(frame)
    check_columns([privacy.unit], engine.columns(frame))
    _refuse(plan.metrics, roles, privacy.unit)
    values = {**declared.groups, y_true: declared.labels, y_pred: declared.labels}
    cells = declare(roles.keys([]), values, declared.max_rows)
    noise, _ = noise_for(privacy, declared.max_rows)
    _try_out(cells, roles, plan.metrics, noise)
    release = release_cells(engine, frame, cells, privacy)
    counts = release.table()[NOISY].to_numpy().astype(float)
    noisy = NoisyCounts(counts, cells, roles, noise, declared.max_rows)
    found = frame_of_noisy(noisy, plan.metrics, single=plan.single)
    found.release = {**release.metadata, "reservation": release.reservation}
    draws = replicates_of(found, bootstrap.n_boot or REPLICATES, bootstrap.random_state)
    found.add_intervals(draws, bootstrap.quantiles)
    return found


def _refuse(metrics: Sequence[Metric], roles: Roles, unit: str) -> None:
    odd = [
        metric.name
        for metric in metrics
        if not metric.takes_weight or base_function(metric.function) is skm.confusion_matrix
    ]
    if odd:
        raise ConfigError(
            f"{odd[0]!r} cannot be computed privately: use metrics of counts that are single "
            f"numbers."
        )
    if unit in roles.groups:
        raise ConfigError(f"the privacy unit {unit!r} cannot be a group.")


def _try_out(cells: DeclaredCells, roles: Roles, metrics: list[Metric], noise: Noise) -> None:
    """Compute metrics of invented counts, so that invalid metrics fail before the charge."""
    levels = zip(cells.keys, cells.levels, strict=True)
    few = {
        key: found if key in (roles.y_true, roles.y_pred) else found[:1] for key, found in levels
    }
    one = declare(cells.keys, few)
    refuse_absent_label(metrics, roles, one.frame)
    counts = np.full(one.size, 1e6 + 1e3 * noise.scale)
    found = frame_of_noisy(NoisyCounts(counts, one, roles, noise, 1), metrics, single=False)
    replicates_of(found, 2, 0)
