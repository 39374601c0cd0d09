"""What explanations accept: mixed columns, model files, and what they refuse."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from lightgbm import LGBMClassifier
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import SVC

from rai_scale.errors import ConfigError, MissingColumnError, OptionError
from rai_scale.explanations.local.exact_shap import MOST_FEATURES
from rai_scale.explanations.local.explaining import explain, plan_explanation
from rai_scale.explanations.local.kernel import DESIGNS, EVALS_PER_FEATURE
from rai_scale.explanations.local.trees.leaf_tables import MOST_BITS, MOST_CELLS, MOST_NODES
from rai_scale.explanations.local.value_sampling import ValueSampling
from rai_scale.models import Background, Model
from rai_scale.models.columns import model_frame
from tests.capabilities.explained import NAMES, brute_force, by_shap, make, split, values
from tests.capabilities.noting_model import NotesLoads
from tests.conftest import engine_params, make_case


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
    assert "'columntransformer' of the pipeline does not transform each column" in plan.why
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
    found = explain(given, model, features=list(frame), background=background)
    shown = cluster_case.engine.collect(found).to_pandas().sort_values("id")
    expected = brute_force(model.predict_proba, background, rows)
    np.testing.assert_allclose(values(shown, names=list(frame)), expected, atol=1e-9)


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


def test_a_number_that_the_background_cannot_hold_is_not_bent():
    like = pd.DataFrame({"i": [1, 2], "short": np.array([1, 2], np.int8), "b": [True, False]})
    like["signless"] = np.array([1, 2], np.uint8)
    like["nullable"] = pd.array([1, 2], dtype="Int8")
    like["single"] = np.array([1, 2], np.float32)
    numbers = {"i": [2.75, 1.0], "short": [300, -1], "b": [2, 0], "signless": [-1, 256]}
    numbers |= {"nullable": [300, None], "single": [1e39, 1.0]}
    found = model_frame(pa.table(numbers), like)
    for name in ("i", "short", "b", "signless", "single"):
        assert found[name].tolist() == numbers[name]
    assert found["nullable"][0] == 300
    fitting = {"i": [2.0, 1.0], "short": [-128, 127], "b": [1, 0], "signless": [0, 255]}
    fitting |= {"nullable": [3, None], "single": [0.5, 1.0]}
    assert list(model_frame(pa.table(fitting), like).dtypes) == list(like.dtypes)


def test_wide_numbers_are_explained_as_the_model_predicts_them():
    background = pd.DataFrame({"f0": np.array([1, 2], np.int8), "f1": [3, 4]})
    rows = pd.DataFrame({"f0": [300, 5], "f1": [2.75, 1.0]})
    found = explain(
        rows, lambda frame: frame.f0 * 2.0 + frame.f1, features=["f0", "f1"], background=background
    )
    assert found.prediction.tolist() == [602.75, 11.0]
    assert values(found, names=["f0", "f1"]).tolist() == [[597.0, -0.75], [7.0, -2.5]]


def test_a_function_and_a_model_file(tmp_path):
    frame, target = make()
    model = LGBMClassifier(n_estimators=5, verbose=-1).fit(frame, target)
    background, rows = split(frame)
    asked = {"features": NAMES, "background": background}
    expected = values(explain(rows, model, **asked))
    by_function = explain(
        rows, Model(lambda f: model.predict_proba(f)[:, 1], classes=["no", "yes"]), **asked
    )
    np.testing.assert_allclose(values(by_function), expected, atol=1e-12)
    model.booster_.save_model(tmp_path / "model.txt")
    by_file = explain(
        rows, Model(tmp_path / "model.txt", classes=["no", "yes"], output="raw"), **asked
    )
    raw = explain(rows, Model(model, output="raw"), **asked)
    np.testing.assert_allclose(values(by_file), values(raw), atol=1e-6)
    pd.to_pickle(model, tmp_path / "model.pkl")
    with pytest.raises(ConfigError, match="trusted"):
        explain(rows, tmp_path / "model.pkl", **asked)
    trusted = explain(rows, Model(tmp_path / "model.pkl", trusted=True), **asked)
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
    path, classes = tmp_path / "model.json", ["no", "yes"]
    found = explain(rows, Model(path, classes, output="raw"), **asked)
    np.testing.assert_allclose(values(found), by_shap(model, background, rows), atol=1e-6)
    shown = explain(rows, Model(path, classes), **asked)
    np.testing.assert_allclose(shown.prediction, model.predict_proba(rows)[:, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"features": ["f0", "f9"]}, MissingColumnError, "f9"),
        ({"features": []}, ConfigError, "one or more"),
        ({"method": "treeshap"}, ConfigError, "Did you mean 'tree_shap'"),
        ({"explain_class": 7}, ConfigError, "no class 7"),
        ({"perturbation": "observational"}, ConfigError, "unknown perturbation"),
        ({"long": True}, ConfigError, "key_columns"),
        ({"background": pd.DataFrame(columns=NAMES, dtype=float)}, ConfigError, "no rows"),
        ({"method": "linear_shap"}, ConfigError, "linear_shap is not suitable"),
    ],
)
def test_what_cannot_be_explained_is_refused(changed, error, said):
    frame, target = make()
    model = RandomForestClassifier(3, max_depth=3, random_state=0).fit(frame, target)
    asked = {"features": NAMES, "background": frame[:10], **changed}
    with pytest.raises(error, match=said):
        explain(frame[:3], model, **asked)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Model(str, output="logit"), "unknown output 'logit'"),
        (lambda: Model(str, classes="no"), "must list the names of the classes"),
        (lambda: Background(rows=0), "at least 1; found 0"),
        (lambda: ValueSampling(max_evals=0), "max_evals must be above 0"),
        (lambda: ValueSampling(max_evals=50, target_error=0.1), "not both"),
        (lambda: ValueSampling(target_error=-1.0), "target_error must be above 0"),
    ],
)
def test_options_are_checked_when_they_are_made(make, said):
    with pytest.raises(OptionError, match=said):
        make()


def test_a_background_beyond_the_limit_is_refused_with_advice():
    names = [f"f{i}" for i in range(12)]
    background = pd.DataFrame(np.zeros((20_000, 12)), columns=names)

    def predict(frame: pd.DataFrame) -> np.ndarray:
        return frame.f0.to_numpy() * 2

    said = r"4,096 coalitions over 20,000 background rows are 81,920,000 .*sample\(1000"
    for options in ({}, {"method": "exact_shap"}):
        with pytest.raises(ConfigError, match=said):
            explain(background[:1], predict, features=names, background=background, **options)
    with pytest.raises(ConfigError, match="at most 10,000,000"):
        explain(
            background[:1],
            predict,
            features=names,
            background=background,
            sampling=ValueSampling(max_evals=501),
        )


def test_names_of_added_columns_that_meet_are_refused():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(9, 2)), columns=["b_c", "c"])

    def predict(given: pd.DataFrame) -> np.ndarray:
        return np.column_stack([given.c, given.b_c, given.b_c])

    asked = {"features": ["b_c", "c"], "background": frame}
    model = Model(predict, classes=["a", "a_b", "z"])
    with pytest.raises(ConfigError, match="'shap_a_b_c': .*'b_c' of class 'a'.*'c' of class 'a_b'"):
        explain(frame, model, **asked)
    rows = frame.assign(id=range(9))
    assert len(explain(rows, model, key_columns=["id"], long=True, **asked)) == 54
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(9, 8)), columns=list("abcdefgh"))
    wide = wide.rename(columns={"a": "income", "b": "error_income"})
    asked = {"features": list(wide), "background": wide}
    with pytest.raises(ConfigError, match="the value of feature 'error_income', and the error of"):
        explain(wide, lambda given: given.c.to_numpy(), method="kernel_shap", **asked)
    assert len(explain(wide, lambda given: given.c.to_numpy(), **asked)) == 9


def test_labels_and_scores_of_pairs_are_refused():
    frame, _ = make(3)
    asked = {"features": NAMES, "background": frame[:10]}
    with pytest.raises(ConfigError, match="labels, not numbers"):
        explain(frame[:3], lambda given: np.array(["low"] * len(given)), **asked)
    machine = SVC(decision_function_shape="ovo").fit(frame, pd.qcut(frame.f0, 4, labels=False))
    with pytest.raises(ConfigError, match="no probabilities"):
        explain(frame[:3], machine, **asked)
    with pytest.raises(ConfigError, match="raw scores per row for 4 outputs"):
        explain(frame[:3], Model(machine, output="raw"), **asked)


def test_the_guide_says_what_the_code_does():
    guide = (Path(__file__).resolve().parents[2] / "docs" / "explain.md").read_text()
    names: dict = {}
    exec(re.findall(r"```python\n(.*?)```", guide, re.DOTALL)[0], names)
    assert names["plan"].method == "tree_shap"
    guide = " ".join(guide.split())
    assert f"`Background(rows=...)` ({Background().rows})" in guide
    assert f"default: {EVALS_PER_FEATURE} per feature" in guide
    assert f"at most {DESIGNS} independent designs" in guide
    assert f"up to {MOST_FEATURES} features" in guide
    assert f"at most {MOST_NODES:,} nodes" in guide
    assert f"at most {MOST_BITS} features on a path" in guide
    assert f"{MOST_CELLS:,} numbers" in guide


def test_columns_of_the_frame_are_not_replaced():
    frame, target = make()
    model = Ridge().fit(frame, target)
    rows = frame[:3].assign(prediction=1.0)
    with pytest.raises(ConfigError, match="already has columns 'prediction'"):
        explain(rows, model, features=NAMES, background=frame[:10])
    kept = explain(rows, model, features=NAMES, background=frame[:10], key_columns=["f0"])
    assert list(kept.columns)[:2] == ["f0", "prediction"]


@pytest.mark.parametrize("name", engine_params(["local", "dask", "spark", "connect"]))
def test_a_model_is_loaded_at_most_once_per_process(name, request, tmp_path):
    cluster_case = make_case(name, request)
    frame, _ = make()
    rows = pa.Table.from_pandas(frame[["f0", "f1"]][:40], preserve_index=False)
    given = cluster_case.make(rows, 4)
    model = NotesLoads(str(tmp_path))
    for seed in (0, 1):
        found = explain(
            given, model, features=["f0", "f1"], background=frame[:5], random_state=seed
        )
        assert cluster_case.engine.collect(found).num_rows == 40
    notes = [Path(note).read_text().count("loaded") for note in tmp_path.iterdir()]
    assert notes
    assert max(notes) == 1


def test_a_model_is_given_the_same_dtypes_whatever_holds_the_frame():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a b": rng.normal(size=60).round(2), "c.d": rng.integers(0, 9, 60)})
    model = LGBMClassifier(n_estimators=3, verbose=-1).fit(frame, frame["a b"] > 0)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    money = pa.array([Decimal(f"{value:.2f}") for value in frame["a b"]], pa.decimal128(12, 2))
    table = table.set_column(0, "a b", money)
    asked = {"features": list(frame), "background": Background(rows=20)}
    expected = model.predict(frame, raw_score=True)
    as_objects = table.to_pandas()
    for held in (table, as_objects, frame.convert_dtypes(dtype_backend="pyarrow")):
        found = explain(held, Model(model, output="raw"), **asked)
        found = found.to_pandas() if isinstance(found, pa.Table) else found
        np.testing.assert_allclose(found.prediction, expected, atol=1e-12)
        assert set(found.explained_by) == {"tree_shap"}
