"""Where a value misleads, and where none can be given: flags beside the number, and refusals."""

from __future__ import annotations

from functools import partial

import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn.metrics as skm

from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.fairness import metric_frame
from tests.conformance.answers import Question, assert_same, columns_for, outcome
from tests.conformance.tables import cut, people

NO_POSITIVE = "no row with a positive label: the value has no meaning"
NO_NEGATIVE = "no row with a negative label: the value has no meaning"
NO_SELECTED = "no row with a positive prediction: the value has no meaning"


def one_group(y: list, p: list) -> pa.Table:
    """Return a table of one group of note, beside one that has everything."""
    both = [0, 0, 1, 1] * 10
    turned = [0, 1, 0, 1] * 10
    g = ["odd"] * len(y) + ["all"] * 40
    return pa.table({"g": g, "y": y + both, "p": p + turned})


ODD = {
    "no positives": ([0, 0, 0], [0, 1, 0]),
    "no negatives": ([1, 1, 1], [0, 1, 0]),
    "none selected": ([0, 1, 1], [0, 0, 0]),
    "all selected": ([0, 1, 1], [1, 1, 1]),
    "nothing": ([0, 0], [0, 0]),
    "everything": ([1, 1], [1, 1]),
    "one row": ([1], [0]),
    "one right row": ([1], [1]),
    "equal rows": ([0] * 40, [1] * 40),
}
LABEL_METRICS = {
    **{f.__name__: f for f in (fm.true_positive_rate, fm.true_negative_rate, fm.selection_rate)},
    **{f.__name__: f for f in (fm.false_positive_rate, fm.false_negative_rate)},
    **{f.__name__: f for f in (skm.precision_score, skm.recall_score, skm.f1_score)},
    **{f.__name__: f for f in (skm.balanced_accuracy_score, skm.matthews_corrcoef)},
    **{f.__name__: f for f in (skm.cohen_kappa_score, skm.confusion_matrix, fm.count)},
}


@pytest.mark.parametrize("case", ODD)
def test_odd_group(case):
    """Whatever Fairlearn says of a group with nothing to measure, we say."""
    table = one_group(*ODD[case])
    question = Question(LABEL_METRICS)
    assert_same(question.ours(cut(table, case)), question.theirs(table), exact=True)


@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("function", [skm.roc_auc_score, skm.average_precision_score])
def test_odd_group_of_scores(function, case):
    """A group of one class has no AUC, and a flag says so."""
    table = one_group(*ODD[case])
    question = Question({"m": function})
    ours = question.ours(cut(table, case))
    assert_same(ours, question.theirs(table), exact=False)
    if len(set(ODD[case][0])) == 1:
        assert ours.flags.query("g == 'odd' and metric == 'm'").shape[0] >= (
            function is skm.roc_auc_score or set(ODD[case][0]) == {0}
        )


def flags_of(metrics: dict, case: str) -> list[tuple[str, str]]:
    """Return the (metric, flag) pairs of the group of note, without those on its size."""
    flags = Question(metrics).ours(one_group(*ODD[case])).flags
    odd = flags[(flags["g"] == "odd") & (flags["metric"] != "*")]
    return list(zip(odd["metric"], odd["flag"], strict=True))


@pytest.mark.parametrize(
    ("function", "case", "flag"),
    [
        *[(f, "no positives", NO_POSITIVE) for f in (fm.true_positive_rate, skm.recall_score)],
        *[(f, "no positives", NO_POSITIVE) for f in (fm.false_negative_rate, skm.f1_score)],
        *[(f, "no negatives", NO_NEGATIVE) for f in (fm.true_negative_rate, skm.roc_auc_score)],
        *[(f, "no negatives", NO_NEGATIVE) for f in (fm.false_positive_rate,)],
        (skm.precision_score, "none selected", NO_SELECTED),
    ],
)
def test_flag(function, case, flag):
    """A value without meaning is kept as Fairlearn's, with a flag beside it."""
    assert flags_of({"m": function}, case) == [("m", flag)]


def test_rates_without_positives_are_both_zero():
    """Fairlearn gives TPR = FNR = 0.0 for a group without positives; so do we, flagged."""
    metrics = {"tpr": fm.true_positive_rate, "fnr": fm.false_negative_rate}
    ours = Question(metrics).ours(one_group(*ODD["no positives"]))
    assert ours.by_group.loc["odd"].tolist() == [0.0, 0.0]
    assert flags_of(metrics, "no positives") == [("tpr", NO_POSITIVE), ("fnr", NO_POSITIVE)]


def test_flags_know_the_positive_label():
    """With ``pos_label`` bound, the flag is about that label."""
    table = pa.table({"g": ["a", "a", "b", "b"], "y": ["no", "no", "yes", "no"], "p": ["no"] * 4})
    question = Question({"yes": partial(fm.true_positive_rate, pos_label="yes")})
    flags = question.ours(table, small_group=1).flags
    assert flags.to_dict("records") == [{"g": "a", "metric": "yes", "flag": NO_POSITIVE, "rows": 2}]


def test_clean_groups_have_no_flags():
    """A flag is the exception."""
    table = one_group([0, 1, 0, 1] * 10, [1, 0, 0, 1] * 10)
    assert Question(LABEL_METRICS).ours(table).flags.empty


@pytest.mark.parametrize(
    ("limit", "flagged"), [(1, []), (2, ["solo"]), (14, ["mute", "no_pos", "solo"])]
)
def test_small_groups(limit, flagged):
    """``small_group`` is the number of rows from which on a group is not flagged."""
    flags = Question(fm.selection_rate).ours(people(), small_group=limit).flags
    assert flags["g"].tolist() == flagged
    assert all(f"fewer than {limit} rows" in flag for flag in flags["flag"])


def test_empty_intersections_are_flagged():
    """They are NaN in ``by_group``."""
    ours = Question(fm.selection_rate, sensitive=("g", "h")).ours(people(), small_group=1)
    assert set(ours.flags["flag"]) == {"no rows: NaN"}
    flagged = set(zip(ours.flags["g"], ours.flags["h"], strict=True))
    assert flagged == set(ours.by_group.index[ours.by_group.isna()])


@pytest.mark.parametrize("case", ["no positives", "one row"])
def test_log_loss_of_one_class(case):
    """Without ``labels``, scikit-learn refuses such a group; the error is its own."""
    table = one_group(*ODD[case])
    question = Question({"m": skm.log_loss})
    mine = outcome(lambda: question.ours(cut(table, case)))
    assert mine == outcome(lambda: question.theirs(table))
    assert mine[0] is ValueError


MISSING = {
    "sensitive": ("g", {"g": ["secret", None, None, "b"] * 5}),
    "control": ("c", {"c": [1, None, 2, 2] * 5}),
    "number": ("g", {"g": [1.0, float("nan"), None, 2.0] * 5}),
    "label": ("y", {"y": [0, 1, None, None] * 5}),
    "prediction": ("p", {"p": [None, 1, 0, None] * 5}),
}


@pytest.mark.parametrize("case", MISSING)
@pytest.mark.parametrize("partitions", [1, 3])
def test_missing_values(case, partitions):
    """An error says in which column, in how many rows, and what to do; it holds no value."""
    column, change = MISSING[case]
    full = {"g": ["secret", "b"] * 10, "c": [1, 2] * 10, "y": [0, 1] * 10, "p": [1, 1, 0, 0] * 5}
    table = pa.table({**full, **change})
    missing = int(pd.isna(pd.Series(change[column])).sum())
    question = Question(fm.selection_rate, control=("c",))
    with pytest.raises(ConfigError) as caught:
        question.ours(cut(table, f"{case} {partitions}"))
    message = str(caught.value)
    assert f"column {column!r} is missing in {missing} of 20 rows" in message
    assert "fill them with 'unknown'" in message
    assert "secret" not in message


def test_filled_values_make_a_group():
    """What the message advises works."""
    frame = people().to_pandas()
    frame.loc[::7, "g"] = None
    table = pa.Table.from_pandas(frame.assign(g=frame["g"].fillna("unknown")))
    question = Question(fm.selection_rate)
    assert_same(question.ours(table), question.theirs(table), exact=True)
    assert "unknown" in question.ours(table).by_group.index


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"metrics": "selction_rate"}, ConfigError, "Did you mean 'selection_rate'"),
        ({"metrics": ["count", "acuracy_score"]}, ConfigError, "Did you mean 'accuracy_score'"),
        ({"metrics": {"m": "tru_positive_rate"}}, ConfigError, "'true_positive_rate'"),
        ({"metrics": {"m": 3}}, ConfigError, "metric 'm' is a int"),
        ({"metrics": {"m": None}}, ConfigError, "not a function"),
        ({"y_true": "label"}, MissingColumnError, "columns not found: 'label'"),
        ({"y_pred": "gues"}, MissingColumnError, "Did you mean 'guess'"),
        ({"sensitive_features": ["g", "hh"]}, MissingColumnError, "'hh'"),
        ({"control_features": "sized"}, MissingColumnError, "Did you mean 'size'"),
        ({"sample_weight": "weigth"}, MissingColumnError, "Did you mean 'weight'"),
        ({"sensitive_features": []}, ConfigError, "sensitive_features is empty"),
        ({"sensitive_features": ["g", "g"]}, ConfigError, "'g' occurs twice"),
        ({"control_features": ["d", "d"]}, ConfigError, "'d' occurs twice"),
        ({"control_features": "g"}, ConfigError, "'g' occurs twice"),
        ({"sample_params": ["weight"]}, ConfigError, "sample_params must be a dict"),
        ({"sample_params": {"m": {"sample_weight": "weight"}}}, ConfigError, "'m'"),
    ],
)
def test_refusals(change, error, words):
    """What cannot be asked is said, with the nearest name."""
    given = {"metrics": ["count"], "y_true": "y", "y_pred": "p", "sensitive_features": ["g"]}
    with pytest.raises(error, match=words):
        metric_frame(cut(people(), "refusals"), **{**given, **change})


def test_wrong_labels_are_the_metrics_own_error():
    """A function that does not fit the labels raises what it raises in Fairlearn, and advice."""
    question = Question({"m": fm.true_positive_rate}, "size", "size_guess")
    wanted = outcome(lambda: question.theirs(people()))
    with pytest.raises(ValueError, match=r"pos_label=\.\.\.\)") as caught:
        question.ours(cut(people(), "wrong"))
    assert wanted == (ValueError, caught.value.args[0])


def test_levels_without_rows():
    """The levels of each feature are those of the whole table, in order."""
    question = Question(fm.count, sensitive=("h", "g"), control=("d", "c"))
    ours = question.ours(cut(people(), "levels"))
    assert ours.by_group.index.names == ["d", "c", "h", "g"]
    for name, levels in zip(ours.by_group.index.names, ours.by_group.index.levels, strict=True):
        assert levels.tolist() == np.unique(people()[name].to_numpy()).tolist()


@pytest.mark.parametrize("metric", ["r2_score", "mean_squared_error", "brier_score_loss"])
def test_all_rows_alike(metric):
    """A table that is one cell: each function still sees more than one row."""
    names = columns_for(metric)
    row = people().slice(3, 1)
    table = pa.concat_tables([row] * 9)
    question = Question({"m": getattr(skm, metric)}, **names)
    assert_same(question.ours(cut(table, metric)), question.theirs(table), exact=False)
