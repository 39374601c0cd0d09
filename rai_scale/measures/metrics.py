"""The metrics that can be requested, by function or by name, and what each needs."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

import fairlearn.metrics as fm
import sklearn.metrics as skm

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.measures.refusals import ArgumentError
from rai_scale.upstream.fairlearn import (
    DEFAULT_NAME,
    METRIC_FUNCTION_NONE,
    METRIC_FUNCTION_NOT_CALLABLE,
    SAMPLE_PARAM_KEYS_NOT_IN_FUNC_DICT,
    SAMPLE_PARAMS_NOT_DICT,
)

_BASE = [
    *(fm.true_positive_rate, fm.true_negative_rate, fm.false_positive_rate),
    *(fm.false_negative_rate, fm.selection_rate, fm.mean_prediction, fm.count),
    *(skm.accuracy_score, skm.zero_one_loss, skm.balanced_accuracy_score, skm.precision_score),
    *(skm.recall_score, skm.f1_score, skm.matthews_corrcoef, skm.cohen_kappa_score),
    *(skm.confusion_matrix, skm.log_loss, skm.brier_score_loss, skm.roc_auc_score),
    *(skm.average_precision_score, skm.mean_absolute_error, skm.mean_squared_error),
    *(skm.root_mean_squared_error, skm.r2_score),
]
METRICS: dict[str, Callable[..., Any]] = {function.__name__: function for function in _BASE}
"""Metrics of one group, by name."""

DISPARITIES: dict[str, Callable[..., Any]] = {
    name: getattr(fm, name)
    for name in fm.__all__
    if name.endswith(("_difference", "_ratio", "_group_min", "_group_max"))
}
"""Fairlearn's single numbers over all groups, by name; they take ``sensitive_features``."""

RANKS = (skm.roc_auc_score, skm.average_precision_score)
"""Metrics that depend only on the order of scores."""

Metrics = Callable[..., Any] | str | Iterable[str] | Mapping[str, Callable[..., Any] | str]


@dataclass(frozen=True)
class Metric:
    """A metric with the columns of its sample parameters.

    ``weight`` is the column of its ``sample_weight`` (None: rows count alike), ``params`` maps
    its other sample parameters to columns.
    """

    name: str
    function: Callable[..., Any]
    weight: str | None = None
    params: dict[str, str] = field(default_factory=dict)

    @property
    def takes_weight(self) -> bool:
        """Whether equal rows can be passed once, with their number as weight."""
        return base_function(self.function) is fm.count or _takes(self.function, "sample_weight")


def base_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function inside of a chain of ``functools.partial``."""
    while isinstance(function, partial):
        function = function.func
    return function


def function_named(name: str, choices: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    """Return the function of this name, or raise an error that suggests the nearest name."""
    if name not in choices:
        raise ConfigError(
            f"unknown metric {name!r}; choose from {', '.join(sorted(choices))}."
            f"{did_you_mean(name, choices)}"
        )
    return choices[name]


def named_functions(
    metrics: Metrics, choices: Mapping[str, Callable[..., Any]]
) -> tuple[dict[str, Callable[..., Any]], bool]:
    """Return the metrics by name, and whether a single one was given (not a dict or a list)."""
    if isinstance(metrics, str):
        return {metrics: function_named(metrics, choices)}, True
    if callable(metrics):
        return {_name_of(metrics): metrics}, True
    if not isinstance(metrics, Iterable):
        _refuse_metric("metrics", metrics)
    if not isinstance(metrics, Mapping):
        metrics = {str(name): name for name in metrics}
    for name, metric in metrics.items():
        if not (isinstance(metric, str) or callable(metric)):
            _refuse_metric(f"metric {name!r}", metric)
    functions = {
        name: function_named(metric, choices) if isinstance(metric, str) else metric
        for name, metric in metrics.items()
    }
    return functions, False


def _name_of(function: Callable[..., Any]) -> str:
    """Return the name that Fairlearn gives a single function; warn if it has none."""
    name = getattr(function, "__name__", None)
    if name is None:
        warnings.warn(
            f"the metric has no __name__ and is called {DEFAULT_NAME!r}; pass a dict to name it.",
            stacklevel=2,
        )
    return str(name or DEFAULT_NAME)


def _refuse_metric(what: str, found: object) -> NoReturn:
    raise ArgumentError(
        METRIC_FUNCTION_NONE if found is None else METRIC_FUNCTION_NOT_CALLABLE,
        f"{what} is a {type(found).__name__}, not a function or the name of one.",
    )


def resolve_metrics(
    metrics: Metrics, sample_weight: str | None, sample_params: Mapping[str, Any] | None
) -> tuple[list[Metric], bool]:
    """Return the metrics with their columns, and whether a single one was given.

    Raises
    ------
    ConfigError
        If a name is unknown, or sample parameters are given for a metric that was not requested.
    """
    functions, single = named_functions(metrics, METRICS)
    params = _by_metric(functions, single, sample_params)
    resolved = []
    for name, function in functions.items():
        own = {key: column for key, column in params.get(name, {}).items() if column is not None}
        weight = own.pop("sample_weight", None)
        if weight is None and sample_weight is not None and _takes(function, "sample_weight"):
            weight = sample_weight
        resolved.append(Metric(name, function, weight, own))
    return resolved, single


def _by_metric(
    functions: Mapping[str, Any], single: bool, sample_params: Mapping[str, Any] | None
) -> Mapping[str, Mapping[str, str | None]]:
    if not sample_params:
        return {}
    if not isinstance(sample_params, Mapping):
        _refuse_params()
    if single and not all(isinstance(value, Mapping) for value in sample_params.values()):
        return {next(iter(functions)): sample_params}
    unknown = [name for name in sample_params if name not in functions]
    if unknown:
        names = list(map(str, functions))
        raise ArgumentError(
            SAMPLE_PARAM_KEYS_NOT_IN_FUNC_DICT,
            f"sample_params names {unknown[0]!r}, which is not among the metrics "
            f"{', '.join(names)}.{did_you_mean(str(unknown[0]), names)}",
        )
    if not all(isinstance(own, Mapping) for own in sample_params.values()):
        _refuse_params()
    return sample_params


def _refuse_params() -> NoReturn:
    raise ArgumentError(
        SAMPLE_PARAMS_NOT_DICT,
        "sample_params must be a dict of parameter names to columns; with several metrics, one "
        "such dict per metric.",
    )


SAFE_MESSAGES = (
    "If pos_label is not specified",
    "Sample weights must contain at least one",
    "Input contains",
    "Input sample_weight contains",
    "Classification metrics can't handle",
    "Target is multiclass but average=",
    "multi_class must be in",
    "Only binary classification is supported",
    "continuous format is not supported",
    "multiclass format is not supported",
    "y_true contains only one label (0)",
    "y_true contains only one label (1)",
    "Unrecognised comparison method",
    "agg must be",
)
"""First words of the messages of Fairlearn and scikit-learn that contain no value of the data."""


class MetricError(ConfigError, ValueError):
    """A library's metric refused its labels with a message that may quote one of them."""


def call_metric(name: str, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call a metric; a library's message that may quote a value of the data is replaced.

    Errors of the caller's own functions are not changed.

    Raises
    ------
    MetricError
        Instead of a ``ValueError`` of Fairlearn or scikit-learn whose message is not known.
    """
    try:
        return function(*args, **options)
    except ValueError as error:
        module = str(getattr(base_function(function), "__module__", ""))
        if module.partition(".")[0] not in ("fairlearn", "sklearn") or is_safe(error):
            raise
    raise MetricError(
        f"metric {name!r} cannot be computed from these labels and predictions. The library's "
        "message is withheld because it may quote a value. Check that it accepts these labels, "
        "that scores are in its range, and that each group has the labels it needs (log_loss: pass "
        "labels=[0, 1] by functools.partial)."
    )


def is_safe(error: ValueError) -> bool:
    """Return whether the message of an error is known to contain no value of the data."""
    return isinstance(error, ConfigError) or str(error).startswith(SAFE_MESSAGES)


def _takes(function: Callable[..., Any], name: str) -> bool:
    try:
        found = inspect.signature(function).parameters.get(name)
    except (TypeError, ValueError):
        return False
    bound = isinstance(function, partial) and name in function.keywords
    return found is not None and not bound


def refuse_uncounted(metrics: Iterable[Metric]) -> None:
    """Raise if a metric cannot be computed from counts."""
    names = [metric.name for metric in metrics if not metric.takes_weight]
    if names:
        raise ConfigError(
            f"{', '.join(map(repr, names))} cannot be computed from counts, because there is no "
            f"parameter sample_weight for the number of equal rows. Add sample_weight to the "
            f"function, or pass per_group=True to run it on all rows of a group at once, one group "
            f"per worker."
        )
