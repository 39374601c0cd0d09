"""The guide's credit-card table: the plain model and the grid search, figure by figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.fairness import (
    MultiplierGrid,
    ScoreThreshold,
    TrainingRows,
    evaluate_candidates,
    grid_search,
    metric_frame,
    pareto,
)
from tests.capabilities.credit_card import learner, read_credit_card
from tests.conftest import engine_params, make_case

pytestmark = [pytest.mark.reference, pytest.mark.full]

ROLES = {"y_true": "default", "sensitive_features": ["sex"]}
GRID = {"constraints": "EqualizedOdds", "grid": MultiplierGrid(grid_size=50, grid_limit=3.0)}


@pytest.fixture(scope="module")
def data(reference_data):
    return read_credit_card(reference_data)


@pytest.fixture(scope="module")
def plain(data):
    """The unmitigated model, which answers 1 from the share of defaults in training on."""
    model = learner().fit(data.train[data.features], data.train["default"])
    return ScoreThreshold(model, data.train["default"].mean())


@pytest.fixture(scope="module")
def grid(data):
    """The whole grid of 50, its points as tasks of the local engine."""
    return grid_search(data.balanced, learner(), features=data.features, **ROLES, **GRID)


# AUC, balanced error, equalized odds difference
GUIDE = {
    "unmitigated": (0.851931, 0.220682, 0.342283),
    39: (0.805242, 0.264572, 0.098935),
    40: (0.799174, 0.273208, 0.045262),
}
UNMITIGATED = {
    "selection_rate": 0.268111,
    "demographic_parity_difference": 0.051105,
    "demographic_parity_ratio": 0.822500,
    "balanced_error_difference": 0.175789,
    "false_positive_rate_difference": 0.009296,
    "false_negative_rate_difference": 0.342283,
    "auc_difference": 0.189712,
}


def figures(case, data, estimator, candidate) -> dict[str, float]:
    """Every figure of the guide for one model, counted by the engine over the test rows."""
    X = data.test[data.features]
    table = data.test[["default", "sex"]].assign(
        score=estimator.predict_proba(X)[:, 1], said=candidate.predict(X)
    )
    frame = case.make(pa.Table.from_pandas(table, preserve_index=False), 3)
    people = {"y_true": "default", "sensitive_features": "sex"}
    by_label = ["balanced_accuracy_score", "selection_rate"]
    by_label += ["false_positive_rate", "false_negative_rate"]
    labels = metric_frame(frame, metrics=by_label, y_pred="said", **people)
    scores = metric_frame(frame, metrics="roc_auc_score", y_pred="score", **people)
    gaps = labels.difference()
    single = ["equalized_odds_difference", "demographic_parity_difference"]
    found = {
        **labels.disparities([*single, "demographic_parity_ratio"]).to_dict(),
        **{f"{name}_difference": gaps[name] for name in by_label[2:]},
        "auc": scores.overall,
        "auc_difference": scores.difference(),
        "balanced_error": 1 - labels.overall["balanced_accuracy_score"],
        "balanced_error_difference": gaps["balanced_accuracy_score"],
        "selection_rate": labels.overall["selection_rate"],
    }
    return {name: round(float(value), 6) for name, value in found.items()}


@pytest.mark.parametrize("name", engine_params(["local", "dask", "spark"]))
def test_every_figure_of_the_guide(request, name, data, plain, grid):
    assert len(data.test) == 9_000
    case = make_case(name, request)
    for model, expected in GUIDE.items():
        candidate = plain if model == "unmitigated" else grid.predictors_[model]
        estimator = plain.estimator if model == "unmitigated" else candidate
        found = figures(case, data, estimator, candidate)
        three = ("auc", "balanced_error", "equalized_odds_difference")
        assert tuple(found[figure] for figure in three) == expected
        if model == "unmitigated":
            assert {figure: found[figure] for figure in UNMITIGATED} == UNMITIGATED


@pytest.mark.parametrize("name", engine_params(["local", "dask", "spark"]))
def test_two_points_of_the_grid_on_every_engine(request, name, data, grid):
    """Rows cut and shuffled; the row's number gives back the guide's order."""
    case = make_case(name, request)
    local = make_case("local", request).engine
    rows = data.balanced.assign(row=np.arange(len(data.balanced)))
    frame = case.make(local.collect(rows), 3)
    found = grid_search(
        frame,
        learner(),
        features=data.features,
        **ROLES,
        grid=MultiplierGrid(grid=grid.lambda_vecs_[[39, 40]]),
        training=TrainingRows(row_order="row"),
        categorical_features=data.categories,
        engine=case.engine,
    )
    X = data.test[data.features]
    for position, index in enumerate((39, 40)):
        ours = found.predictors_[position].predict_proba(X)
        np.testing.assert_array_equal(ours, grid.predictors_[index].predict_proba(X))


@pytest.mark.parametrize("name", engine_params(["local", "dask", "spark"]))
def test_candidates_from_counts(request, name, data, plain, grid):
    case = make_case(name, request)
    frame = case.make(make_case("local", request).engine.collect(data.test), 3)
    candidates = {
        "unmitigated": plain,
        "grid 39": grid.predictors_[39],
        "grid 40": grid.predictors_[40],
    }
    found = evaluate_candidates(
        frame,
        candidates,
        features=data.features,
        **ROLES,
        performance="balanced_accuracy_score",
        categorical_features=data.categories,
        engine=case.engine,
    )
    expected = pd.DataFrame(
        {
            "balanced_accuracy_score": [1 - 0.220682, 1 - 0.264572, 1 - 0.273208],
            "equalized_odds_difference": [0.342283, 0.098935, 0.045262],
        },
        index=list(candidates),
    )
    pd.testing.assert_frame_equal(
        found.set_index("candidate").round(6), expected.round(6), check_names=False
    )
    result = pareto(
        found, performance="balanced_accuracy_score", disparity="equalized_odds_difference"
    )
    assert result.table["pareto_optimal"].all()
    assert result.chosen == "grid 40"
