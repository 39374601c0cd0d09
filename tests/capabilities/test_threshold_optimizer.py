"""The threshold optimizer gives Fairlearn's own predictor, and predicts alike on every engine."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from fairlearn.postprocessing import ThresholdOptimizer
from fairlearn.postprocessing._interpolated_thresholder import InterpolatedThresholder
from fairlearn.postprocessing._threshold_optimizer import (
    ALL_CONSTRAINTS,
    OBJECTIVES_FOR_EQUALIZED_ODDS,
    OBJECTIVES_FOR_SIMPLE_CONSTRAINTS,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from rai_scale.engines import engine_named
from rai_scale.errors import ConfigError, MissingColumnError, RaiScaleError, WorkerError
from rai_scale.fairness import fit_threshold_optimizer
from rai_scale.fairness.thresholds import apply
from rai_scale.fairness.thresholds.solver import ThresholdProblemError
from tests.capabilities.threshold_data import fairlearn_fit, plain, random_rows
from tests.conftest import full

COLUMNS = {"score": "score", "y_true": "y", "sensitive_features": "group"}


def problems(constraint: str) -> list[dict]:
    """Every objective, flip and tolerance that Fairlearn allows with a constraint."""
    odds = constraint == "equalized_odds"
    objectives = OBJECTIVES_FOR_EQUALIZED_ODDS if odds else OBJECTIVES_FOR_SIMPLE_CONSTRAINTS
    return [
        {"constraints": constraint, "objective": o, "flip": flip, "tol": tol}
        for o in sorted(objectives)
        for flip in (False, True)
        for tol in ((None,) if odds else (None, 0.08))
    ]


def relation(frame: pd.DataFrame, partitions: int = 3):
    return engine_named("local").from_arrow(pa.Table.from_pandas(frame), partitions)


@pytest.mark.parametrize("constraint", ALL_CONSTRAINTS)
@pytest.mark.parametrize("rows", [full(random_rows(400, 1)), random_rows(90, 2, ties=None)])
def test_every_problem_has_fairlearns_answer(rows, constraint):
    frame = relation(rows)
    for problem in problems(constraint):
        theirs, chances = fairlearn_fit(rows, grid_size=200, **problem)
        ours = fit_threshold_optimizer(frame, **COLUMNS, grid_size=200, **problem)
        assert isinstance(ours.thresholder, InterpolatedThresholder)
        rules = plain(ours.thresholder.interpolation_dict)
        assert rules == plain(theirs.interpolated_thresholder_.interpolation_dict), problem
        mine = ours.thresholder._pmf_predict(rows[["score"]], sensitive_features=rows["group"])
        assert np.array_equal(mine[:, 1], chances), problem
        assert np.array_equal(ours.predict_proba(rows)["probability"], chances), problem


def test_curves_and_best_point_are_fairlearns():
    rows = random_rows(500, 3)
    theirs, _ = fairlearn_fit(rows)
    ours = fit_threshold_optimizer(rows, **COLUMNS)
    for group, curve in theirs._tradeoff_curve.items():
        pd.testing.assert_frame_equal(
            ours.curves[group].astype(str), curve.astype(str), check_dtype=False
        )
    pd.testing.assert_frame_equal(ours.overall_curve, theirs._overall_tradeoff_curve)
    assert ours.objective_value == theirs._y_best
    assert set(ours.x_best.values()) == {theirs._x_best}
    assert (ours.mode, ours.objective_bound) == ("exact", 0.0)
    assert ours.counts["rows"].sum() == 500
    assert "groups=3" in str(ours)


def test_several_and_numeric_group_columns():
    rows = random_rows(600, 4).assign(age=np.tile([30, 4], 300))
    theirs, chances = fairlearn_fit(rows, ["group", "age"])
    ours = fit_threshold_optimizer(
        rows, score="score", y_true="y", sensitive_features=["group", "age"]
    )
    assert list(ours.thresholder.interpolation_dict) == list(
        theirs.interpolated_thresholder_.interpolation_dict
    )
    assert np.array_equal(ours.predict_proba(rows)["probability"], chances)
    theirs, chances = fairlearn_fit(rows, "age")
    ours = fit_threshold_optimizer(rows, score="score", y_true="y", sensitive_features="age")
    assert np.array_equal(ours.predict_proba(rows)["probability"], chances)


def test_a_model_takes_the_place_of_the_score_column():
    rows = random_rows(300, 5)
    model = LogisticRegression().fit(rows[["score"]], rows["y"])
    scored = rows.assign(score=model.predict_proba(rows[["score"]])[:, 1])
    fitted = fit_threshold_optimizer(scored, **COLUMNS).thresholder_of(model)
    theirs = ThresholdOptimizer(estimator=model, prefit=True, predict_method="predict_proba")
    theirs.fit(rows[["score"]], rows["y"], sensitive_features=rows["group"])
    args = {"sensitive_features": rows["group"], "random_state": 7}
    assert np.array_equal(
        fitted.predict(rows[["score"]], **args), theirs.predict(rows[["score"]], **args)
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), partitions=st.integers(1, 7), rows=st.integers(40, 200))
def test_law_no_partitioning_changes_the_fit(seed, partitions, rows):
    table = random_rows(rows, seed)
    shuffled = table.sample(frac=1, random_state=seed)
    options = {**COLUMNS, "constraints": "equalized_odds", "grid_size": 50}
    whole = fit_threshold_optimizer(table, **options).thresholder.interpolation_dict
    cut = fit_threshold_optimizer(relation(shuffled, partitions), **options)
    assert plain(cut.thresholder.interpolation_dict) == plain(whole)


def test_every_engine_fits_and_predicts_alike(engine_case):
    rows = random_rows(300, 6)
    table = pa.Table.from_pandas(rows)
    frame = engine_case.make(table, 3)
    _, chances = fairlearn_fit(rows, constraints="equalized_odds")
    fitted = fit_threshold_optimizer(frame, **COLUMNS, constraints="equalized_odds")
    scored = fitted.predict(fitted.predict_proba(frame), random_state=3, key_columns="id")
    assert type(scored) is type(frame)
    found = engine_case.rows(scored, by="id")
    assert [row["probability"] for row in found] == list(chances)
    plain_answer = fitted.predict(rows, random_state=3, key_columns="id")["prediction"]
    assert [row["prediction"] for row in found] == list(plain_answer)
    through_hulls = fit_threshold_optimizer(frame, **COLUMNS, max_cells=10, range_rows=40)
    assert through_hulls.mode == "hulls"
    exact = fit_threshold_optimizer(rows, **COLUMNS)
    assert through_hulls.objective_value == pytest.approx(exact.objective_value, abs=1e-12)


def test_drawn_predictions_follow_the_probabilities():
    rows = pd.concat([random_rows(2000, 7)] * 10, ignore_index=True)
    rows["id"] = np.arange(len(rows))
    fitted = fit_threshold_optimizer(rows, **COLUMNS, constraints="equalized_odds")
    chances = fitted.predict_proba(rows)["probability"].to_numpy()
    drawn = fitted.predict(rows, random_state=1, key_columns=["id"])["prediction"].to_numpy(
        dtype=int
    )
    assert set(drawn[chances == 0]) <= {0}
    assert set(drawn[chances == 1]) <= {1}
    assert ((chances > 0) & (chances < 1)).sum() > 500
    spread = np.sqrt((chances * (1 - chances)).sum())
    assert abs(drawn.sum() - chances.sum()) < 4 * spread
    other = fitted.predict(rows, random_state=2, key_columns=["id"])["prediction"].to_numpy(
        dtype=int
    )
    assert (drawn != other).any()


def test_what_fairlearn_refuses_is_refused():
    rows = random_rows(60, 8)
    wrong = {
        "constraints": {"constraints": "demografic_parity"},
        "objective": {"objective": "true_positive_rates"},
        "not allowed": {"constraints": "equalized_odds", "objective": "selection_rate"},
        "tol": {"constraints": "equalized_odds", "tol": 0.1},
        "grid": {"grid_size": 0},
    }
    for options in wrong.values():
        with pytest.raises(ThresholdProblemError):
            fit_threshold_optimizer(rows, **COLUMNS, **options)
    with pytest.raises(ValueError, match="Did you mean 'demographic_parity'"):
        fit_threshold_optimizer(rows, **COLUMNS, constraints="demografic_parity")
    with pytest.raises(MissingColumnError, match="Did you mean 'score'"):
        fit_threshold_optimizer(rows, **{**COLUMNS, "score": "scores"})


def test_groups_of_one_label_are_counted_not_named():
    rows = random_rows(90, 9, groups="xyz")
    rows.loc[rows["group"] == "z", "y"] = 1
    with pytest.raises(ThresholdProblemError, match="1 of 3 groups have degenerate labels") as no:
        fit_threshold_optimizer(rows, **COLUMNS)
    assert "'z'" not in str(no.value)
    with pytest.raises(ValueError, match="Degenerate labels"):
        fairlearn_fit(rows)


@pytest.mark.parametrize("column", ["score", "y", "group"])
@pytest.mark.parametrize("options", [{}, {"bins": 8}, {"max_cells": 5}], ids=str)
def test_missing_values_are_counted(column, options):
    rows = random_rows(60, 10)
    rows[column] = rows[column].astype(object).where(rows["id"] > 2, None)
    rows["score"] = rows["score"].astype(float)
    rows["y"] = rows["y"].astype("Int64")
    with pytest.raises(
        RaiScaleError, match=f"rows have no usable value in the .* column {column!r}"
    ):
        fit_threshold_optimizer(rows, **COLUMNS, **options)


def test_labels_must_be_0_and_1():
    rows = random_rows(60, 11)
    for labels in (rows["y"] + 1, rows["y"] * 2 - 1):
        for options in ({}, {"bins": 4}, {"max_cells": 5}):
            with pytest.raises(
                (ConfigError, WorkerError), match="must have only the labels 0 and 1"
            ):
                fit_threshold_optimizer(rows.assign(y=labels), **COLUMNS, **options)


def test_groups_that_were_not_fitted():
    rows = random_rows(90, 12)
    fitted = fit_threshold_optimizer(rows, **COLUMNS)
    new = pd.DataFrame({"group": ["a", "new", None], "score": [0.99, 0.99, 0.99]})
    with pytest.raises(WorkerError, match="2 rows of a batch belong to groups"):
        fitted.predict_proba(new)
    chances = fitted.predict_proba(new, unseen="zero")["probability"]
    assert list(chances) == [1.0, 0.0, 0.0]
    with pytest.raises(ConfigError, match="unseen must be"):
        fitted.predict_proba(new, unseen="ignore")


def test_the_smallest_draw_selects_nobody_with_probability_0(monkeypatch):
    rows = random_rows(90, 12)
    fitted = fit_threshold_optimizer(rows, **COLUMNS)
    monkeypatch.setattr(apply, "key_uniforms", lambda keys, seed: np.zeros(len(keys)))
    new = pd.DataFrame({"group": ["a", "new"], "score": [0.99, 0.99], "id": [1, 2]})
    drawn = fitted.predict(new, random_state=0, key_columns="id", unseen="zero")["prediction"]
    assert list(drawn) == [1, 0]


def test_a_missing_score_has_no_prediction():
    rows = random_rows(90, 13)
    fitted = fit_threshold_optimizer(rows, **COLUMNS)
    new = rows.head(2).assign(score=[np.nan, 0.99])
    assert list(fitted.predict_proba(new)["probability"].isna()) == [True, False]
    assert list(fitted.predict(new, random_state=0, key_columns="id")["prediction"].isna()) == [
        True,
        False,
    ]
