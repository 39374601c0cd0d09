"""Values of trees are those of enumeration: ties, missing values, categories, large numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.tree import DecisionTreeRegressor

from rai_scale.explanations import explain, plan_explanation
from rai_scale.models import Model
from tests.conftest import full, make_case

FEATURES = list("abcde")
LIGHT = {"n_estimators": 15, "verbose": -1, "n_jobs": 1}


def made(missing: float = 0.0) -> tuple[pd.DataFrame, np.ndarray]:
    """One decimal, so that most values tie with a threshold."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(400, 5)).round(1), columns=FEATURES)
    target = (frame.a * frame.b + frame.c + 0.3 * rng.normal(size=400)).to_numpy()
    return frame.mask(rng.random(frame.shape) < missing), target


def with_categories() -> tuple[pd.DataFrame, np.ndarray]:
    frame, target = made(0.1)
    rng = np.random.default_rng(1)
    frame["a"] = pd.Categorical(rng.choice(list("pqrstuvw"), 400)).remove_categories(["w"])
    frame["d"] = pd.Categorical(rng.choice([30, 10, 20], 400))
    return frame, target + 2 * frame.a.isin(["p", "r", "v"]) * (frame.d == 20)


def xgboost_model(**options):
    return pytest.importorskip("xgboost").XGBRegressor(n_estimators=15, n_jobs=1, **options)


def catboost_model(**options):
    quiet = {"iterations": 15, "verbose": 0, "allow_writing_files": False}
    return pytest.importorskip("catboost").CatBoostRegressor(**quiet, **options)


MODELS = {
    "tree": lambda: DecisionTreeRegressor(random_state=0),
    "extra trees": lambda: ExtraTreesRegressor(15, random_state=0, n_jobs=1),
    "forest": lambda: RandomForestClassifier(15, random_state=0, n_jobs=1),
    "gradient boosting": lambda: GradientBoostingClassifier(n_estimators=15),
    "histogram": lambda: HistGradientBoostingRegressor(max_iter=5),
    "lightgbm": lambda: LGBMRegressor(**LIGHT),
    "lightgbm classes": lambda: LGBMClassifier(**LIGHT),
    "lightgbm zeros": lambda: LGBMRegressor(**LIGHT, zero_as_missing=True),
    "lightgbm forest": lambda: LGBMRegressor(
        **LIGHT, boosting_type="rf", bagging_freq=1, bagging_fraction=0.5
    ),
    "xgboost": xgboost_model,
    "xgboost dart": lambda: xgboost_model(booster="dart", rate_drop=0.3),
    "xgboost missing": lambda: xgboost_model(missing=0.0),
    "catboost": catboost_model,
    "catboost levels": lambda: catboost_model(grow_policy="Depthwise", nan_mode="Max"),
}
REFUSE_MISSING = ("extra trees", "gradient boosting")


def check(model, frame, target, rows) -> str:
    """Compare with enumeration; return why the method was chosen."""
    classifies = hasattr(model, "predict_proba")
    target = pd.qcut(target, 3, labels=False) if classifies else target
    model.fit(frame, target)
    asked = {"features": FEATURES, "background": frame[100:140]}
    model = Model(model, output="raw" if classifies else "probability")
    plan = plan_explanation(rows, model, **asked)
    assert plan.method == "tree_shap", plan.why
    exact = explain(rows, model, method="exact_shap", **asked)
    assert not plan.frame.explained_by.str.startswith("none").any()
    numbers = [name for name in exact if name.startswith("shap_")]
    np.testing.assert_allclose(plan.frame[numbers], exact[numbers], atol=1e-5)
    return plan.why


@pytest.mark.parametrize("missing", [full(0.0), 0.15])
@pytest.mark.parametrize("name", MODELS)
def test_ties_and_missing_values(name, missing):
    if missing and name in REFUSE_MISSING:
        pytest.skip("scikit-learn refuses missing values here")
    frame, target = made(missing)
    assert "tables of its leaves" in check(MODELS[name](), frame, target, frame[:12])


@pytest.mark.parametrize("name", ["tree", "forest", "lightgbm", "xgboost"])
def test_ties_where_shap_computes(name, monkeypatch):
    monkeypatch.setattr("rai_scale.explanations.local.trees.leaf_tables.MOST_CELLS", 0)
    frame, target = made(0.1)
    assert check(MODELS[name](), frame, target, frame[:12]).endswith("by shap")


@pytest.mark.parametrize("backend", ["tables of its leaves", "shap"])
def test_epoch_seconds(backend, monkeypatch):
    if backend == "shap":
        monkeypatch.setattr("rai_scale.explanations.local.trees.leaf_tables.MOST_CELLS", 0)
    frame, target = made()
    frame["a"] = 1.7e9 + np.random.default_rng(0).integers(0, 2000, len(frame))
    model = LGBMRegressor(**LIGHT)
    assert check(model, frame, target + frame.a / 500, frame[:12]).endswith(backend)


@pytest.mark.parametrize("background", [50, 100, 150])
def test_missing_values_that_were_not_seen_in_training(background):
    frame, target = made()
    model = LGBMClassifier(**LIGHT).fit(frame, target > 0)
    rows = frame[:10].copy()
    rows.loc[rows.index[::2], ["a", "c"]] = np.nan
    asked = {"features": FEATURES, "background": frame[100 : 100 + background]}
    model = Model(model, output="raw")
    found = explain(rows, model, **asked)
    assert set(found.explained_by) == {"tree_shap"}
    exact = explain(rows, model, method="exact_shap", **asked)
    numbers = [name for name in exact if name.startswith("shap_")]
    np.testing.assert_allclose(found[numbers], exact[numbers], atol=1e-9)


@pytest.mark.parametrize(
    "model",
    [
        lambda: LGBMRegressor(**LIGHT, min_child_samples=5),
        lambda: xgboost_model(enable_categorical=True),
        lambda: xgboost_model(enable_categorical=True, max_cat_to_onehot=1),
    ],
    ids=["lightgbm", "xgboost one by one", "xgboost sets"],
)
def test_categories(model):
    frame, target = with_categories()
    check(model(), frame, target, frame[:12])


def test_many_features_with_categories_are_exact_on_engines(request):
    frame, target = with_categories()
    rng = np.random.default_rng(2)
    for number in range(10):
        frame[f"more{number}"] = rng.normal(size=len(frame)).round(1)
    model = LGBMRegressor(**LIGHT).fit(frame, target + frame.more0)
    asked = {"features": list(frame), "background": frame[100:140]}
    rows = frame[:12].assign(id=range(12))
    whole = explain(rows, model, **asked)
    assert set(whole.explained_by) == {"tree_shap"}
    sums = whole.base_value + whole[[f"shap_{name}" for name in frame]].sum(axis=1)
    np.testing.assert_allclose(sums, model.predict(frame[:12]), atol=1e-9)
    case = make_case("dask", request)
    text = rows.astype({"a": object, "d": float})
    found = case.engine.collect(explain(case.make(_arrow(text), 3), model, **asked)).to_pandas()
    found = found.sort_values("id", ignore_index=True)
    added = [name for name in whole if name.startswith("shap_")]
    np.testing.assert_allclose(found[added], whole[added], rtol=0, atol=1e-12)


def _arrow(frame: pd.DataFrame):
    import pyarrow as pa

    return pa.Table.from_pandas(frame, preserve_index=False)


def test_trees_that_the_model_does_not_follow_are_not_called_exact():
    frame, target = made()
    model = LGBMRegressor(**LIGHT).fit(frame, target)
    plain = model.predict
    model.predict = lambda rows, **more: plain(rows.round(0), **more)
    plan = plan_explanation(frame[:3], model, features=FEATURES, background=frame[100:140])
    assert plan.method == "exact_shap"
    assert "the trees and of the model differ for mixed rows" in plan.why
    linear = LGBMRegressor(**LIGHT, linear_tree=True).fit(frame, target)
    plan = plan_explanation(frame[:3], linear, features=FEATURES, background=frame[100:140])
    assert "linear trees" in plan.why
