"""The private mode of the fairness job: one release, and no exact number in anything it writes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rai_scale.jobs.manifest import MANIFEST
from rai_scale.privacy import open_ledger
from rai_scale.tables.pointer import POINTER
from tests.conftest import engine_params, full
from tests.jobs.small_lake import cli, file_leaks, leaks, shell, shown, state, write_config, written

ROWS = 7_919
NO_NOISE = 200_000.0  # noise other than 0 has a chance below 1e-300


@pytest.fixture(scope="module")
def decisions() -> pd.DataFrame:
    """Persons with one to three rows, a group that was not declared, a person without a name."""
    rng = np.random.default_rng(5)
    number = np.sort(rng.integers(0, ROWS // 2, 2 * ROWS))
    frame = pd.DataFrame({"person": [f"canary-{i:05d}@example.org" for i in number]})
    frame = frame.groupby("person").head(3).head(ROWS).reset_index(drop=True)
    frame["sex"] = rng.choice(["F", "M"], ROWS)
    frame["race"] = rng.choice(["A", "B"], ROWS, p=[0.8, 0.2])
    frame["y"] = rng.integers(0, 2, ROWS)
    frame["p"] = ((frame["y"] + rng.normal(0, 0.7, ROWS) + 0.5 * (frame["sex"] == "M")) > 0.8) * 1
    frame.loc[0, "race"] = "canary-race"
    frame.loc[1, "person"] = None
    return frame


@pytest.fixture(scope="module")
def lake(decisions, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fair") / "lake"
    (folder / "decisions").mkdir(parents=True)
    for i in range(2):
        decisions.iloc[i::2].to_parquet(folder / "decisions" / f"part-{i}.parquet", index=False)
    return folder


def new_ledger(folder: Path, epsilon: float = 10) -> None:
    opened = open_ledger(f"sqlite:///{folder / 'ledger.db'}", force_ephemeral=True)
    opened.create_scope("people", epsilon=epsilon, delta=1e-5)


GROUPS = {"race": ["A", "B", "none"], "sex": ["F", "M"]}


def config(lake: Path, folder: Path, privacy: dict | None = None, **changes: object) -> str:
    base = {"source": str(lake), "output": str(folder / "out"), "y_true": "y", "y_pred": "p"}
    base |= {"sensitive_features": ["race", "sex"], "bootstrap": {"n_boot": 100}}
    base["metrics"] = ["selection_rate", "true_positive_rate", "f1_score"]
    base["declared"] = {"groups": GROUPS, "max_rows": 2}
    asked = {"privacy_unit": "person", "epsilon": 2.0, "scope": "people", "analyst": "ann"}
    asked |= {"ledger": f"sqlite:///{folder / 'ledger.db'}", "force_ephemeral": True}
    given = {**base, **changes, "private": {**asked, **(privacy or {})}}
    return write_config(folder / "fairness.yaml", given)


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    return {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}


def spent(folder: Path) -> float:
    ledger = open_ledger(f"sqlite:///{folder / 'ledger.db'}", force_ephemeral=True)
    rows = ledger.budget("people").query("measure == 'epsilon' and limit == 'hard cap'")
    return float(rows["spent"].iloc[0])


def bounded(decisions: pd.DataFrame, most: int) -> pd.DataFrame:
    """All rows of persons with no more than ``most`` declared ones."""
    known = decisions[decisions["race"].isin(["A", "B"])].dropna(subset="person")
    return known[known.groupby("person")["person"].transform("size") <= most]


@pytest.fixture(scope="module")
def done(lake, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    new_ledger(folder)
    gates = [{"metric": "demographic_parity_difference", "above": 0.9, "judged_by": "upper_bound"}]
    return folder, cli("fairness", config(lake, folder, gates=gates), "--log-json")


def test_what_it_writes_and_what_that_costs(done):
    folder, ran = done
    assert ran.code == 0, ran.text
    assert "of 24 values are usable, 1 of 1 gates passed" in ran.out
    assert spent(folder) == 2
    found = tables(folder / "out")
    assert set(found) == {"by_group", "overall", "disparities", "flags"}
    by_group = found["by_group"].set_index(["group", "metric"])
    none = by_group.loc[["none, F", "none, M"]]
    assert none[["value", "low", "high", "trials"]].isna().all(axis=None)
    assert none["flags"].str.contains("mostly noise").all()
    known = by_group[~by_group.index.get_level_values("group").str.startswith("none")]
    assert (known["low"] < known["value"]).all()
    assert (known["value"] < known["high"]).all()
    gaps = found["disparities"].set_index("disparity")
    rates = known["value"].xs("selection_rate", level="metric")
    gap = gaps.loc["demographic_parity_difference"]
    assert gap["value"] == pytest.approx(rates.max() - rates.min())
    assert 0 < gap["low"] < gap["value"] < gap["high"]
    odds = gaps.loc[["true_positive_rate_difference", "false_positive_rate_difference"]]
    assert gaps.loc["equalized_odds_difference", "value"] == odds["value"].max()
    assert gaps.loc["equalized_odds_difference", "low"] <= odds["low"].max()
    manifest = json.loads((folder / "out" / MANIFEST).read_text())
    assert shown(manifest["outputs"]) == shown(path.name for path in (folder / "out").iterdir())
    assert (manifest["epsilon"], manifest["dataset"]) == (2.0, "decisions")


def said_exactly(text: str, numbers: set[int]) -> list[int]:
    found = re.findall(r"(?<![\w.])\d+(?![\w.]*\w)", text.replace(",", ""))
    return sorted(numbers & set(map(int, found)))


def test_nothing_exact_and_nobody_in_any_output(lake, decisions, done):
    folder, ran = done
    names = [*decisions["person"].dropna().unique(), "canary-race"]
    assert len(file_leaks(lake, names)) == 2
    assert file_leaks(folder / "out", names) == {}
    assert leaks(ran.text, names) == 0
    # all rows, persons, and rows of each group are released nowhere
    exact = {ROWS, decisions["person"].nunique(), *decisions["race"].value_counts()}
    exact |= set(decisions["sex"].value_counts()) | set(decisions["y"].value_counts())
    exact |= {decisions.groupby(["race", "sex"]).size().max()}
    said = {path.name: path.read_text() for path in (folder / "out").glob("*.[jh]*")}
    said["text"] = ran.text
    assert set(said) == {"report.html", "fairness.json", MANIFEST, POINTER, "text"}
    exact = {number for number in exact if number > 999}
    assert said_exactly(f"{ROWS:,} rows", exact) == [ROWS]
    for name, text in said.items():
        assert said_exactly(text, exact) == [], name
    for column in ("rows", "trials"):
        values = set(tables(folder / "out")["by_group"][column].dropna().astype(int))
        assert not values & exact
    manifest = json.loads(said[MANIFEST])
    assert not {"rows", "seconds", "started", "details"} & set(manifest)
    run = json.loads(said["fairness.json"])["run"]
    assert not {"seconds", "started"} & set(run)
    assert "Started" not in said["report.html"]
    assert "no rows." not in said["report.html"]  # of a group: nobody knows
    assert "none, F" in said["report.html"]
    assert (
        "one release of noisy counts: epsilon 2, at most 2 rows per person" in said["report.html"]
    )


def test_a_finished_run_changes_nothing_and_an_empty_folder_costs_nothing(done):
    folder, _ = done
    before = state(folder / "out")
    again = cli("fairness", folder / "fairness.yaml")
    assert (again.code, "already done" in again.out) == (0, True)
    assert state(folder / "out") == before
    kept = written(folder / "out")
    shutil.rmtree(folder / "out")
    assert cli("fairness", folder / "fairness.yaml").code == 0
    assert written(folder / "out") == kept
    assert spent(folder) == 2


def test_another_state_of_the_table_is_another_release(decisions, tmp_path):
    folder = tmp_path / "decisions"
    folder.mkdir()
    new_ledger(tmp_path)
    decisions.to_parquet(folder / "part-0.parquet")
    path = config(folder, tmp_path)
    for cost in (2, 4):
        assert cli("fairness", path).code == 0
        assert spent(tmp_path) == cost
        decisions.head(100).to_parquet(folder / "part-1.parquet")


@pytest.mark.parametrize("name", ["local", full("dask"), *engine_params(["spark"])])
def test_every_engine_counts_the_same(name, request, lake, decisions, tmp_path):
    """With an epsilon at which the noise is 0, and no person over the limit, counts are exact."""
    new_ledger(tmp_path, NO_NOISE)
    run = shell if name == "dask" else cli
    if name == "spark":
        request.getfixturevalue("spark_session")
    path = config(lake, tmp_path, {"epsilon": NO_NOISE}, declared={"groups": GROUPS, "max_rows": 3})
    ran = run("fairness", path, "--engine", name)
    assert ran.code == 0, ran.text
    found = tables(tmp_path / "out")["by_group"].query("metric == 'selection_rate' and rows > 0")
    wanted = bounded(decisions, 3).groupby(["race", "sex"])["p"].agg(["size", "mean"])
    assert list(found["rows"]) == list(wanted["size"])
    assert list(found["value"]) == pytest.approx(list(wanted["mean"]), abs=1e-12)


def test_a_gate_that_fails_and_a_budget_that_is_too_small(lake, tmp_path):
    new_ledger(tmp_path, 3)
    gates = [{"metric": "demographic_parity_difference", "above": 0.01}]
    path = config(lake, tmp_path, gates=gates)
    for _ in range(2):  # the second run finds the first one's manifest
        assert cli("fairness", path).code == 1
    assert spent(tmp_path) == 2
    before = state(tmp_path / "out")
    ran = cli("fairness", config(lake, tmp_path, {"analyst": "bob"}))
    assert ran.code == 1
    assert "No data were read" in ran.out
    assert state(tmp_path / "out") == before


WRONG = {
    "a score": ({"score": "p"}, {}, "score cannot be used with private"),
    "a metric of scores": ({"metrics": ["roc_auc_score"]}, {}, "has no private form"),
    "a comparison": ({"compare_with": "x.json"}, {}, "compare_with cannot be used"),
    "a person": (
        {"bootstrap": {"person": "y"}},
        {},
        "bootstrap.person cannot be used with private",
    ),
    "a search": ({"comparison": {"depth": 1}}, {}, "comparison.depth cannot be used with private"),
    "groups not declared": (
        {"declared": {"groups": {"sex": ["F", "M"]}}},
        {},
        "list all values of 'race'",
    ),
    "nothing declared": ({"declared": None}, {}, "private and declared"),
    "no unit": ({}, {"privacy_unit": None}, "private.privacy_unit is missing"),
    "an old key": ({}, {"groups": {}}, "private.groups: is now called declared.groups"),
    "another positive label": ({"pos_label": "yes"}, {}, "not one of declared.labels"),
    "both budgets": ({}, {"rho": 1.0}, "exactly one of epsilon and rho"),
    "no such unit": ({}, {"privacy_unit": "persn"}, "Did you mean 'person'"),
    "no such scope": ({}, {"scope": "peopl"}, "Did you mean 'people'?"),
    "a password": ({}, {"ledger": "postgresql://ann:hunter2hunter2@h/d"}, "must be a reference"),
    "an unknown key": ({}, {"epsilonn": 1}, "Did you mean 'epsilon'?"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_run(lake, tmp_path, case):
    new_ledger(tmp_path)
    changes, privacy, said = WRONG[case]
    ran = cli("fairness", config(lake, tmp_path, privacy, **changes))
    assert ran.code == 3, ran.text
    assert said in ran.text
    assert "hunter2" not in ran.text
    assert spent(tmp_path) == 0
    assert not (tmp_path / "out").exists()
