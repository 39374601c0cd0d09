"""Refuse metrics whose positive label does not occur: they would count nobody as positive."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NoReturn

import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import sklearn.metrics as skm

from rai_scale.measures.flags import positive_label
from rai_scale.measures.from_cells import Roles
from rai_scale.measures.metrics import Metric, MetricError, base_function
from rai_scale.measures.refusals import ArgumentError
from rai_scale.statistics.score_codes import lacks_positive
from rai_scale.upstream.fairlearn import POS_LABEL_NOT_SPECIFIED, derived_from

_MADE_OF = {
    **dict.fromkeys(
        (fm.demographic_parity_difference, fm.demographic_parity_ratio), fm.selection_rate
    ),
    **dict.fromkeys(
        (
            *(fm.equalized_odds_difference, fm.equalized_odds_ratio),
            *(fm.equal_opportunity_difference, fm.equal_opportunity_ratio),
        ),
        fm.true_positive_rate,
    ),
}
"""Fairlearn's disparities with names of their own, and a metric that counts positive labels."""
_OF_TRUTH = (skm.average_precision_score, skm.brier_score_loss)
_MULTICLASS = (skm.average_precision_score,)


def refuse_absent_label(metrics: Iterable[Metric], roles: Roles, keys: pd.DataFrame) -> None:
    """Raise if a metric counts a positive label that does not occur in the labels.

    Labels of {0, 1} or of {-1, 1} are accepted with the positive label 1 if one of them does not
    occur: a model may select nobody.

    Parameters
    ----------
    metrics : iterable of Metric
    roles : Roles
    keys : pandas.DataFrame
        The columns of labels and predictions of all cells that are measured.

    Raises
    ------
    MetricError, ArgumentError
        Both are a :class:`ConfigError` and a ``ValueError``.
    """
    found: dict[str, set[Any]] = {}
    for metric in metrics:
        if not _counts_a_label(metric.function):
            continue
        for column in (roles.y_true, roles.y_pred):
            if column not in found:
                found[column] = _labels(keys, column)
        true, predicted = found[roles.y_true], found[roles.y_pred]
        base = base_function(metric.function)
        if base in _MULTICLASS and len(true) > 2:  # noqa: PLR2004
            continue
        judged, column = true | predicted, f"{roles.y_true!r} and {roles.y_pred!r}"
        if base is fm.selection_rate:
            judged, column = predicted, f"{roles.y_pred!r}"
        elif base in _OF_TRUTH:
            judged, column = true, f"{roles.y_true!r}"
        if lacks_positive(positive_label(metric), judged, true):
            _refuse(metric, base, column)


def refuse_absent_labels_of(
    functions: Mapping[str, Callable[..., Any]],
    options: Mapping[str, Any],
    roles: Roles,
    keys: pd.DataFrame,
) -> None:
    """Raise for disparity functions too; ``pos_label`` may be one of their ``options``."""
    given = {name: value for name, value in options.items() if name == "pos_label"}
    metrics = []
    for name, function in functions.items():
        base = base_function(function)
        of = _MADE_OF.get(base) or derived_from(base)
        if of is not None:
            positive = given or getattr(function, "keywords", {})
            bound = {"pos_label": positive["pos_label"]} if "pos_label" in positive else {}
            metrics.append(Metric(name, partial(of, **bound)))
    refuse_absent_label(metrics, roles, keys)


def _counts_a_label(function: Callable[..., Any]) -> bool:
    """Return whether a library's metric counts rows with one label, known by value."""
    base = base_function(function)
    bound: dict[str, Any] = {}
    while isinstance(function, partial):
        bound, function = {**function.keywords, **bound}, function.func
    library = str(getattr(base, "__module__", "")).partition(".")[0]
    if library not in ("fairlearn", "sklearn"):
        return False
    parameters = inspect.signature(base).parameters
    if "pos_label" not in parameters:
        return False
    default = parameters["pos_label"].default
    if library == "sklearn" and bound.get("pos_label", default) is None:
        return False  # scikit-learn finds the label itself, or refuses
    average = bound.get("average", parameters["average"].default if "average" in parameters else "")
    return base in _MULTICLASS or average in ("", "binary")


def _labels(keys: pd.DataFrame, column: str) -> set[Any]:
    values = keys[column].to_numpy()
    if len(values) and isinstance(values[0], np.ndarray):
        return {0}  # vectors have no positive label
    return set(pd.unique(values).tolist())


def _refuse(metric: Metric, base: Callable[..., Any], column: str) -> NoReturn:
    name, positive = base.__name__, positive_label(metric)
    bound = f"functools.partial({base.__module__.split('.')[0]}.metrics.{name}, pos_label=...)"
    detail = (
        f"{metric.name!r} counts the label {positive!r} as positive, which does not occur in "
        f"{column}. Map the labels to 0 and 1, or name the positive label with pos_label: as an "
        f"argument of assess_fairness and balance, or in the metric, as in "
        f"metrics={{{name!r}: {bound}}}. A column of scores is named by score, not y_pred."
    )
    if base.__module__.startswith("fairlearn.") and base is not fm.selection_rate:
        raise ArgumentError(POS_LABEL_NOT_SPECIFIED, detail)
    raise MetricError(f"metric {detail}")
