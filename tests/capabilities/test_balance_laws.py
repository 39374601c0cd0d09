"""Every measure of balance against SciPy, scikit-learn or the rows themselves, on random frames."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    jaccard_score,
    precision_score,
    recall_score,
)

from rai_scale.fairness import balance
from rai_scale.fairness.data_balance.distribution import BALANCE, DIVERGENCE, SKEW, ObservedShares
from rai_scale.fairness.data_balance.inequality import Benefits
from rai_scale.fairness.data_balance.registry import REGISTRY
from tests.conftest import examples

LAWS = settings(max_examples=examples(40), deadline=None)
CELL = st.tuples(
    st.sampled_from("abc"), st.sampled_from("xy"), st.integers(0, 1), st.integers(0, 1)
)
shares = st.lists(st.integers(1, 50), min_size=2, max_size=8)


@st.composite
def frames(draw):
    """Return a frame in which every group and stratum has every label and prediction."""
    every = [(g, c, y, p) for g in "abc" for c in "xy" for y in (0, 1) for p in (0, 1)]
    more = draw(st.lists(CELL, max_size=60))
    return pd.DataFrame(every + more, columns=["g", "c", "y", "p"])


def function(family, name):
    return REGISTRY[family][name].function


@LAWS
@given(shares, st.data())
def test_distribution_measures_are_scipys(counts, data):
    weights = st.lists(st.integers(1, 9), min_size=len(counts), max_size=len(counts))
    q = np.array(data.draw(weights), float)
    q = q / q.sum()
    observed = np.array(counts, float)
    n, k = observed.sum(), len(counts)
    p = observed / n
    expected = {
        "kl_divergence": stats.entropy(p, q),
        "js_dist": jensenshannon(p, q),
        "inf_norm_dist": np.linalg.norm(p - q, np.inf),
        "total_variation_dist": np.linalg.norm(p - q, 1) / 2,
        "chi_sq_stat": stats.chisquare(observed, n * q).statistic,
        "chi_sq_p_value": stats.chisquare(observed, n * q).pvalue,
    }
    given_ = ObservedShares(observed, q)
    for name, wanted in expected.items():
        assert function(BALANCE, name)(given_) == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    even = np.full(k, 1 / k)
    found = function(BALANCE, "wasserstein_dist")(ObservedShares(observed, even))
    assert found == pytest.approx(stats.wasserstein_distance(p, even), abs=1e-12)

    smoothed = (n * q + 1) / (n + k)
    assert function(DIVERGENCE, "kl_divergence_bits")(given_) == pytest.approx(
        stats.entropy(p, smoothed, base=2), abs=1e-12
    )
    assert function(DIVERGENCE, "js_divergence_bits")(given_) == pytest.approx(
        jensenshannon(p, q, base=2) ** 2, abs=1e-12
    )
    skews = np.log((observed + 1) / (n + k) / smoothed)
    assert function(SKEW, "skew")(given_) == pytest.approx(skews, abs=1e-12)
    assert function(DIVERGENCE, "min_skew")(given_) == pytest.approx(skews.min(), abs=1e-12)
    assert function(DIVERGENCE, "max_skew")(given_) == pytest.approx(skews.max(), abs=1e-12)
    for ours, theirs in (
        ("total_var_dist", "total_variation_dist"),
        ("infinity_norm_dist", "inf_norm_dist"),
    ):
        assert function(DIVERGENCE, ours)(given_) == pytest.approx(expected[theirs])


@LAWS
@given(shares, st.floats(0, 3), st.floats(-1, 3))
def test_inequality_indices_are_scipys_means(benefits, epsilon, alpha):
    assume(abs(epsilon - 1) > 1e-2 and min(abs(alpha), abs(alpha - 1)) > 1e-2)
    b = np.array(benefits, float)
    k, given_ = len(b), Benefits(b, epsilon, alpha)
    geometric = stats.gmean(b) / b.mean()
    expected = {
        "atkinson_index": 1 - stats.pmean(b, 1 - epsilon) / b.mean(),
        "theil_l_index": -np.log(geometric),
        "theil_t_index": np.log(k) - stats.entropy(b / b.sum()),
        "coefficient_of_variation": stats.variation(b),
        "generalized_entropy_index": (np.mean((b / b.mean()) ** alpha) - 1) / (alpha * (alpha - 1)),
    }
    for name, wanted in expected.items():
        assert function("inequality", name)(given_) == pytest.approx(wanted, rel=1e-8, abs=1e-8)
    at_one = function("inequality", "atkinson_index")(Benefits(b, 1.0))
    assert at_one == pytest.approx(1 - geometric, abs=1e-12)
    half_square = function("inequality", "generalized_entropy_index")(Benefits(b))
    assert half_square == pytest.approx(stats.variation(b) ** 2 / 2, abs=1e-12)


def association(frame: pd.DataFrame, value: str) -> dict[str, float]:
    """Return SynapseML's measures of one group from its rows, in other words than the product's."""
    member, y = (frame["g"] == value).astype(int), frame["y"]
    n, x, positive, both = len(frame), member.sum(), y.sum(), (member & y).sum()
    disagree = (member != y).mean()
    covariance = both / n - x * positive / n**2
    agreeing = n**2 - n - 2 * (n * (n - 1) * disagree + n**2 * covariance)
    return {
        "dp": y[member == 1].mean(),
        "sdc": f1_score(y, member) / 2,
        "ji": jaccard_score(y, member),
        "llr": np.log(both) - np.log(positive),
        "pmi": np.log(both) - np.log(x),
        "n_pmi_y": np.emath.logn(positive / n, both / x),
        "n_pmi_xy": np.emath.logn(both / n, both / x),
        "s_pmi": np.log(both / x) + np.log(both / positive),
        "krc": agreeing / (n**2 * member.std(ddof=0) * y.std(ddof=0)),
        "t_test": np.cov(member, y, bias=True)[0, 1] / np.sqrt(x * positive / n**2),
    }


@LAWS
@given(frames())
def test_feature_balance_is_the_gap_of_associations(frame):
    found = balance(frame, sensitive_features=["g"], y_true="y").to_pandas("feature_balance")
    table = found.set_index(["group", "versus"])
    single = {value: association(frame, value) for value in "abc"}
    for b, a in combinations("abc", 2):
        for name, first in single[a].items():
            gap = first - single[b][name]
            assert table.loc[(a, b), name] == pytest.approx(gap, rel=1e-9, abs=1e-9), name


def disparity(frame: pd.DataFrame, value: str, column: str) -> float:
    member, found = frame["g"] == value, 0.0
    for _, part in frame.groupby("c"):
        inside = member[part.index]
        rejected, accepted = inside[part[column] == 0].mean(), inside[part[column] == 1].mean()
        found += len(part) / len(frame) * (rejected - accepted)
    return found


@LAWS
@given(frames())
def test_clarifys_measures_are_scikit_learns_on_each_facet(frame):
    result = balance(
        frame, sensitive_features=["g"], y_true="y", y_pred="p", control_features=["c"]
    )
    before = result.to_pandas("pre_training").set_index("group")
    after = result.to_pandas("post_training").set_index("group")
    for value in "abc":
        d, a = frame[frame["g"] == value], frame[frame["g"] != value]
        q, p = (part["y"].value_counts(normalize=True).sort_index().to_numpy() for part in (d, a))
        middle = jensenshannon(p, q)
        expected = {
            "CI": (len(a) - len(d)) / len(frame),
            "DPL": a["y"].mean() - d["y"].mean(),
            "KL": stats.entropy(p, q),
            "JS": middle**2,
            "LP": np.linalg.norm(p - q),
            "TVD": np.linalg.norm(p - q, 1) / 2,
            "KS": stats.ks_2samp(a["y"], d["y"]).statistic,
            "CDD": disparity(frame, value, "y"),
        }
        for name, wanted in expected.items():
            assert before.loc[value, name] == pytest.approx(wanted, abs=1e-9), name
        (_, fp_d), (fn_d, _) = confusion_matrix(d["y"], d["p"])
        (_, fp_a), (fn_a, _) = confusion_matrix(a["y"], a["p"])

        def gap(score, low=a, high=d, **options):
            return score(low["y"], low["p"], **options) - score(high["y"], high["p"], **options)

        expected = {
            "DPPL": a["p"].mean() - d["p"].mean(),
            "DI": d["p"].mean() / a["p"].mean(),
            "DCAcc": a["y"].sum() / a["p"].sum() - d["y"].sum() / d["p"].sum(),
            "DCRej": (1 - d["y"]).sum() / (1 - d["p"]).sum()
            - (1 - a["y"]).sum() / (1 - a["p"]).sum(),
            "RD": gap(recall_score),
            "SD": -gap(recall_score, pos_label=0),
            "DAR": gap(precision_score),
            "DRR": -gap(precision_score, pos_label=0),
            "AD": gap(accuracy_score),
            "TE": fn_d / fp_d - fn_a / fp_a,
            "CDDPL": disparity(frame, value, "p"),
        }
        for name, wanted in expected.items():
            assert after.loc[value, name] == pytest.approx(wanted, abs=1e-9), name
    benefit = (frame["p"] - frame["y"] + 1).to_numpy(float)
    entropy = np.mean((benefit / benefit.mean()) ** 2 - 1) / 2
    assert result.to_pandas("overall")["GE"][0] == pytest.approx(entropy, abs=1e-9)


@LAWS
@given(frames(), st.integers(0, 2**32 - 1))
def test_lifts_distances_are_those_of_the_rows_scores_included(frame, seed):
    frame = frame.assign(score=np.random.default_rng(seed).random(len(frame)))
    result = balance(frame, sensitive_features=["g"], y_true="y", y_pred="p", score="score")
    table = result.to_pandas("parity").set_index(["outcome", "group", "versus"])
    for outcome, column in (("label", "y"), ("prediction", "p"), ("score", "score")):
        rate = frame.groupby("g")[column].mean()
        by_label = frame.groupby(["g", "y"])[column].mean()
        for b, a in combinations("abc", 2):
            row = table.loc[(outcome, a, b)]
            assert row["demographic_parity"] == pytest.approx(abs(rate[a] - rate[b]), abs=1e-9)
            if outcome != "label":
                wanted = [abs(by_label[a, y] - by_label[b, y]) for y in (1, 0)]
                found = [row["equalized_odds_positive"], row["equalized_odds_negative"]]
                assert found == pytest.approx(wanted, abs=1e-9)
    joint = frame.groupby(["y", "g"]).size().to_numpy()
    found = result.to_pandas("divergence").set_index("outcome").loc["label", "js_divergence_bits"]
    wanted = jensenshannon(joint, np.ones(len(joint)), base=2) ** 2
    assert found == pytest.approx(wanted, abs=1e-9)
    inequality = result.to_pandas("inequality").set_index("outcome")
    for outcome, score in (("precision", precision_score), ("recall", recall_score)):
        rates = [score(part["y"], part["p"]) for _, part in frame.groupby("g")]
        variation = inequality.loc[outcome, "coefficient_of_variation"]
        assert variation == pytest.approx(stats.variation(rates), abs=1e-9)
