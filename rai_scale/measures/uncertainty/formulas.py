"""Which metric has a formula over cells, so that a bootstrap needs no second pass over rows.

A formula has the signature ``formula(y_true (K,), y_pred (K,), weights (..., K), **parameters)``
and returns float64 ``(...)``: the reference function's value for the K label cells of one group
with the given counts or sums of weights, NaN where a group has no rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import fairlearn.metrics as flm
import sklearn.metrics as skm

from rai_scale.measures.uncertainty import formulas_labels as on_labels
from rai_scale.measures.uncertainty import formulas_rates as rates
from rai_scale.measures.uncertainty import formulas_scores as on_scores
from rai_scale.measures.uncertainty.formulas_cells import Formula

Check = Callable[[Any], bool]


def _any(value: Any) -> bool:
    return True


def _is(*values: Any) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str | float | int | None) and value in values


def _one_number(value: Any) -> bool:
    """Return whether an ``average`` gives one number on labels."""
    return value in ("binary", "macro", "micro", "weighted")


@dataclass(frozen=True)
class Known:
    """A formula, and the parameters of the reference function for which it holds."""

    formula: Formula
    passed: Mapping[str, Check] = field(default_factory=dict)
    ignored: Mapping[str, Check] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)

    def bind(self, parameters: Mapping[str, Any]) -> Formula | None:
        """Return the formula with these parameters, or None if it does not apply to them."""
        checks = {**self.passed, **self.ignored}
        if any(name not in checks or not checks[name](v) for name, v in parameters.items()):
            return None
        used = {self.renamed.get(k, k): v for k, v in parameters.items() if k in self.passed}
        return partial(self.formula, **used) if used else self.formula


_POSITIVE = {"pos_label": _any}
_AVERAGED = {"labels": _any, "pos_label": _any, "average": _one_number, "zero_division": _any}
_ONE_OUTPUT = {"multioutput": _is("uniform_average", "variance_weighted")}
_MEAN_ONLY = {"normalize": _is(True)}
_TWO_CLASSES = {"average": _is("macro", "micro", "weighted")}
_KAPPA = {
    "labels": _any,
    "weights": _is(None, "linear", "quadratic"),
    "replace_undefined_by": lambda value: isinstance(value, float),
}
_AUC = _TWO_CLASSES | {"max_fpr": _is(None, 1.0), "multi_class": _any}

KNOWN: dict[Callable[..., Any], Known] = {
    flm.true_positive_rate: Known(rates.true_positive_rate, _POSITIVE),
    flm.true_negative_rate: Known(rates.true_negative_rate, _POSITIVE),
    flm.false_positive_rate: Known(rates.false_positive_rate, _POSITIVE),
    flm.false_negative_rate: Known(rates.false_negative_rate, _POSITIVE),
    flm.selection_rate: Known(rates.selection_rate, _POSITIVE),
    flm.mean_prediction: Known(rates.mean_prediction),
    flm.count: Known(rates.count),
    skm.accuracy_score: Known(on_labels.accuracy_score, {"normalize": _any}),
    skm.zero_one_loss: Known(on_labels.zero_one_loss, ignored=_MEAN_ONLY),
    skm.hamming_loss: Known(on_labels.hamming_loss),
    skm.balanced_accuracy_score: Known(on_labels.balanced_accuracy_score, {"adjusted": _any}),
    skm.precision_score: Known(on_labels.precision_score, _AVERAGED),
    skm.recall_score: Known(on_labels.recall_score, _AVERAGED),
    skm.f1_score: Known(on_labels.f1_score, _AVERAGED),
    skm.fbeta_score: Known(on_labels.fbeta_score, _AVERAGED | {"beta": _any}),
    skm.matthews_corrcoef: Known(on_labels.matthews_corrcoef),
    skm.cohen_kappa_score: Known(
        on_labels.cohen_kappa_score, _KAPPA, renamed={"weights": "weighting"}
    ),
    skm.mean_absolute_error: Known(on_scores.mean_absolute_error, ignored=_ONE_OUTPUT),
    skm.mean_squared_error: Known(on_scores.mean_squared_error, ignored=_ONE_OUTPUT),
    skm.root_mean_squared_error: Known(on_scores.root_mean_squared_error, ignored=_ONE_OUTPUT),
    skm.r2_score: Known(on_scores.r2_score, {"force_finite": _any}, _ONE_OUTPUT),
    skm.log_loss: Known(on_scores.log_loss, {"labels": _any}, _MEAN_ONLY),
    skm.brier_score_loss: Known(
        on_scores.brier_score_loss, {"pos_label": _any, "scale_by_half": _any}
    ),
    skm.roc_auc_score: Known(on_scores.roc_auc_score, ignored=_AUC),
    skm.average_precision_score: Known(on_scores.average_precision_score, _POSITIVE, _TWO_CLASSES),
}

FORMULAS: dict[Callable[..., Any], Formula] = {
    metric: known.formula for metric, known in KNOWN.items()
}
"""The formula of each reference function, with the function's default parameters."""


def base_metric(metric: Callable[..., Any]) -> tuple[Callable[..., Any], dict[str, Any]] | None:
    """Take ``functools.partial`` apart into function and parameters, or return None."""
    if not isinstance(metric, partial):
        return metric, {}
    if metric.args:
        return None
    inner = base_metric(metric.func)
    return None if inner is None else (inner[0], inner[1] | metric.keywords)


def vectorised(metric: Callable[..., Any]) -> Formula | None:
    """Return the formula of a metric, also inside ``functools.partial``; None where there is none.

    None is also returned if, with the given parameters, the formula would differ from the reference
    (several outputs, ``average=None``, a partial AUC, a ``sample_weight`` that is bound).
    """
    parts = base_metric(metric)
    if parts is None:
        return None
    known = _lookup(parts[0])
    return None if known is None else known.bind(parts[1])


def _lookup(metric: Callable[..., Any]) -> Known | None:
    try:
        return KNOWN.get(metric)
    except TypeError:  # a callable object may be unhashable
        return None
