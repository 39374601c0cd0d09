"""Membership inference: scores by plain loops, rates that hold, people, groups, every engine."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import beta, norm
from sklearn.tree import DecisionTreeClassifier

from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.risk import membership_inference
from rai_scale.risk.membership_attacks import confidences, lira_scores, rmia_scores
from rai_scale.risk.membership_measures import (
    area,
    epsilon_bound,
    least_epsilon,
    rates,
    threshold,
)
from rai_scale.risk.shadow_models import halves
from tests.capabilities.risk_engines import CASES
from tests.conftest import full, make_case

ASKED = {"y_true": "y", "features": ["a", "b"]}


def table(seed: int, rows: int) -> pd.DataFrame:
    """Return rows whose label follows from the features, but for a third that is noise."""
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(rng.normal(size=(rows, 2)), columns=["a", "b"])
    noisy = rng.random(rows) < 0.3
    data["y"] = np.where(noisy, rng.integers(0, 2, rows), data["a"] > 0).astype(int)
    data["group"] = np.where(data["b"] > 1, "few", "many")
    data["who"] = [f"{seed}-{i // 2}" for i in range(rows)]
    return data


def tree(rows, labels):
    return DecisionTreeClassifier(random_state=0, min_samples_leaf=2).fit(rows, labels)


def predictions(seed: int, shadows: int, rows: int = 1000):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, rows)
    inside = halves(np.arange(rows), shadows, rng)
    target, many = rng.dirichlet(np.ones(3), rows), rng.dirichlet(np.ones(3), (shadows, rows))
    return target, labels, many, inside


@pytest.mark.parametrize("shadows", [16, 64])
def test_lira_is_the_likelihood_ratio_of_each_row(shadows):
    target, labels, many, inside = predictions(0, shadows)
    found = lira_scores(target, labels, many, inside)
    logit = lambda p: np.log(p / (1 - p))  # noqa: E731
    own = {}
    for i, label in enumerate(labels):
        values = logit(many[:, i, label])
        own[i] = [values[inside[:, i]], values[~inside[:, i]]]
    pooled = [np.sqrt(np.mean([np.var(pair[s], ddof=1) for pair in own.values()])) for s in (0, 1)]
    for i, label in enumerate(labels):
        here = [np.std(v, ddof=1) for v in own[i]] if shadows >= 64 else pooled
        means = [np.mean(v) for v in own[i]]
        logs = [
            norm.logpdf(logit(target[i, label]), m, s) for m, s in zip(means, here, strict=True)
        ]
        assert found[i] == pytest.approx(logs[0] - logs[1], rel=1e-6, abs=1e-6)


def test_rmia_counts_dominated_rows():
    target, labels, many, _ = predictions(1, 8, rows=120)
    members = np.arange(120) < 60
    found = rmia_scores(target, labels, many, members)
    ratio = [target[i, k] / np.mean(many[:, i, k]) for i, k in enumerate(labels)]
    shares = [np.mean([r / ratio[z] >= 2 for z in range(60, 120)]) for r in ratio]
    assert np.abs(found - shares).max() < 1 / 60  # rows that dominate equally many are ordered
    assert np.floor(found * 60 + 1e-9) == pytest.approx(np.array(shares) * 60)
    order = np.argsort(ratio)
    assert (np.diff(found[order]) > 0).all()


def test_confidence_is_exact_near_one():
    assert confidences(np.array([[1e-9, 1 - 1e-9]]), np.array([1]))[0] == pytest.approx(20.72, 0.01)


def test_half_of_the_shadow_models_has_each_person():
    units = np.array([0, 1, 1, 2, 0])
    inside = halves(units, 8, np.random.default_rng(0))
    assert (inside.sum(axis=0) == 4).all()
    assert (inside[:, 1] == inside[:, 2]).all()
    assert (inside[:, 0] == inside[:, 4]).all()


def test_rates_and_area_are_those_of_a_plain_count():
    scores = np.array([9.0, 8, 7, 3, 8, 2, 1, 0])
    members = np.arange(8) < 4
    pairs = [(a > b) + (a == b) / 2 for a in scores[:4] for b in scores[4:]]
    assert area(scores, members) == np.mean(pairs)
    assert threshold(scores, members, 0.0) == 8
    assert threshold(scores, members, 0.25) == 2
    found = rates(scores, members, 8, 0.95)
    assert (found["tpr"], found["fpr"]) == (0.25, 0)
    assert found["tpr_low"] == pytest.approx(beta.ppf(0.025, 1, 4))
    assert found["fpr_high"] == pytest.approx(beta.ppf(0.975, 1, 4))


def test_scores_that_know_nothing_are_within_the_intervals():
    held = 0
    for seed in range(200):
        scores = np.random.default_rng(seed).normal(size=11_000)
        members = np.arange(11_000) < 1_000
        found = rates(scores, members, threshold(scores, members, 0.01), 0.95)
        held += found["tpr_low"] <= 0.01 <= found["tpr_high"]
        assert found["fpr"] == 0.01
    assert held >= 185


def test_epsilon_is_bounded_from_below():
    # without delta the bound is that of the share of right guesses
    low = beta.ppf(0.05, 180, 200 - 180 + 1)
    found = least_epsilon(180, 200, 400, delta=0.0, confidence=0.95)
    assert found == pytest.approx(np.log(low / (1 - low)), rel=1e-9)
    assert 0 < least_epsilon(180, 200, 400, delta=1e-3, confidence=0.95) < found
    assert least_epsilon(100, 200, 400, delta=0.0, confidence=0.95) == 0
    # randomised response with epsilon 1, which the bound must not exceed
    bounds = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        members = rng.random(4000) < 0.5
        answers = np.where(rng.random(4000) < np.e / (1 + np.e), members, ~members)
        scores = answers + rng.random(4000) / 2
        bounds.append(epsilon_bound(scores, members, delta=0.0, confidence=0.99, rng=rng))
    assert np.mean(np.array(bounds) <= 1) >= 0.97
    assert np.median(bounds) > 0.7


@pytest.mark.parametrize("attack", ["rmia", full("lira")])
def test_an_overfit_model_gives_its_rows_away(attack):
    from lightgbm import LGBMClassifier

    overfit = {"n_estimators": 100, "num_leaves": 63, "min_child_samples": 1}
    found = membership_inference(
        None, table(0, 400), table(1, 1000), attack=attack, shadows=16,
        fit=LGBMClassifier(**overfit, n_jobs=1, verbose=-1).fit, **ASKED,
    )  # fmt: skip
    assert found.metrics()["tpr_at_1pct"] >= 0.05
    assert found.auc > 0.6


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:Privacy violation")
def test_private_models_are_within_their_epsilon():
    from interpret.privacy import DPExplainableBoostingClassifier

    for seed in range(20):
        private = DPExplainableBoostingClassifier(
            epsilon=1, delta=1e-6, privacy_bounds={"a": (-4, 4), "b": (-4, 4)},
            feature_types=["continuous"] * 2, random_state=seed,
        )  # fmt: skip
        found = membership_inference(
            None, table(2 * seed, 500), table(2 * seed + 1, 500), fit=private.fit, delta=1e-6,
            confidence=0.99, **ASKED,
        )  # fmt: skip
        assert found.epsilon_low <= 1


def test_a_model_that_knows_nothing_does_not():
    def same(rows):
        return np.full((len(rows), 2), 0.5) + rows[["a"]].to_numpy() * [[1e-3, -1e-3]]

    found = membership_inference(same, table(0, 2000), table(1, 2000), **ASKED)
    row = found.rates.set_index("limit").loc[0.01]
    assert row["tpr_low"] <= 0.01 <= row["tpr_high"]
    assert abs(found.auc - 0.5) < 0.03
    assert found.epsilon_low < 0.1


@pytest.mark.parametrize("partitions", [full(1), 3])
@pytest.mark.parametrize("name", CASES)
def test_engines_and_partitions_agree(name, partitions, request):
    data = [table(0, 60), table(1, 80)]
    case = make_case(name, request)
    options = {"fit": tree, "attack": "lira", "shadows": 4, "sensitive_features": "group"}
    expected = membership_inference(None, *data, **options, **ASKED)
    arrow = [pa.Table.from_pandas(one, preserve_index=False) for one in data]
    frames = [case.make(one, partitions) for one in arrow]
    found = membership_inference(None, *frames, **options, **ASKED)
    pd.testing.assert_frame_equal(found.rates, expected.rates)
    pd.testing.assert_frame_equal(found.groups, expected.groups)
    assert (found.auc, found.epsilon_low) == (expected.auc, expected.epsilon_low)


@pytest.mark.parametrize("attack", ["shadow", "rmia"])
def test_attacks_with_shadow_models_recognise_members(attack):
    data = [table(0, 200), table(1, 200)]
    found = membership_inference(None, *data, fit=tree, attack=attack, shadows=8, **ASKED)
    assert found.auc > 0.6


def test_people_are_counted_once_and_are_members_or_not():
    data = [table(0, 60), table(1, 80)]
    found = membership_inference(None, *data, fit=tree, person="who", **ASKED)
    assert (found.members, found.non_members, found.counted) == (30, 40, "people")
    data[1].loc[3, "who"] = "0-1"
    with pytest.raises(ConfigError, match="1 values of column 'who' are in both tables"):
        membership_inference(None, *data, fit=tree, person="who", **ASKED)


def test_groups_are_judged_at_the_thresholds_of_all():
    data = [table(0, 300), table(1, 300)]
    found = membership_inference(None, *data, fit=tree, sensitive_features="group", **ASKED)
    groups = found.groups
    for limit, part in groups.groupby("limit"):
        row = found.rates.set_index("limit").loc[limit]
        assert part["members"].sum() == part["non_members"].sum() == 300
        assert (part["tpr"] * part["members"]).sum() == pytest.approx(row["tpr"] * 300)
        assert (part["threshold"] == row["threshold"]).all()


def test_larger_tables_are_sampled_and_categories_kept():
    def by_category(rows):
        assert rows["a"].dtype == "category"
        return np.tile([0.4, 0.6], (len(rows), 1))

    data = [table(i, 60).assign(a=pd.Categorical([*"pqr"] * 20)) for i in (0, 1)]
    found = membership_inference(by_category, *data, max_rows=50, **ASKED)
    assert (found.members, found.non_members) == (50, 50)
    assert "50 of 60 rows of members were sampled" in found.notes[0]


def test_wrong_input_is_one_message():
    data = [table(0, 20), table(1, 20)]
    model = tree(data[0][["a", "b"]], data[0]["y"])
    wrong = {
        "Did you mean 'loss'": {"attack": "los"},
        "fits shadow models": {"attack": "lira"},
        "even number": {"attack": "lira", "fit": tree, "shadows": 5},
        "between 0 and 1": {"confidence": 1},
    }
    for message, options in wrong.items():
        with pytest.raises(ConfigError, match=message):
            membership_inference(model, *data, **options, **ASKED)
    with pytest.raises(ConfigError, match="non_members has no rows"):
        membership_inference(model, data[0], data[1].iloc[:0], **ASKED)
    with pytest.raises(ConfigError, match="20 values of column 'y' are not classes"):
        membership_inference(model, data[0], data[1].assign(y=7), **ASKED)
    with pytest.raises(ConfigError, match="20 nulls"):
        membership_inference(model, data[0].assign(y=np.nan), data[1], **ASKED)
    with pytest.raises(ConfigError, match="needs a classifier"):
        membership_inference(lambda rows: rows["a"].to_numpy(), *data, **ASKED)
    with pytest.raises(MissingColumnError):
        membership_inference(model, *data, person="nobody", **ASKED)
