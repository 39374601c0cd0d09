"""Values of policies: by the formulas, on every engine, from cells and row by row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.errors import ConfigError, MissingColumnError, WorkerError
from rai_scale.personalization import evaluate_policy
from tests.capabilities.personalization_simulations import coverage
from tests.capabilities.plain_policies import (
    ASKED,
    log_rows,
    model_table,
    plain_interval,
    plain_scores,
    policy_table,
)
from tests.capabilities.risk_engines import CASES, ON_SPARK
from tests.conftest import full, make_case
from tests.peers.bandit_table import shares

BOTH = {"new": policy_table(1), "other": policy_table(2)}


def new_policy(features, actions):
    """Return the probabilities of the policy ``new`` as a function."""
    return np.array([[shares(int(x), 1)[int(a)] for a in actions] for x in features["x"]])


def check(frame, log, person=None, fitted=False, **more):
    asked = {**ASKED, "policy": BOTH, "model": None if fitted else model_table(), **more}
    found = evaluate_policy(frame, **asked, person=person, groups=["g"])
    rows = {}
    for row in found.values.to_dict("records"):
        rows[row["group"], row["policy"], row["reward"], row["estimator"]] = row
    for group in ("", "u", "v"):
        mask = (log["g"] == group) | (group == "")
        clusters = log["who"] if person else np.arange(len(log))
        for number, policy in enumerate(BOTH, 1):
            for reward in ("click", "minutes"):
                scores = plain_scores(log, reward, number, fitted)
                for estimator, (top, bottom) in scores.items():
                    row = rows[group, policy, reward, estimator]
                    value, low, high = plain_interval(top[mask], bottom[mask], clusters[mask])
                    assert row["value"] == pytest.approx(value, rel=1e-12)
                    if not (fitted and estimator == "dm"):
                        assert (row["low"], row["high"]) == pytest.approx((low, high), rel=1e-9)
    return found


@pytest.mark.parametrize("person", [None, "who"])
@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("fitted", [False, True])
def test_every_estimator_follows_its_formula(person, smooth, fitted, monkeypatch):
    monkeypatch.setattr("rai_scale.personalization.policy_values.CELL_LIMIT", 500)
    log = log_rows(smooth)
    found = check(log, log, person, fitted)
    p, w = log["p"], policy_table(1)["probability"].to_numpy().reshape(5, 4)[log["x"], log["a"]]
    first = found.weights.iloc[0]
    assert first["effective_rows"] == pytest.approx((w / p).sum() ** 2 / ((w / p) ** 2).sum())
    assert first["largest_weight"] == pytest.approx((w / p).max())
    assert first["people"] == (log["who"].nunique() if person else len(log))


@pytest.mark.parametrize("partitions", [full(1), 3, full(7)])
@pytest.mark.parametrize("name", CASES)
def test_engines_and_partitions_agree(name, partitions, request):
    log = log_rows()
    frame = make_case(name, request).make(pa.Table.from_pandas(log), partitions)
    check(frame, log, "who")


@pytest.mark.parametrize("name", [full("dask"), *ON_SPARK])
def test_engines_agree_row_by_row(name, request, monkeypatch):
    monkeypatch.setattr("rai_scale.personalization.policy_values.CELL_LIMIT", 500)
    log = log_rows(smooth=True)
    frame = make_case(name, request).make(pa.Table.from_pandas(log), 3)
    check(frame, log, "who")
    check(frame, log)


@pytest.mark.parametrize("name", ["pandas", full("dask"), *ON_SPARK])
def test_people_may_be_in_several_groups(name, request):
    log = log_rows().assign(h="w")
    log.loc[log.index % 3 == 0, "g"] = None
    log.loc[log["who"] == 3, "g"] = None
    frame = make_case(name, request).make(pa.Table.from_pandas(log), 3)
    asked = {**ASKED, "policy": policy_table(), "groups": ["g", "h"], "person": "who"}
    found = evaluate_policy(frame, **asked)
    whole = found.values[found.values["by"] == ""]
    same = found.values[found.values["by"] == "h"]
    for column in ("value", "low", "high"):
        assert same[column].tolist() == pytest.approx(whole[column].tolist(), nan_ok=True)
    alone = log[log["g"].isna()].drop(columns="g")
    own = evaluate_policy(alone, **{**asked, "groups": (), "model": None})
    missing = found.values[(found.values["by"] == "g") & (found.values["group"] == "missing")]
    key = ["policy", "reward", "estimator"]
    both = missing.merge(own.values, on=key)
    both = both[both["estimator"].isin(["ips", "snips"])]
    assert len(both) == 4
    assert both["low_x"].tolist() == pytest.approx(both["low_y"].tolist())


def test_functions_and_columns_are_policies():
    log = log_rows().assign(
        own=lambda d: [shares(x, 1)[a] for x, a in zip(d["x"], d["a"], strict=True)]
    )
    asked = {**ASKED, "context": (), "estimators": ("ips", "snips")}
    table = evaluate_policy(log, **{**asked, "context": "x"}, policy=policy_table())
    for policy in (new_policy, "own"):
        found = evaluate_policy(log, **asked, policy=policy, features="x", person="who")
        assert found.values["value"].tolist() == pytest.approx(table.values["value"].tolist())
    with pytest.raises(ConfigError, match="no probabilities of the other actions"):
        evaluate_policy(log, **{**asked, "estimators": ("dr",)}, policy="own")
    with pytest.raises(WorkerError, match="must return an array of shape"):
        evaluate_policy(log, **asked, policy=lambda f, a: np.ones(len(f)), features="x")


def test_a_model_may_be_a_function():
    def model(features, actions):
        return {"click": np.tile(0.1 * features["x"].to_numpy(float)[:, None], len(actions))}

    log = log_rows()
    asked = {**ASKED, "rewards": {"click": "click"}, "policy": policy_table(), "features": "x"}
    found = evaluate_policy(log, **asked, model=model, estimators=("dm", "dr"))
    w = plain_scores(log, "click")["snips"][1]
    expected = (
        (0.1 * log["x"]).mean(),
        (0.1 * log["x"] + w * (log["click"] - 0.1 * log["x"])).mean(),
    )
    assert found.values["value"][1:].tolist() == pytest.approx(expected)
    assert "error of the model" in found.notes[0]


def test_an_action_that_was_never_logged_is_refused_or_bounded():
    log = log_rows()
    log = log[(log["x"] != 2) | (log["a"] != 3)]
    with pytest.raises(ConfigError, match="1 combinations of context and action"):
        evaluate_policy(log, **ASKED, policy=policy_table())
    ranges = {"click": (0, 1), "minutes": (0, 7)}
    found = evaluate_policy(
        log, **ASKED, policy=policy_table(), unsupported="bound", reward_range=ranges
    )
    mass = found.weights["unsupported"][0]
    assert mass == pytest.approx(shares(2, 1)[3] * (log["x"] == 2).mean())
    top, _ = plain_scores(log, "click", fitted=False)["ips"]
    ips = found.values.set_index(["reward", "estimator"]).loc[("click", "ips")]
    assert np.isnan(ips["value"])
    _, low, high = plain_interval(top, np.ones(len(log)), np.arange(len(log)))
    assert (ips["low"], ips["high"]) == pytest.approx((low, high + mass))
    assert found.gates({"metric": "policy.click.ips", "below": 0})[0]["passed"] is False
    always = pd.DataFrame({"a": [9], "probability": [1.0]})
    with pytest.raises(ConfigError, match="never logged"):
        evaluate_policy(log, **{**ASKED, "context": ()}, policy=always)


def test_a_function_that_takes_actions_without_support_is_refused():
    log = log_rows()
    log = log[log["a"] != 3]

    def last(features, actions):
        return np.tile(np.arange(len(actions)) == len(actions) - 1, (len(features), 1)).astype(
            float
        )

    asked = {**ASKED, "policy": last, "features": "x", "estimators": ("ips",)}
    known = evaluate_policy(log, **asked)
    assert known.values["value"][2] == pytest.approx(
        (log["minutes"] * 0 + log["click"] * (log["a"] == 2) / log["p"]).mean()
    )
    log = log[(log["x"] != 1) | (log["a"] != 2)]
    with pytest.raises(ConfigError, match="takes actions never logged"):
        evaluate_policy(log, **asked)


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("p", [0.0, -0.1], "the propensity is 0 or negative in 2 of 4,000 rows"),
        ("p", [1.5, np.nan], "missing in 1 of 4,000 rows; the propensity is above 1 in 1"),
        ("click", [np.nan, np.nan], "a reward is missing in 2 of 4,000 rows"),
        ("a", [None, None], "the action is missing in 2 of 4,000 rows"),
    ],
)
@pytest.mark.parametrize("name", ["pandas", full("dask")])
def test_rows_that_cannot_be_weighted_are_counted_first(name, request, column, values, said):
    log = log_rows().astype({"click": float, "a": "Int64"})
    good = log.iloc[2:]
    log.loc[log.index[:2], column] = values
    table = pa.Table.from_pandas(log, preserve_index=False)
    frame = make_case(name, request).make(table, 3)
    asked = {**ASKED, "policy": policy_table(), "model": model_table()}
    with pytest.raises(ConfigError, match=said):
        evaluate_policy(frame, **asked)
    found = evaluate_policy(frame, **asked, on_bad="exclude", person="who")
    expected = evaluate_policy(good, **asked, person="who")
    pd.testing.assert_frame_equal(found.values, expected.values, rtol=1e-12)
    assert found.rows == 3998
    assert said.split(";")[0].split(" in ")[0] in found.notes[0]


def test_the_mean_weight_shows_wrong_propensities():
    log = log_rows()
    log["p"] = np.random.default_rng(0).permutation(log["p"])
    weights = evaluate_policy(log, **ASKED, policy=policy_table(), person="who").weights.iloc[0]
    assert not weights["low"] < 1 < weights["high"]


def test_what_is_not_a_question_is_refused():
    log, policy = log_rows(), policy_table()
    with pytest.raises(ConfigError, match="Did you mean 'snips'"):
        evaluate_policy(log, **ASKED, policy=policy, estimators=["snip"])
    with pytest.raises(ConfigError, match="do not add up to 1"):
        evaluate_policy(log, **ASKED, policy=policy.iloc[1:])
    with pytest.raises(ConfigError, match="occurs twice"):
        evaluate_policy(log, **ASKED, policy=pd.concat([policy, policy]))
    with pytest.raises(MissingColumnError, match="Did you mean"):
        evaluate_policy(log, **{**ASKED, "action": "aa"}, policy=policy)
    with pytest.raises(ConfigError, match="must hold numbers"):
        evaluate_policy(log.assign(p="x"), **ASKED, policy=policy)
    with pytest.raises(ConfigError, match="no rows"):
        evaluate_policy(log.iloc[:0], **ASKED, policy=policy)


@pytest.mark.full
def test_intervals_of_people_cover_the_known_value():
    by_person, by_row = coverage(simulations=150)
    assert by_person["ips"] > 0.89
    assert by_row["ips"] < by_person["ips"]
