"""Sample parameters per metric, and functions of one's own."""

from __future__ import annotations

from functools import partial

import fairlearn.metrics as fm
import numpy as np
import pytest
import sklearn.metrics as skm

from rai_scale.errors import ConfigError, MissingColumnError
from tests.conformance.answers import Question, assert_same
from tests.conformance.tables import cut, people
from tests.conftest import full


def cost(y_true, y_pred, cost, sample_weight=None):
    """Return the mean cost of wrong rows."""
    return float(np.average(cost * (y_true != y_pred), weights=sample_weight))


def two_params(y_true, y_pred, *, low, high, sample_weight=None):
    """Return the share of rows within limits that each row brings."""
    inside = (low <= y_pred) & (y_pred <= high)
    return float(np.average(inside, weights=sample_weight))


def agreement(y_true, y_pred):
    """Return the share of equal rows, without knowing of weights."""
    return float(np.mean(y_true == y_pred))


def first_letters(y_true, y_pred, sample_weight=None):
    """Return a text, which is a scalar too."""
    return "".join(sorted({str(v)[0] for v in y_pred}))


def nothing(y_true, y_pred, sample_weight=None):
    """Return None, which Fairlearn makes NaN in differences."""
    return


class Threshold:
    """A callable object with a state."""

    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Return the share of scores above the threshold."""
        return float(np.average(y_pred > self.at, weights=sample_weight))


W = {"sample_weight": "weight"}
CASES = {
    "one weighted": ({"a": skm.accuracy_score, "b": skm.accuracy_score}, {"a": W}),
    "two weights": (
        {"a": skm.accuracy_score, "b": fm.selection_rate, "n": fm.count},
        {"a": W, "b": {"sample_weight": "times"}},
    ),
    "none is left out": ({"a": fm.selection_rate}, {"a": {}}),
    "own param": ({"c": cost}, {"c": {"cost": "cost"}}),
    "own param, weighted": ({"c": cost}, {"c": {"cost": "cost", **W}}),
    "params of two metrics": (
        {"c": cost, "d": cost, "tpr": fm.true_positive_rate},
        {"c": {"cost": "cost"}, "d": {"cost": "times"}, "tpr": W},
    ),
    "two params": ({"t": two_params}, {"t": {"low": "flag", "high": "times"}}),
    "bound options": ({"f": partial(skm.fbeta_score, beta=2, zero_division=0)}, {"f": W}),
    "lambda": ({"l": lambda y, p, sample_weight=None: float(np.sum(sample_weight))}, {"l": W}),
    "object": ({"o": Threshold(0.5)}, {"o": W}),
}


@pytest.mark.parametrize("control", [(), ("d",)])
@pytest.mark.parametrize("case", CASES)
def test_sample_params(case, control):
    """Each metric gets its own columns."""
    metrics, params = CASES[case]
    question = Question(metrics, sensitive=("h",), control=control, params=params)
    assert_same(
        question.ours(cut(people(), f"{case} {control}")), question.theirs(people()), exact=False
    )


@pytest.mark.parametrize(
    ("function", "params"),
    [
        (skm.accuracy_score, W),
        (cost, {"cost": "cost"}),
        (partial(fm.selection_rate, pos_label=0), W),
        (Threshold(0.2), W),
    ],
)
def test_sample_params_of_a_single_function(function, params):
    """A bare function takes its parameters without its name before them."""
    question = Question(function, params=params)
    ours, wanted = question.ours(cut(people(), str(params))), question.theirs(people())
    np.testing.assert_allclose(ours.overall, wanted.overall, rtol=1e-12)
    np.testing.assert_allclose(ours.by_group, wanted.by_group, rtol=1e-12)
    np.testing.assert_allclose(ours.difference(), wanted.difference(), rtol=1e-12)


def test_one_weight_for_all():
    """``sample_weight`` goes to every metric that takes one, and to no other."""
    metrics = {"a": skm.accuracy_score, "n": fm.count, "c": fm.selection_rate}
    ours = Question(metrics).ours(cut(people(), "for all"), sample_weight="weight")
    wanted = Question(metrics, params={"a": W, "c": W}).theirs(people())
    assert_same(ours, wanted, exact=False)


def test_own_weight_goes_before_the_one_for_all():
    """A metric's own weight is used."""
    metrics = {"a": skm.accuracy_score, "b": skm.accuracy_score}
    own = {"a": {"sample_weight": "times"}}
    ours = Question(metrics, params=own).ours(cut(people(), "own"), sample_weight="weight")
    assert_same(ours, Question(metrics, params={**own, "b": W}).theirs(people()), exact=False)


@pytest.mark.parametrize("weight", [None, "weight"])
def test_params_that_are_none(weight):
    """None stands for no column, as in Fairlearn."""
    params = {"a": {"sample_weight": weight}}
    ours = Question({"a": skm.accuracy_score}, params=params).ours(cut(people(), str(weight)))
    wanted = Question({"a": skm.accuracy_score}, params={"a": W} if weight else {})
    assert_same(ours, wanted.theirs(people()), exact=False)


@pytest.mark.parametrize("control", [(), full(("d",)), ("c", "d")])
@pytest.mark.parametrize("sensitive", [full(("g",)), ("g", "h")])
def test_function_without_weights_on_rows(sensitive, control):
    """With ``per_group=True`` it sees all rows of a group, beside metrics that are counted."""
    metrics = {"before": fm.count, "own": agreement, "after": fm.selection_rate}
    question = Question(metrics, sensitive=sensitive, control=control)
    ours = question.ours(cut(people(), f"{sensitive} {control}"), per_group=True)
    assert_same(ours, question.theirs(people()), exact=True)


def test_single_function_without_weights():
    """Alone, it gives scalars and Series."""
    question = Question(agreement, sensitive=("h",), control=("d",))
    ours = question.ours(cut(people(), "alone"), per_group=True)
    assert_same(ours, question.theirs(people()), exact=True)


def test_function_without_weights_but_with_params():
    """Other columns go along."""

    def kept(y_true, y_pred, cost):
        return float(np.max(cost[y_true != y_pred], initial=0))

    question = Question({"k": kept}, sensitive=("h",), params={"k": {"cost": "cost"}})
    ours = question.ours(cut(people(), "kept"), per_group=True)
    assert_same(ours, question.theirs(people()), exact=True)


@pytest.mark.parametrize(
    "metrics", [agreement, {"own": agreement}, {"n": fm.count, "own": agreement}]
)
def test_function_without_weights_is_refused(metrics):
    """The reason is given, and the way out."""
    name = "own" if isinstance(metrics, dict) else "agreement"
    words = (
        f"'{name}' cannot be computed from counts, because there is no parameter.*per_group=True"
    )
    with pytest.raises(ConfigError, match=words):
        Question(metrics).ours(cut(people(), "refused"))


def test_weight_bound_by_partial_is_refused():
    """An array of weights inside a partial belongs to rows that counts have not."""
    bound = partial(skm.accuracy_score, sample_weight=np.ones(160))
    with pytest.raises(ConfigError, match="cannot be computed from counts"):
        Question({"m": bound}).ours(cut(people(), "bound"))


@pytest.mark.parametrize("function", [first_letters, nothing])
def test_values_that_are_no_numbers(function):
    """Texts and None come through as Fairlearn lets them."""
    question = Question({"m": function}, "y", "size", ("h",))
    ours, wanted = question.ours(cut(people(), function.__name__)), question.theirs(people())
    assert ours.by_group["m"].tolist() == wanted.by_group["m"].tolist()
    assert ours.overall["m"] == wanted.overall["m"]


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        ({"a": {"sample_weight": "wieght"}}, MissingColumnError, "Did you mean 'weight'"),
        ({"b": {"sample_weight": "weight"}}, ConfigError, "names 'b'"),
        ({"a": {"cost": "costs"}}, MissingColumnError, "Did you mean 'cost'"),
    ],
)
def test_params_that_are_not_there(params, error, words):
    """Columns and metrics are looked for before anything is counted."""
    with pytest.raises(error, match=words):
        Question({"a": skm.accuracy_score}, params=params).ours(people())
