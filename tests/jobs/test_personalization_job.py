"""The personalisation job on the sample lake: what was planted is found, gates fail, exit codes."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from rai_scale.samples import make_sample_lake
from tests.jobs.small_lake import ROOT, cli

CONF = ROOT / "conf" / "personalization.yaml"


@pytest.fixture(scope="module")
def recommended(tmp_path_factory):
    lake = tmp_path_factory.mktemp("recommended") / "lake"
    make_sample_lake(lake, rows=3000, recommendations=True)
    return lake


def run(lake, out, *more, conf=CONF):
    folder = lake / "personalization"
    sets = {"source": str(folder), "consent.source": str(folder), "output": str(out)}
    sets |= dict(one.split("=", 1) for one in more)
    if "consent" in sets:
        del sets["consent.source"]
    return cli(
        "personalization", conf, *(p for k, v in sets.items() for p in ("--set", f"{k}={v}"))
    )


def test_what_was_planted_is_found(recommended, tmp_path):
    ran = run(recommended, tmp_path / "out")
    assert ran.code == 0, ran.text
    assert "3,000 events, 0 kinds of faults in the log; 1 loops; 2 policies" in ran.out
    truth = json.loads((recommended / "_truth" / "recommendations.json").read_text())
    loops = pd.read_parquet(tmp_path / "out" / "exposure_loops.parquet")
    (loop,) = loops[loops["loses"]].to_dict("records")
    assert {name: loop[name] for name in ("by", "group", "category")} == {
        name: truth["loop"][name] for name in ("by", "group", "category")
    }
    weeks = abs(pd.Timestamp(loop["since"]) - pd.Timestamp(truth["loop"]["since"]))
    assert weeks <= pd.Timedelta(weeks=2)
    values = pd.read_parquet(tmp_path / "out" / "policy_values.parquet")
    values = values[values["by"] == ""].set_index(["policy", "reward", "estimator"])
    for policy, known in truth["policies"].items():
        for reward in ("click", "satisfied"):
            for estimator in ("ips", "snips", "dr"):
                row = values.loc[policy, reward, estimator]
                half = (row["high"] - row["low"]) / 2
                assert abs(row["value"] - known[reward]) < 2 * half
    consents = pd.read_parquet(tmp_path / "out" / "consents.parquet")
    assert consents["events"].sum() == 3000
    page = (tmp_path / "out" / "report.html").read_text()
    for text in ("decides about credit", "cards_first", "2025-02", "location: denied"):
        assert text in page
    assert "U0000" not in page
    manifest = json.loads((tmp_path / "out" / "_manifest.json").read_text())
    assert {m["name"] for m in manifest["metrics"]} >= {"exposure.gini", "log.faults"}
    assert "already done" in run(recommended, tmp_path / "out").out


def test_a_gate_on_loops_fails(recommended, tmp_path):
    gates = 'gates=[{"metric": "exposure.loops", "above": 0}]'
    ran = run(recommended, tmp_path / "out", gates, "rewards=null", "consent=null")
    assert ran.code == 1, ran.text
    assert "exposure.loops: " in ran.out


def test_faults_are_counted_before_anything_is_weighted(recommended, tmp_path):
    log = pd.read_parquet(recommended / "personalization" / "recommendations.parquet")
    log.loc[:4, "propensity"] = [0.0, 0.0, 1.5, float("nan"), 0.9]
    log.to_parquet(tmp_path / "log.parquet")
    source = (f"source={tmp_path / 'log.parquet'}", "table=log", "consent=null")
    ran = run(recommended, tmp_path / "out", *source)
    assert (ran.code, "0 or negative in 2 of 3,000 rows" in ran.err) == (3, True), ran.text
    ran = run(recommended, tmp_path / "out", *source, "rewards.on_bad=exclude")
    assert ran.code == 0, ran.text
    faults = pd.read_parquet(tmp_path / "out" / "faults.parquet").set_index("fault")["count"]
    assert faults["propensity_not_positive"] == 2
    assert faults["propensity_of_another_action"] == 4
    assert "excluded before weighting: the propensity is above 1 in 1 of 3,000 rows" in ran.out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("log.item=null",), "audit_exposure needs item"),
        (("log.propensity=null",), "evaluate_policy needs propensity"),
        (("rewards.policies.savings_first.column=propensity",), "exactly one of column"),
        (("use_cases=[{name: a, personalised: b, people: c, owner: d, area: credits}]",), "credit"),
        (("log.itemm=offer",), "Did you mean 'item'"),
        (("gates=[{metric: exposure.lops, above: 0}]",), "Did you mean 'exposure.loops'"),
    ],
)
def test_a_wrong_configuration_is_refused(recommended, tmp_path, more, said):
    ran = run(recommended, tmp_path / "out", *more)
    assert (ran.code, said in ran.err) == (3, True), ran.text


@pytest.mark.full
def test_policies_may_come_from_files(recommended, tmp_path):
    table = [
        {"device": d, "offer": o, "probability": 0.25}
        for d in ("mobile", "desktop")
        for o in ("loan", "card", "saving", "insurance")
    ]
    pd.DataFrame(table).to_csv(tmp_path / "even.csv", index=False)
    policies = json.dumps({"even": {"file": str(tmp_path / "even.csv")}})
    ran = run(
        recommended, tmp_path / "out", f"rewards.policies={policies}", "log.context=[device]",
        "gates=[]", "exposure=null",
    )  # fmt: skip
    assert ran.code == 0, ran.text
    weights = pd.read_parquet(tmp_path / "out" / "policy_weights.parquet")
    assert weights["mean_weight"][0] == pytest.approx(1, abs=0.1)
