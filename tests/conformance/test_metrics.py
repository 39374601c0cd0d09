"""Every metric, over every arrangement of features, with and without weights."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from rai_scale.measures.metrics import METRICS
from tests.conformance.answers import EXACT, Question, assert_same, columns_for
from tests.conformance.tables import cut, people
from tests.conftest import full

FEATURES: dict[str, dict[str, Any]] = {
    "one": {"sensitive": ("g",)},
    "two": {"sensitive": ("g", "h")},
    "controlled": {"sensitive": ("g",), "control": ("c",)},
    "two controlled": {"sensitive": ("g", "h"), "control": ("d",)},
    "twice controlled": {"sensitive": ("h",), "control": ("c", "d")},
}
OPTIONS = {"log_loss": {"labels": [0, 1]}}
"""Without labels, scikit-learn refuses groups of one class; see ``test_edges.py``."""


def asked(metric: str, features: str, weight: str | None) -> Question:
    """Return the question for one metric, as a dict."""
    function = METRICS[metric]
    if metric in OPTIONS:
        function = partial(function, **OPTIONS[metric])
    params = {} if weight is None else {"value": {"sample_weight": weight}}
    return Question({"value": function}, **columns_for(metric), **FEATURES[features], params=params)


def check(question: Question, seed: str, *, exact: bool) -> None:
    """Ask both."""
    assert_same(question.ours(cut(people(), seed)), question.theirs(people()), exact=exact)


@pytest.mark.parametrize("features", [full(f) if "two" in f else f for f in FEATURES])
@pytest.mark.parametrize("metric", sorted(METRICS))
def test_metric(metric, features):
    """All that a MetricFrame answers is Fairlearn's, for a dict of one metric."""
    check(asked(metric, features, None), f"{metric} {features}", exact=metric in EXACT)


@pytest.mark.parametrize("features", [full("one"), full("two controlled"), "twice controlled"])
@pytest.mark.parametrize("metric", sorted(set(METRICS) - {"count"}))
def test_weighted_metric(metric, features):
    """With weights that are no integers, sums differ by rounding only."""
    check(asked(metric, features, "weight"), f"{metric} {features} weighted", exact=False)


@pytest.mark.parametrize("metric", sorted(set(METRICS) - {"count", "confusion_matrix"}))
def test_integer_weights(metric):
    """Integer weights add up without rounding."""
    check(asked(metric, "two", "times"), f"{metric} times", exact=metric in EXACT)
