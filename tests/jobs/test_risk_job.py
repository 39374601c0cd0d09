"""The job risk on a model: members that it gives away fail a gate."""

from __future__ import annotations

import json

import joblib
import numpy as np
import pandas as pd
import yaml
from sklearn.tree import DecisionTreeClassifier

from rai_scale.risk import membership_inference
from tests.jobs.small_lake import cli


def table(seed):
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"a": rng.normal(size=300), "y": rng.integers(0, 2, 300)})
    return data.assign(group=rng.choice([*"uv"], 300))


def test_an_attack_on_a_model_is_measured_shown_and_judged(tmp_path):
    members, others = table(0), table(1)
    members.to_parquet(tmp_path / "members.parquet")
    others.to_parquet(tmp_path / "others.parquet")
    model = DecisionTreeClassifier(random_state=0, min_samples_leaf=2)
    joblib.dump(model.fit(members[["a"]], members["y"]), tmp_path / "model.joblib")
    attack = {"model": str(tmp_path / "model.joblib"), "trusted": True, "y_true": "y"}
    asked = {
        "source": str(tmp_path / "members.parquet"),
        "output": str(tmp_path / "out"),
        "quasi_identifiers": ["group"],
        "by": ["group"],
        "membership": {**attack, "source": str(tmp_path / "others.parquet"), "features": ["a"]},
        "gates": [{"metric": "membership_auc", "above": 0.6}],
    }
    conf = tmp_path / "risk.yaml"
    conf.write_text(yaml.safe_dump(asked), encoding="utf-8")
    ran = cli("risk", conf)
    assert ran.code == 1, ran.text
    expected = membership_inference(model, members, others, y_true="y", features="a")
    rates = pd.read_parquet(tmp_path / "out" / "membership.parquet")
    pd.testing.assert_frame_equal(rates, expected.rates)
    found = json.loads((tmp_path / "out" / "risk.json").read_text(encoding="utf-8"))
    assert found["membership"]["auc"] == expected.auc > 0.6
    assert {row["group"] for row in found["membership"]["groups"]} == {"u", "v"}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Attack on the model" in page
    manifest = json.loads((tmp_path / "out" / "_manifest.json").read_text(encoding="utf-8"))
    assert manifest["model_hash"]
    assert cli("risk", conf, "--set", "gates=[{metric: tpr_at_1pct, above: 1}]").code == 0
