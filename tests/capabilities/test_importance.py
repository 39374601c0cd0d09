"""Averages of explanations: numpy's and scipy's own numbers, per group, however rows are cut."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import f_oneway, t
from sklearn.ensemble import RandomForestClassifier

from rai_scale.engines import engine_named
from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.explanations import ValueSampling, explain, importance
from rai_scale.explanations.local.reasons import add_reasons, number_text
from rai_scale.models import Model
from rai_scale.statistics.multiple_tests import holm

RNG = np.random.default_rng(13)
SITE = RNG.choice(["n", "s", "w"], 300, p=[0.5, 0.3, 0.2])
ROWS = pd.DataFrame(
    {
        "age": RNG.integers(20, 80, 300),
        "shap_age": RNG.normal(size=300) + (SITE == "w"),
        "shap_income": RNG.normal(size=300) * 0.1 + 5,
        "site": SITE,
        "w": RNG.random(300) + 0.5,
    }
)
LOCAL = engine_named("local")


@pytest.fixture(scope="module")
def weighted():
    return importance(ROWS, sensitive_features="site", sample_weight="w")


def cut(parts: int = 3, rows: pd.DataFrame = ROWS):
    return LOCAL.from_arrow(pa.Table.from_pandas(rows, preserve_index=False), parts)


def test_means_and_intervals_of_all_rows():
    found = importance(cut()).overall.set_index("feature").loc["age"]
    size = ROWS["shap_age"].abs()
    error = size.std(ddof=1) / np.sqrt(300)
    assert found["mean_abs"] == pytest.approx(size.mean(), rel=1e-13)
    assert found["std_error"] == pytest.approx(error, rel=1e-12)
    assert found["upper"] == pytest.approx(size.mean() + t.ppf(0.975, 299) * error, rel=1e-12)
    assert found["mean"] == pytest.approx(ROWS["shap_age"].mean(), rel=1e-12)
    assert found["rows"] == 300


def test_groups_are_compared_as_scipy_does():
    found = importance(cut(), sensitive_features="site")
    table = found.groups.set_index(["site", "feature"])
    for name, group in ROWS.groupby("site"):
        mean = table.loc[(name, "income"), "mean_abs"]
        assert mean == pytest.approx(group["shap_income"].mean(), rel=1e-13)
    tests = found.differences.set_index(["of", "feature"])
    for kind, values in [("mean_abs", ROWS["shap_age"].abs()), ("mean", ROWS["shap_age"])]:
        expected = f_oneway(*(values[s == SITE] for s in "nsw"), equal_var=False)
        ours = tests.loc[(kind, "age")]
        assert ours["statistic"] == pytest.approx(expected.statistic, rel=1e-9)
        assert ours["p_value"] == pytest.approx(expected.pvalue, rel=1e-9)
    assert tests.loc[("mean", "age"), "p_adjusted"] == found.p_value < 1e-6
    assert tests.loc[("mean", "income"), "p_adjusted"] > 0.05
    json.dumps(found.to_dict(), allow_nan=False)
    whole = importance(cut()).overall
    pd.testing.assert_frame_equal(found.overall, whole, rtol=1e-12)


@settings(max_examples=4, deadline=None)
@given(st.integers(1, 7), st.integers(0, 100))
def test_any_cut_and_order_gives_the_same(weighted, parts, seed):
    shuffled = ROWS.sample(frac=1, random_state=seed)
    found = importance(cut(parts, shuffled), sensitive_features="site", sample_weight="w")
    pd.testing.assert_frame_equal(found.groups, weighted.groups, check_dtype=False, rtol=1e-12)
    pd.testing.assert_frame_equal(found.differences, weighted.differences, rtol=1e-9)


def test_whole_weights_move_means_as_repeated_rows_do():
    twice = pd.concat([ROWS, ROWS[ROWS["site"] == "n"]])
    weighted = importance(ROWS.assign(w=1 + (SITE == "n")), sample_weight="w").overall
    assert np.allclose(weighted["mean_abs"], importance(twice).overall["mean_abs"], rtol=1e-12)
    equal = importance(ROWS.assign(w=2.0), sample_weight="w").overall
    assert np.allclose(equal["std_error"], importance(ROWS).overall["std_error"], rtol=1e-12)


def test_errors_of_sampled_explanations_widen_the_interval():
    sampled = ROWS.assign(shap_error_age=0.4, shap_error_income=0.0)
    found = importance(sampled).overall.set_index("feature")
    plain = importance(ROWS).overall.set_index("feature")
    assert list(found.index) == ["age", "income"]
    size = found.loc["age", "mean_abs"]
    rows_alone = plain.loc["age", "upper"] - size
    assert found.loc["age", "sampling_error"] == pytest.approx(
        0.2
    )  # an error is two standard errors
    assert found.loc["age", "upper"] - size == pytest.approx(np.hypot(rows_alone, 0.4), rel=0.02)
    assert found.loc["income", "upper"] == plain.loc["income", "upper"]


def test_replicates_say_how_far_the_mean_of_sampled_values_is_off():
    shifts = np.array([-0.3, 0.1, 0.0, 0.2])  # of all rows alike, as designs are shared
    copies = {f"shap_replicate{k + 1}_age": ROWS["shap_age"] + s for k, s in enumerate(shifts)}
    sampled = ROWS.drop(columns="shap_income").assign(shap_error_age=0.1, **copies)
    found = importance(sampled).overall
    assert found["feature"].tolist() == ["age"]
    rows_alone = ROWS["shap_age"].std() / np.sqrt(300)
    expected = np.hypot(rows_alone, shifts.std(ddof=1) / 2)
    assert found["mean_std_error"][0] == pytest.approx(expected, rel=1e-9)
    sign = np.sign(ROWS["shap_age"]).mean()
    assert found["sampling_error"][0] == pytest.approx(abs(sign) * shifts.std(ddof=1) / 2, rel=1e-9)
    assert "age" in add_reasons(sampled, top=3)["reasons"][0]
    assert ";" not in add_reasons(sampled, top=3)["reasons"][0]
    with pytest.raises(ConfigError, match="others have none"):
        importance(sampled.assign(shap_income=1.0))


def test_columns_of_a_class_of_sampled_explanations_are_found():
    rows = pd.DataFrame(RNG.normal(size=(60, 7)), columns=list("abcdefg"))
    label = np.digitize(rows["a"] * rows["b"] + rows["c"], [-0.4, 0.4])
    forest = RandomForestClassifier(5, max_depth=4, random_state=0).fit(rows, label)
    explained = explain(cut(2, rows), forest, features=list(rows), background=rows[:8], method="kernel_shap", sampling=ValueSampling(max_evals=40, replicates=True))  # fmt: skip
    found = importance(explained, prefix="shap_2_")
    table = LOCAL.collect(explained).to_pandas()
    assert found.features == tuple("abcdefg")
    for name, size in found.metrics().items():
        assert size == pytest.approx(table[f"shap_2_{name}"].abs().mean(), rel=1e-12)
    copies = np.array([table[f"shap_replicate{k}_2_a"].mean() for k in range(1, 5)])
    rows_alone = table["shap_2_a"].std() / np.sqrt(60)
    expected = np.hypot(rows_alone, copies.std(ddof=1) / 2)
    assert found.overall["mean_std_error"][0] == pytest.approx(expected, rel=1e-9)


def test_names_of_classes_and_features_may_begin_alike():
    frame = pd.DataFrame(RNG.normal(size=(20, 3)), columns=["income", "error_income", "age"])

    def predict(given: pd.DataFrame) -> np.ndarray:
        return np.column_stack([given["income"], given["age"] * 2, given["error_income"]])

    features, labels = list(frame), ["high", "high_risk", "low"]
    explained = explain(frame, Model(predict, classes=labels), features=features, background=frame)
    for label in labels:
        found = importance(explained, prefix=f"shap_{label}_", features=features)
        assert found.features == tuple(features)
        for name, size in found.metrics().items():
            assert size == pytest.approx(explained[f"shap_{label}_{name}"].abs().mean())
    said = add_reasons(explained, 3, "shap_high_", features=features)["reasons"]
    assert all(text.startswith("income ") and "risk" not in text for text in said)
    assert "risk_age" in importance(explained, prefix="shap_high_").features
    with pytest.raises(MissingColumnError, match="shap_low_wage"):
        importance(explained, prefix="shap_low_", features=["wage"])
    with pytest.raises(ConfigError, match="features must list at least one"):
        importance(explained, features=[])


def test_the_same_on_each_engine(cluster_case):
    whole = importance(ROWS, sensitive_features="site")
    frame = cluster_case.make(pa.Table.from_pandas(ROWS, preserve_index=False), 3)
    found = importance(frame, sensitive_features="site")
    pd.testing.assert_frame_equal(found.groups, whole.groups, check_dtype=False, rtol=1e-12)
    said = cluster_case.rows(add_reasons(frame, top=1))
    expected = add_reasons(ROWS, top=1)["reasons"]
    assert sorted(row["reasons"] for row in said) == sorted(expected)


def test_small_groups_and_groups_without_spread():
    rows = pd.DataFrame({"shap_x": [1.0, 1.0, 1.0, 1.0, 3.0], "g": list("aabbc")})
    found = importance(rows, sensitive_features="g")
    assert np.isnan(found.groups["std_error"].iloc[-1])
    assert found.differences["p_value"].tolist() == [1.0, 1.0]
    assert found.to_dict()["groups"][2]["std_error"] is None
    alone = importance(rows.head(2), sensitive_features="g")
    assert np.isnan(alone.p_value)


def test_holm_is_monotone_and_bounded():
    adjusted = holm(np.array([0.01, np.nan, 0.04, 0.03, 0.9]))
    assert np.allclose(adjusted, [0.04, np.nan, 0.09, 0.09, 0.9], equal_nan=True)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"prefix": "lime_"}, ConfigError, "starts with 'lime_'"),
        ({"sensitive_features": "sites"}, MissingColumnError, "Did you mean 'site'"),
        ({"confidence": 1.0}, ConfigError, "between 0 and 1"),
        ({"sample_weight": "hole"}, ConfigError, "weights in column .hole."),
        ({"prefix": "hole_"}, ConfigError, "no explanation"),
    ],
)
def test_what_cannot_be_averaged_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        importance(ROWS.assign(hole=np.nan, hole_age=ROWS["w"].where(ROWS["w"] > 0.6)), **options)


def test_reasons_read_as_a_person_would_say_them():
    rows = pd.DataFrame(
        {
            "income": [23000, 500], "age": [41.5, np.nan], "site": ["north", None],
            "shap_income": [-0.1234, 0.0], "shap_age": [0.05, -2.0], "shap_site": [0.0, 0.125],
        }
    )  # fmt: skip
    found = add_reasons(rows, top=2)["reasons"].tolist()
    assert found == [
        "income 23,000 lowers the score by 0.12; age 41.5 raises the score by 0.05",
        "age (missing) lowers the score by 2; site (missing) raises the score by 0.12",
    ]
    keys = add_reasons(rows[["shap_age"]], column="why", score_name="the risk")["why"]
    assert keys.tolist() == ["age raises the risk by 0.05", "age lowers the risk by 2"]


def test_rows_without_reasons_or_explanation():
    rows = pd.DataFrame({"shap_a": [0.0, np.nan], "shap_b": [0.0, np.nan]})
    assert add_reasons(rows)["reasons"].tolist()[0] == "no feature moves the score"
    assert add_reasons(rows)["reasons"].isna().tolist() == [False, True]
    classes = pd.DataFrame({"shap_no_a": [1.0], "shap_yes_a": [-1.0], "a": [True]})
    assert add_reasons(classes, prefix="shap_yes_")["reasons"][0] == "a yes lowers the score by 1"
    with pytest.raises(ConfigError, match="already has"):
        add_reasons(rows.assign(reasons=""))
    with pytest.raises(ConfigError, match="at least 1"):
        add_reasons(rows, top=0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567.0, "1,234,567"), (12345.678, "12,346"), (0.00012345, "0.0001234"),
        (1e-12, "1e-12"), (float(Decimal("2.50")), "2.5"), (1e20, "1e+20"), (-3.0, "-3"),
    ],
)  # fmt: skip
def test_numbers_are_readable(value, text):
    assert number_text(value, 4) == text
