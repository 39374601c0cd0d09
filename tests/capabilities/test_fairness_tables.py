"""Comparisons, sample sizes, searches, suppression and drift against independent formulas."""

from __future__ import annotations

import json
from itertools import combinations

import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats.contingency import relative_risk

from rai_scale.errors import ConfigError
from rai_scale.fairness import (
    Bootstrap,
    assess_fairness,
    by_window,
    drift,
    four_fifths,
    metric_frame,
    pairwise_table,
    reference_table,
    rows_needed,
    smallest_gap,
    smallest_gaps,
    suppressed,
    window_changes,
    worst_groups,
)
from rai_scale.measures import disparity_table
from rai_scale.measures.metrics import DISPARITIES
from rai_scale.measures.uncertainty.proportions import newcombe, ratio_interval, wilson, z_test
from rai_scale.statistics.suppression import hidden_groups

LABELS = {"y_true": "y", "y_pred": "p"}
RATES = ["selection_rate", "true_positive_rate", "false_positive_rate"]


def people(n: int = 900, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "race": rng.choice(list("ABCD"), n, p=[0.6, 0.25, 0.13, 0.02]),
            "sex": rng.choice(["F", "M"], n),
            "age": rng.choice([30, 50], n),
            "month": rng.choice(["2026-01", "2026-02", "2026-03"], n),
            "y": rng.integers(0, 2, n),
            "w": rng.uniform(0.5, 2, n),
        }
    )
    signal = frame["y"] + rng.normal(0, 0.8, n) - 0.5 * (frame["race"] == "C")
    return frame.assign(p=(signal > 0.5).astype(int), score=np.round(stats.norm.cdf(signal), 2))


@pytest.fixture(scope="module")
def frame():
    return people()


@pytest.fixture(scope="module")
def mf(frame):
    return metric_frame(frame, metrics=RATES, sensitive_features="race", **LABELS)


@given(x=st.integers(0, 40), more=st.integers(0, 40), confidence=st.sampled_from([0.8, 0.95]))
def test_wilson_is_scipys(x, more, confidence):
    n = x + more
    low, high = wilson(np.array([x]), np.array([n]), confidence)
    if n == 0:
        assert np.isnan([low[0], high[0]]).all()
        return
    expected = stats.binomtest(x, n).proportion_ci(confidence, "wilson")
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_newcombes_published_interval():
    # Newcombe (1998), table II, method 10: 56/70 against 48/80, and 9/10 against 3/10
    assert newcombe(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert newcombe(9, 10, 3, 10) == pytest.approx((0.1705, 0.8090), abs=1e-4)


def test_ratio_and_z_are_scipys():
    low, high = ratio_interval(30, 100, 45, 120)
    expected = relative_risk(30, 100, 45, 120).confidence_interval(0.95)
    assert (low, high) == pytest.approx(tuple(expected))
    z, p = z_test(30, 100, 45, 120)
    table = [[30, 70], [45, 75]]
    assert z**2 == pytest.approx(stats.chi2_contingency(table, correction=False).statistic)
    assert p == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)


@pytest.mark.parametrize("reference", ["largest", "best", "B"])
def test_reference_table(frame, mf, reference):
    table = reference_table(mf, reference)
    by_group = mf.by_group
    for row in table.itertuples():
        column = by_group[row.metric]
        best = column.idxmin() if row.metric == "false_positive_rate" else column.idxmax()
        wanted = {"largest": "A", "best": best, "B": "B"}[reference]
        assert row.reference == wanted
        assert row.difference == column[row.group] - column[wanted]
        assert row.ratio == column[row.group] / column[wanted]
        assert row.low <= row.difference <= row.high
        assert row.p_holm >= row.p_value
    assert len(table) == 3 * 3
    assert table["flags"].str.contains("small group").sum() >= 3


def test_pairwise_table(mf):
    table = pairwise_table(mf)
    pairs = list(combinations("ABCD", 2))
    rates = table[table["metric"] == "selection_rate"]
    assert list(zip(rates["group_a"], rates["group_b"], strict=True)) == pairs
    assert rates["difference"].abs().max() == pytest.approx(mf.difference()["selection_rate"])


def test_what_cannot_be_a_reference(mf):
    with pytest.raises(ConfigError, match="not a group. Did you mean 'largest'"):
        reference_table(mf, "larges")


def test_four_fifths(frame, mf):
    table = four_fifths(mf).set_index("group")
    rates = frame.groupby("race")["p"].mean()
    assert table["selection_rate"].to_dict() == rates.to_dict()
    assert table["ratio"].min() == fm.demographic_parity_ratio(
        frame["y"], frame["p"], sensitive_features=frame["race"]
    )
    assert list(table.index[table["below"]]) == list(rates.index[rates / rates.max() < 0.8])
    assert set(table["reference"]) == {rates.idxmax()}
    large = four_fifths(mf, min_rows=30)
    assert set(large["reference"]) == {rates.drop("D").idxmax()}


def test_exactly_four_fifths_is_enough():
    rows = pd.DataFrame({"g": list("A" * 10 + "B" * 10), "p": [1, 0] * 5 + [1, 1, 0, 0, 0] * 2})
    found = metric_frame(
        rows.assign(y=rows["p"]), metrics=["selection_rate"], sensitive_features="g", **LABELS
    )
    assert four_fifths(found)[["ratio", "below"]].to_numpy().tolist() == [
        [1.0, False],
        [0.8, False],
    ]


def test_four_fifths_by_control_level(frame):
    options = {"metrics": ["accuracy_score"], "sensitive_features": "race", **LABELS}
    table = four_fifths(metric_frame(frame, control_features="sex", **options))
    for sex, part in table.groupby("sex"):
        own = frame[frame["sex"] == sex].groupby("race")["p"].mean()
        assert part.set_index("group")["ratio"].to_dict() == pytest.approx(dict(own / own.max()))


def test_rows_needed_has_the_power_it_promises():
    n = rows_needed(0.1, 0.5)
    assert n == 388  # Fleiss, Levin & Paik (2003), table A.3 without its correction
    rng = np.random.default_rng(0)
    x, y = rng.binomial(n, 0.5, 20_000), rng.binomial(n, 0.6, 20_000)
    found = (z_test(x, n, y, n)[1] < 0.05).mean()
    assert found == pytest.approx(0.8, abs=0.015)
    assert smallest_gap(0.5, n, n) == pytest.approx(0.1, abs=5e-4)


@given(rate=st.floats(0.05, 0.95), rows=st.integers(30, 5000), more=st.integers(1, 4000))
@settings(max_examples=60, deadline=None)
def test_more_rows_show_smaller_gaps(rate, rows, more):
    one, other = smallest_gap(rate, rows, 5000), smallest_gap(rate, rows + more, 5000)
    assert np.isnan(one) or other <= max(one, rate, 1 - rate)
    both = [smallest_gap(rate, 10**6, 10**6), smallest_gap(rate, 10**4, 10**4)]
    assert both[0] < both[1]


@pytest.mark.parametrize("wrong", [(0.6, 0.5), (0.0, 0.5), (0.1, 1.2), (0.1, 0.5, 0.01)])
def test_gaps_that_cannot_be(wrong):
    with pytest.raises(ConfigError):
        rows_needed(*wrong)


def test_smallest_gaps(frame, mf):
    table = smallest_gaps(mf).set_index(["metric", "group"])
    positives = frame[frame["y"] == 1]
    row = table.loc[("true_positive_rate", "C")]
    others = positives[positives["race"] != "C"]
    assert row["rows"] == (positives["race"] == "C").sum()
    assert row["rate_of_others"] == pytest.approx(others["p"].mean())
    assert table.loc[("selection_rate", "A"), "smallest_gap"] < 0.12


@pytest.mark.parametrize("metric", ["true_positive_rate", "f1_score"])
def test_worst_groups_are_fairlearns_values(frame, metric):
    features = ["race", "sex", "age"]
    mf = metric_frame(frame, metrics=[metric], sensitive_features=features, **LABELS)
    table = worst_groups(mf, metric, depth=3, min_rows=20)
    expected = {}
    for size in (1, 2, 3):
        for names in combinations(features, size):
            alone = fm.MetricFrame(
                metrics={"m": mf.measured.metrics[0].function, "n": fm.count},
                y_true=frame["y"],
                y_pred=frame["p"],
                sensitive_features=frame[list(names)],
            ).by_group
            for levels, row in alone[alone["n"] >= 20].iterrows():
                key = levels if isinstance(levels, tuple) else (levels,)
                said = (f"{n} = {v}" for n, v in zip(names, key, strict=True))
                expected[", ".join(said)] = row["m"]
    assert dict(zip(table["group"], table["value"], strict=True)) == pytest.approx(expected)
    distance = table["distance"].abs()
    assert distance.is_monotonic_decreasing
    assert set(table["searched"]) == {len(expected)}
    if metric == "true_positive_rate":
        low, high = wilson(*_counts(frame, "C"), 1 - 0.05 / len(expected))
        row = table.set_index("group").loc["race = C"]
        assert (row["low"], row["high"]) == pytest.approx((float(low), float(high)))
        assert row["worse"]
        assert list(table["sure"]) == list(table["p_holm"] < 0.05)
    else:
        assert table["low"].isna().all()


def _counts(frame, race):
    positives = frame[(frame["race"] == race) & (frame["y"] == 1)]
    return positives["p"].sum(), len(positives)


@pytest.mark.full
def test_worst_groups_are_rarely_sure_where_there_is_nothing():
    sure = 0
    for seed in range(40):
        frame = people(400, seed).assign(p=np.random.default_rng(seed).integers(0, 2, 400))
        mf = metric_frame(
            frame, metrics=["selection_rate"], sensitive_features=["race", "sex", "age"], **LABELS
        )
        sure += worst_groups(mf, "selection_rate", depth=3)["sure"].any()
    assert sure <= 5  # 2 expected


def test_worst_groups_refuse(mf):
    with pytest.raises(ConfigError, match="Did you mean 'selection_rate'"):
        worst_groups(mf, "selection_rat")
    with pytest.raises(ConfigError, match="depth must be"):
        worst_groups(mf, "selection_rate", depth=4)


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60)),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 40),
)
@settings(deadline=None)
def test_no_hidden_group_follows_from_its_total(rows, least):
    index = pd.MultiIndex.from_product([range(len(rows)), list("ABCD")], names=["c", "g"])
    counts = pd.Series([n for row in rows for n in row], index)
    hidden = hidden_groups(counts, least, ["c"])
    assert set(hidden[(counts > 0) & (counts < least)]) <= {"small"}
    assert (hidden[counts >= least] != "small").all()
    assert (hidden[counts == 0] == "").all()
    for level, part in hidden.groupby(level="c"):
        secret = (part != "").sum()
        alone = (counts.loc[level] > 0).sum() == 1
        assert secret != 1 or alone


def test_suppressed(frame, mf):
    found = suppressed(mf, 50)
    assert list(found.hidden) == ["", "", "complementary", "small"]
    assert found.by_group.isna().all(axis=1).tolist() == [False, False, True, True]
    assert "1 more so that no hidden group follows" in found.note
    pair = mf.by_group.loc[["A", "B"]]
    pd.testing.assert_series_equal(found.difference, pair.max() - pair.min())
    assert suppressed(mf, 0).note == ""
    pd.testing.assert_series_equal(suppressed(mf, 0).difference, mf.difference())
    pd.testing.assert_series_equal(suppressed(mf, 0).ratio, mf.ratio())


@pytest.mark.parametrize("weight", [None, "w"])
def test_named_disparities_are_fairlearns(frame, weight):
    names = [n for n in DISPARITIES if n.split("_score")[0] not in ("roc_auc", "r2")]
    names = [n for n in names if not n.startswith(("log_loss", "mean_", "balanced", "f1"))]
    measured = ["accuracy_score", "zero_one_loss", "precision_score", "recall_score", *RATES]
    measured += ["false_negative_rate", "true_negative_rate"]
    mf = metric_frame(
        frame, metrics=measured, sensitive_features="race", sample_weight=weight, **LABELS
    )
    table = disparity_table(mf, names).set_index("disparity")
    extra = {} if weight is None else {"sample_weight": frame[weight]}
    for name in names:
        wanted = DISPARITIES[name](
            frame["y"], frame["p"], sensitive_features=frame["race"], **extra
        )
        exact = wanted if weight is None else pytest.approx(wanted, rel=1e-12)
        assert table.loc[name, "value"] == exact, name
    assert table["low"].isna().all()
    assert len(names) > 20


def test_bounds_of_disparities(frame):
    options = {"bootstrap": Bootstrap(200), **LABELS}
    mf = metric_frame(frame, metrics=RATES, sensitive_features="race", **options)
    names = ["equalized_odds_difference", "true_positive_rate_difference"]
    names += ["false_positive_rate_difference", "selection_rate_ratio", "selection_rate_group_min"]
    table = disparity_table(mf, names).set_index("disparity")
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
    odds, parts = table.iloc[0], table.iloc[1:3]
    assert odds["value"] == parts["value"].max()
    assert odds["high"] >= parts["high"].max()  # both hold at once
    assert odds["metrics"] == "true_positive_rate, false_positive_rate"


def test_drift(frame, tmp_path):
    later = people(900, seed=1)
    later.loc[later["race"] == "B", "p"] = 1
    later = later[later["race"] != "D"]
    options = {"sensitive_features": "race", "metrics": ["selection_rate"], **LABELS}
    before, now = metric_frame(frame, **options), metric_frame(later, **options)
    table = drift(before, now).set_index("group")
    assert (
        table.loc["B", "change"] == now.by_group.loc["B"].iloc[0] - before.by_group.loc["B"].iloc[0]
    )
    x = [later.loc[later["race"] == "A", "p"], frame.loc[frame["race"] == "A", "p"]]
    z, p = z_test(x[0].sum(), len(x[0]), x[1].sum(), len(x[1]))
    assert tuple(table.loc["A", ["z", "p_value"]]) == pytest.approx((float(z), float(p)))
    assert table["p_holm"].lt(0.05).to_dict() == {"A": False, "B": True, "C": False, "D": False}
    assert table.loc["D", "status"] == "gone"
    assert drift(now, before).set_index("group").loc["D", "status"] == "new group"
    result = assess_fairness(frame, bootstrap=None, disparities=[], **options)
    path = tmp_path / "fairness.json"
    path.write_text(result.to_json())
    for earlier in (result, json.loads(result.to_json()), path):
        pd.testing.assert_frame_equal(drift(earlier, now).set_index("group"), table)
    path.write_text("[]")
    with pytest.raises(ConfigError, match="is not the fairness.json"):
        drift(path, now)
    other = metric_frame(frame, **{**options, "sensitive_features": "sex"})
    with pytest.raises(ConfigError, match="different features"):
        drift(other, now)


def test_windows(frame):
    mf = by_window(frame, "month", metrics=["selection_rate"], sensitive_features="race", **LABELS)
    table = window_changes(mf)
    rates = frame.groupby(["month", "race"])["p"].mean()
    for row in table.itertuples():
        assert row.current == rates.get((row.month, row.group), np.nan) or np.isnan(row.current)
    assert list(dict.fromkeys(table["month"])) == ["2026-02", "2026-03"]
    expected = rates["2026-03"]["A"] - rates["2026-02"]["A"]
    last = table[table["month"] == "2026-03"].set_index("group")
    assert last.loc["A", "change"] == pytest.approx(expected)


def test_features_may_be_called_as_columns_of_the_tables_are(frame):
    renamed = frame.rename(columns={"race": "group", "sex": "metric"})
    result = assess_fairness(
        renamed, sensitive_features=["group"], control_features="metric", bootstrap=None, **LABELS
    )
    plain = assess_fairness(
        frame, sensitive_features=["race"], control_features="sex", bootstrap=None, **LABELS
    )
    assert {"group_", "metric_"} <= set(result.tables["by_group"])
    assert list(result.tables["by_group"]["value"]) == list(plain.tables["by_group"]["value"])
    assert result.metrics() == plain.metrics()
