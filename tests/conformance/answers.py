"""Ask Fairlearn and this package the same question, and hold the answers side by side."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from fairlearn.metrics import MetricFrame

from rai_scale.fairness import metric_frame
from rai_scale.measures import CountedMetricFrame
from rai_scale.measures.metrics import METRICS

RTOL = 1e-12
METHODS = ("between_groups", "to_overall")
ERRORS = ("raise", "coerce")


@dataclass(frozen=True)
class Question:
    """One call: ``metrics`` is a function or a dict; ``params`` names columns, as in Fairlearn."""

    metrics: Any
    y_true: str = "y"
    y_pred: str = "p"
    sensitive: tuple[str, ...] = ("g",)
    control: tuple[str, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)

    def ours(self, frame: Any, **options: Any) -> CountedMetricFrame:
        """Ask this package about an engine's frame."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return metric_frame(
                frame,
                metrics=self.metrics,
                y_true=self.y_true,
                y_pred=self.y_pred,
                sensitive_features=self.sensitive,
                control_features=self.control,
                sample_params=self.params,
                **options,
            )

    def theirs(self, table: pa.Table) -> MetricFrame:
        """Ask Fairlearn about all rows."""
        frame = table.to_pandas()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return MetricFrame(
                metrics=self.metrics,
                y_true=frame[self.y_true],
                y_pred=frame[self.y_pred],
                sensitive_features=frame[list(self.sensitive)],
                control_features=frame[list(self.control)] if self.control else None,
                sample_params=_with_arrays(self.params, frame),
            )


def _with_arrays(params: dict[str, Any], frame: pd.DataFrame) -> dict[str, Any]:
    return {
        name: _with_arrays(value, frame) if isinstance(value, dict) else frame[value]
        for name, value in params.items()
    }


def outcome(ask: Callable[[], Any]) -> Any:
    """Return the answer, or the type and the message of the error."""
    try:
        return ask()
    except Exception as error:
        return type(error), str(error)


def answers(frame: MetricFrame) -> Iterator[tuple[str, Any]]:
    """Yield everything that a MetricFrame answers, under a name."""
    yield "by_group", frame.by_group
    yield "overall", frame.overall
    yield "control_levels", frame.control_levels
    yield "sensitive_levels", frame.sensitive_levels
    for errors in ERRORS:
        yield f"group_min {errors}", outcome(lambda e=errors: frame.group_min(errors=e))
        yield f"group_max {errors}", outcome(lambda e=errors: frame.group_max(errors=e))
        for method in METHODS:
            options = {"method": method, "errors": errors}
            name = f"{method} {errors}"
            yield f"difference {name}", outcome(lambda o=options: frame.difference(**o))
            yield f"ratio {name}", outcome(lambda o=options: frame.ratio(**o))


def assert_same(ours: MetricFrame, theirs: MetricFrame, *, exact: bool) -> None:
    """Fail if any answer differs: exactly, or beyond 1e-12 relative."""
    for (name, mine), (_, wanted) in zip(answers(ours), answers(theirs), strict=True):
        assert_equal(mine, wanted, exact=exact, name=name)


def assert_equal(mine: Any, wanted: Any, *, exact: bool, name: str = "") -> None:
    """Fail if two answers differ in kind, names, index, dtype or value."""
    if isinstance(wanted, (pd.Series, pd.DataFrame)):
        assert type(mine) is type(wanted), name
        pd.testing.assert_index_equal(mine.index, wanted.index, exact=True, obj=name)
        assert mine.index.names == wanted.index.names, name
        if isinstance(wanted, pd.DataFrame):
            assert list(mine.columns) == list(wanted.columns), name
            assert list(mine.dtypes) == list(wanted.dtypes), name
        else:
            assert (mine.name, mine.dtype) == (wanted.name, wanted.dtype), name
        mine, wanted = mine.to_numpy().ravel(), wanted.to_numpy().ravel()
        pairs = zip(mine, wanted, strict=True)
    else:
        pairs = iter([(mine, wanted)])
    for one, other in pairs:
        _assert_value(one, other, exact, name)


def _assert_value(mine: Any, wanted: Any, exact: bool, name: str) -> None:
    if wanted is None or isinstance(wanted, (str, tuple, list)):
        assert mine == wanted, name
    elif exact:
        np.testing.assert_array_equal(mine, wanted, err_msg=name, strict=True)
    else:
        # a difference of two sums has their error, not one relative to itself
        np.testing.assert_allclose(mine, wanted, rtol=RTOL, atol=1e-13, err_msg=name)


SCORED = ("log_loss", "brier_score_loss", "roc_auc_score", "average_precision_score")
NUMBERS = (
    *("mean_absolute_error", "mean_squared_error", "root_mean_squared_error", "r2_score"),
    "mean_prediction",
)
EXACT = frozenset(METRICS) - {*SCORED, *NUMBERS}
"""Metrics that are quotients of counts: without weights they agree in every bit."""


def columns_for(metric: str) -> dict[str, str]:
    """Return the columns of labels and predictions that suit a metric."""
    if metric in SCORED:
        return {"y_true": "y", "y_pred": "score"}
    if metric in NUMBERS:
        return {"y_true": "number", "y_pred": "guess"}
    return {"y_true": "y", "y_pred": "p"}
