"""Models by kind: labels are refused, boosters, ONNX and MLflow models are what they were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from rai_scale.errors import ConfigError, MissingExtraError
from rai_scale.explanations import explain, plan_explanation
from rai_scale.models import Background, Model, load_model
from rai_scale.models.onnx_model import onnx_session
from tests.capabilities.explained import NAMES, by_shap, make, split, values

LABELS = (0, 1, 2)


class LabelsOnly(ClassifierMixin, BaseEstimator):
    def __init__(self, classes_=None):
        if classes_ is not None:
            self.classes_ = np.array(classes_)

    def predict(self, frame):
        return (frame.f0 > 0).to_numpy().astype(int) + (frame.f1 > 0)


def asked() -> tuple[pd.DataFrame, dict]:
    background, rows = split(make()[0])
    return rows, {"features": NAMES, "background": background}


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (LabelsOnly(), "predicts integers"),
        (LabelsOnly().predict, "predicts integers"),
        (lambda frame: frame.f0 > 0, "predicts integers"),
        (LabelsOnly([0, 1, 2]), "class labels only"),
    ],
)
@pytest.mark.parametrize("more", [{}, {"output": "raw"}, {"classes": LABELS}])
def test_integer_labels_are_not_explained_as_a_regression(model, said, more):
    rows, given = asked()
    with pytest.raises(ConfigError, match=said):
        explain(rows, Model(model, **more), **given)


def test_names_of_classes_do_not_make_probabilities_of_labels():
    frame, target = make()
    model = LinearSVC().fit(frame, target)
    rows, given = asked()
    with pytest.raises(ConfigError, match="no probabilities"):
        explain(rows, Model(model, classes=["no", "yes"]), **given)
    raw = Model(model, classes=["no", "yes"], output="raw")
    for name, sign in (("yes", 1), ("no", -1)):  # a score is that of the second class
        found = explain(rows, raw, explain_class=name, **given)
        expected = sign * model.decision_function(rows)
        np.testing.assert_allclose(found.prediction, expected, atol=1e-12)


def test_boosters_as_objects():
    xgboost = pytest.importorskip("xgboost")
    frame, target = make()
    rows, given = asked()
    boosted = xgboost.XGBClassifier(n_estimators=5, max_depth=3).fit(frame, target)
    light = LGBMClassifier(n_estimators=5, verbose=-1).fit(frame, target)
    for whole, booster in ((boosted, boosted.get_booster()), (light, light.booster_)):
        plan = plan_explanation(rows, Model(booster, output="raw"), explain_class=1, **given)
        assert plan.method == "tree_shap"
        expected = by_shap(whole, given["background"], rows)
        np.testing.assert_allclose(values(plan.frame), expected, atol=1e-5)
        shown = explain(rows, booster, explain_class=0, **given)
        np.testing.assert_allclose(shown.prediction, whole.predict_proba(rows)[:, 0], atol=1e-6)


@pytest.mark.parametrize("objective", ["multi:softmax", "multi:softprob"])
def test_xgboost_labels_become_probabilities(objective, tmp_path):
    xgboost = pytest.importorskip("xgboost")
    frame, target = make(3)
    params = {"objective": objective, "num_class": 3, "max_depth": 2}
    booster = xgboost.train(params, xgboost.DMatrix(frame, target), 4)
    booster.save_model(tmp_path / "model.ubj")
    params["objective"] = "multi:softprob"
    expected = xgboost.train(params, xgboost.DMatrix(frame, target), 4)
    rows, given = asked()
    found = explain(rows, tmp_path / "model.ubj", **given)
    shown = found[[f"prediction_{label}" for label in LABELS]]
    np.testing.assert_allclose(shown, expected.predict(xgboost.DMatrix(rows)), atol=1e-6)
    raw = explain(rows, Model(booster, output="raw"), **given)
    shap_values = by_shap(expected, given["background"], rows)
    np.testing.assert_allclose(values(raw, LABELS), shap_values, atol=1e-5)


def test_xgboost_without_probabilities_is_refused():
    xgboost = pytest.importorskip("xgboost")
    frame, target = make()
    rows, given = asked()
    matrix = xgboost.DMatrix(frame, target)
    booster = xgboost.train({"objective": "binary:hinge"}, matrix, 2)
    whole = xgboost.XGBClassifier(n_estimators=2, objective="binary:hinge").fit(frame, target)
    for model in (booster, whole):
        with pytest.raises(ConfigError, match="train it with binary:logistic"):
            explain(rows, model, **given)
    logit = xgboost.train({"objective": "binary:logitraw"}, matrix, 2)
    expected = 1 / (1 + np.exp(-logit.predict(xgboost.DMatrix(rows))))
    np.testing.assert_allclose(explain(rows, logit, **given).prediction, expected, atol=1e-6)


def test_a_background_of_other_types_than_the_models():
    frame, target = make()
    frame["city"] = pd.Categorical(np.where(frame.f0 > 0, "Ulm", "Bonn"))
    model = LGBMClassifier(n_estimators=2, verbose=-1).fit(frame, target)
    table = pa.Table.from_pandas(frame.astype({"city": str}), preserve_index=False)
    with pytest.raises(ConfigError, match="dtypes that it was fitted on") as raised:
        explain(table, model, features=list(frame), background=Background(rows=9))
    assert "city (object)" in str(raised.value)
    assert "Ulm" not in str(raised.value)


def mixed() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"city": rng.choice(["Ulm", "Bonn"], 200)})
    frame["rooms"] = rng.integers(1, 6, 200)
    frame["price"] = rng.normal(size=200).astype(np.float32)
    return frame, ((frame.city == "Ulm") + frame.price + frame.rooms / 3 > 1).to_numpy()


@pytest.mark.parametrize("zipmap", [True, False])
def test_an_onnx_file_with_an_input_per_column(tmp_path, zipmap):
    pytest.importorskip("onnxruntime")
    convert = pytest.importorskip("skl2onnx")
    frame, target = mixed()
    prepare = make_column_transformer((OneHotEncoder(), ["city"]), remainder=StandardScaler())
    model = make_pipeline(prepare, LogisticRegression()).fit(frame, target.astype(int))
    onnx = convert.to_onnx(model, frame[:1], options={LogisticRegression: {"zipmap": zipmap}})
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx.SerializeToString())
    kinds = {one.name: one.type for one in onnx_session(path.read_bytes()).get_inputs()}
    assert list(kinds.values()) == ["tensor(string)", "tensor(int64)", "tensor(float)"]
    given = {"features": list(frame), "background": frame[:20]}
    found, expected = (explain(frame[100:104], one, **given) for one in (path, model))
    np.testing.assert_allclose(
        values(found, names=list(frame)), values(expected, names=list(frame)), atol=1e-5
    )
    with pytest.raises(ConfigError, match="'city' is missing in some rows"):
        explain(frame[:3], path, features=list(frame), background=frame.replace("Ulm", None))
    with pytest.raises(ConfigError, match="one input for all of them"):
        explain(frame[:3], path, features=["city", "price"], background=frame[:9])


@pytest.mark.parametrize("kind", ["double", "int64"])
def test_an_onnx_file_of_one_input_is_given_its_type(tmp_path, kind):
    pytest.importorskip("onnxruntime")
    convert = pytest.importorskip("skl2onnx")
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.integers(0, 9, (60, 3)), columns=list("abc")).astype(float)
    model = LogisticRegression().fit(frame.to_numpy(), frame.a > frame.b)
    like = frame[:1].to_numpy(np.float64 if kind == "double" else np.int64)
    onnx = convert.to_onnx(model, like, options={"zipmap": False})
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx.SerializeToString())
    found = explain(frame[:4], path, features=list("abc"), background=frame[:9])
    np.testing.assert_allclose(found.prediction, model.predict_proba(frame[:4])[:, 1], atol=1e-6)


def logged(tmp_path, monkeypatch, flavor: str, model):
    module = pytest.importorskip(f"mlflow.{flavor}")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    path = tmp_path / flavor
    key = {"sklearn": "sk_model", "lightgbm": "lgb_model", "xgboost": "xgb_model"}.get(flavor)
    more = {"serialization_format": "cloudpickle"} if flavor[0] in "sl" else {}
    more |= {key or "python_model": model, "pip_requirements": []}
    module.save_model(path=str(path), **more)
    return path


def test_an_mlflow_model_is_what_it_was(tmp_path, monkeypatch):
    frame, target = make(3)
    forest = RandomForestClassifier(4, max_depth=3, random_state=0).fit(frame, target)
    light = LGBMClassifier(n_estimators=4, verbose=-1).fit(frame, target)
    rows, given = asked()
    for flavor, model, kind in (
        ("sklearn", forest, "probability"),
        ("lightgbm", light, "raw"),
        ("lightgbm", light.booster_, "raw"),
    ):
        path = logged(tmp_path / type(model).__name__, monkeypatch, flavor, model)
        with pytest.raises(ConfigError, match="MLflow model can run code"):
            explain(rows, path, **given)
        plan = plan_explanation(rows, Model(path, output=kind, trusted=True), **given)
        assert plan.method == "tree_shap"
        whole = light if flavor == "lightgbm" else forest  # shap adds up a booster's classes
        expected = by_shap(whole, given["background"], rows)
        np.testing.assert_allclose(values(plan.frame, LABELS), expected, atol=1e-6)
        shown = explain(rows, Model(path, trusted=True), **given)
        predicted = shown[[f"prediction_{label}" for label in LABELS]]
        np.testing.assert_allclose(predicted, whole.predict_proba(rows), atol=1e-9)


def test_an_mlflow_model_of_xgboost_and_of_python(tmp_path, monkeypatch):
    pyfunc, xgboost = pytest.importorskip("mlflow.pyfunc"), pytest.importorskip("xgboost")
    frame, target = make()
    boosted = xgboost.XGBClassifier(n_estimators=3, max_depth=2).fit(frame, target)
    rows, given = asked()
    path = logged(tmp_path, monkeypatch, "xgboost", boosted)
    shown = explain(rows, Model(path, trusted=True), **given)
    np.testing.assert_allclose(shown.prediction, boosted.predict_proba(rows)[:, 1], atol=1e-6)

    class Python(pyfunc.PythonModel):
        def __init__(self, labels):
            self.labels = labels

        def predict(self, context, model_input, params=None):
            found = boosted.predict_proba(model_input)
            return found.argmax(axis=1) if self.labels else pd.DataFrame(found)

    labels = logged(tmp_path / "labels", monkeypatch, "pyfunc", Python(True))
    with pytest.raises(ConfigError, match="predicts integers"):
        explain(rows, Model(labels, trusted=True), **given)
    numbers = logged(tmp_path / "numbers", monkeypatch, "pyfunc", Python(False))
    table = pa.Table.from_pandas(rows, preserve_index=False)
    found = explain(table, Model(numbers, classes=["no", "yes"], trusted=True), **given).to_pandas()
    np.testing.assert_allclose(found.prediction, shown.prediction, atol=1e-6)


def test_mlflow_is_an_extra(tmp_path, without):
    (tmp_path / "MLmodel").write_text("flavors: {}")
    without("mlflow")
    with pytest.raises(MissingExtraError, match=r"rai-scale\[mlflow\]"):
        load_model(tmp_path, trusted=True)
