"""With pos_label every table is what recoding the labels to 1 and 0 by hand gives."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial

import duckdb
import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.fairness import (
    Bootstrap,
    Declared,
    assess_fairness,
    assess_private,
    balance,
    disparities,
    metric_frame,
    private_metric_frame,
)
from rai_scale.fairness.assessment import positive_label
from rai_scale.privacy import Privacy
from tests.conftest import full, make_case

ROWS = 400
NO_NOISE = 200_000.0  # noise other than 0 has a chance below 1e-300


def decisions() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    signal = rng.normal(0, 1, ROWS)
    kinds = np.array(["maybe", "no", "yes"])
    table = pd.DataFrame(
        {
            "person": [f"p{i // 2}" for i in range(ROWS)],
            "sex": rng.choice(["F", "M"], ROWS),
            "race": rng.choice(["A", "B", "C"], ROWS, p=[0.6, 0.32, 0.08]),
            "site": rng.choice(["n", "s"], ROWS),
            "weight": rng.integers(1, 4, ROWS) / 2,
            "score": np.round(1 / (1 + np.exp(-signal)), 2),
        }
    )
    table["y"] = kinds[np.digitize(signal + rng.normal(0, 1, ROWS), [-0.5, 0.1])]
    table["p"] = kinds[np.digitize(signal, [-0.4, 0.2])]
    return table


WORDS = decisions()
GATES = ({"metric": "equalized_odds_difference", "above": 0.2, "judged_by": "lower_bound"},)
ASKED = {
    "y_true": "y",
    "y_pred": "p",
    "sensitive_features": ["sex", "race"],
    "control_features": ["site"],
    "bootstrap": Bootstrap(40),
    "gates": GATES,
}
CASES = {
    "scores": {"score": "score", "metrics": ["accuracy_score", "f1_score", "roc_auc_score"]},
    "weights": {"sample_weight": "weight", "metrics": ["precision_score", "selection_rate"]},
    "persons": {
        "bootstrap": Bootstrap(40, person="person"),
        "score": "score",
        "metrics": ["brier_score_loss"],
    },
}


def by_hand(positive="yes") -> pd.DataFrame:
    return WORDS.assign(y=(WORDS["y"] == positive) * 1, p=(WORDS["p"] == positive) * 1)


@cache
def expected(case: str):
    earlier = assess_fairness(by_hand().head(300), **{**ASKED, **CASES[case]})
    now = assess_fairness(by_hand(), **{**ASKED, **CASES[case]})
    return earlier, now.compare_with(earlier)


def assert_same(found, wanted) -> None:
    assert set(found.tables) == set(wanted.tables)
    for name, table in wanted.tables.items():
        pd.testing.assert_frame_equal(found.tables[name], table, rtol=1e-12, obj=name)
    told = [[(g["name"], g["passed"], g["detail"]) for g in run.gates()] for run in (found, wanted)]
    assert told[0] == told[1]
    assert (found.rows, found.run["status"]) == (wanted.rows, wanted.run["status"])


RUNS = [full("pandas", case) for case in CASES] + [
    (n, case) for n in ("local", "dask") for case in CASES
]


@pytest.mark.parametrize(
    ("name", "case"), [*RUNS, pytest.param("spark", "scores", marks=pytest.mark.spark)]
)
def test_all_tables_are_those_of_labels_recoded_by_hand(request, name, case):
    frame = make_case(name, request).make(pa.Table.from_pandas(WORDS), 3)
    earlier, wanted = expected(case)
    earlier = replace(earlier, settings={**earlier.settings, "pos_label": "yes"})
    found = assess_fairness(frame, pos_label="yes", **{**ASKED, **CASES[case]})
    found = found.compare_with(earlier)
    assert_same(found, wanted)
    assert {"worst_groups", "four_fifths", "reference", "flags", "drift"} <= set(found.tables)
    assert found.settings["pos_label"] == "yes"


KINDS = {
    "numbers": ([2, 1, 3], 2),
    "floats": ([0.5, 1.5, 2.5], 0.5),
    "truth": ([True, False, False], True),
    "zero": ([0, 1, 1], 0),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [full("pandas"), "local", full("dask")])
def test_labels_of_any_type(request, kind, name):
    values, positive = KINDS[kind]
    codes = dict(zip(["yes", "no", "maybe"], values, strict=True))
    table = WORDS.assign(y=WORDS["y"].map(codes), p=WORDS["p"].map(codes))
    table = table.rename(columns={"y": "count", "p": 'a "b".c'})
    frame = make_case(name, request).make(pa.Table.from_pandas(table), 2)
    roles = {"y_true": "count", "y_pred": 'a "b".c', "sensitive_features": "sex", "bootstrap": None}
    found = assess_fairness(frame, pos_label=positive, **roles)
    hand = by_hand().rename(columns={"y": "count", "p": 'a "b".c'})
    assert_same(found, assess_fairness(hand, **roles))


def test_a_category_and_a_model_that_never_says_yes():
    table = WORDS.assign(y=WORDS["y"].astype("category"), p="no")
    roles = {"y_true": "y", "y_pred": "p", "sensitive_features": "sex", "bootstrap": None}
    for frame in (table, pa.Table.from_pandas(table)):
        found = assess_fairness(frame, pos_label="yes", **roles)
        assert_same(found, assess_fairness(by_hand().assign(p=0), **roles))


@pytest.mark.parametrize(
    ("change", "asked", "says"),
    [
        ({}, {"pos_label": "ja"}, r"pos_label='ja' is not among the labels of 'y' \(string\)"),
        ({}, {"pos_label": True}, "put it in quotes"),
        ({"p": 1}, {}, "among the labels of column 'p', which has labels that the other"),
        ({"y": None}, {}, "'y' is missing in 400 of 400 rows"),
        ({}, {"sensitive_features": ["sex", "y"]}, "'y' is both a feature and a column of labels"),
        ({"p": [f"{i}" for i in range(ROWS)]}, {}, "among the labels of column 'p'"),
    ],
)
def test_what_cannot_be_the_positive_label(change, asked, says):
    roles = {"y_true": "y", "y_pred": "p", "sensitive_features": ["sex"], "pos_label": "yes"}
    with pytest.raises(ConfigError, match=says) as caught:
        assess_fairness(WORDS.assign(**change), **{**roles, **asked})
    assert "maybe" not in str(caught.value)


WORDED = {"y_true": "y", "y_pred": "p", "sensitive_features": "sex"}
PRIVATE = {
    "privacy": Privacy("person", epsilon=NO_NOISE, ledger="none"),
    "declared": Declared({"sex": ["F", "M"]}, ["no", "yes"], max_rows=2),
}
COUNTING = ["selection_rate", "true_positive_rate", "precision_score", "f1_score"]
DISPARITIES = ["selection_rate_ratio", "demographic_parity_difference"]
DISPARITIES += ["equalized_odds_difference"]


@pytest.mark.parametrize("found", ["two labels", "one label"])
@pytest.mark.parametrize("name", [*COUNTING, *DISPARITIES, "average_precision_score"])
def test_a_positive_label_that_does_not_occur_is_refused(name, found):
    """Not counted as nobody: 1 is the positive label unless another one is given."""
    frame = WORDS[WORDS["y"] != "maybe"].assign(p=lambda t: t["y"])
    frame = frame.assign(p="no", y="no") if found == "one label" else frame
    function = disparities if name in DISPARITIES else metric_frame
    with pytest.raises(ConfigError, match=r"counts the label 1 .*pos_label=\.\.\.\)") as caught:
        function(frame, metrics=[name], **WORDED)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("name", COUNTING)
def test_the_private_frame_refuses_such_a_label_before_the_charge(name):
    with pytest.raises(ConfigError, match="counts the label 1 as positive"):
        private_metric_frame(WORDS, metrics=[name], **WORDED, **PRIVATE)


def test_the_positive_label_of_a_metric_is_bound_as_in_fairlearn():
    bound = {"selection_rate": partial(fm.selection_rate, pos_label="yes")}
    wanted = (WORDS["p"] == "yes").groupby(WORDS["sex"]).mean()
    mf = metric_frame(WORDS, metrics=bound, **WORDED)
    pd.testing.assert_series_equal(mf.by_group["selection_rate"], wanted, check_names=False)
    gap = wanted.max() - wanted.min()
    for found in (mf.disparities, partial(disparities, WORDS, **WORDED)):
        value = found(metrics="selection_rate_difference", pos_label="yes")
        assert value == pytest.approx(gap, abs=1e-12)
    with pytest.raises(ConfigError, match="demographic_parity_difference"):
        mf.disparities("demographic_parity_difference")


@pytest.mark.parametrize("labels", [[0, 1], [-1, 1], [False, True]])
def test_a_model_that_selects_nobody_has_the_rate_0(labels):
    table = WORDS.assign(y=np.where(WORDS["y"] == "yes", *labels[::-1]), p=labels[0])
    for frame in (table, table.assign(y=labels[0])):
        found = metric_frame(frame, metrics=["selection_rate", "precision_score"], **WORDED)
        assert (found.by_group == 0.0).all(axis=None)
    words = {"selection_rate": partial(fm.selection_rate, pos_label="yes")}
    found = metric_frame(WORDS.assign(p="no"), metrics=words, **WORDED)
    assert (found.by_group == 0.0).all(axis=None)


def test_scores_and_other_vocabularies_have_no_selection_rate():
    with pytest.raises(ConfigError, match="does not occur in 'score'"):
        metric_frame(
            by_hand().assign(score=WORDS["score"] / 2),
            metrics="selection_rate",
            **{**WORDED, "y_pred": "score"},
        )
    with pytest.raises(ConfigError, match="in no row of 'p'"):
        balance(
            WORDS.assign(p=WORDS["p"].map({"yes": "ja", "no": "nein", "maybe": "nein"})),
            **{**WORDED, "sensitive_features": ["sex"], "pos_label": "yes"},
        )


def test_scores_are_no_labels(monkeypatch):
    monkeypatch.setattr(positive_label, "MAX_LABELS", 50)
    with pytest.raises(ConfigError, match="'y' and 'score' have more than 50 distinct"):
        assess_fairness(
            WORDS, y_true="y", y_pred="score", sensitive_features="sex", pos_label="yes"
        )


def test_a_column_that_is_not_there_and_runs_about_different_labels():
    with pytest.raises(MissingColumnError, match="columns not found: 'pp'"):
        assess_fairness(WORDS, y_true="y", y_pred="pp", sensitive_features="sex", pos_label="yes")
    roles = {"y_true": "y", "y_pred": "p", "sensitive_features": "sex", "bootstrap": None}
    before = assess_fairness(WORDS, pos_label="no", **roles)
    with pytest.raises(ConfigError, match="different positive labels"):
        assess_fairness(WORDS, pos_label="yes", **roles).compare_with(before)


def privately(frame, positive=None, labels=(0, 1)):
    privacy = Privacy("person", epsilon=NO_NOISE, ledger="none")
    declared = Declared({"sex": ["F", "M"]}, labels, max_rows=2)
    roles = {"y_true": "y", "y_pred": "p", "sensitive_features": "sex", "gates": GATES}
    asked = {"metrics": ["selection_rate", "recall_score"], "bootstrap": Bootstrap(40)}
    asked |= {"privacy": privacy, "declared": declared}
    return assess_private(frame, pos_label=positive, **roles, **asked)


@pytest.mark.parametrize("name", [full("pandas"), "local", full("dask")])
def test_the_private_mode(request, name):
    """Without noise it is the same; rows with labels that were not declared do not count."""
    frame = make_case(name, request).make(pa.Table.from_pandas(WORDS), 3)
    found = privately(frame, "yes", ["no", "yes", "maybe"])
    assert_same(found, privately(by_hand()))
    assert found.tables["by_group"].query("metric == 'recall_score'")["value"].notna().all()
    assert "yes (all others count as negative)" in found.to_html()
    few = by_hand()[(WORDS["y"] != "maybe") & (WORDS["p"] != "maybe")]
    assert_same(privately(frame, "yes", ["no", "yes"]), privately(few))


def test_no_value_of_another_column_makes_the_private_mode_fail():
    """DuckDB's scan of such a time raises; the column is not asked for."""
    far = pa.array([2**62] * ROWS, pa.int64()).view(pa.timestamp("s", "UTC"))
    table = pa.Table.from_pandas(WORDS).append_column("far", far)
    found = privately(duckdb.connect().from_arrow(table), "yes", ["no", "yes", "maybe"])
    assert_same(found, privately(by_hand()))


def test_a_private_release_of_another_label_is_another_release(tmp_path):
    from rai_scale.privacy import open_ledger

    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", force_ephemeral=True)
    ledger.create_scope("default", epsilon=4)
    roles = {
        "y_true": "y",
        "y_pred": "p",
        "sensitive_features": "sex",
        "privacy": Privacy("person", epsilon=1, ledger=ledger, dataset="d", snapshot="1"),
        "declared": Declared({"sex": ["F", "M"]}, ["no", "yes"]),
    }
    for pos_label, spent in (("yes", 1), ("no", 2), ("yes", 2)):
        assess_private(WORDS, pos_label=pos_label, **roles)
        rows = ledger.budget("default").query("measure == 'epsilon'")
        assert rows["spent"].iloc[0] == spent


@pytest.mark.parametrize(
    ("labels", "positive", "says"),
    [
        (["no", "yes"], "ja", "not among the declared labels"),
        ([True, False], True, "put it in quotes"),
        (["no", 1], 1, "cannot hold the declared labels"),
    ],
)
def test_what_cannot_be_a_declared_label(labels, positive, says):
    with pytest.raises(ConfigError, match=says):
        privately(WORDS, positive, labels)


def test_declared_labels_that_a_column_cannot_tell_apart():
    frame = WORDS.assign(y=WORDS["y"] == "yes", p=WORDS["p"] == "yes")
    with pytest.raises(ConfigError, match="cannot hold the declared labels"):
        privately(frame, 1, [0.5, 1])
