"""The personalisation job on the sample lake: what was planted is found, gates fail, exit codes."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from rai_scale.personalization import save_snapshot
from rai_scale.samples import make_sample_lake
from rai_scale.samples.recommendations import DEVICES, LOGGED, OFFERS
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
    said = (
        "3,000 events, 0 kinds of faults in the log; 0 forbidden features in use; 1 loop; "
        "2 policies; 1 item that bends a reward; "
    )
    assert said in ran.out
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
    columns = pd.read_parquet(tmp_path / "out" / "columns.parquet").set_index("column")
    assert columns.loc["offer", "used_as"] == "item, action"
    assert columns.loc["clicked", "used_as"] == "reward click"
    assert columns.loc["p_loan", "used_as"] == "propensity loan"
    assert columns.loc["zip", ["used_as", "consent"]].tolist() == ["feature", "location"]
    proxies = pd.read_parquet(tmp_path / "out" / "feature_associations.parquet")
    assert proxies.loc[0, ["feature", "sensitive"]].to_dict() == truth["proxy"]
    conflicts = pd.read_parquet(tmp_path / "out" / "reward_conflicts.parquet")
    assert conflicts.loc[conflicts["bends"], "item"].tolist() == [truth["bends"]["offer"]]
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


@pytest.mark.full
def test_every_audit_has_its_gates(recommended, tmp_path):
    log = pd.read_parquet(recommended / "personalization" / "recommendations.parquet")
    log = log[log["shown_at"] < "2025-02-10"]  # before the loop, the log's policy is a table
    day = log["shown_at"].dt.strftime("%Y-%m-%d") == "2025-01-28"
    extra = log[day & (log["offer"] == "card")].sample(40, replace=True, random_state=0)
    log = pd.concat([log, extra.assign(event_id=[f"X{n}" for n in range(40)])])
    log.to_parquet(tmp_path / "log.parquet")
    policy = pd.DataFrame(
        [
            (device, offer, LOGGED[i, j])
            for i, device in enumerate(DEVICES)
            for j, offer in enumerate(OFFERS)
        ],
        columns=["device", "offer", "probability"],
    )
    policy.to_csv(tmp_path / "policy.csv", index=False)
    (tmp_path / "model.bin").write_bytes(b"a model")
    snapshot = save_snapshot(
        tmp_path / "snapshot.json", policy=tmp_path / "policy.csv", context="device",
        action="offer", propensity="propensity", files={"model": tmp_path / "model.bin"},
    )  # fmt: skip
    failing = ["features.forbidden_features", "conflicts.conflicts", "bursts.bursts"]
    passing = ["replay.differences", "replay.changed_files"]
    gates = json.dumps([{"metric": name, "above": 0} for name in (*failing, *passing)])
    asked = (
        f"source={tmp_path / 'log.parquet'}", "table=log", "consent=null", "exposure=null",
        "rewards=null", f"gates={gates}", f'replay={{"snapshot": "{snapshot}"}}',
        "features.forbidden=[zip]",
    )  # fmt: skip
    ran = run(recommended, tmp_path / "out", *asked)
    assert ran.code == 1, ran.text
    assert all(f"{name}: " in ran.out for name in failing), ran.out
    assert "replay: 0 differences, 0 changed files" in ran.out
    bursts = pd.read_parquet(tmp_path / "out" / "bursts.parquet")
    assert bursts.loc[0, ["offer", "window"]].tolist() == ["card", "2025-01-28"]
    assert "2025-01-28" in (tmp_path / "out" / "report.html").read_text()
    shown = json.loads((tmp_path / "out" / "personalization.json").read_text())["bursts"]
    assert set(shown["bursts"][0]) == {
        "kind", "window", "rows", "expected", "p_adjusted", "item",
    }  # fmt: skip
    (tmp_path / "model.bin").write_bytes(b"a modem")
    gates = json.dumps([{"metric": passing[1], "above": 0}])
    ran = run(recommended, tmp_path / "out", *asked, f"gates={gates}")
    assert ran.code == 1, ran.text
    assert "model is changed" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.full
def test_an_ebm_measures_what_all_features_predict(recommended, tmp_path):
    off = ("exposure=null", "rewards=null", "consent=null", "bursts=null", "conflicts=[]")
    gates = 'gates=[{"metric": "features.auc", "above": 0.6, "judged_by": "lower_bound"}]'
    asked = ("features.learner=ebm", "features.max_rows=800", "features.folds=2")
    ran = run(recommended, tmp_path / "out", *off, *asked, gates)
    assert ran.code == 1, ran.text
    carriers = pd.read_parquet(tmp_path / "out" / "feature_carriers.parquet")
    assert carriers["feature"][0] == "zip"


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
        (("log.features=[]",), "audit_features needs features"),
        (('conflicts=[{"reward": "clik", "satisfaction": "satisfied"}]',), "Did you mean 'click'"),
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
