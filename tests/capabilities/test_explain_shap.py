"""Exact Shapley values are those of shap with the same, whole background."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shap
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from rai_scale.errors import ConfigError
from rai_scale.explanations import explain, plan_explanation
from rai_scale.models import Model
from tests.capabilities.explained import (
    BACKGROUND,
    NAMES,
    brute_force,
    by_shap,
    make,
    split,
    values,
)
from tests.conftest import full


@pytest.mark.parametrize(
    ("model", "output"),
    [
        (RandomForestRegressor(10, max_depth=5, random_state=0), "probability"),
        (DecisionTreeRegressor(max_depth=5, random_state=0), "raw"),
        (GradientBoostingClassifier(n_estimators=15, random_state=0), "raw"),
        (LGBMClassifier(n_estimators=15, verbose=-1), "raw"),
        (LGBMRegressor(n_estimators=15, verbose=-1), "probability"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_trees_equal_shap_over_the_whole_background(model, output):
    frame, target = make()
    model.fit(frame, target)
    background, rows = split(frame)
    plan = plan_explanation(
        rows, Model(model, output=output), features=NAMES, background=background
    )
    assert plan.method == "tree_shap"
    assert f"{BACKGROUND} background rows" in plan.why
    np.testing.assert_allclose(values(plan.frame), by_shap(model, background, rows), atol=1e-6)
    raw = model.predict(background, raw_score=True) if "LGBM" in str(model) else None
    if raw is not None:
        np.testing.assert_allclose(plan.frame.base_value, raw.mean(), atol=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
def test_forest_probabilities_by_class(classes):
    frame, target = make(classes)
    model = RandomForestClassifier(10, max_depth=5, random_state=0).fit(frame, target)
    background, rows = split(frame)
    expected = by_shap(model, background, rows)
    asked = {"features": NAMES, "background": background}
    found = explain(rows, model, **asked)
    one = explain(rows, model, explain_class=0, **asked)
    np.testing.assert_allclose(values(one), expected[..., 0], atol=1e-6)
    np.testing.assert_allclose(one.prediction, model.predict_proba(rows)[:, 0])
    if classes == 2:
        np.testing.assert_allclose(values(found), expected[..., 1], atol=1e-6)
        return
    np.testing.assert_allclose(values(found, (0, 1, 2)), expected, atol=1e-6)
    np.testing.assert_allclose(
        found[["prediction_0", "prediction_1", "prediction_2"]], model.predict_proba(rows)
    )


def test_no_background_row_is_lost():
    frame, target = make()
    model = ExtraTreesClassifier(5, max_depth=4, random_state=0).fit(frame, target)
    background, rows = split(frame)
    found = values(explain(rows, model, features=NAMES, background=background))
    fewer = values(explain(rows, model, features=NAMES, background=background[:100]))
    assert np.abs(found - by_shap(model, background, rows)[..., 1]).max() < 1e-6
    assert np.abs(found - fewer).max() > 1e-4


@pytest.mark.parametrize("backend", ["tables of its leaves", "shap"])
def test_a_row_that_does_not_add_up_has_no_values_and_the_others_have(backend, monkeypatch):
    if backend == "shap":
        monkeypatch.setattr("rai_scale.explanations.local.trees.leaf_tables.MOST_CELLS", 0)
    frame, _ = make()
    model = LGBMRegressor(n_estimators=5, verbose=-1).fit(frame, frame.f0 + frame.f1)
    plain = model.predict
    model.predict = lambda rows, **more: plain(rows, **more) + 5.0 * (rows.f0 == 7).to_numpy()
    shown = frame[300:310].reset_index(drop=True)
    shown.loc[3, "f0"] = 7.0  # the trees do not know what this model adds
    plan = plan_explanation(shown, model, features=NAMES, background=frame[:30])
    found = plan.frame
    assert plan.why.endswith(f"by {backend}")
    assert found.explained_by[3] == "none: values of tree_shap do not add up"
    assert np.isnan(values(found)[3]).all()
    others = found.drop(index=3)
    assert set(others.explained_by) == {"tree_shap"}
    np.testing.assert_allclose(found.prediction, model.predict(shown))
    sums = others.base_value + values(others).sum(axis=1)
    np.testing.assert_allclose(sums, others.prediction, atol=1e-6)


def test_xgboost_equals_shap():
    xgboost = pytest.importorskip("xgboost")
    frame, target = make()
    model = xgboost.XGBClassifier(n_estimators=10, max_depth=3).fit(frame, target)
    background, rows = split(frame)
    found = explain(rows, Model(model, output="raw"), features=NAMES, background=background)
    np.testing.assert_allclose(values(found), by_shap(model, background, rows), atol=1e-6)


def test_path_dependent_is_shaps_and_only_for_scores_of_trees():
    frame, target = make()
    model = LGBMClassifier(n_estimators=10, verbose=-1).fit(frame, target)
    background, rows = split(frame)
    asked = {"features": NAMES, "background": background, "perturbation": "tree_path_dependent"}
    found = explain(rows, Model(model, output="raw"), **asked)
    explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    np.testing.assert_allclose(values(found), explainer.shap_values(rows), atol=1e-9)
    with pytest.raises(ConfigError, match="applies a link function"):
        explain(rows, model, **asked)
    with pytest.raises(ConfigError, match="not for exact_shap"):
        explain(rows, model, method="exact_shap", **asked)


@pytest.mark.parametrize(
    "model",
    [
        full(LogisticRegression()),
        full(MLPClassifier((6,), max_iter=50, random_state=0)),
        GradientBoostingClassifier(n_estimators=10, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_enumeration_equals_shaps_exact_explainer(model):
    frame, target = make(3)
    model.fit(frame, target)
    background, rows = frame[:30], frame[300:304].reset_index(drop=True)
    plan = plan_explanation(rows, model, features=NAMES, background=background)
    assert plan.method == "exact_shap"
    masker = shap.maskers.Independent(background, max_samples=len(background))
    names = {"columns": NAMES}
    expected = shap.ExactExplainer(
        lambda x: model.predict_proba(pd.DataFrame(x, **names)), masker
    )(rows).values  # fmt: skip
    np.testing.assert_allclose(values(plan.frame, (0, 1, 2)), expected, atol=1e-9)


@pytest.mark.parametrize(
    "model",
    [Ridge(), LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression())],
    ids=["ridge", "logistic", "pipeline"],
)
def test_linear_scores_equal_shaps_linear_explainer(model):
    frame, target = make()
    model.fit(frame, target)
    background, rows = split(frame)
    plan = plan_explanation(rows, Model(model, output="raw"), features=NAMES, background=background)
    assert plan.method == "linear_shap"
    scaler, final = (model[0].transform, model[1]) if hasattr(model, "steps") else (None, model)
    given = background if scaler is None else pd.DataFrame(scaler(background), columns=NAMES)
    shown = rows if scaler is None else pd.DataFrame(scaler(rows), columns=NAMES)
    masker = shap.maskers.Independent(given, max_samples=len(given))
    expected = shap.LinearExplainer(final, masker).shap_values(shown)
    np.testing.assert_allclose(values(plan.frame), expected, atol=1e-9)


def test_a_link_is_not_taken_for_linear():
    frame, target = make()
    model = PoissonRegressor().fit(frame, target)
    plan = plan_explanation(frame[300:303], model, features=NAMES, background=frame[:20])
    assert plan.method == "exact_shap"
    assert "not linear" in plan.why


def test_probabilities_of_boosted_trees_are_right_and_never_treeshaps():
    frame, target = make()
    model = LGBMClassifier(n_estimators=30, verbose=-1).fit(frame, target)
    background, rows = split(frame)
    asked = {"features": NAMES, "background": background}
    plan = plan_explanation(rows, model, **asked)
    assert plan.method == "exact_shap"
    assert "applies a link function" in plan.why
    expected = brute_force(model.predict_proba, background, rows[:2])
    np.testing.assert_allclose(values(plan.frame)[:2], expected, atol=1e-9)
    with pytest.raises(ConfigError, match="applies a link function"):
        explain(rows, model, method="tree_shap", **asked)


def test_missing_values_of_boosted_trees_by_treeshap():
    frame, target = make()
    frame = frame.mask(np.random.default_rng(0).random(frame.shape) < 0.1)
    model = LGBMClassifier(n_estimators=10, verbose=-1).fit(frame, target)
    background, rows = split(frame)
    asked = {"features": NAMES, "background": background}
    model = Model(model, output="raw")
    plan = plan_explanation(rows, model, **asked)
    assert plan.method == "tree_shap"
    exact = explain(rows, model, method="exact_shap", **asked)
    np.testing.assert_allclose(values(plan.frame), values(exact), atol=1e-6)
