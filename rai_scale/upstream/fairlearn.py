"""Fairlearn's private names, and a MetricFrame filled with tables that are computed elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import pandas as pd
from fairlearn.metrics import MetricFrame
from fairlearn.metrics._annotated_metric_function import _DEFAULT_NAME as DEFAULT_NAME
from fairlearn.metrics._annotated_metric_function import (
    _METRIC_FUNCTION_NONE as METRIC_FUNCTION_NONE,
)
from fairlearn.metrics._annotated_metric_function import (
    _METRIC_FUNCTION_NOT_CALLABLE as METRIC_FUNCTION_NOT_CALLABLE,
)
from fairlearn.metrics._base_metrics import (
    _RESTRICTED_VALS_IF_POS_LABEL_NONE as POS_LABEL_NOT_SPECIFIED,
)
from fairlearn.metrics._bootstrap import BOOTSTRAP_QUANTILE_ERROR
from fairlearn.metrics._disaggregated_result import DisaggregatedResult
from fairlearn.metrics._metric_frame import _BOOTSTRAP_CI_INVALID as BOOTSTRAP_CI_INVALID
from fairlearn.metrics._metric_frame import (
    _BOOTSTRAP_N_BOOT_INT_GT_ZERO as BOOTSTRAP_N_BOOT_INT_GT_ZERO,
)
from fairlearn.metrics._metric_frame import (
    _BOOTSTRAP_NEED_N_AND_CI as BOOTSTRAP_NEED_N_AND_CI,
)
from fairlearn.metrics._metric_frame import _DUPLICATE_FEATURE_NAME as DUPLICATE_FEATURE_NAME
from fairlearn.metrics._metric_frame import (
    _SAMPLE_PARAM_KEYS_NOT_IN_FUNC_DICT as SAMPLE_PARAM_KEYS_NOT_IN_FUNC_DICT,
)
from fairlearn.metrics._metric_frame import _SAMPLE_PARAMS_NOT_DICT as SAMPLE_PARAMS_NOT_DICT
from fairlearn.postprocessing._interpolated_thresholder import InterpolatedThresholder
from fairlearn.postprocessing._relaxed_constraints import maximize_objective_with_tolerance
from fairlearn.postprocessing._threshold_operation import ThresholdOperation
from fairlearn.postprocessing._threshold_optimizer import (
    ALL_CONSTRAINTS,
    OBJECTIVES_FOR_EQUALIZED_ODDS,
    OBJECTIVES_FOR_SIMPLE_CONSTRAINTS,
    SIMPLE_CONSTRAINTS,
)
from fairlearn.postprocessing._tradeoff_curve_utilities import METRIC_DICT
from fairlearn.postprocessing._tradeoff_curve_utilities import (
    _extend_confusion_matrix as extend_confusion_matrix,
)
from fairlearn.postprocessing._tradeoff_curve_utilities import (
    _interpolate_curve as interpolate_curve,
)
from fairlearn.reductions import ExponentiatedGradient
from fairlearn.reductions._exponentiated_gradient._constants import _ACCURACY_MUL as ACCURACY_MUL
from fairlearn.reductions._exponentiated_gradient._lagrangian import _Lagrangian as Lagrangian
from fairlearn.reductions._grid_search._grid_generator import _GridGenerator as GridGenerator
from fairlearn.reductions._moments.bounded_group_loss import ConditionalLossMoment, MeanLoss
from fairlearn.reductions._moments.moment import _ALL as MOMENT_ALL
from fairlearn.reductions._moments.moment import _EVENT as MOMENT_EVENT
from fairlearn.reductions._moments.moment import _GROUP_ID as MOMENT_GROUP_ID
from fairlearn.reductions._moments.moment import _LABEL as MOMENT_LABEL
from fairlearn.utils._input_validation import _merge_columns as merge_columns

__all__ = [
    "ACCURACY_MUL",
    "ALL_CONSTRAINTS",
    "BOOTSTRAP_CI_INVALID",
    "BOOTSTRAP_NEED_N_AND_CI",
    "BOOTSTRAP_N_BOOT_INT_GT_ZERO",
    "BOOTSTRAP_QUANTILE_ERROR",
    "DEFAULT_NAME",
    "DUPLICATE_FEATURE_NAME",
    "METRIC_DICT",
    "METRIC_FUNCTION_NONE",
    "METRIC_FUNCTION_NOT_CALLABLE",
    "MOMENT_ALL",
    "MOMENT_EVENT",
    "MOMENT_GROUP_ID",
    "MOMENT_LABEL",
    "OBJECTIVES_FOR_EQUALIZED_ODDS",
    "OBJECTIVES_FOR_SIMPLE_CONSTRAINTS",
    "POS_LABEL_NOT_SPECIFIED",
    "SAMPLE_PARAMS_NOT_DICT",
    "SAMPLE_PARAM_KEYS_NOT_IN_FUNC_DICT",
    "SIMPLE_CONSTRAINTS",
    "ConditionalLossMoment",
    "DisaggregatedResult",
    "FilledMetricFrame",
    "GridGenerator",
    "InterpolatedThresholder",
    "Lagrangian",
    "MeanLoss",
    "ThresholdOperation",
    "derived_from",
    "expected_predictions",
    "extend_confusion_matrix",
    "interpolate_curve",
    "maximize_objective_with_tolerance",
    "merge_columns",
]

COMPARED = ("group_min", "group_max", "difference", "ratio")


class _Answers(dict[str, Any]):
    """Fairlearn's results; comparisons of groups are computed when one is first used.

    They take half the time of a small frame, and most callers need the values by group only.
    """

    def __init__(self, frame: FilledMetricFrame, result: DisaggregatedResult) -> None:
        super().__init__()
        self._frame = frame
        # the caller may change the tables that the frame returns
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


class FilledMetricFrame(MetricFrame):  # type: ignore[misc]
    """Fairlearn's MetricFrame over a result that was computed elsewhere.

    Parameters
    ----------
    result : DisaggregatedResult
        Tables with one column per metric.
    sensitive, control : sequence of str
        Names of the features.
    single : bool
        Whether a single function was given, whose values Fairlearn shows without a name.
    """

    def __init__(
        self,
        result: DisaggregatedResult,
        sensitive: Sequence[str],
        control: Sequence[str],
        *,
        single: bool,
    ) -> None:
        self._sf_names = list(sensitive)
        self._cf_names = list(control) or None
        self._user_supplied_callable = single
        self._ci_quantiles: list[float] | None = None
        self._n_boot: int | None = None
        self._result_cache: dict[str, Any] = _Answers(self, result)
        self._result_cache["overall"] = self._extract_result(result.overall, False)
        self._result_cache["by_group"] = self._extract_result(result.by_group, True)

    @property
    def single(self) -> bool:
        """Whether a single function was given, whose values are shown without a name."""
        return self._user_supplied_callable

    @property
    def answers(self) -> dict[str, Any]:
        """The results that Fairlearn's methods and properties return; may be replaced."""
        return self._result_cache

    def fill_intervals(
        self, n_boot: int, quantiles: Sequence[float], tables: dict[str, Any]
    ) -> None:
        """Fill each ``*_ci`` as Fairlearn's constructor does, from ``tables`` by name."""
        self._n_boot, self._ci_quantiles = n_boot, list(quantiles)
        for name, found in tables.items():
            whole = name == "by_group_ci"
            if isinstance(found, dict):
                self._result_cache[name] = {
                    method: [self._extract_result(table, False) for table in each]
                    for method, each in found.items()
                }
            else:
                self._result_cache[name] = [self._extract_result(t, whole) for t in found]


def derived_from(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return the metric from which ``make_derived_metric`` made a function, or None."""
    return getattr(function, "_metric_fn", None)


def expected_predictions(mitigator: ExponentiatedGradient, X: pd.DataFrame) -> tuple[Any, Any]:
    """Return the predictions of a fitted mitigator's mixture, and the weights of its models.

    An index builds its lookup table at the first lookup, and another thread may read it unfinished,
    so each call has its own indexes.
    """
    mitigator = copy(mitigator)
    mitigator._hs = _unshared(mitigator._hs)
    mitigator.weights_ = _unshared(mitigator.weights_)
    return mitigator._pmf_predict(X), mitigator.weights_


def _unshared(values: pd.Series) -> pd.Series:
    return pd.Series(values.to_numpy(), index=pd.Index(values.index.to_numpy()))
