"""The error analysis job: cohorts, drift, gates on them, and its private mode."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from rai_scale.error_analysis import compare_cohorts, error_drift
from rai_scale.errors import ConfigError
from rai_scale.jobs.config import load_config
from rai_scale.jobs.error_analysis.config import ErrorAnalysisJob
from rai_scale.privacy import open_ledger
from tests.jobs.small_lake import cli, write_config

N = 4000
LABELS = {"y_true": "y", "y_pred": "p"}


def people(seed: int, more: float = 0.0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": np.arange(N), "age": random.integers(18, 80, N)})
    frame["sex"] = random.choice(["f", "m"], N)
    rate = np.where((frame["age"] > 50) & (frame["sex"] == "m"), 0.4 + more, 0.1)
    return frame.assign(y=0, p=(random.random(N) < rate).astype(int))


@pytest.fixture
def lake(tmp_path):
    for name, frame in (("now", people(1, 0.3)), ("before", people(2))):
        (tmp_path / name).mkdir()
        frame.to_parquet(tmp_path / name / "people.parquet", index=False)
    return tmp_path


def configured(lake, **more) -> list[str]:
    base = {"source": str(lake / "now"), "output": str(lake / "out"), **LABELS}
    return ["error-analysis", write_config(lake / "job.yaml", {**base, **more})]


COHORTS = {"men": "sex = 'm'", "women": "sex = 'f'"}


def test_cohorts_and_drift_are_those_of_the_functions_and_can_fail_the_run(lake):
    gates = [
        {"metric": "worst_node", "above": 0.99},
        {"metric": "error_rate (women)", "above": 0.2},
        {"metric": "worst_change", "above": 0.2},
    ]
    features = {"features": ["age", "sex"]}
    drift = {"source": str(lake / "before")}
    ran = cli(*configured(lake, cohorts=COHORTS, drift=drift, gates=gates, **features))
    assert ran.code == 1, ran.text
    assert "worst_change: " in ran.out
    out = lake / "out"
    found = json.loads((out / "error_analysis.json").read_text())
    assert [gate["passed"] for gate in found["gates"]] == [True, True, False]
    compared = compare_cohorts(people(1, 0.3), COHORTS, **LABELS, **features)
    written = pd.read_parquet(out / "cohort_values.parquet")
    pd.testing.assert_frame_equal(written, compared.values, check_dtype=False)
    changed = error_drift(people(2), people(1, 0.3), **LABELS, **features)
    shown = ["rows_before", "rows_after", "change", "p_adjusted"]
    nodes = pd.read_parquet(out / "drift.parquet")
    pd.testing.assert_frame_equal(nodes[shown], changed.nodes[shown])
    manifest = json.loads((out / "_manifest.json").read_text())
    assert len(manifest["inputs"]) == 2
    by_group = {m["group"]: m["value"] for m in manifest["metrics"] if m["group"]}
    assert by_group["women"] == compared.values["value"][1]
    assert any(m["name"] == "psi" for m in manifest["metrics"])


def private(lake, **more):
    ledger = {"ledger": f"sqlite:///{lake / 'ledger.db'}", "force_ephemeral": True}
    unit = {"privacy_unit": "id", "scope": "people", "analyst": "ann", "epsilon": 1.0}
    return {
        "declared": {"bounds": {"age": [30, 50]}, "categories": {"sex": ["f", "m"]}},
        "private": {**ledger, **unit, "snapshot": "1"},
        "heatmaps": [{"features": ["sex"]}],
        **more,
    }


def test_the_private_mode_writes_one_release_and_is_charged_once(lake):
    ledger = open_ledger(f"sqlite:///{lake / 'ledger.db'}", force_ephemeral=True)
    ledger.create_scope("people", epsilon=1)
    command = configured(lake, **private(lake))
    assert cli(*command).code == 0
    out = lake / "out"
    nodes = pd.read_parquet(out / "nodes.parquet")
    assert {"age", "sex"} == set(nodes["feature"].dropna())
    cells = pd.read_parquet(out / "heatmap_1.parquet")
    assert cells["rows"].sum() == nodes["rows"][0]
    found = json.loads((out / "error_analysis.json").read_text())
    assert not {"started", "seconds"} & set(found["run"])
    page = (out / "report.html").read_text()
    assert "one release of noisy counts" in page
    manifest = json.loads((out / "_manifest.json").read_text())
    assert not {"rows", "metrics", "seconds", "profile"} & set(manifest)
    again = cli(*configured(lake, **private(lake, max_depth=2)), "--dry-run")
    assert "epsilon left" in again.out
    assert cli(*configured(lake, **private(lake, max_depth=2))).code == 0  # the same release
    assert ledger.remaining("people")["epsilon"] == 0
    other = private(lake)
    other["declared"] = {"bounds": {"age": [40]}}
    other["heatmaps"] = []
    assert cli(*configured(lake, **other)).code == 1  # beyond the budget


def test_what_does_not_go_together_is_refused(lake):
    base = {"source": "s", "output": "o", **LABELS}
    for more, said in (
        ({"cohorts": {"one": "age > 3"}}, "at least two"),
        ({"private": private(lake)["private"]}, "need each other"),
        (private(lake, cohorts=COHORTS), "cohorts cannot be used with private"),
        (private(lake, heatmaps=[{"features": ["age"], "bins": 3}]), "heatmaps.bins"),
    ):
        with pytest.raises(ConfigError, match=said):
            load_config(ErrorAnalysisJob, {**base, **more})
    drift = configured(lake, drift={"source": str(lake / "before")}, metric="mean_absolute_error")
    ran = cli(*drift)
    assert (ran.code, "omit them" in ran.err) == (3, True), ran.text
