"""The job that trains an EBM: its model is interpret's, and its page tells no row."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from rai_scale.engines import engine_named
from rai_scale.glassbox.ebm import SHARD_SEED
from rai_scale.glassbox.shards import BUCKETS, Buckets
from rai_scale.jobs.glassbox.config import EBMJob
from rai_scale.jobs.glassbox.run import HOLDOUT_SEED, _split
from rai_scale.jobs.manifest import MANIFEST
from rai_scale.privacy import open_ledger
from rai_scale.statistics.keyed_hash import key_uniforms
from tests.conftest import engine_params
from tests.jobs.small_lake import cli, leaks, shown, state, write_config

FEATURES = ["age", "income", "job"]
ROWS = 1200
CODES = [f"canary-{number:04d}@example.org" for number in range(ROWS)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ebm") / "lake"
    folder.mkdir()
    rng = np.random.default_rng(11)
    frame = pd.DataFrame({"person": CODES, "sex": rng.choice(["F", "M"], ROWS)})
    frame["age"] = rng.integers(18, 80, ROWS)
    frame["income"] = rng.lognormal(10, 0.5, ROWS).round(2)
    frame["job"] = rng.choice(["clerk", "nurse", None], ROWS)
    signal = np.tanh((frame["age"] - 45) / 15) + (frame["job"] == "nurse")
    frame["y"] = (signal + 0.5 * rng.normal(size=ROWS) > 0.5).astype(int)
    frame["hours"] = 40 + 5 * signal + rng.normal(size=ROWS)
    frame.to_parquet(folder / "people.parquet")
    return folder


def config(lake: Path, folder: Path, **changes: object) -> str:
    base = {"source": str(lake), "output": str(folder / "out"), "features": FEATURES}
    base |= {"y_true": "y", "key_columns": ["person"], "sensitive_features": ["sex"]}
    base |= {"ebm_params": {"max_rounds": 60, "outer_bags": 2}}
    base |= {"shards": {"count": 2, "min_rows": 200}}
    return write_config(folder / "ebm.yaml", {**base, **changes})


@pytest.fixture(scope="module")
def done(lake, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, cli("train-ebm", config(lake, folder), "--log-json")


def read_model(folder: Path):
    return pickle.loads((folder / "out" / "model.pkl").read_bytes())


def test_the_model_is_measured_on_rows_that_it_has_not_seen(lake, done):
    folder, ran = done
    assert ran.code == 0, ran.text
    frame = pd.read_parquet(lake / "people.parquet")
    held = key_uniforms(pa.table({"person": CODES}), HOLDOUT_SEED) < 0.2
    assert 180 < held.sum() < 300
    assert f"{ROWS - held.sum():,} rows" in ran.out
    model = read_model(folder)
    found = pd.read_parquet(folder / "out" / "performance.parquet").query("metric == 'auc'")
    found = found.set_index("group")["value"]
    for group, rows in (("", held), ("F", held & (frame["sex"] == "F").to_numpy())):
        score = model.predict_proba(frame.loc[rows, FEATURES])[:, 1]
        assert found[group] == pytest.approx(roc_auc_score(frame.loc[rows, "y"], score), abs=1e-9)
    assert found[""] > 0.85


def test_tables_shapes_and_manifest(done):
    folder, _ = done
    out, model = folder / "out", read_model(folder)
    importance = pd.read_parquet(out / "importance.parquet").set_index("term")["value"]
    alone = dict(zip(model.term_names_, model.term_importances(), strict=True))
    assert dict(importance) == alone
    shapes = pd.read_parquet(out / "shapes.parquet").query("term == 'job'").set_index("bin")
    data = model.explain_global().data(model.term_names_.index("job"))
    assert dict(shapes["value"]) == dict(zip(data["names"], data["scores"], strict=True))
    manifest = json.loads((out / MANIFEST).read_text())
    assert manifest["job"] == "train-ebm"
    assert shown(manifest["outputs"]) == shown(path.name for path in out.iterdir())
    assert "interpret-core" in manifest["versions"]
    report = json.loads((out / "ebm.json").read_text())
    assert report["summary"]["shards"] == 2
    assert {curve["group"] for curve in report["curves"]} == {"", "F", "M"}


def test_no_row_stands_in_report_or_log(lake, done):
    folder, ran = done
    frame = pd.read_parquet(lake / "people.parquet")
    extremes = [f"{v:.2f}" for v in (frame["income"].min(), frame["income"].max())]
    for name in ("report.html", "ebm.json", MANIFEST):
        assert leaks((folder / "out" / name).read_text(), [*CODES, *extremes]) == 0
    assert leaks(ran.text, CODES) == 0


def test_a_finished_run_changes_nothing(done):
    folder, _ = done
    before = state(folder / "out")
    again = cli("train-ebm", folder / "ebm.yaml")
    assert (again.code, "already done" in again.out) == (0, True)
    assert state(folder / "out") == before


@pytest.mark.parametrize("name", engine_params(["spark"]))
def test_the_same_model_on_spark(name, request, done, tmp_path):
    request.getfixturevalue("spark_session")
    folder, _ = done
    sets = ["--engine", name, "--set", f"output={tmp_path / 'out'}"]
    ran = cli("train-ebm", folder / "ebm.yaml", *sets)
    assert ran.code == 0, ran.text
    for table in ("importance", "shapes", "performance"):
        found, expected = (
            pd.read_parquet(each / "out" / f"{table}.parquet") for each in (tmp_path, folder)
        )
        pd.testing.assert_frame_equal(found, expected, rtol=1e-6, obj=table)


def test_a_regression_without_rows_held_out(lake, tmp_path):
    asked = {"y_true": "hours", "holdout": 0, "interactions": 0, "shards": 1}
    ran = cli("train-ebm", config(lake, tmp_path, **asked))
    assert ran.code == 0, ran.text
    found = pd.read_parquet(tmp_path / "out" / "performance.parquet")
    assert set(found["metric"]) == {"rmse", "mae", "r2"}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "on the rows that it was trained on" in page
    assert "the unit of hours" in page


def test_the_trained_model_can_be_explained(lake, done, tmp_path):
    folder, _ = done
    values = {"source": str(lake), "output": str(tmp_path / "out"), "features": FEATURES}
    values |= {
        "model": {"path": str(folder / "out" / "model.pkl"), "trusted": True},
        "key_columns": ["person"],
    }
    values |= {"background": {"rows": 10}}
    ran = cli("explain", write_config(tmp_path / "explain.yaml", values))
    assert ran.code == 0, ran.text
    assert "1,200 rows explained by exact_shap; most important: age, job, income" in ran.out


def simple(lake: Path, folder: Path, **changes: object) -> str:
    base = {"source": str(lake), "output": str(folder / "out"), "features": FEATURES}
    base |= {"y_true": "y", "key_columns": ["person"], "sensitive_features": ["sex"]}
    return write_config(folder / "ebm.yaml", {**base, **changes})


def test_a_linear_model_is_measured_as_scikit_learn_does(lake, tmp_path):
    ran = cli("train-ebm", simple(lake, tmp_path, model="linear"))
    assert ran.code == 0, ran.text
    frame = pd.read_parquet(lake / "people.parquet")
    held = key_uniforms(pa.table({"person": CODES}), HOLDOUT_SEED) < 0.2
    rows = frame[held].assign(job=frame.job.fillna("missing"))
    model = read_model(tmp_path)
    found = pd.read_parquet(tmp_path / "out" / "performance.parquet").set_index(["metric", "group"])
    auc = roc_auc_score(rows["y"], model.predict_proba(rows[FEATURES])[:, 1])
    assert found.loc[("auc", ""), "value"] == pytest.approx(auc, abs=1e-9)
    assert set(found.loc["auc"].index) == {"", "F", "M"}
    table = pd.read_parquet(tmp_path / "out" / "importance.parquet").set_index("term")
    assert table.loc["age", "coefficient"] == pytest.approx(model[-1].coef_[0, 0])
    page = (tmp_path / "out" / "report.html").read_text()
    assert "A linear model of 5 terms predicts" in page
    assert "#shapes" not in page


def test_a_tree_says_its_rules(lake, tmp_path):
    asked = {"model": "tree", "y_true": "hours", "holdout": 0}
    ran = cli("train-ebm", simple(lake, tmp_path, **asked))
    assert ran.code == 0, ran.text
    found = pd.read_parquet(tmp_path / "out" / "performance.parquet")
    assert set(found["metric"]) == {"rmse", "mae", "r2"}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "|--- age &lt;=" in page
    assert leaks(page, CODES) == 0


def test_a_piecewise_linear_model(lake, tmp_path):
    pytest.importorskip("aplr")
    asked = {"model": "aplr", "sensitive_features": []}
    ran = cli("train-ebm", simple(lake, tmp_path, **asked))
    assert ran.code == 0, ran.text
    found = pd.read_parquet(tmp_path / "out" / "performance.parquet").query("metric == 'auc'")
    assert found["value"].iloc[0] > 0.85
    terms = pd.read_parquet(tmp_path / "out" / "importance.parquet")["term"]
    assert {"age", "job_nurse"} <= set(terms)


@pytest.fixture(scope="module")
def private(lake, tmp_path_factory):
    """A ledger of epsilon 3, and a run that takes 2 of it."""
    folder = tmp_path_factory.mktemp("private")
    ledger = f"sqlite:///{folder / 'ledger.db'}"
    made = [
        "create-scope",
        "people",
        "--epsilon",
        "3",
        "--delta",
        "1e-4",
        "--neighbours",
        "replace",
    ]
    assert cli("budget", *made, "--ledger", ledger, "--force-ephemeral").code == 0
    privacy = {"privacy_unit": "person", "epsilon": 2.0, "delta": 1e-5}
    privacy |= {"ledger": ledger, "force_ephemeral": True, "scope": "people", "analyst": "ann"}
    base = {"source": str(lake), "output": str(folder / "out"), "features": ["age", "job"]}
    base |= {"y_true": "y", "ebm_params": {"max_rounds": 20}, "private": privacy, "classes": [0, 1]}
    base["privacy_bounds"] = {"age": [18, 90], "job": ["clerk", "nurse"]}
    path = write_config(folder / "ebm.yaml", base)
    return folder, base, cli("train-ebm", path, "--log-json")


def spent(base: dict) -> int:
    history = open_ledger(base["private"]["ledger"], force_ephemeral=True).history("people")
    return int((history["kind"] == "reserved").sum())


def test_a_private_model_is_charged_once_and_tells_no_count(lake, private, tmp_path):
    folder, base, ran = private
    assert ran.code == 0, ran.text
    assert "a private EBM of 2 terms; epsilon 2.0" in ran.out
    model, frame = read_model(folder), pd.read_parquet(lake / "people.parquet")
    assert roc_auc_score(frame["y"], model.predict_proba(frame[["age", "job"]])[:, 1]) > 0.7
    out = folder / "out"
    manifest = json.loads((out / MANIFEST).read_text())
    assert shown(manifest["outputs"]) == shown(path.name for path in out.iterdir())
    assert not {"rows", "seconds", "started", "details"} & set(manifest)
    for text in (*(p.read_text() for p in out.glob("*.[jh]*")), ran.text):
        assert leaks(text, [*CODES, "1,200", '"seconds"', "Started"]) == 0
        assert not re.search(r"(?<![\d.])1200(?!\d)", text)  # within a random number it is chance
    assert "epsilon 2, delta 1e-05, per person" in (out / "report.html").read_text()
    before = state(out)
    assert "nothing was charged" in cli("train-ebm", folder / "ebm.yaml").out
    assert state(out) == before
    other = write_config(tmp_path / "ebm.yaml", {**base, "output": str(tmp_path / "out")})
    assert cli("train-ebm", other).code == 0  # the same release, shown again
    assert spent(base) == 1
    shapes = [pd.read_parquet(place / "shapes.parquet") for place in (out, tmp_path / "out")]
    pd.testing.assert_frame_equal(*shapes)


def test_a_private_model_beyond_the_budget_or_without_bounds(private, tmp_path):
    _, base, _ = private
    changed = {**base, "output": str(tmp_path / "out")}
    path = write_config(tmp_path / "more.yaml", {**changed, "ebm_params": {"max_rounds": 21}})
    ran = cli("train-ebm", path)
    assert (ran.code, "over the budget of scope 'people'" in ran.text) == (1, True), ran.text
    changed["privacy_bounds"] = {"age": [18, 90]}
    ran = cli("train-ebm", write_config(tmp_path / "b.yaml", changed))
    assert (ran.code, "lacks 'job'" in ran.err) == (3, True)
    assert spent(base) == 1
    assert not (tmp_path / "out").exists()


PRIVATE = {"privacy_unit": "person", "epsilon": 1, "delta": 0.1}
PRIVATE |= {"ledger": "none", "scope": "s", "analyst": "a"}
PUBLIC = {"privacy_bounds": {"age": [18, 90]}, "classes": [0, 1]}
WRONG = {
    "an option of EBMs": ({"model": "tree"}, "model: tree does not take shards"),
    "private and held out": ({"private": PRIVATE, **PUBLIC}, "a private EBM does not take shards"),
    "private without bounds": ({"private": PRIVATE}, "needs privacy_bounds and classes"),
    "private regression": ({"private": PRIVATE, **PUBLIC, "task": "regression"}, "two classes"),
    "private by rho": (
        {"private": {**PRIVATE, "epsilon": None, "rho": 0.1}, **PUBLIC}, "private.epsilon",
    ),
    "an old key": (
        {"private": {**PRIVATE, "bounds": {}}}, "private.bounds: is now called privacy_bounds",
    ),
    "bounds without private": (PUBLIC, "a model without private does not take privacy_bounds"),
    "no such feature": ({"features": ["age", "incme"]}, "Did you mean 'income'?"),
    "no such target": ({"y_true": "yy"}, "columns not found: 'yy'"),
    "the target is a feature": ({"features": ["age", "y"]}, "cannot be features"),
    "too many classes": ({"y_true": "person", "task": "classification"}, "more than 100 classes"),
    "no such group": ({"sensitive_features": ["sexx"]}, "Did you mean 'sex'?"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused(case, lake, tmp_path):
    changes, said = WRONG[case]
    ran = cli("train-ebm", config(lake, tmp_path, **changes))
    assert ran.code == 3, ran.text
    assert said in ran.err
    assert not (tmp_path / "out").exists()
    assert leaks(ran.text, CODES) == 0


def test_held_out_rows_are_drawn_independently_of_shards():
    rows = pa.table({"a": np.arange(40_000), "y": np.arange(40_000) % 2})
    asked = {"source": "x", "output": "o", "features": ["a"], "y_true": "y", "holdout": 0.6}
    engine = engine_named("local")
    train, _ = _split(EBMJob.model_validate(asked), engine, rows)
    of = Buckets(("a", "y"), SHARD_SEED).of(engine.collect(train))
    assert len(np.unique(of)) > 0.9 * BUCKETS
