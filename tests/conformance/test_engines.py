"""A score of the cases on each engine with partitioned frames: the same answers everywhere."""

from __future__ import annotations

from functools import partial
from typing import Any

import fairlearn.metrics as fm
import pytest
import sklearn.metrics as skm

from rai_scale.errors import ConfigError
from tests.conformance.answers import Question, assert_same
from tests.conformance.tables import people

RATES = {
    "tpr": fm.true_positive_rate,
    "fpr": fm.false_positive_rate,
    "rate": fm.selection_rate,
    "acc": skm.accuracy_score,
    "f1": skm.f1_score,
    "n": fm.count,
}
ERRORS = {"mae": skm.mean_absolute_error, "mse": skm.mean_squared_error, "r2": skm.r2_score}
SCORES = {"auc": skm.roc_auc_score, "ap": skm.average_precision_score}
LOSSES = {"brier": skm.brier_score_loss, "log": partial(skm.log_loss, labels=[0, 1])}
W = {"sample_weight": "weight"}


def weighted(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return weights for all metrics but the count."""
    return {name: W for name in metrics if name != "n"}


CASES = {
    "rates": Question(RATES),
    "rates of two features": Question(RATES, sensitive=("g", "h")),
    "rates, controlled": Question(RATES, sensitive=("g",), control=("c",)),
    "rates, twice controlled": Question(RATES, sensitive=("h",), control=("c", "d")),
    "rates, weighted": Question(RATES, sensitive=("g", "h"), params=weighted(RATES)),
    "integer weights": Question({"a": RATES["acc"]}, params={"a": {"sample_weight": "times"}}),
    "one function": Question(fm.selection_rate, sensitive=("h",), control=("d",)),
    "scores": Question(SCORES, y_pred="score", sensitive=("h",)),
    "scores, weighted": Question(SCORES, "y", "score", ("h",), ("d",), weighted(SCORES)),
    "losses": Question(LOSSES, y_pred="score"),
    "losses, weighted": Question(LOSSES, "y", "score", ("g",), ("d",), weighted(LOSSES)),
    "numbers": Question(ERRORS, "number", "guess", ("g", "h")),
    "numbers, weighted": Question(ERRORS, "number", "guess", ("h",), ("c",), weighted(ERRORS)),
    "text labels": Question(
        {"tpr": partial(fm.true_positive_rate, pos_label="yes")}, "yes", "yes_guess"
    ),
    "truth values": Question({"tpr": RATES["tpr"], "rate": RATES["rate"]}, "flag", "flag_guess"),
    "signs": Question({"tpr": RATES["tpr"], "rate": RATES["rate"]}, "sign", "sign_guess"),
    "real labels": Question({"tpr": RATES["tpr"], "acc": RATES["acc"]}, "real", "real_guess"),
    "several classes": Question(
        {"f1": partial(skm.f1_score, average="macro")}, "size", "size_guess", ("h",), ("d",)
    ),
    "matrices": Question({"m": skm.confusion_matrix, "n": fm.count}, sensitive=("h", "d")),
    "truth values as groups": Question(RATES, sensitive=("d",), control=("h",)),
    "numbers as groups": Question(RATES, sensitive=("c", "times")),
}
EXACT = {"rates", "rates of two features", "matrices", "several classes", "text labels"}


@pytest.mark.parametrize("case", CASES)
def test_case_on_engine(cluster_case, frames, case):
    """Every engine gives Fairlearn's answer."""
    question = CASES[case]
    ours = question.ours(frames(cluster_case))
    assert_same(ours, question.theirs(people()), exact=case in EXACT)


@pytest.fixture(scope="module")
def frames():
    """One frame per engine, in three parts."""
    made: dict[str, Any] = {}

    def frame(case):
        if case.name not in made:
            made[case.name] = case.make(people(), 3)
        return made[case.name]

    return frame


def test_disparities_on_engine(cluster_case, frames):
    """Single numbers come from the same cells."""
    names = ["demographic_parity_difference", "equalized_odds_ratio", "f1_score_group_min"]
    ours = Question(fm.count, sensitive=("h",)).ours(frames(cluster_case)).disparities(names)
    frame = people().to_pandas()
    for name in names:
        wanted = getattr(fm, name)(frame["y"], frame["p"], sensitive_features=frame["h"])
        assert ours[name] == wanted


def test_missing_values_on_engine(cluster_case):
    """Missing groups are counted alike."""
    table = people().slice(0, 9).set_column(0, "g", [["a", None, "b"] * 3])
    with pytest.raises(ConfigError, match="'g' is missing in 3 of 9 rows"):
        Question(fm.count).ours(cluster_case.make(table, 2))


def test_group_called_count_on_engine(cluster_case):
    """A key may be called as a column of the counts."""
    table = people().rename_columns(["count", *people().column_names[1:]])
    ours = Question(fm.count, sensitive=("count",)).ours(cluster_case.make(table, 2))
    wanted = Question(fm.count).theirs(people())
    assert ours.by_group.to_dict() == wanted.by_group.to_dict()
