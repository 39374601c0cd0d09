"""``error_tree``: from a frame to an :class:`ErrorTree`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rai_scale.engines.choose import engine_of
from rai_scale.error_analysis.cell_metrics import check_metric_name, loss_of, metrics_by_group
from rai_scale.error_analysis.cohorts.one_cohort import Cohort, kept_rows
from rai_scale.error_analysis.private.declared_bins import DeclaredBins
from rai_scale.error_analysis.trees.counting import LOSSES, CountedFrame, Roles
from rai_scale.error_analysis.trees.features import binned_features, chosen_features
from rai_scale.error_analysis.trees.gradients import Gradients, Sums
from rai_scale.error_analysis.trees.growing import Growing, Limits, grow
from rai_scale.error_analysis.trees.node_table import numbered
from rai_scale.error_analysis.trees.result import ErrorTree
from rai_scale.errors import ConfigError, check_integer, check_share
from rai_scale.names import Names, names_of

if TYPE_CHECKING:
    from rai_scale.privacy.options import Privacy


def error_tree(
    frame: Any,
    *,
    y_true: str,
    y_pred: str,
    features: Names | None = None,
    categorical: Names = (),
    metric: str = "error_rate",
    max_depth: int = 3,
    num_leaves: int = 31,
    min_child_samples: int = 20,
    sample_weight: str | None = None,
    where: str | Mapping[str, Any] | Cohort | None = None,
    confidence: float = 0.95,
    random_state: int = 0,
    privacy: Privacy | None = None,
    declared: DeclaredBins | None = None,
) -> ErrorTree:
    """Find where a model errs: LightGBM's tree on ``y_pred != y_true``, from counts; executes.

    It is the tree of erroranalysis (Microsoft's Error Analysis): one tree of LightGBM with its
    default options, here from the numbers of rows and errors per value, which the engine counts.
    Unlike LightGBM, bins are made from all rows, also above 200,000, and rows with missing values
    are counted where the tree sends them. The tree always splits on errors (for regression on
    losses), whatever ``metric`` is shown for its nodes.

    Parameters
    ----------
    frame : DataFrame, DuckDB relation or pyarrow.Table
        It is read once per level and feature: write an expensive frame to a table first.
    y_true, y_pred : str
        Labels and predictions. For regression metrics both are numbers.
    features : str or sequence of str, optional
        Numbers, text, or true and false; by default all other columns.
    categorical : str or sequence of str
        Features of numbers that are categories; text always is.
    metric : str
        Shown per node: a name of ``error_analysis.METRICS``. With ``mean_absolute_error`` or
        ``mean_squared_error`` (and with their roots, medians and R2) the tree splits on absolute or
        squared differences instead of errors.
    max_depth, num_leaves, min_child_samples : int
        LightGBM's limits: levels, leaves, and the least rows of a node.
    sample_weight : str, optional
        A column of weights.
    where : cohort, str or mapping, optional
        Only these rows; see :func:`cohort`.
    confidence : float
        Of the intervals and of ``significant``.
    random_state : int
        Of the keyed sample of rows that gives the bins of a feature with over 100,000 values.
    privacy : Privacy, optional
        The private mode, with ``declared``: the tree of ``release_errors``. ``metric``, ``where``,
        ``categorical`` and ``sample_weight`` have no private form.
    declared : DeclaredBins, optional
        The bins of all features of the release.

    Returns
    -------
    ErrorTree

    Raises
    ------
    MissingColumnError
        If a column does not exist.
    ConfigError
        If an option is invalid, labels are missing or of two types, or a feature cannot be used.
    """
    check_metric_name(metric)
    limits = _limits(max_depth, num_leaves, min_child_samples, confidence)
    if privacy is not None or declared is not None:
        from rai_scale.error_analysis.private.noisy_errors import released_for

        odd = {"metric": metric != "error_rate", "where": where is not None}
        odd |= {"categorical": bool(names_of(categorical)), "sample_weight": bool(sample_weight)}
        return released_for(frame, y_true, y_pred, privacy, declared, odd).tree(
            features=features,
            max_depth=max_depth,
            num_leaves=num_leaves,
            min_child_samples=min_child_samples,
            confidence=confidence,
        )
    roles = Roles(y_true, y_pred, sample_weight, loss_of(metric))
    categorical = names_of(categorical)
    kept = kept_rows(frame, where, (y_true, y_pred))
    names = chosen_features(engine_of(kept).schema(kept), features, roles.named)
    unknown = [name for name in categorical if name not in names]
    if unknown:
        raise ConfigError(f"categorical names {unknown[0]!r}, which is not among the features.")
    counted = CountedFrame.of(kept, roles, names)
    root = Growing(counted.at_nodes().whole(), ())
    gradients = _gradients(root.sums, roles)
    if gradients is not None:
        counted, bins, first = binned_features(
            counted, names, categorical, min_child_samples, random_state
        )
        root.allowed = tuple(bins)
        grow(counted, root, bins, first, gradients, limits)
    nodes, sums = numbered(root)
    made = ErrorTree(
        nodes, sums, roles, metric, confidence, pd.Series(dtype=float), _notes(counted)
    )
    return made if metric in ("error_rate", *LOSSES) else _with_metric(made, counted)


def _limits(max_depth: int, num_leaves: int, least: int, confidence: float) -> Limits:
    for name, value, smallest in (
        ("max_depth", max_depth, 1),
        ("num_leaves", num_leaves, 2),
        ("min_child_samples", least, 1),
    ):
        check_integer(name, value, smallest)
    check_share("confidence", confidence)
    return Limits(max_depth, num_leaves, least)


def _gradients(whole: Sums, roles: Roles) -> Gradients | None:
    """Return the gradients of the first tree; None if no split can have a gain."""
    mean = float(whole.mean())
    if roles.loss is not None:
        return Gradients(mean=mean) if np.isfinite(mean) else None
    return Gradients.binary(mean) if 0 < mean < 1 else None


def _notes(counted: CountedFrame) -> tuple[str, ...]:
    if not counted.binned:
        return ()
    named = ", ".join(counted.binned)
    return (f"bins come from a keyed sample of 200,000 rows, because of many values: {named}.",)


def _with_metric(made: ErrorTree, counted: CountedFrame) -> ErrorTree:
    leaf = made.node_sql(counted.schema, counted.engine.dialect)
    values = metrics_by_group(counted, leaf, [made.metric], made.leaves_below())[made.metric]
    return replace(made, values=values)
