"""Exact Shapley values are those of shap with the same, whole background."""

from __future__ import annotations

import itertools
from math import factorial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shap
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.explain.columns import model_frame
from rai_scale.explain.explain import explain, plan_explanation
from tests.capabilities.noting_model import NotesLoads
from tests.conftest import engine_params, make_case

NAMES = [f"f{i}" for i in range(6)]
BACKGROUND = 150  # more than the 100 rows that shap keeps by default


def make(classes: int = 2, rows: int = 400):
    rng = np.random.default_rng(classes)
    frame = pd.DataFrame(rng.normal(size=(rows, 6)), columns=NAMES)
    score = frame.f0 * frame.f1 + frame.f2 - 0.5 * frame.f3**2
    return frame, pd.qcut(score, classes, labels=False)


def split(frame: pd.DataFrame):
    return frame[:BACKGROUND], frame[300:308].reset_index(drop=True)


def values(found: pd.DataFrame, labels: tuple = ("",), names=NAMES) -> np.ndarray:
    def column(label, name):
        return "_".join(filter(None, ("shap", str(label), name)))

    parts = [found[[column(label, n) for n in names]].to_numpy() for label in labels]
    return parts[0] if labels == ("",) else np.stack(parts, axis=-1)


def by_shap(model, background, rows):
    masker = shap.maskers.Independent(background, max_samples=len(background))
    return np.asarray(shap.TreeExplainer(model, masker).shap_values(rows, check_additivity=False))


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
    plan = plan_explanation(rows, model, features=NAMES, background=background, output=output)
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
    one = explain(rows, model, target=0, **asked)
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


def test_xgboost_equals_shap():
    xgboost = pytest.importorskip("xgboost")
    frame, target = make()
    model = xgboost.XGBClassifier(n_estimators=10, max_depth=3).fit(frame, target)
    background, rows = split(frame)
    found = explain(rows, model, features=NAMES, background=background, output="raw")
    np.testing.assert_allclose(values(found), by_shap(model, background, rows), atol=1e-6)


def test_path_dependent_is_shaps_and_only_for_scores_of_trees():
    frame, target = make()
    model = LGBMClassifier(n_estimators=10, verbose=-1).fit(frame, target)
    background, rows = split(frame)
    asked = {"features": NAMES, "background": background, "perturbation": "tree_path_dependent"}
    found = explain(rows, model, output="raw", **asked)
    explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    np.testing.assert_allclose(values(found), explainer.shap_values(rows), atol=1e-9)
    with pytest.raises(ConfigError, match="bent by a link"):
        explain(rows, model, output="probability", **asked)
    with pytest.raises(ConfigError, match="not for exact_shap"):
        explain(rows, model, method="exact_shap", **asked)


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        MLPClassifier((6,), max_iter=50, random_state=0),
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
    plan = plan_explanation(rows, model, features=NAMES, background=background, output="raw")
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
    assert "bent by a link" in plan.why
    expected = brute_force(model.predict_proba, background, rows[:2])
    np.testing.assert_allclose(values(plan.frame)[:2], expected, atol=1e-9)
    with pytest.raises(ConfigError, match="bent by a link"):
        explain(rows, model, method="tree_shap", **asked)


def brute_force(predict, background: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Shapley values of the second class, by the definition."""
    names, count = list(background.columns), background.shape[1]

    def game(row, members):
        mixed = background.copy()
        for name in members:
            mixed[name] = pd.Series([row[name]] * len(mixed), index=mixed.index).astype(
                background[name].dtype
            )
        return predict(mixed)[:, 1].mean()

    found = np.zeros((len(rows), count))
    for at in range(len(rows)):
        row = rows.iloc[at]
        for number, name in enumerate(names):
            others = [n for n in names if n != name]
            for size in range(count):
                share = factorial(size) * factorial(count - size - 1) / factorial(count)
                for members in itertools.combinations(others, size):
                    gain = game(row, [*members, name]) - game(row, members)
                    found[at, number] += share * gain
    return found


def mixed_frame() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "city": rng.choice(["Ulm", "Bonn", "Kiel"], 300),
            "rooms": rng.integers(1, 6, 300),
            "price": np.where(rng.random(300) < 0.2, np.nan, rng.normal(size=300)),
            "tall": rng.random(300) < 0.5,
        }
    )
    target = (frame.price.fillna(0) + (frame.city == "Ulm") + frame.rooms / 3 > 1.5).astype(int)
    return frame, target


def test_text_and_missing_values_in_a_pipeline():
    frame, target = mixed_frame()
    prepare = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
    model = make_pipeline(prepare, RandomForestClassifier(5, max_depth=4, random_state=0))
    model.fit(frame, target)
    background, rows = frame[:25], frame[200:204].reset_index(drop=True)
    plan = plan_explanation(rows, model, features=list(frame), background=background)
    assert plan.method == "exact_shap"
    assert "'columntransformer' of the pipeline is not column by column" in plan.why
    expected = brute_force(model.predict_proba, background, rows)
    np.testing.assert_allclose(values(plan.frame, names=list(frame)), expected, atol=1e-9)


@pytest.mark.parametrize("name", ["local", "dask"])
def test_categories_and_missing_values_of_lightgbm(name, request):
    cluster_case = make_case(name, request)
    frame, target = mixed_frame()
    frame["city"] = frame.city.astype("category")
    model = LGBMClassifier(n_estimators=5, verbose=-1).fit(frame, target)
    background, rows = frame[:25], frame[200:206].reset_index(drop=True)
    table = pa.Table.from_pandas(rows.assign(city=rows.city.astype(str), id=range(6)))
    given = cluster_case.make(table, 2)
    found = explain(given, model, features=list(frame), background=background, output="probability")
    shown = cluster_case.engine.collect(found).to_pandas().sort_values("id")
    expected = brute_force(model.predict_proba, background, rows)
    np.testing.assert_allclose(values(shown, names=list(frame)), expected, atol=1e-9)


def test_missing_values_of_boosted_trees_by_treeshap():
    frame, target = make()
    frame = frame.mask(np.random.default_rng(0).random(frame.shape) < 0.1)
    model = LGBMClassifier(n_estimators=10, verbose=-1).fit(frame, target)
    background, rows = split(frame)
    asked = {"features": NAMES, "background": background, "output": "raw"}
    plan = plan_explanation(rows, model, **asked)
    assert plan.method == "tree_shap"
    exact = explain(rows, model, method="exact_shap", **asked)
    np.testing.assert_allclose(values(plan.frame), values(exact), atol=1e-6)


def test_columns_get_the_dtypes_of_the_background():
    like = pd.DataFrame(
        {
            "i": pd.Series([1], dtype="int32"),
            "f": pd.Series([1.0], dtype="float32"),
            "c": pd.Categorical(["a"], categories=["a", "b"]),
            "t": ["x"],
            "b": [True],
        }
    )
    table = pa.table(
        {"i": [1, 2], "f": [1, 2], "c": ["b", "z"], "t": ["x", None], "b": [True, False]}
    )
    found = model_frame(table, like)
    assert list(found.dtypes) == list(like.dtypes)
    assert found.c.isna().tolist() == [False, True]
    assert found.t.isna().tolist() == [False, True]
    holes = pa.table({**{n: table[n] for n in "fct"}, "i": [1, None], "b": [None, True]})
    found = model_frame(holes, like)
    assert found.i.dtype == np.float64
    np.testing.assert_array_equal(found.i, [1, np.nan])
    np.testing.assert_array_equal(found.b, [np.nan, 1])


def test_a_function_and_a_model_file(tmp_path):
    frame, target = make()
    model = LGBMClassifier(n_estimators=5, verbose=-1).fit(frame, target)
    background, rows = split(frame)
    asked = {"features": NAMES, "background": background}
    expected = values(explain(rows, model, **asked))
    by_function = explain(
        rows, lambda f: model.predict_proba(f)[:, 1], classes=["no", "yes"], **asked
    )
    np.testing.assert_allclose(values(by_function), expected, atol=1e-12)
    model.booster_.save_model(tmp_path / "model.txt")
    by_file = explain(rows, tmp_path / "model.txt", classes=["no", "yes"], output="raw", **asked)
    raw = explain(rows, model, output="raw", **asked)
    np.testing.assert_allclose(values(by_file), values(raw), atol=1e-6)
    pd.to_pickle(model, tmp_path / "model.pkl")
    with pytest.raises(ConfigError, match="trusted"):
        explain(rows, tmp_path / "model.pkl", **asked)
    trusted = explain(rows, tmp_path / "model.pkl", trusted=True, **asked)
    np.testing.assert_allclose(values(trusted), expected, atol=1e-12)


def test_an_onnx_file(tmp_path):
    pytest.importorskip("onnxruntime")
    convert = pytest.importorskip("skl2onnx")
    frame, target = make(3)
    model = LogisticRegression().fit(frame, target)
    onnx = convert.to_onnx(model, frame[:1].to_numpy(np.float32))
    (tmp_path / "model.onnx").write_bytes(onnx.SerializeToString())
    asked = {"features": NAMES, "background": frame[:20]}
    found = explain(frame[300:303], tmp_path / "model.onnx", **asked)
    expected = explain(frame[300:303], model, **asked)
    labels = (0, 1, 2)
    np.testing.assert_allclose(values(found, labels), values(expected, labels), atol=1e-5)


def test_an_xgboost_file(tmp_path):
    xgboost = pytest.importorskip("xgboost")
    frame, target = make()
    model = xgboost.XGBClassifier(n_estimators=5, max_depth=3).fit(frame, target)
    model.get_booster().save_model(tmp_path / "model.json")
    background, rows = split(frame)
    asked = {"features": NAMES, "background": background}
    classes = {"classes": ["no", "yes"]}
    found = explain(rows, tmp_path / "model.json", output="raw", **classes, **asked)
    np.testing.assert_allclose(values(found), by_shap(model, background, rows), atol=1e-6)
    shown = explain(rows, tmp_path / "model.json", **classes, **asked)
    np.testing.assert_allclose(shown.prediction, model.predict_proba(rows)[:, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"features": ["f0", "f9"]}, MissingColumnError, "f9"),
        ({"features": []}, ConfigError, "one or more"),
        ({"method": "treeshap"}, ConfigError, "Did you mean 'tree_shap'"),
        ({"target": 7}, ConfigError, "no class 7"),
        ({"output": "logit"}, ConfigError, "unknown output"),
        ({"perturbation": "observational"}, ConfigError, "unknown perturbation"),
        ({"long": True}, ConfigError, "key_columns"),
        ({"background": pd.DataFrame(columns=NAMES, dtype=float)}, ConfigError, "no rows"),
        ({"method": "linear_shap"}, ConfigError, "linear_shap does not fit"),
    ],
)
def test_what_cannot_be_explained_is_refused(changed, error, said):
    frame, target = make()
    model = RandomForestClassifier(3, max_depth=3, random_state=0).fit(frame, target)
    asked = {"features": NAMES, "background": frame[:10], **changed}
    with pytest.raises(error, match=said):
        explain(frame[:3], model, **asked)


def test_columns_of_the_frame_are_not_replaced():
    frame, target = make()
    model = Ridge().fit(frame, target)
    rows = frame[:3].assign(prediction=1.0)
    with pytest.raises(ConfigError, match="already has columns 'prediction'"):
        explain(rows, model, features=NAMES, background=frame[:10])
    kept = explain(rows, model, features=NAMES, background=frame[:10], key_columns=["f0"])
    assert list(kept.columns)[:2] == ["f0", "prediction"]


@pytest.mark.parametrize("name", engine_params(["local", "dask", "spark"]))
def test_a_model_is_loaded_at_most_once_per_process(name, request, tmp_path):
    cluster_case = make_case(name, request)
    frame, _ = make()
    rows = pa.Table.from_pandas(frame[["f0", "f1"]][:40], preserve_index=False)
    given = cluster_case.make(rows, 8)
    model = NotesLoads(str(tmp_path))
    for seed in (0, 1):
        found = explain(given, model, features=["f0", "f1"], background=frame[:5], seed=seed)
        assert cluster_case.engine.collect(found).num_rows == 40
    notes = [Path(note).read_text().count("loaded") for note in tmp_path.iterdir()]
    assert notes
    assert max(notes) == 1
