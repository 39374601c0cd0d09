"""Odd inputs of every function: the right result, or one message without values."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rai_scale import read_table
from rai_scale.error_analysis import (
    cohort,
    compare_cohorts,
    error_drift,
    error_heatmap,
    error_tree,
    find_slices,
)
from rai_scale.errors import ConfigError

N = 600
RNG = np.random.default_rng(0)
ROWS = pd.DataFrame({"x": RNG.normal(size=N), "y": RNG.integers(0, 2, N)})
ROWS["p"] = np.where((ROWS["x"] > 1) & (RNG.random(N) < 0.7), 1 - ROWS["y"], ROWS["y"])
SECRET = "Zaphod"
COHORTS = {"first": "k = 0", "second": "k = 1"}


def tree(frame, **options):
    return error_tree(frame, **options).totals()["rows"]


def heatmap(frame, **options):
    feature = options.pop("features")[0]
    return error_heatmap(frame, features=feature, **options).cells["rows"].sum()


def slices(frame, **options):
    return find_slices(frame, min_rows=20, **options).rows


def cohorts(frame, **options):
    frame = frame.assign(k=np.arange(len(frame)) % 2)
    made = compare_cohorts(frame, COHORTS, n_boot=5, **options)
    return made.values["rows"].sum()


def drift(frame, **options):
    return error_drift(frame, frame, **options).totals()["rows_after"]


FUNCTIONS = [tree, heatmap, slices, cohorts, drift]


@pytest.fixture(params=FUNCTIONS, ids=lambda one: one.__name__)
def asked(request):
    return partial(request.param, y_true="y", y_pred="p")


@pytest.mark.parametrize(
    "values",
    [
        {"count": ROWS["x"]},
        {"sum": 7.0},
        {"node": [None] * (N // 2) + [1.0] * (N // 2)},
        {"a b'c\"d": np.where(ROWS["x"] > 0, "it's", "ü")},
        {"flag": ROWS["x"] > 0},
        {"day": np.arange(N) % 7},
    ],
    ids=lambda one: next(iter(one)),
)
def test_odd_names_and_values_are_counted(asked, values):
    (name,) = values
    frame = pd.DataFrame({**values, "y": ROWS["y"], "p": ROWS["p"]})
    assert asked(frame, features=[name]) == N


def test_without_errors_and_with_one_class(asked):
    for frame in (ROWS.assign(p=ROWS["y"]), ROWS.assign(y=1, p=1), ROWS.assign(p=1 - ROWS["y"])):
        assert asked(frame, features=["x"]) == N


def test_labels_of_two_types_are_one_message_without_values(asked):
    for true, pred in (("y", SECRET), (SECRET, "y")):
        frame = ROWS.assign(
            y=ROWS["y"] if true == "y" else SECRET, p=ROWS["y"] if pred == "y" else SECRET
        )
        with pytest.raises(ConfigError, match="two types") as caught:
            asked(frame, features=["x"])
        assert SECRET not in str(caught.value)


def test_missing_labels_are_named_and_no_rows_are_refused(asked):
    with pytest.raises(ConfigError, match=r"missing in 30 of \d+ rows"):
        asked(ROWS.assign(p=ROWS["p"].where(np.arange(N) % 20 != 0)), features=["x"])
    with pytest.raises(ConfigError, match="no rows"):
        asked(ROWS.head(0), features=["x"])


def test_a_feature_without_values_and_infinite_numbers():
    nothing, endless = ROWS.assign(x=np.nan), ROWS.assign(x=np.where(ROWS["x"] > 1, np.inf, -1))
    for frame in (nothing, endless):
        for function in (tree, slices, drift):
            assert function(frame, y_true="y", y_pred="p", features=["x"]) == N
        assert heatmap(frame, y_true="y", y_pred="p", features=["x"]) == N


def test_over_100_000_categories_are_refused_without_values():
    many = pd.DataFrame({"c": [f"{SECRET}{i}" for i in range(100_002)], "y": 0})
    many["p"] = (np.arange(len(many)) % 9 == 0).astype(int)
    for function in (tree, heatmap, slices):
        with pytest.raises(ConfigError, match="more than 1") as caught:
            function(many, y_true="y", y_pred="p", features=["c"])
        assert SECRET not in str(caught.value)


def test_nan_in_a_file_is_a_missing_value(tmp_path):
    """Statistics of Parquet leave NaN out, so that a database may think that there is none."""
    values = np.where(RNG.random(N) < 0.2, np.nan, np.round(ROWS["x"], 1))
    frame = ROWS.assign(x=values, p=np.where(np.isnan(values), 1 - ROWS["y"], ROWS["p"]))
    columns = {name: pa.array(frame[name].to_numpy(), from_pandas=False) for name in frame}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    read, labels = read_table(str(tmp_path / "t.parquet")), {"y_true": "y", "y_pred": "p"}
    for made in (
        lambda f: error_tree(f, **labels, max_depth=2).nodes,
        lambda f: find_slices(f, **labels, min_rows=20).table,
        lambda f: error_heatmap(f, **labels, features="x").cells,
        lambda f: compare_cohorts(f, {"a": "x > 0", "b": "x is null"}, **labels).distributions,
        lambda f: error_drift(f, f, **labels).nodes,
    ):
        pd.testing.assert_frame_equal(made(read), made(frame), check_dtype=False)
    assert [cohort(c).count(read) for c in ("x is null", "x > 0", "not x > 0")] == [
        *(np.isnan(values).sum(), (values > 0).sum(), (~(values > 0)).sum())
    ]
