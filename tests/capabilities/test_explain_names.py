"""A model is given its columns in the order in which it was fitted, or is refused."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rai_scale.errors import ConfigError
from rai_scale.explanations import (
    explain,
    partial_dependence,
    permutation_importance,
    plan_explanation,
)
from rai_scale.models import Model, load_model

OWN = ["income", "open debt", "age", "int.rate"]
LISTED = [OWN[1], OWN[3], OWN[0], OWN[2]]


@cache
def loans() -> tuple[pd.DataFrame, np.ndarray]:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 4)), columns=OWN)
    return frame, (frame.income - 2 * frame["open debt"] + frame.age * frame.income > 0).to_numpy()


def fitted(kind: str, tmp_path):
    frame, label = loans()
    if kind.startswith("lightgbm"):
        model = LGBMClassifier(n_estimators=8, verbose=-1, n_jobs=1).fit(frame, label)
        model.booster_.save_model(tmp_path / "model.txt")
        return {"": model, " booster": model.booster_, " file": tmp_path / "model.txt",
                " method": model.predict_proba}[kind.removeprefix("lightgbm")]  # fmt: skip
    if kind.startswith("xgboost"):
        xgboost = pytest.importorskip("xgboost")
        model = xgboost.XGBClassifier(n_estimators=8, n_jobs=1).fit(frame, label)
        return model.get_booster() if "booster" in kind else model
    if kind == "catboost":
        catboost = pytest.importorskip("catboost")
        model = catboost.CatBoostClassifier(iterations=8, verbose=0, allow_writing_files=False)
        return model.fit(frame, label.astype(int))
    if kind == "ebm":
        from interpret.glassbox import ExplainableBoostingClassifier

        model = ExplainableBoostingClassifier(max_rounds=5, interactions=0, n_jobs=1)
        return model.fit(frame, label)
    if kind == "ridge":
        return make_pipeline(StandardScaler(), Ridge()).fit(frame, label.astype(float))
    return RandomForestClassifier(5, max_depth=4, random_state=0, n_jobs=1).fit(frame, label)


KINDS = ["lightgbm", "lightgbm booster", "lightgbm file", "lightgbm method", "xgboost",
         "xgboost booster", "catboost", "ebm", "ridge", "forest"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_features_in_another_order_than_fitted(kind, tmp_path):
    frame, _ = loans()
    model = fitted(kind, tmp_path)
    asked = {"background": frame[20:50]}
    more = {"classes": [False, True]} if kind == "lightgbm method" else {}
    outputs = ["probability"] if kind == "lightgbm method" else ["probability", "raw"]
    for output in outputs:
        known = Model(model, output=output, **more)
        own = explain(frame[:5], known, features=OWN, **asked)
        plan = plan_explanation(frame[:5], known, features=LISTED, **asked)
        listed = plan.frame
        assert "no names" not in plan.why
        assert [c for c in listed if c.startswith("shap_")] == [f"shap_{name}" for name in LISTED]
        pd.testing.assert_frame_equal(listed[own.columns], own, atol=1e-9)


def test_features_in_another_order_in_global_explanations(tmp_path):
    frame, label = loans()
    rows = frame.assign(label=label.astype(int))
    model = fitted("lightgbm", tmp_path)
    found = [
        permutation_importance(rows, model, features=names, y_true="label", repeats=2).to_pandas()
        for names in (OWN, LISTED)
    ]
    by_name = [one.set_index("feature").loc[OWN] for one in found]
    pd.testing.assert_frame_equal(*by_name)
    of = [
        partial_dependence(frame, model, features=names, of=["income"]).to_pandas()
        for names in (OWN, LISTED)
    ]
    pd.testing.assert_frame_equal(*of)


def test_features_in_another_order_on_every_engine(cluster_case, tmp_path):
    names = [name.replace(".", "_") for name in OWN]
    frame, label = loans()
    frame = frame.set_axis(names, axis=1)
    model = LGBMRegressor(n_estimators=8, verbose=-1, n_jobs=1).fit(frame, label.astype(float))
    listed = [names[at] for at in (1, 3, 0, 2)]
    rows = pa.Table.from_pandas(frame[listed][:9].assign(id=range(9)), preserve_index=False)
    made = explain(cluster_case.make(rows, 2), model, features=listed, background=frame[20:50])
    shown = cluster_case.engine.collect(made).to_pandas().sort_values("id", ignore_index=True)
    np.testing.assert_allclose(shown.prediction, model.predict(frame[:9]), atol=1e-12)
    whole = explain(frame[:9], model, features=names, background=frame[20:50])
    added = [name for name in whole if name.startswith("shap_")]
    np.testing.assert_allclose(shown[added], whole[added], atol=1e-12)


@pytest.mark.parametrize("kind", ["lightgbm", "lightgbm file", "xgboost booster", "forest"])
def test_other_names_than_fitted_are_refused(kind, tmp_path):
    frame, _ = loans()
    model = fitted(kind, tmp_path)
    renamed = frame.rename(columns={"age": "ages"})
    with pytest.raises(
        ConfigError, match=r"features does not include age\. It was not fitted on ages\. Did you"
    ):
        explain(renamed[:5], model, features=list(renamed), background=renamed[20:50])
    with pytest.raises(ConfigError, match=r"fitted on 4 columns: income, open.debt, age, int.rate"):
        explain(frame[:5], model, features=OWN[:3], background=frame[20:50])


def test_a_model_without_names_says_that_it_has_none():
    frame, label = loans()
    for model in (LGBMClassifier(n_estimators=3, verbose=-1), RandomForestClassifier(3)):
        model.fit(frame.to_numpy(), label)
        plan = plan_explanation(frame[:5], model, features=OWN, background=frame[20:50])
        assert "stores no column names" in plan.why


def test_names_in_the_signature_of_an_mlflow_model(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow.sklearn")
    from mlflow.models import infer_signature

    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    frame, label = loans()
    model = RandomForestClassifier(3, max_depth=3, random_state=0).fit(frame.to_numpy(), label)
    path = str(tmp_path / "model")
    mlflow.save_model(
        model,
        path=path,
        signature=infer_signature(frame),
        serialization_format="cloudpickle",
        pip_requirements=[],
    )
    listed = explain(frame[:5], Model(path, trusted=True), features=LISTED, background=frame[20:50])
    expected = model.predict_proba(frame[:5].to_numpy())[:, 1]
    np.testing.assert_allclose(listed.prediction, expected, atol=1e-12)
    loaded = load_model(path, trusted=True)
    again = explain(frame[:5], loaded, features=LISTED, background=frame[20:50])
    pd.testing.assert_frame_equal(again, listed)


def test_one_column_of_probabilities_of_two_classes():
    frame, _ = loans()

    def flat(rows: pd.DataFrame) -> np.ndarray:
        return 1 / (1 + np.exp(-rows.income.to_numpy() * rows.age.to_numpy()))

    asked = {"features": OWN, "background": frame[20:40]}
    expected = explain(frame[:4], Model(flat, ["no", "yes"]), **asked)
    column = Model(lambda rows: flat(rows)[:, None], ["no", "yes"])
    found = explain(frame[:4], column, **asked)
    pd.testing.assert_frame_equal(found, expected)
    one = explain(frame[:1], column, **asked)
    pd.testing.assert_frame_equal(one, expected[:1])


def test_scores_of_outliers_are_explained_and_their_labels_not():
    frame, _ = loans()
    forest = IsolationForest(n_estimators=10, random_state=0).fit(frame)
    for model in (
        forest,
        make_pipeline(StandardScaler(), IsolationForest(n_estimators=5)).fit(frame),
    ):
        found = explain(
            frame[:4], Model(model, output="raw"), features=LISTED, background=frame[20:50]
        )
        np.testing.assert_allclose(found.prediction, model.decision_function(frame[:4]))
        assert set(found.explained_by) == {"exact_shap"}
        with pytest.raises(ConfigError, match="output='raw'\\) to explain its"):
            explain(frame[:4], model, features=OWN, background=frame[20:50])


def test_catboost_by_task():
    catboost = pytest.importorskip("catboost")
    frame, label = loans()
    quiet = {"iterations": 8, "verbose": 0, "allow_writing_files": False}
    value = catboost.CatBoostRegressor(**quiet).fit(frame, frame.income * frame.age)
    asked = {"features": OWN, "background": frame[20:50]}
    found = explain(frame[:4], value, **asked)
    np.testing.assert_allclose(found.prediction, value.predict(frame[:4]), atol=1e-9)
    model = catboost.CatBoostClassifier(**quiet).fit(frame, label.astype(int))
    raw = explain(frame[:4], Model(model, output="raw"), **asked)
    expected = model.predict(frame[:4], prediction_type="RawFormulaVal")
    np.testing.assert_allclose(raw.prediction, expected, atol=1e-9)


@pytest.mark.spark
def test_a_model_of_spark_ml_is_refused_with_what_to_do(request):
    from pyspark.ml.feature import VectorAssembler
    from pyspark.ml.regression import LinearRegression

    session = request.getfixturevalue("spark_session")
    frame = loans()[0].set_axis(list("abcd"), axis=1)
    data = VectorAssembler(inputCols=["a", "b"], outputCol="x").transform(
        session.createDataFrame(frame)
    )
    model = LinearRegression(featuresCol="x", labelCol="c").fit(data)
    for wrong in (model, model.transform):
        with pytest.raises(ConfigError, match="function of a pandas frame"):
            explain(frame[:3], wrong, features=["a", "b"], background=frame[20:50])
