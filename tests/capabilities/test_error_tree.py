"""The error tree: the guide's wine on every engine, other rows, weights, losses, odd input."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn.metrics as skm
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from rai_scale.error_analysis import METRICS, cohort, error_tree
from rai_scale.error_analysis.trees import features
from rai_scale.errors import ConfigError, MissingColumnError

LABELS = {"y_true": "y", "y_pred": "p"}


@pytest.fixture(scope="module")
def wine() -> pa.Table:
    data = load_wine(as_frame=True)
    train, test, known, y = train_test_split(data.data, data.target, test_size=0.5, random_state=0)
    model = SVC(gamma=0.001, C=100, probability=True, random_state=0).fit(train, known)
    return pa.Table.from_pandas(test.assign(y=y, p=model.predict(test)), preserve_index=False)


def test_the_guides_wine(engine_case, wine):
    tree = error_tree(engine_case.make(wine, 3), **LABELS)
    nodes = tree.nodes[["condition", "rows", "errors"]].to_numpy().tolist()
    low, high = ("malic_acid <= 2.2600000000000002", "malic_acid > 2.2600000000000002")
    assert nodes == [
        ["", 89, 25],
        [low, 53, 6],
        [high, 36, 19],
        [f"{low} and proline <= 622.5000000000001", 21, 0],
        [f"{low} and proline > 622.5000000000001", 32, 6],
    ]
    frame = engine_case.make(wine, 2)
    assert tree.cohort(3).count(frame) == 21
    leaves = [row["error_node"] for row in engine_case.rows(tree.assign(frame))]
    assert sorted(map(leaves.count, (2, 3, 4))) == [21, 32, 36]
    again = tree.on(engine_case.make(wine.slice(0, 40)))
    assert again.nodes["rows"].tolist()[0] == 40
    assert cohort({"and": [{"node": 2}, {"right": False}]}, tree=tree).count(frame) == 19


def table(rows=4000, seed=0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"count": random.integers(0, 50, rows), "x y.z": random.normal(size=rows)})
    frame["kind"] = random.choice(["a", "b", "c's", None], rows)
    frame["flag"] = random.random(rows) < 0.5
    frame["y"] = random.integers(0, 2, rows)
    wrong = random.random(rows) < np.where(frame["kind"].isna() | (frame["count"] > 40), 0.4, 0.1)
    frame["p"] = np.where(wrong, 1 - frame["y"], frame["y"])
    return frame


def test_awkward_columns_and_nulls_add_up(engine_case):
    if engine_case.name in ("spark", "connect"):
        pytest.skip("wine shows Spark")
    frame = table()
    made = engine_case.make(pa.Table.from_pandas(frame), 3)
    tree = error_tree(made, **LABELS, metric="f1_macro")
    nodes = tree.nodes
    assert {"count", "kind"} <= set(nodes["feature"].dropna())
    assert nodes.loc[[1, 2], "significant"].all()
    for node in nodes.itertuples():
        rows = tree.cohort(node.node).filter(frame)
        assert (len(rows), (rows["y"] != rows["p"]).sum()) == (node.rows, node.errors)
        assert node.f1_macro == pytest.approx(skm.f1_score(rows.y, rows.p, average="macro"), 1e-12)
        children = nodes[nodes["parent"] == node.node]
        assert not len(children) or children["rows"].sum() == node.rows
    assert json.loads(tree.to_json())["nodes"][0]["rows"] == len(frame)
    assert "F1 macro: " in tree.to_html()


@pytest.mark.parametrize("metric", METRICS)
def test_metrics_per_node_are_scikit_learns(metric):
    frame = table(600)
    frame["y"] = frame["y"] if metric in list(METRICS)[:15] else frame["y"] * 3.5
    tree = error_tree(frame, **LABELS, metric=metric, max_depth=2)
    shown = tree.nodes[metric if metric in tree.nodes else "error_rate"]
    for number, value in enumerate(shown):
        rows = tree.cohort(number).filter(frame)
        assert value == pytest.approx(METRICS[metric](rows["y"], rows["p"]), abs=1e-12), metric


def test_a_regression_splits_on_losses_and_weights_count():
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x": random.normal(size=3000), "w": random.integers(1, 5, 3000) * 1.0})
    frame["y"] = random.normal(size=3000)
    frame["p"] = frame["y"] + random.normal(size=3000) * np.where(frame["x"] > 1, 3, 1)
    tree = error_tree(frame, **LABELS, features=["x"], metric="mean_squared_error", max_depth=1)
    assert tree.nodes.loc[1, "threshold"] == pytest.approx(1, abs=0.1)
    rows = tree.cohort(2).filter(frame)
    squares = (rows["y"] - rows["p"]) ** 2
    assert tree.nodes.loc[2, "error_rate"] == pytest.approx(squares.mean(), rel=1e-12)
    half = 1.959963984540054 * squares.std() / np.sqrt(len(rows))
    assert tree.nodes.loc[2, "high"] == pytest.approx(squares.mean() + half, rel=1e-9)

    frame["p"] = np.where(frame["x"] > 1, -1, 1) * (frame["y"] > 0)
    frame["y"] = (frame["y"] > 0) * 1
    weighted = error_tree(frame, **LABELS, features=["x"], sample_weight="w", metric="accuracy")
    repeated = frame.loc[frame.index.repeat(frame["w"].astype(int))]
    assert weighted.nodes["error_rate"].iloc[0] == pytest.approx((repeated.y != repeated.p).mean())
    assert weighted.nodes["accuracy"].iloc[0] == pytest.approx((repeated.y == repeated.p).mean())


def test_many_values_are_binned_from_a_sample(monkeypatch):
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x": random.normal(size=5000), "y": 0})
    frame.loc[::50, "x"] = None
    frame["p"] = ((frame["x"] > 0.5) & (random.random(5000) < 0.5)).astype(int)
    exact = error_tree(frame, **LABELS, max_depth=2)
    monkeypatch.setattr(features, "MOST_VALUES", 1000)
    binned = error_tree(frame, **LABELS, max_depth=2)
    assert "keyed sample" in binned.summary()
    assert binned.nodes["rows"].tolist() == exact.nodes["rows"].tolist()
    assert binned.nodes["errors"].tolist() == exact.nodes["errors"].tolist()


ODD = table(300)


@pytest.mark.parametrize(
    "features",
    [
        ODD.assign(one=7.0)[["one"]],
        ODD.assign(none=np.nan)[["none"]],
        ODD.assign(none=None)[["none"]],
        pd.DataFrame({"far": [np.inf, -np.inf, 0.0] * 100}),
        pd.DataFrame({"text": [f"v{i}" for i in range(300)]}),
    ],
)
def test_odd_features_are_no_error(features):
    frame = features.assign(y=ODD["y"], p=ODD["p"])
    tree = error_tree(frame, **LABELS)
    assert int(tree.nodes["rows"][0]) == 300


@pytest.mark.parametrize("share", [0, 1])
def test_without_errors_or_without_hits_the_tree_is_its_root(share):
    frame = ODD.assign(p=np.where(share, 1 - ODD["y"], ODD["y"]))
    nodes = error_tree(frame, **LABELS).nodes
    assert (len(nodes), nodes["error_rate"][0]) == (1, share)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"p": "secret"}, {}, "two types that cannot be compared"),
        ({"p": [None, *[1.0] * 299]}, {}, "missing in 1 of 300 rows"),
        ({"at": pd.Timestamp("2026-01-01")}, {}, "feature 'at' has type timestamp"),
        ({"Kind": "x"}, {}, "differ only in upper and lower case"),
        ({}, {"metric": "f2"}, "unknown metric 'f2'"),
        ({}, {"metric": "r2", "y_true": "kind"}, "a regression metric needs numbers"),
        ({}, {"max_depth": 0}, "max_depth must be an integer of at least 1"),
        ({}, {"features": ["y"]}, "is also the label"),
        ({}, {"categorical": "nothing"}, "not among the features"),
        ({}, {"sample_weight": "kind"}, "must be numbers"),
        ({}, {"where": "count > 1000"}, "no rows"),
    ],
)
def test_bad_input_is_one_message_without_values(change, options, message):
    with pytest.raises(ConfigError, match=message) as error:
        error_tree(ODD.assign(**change), **{**LABELS, **options})
    assert "secret" not in str(error.value)
    with pytest.raises(MissingColumnError, match="Did you mean 'count'"):
        error_tree(ODD, **LABELS, features=["cuont"])
