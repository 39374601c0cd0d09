"""The explain job: its numbers are shap's, on every engine, and no row stands in the report."""

from __future__ import annotations

import glob
import json
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shap
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from rai_scale.engines import engine_named
from rai_scale.explanations.local.added_columns import UNEXPLAINED
from rai_scale.jobs.explain.config import ExplainJob
from rai_scale.jobs.explain.explained_table import Parts
from rai_scale.jobs.manifest import MANIFEST
from tests.conftest import engine_params
from tests.jobs.small_lake import cli, leaks, shown, state, write_config

FEATURES = ["age", "income", "hours"]
CODES = [f"canary-{number:03d}@example.org" for number in range(300)]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A table of 300 people, a table of background rows and a forest in a file."""
    folder = tmp_path_factory.mktemp("explain")
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"person": CODES, "sex": rng.choice(["F", "M"], 300)})
    frame["age"] = rng.integers(18, 80, 300).astype(float)
    frame["income"] = rng.lognormal(10, 0.5, 300).round(2)
    frame["hours"] = rng.integers(10, 60, 300).astype(float)
    frame["y"] = (frame["age"] + 10 * rng.normal(size=300) + 10 * (frame["sex"] == "M") > 50) * 1
    (folder / "lake").mkdir()
    frame.to_parquet(folder / "lake" / "people.parquet")
    (folder / "reference").mkdir()
    frame[FEATURES].head(20).to_parquet(folder / "reference" / "rows.parquet")
    forest = RandomForestClassifier(8, max_depth=5, random_state=0).fit(frame[FEATURES], frame["y"])
    joblib.dump(forest, folder / "forest.joblib")
    return folder


def trusted(path: Path) -> dict[str, object]:
    return {"path": str(path), "trusted": True}


def config(home: Path, folder: Path, **changes: object) -> str:
    base = {"source": str(home / "lake"), "output": str(folder / "out"), "features": FEATURES}
    base |= {"model": trusted(home / "forest.joblib"), "key_columns": ["person"]}
    base |= {"background": {"table": str(home / "reference")}, "sensitive_features": ["sex"]}
    return write_config(folder / "explain.yaml", {**base, **changes})


def explained(folder: Path, key: str = "person") -> pd.DataFrame:
    files = glob.glob(str(folder / "out" / "explained" / "*.parquet"))
    return pd.concat(map(pd.read_parquet, files)).sort_values(key, ignore_index=True)


@pytest.fixture(scope="module")
def done(home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    asked = {"partial_dependence": ["age"], "morris": 10, "ice_rows": 5, "grid": {"points": 6}}
    asked["permutation"] = {"y_true": "y", "scoring": "roc_auc", "repeats": 2}
    return folder, cli("explain", config(home, folder, **asked), "--log-json")


def test_the_explained_table_is_that_of_shap(home, done):
    folder, ran = done
    assert ran.code == 0, ran.text
    assert "300 rows explained by tree_shap; most important: age" in ran.out
    frame = pd.read_parquet(home / "lake" / "people.parquet").sort_values("person")
    background = frame.loc[range(20), FEATURES]
    forest = joblib.load(home / "forest.joblib")
    alone = shap.TreeExplainer(forest, background).shap_values(frame[FEATURES])[..., 1]
    found = explained(folder)
    assert list(found.columns[:2]) == ["person", "sex"]
    np.testing.assert_allclose(found[[f"shap_{n}" for n in FEATURES]], alone, atol=1e-7)
    np.testing.assert_allclose(found["prediction"], forest.predict_proba(frame[FEATURES])[:, 1])


def test_the_tables_and_the_manifest(done):
    folder, _ = done
    out, found = folder / "out", explained(folder)
    importance = pd.read_parquet(out / "importance.parquet").set_index("feature")
    by_group = pd.read_parquet(out / "importance_by_group.parquet").set_index(["feature", "group"])
    for name in FEATURES:
        size = found[f"shap_{name}"].abs()
        assert importance.loc[name, "value"] == pytest.approx(size.mean(), abs=1e-12)
        women = size[found["sex"] == "F"].mean()
        assert by_group.loc[(name, "F"), "value"] == pytest.approx(women, abs=1e-12)
    manifest = json.loads((out / MANIFEST).read_text())
    assert manifest["rows"]["in"] == 300
    assert manifest["details"]["method"]["name"] == "tree_shap"
    assert shown(manifest["outputs"]) == shown(path.name for path in out.iterdir())
    assert {entry["table"] for entry in manifest["inputs"]} == {"people", "rows"}
    assert len(manifest["versions"]["model"]) == 16
    report = json.loads((out / "explain.json").read_text())
    assert {row["feature"] for row in report["permutation"]} == set(FEATURES)
    assert {row["feature"] for row in report["sensitivity"]} == set(FEATURES)
    assert len(report["partial_dependence"][0]["lines"]) == 5


def test_no_row_stands_in_the_report_unless_it_is_asked_for(home, done, tmp_path):
    folder, ran = done
    texts = [
        (folder / "out" / name).read_text() for name in ("report.html", "explain.json", MANIFEST)
    ]
    assert [leaks(text, CODES) for text in (*texts, ran.text)] == [0, 0, 0, 0]
    report = json.loads(texts[1])
    incomes = pd.read_parquet(home / "lake" / "people.parquet")["income"]
    assert leaks(texts[1], [str(v) for v in (incomes.min(), incomes.max())]) == 0
    assert "rows" not in report
    ran = cli("explain", config(home, tmp_path, row_pages=3))
    page = (tmp_path / "out" / "report.html").read_text()
    assert leaks(page, CODES) == 3
    assert leaks(ran.text, CODES) == 0
    assert "This page shows values of 3 rows" in page
    report = json.loads((tmp_path / "out" / "explain.json").read_text())
    table = explained(tmp_path).set_index("person")
    for row in report["rows"]:
        values = {part["feature"]: part["value"] for part in row["parts"]}
        own = table.loc[row["name"].removeprefix("person ")]
        assert values["age"] == pytest.approx(own["shap_age"], abs=1e-12)
        assert row["base_value"] + sum(values.values()) == pytest.approx(row["prediction"])
        assert "the prediction by" in row["text"]


def test_a_finished_run_changes_nothing_and_another_model_is_another_run(home, done, tmp_path):
    folder, _ = done
    before = state(folder / "out")
    again = cli("explain", folder / "explain.yaml")
    assert (again.code, "already done" in again.out) == (0, True)
    assert state(folder / "out") == before
    model = tmp_path / "model.joblib"
    model.write_bytes((home / "forest.joblib").read_bytes())
    path = config(home, tmp_path, model=trusted(model))
    first = cli("explain", path)
    forest = joblib.load(model)
    forest.estimators_ = forest.estimators_[:4]
    joblib.dump(forest, model)
    second = cli("explain", path)
    assert (first.code, second.code) == (0, 0)
    assert "already done" not in second.out
    assert "already done" in cli("explain", path).out


@pytest.mark.parametrize("name", engine_params(["spark"]))
def test_the_same_on_spark(name, request, home, done, tmp_path):
    request.getfixturevalue("spark_session")
    folder, _ = done
    sets = ["--engine", name, "--set", f"output={tmp_path / 'out'}"]
    ran = cli("explain", folder / "explain.yaml", *sets)
    assert ran.code == 0, ran.text
    pd.testing.assert_frame_equal(explained(tmp_path), explained(folder), rtol=1e-12, atol=1e-12)
    for table in ("importance", "importance_by_group", "partial_dependence", "permutation"):
        found, expected = (
            pd.read_parquet(each / "out" / f"{table}.parquet") for each in (tmp_path, folder)
        )
        pd.testing.assert_frame_equal(found, expected, rtol=1e-9, obj=table)


def test_several_classes_reasons_and_all_columns_kept(home, tmp_path):
    frame = pd.read_parquet(home / "lake" / "people.parquet")
    label = pd.cut(frame["age"], [0, 35, 60, 99], labels=["young", "middle", "old"]).astype(str)
    forest = RandomForestClassifier(5, max_depth=4, random_state=0)
    joblib.dump(forest.fit(frame[FEATURES], label), tmp_path / "three.joblib")
    asked = {"model": trusted(tmp_path / "three.joblib"), "key_columns": [], "reasons": 2}
    ran = cli("explain", config(home, tmp_path, **asked, partial_dependence=["hours"]))
    assert ran.code == 0, ran.text
    found = explained(tmp_path)
    assert set(frame.columns) < set(found.columns)
    assert found["reasons_old"].str.contains("age").mean() > 0.8
    importance = pd.read_parquet(tmp_path / "out" / "importance.parquet")
    assert set(importance["class"]) == {"young", "middle", "old"}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Class middle" in page


@pytest.fixture(scope="module")
def sampled(home, tmp_path_factory):
    """A run with all that is sampled, on 60 of the people and seven features."""
    folder = tmp_path_factory.mktemp("sampled")
    (folder / "lake").mkdir()
    people = pd.read_parquet(home / "lake" / "people.parquet").head(60)
    noise = dict(zip("abcd", np.random.default_rng(1).normal(size=(4, 60)), strict=True))
    people = people.assign(**noise)
    people.to_parquet(folder / "lake" / "people.parquet")
    features = [*FEATURES, *noise]
    forest = RandomForestClassifier(4, max_depth=4, random_state=0)
    joblib.dump(forest.fit(people[features], people["y"]), folder / "forest.joblib")
    asked: dict = {"source": str(folder / "lake"), "method": "kernel_shap"}
    asked |= {"model": trusted(folder / "forest.joblib"), "features": features}
    asked |= {"sampling": {"max_evals": 40, "replicates": True}, "background": {"rows": 10}}
    asked |= {"sobol": 16, "row_pages": 2, "grid": {"points": 4}, "ice_rows": 0}
    asked |= {"partial_dependence": ["hours", ["age", "hours"]]}
    ran = cli("explain", config(home, folder, **asked))
    assert ran.code == 0, ran.text
    return folder, people[features], forest


def test_pairs_variance_and_replicates(sampled):
    folder, people, forest = sampled
    report = json.loads((folder / "out" / "explain.json").read_text())
    pair = report["dependence_pairs"][0]
    assert pair["features"] == ["age", "hours"]
    corner = people.assign(age=float(pair["left"][0]), hours=float(pair["right"][-1]))
    expected = forest.predict_proba(corner)[:, 1].mean()
    assert pair["values"][0][-1] == pytest.approx(expected, abs=1e-9)
    table = pd.read_parquet(folder / "out" / "dependence_pairs.parquet")
    assert table["mean"].tolist() == np.ravel(pair["values"]).tolist()
    assert [curve["feature"] for curve in report["partial_dependence"]] == ["hours"]
    shares = {row["feature"]: row for row in report["variance"]}
    assert shares["age"]["value"] > shares["hours"]["value"]
    assert shares["age"]["low"] <= shares["age"]["value"] <= shares["age"]["high"]
    found = explained(folder)
    copies = [found[f"shap_replicate{k}_age"] for k in range(1, 5)]
    np.testing.assert_allclose(np.mean(copies, axis=0), found["shap_age"], atol=1e-12)


def test_single_rows_stand_in_the_contents(sampled):
    folder, *_ = sampled
    page = (folder / "out" / "report.html").read_text()
    contents = page[page.index('<nav class="contents"') : page.index("</nav>")]
    assert [f'href="#row-{number}">person canary-' in contents for number in (1, 2, 3)] == [
        True,
        True,
        False,
    ]


WRONG = {
    "a pair of one": ({"partial_dependence": [["age", "age"]]}, "two different features"),
    "no power of two": ({"sobol": 100}, "a power of two"),
    "not trusted": ({"model": "a.pkl"}, "can run code when it is loaded"),
    "a background without a key": ({"background": "lake/reference"}, "{table: lake/reference}"),
    "two budgets": ({"sampling": {"max_evals": 9, "target_error": 0.1}}, "sampling: give max_evals or"),
    "no such option": ({"grid": {"pionts": 9}}, "grid.pionts: unknown key. Did you mean 'points'?"),
    "no such feature": ({"features": ["age", "incom", "hours"]}, "Did you mean 'income'?"),
    "no such method": ({"method": "tre_shap"}, "Did you mean 'tree_shap'?"),
    "no such class": ({"explain_class": 7}, "no class 7"),
    "no such model": ({"model": "none.txt"}, "there is no model file 'none.txt'"),
    "no model yet": ({"model": {"path": "none.pkl", "trusted": True}}, "`rai-scale train-ebm` writes"),
    "no such table": ({"table": "peple"}, "Did you mean 'people'?"),
    "no such scoring": ({"permutation": {"y_true": "y", "scoring": "roc_au"}}, "Did you mean 'roc_auc'?"),
    "too many groups": ({"sensitive_features": ["person"]}, "more than 200 groups"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused_before_anything_is_written(case, home, tmp_path):
    changes, said = WRONG[case]
    ran = cli("explain", config(home, tmp_path, **changes))
    assert ran.code == 3, ran.text
    assert said in ran.err
    assert not (tmp_path / "out").exists()
    assert leaks(ran.text, CODES) == 0
    if "model" in changes:
        dry = cli("explain", config(home, tmp_path, **changes), "--dry-run")
        assert (dry.code, said in dry.err) == (3, True), dry.text


def test_groups_that_are_missing_are_refused(home, tmp_path):
    frame = pd.read_parquet(home / "lake" / "people.parquet")
    frame.loc[[3, 4], "sex"] = None
    (tmp_path / "lake").mkdir()
    frame.to_parquet(tmp_path / "lake" / "people.parquet")
    ran = cli("explain", config(home, tmp_path, source=str(tmp_path / "lake")))
    assert (ran.code, "'sex' is missing in 2 rows" in ran.err) == (3, True)


def test_a_model_that_is_no_tree_is_enumerated(home, tmp_path):
    frame = pd.read_parquet(home / "lake" / "people.parquet")
    forest = RandomForestClassifier(3, max_depth=3, random_state=0)
    pipeline = make_pipeline(FunctionTransformer(np.log1p), forest)
    joblib.dump(pipeline.fit(frame[FEATURES], frame["y"]), tmp_path / "pipeline.joblib")
    asked = {"model": trusted(tmp_path / "pipeline.joblib"), "method": "exact_shap"}
    ran = cli("explain", config(home, tmp_path, **asked))
    assert ran.code == 0, ran.text
    found = explained(tmp_path)
    parts = found[[f"shap_{name}" for name in FEATURES]].sum(axis=1)
    np.testing.assert_allclose(found["base_value"] + parts, found["prediction"], atol=1e-12)
    method = json.loads((tmp_path / "out" / "explain.json").read_text())["method"]
    assert (method["name"], "all 8 coalitions" in method["why"]) == ("exact_shap", True)


def test_rows_without_explanation_are_counted_and_left_out_of_the_importance():
    config = ExplainJob.model_construct(
        importance=True, features=("a", "b"), sensitive_features=(), confidence=0.95
    )
    none = UNEXPLAINED.format("tree_shap")
    table = pa.table(
        {
            "shap_a": [1.0, -3.0, float("nan")],
            "shap_b": [0.0, 0.0, float("nan")],
            "explained_by": ["tree_shap", "tree_shap", none],
        }
    )
    planned = Parts(None, {"name": "tree_shap"}, ("shap_a", "shap_b", "explained_by"), (), {})
    found = planned.after_writing(config, engine_named("local"), table)
    assert found.rows == 3
    assert found.notes[0].startswith("1 of 3 rows have no explanation")
    assert found.tables["importance"].set_index("feature").loc["a", "value"] == 2.0
    whole = planned.after_writing(config, engine_named("local"), table.slice(0, 2))
    assert (whole.rows, whole.notes) == (2, [])
