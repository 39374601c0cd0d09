"""The fairness job: the same tables on every engine, gates, repetition, and no row anywhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, equalized_odds_difference, selection_rate

from rai_scale.jobs.manifest import MANIFEST
from tests.conftest import engine_params, full
from tests.jobs.small_lake import cli, file_leaks, leaks, shell, shown, state, write_config

CODES = ("canary-one@example.org", "canary-two@example.org")


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Path:
    """Two tables: predictions with a personal column, and another one."""
    folder = tmp_path_factory.mktemp("fair") / "lake"
    folder.mkdir()
    rng = np.random.default_rng(3)
    n = 600
    frame = pd.DataFrame(
        {
            "person": [CODES[i % 2] for i in range(n)],
            "sex": rng.choice(["F", "M"], n),
            "race": rng.choice(["A", "B", "C"], n, p=[0.6, 0.3, 0.1]),
            "y": rng.integers(0, 2, n),
        }
    )
    signal = frame["y"] + rng.normal(0, 0.7, n) + 0.6 * (frame["sex"] == "M")
    frame["score"] = np.round(1 / (1 + np.exp(-signal)), 2)
    frame["p"] = (signal > 0.8).astype(int)
    frame.to_parquet(folder / "decisions.parquet")
    frame.head(3).to_parquet(folder / "other.parquet")
    return folder


def config(lake: Path, folder: Path, **changes: object) -> str:
    base = {"source": str(lake), "table": "decisions", "output": str(folder / "out")}
    base |= {"y_true": "y", "y_pred": "p", "score": "score", "bootstrap": {"n_boot": 100}}
    base |= {"sensitive_features": ["race", "sex"]}
    base["metrics"] = ["selection_rate", "true_positive_rate", "roc_auc_score"]
    return write_config(folder / "fairness.yaml", {**base, **changes})


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    return {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}


@pytest.fixture(scope="module")
def done(lake, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, cli("fairness", config(lake, folder), "--log-json")


def test_what_it_writes(lake, done):
    folder, ran = done
    assert ran.code == 0, ran.text
    assert "600 rows in 6 groups" in ran.out
    found = tables(folder / "out")
    expected = {"by_group", "overall", "disparities", "reference", "four_fifths", "flags"}
    assert set(found) == expected | {"smallest_gaps", "worst_groups"}
    frame = pd.read_parquet(lake / "decisions.parquet")
    alone = MetricFrame(
        metrics=selection_rate,
        y_true=frame["y"],
        y_pred=frame["p"],
        sensitive_features=frame[["race", "sex"]],
    )
    by_group = found["by_group"].query("metric == 'selection_rate'")
    assert list(by_group["value"]) == list(alone.by_group)
    gaps = found["disparities"].set_index("disparity")["value"]
    assert gaps["equalized_odds_difference"] == equalized_odds_difference(
        frame["y"], frame["p"], sensitive_features=frame[["race", "sex"]]
    )
    manifest = json.loads((folder / "out" / MANIFEST).read_text())
    assert manifest["job"] == "fairness"
    assert manifest["rows"]["in"] == 600
    assert shown(manifest["outputs"]) == shown(path.name for path in (folder / "out").iterdir())
    assert [entry["table"] for entry in manifest["inputs"]] == ["decisions"]


def test_no_row_stands_in_any_output(lake, done):
    folder, ran = done
    assert set(file_leaks(lake, list(CODES))) == {"decisions.parquet", "other.parquet"}
    assert file_leaks(folder, list(CODES)) == {}
    assert leaks(ran.text, list(CODES)) == 0
    assert "measured decisions: ok" in ran.err


def test_a_finished_run_changes_nothing(lake, done):
    folder, _ = done
    before = state(folder / "out")
    again = cli("fairness", folder / "fairness.yaml")
    assert (again.code, "already done" in again.out) == (0, True)
    assert state(folder / "out") == before


@pytest.mark.parametrize("name", [full("dask"), *engine_params(["spark"])])
def test_the_same_tables_on_every_engine(name, request, done, tmp_path):
    folder, _ = done
    sets = ["--engine", name, "--set", f"output={tmp_path / 'out'}"]
    if name == "spark":
        request.getfixturevalue("spark_session")
        ran = cli("fairness", folder / "fairness.yaml", *sets)
    else:
        ran = shell("fairness", folder / "fairness.yaml", *sets)
    assert ran.code == 0, ran.text
    expected, found = tables(folder / "out"), tables(tmp_path / "out")
    assert set(found) == set(expected)
    for key, table in expected.items():
        pd.testing.assert_frame_equal(found[key], table, check_exact=True, obj=key)


@pytest.fixture(scope="module")
def words(lake, tmp_path_factory) -> Path:
    """The predictions with words for labels."""
    folder = tmp_path_factory.mktemp("words")
    frame = pd.read_parquet(lake / "decisions.parquet")
    told = {name: frame[name].map({1: "yes", 0: "no"}) for name in ("y", "p")}
    frame.assign(**told).to_parquet(folder / "decisions.parquet")
    return folder


def test_a_positive_label_gives_the_tables_of_0_and_1(words, done, tmp_path):
    folder, _ = done
    ran = cli("fairness", config(words, tmp_path, pos_label="yes"))
    assert ran.code == 0, ran.text
    expected, found = tables(folder / "out"), tables(tmp_path / "out")
    assert set(found) == set(expected)
    for key, table in expected.items():
        pd.testing.assert_frame_equal(found[key], table, check_exact=True, obj=key)
    settings = json.loads((tmp_path / "out" / "fairness.json").read_text())["settings"]
    assert settings["pos_label"] == "yes"
    page = (tmp_path / "out" / "report.html").read_text()
    assert "yes (all others count as negative)" in page


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (None, "name the positive label with pos_label"),
        ("ja", "pos_label='ja' is not among the labels of 'y' (string), 'p' (string)."),
        (True, "An unquoted yes or no in YAML is true or false: put it in quotes."),
    ],
)
def test_a_positive_label_that_is_not_there(words, tmp_path, label, said):
    ran = cli("fairness", config(words, tmp_path, pos_label=label))
    assert ran.code == 3, ran.text
    assert said in ran.text
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("gate", "code"),
    [
        ({"metric": "equalized_odds_difference", "above": 0.1}, 1),
        ({"metric": "equalized_odds_difference", "above": 0.9}, 0),
        ({"metric": "demographic_parity_difference", "above": 0.3, "judged_by": "lower_bound"}, 0),
        ({"metric": "demographic_parity_difference", "above": 0.3, "judged_by": "upper_bound"}, 1),
        ({"metric": "demographic_parity_ratio", "below": 0.9}, 1),
        ({"metric": "roc_auc_score_group_min", "below": 0.5}, 0),
        ({"metric": "roc_auc_score_group_min", "below": 0.99}, 1),
    ],
)
def test_gates(lake, tmp_path, gate, code):
    path = config(lake, tmp_path, gates=[gate], sensitive_features=["sex"])
    ran = cli("fairness", path)
    assert ran.code == code, ran.text
    found = json.loads((tmp_path / "out" / "fairness.json").read_text())
    assert [g["passed"] for g in found["gates"]] == [code == 0]
    assert (f"{gate['metric']}: " in ran.out) == (code == 1)
    assert cli("fairness", path).code == code  # a repeated run ends as it did
    page = (tmp_path / "out" / "report.html").read_text()
    assert ("Failed: 1 check failed" in page) == (code == 1)


WRONG = {
    "no such table": ({"table": "decision"}, "Did you mean 'decisions'?"),
    "several tables": ({"table": None}, "has 2 tables; name one"),
    "no such column": ({"y_pred": "pp"}, "columns not found: 'pp'"),
    "no such metric": ({"metrics": ["selection_rat"]}, "Did you mean 'selection_rate'?"),
    "no such disparity": ({"gates": [{"metric": "odds", "above": 1}]}, "unknown disparity"),
    "two limits": (
        {"gates": [{"metric": "selection_rate_ratio", "above": 1, "below": 0}]},
        "exactly one of above and below",
    ),
    "a bound without replicates": (
        {
            "bootstrap": None,
            "gates": [{"metric": "selection_rate_ratio", "below": 1, "judged_by": "lower_bound"}],
        },
        "needs replicates",
    ),
    "a metric of scores without scores": ({"score": None}, "is a metric of scores"),
    "an earlier run that is not there": ({"compare_with": "none.json"}, "none.json does not exist"),
    "an old key": ({"n_boot": 10}, "n_boot: is now called bootstrap.n_boot"),
    "another old key": ({"depth": 1}, "depth: is now called comparison.depth"),
    "an unknown key of a block": ({"bootstrap": {"nboot": 9}}, "Did you mean 'n_boot'?"),
    "quantiles": ({"bootstrap": {"ci_quantiles": [0.5]}}, "give confidence, not ci_quantiles"),
    "unknown key": ({"sensitive_feature": ["a"]}, "Did you mean 'sensitive_features'?"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_run(lake, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    changes, said = WRONG[case]
    ran = cli("fairness", config(lake, tmp_path, **changes))
    assert ran.code == 3, ran.text
    assert said in ran.text
    assert leaks(ran.text, list(CODES)) == 0
    assert not (tmp_path / "out").exists()


def test_drift_and_suppression(lake, done, tmp_path):
    folder, _ = done
    earlier = str(folder / "out" / "fairness.json")
    hiding = {"suppress_below": 60}
    ran = cli("fairness", config(lake, tmp_path, compare_with=earlier, comparison=hiding))
    assert ran.code == 0, ran.text
    assert "of them hidden" in ran.out
    found = tables(tmp_path / "out")
    assert set(found["drift"]["group"]) >= {"A, F", "A, M"}
    assert (found["drift"]["change"].dropna() == 0).all()
    hidden = found["by_group"].query("hidden != ''")
    assert {"C, F", "C, M"} <= set(hidden["group"])
    assert hidden[["value", "rows", "low", "high", "successes", "trials"]].isna().all(axis=None)
    assert "worst_groups" not in found  # sums of its groups would give a hidden one away
    names = set(hidden["group"])
    compared = set(found["reference"]["group"]) | set(found["reference"]["reference"])
    assert not names & compared
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Changes since the earlier run" in page
    assert "fewer than 60 rows" in page


def test_numbers_and_page_go_to_mlflow(lake, tmp_path, monkeypatch):
    pytest.importorskip("fairlearn")
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
    ran = cli("fairness", config(lake, tmp_path, mlflow=True))
    mlflow.end_run()
    assert ran.code == 0, ran.text
    client = mlflow.MlflowClient()
    run = client.search_runs([one.experiment_id for one in client.search_experiments()])[0]
    found = tables(tmp_path / "out")["overall"].set_index("metric")["value"]
    assert run.data.metrics["selection_rate_overall"] == pytest.approx(found["selection_rate"])
    page = client.download_artifacts(run.info.run_id, "report.html")
    assert Path(page).read_text() == (tmp_path / "out" / "report.html").read_text()


def test_mlflow_is_asked_for_where_it_is_not(lake, tmp_path, monkeypatch):
    pytest.importorskip("fairlearn")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    ran = cli("fairness", config(lake, tmp_path, mlflow=True))
    assert ran.code == 3
    assert "mlflow is needed and not installed" in ran.err
    assert not (tmp_path / "out" / MANIFEST).exists()
