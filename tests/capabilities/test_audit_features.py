"""Forbidden features and proxies: associations by their formulas, the planted proxy, silence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import chi2_contingency
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score, roc_auc_score

from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.personalization import audit_features
from rai_scale.personalization.feature_association import auc_interval
from tests.capabilities.personalization_simulations import silent_gates
from tests.capabilities.risk_engines import ON_SPARK
from tests.conftest import make_case

FEATURES = ["zip", "visits", "device", "speed"]


def people(seed: int = 0, rows: int = 900) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    low = rng.random(rows) < 0.4
    area = np.where(rng.random(rows) < 0.9, low, ~low)
    return pd.DataFrame(
        {
            "who": np.arange(rows) // 3,
            "zip": np.where(area, 1000, 8000) + rng.integers(0, 5, rows),
            "visits": rng.poisson(3, rows),
            "device": rng.choice(["mobile", "desktop", "tv"], rows),
            "speed": rng.normal(size=rows) + 0.5 * low,
            "income": np.where(low, "low", "high"),
            "sex": rng.choice(["f", "m"], rows),
        }
    )


def plain_pair(feature: pd.Series, sensitive: pd.Series) -> dict[str, float]:
    table = pd.crosstab(feature, sensitive).to_numpy(float)
    chi2, p, _, _ = chi2_contingency(table, correction=False)
    n, (r, k) = table.sum(), table.shape
    phi = max(0, chi2 / n - (r - 1) * (k - 1) / (n - 1))
    rc, kc = r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)
    return {
        "cramers_v": np.sqrt(phi / min(rc - 1, kc - 1)),
        "mutual_information": mutual_info_score(feature, sensitive),
        "p_value": p,
        "rows": n,
    }


def plain_ratio(feature: pd.Series, sensitive: pd.Series) -> float:
    between = feature.groupby(sensitive).transform("mean")
    return float(np.sqrt(between.var(ddof=0) / feature.var(ddof=0)))


@pytest.mark.parametrize("name", ["pandas", "local", "dask", *ON_SPARK])
def test_associations_follow_their_formulas(name, request):
    log = people()
    frame = make_case(name, request).make(pa.Table.from_pandas(log), 3)
    found = audit_features(frame, features=FEATURES, sensitive_features=["income", "sex"])
    assert found.associations.iloc[0][["feature", "sensitive"]].tolist() == ["zip", "income"]
    for row in found.associations.to_dict("records"):
        feature, sensitive = log[row["feature"]], log[row["sensitive"]]
        if row["feature"] in ("zip", "speed"):
            low, high = feature.min(), feature.max()
            feature = np.floor((feature - low) / ((high - low) / 20)).clip(upper=19)
        expected = plain_pair(feature, sensitive)
        assert {name: row[name] for name in expected} == pytest.approx(
            expected, rel=1e-9, abs=1e-12
        )
        if row["feature"] != "device":
            ratio = plain_ratio(log[row["feature"]], sensitive)
            assert row["correlation_ratio"] == pytest.approx(ratio, rel=1e-6)


@pytest.mark.parametrize("name", ["pandas", "dask", *ON_SPARK])
def test_people_are_counted_once_per_value(name, request):
    log = people()
    log["sex"] = np.where(log["who"] % 7 < 3, "f", "m")
    log["likes"] = log["who"] * 37 % 10  # of the person, and not of the sex
    frame = make_case(name, request).make(pa.Table.from_pandas(log), 3)
    asked = {"features": ["likes", "device"], "sensitive_features": "sex", "person": "who"}
    found = audit_features(frame, **asked).associations.set_index("feature")
    for feature in ("likes", "device"):
        once = log.drop_duplicates(["who", feature])
        expected = plain_pair(once[feature], once["sex"])
        assert found.loc[feature, [*expected]].to_dict() == pytest.approx(expected, abs=1e-12)
    by_row = audit_features(frame, **{**asked, "person": None}).associations
    assert by_row.set_index("feature").loc["likes", "rows"] == len(log)


def test_forbidden_features_are_named_wherever_they_are_used():
    found = audit_features(
        people(),
        features=["zip", "sex", "visits"],
        sensitive_features="income",
        forbidden=["Sex", "religion"],
        model_features=["zip", "income", "religion"],
    )
    assert found.forbidden.to_dict("list") == {
        "feature": ["sex", "income", "religion"],
        "in_data": [True, False, False],
        "in_model": [False, True, True],
    }
    assert set(found.associations["feature"]) == {"zip", "visits"}
    assert found.gates({"metric": "forbidden_features", "above": 0})[0]["passed"] is False


def test_all_features_together_and_which_of_them_carry_it():
    log = people()
    found = audit_features(
        log, features=["zip", "visits", "speed"], sensitive_features="income", person="who",
        learner=LogisticRegression,
    )  # fmt: skip
    assert found.carriers["feature"][0] == "zip"
    row = found.predictions.set_index("value").loc["low"]
    assert row["low"] < row["auc"] < row["high"]
    assert row["auc"] == pytest.approx(0.91, abs=0.04)
    assert (
        found.gates({"metric": "auc", "above": 0.6, "judged_by": "lower_bound"})[0]["passed"]
        is False
    )


def test_the_interval_is_delongs():
    rng = np.random.default_rng(0)
    positive = rng.random(400) < 0.3
    score = np.round(rng.normal(size=400) + positive, 1)
    value, low, high = auc_interval(score, positive, 0.95)
    assert value == pytest.approx(roc_auc_score(positive, score))
    pairs = score[positive][:, None] - score[~positive][None, :]
    wins = (pairs > 0) + (pairs == 0) / 2
    variance = (
        wins.mean(1).var(ddof=1) / positive.sum() + wins.mean(0).var(ddof=1) / (~positive).sum()
    )
    assert high - low == pytest.approx(2 * 1.959963984540054 * np.sqrt(variance))


def test_small_groups_are_left_out():
    log = people()
    log.loc[:4, "sex"] = "x"
    log.loc[5, "sex"] = None
    found = audit_features(log, features="visits", sensitive_features="sex")
    assert found.associations["rows"][0] == len(log) - 6
    assert "2 values of 'sex' with fewer than 20 rows" in found.notes[0]


@pytest.mark.full
def test_the_gate_is_silent_at_independence():
    assert silent_gates(30) >= 0.85
    assert silent_gates(10, events=5) >= 0.8


def test_what_cannot_be_audited_is_refused():
    log = people()
    with pytest.raises(ConfigError, match="more than 50 values"):
        audit_features(log, features="zip", sensitive_features="who")
    with pytest.raises(ConfigError, match="no two values"):
        audit_features(log.assign(sex="f"), features="zip", sensitive_features="sex")
    with pytest.raises(MissingColumnError, match="Did you mean"):
        audit_features(log, features="zipp", sensitive_features="sex")
    with pytest.raises(ConfigError, match="at least one"):
        audit_features(log, features=[], sensitive_features="sex")


def test_intervals_by_person_are_those_of_their_sums():
    rng = np.random.default_rng(0)
    positive = rng.random(100) < 0.4
    score = rng.normal(size=100) + positive
    alone = auc_interval(score, positive, 0.95)
    each = auc_interval(score, positive, 0.95, np.arange(100))
    assert each == pytest.approx(alone, abs=0.005)
    # five equal rows of each person hold no more than one
    many = auc_interval(score.repeat(5), positive.repeat(5), 0.95, rng.permutation(100).repeat(5))
    assert many == pytest.approx(each)


@pytest.mark.full
def test_an_ebm_is_a_learner():
    from interpret.glassbox import ExplainableBoostingClassifier

    log = people(rows=600)
    log.loc[:20, "device"] = None
    found = audit_features(
        log, features=["zip", "visits", "device"], sensitive_features=["income", "sex"],
        person="who", folds=3,
        learner=lambda: ExplainableBoostingClassifier(
            interactions=0, outer_bags=2, max_rounds=200, n_jobs=1, random_state=0
        ),
    )  # fmt: skip
    auc = found.predictions.set_index(["sensitive", "value"])
    assert auc.loc[("income", "low"), "low"] > 0.8
    assert auc.loc[("sex", "f"), "low"] < 0.5 < auc.loc[("sex", "f"), "high"] + 0.05
    income = found.carriers[found.carriers["sensitive"] == "income"]
    assert income["feature"].iloc[0] == "zip"
    assert income["auc_drop"].iloc[0] > 0.3
