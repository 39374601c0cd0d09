"""The job risk: on a model, in private, and what it writes when it succeeds and fails."""

from __future__ import annotations

import json

import joblib
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.tree import DecisionTreeClassifier

from rai_scale.privacy import open_ledger
from rai_scale.risk import membership_inference
from tests.jobs.small_lake import cli, file_leaks, leaks, write_config


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


CODES = [f"canary-{number:03}@example.org" for number in range(120)]


@pytest.fixture
def canaries(tmp_path):
    """A table whose values are all found again, and the configuration of a run on it."""
    rng = np.random.default_rng(0)
    data = pd.DataFrame({name: rng.permutation(CODES) for name in ("code", "who", "ill")})
    data["age"] = np.where(np.arange(120) < 60, 73137, 73138)
    data["y"] = rng.integers(0, 2, 120)
    (tmp_path / "in").mkdir()
    data.to_parquet(tmp_path / "in" / "table.parquet")
    model = DecisionTreeClassifier(random_state=0).fit(data[["age"]], data["y"])
    joblib.dump(model, tmp_path / "in" / "model.joblib")
    source = str(tmp_path / "in" / "table.parquet")
    attack = {"model": str(tmp_path / "in" / "model.joblib"), "trusted": True, "y_true": "y"}
    return {
        **{"source": source, "output": str(tmp_path / "out"), "depth": 2},
        **{"quasi_identifiers": ["code", "age"], "sensitive": ["ill"], "person": "who"},
        "linkage": {"source": source, "conditions": [["prefix", "code", 9]], "truth": "who"},
        "generalise": {
            "k": 3,
            "hierarchies": {"code": {"prefixes": [8, 2]}},
            "max_suppressed": 0.1,
        },
        "membership": {**attack, "source": source, "features": ["age"]},
    }


def test_no_value_of_a_cell_is_written_or_said(canaries, tmp_path):
    shown = [*CODES, "canary", "73137", "73138"]
    asked = {**canaries, "membership": None}  # people must not be in both tables
    ran = cli("risk", write_config(tmp_path / "good.yaml", asked), "--log-json")
    assert ran.code == 0, ran.text
    assert leaks(ran.text, shown) == 0
    assert file_leaks(tmp_path / "out", shown) == {}
    assert "k = 1" in ran.text
    failing = {
        "in both tables": {},
        "not listed": {"ordered": {"ill": ["a", "b"]}, "membership": None},
        "needs the same type": {"linkage.conditions": [["equal", ["code", "age"]]]},
        "intervals need numbers": {"generalise.hierarchies": {"code": {"intervals": [5]}}},
        "no combination": {"generalise.k": 500},
    }
    for message, changes in failing.items():
        options = [f"--set={name}={json.dumps(value)}" for name, value in changes.items()]
        conf = canaries if not changes else asked
        ran = cli("risk", write_config(tmp_path / "bad.yaml", conf), *options, "--log-json")
        assert (ran.code, message in ran.text) == (3, True), ran.text
        assert leaks(ran.text, shown) == 0


def test_a_private_run_writes_noisy_numbers_alone(canaries, tmp_path):
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", force_ephemeral=True)
    ledger.create_scope("people", epsilon=3)
    budget = {"ledger": f"sqlite:///{tmp_path / 'ledger.db'}", "force_ephemeral": True}
    budget |= {"scope": "people", "analyst": "ann", "epsilon": 2, "privacy_unit": "who"}
    names = ("source", "output")
    asked = {name: canaries[name] for name in names} | {"quasi_identifiers": ["age"]}
    declared = {"bounds": {"age": [73137]}}
    conf = write_config(tmp_path / "risk.yaml", asked | {"private": budget, "declared": declared})
    gate = ["--set", "gates=[{metric: at_least_10, below: 2}]"]
    ran = cli("risk", conf, *gate)
    assert ran.code == 0, ran.text
    table = pd.read_parquet(tmp_path / "out" / "classes.parquet")
    assert table["age"].tolist() == ["73137 or less", "over 73137", "missing"]
    assert ((table["low"] <= [60, 60, 0]) & (table["high"] >= [60, 60, 0])).all()
    assert "surely have at least 10 rows" in (tmp_path / "out" / "report.html").read_text()
    text = (tmp_path / "out" / "_manifest.json").read_text()
    assert ledger.budget("people")["spent"].iloc[0] == 2
    assert "reservations" in text
    assert '"rows"' not in text
    # without the bins the sizes would be released, for which not enough is left
    ran = cli("risk", write_config(tmp_path / "more.yaml", asked | {"private": budget}))
    assert ran.code == 1
    assert "over the budget" in ran.text
    for more in ("sensitive=[ill]", "person=ill", "depth=2"):
        ran = cli("risk", conf, "--set", more)
        assert (ran.code, "cannot be used with private" in ran.text) == (3, True)
