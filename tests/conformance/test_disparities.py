"""Fairlearn's single numbers over all groups: parity, odds, opportunity, and 25 generated ones."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import fairlearn.metrics as fm
import pandas as pd
import pytest

from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.measures import disparities
from rai_scale.measures.metrics import DISPARITIES
from tests.conformance.answers import METHODS, NUMBERS, SCORED, Question, assert_equal, outcome
from tests.conformance.tables import cut, people

ODDS = ("equalized_odds_difference", "equalized_odds_ratio")
COLUMNS = {"label": ("y", "p"), "score": ("y", "score"), "number": ("number", "guess")}
NAMED = {
    "score": [n for n in DISPARITIES if n.startswith(SCORED)],
    "number": [n for n in DISPARITIES if n.startswith(NUMBERS)],
}
NAMED["label"] = [n for n in DISPARITIES if n not in {*NAMED["score"], *NAMED["number"]}]
KIND = {name: kind for kind, names in NAMED.items() for name in names}


def options_of(name: str) -> list[dict[str, Any]]:
    """Return every combination of options that a function takes."""
    if name.endswith(("_group_min", "_group_max")):
        return [{}]
    methods = [{"method": method} for method in METHODS]
    if name not in ODDS:
        return methods
    return [{**m, "agg": agg} for m in methods for agg in ("worst_case", "mean")]


@cache
def counted(kind: str, control: tuple[str, ...], weight: str | None):
    """Return our frame for one kind of labels; disparities come from its cells."""
    y_true, y_pred = COLUMNS[kind]
    metric = fm.mean_prediction
    params = {} if weight is None else {"sample_weight": weight}
    question = Question(metric, y_true, y_pred, ("h",), control, params)
    return question.ours(cut(people(), f"{kind} {control} {weight}"))


def theirs(name: str, frame: pd.DataFrame, features: list[str], weight: str | None, **options):
    """Ask Fairlearn about all rows."""
    y_true, y_pred = COLUMNS[KIND[name]]
    given = {} if weight is None else {"sample_weight": frame[weight]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return DISPARITIES[name](
            frame[y_true], frame[y_pred], sensitive_features=frame[features], **given, **options
        )


@pytest.mark.parametrize("weight", [None, "weight"])
@pytest.mark.parametrize("name", DISPARITIES)
def test_disparity(name, weight):
    """Every method and way to aggregate gives Fairlearn's number."""
    exact = KIND[name] == "label" and weight is None
    frame = people().to_pandas()
    for options in options_of(name):
        wanted = theirs(name, frame, ["h"], weight, **options)
        mine = counted(KIND[name], (), weight).disparities(name, **options)
        assert isinstance(mine, float)
        assert_equal(mine, float(wanted), exact=exact, name=f"{name} {options}")


@pytest.mark.parametrize("name", DISPARITIES)
def test_disparity_within_control_levels(name):
    """With a control feature there is one number for each of its levels."""
    frame = people().to_pandas()
    options = options_of(name)[-1]
    mine = counted(KIND[name], ("d",), None).disparities(name, **options)
    wanted = {
        level: float(theirs(name, part, ["h"], None, **options))
        for level, part in frame.groupby("d")
    }
    assert mine.index.name == "d"
    assert list(mine.index) == list(wanted)
    for level, value in wanted.items():
        assert_equal(float(mine[level]), value, exact=KIND[name] == "label", name=name)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", COLUMNS)
def test_several_disparities_over_two_features(kind, method):
    """A list of names gives a Series, here over groups of which some do not occur."""
    names = [name for name in NAMED[kind] if name != "log_loss_group_max"]
    if kind == "score":
        names, features = ["roc_auc_score_group_min"], ["h", "d"]
    else:
        features = ["g", "h"]
    mine = disparities(
        cut(people(), f"{kind} {method}"),
        metrics=names,
        y_true=COLUMNS[kind][0],
        y_pred=COLUMNS[kind][1],
        sensitive_features=features,
        method=method,
    )
    assert list(mine.index) == names
    frame = people().to_pandas()
    for name in names:
        options = {} if "_group_m" in name else {"method": method}
        wanted = float(theirs(name, frame, features, None, **options))
        assert_equal(float(mine[name]), wanted, exact=kind == "label", name=name)


@pytest.mark.parametrize("name", ["demographic_parity_ratio", "equalized_odds_difference"])
@pytest.mark.parametrize("method", METHODS)
def test_own_name_for_a_function(name, method):
    """Functions can be given in a dict, with Fairlearn's own functions."""
    mine = disparities(
        cut(people(), name),
        metrics={"mine": DISPARITIES[name]},
        y_true="y",
        y_pred="p",
        sensitive_features="g",
        method=method,
    )
    wanted = theirs(name, people().to_pandas(), ["g"], None, method=method)
    assert mine["mine"] == wanted


def test_derived_metric_of_ones_own():
    """What ``make_derived_metric`` makes is called as Fairlearn's own."""
    metric = fm.make_derived_metric(
        metric=fm.selection_rate, transform="group_min", sample_param_names=["sample_weight"]
    )
    mine = counted("label", (), "weight").disparities({"lowest": metric})
    frame = people().to_pandas()
    wanted = metric(
        frame["y"], frame["p"], sensitive_features=frame["h"], sample_weight=frame["weight"]
    )
    assert_equal(float(mine["lowest"]), wanted, exact=False)


def test_group_of_equal_rows():
    """A group whose rows are all alike is one cell, but has as many rows as it has."""
    frame = pd.DataFrame({"n": [1.0, 1.0, 1.0, 2.0, 3.0, 5.0], "k": [2.0, 2.0, 2.0, 2.5, 3.0, 4.0]})
    frame["g"] = list("aaabbb")
    mine = disparities(
        frame, metrics="r2_score_group_min", y_true="n", y_pred="k", sensitive_features="g"
    )
    wanted = fm.r2_score_group_min(frame["n"], frame["k"], sensitive_features=frame["g"])
    assert mine == wanted == 0.0


def test_options_reach_the_functions_that_take_them():
    """``agg`` is for equalized odds, whatever is asked beside it."""
    names = ["equalized_odds_difference", "selection_rate_difference"]
    mine = counted("label", (), None).disparities(names, agg="mean")
    frame = people().to_pandas()
    assert mine[names[0]] == theirs(names[0], frame, ["h"], None, agg="mean")
    assert mine[names[1]] == theirs(names[1], frame, ["h"], None)


def test_unknown_method_is_fairlearns_error():
    """The message is Fairlearn's."""
    frame = people().to_pandas()
    name = "selection_rate_difference"
    mine = outcome(lambda: counted("label", (), None).disparities(name, method="nearest"))
    assert mine == outcome(lambda: theirs(name, frame, ["h"], None, method="nearest"))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"metrics": "equalised_odds_difference"}, ConfigError, "equalized_odds_difference"),
        ({"metrics": "selection_rate"}, ConfigError, "Did you mean"),
        ({"y_pred": "guesss"}, MissingColumnError, "Did you mean 'guess'"),
        ({"sensitive_features": []}, ConfigError, "sensitive_features is empty"),
        ({"sensitive_features": ["g", "g"]}, ConfigError, "occurs twice"),
        ({"aggregate": "mean"}, ConfigError, "aggregate"),
    ],
)
def test_refusals(change, error, words):
    """What cannot be asked is said, with the nearest name."""
    given = {
        "metrics": "demographic_parity_difference",
        **{"y_true": "y", "y_pred": "p", "sensitive_features": ["g"]},
    }
    with pytest.raises(error, match=words):
        disparities(cut(people(), "refusals"), **{**given, **change})
