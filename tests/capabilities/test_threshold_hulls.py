"""Hulls of ranges merge to the whole hull; bins keep parity and say what they can have lost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from fairlearn.metrics import MetricFrame, selection_rate
from fairlearn.postprocessing._threshold_optimizer import ALL_CONSTRAINTS
from fairlearn.postprocessing._tradeoff_curve_utilities import _filter_points_to_get_convex_hull
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_scale.fairness import fit_threshold_optimizer
from rai_scale.fairness.thresholds.hull import both_hulls, upper_hull
from tests.capabilities.test_threshold_optimizer import COLUMNS, problems, relation
from tests.capabilities.threshold_data import fairlearn_fit, plain, random_rows
from tests.conftest import full


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 3000), st.sampled_from([1, 7, 10_000]))
def test_the_scan_is_fairlearns(seed, rows, grid):
    draw = np.random.default_rng(seed)
    tp, fp = (np.cumsum(draw.integers(0, 2, rows)) for _ in "ab")
    x, y = fp / max(1, fp[-1]), np.round(tp / max(1, tp[-1]) * grid) / grid
    points = pd.DataFrame({"x": x, "y": y}).sort_values(["x", "y"], ignore_index=True)
    points["operation"] = np.arange(rows)
    kept = _filter_points_to_get_convex_hull(points)["operation"].to_numpy()
    assert list(upper_hull(points["x"].to_numpy(), points["y"].to_numpy())) == list(kept)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_law_no_point_lies_outside_the_kept_hulls(steps):
    steps = [step for step in steps if sum(step)] or [(1, 1)]
    a, b = np.cumsum([(0, 0), *steps], axis=0).T
    kept = both_hulls(a, b)
    for slope_a, slope_b in [(1, -1), (-1, 1), (3, -2), (-2, 3), (-1, 7), (5, -1), (1, 1)]:
        reach = slope_a * a + slope_b * b
        assert reach[kept].max() == reach.max()
        assert reach[kept].min() == reach.min()


@pytest.mark.parametrize(
    "constraint", [c if c == "equalized_odds" else full(c) for c in ALL_CONSTRAINTS]
)
def test_merged_hulls_reach_the_exact_curves(constraint):
    rows = random_rows(500, 21, ties=None)
    frame = relation(rows)
    for problem in problems(constraint):
        options = {**COLUMNS, **problem, "grid_size": 100}
        exact = fit_threshold_optimizer(rows, **options)
        merged = fit_threshold_optimizer(frame, **options, max_cells=20, range_rows=60)
        assert (exact.mode, merged.mode) == ("exact", "hulls")
        assert merged.objective_bound == 0
        assert merged.objective_value == pytest.approx(exact.objective_value, abs=1e-12)
        for group, curve in exact.curves.items():
            np.testing.assert_allclose(merged.curves[group]["y"], curve["y"], atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 400))
def test_law_no_cut_into_ranges_changes_the_roc_hull(seed, range_rows):
    rows = random_rows(200, seed, ties=3)
    options = {**COLUMNS, "constraints": "equalized_odds", "grid_size": 64}
    exact = fit_threshold_optimizer(rows, **options)
    merged = fit_threshold_optimizer(rows, **options, max_cells=20, range_rows=range_rows)
    assert merged.x_best == exact.x_best
    for group, curve in exact.curves.items():
        np.testing.assert_allclose(merged.curves[group]["y"], curve["y"], atol=1e-12)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("bins", [4, 50])
@pytest.mark.parametrize("constraint", ALL_CONSTRAINTS)
def test_bins_lose_no_more_than_they_say(constraint, bins, flip):
    rows = random_rows(600, 22, ties=None)
    options = {**COLUMNS, "constraints": constraint, "flip": flip}
    exact = fit_threshold_optimizer(rows, **options)
    binned = fit_threshold_optimizer(relation(rows), **options, bins=bins)
    lost = exact.objective_value - binned.objective_value
    assert -1e-12 <= lost <= binned.objective_bound + 1e-12
    assert binned.objective_bound > 0
    assert binned.metrics()["lost_by_bins_at_most"] == binned.objective_bound
    assert "lost_by_bins_at_most: " in binned.summary() and "mode=binned" in str(binned)
    inner = np.linspace(0, 1, bins + 1)
    thresholds = np.r_[binned.rules.threshold0, binned.rules.threshold1]
    thresholds = thresholds[np.isfinite(thresholds)]
    assert np.isclose(thresholds[:, None], inner, rtol=0, atol=1e-15).any(axis=1).all()


@pytest.mark.parametrize("flip", [False, True])
def test_parity_of_bins_holds_on_rows_that_lie_on_edges(flip):
    rows = random_rows(800, 23, ties=1)
    fitted = fit_threshold_optimizer(rows, **COLUMNS, flip=flip, bins=10)
    chances = fitted.predict_proba(rows)["probability"]
    rates = chances.groupby(rows["group"]).mean()
    assert rates.max() - rates.min() < 1e-12
    assert rates.iloc[0] == pytest.approx(next(iter(fitted.x_best.values())), abs=1e-12)


def test_finer_bins_come_to_fairlearns_answer():
    rows = random_rows(300, 24, ties=2)
    _, chances = fairlearn_fit(rows)
    fitted = fit_threshold_optimizer(rows, **COLUMNS, bins=65_536)
    assert np.array_equal(fitted.predict_proba(rows)["probability"], chances)


def test_drawn_predictions_keep_parity():
    rows = random_rows(30_000, 25, ties=None)
    fitted = fit_threshold_optimizer(rows, **COLUMNS, bins=100)
    drawn = fitted.predict(rows, random_state=0, key_columns="id")
    rates = MetricFrame(
        metrics=selection_rate,
        y_true=rows["y"],
        y_pred=drawn["prediction"].to_numpy(dtype=int),
        sensitive_features=rows["group"],
    )
    assert rates.difference() < 0.02


def test_scores_outside_0_and_1_and_equal_scores():
    rows = random_rows(300, 26)
    shifted = rows.assign(score=rows["score"] * 40 - 17)
    for options in ({"bins": 30}, {"max_cells": 10, "range_rows": 30}):
        fitted = fit_threshold_optimizer(shifted, **COLUMNS, **options)
        exact = fit_threshold_optimizer(shifted, **COLUMNS)
        lost = exact.objective_value - fitted.objective_value
        assert -1e-12 <= lost <= fitted.objective_bound + 1e-12
    same = rows.assign(score=3.0)
    one = [
        fit_threshold_optimizer(same, **COLUMNS, **o) for o in ({}, {"bins": 5}, {"max_cells": 1})
    ]
    values = [fitted.objective_value for fitted in one]
    assert values == pytest.approx([values[0]] * 3, abs=1e-12)
    assert [fitted.mode for fitted in one] == ["exact", "binned", "hulls"]
    assert plain(one[0].thresholder.interpolation_dict) == plain(
        fairlearn_fit(same)[0].interpolated_thresholder_.interpolation_dict
    )


def test_arrow_tables_are_fitted_too():
    rows = random_rows(200, 27)
    ours = fit_threshold_optimizer(pa.Table.from_pandas(rows), **COLUMNS)
    scored = ours.predict_proba(pa.Table.from_pandas(rows))
    assert scored["probability"].to_pylist() == list(fairlearn_fit(rows)[1])
