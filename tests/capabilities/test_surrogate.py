from __future__ import annotations

import dask.dataframe as dd
import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score

from rai_scale.error_analysis import surrogate, what_if
from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.explanations import explain, importance
from rai_scale.glassbox import train_ebm

RNG = np.random.default_rng(0)
N = 1200
X = pd.DataFrame(RNG.normal(size=(N, 3)), columns=["a", "b", "c"]).assign(n=np.arange(N) % 4)
NAMES = list(X)
Y = (X["a"] * X["b"] + X["c"] > 0).astype(int)
FOREST = RandomForestClassifier(20, random_state=0).fit(X, Y)


@pytest.mark.parametrize("kind", ["lightgbm", "tree"])
def test_the_fidelity_is_r2_on_rows_that_were_not_fitted_and_the_explanations_add_up(kind):
    cohorts = {"high": "c > 0", "none": "c > 99"}
    made = surrogate(X, FOREST, features=NAMES, kind=kind, cohorts=cohorts, least_fidelity=0.1)
    table = made.fidelity.set_index("cohort")
    assert made.fitted_rows + table.loc["all rows", "rows"] == N
    everything = r2_score(FOREST.predict_proba(X)[:, 1], made.model.predict(X))
    assert table.loc["all rows", "r2"] < everything  # with the rows that it was fitted on
    assert 0 < table.loc["high", "rows"] < table.loc["all rows", "rows"]
    assert table.loc["none", "rows"] == 0
    assert np.isnan(table.loc["none", "r2"])
    explained = made.explain(X.head(50), explain)
    values = explained[[f"shap_{name}" for name in NAMES]].sum(axis=1)
    expected = made.model.predict(X.head(50))
    assert np.allclose(values + explained["base_value"], expected, atol=1e-9)
    assert set(explained["surrogate_fidelity"]) == {made.r2}
    assert set(explained["explained_by"]) == {"tree_shap"}
    assert set(importance(explained, features=NAMES).to_pandas()["feature"]) == set(NAMES)


def test_a_surrogate_with_too_little_fidelity_explains_nothing():
    made = surrogate(X, FOREST, features=NAMES, kind="linear", least_fidelity=0.95)
    assert made.r2 < 0.95
    with pytest.raises(ConfigError, match=r"fidelity .* of 0\.\d+, and least_fidelity is 0.95"):
        made.explain(X.head(5), explain)


def test_a_linear_surrogate_of_a_linear_model_is_the_model():
    model = LinearRegression().fit(X, X["a"] * 2 - X["c"])
    made = surrogate(X, model, features=NAMES, kind="linear")
    assert made.r2 == pytest.approx(1)
    assert np.isnan(made.fidelity["agreement"][0])
    shap = made.explain(X.head(20), explain)
    assert np.allclose(shap["shap_b"], 0, atol=1e-9)


@pytest.mark.full
def test_an_ebm_is_fitted_by_the_function_that_is_passed():
    made = surrogate(X, FOREST, features=NAMES, kind="ebm", train=train_ebm)
    assert made.r2 > 0.3
    with pytest.raises(ConfigError, match="train_ebm"):
        surrogate(X, FOREST, features=NAMES, kind="ebm")


def test_a_surrogate_of_times_or_of_many_classes_is_refused():
    with pytest.raises(ConfigError, match="Did you mean 'tree'"):
        surrogate(X, FOREST, features=NAMES, kind="trees")
    many = LogisticRegression().fit(X, X["n"])
    with pytest.raises(ConfigError, match="explain_class"):
        surrogate(X, many, features=NAMES)
    times = X.assign(n=pd.Timestamp("2026-01-01"))
    with pytest.raises(ConfigError, match="needs numbers"):
        surrogate(times, lambda rows: rows["a"] * 1.0, features=NAMES)


@pytest.mark.parametrize(
    "kind",
    ["lightgbm", *(pytest.param(k, marks=pytest.mark.full) for k in ("tree", "linear"))],
)
def test_text_is_a_category_and_engines_give_the_same(kind):
    shift = {"u": 0.0, "v": 2.0, "w": -1.0}
    rows = X[["a", "c"]].assign(city=np.array(list(shift))[X["n"] % 3])

    def model(given):
        return given["a"] * 0.5 + given["city"].map(shift).astype(float)

    options = {"features": ["a", "c", "city"], "kind": kind}
    made = surrogate(rows, model, **options)
    assert made.r2 > 0.9
    explained = made.explain(rows.head(30), explain)
    total = explained[["shap_a", "shap_c", "shap_city"]].sum(axis=1) + explained["base_value"]
    assert np.allclose(total, model(rows.head(30)), atol=1.0)
    assert explained.groupby(rows["city"])["shap_city"].mean().idxmax() == "v"
    if kind in ("lightgbm", "tree"):
        assert set(explained["explained_by"]) == {"tree_shap"}
        for frame in (dd.from_pandas(rows, npartitions=3), duckdb.from_df(rows)):
            other = surrogate(frame, model, **options)
            pd.testing.assert_frame_equal(other.fidelity, made.fidelity)


def test_what_if_equals_the_model_on_changed_rows():
    rows = X.head(4)
    grid = {"n": [0, 3], "c": [-1.0, 0.0, 1.0]}
    found = what_if(FOREST, rows, {"a": lambda given: given["a"] + 1}, grid)
    table = found.predictions
    assert len(table) == 4 * 6 == found.totals()["predictions"]
    for _, row in table.iterrows():
        one = rows.iloc[[row["row"]]].assign(n=row["to_n"], c=row["to_c"])
        one["a"] += 1
        assert row["after"] == FOREST.predict_proba(one)[0, 1]
        assert row["before"] == FOREST.predict_proba(rows.iloc[[row["row"]]])[0, 1]
    assert np.allclose(table["change"], table["after"] - table["before"])


def test_what_if_keeps_types_and_refuses_what_does_not_fit():
    rows = X.head(3)
    assert what_if(FOREST, rows, {"n": 2}).predictions["to_n"].dtype == rows["n"].dtype
    assert what_if(FOREST, rows, {"n": 2.5}).predictions["to_n"].tolist() == [2.5] * 3
    with pytest.raises(MissingColumnError):
        what_if(FOREST, rows, {"aa": 1})
    for changes, grid, said in (
        (None, None, "at least one"),
        ({"a": 1}, {"a": [1]}, "once"),
        ({"a": [1, 2]}, None, "2 values for 3 rows"),
        ({"a": "high"}, None, "another one"),
        (None, {"a": []}, "empty"),
    ):
        with pytest.raises(ConfigError, match=said):
            what_if(FOREST, rows, changes, grid)
