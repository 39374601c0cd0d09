"""Partial dependence and ICE: scikit-learn's and interpret's own, however the rows are cut."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from interpret.blackbox import PartialDependence
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import partial_dependence as by_sklearn
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from rai_scale.errors import ConfigError, MissingColumnError, OptionError
from rai_scale.explanations import FeatureGrid, ice, partial_dependence

FEATURES = ["a", "b", "c"]
RNG = np.random.default_rng(7)
ROWS = pd.DataFrame(RNG.normal(size=(150, 3)), columns=FEATURES)
ROWS["c"] = RNG.integers(0, 4, 150).astype(float)
ROWS["w"] = RNG.random(150)
SCORE = ROWS["a"] + ROWS["b"] ** 2 + ROWS["c"]
THREE = np.digitize(SCORE, [1.5, 3.0])
FOREST = RandomForestClassifier(8, max_depth=4, random_state=0).fit(ROWS[FEATURES], THREE)
BINARY = LogisticRegression().fit(ROWS[FEATURES], THREE > 0)


def cut(parts: int = 3, rows: pd.DataFrame = ROWS):
    from rai_scale.engines import engine_named

    return engine_named("local").from_arrow(pa.Table.from_pandas(rows, preserve_index=False), parts)


def test_one_and_two_way_of_each_class_are_those_of_scikit_learn():
    terms = ["a", "c", ("b", "c")]
    found = partial_dependence(
        cut(), FOREST, features=FEATURES, of=terms, grid=FeatureGrid("linspace", points=7)
    )
    for number, term in enumerate(terms):
        expected = by_sklearn(FOREST, ROWS[FEATURES], term, grid_resolution=7, method="brute")
        assert np.abs(found.average(number) - expected["average"]).max() < 1e-12
        for axis, grid in zip(found.terms[number].axes, expected["grid_values"], strict=True):
            assert np.allclose(axis.values, grid, rtol=1e-14, atol=0)
    assert found.labels == ("0", "1", "2")
    assert found.weight == 150


def test_weights_and_a_single_class():
    found = partial_dependence(
        cut(2), BINARY, features=FEATURES, of=["b"], grid=FeatureGrid("linspace"), sample_weight="w"
    )
    expected = by_sklearn(
        BINARY, ROWS[FEATURES], ["b"], grid_resolution=10, sample_weight=ROWS["w"], method="brute"
    )
    assert np.abs(found.average() - expected["average"]).max() < 1e-12
    whole = partial_dependence(cut(), FOREST, features=FEATURES, of=["a"], explain_class=2)
    every = partial_dependence(cut(), FOREST, features=FEATURES, of=["a"])
    assert np.abs(whole.mean[0][:, 0] - every.mean[0][:, 2]).max() < 1e-14


def test_grid_means_and_bounds_are_those_of_interpret():
    given = PartialDependence(BINARY, ROWS[FEATURES])
    found = partial_dependence(cut(), BINARY, features=FEATURES)
    mine = found.to_interpret()
    for number in range(3):
        theirs, ours = given.pdps_[number], mine.data(number)
        assert np.array_equal(ours["names"], theirs["names"])
        for key in ("scores", "upper_bounds", "lower_bounds"):
            assert np.abs(ours[key] - theirs[key]).max() < 1e-9
    assert mine.feature_names == FEATURES
    assert mine.data() is None


def test_the_deviation_of_rows_keeps_its_digits_far_from_zero():
    far = ROWS[FEATURES].assign(a=ROWS["a"] * 1e-3 + 1e6)
    model = LinearRegression().fit(far, far["a"] * 1e3)
    found = partial_dependence(cut(4, far), model, features=FEATURES, of=["b"])
    expected = [
        np.std(model.predict(far.assign(b=value))) for value in found.terms[0].axes[0].values
    ]
    assert np.allclose(found.std[0][:, 0], expected, rtol=1e-6)


def test_lines_of_rows_are_those_of_scikit_learn():
    frame = cut(3, ROWS.assign(key=np.arange(150)))
    found = ice(
        frame,
        FOREST,
        features=FEATURES,
        of=["a", ("b", "c")],
        rows=12,
        key_columns=["key"],
        grid=FeatureGrid("linspace", points=5),
    )
    rows = ROWS.iloc[found.keys["key"]].reset_index(drop=True)
    assert len(rows) == 12
    grids = {
        name: values
        for term in found.terms
        for name, values in zip(term.features, [axis.values for axis in term.axes], strict=True)
    }
    expected = by_sklearn(
        FOREST,
        rows[FEATURES],
        ["a"],
        kind="individual",
        custom_values={"a": grids["a"]},
        method="brute",
    )
    assert np.abs(np.moveaxis(found.lines[0], 2, 0) - expected["individual"]).max() < 1e-12
    two = by_sklearn(
        FOREST, rows[FEATURES], ["b", "c"], kind="individual", method="brute",
        custom_values={"b": grids["b"], "c": grids["c"]},
    )  # fmt: skip
    flat = two["individual"].reshape(3, 12, -1)
    assert np.abs(np.moveaxis(found.lines[1], 2, 0) - flat).max() < 1e-12
    json.dumps(found.to_dict(), allow_nan=False)
    assert len(found.to_pandas()) == 12 * 3 * (5 + 5 * 4)


def test_the_same_on_each_engine_and_however_rows_are_cut(cluster_case):
    options = {"features": FEATURES, "of": ["a", ("a", "c")], "grid": FeatureGrid(points=4)}
    alone = partial_dependence(ROWS, FOREST, **options)
    lines = ice(ROWS, FOREST, rows=6, **options)
    shuffled = pa.Table.from_pandas(ROWS.sample(frac=1, random_state=2), preserve_index=False)
    frame = cluster_case.make(shuffled, 3)
    found = partial_dependence(frame, FOREST, **options)
    for number in range(2):
        assert np.abs(found.mean[number] - alone.mean[number]).max() < 1e-12
        assert np.abs(found.std[number] - alone.std[number]).max() < 1e-9
    again = ice(frame, FOREST, rows=6, **options)
    assert all(np.array_equal(a, b) for a, b in zip(again.lines, lines.lines, strict=True))


def test_categories_text_and_missing_values():
    data = pd.DataFrame(
        {
            "site": RNG.choice(np.array(["n", "s", np.nan], dtype=object), 80),
            "open": RNG.random(80) < 0.5,
            "kind": pd.Categorical(RNG.choice(["x", "y"], 80)),
            "size": np.where(RNG.random(80) < 0.1, np.nan, RNG.normal(size=80)),
        }
    )
    encode = make_column_transformer((OneHotEncoder(), ["site", "open", "kind"]))
    model = make_pipeline(encode, LogisticRegression()).fit(data, RNG.random(80) < 0.5)
    found = partial_dependence(data, model, features=list(data))
    for number, (name, values) in enumerate(
        [("site", ["n", "s"]), ("open", [False, True]), ("kind", ["x", "y"])]
    ):
        assert found.terms[number].axes[0].values.tolist() == values
        for at, value in enumerate(values):
            column = pd.Series([value] * 80, dtype=data[name].dtype)
            expected = model.predict_proba(data.assign(**{name: column}))[:, 1].mean()
            assert found.mean[number][at, 0] == pytest.approx(expected, abs=1e-12)
    described = found.to_dict()["terms"][3]
    assert described["missing"] == [int(data["size"].isna().sum())]
    assert found.to_interpret().data(0)["density"]["scores"].sum() == data["site"].notna().sum()


def test_given_grids_and_results_as_tables():
    found = partial_dependence(
        cut(), FOREST, features=FEATURES, of=["b"], grid=FeatureGrid(values={"b": [0, 1]})
    )
    table = found.to_pandas()
    assert table["value"].tolist() == [0.0, 1.0] * 3
    assert table["class"].tolist() == ["0", "0", "1", "1", "2", "2"]
    expected = FOREST.predict_proba(ROWS[FEATURES].assign(b=1.0))[:, 1].mean()
    assert table["mean"][3] == pytest.approx(expected, abs=1e-12)
    with pytest.raises(ConfigError, match="choose one of the classes"):
        found.to_interpret()
    assert found.to_interpret("2").data(0)["scores"][0] == found.mean[0][0, 2]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"of": [("a", "a")]}, ConfigError, "pairs of them"),
        ({"of": ["d"]}, ConfigError, "pairs of them"),
        ({"sample_weight": "v"}, MissingColumnError, "'v'"),
        ({"sample_weight": "minus"}, ConfigError, "weights are missing or negative"),
    ],
)
def test_what_cannot_be_done_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        partial_dependence(ROWS.assign(minus=-ROWS["w"]), FOREST, features=FEATURES, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "even"}, "unknown grid 'even'"),
        ({"points": 1}, "at least 2; found 1"),
        ({"percentiles": (0.9, 0.1)}, "increasing"),
    ],
)
def test_a_grid_is_checked_when_it_is_made(options, message):
    with pytest.raises(OptionError, match=message):
        FeatureGrid(**options)


def test_quantiles_between_given_percentiles_are_distinct():
    rows = pd.DataFrame({"a": [0.0] * 90 + list(range(1, 41)), "b": RNG.normal(size=130), "c": 0.5})
    grid = FeatureGrid(points=11, percentiles=(0.1, 0.9))
    found = partial_dependence(rows, FOREST, features=FEATURES, of=["a"], grid=grid)
    expected = np.unique(np.percentile(rows["a"], np.linspace(10, 90, 11)))
    np.testing.assert_allclose(found.terms[0].axes[0].values, expected)
