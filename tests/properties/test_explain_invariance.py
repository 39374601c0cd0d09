"""Explanations are the same however rows are cut and ordered, and on every engine.

Trees are summed in the same order for each row, and matrix products have the same shape for each
block of rows: values are equal to 12 digits (a forest that predicts with several threads adds its
trees in any order, which moves the last digits).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.neural_network import MLPClassifier

from rai_scale.engines import engine_named
from rai_scale.explanations import ValueSampling, explain, plan_explanation
from rai_scale.models import sample_rows
from tests.conftest import make_case

FEATURES = [f"f{i}" for i in range(6)]
ROWS = 45
METHODS = ["tree_shap", "kernel_shap", "exact_shap", "deep"]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(300, 6)), columns=FEATURES)
    target = (frame.f0 * frame.f1 + frame.f2 > 0).astype(int)
    forest = RandomForestClassifier(10, max_depth=4, random_state=0).fit(frame, target)
    network = MLPClassifier((8,), max_iter=40, random_state=0).fit(frame, target)
    rows = frame[:ROWS].assign(id=range(ROWS))
    return frame[100:130], pa.Table.from_pandas(rows, preserve_index=False), forest, network


def options(data, method):
    background, _, forest, network = data
    if method == "deep":
        return deep_options()
    model = forest if method == "tree_shap" else network
    budget = ValueSampling(max_evals=40 if method == "kernel_shap" else None)
    return {
        "model": model,
        "features": FEATURES,
        "background": background,
        "method": method,
        "sampling": budget,
    }


@cache
def deep_options():
    """A forest whose trees are too many for tables."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 6)), columns=FEATURES)
    model = RandomForestRegressor(60, random_state=0).fit(frame, frame.f0 * frame.f1)
    asked = {"model": model, "features": FEATURES, "background": frame[:20]}
    assert plan_explanation(frame[:2], **asked).why.endswith("by shap")
    return asked


def numbers(table: pa.Table) -> np.ndarray:
    rows = table.to_pandas().sort_values("id")
    return rows[[n for n in rows if n.startswith(("shap_", "prediction", "base"))]].to_numpy(float)


def run(case_engine, frame, asked):
    return numbers(case_engine.collect(explain(frame, **asked)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("partitions", [1, 3, 7])
def test_partitions_and_order(data, request, method, partitions):
    equal_on(make_case("local", request), data, method, partitions)


@pytest.mark.parametrize("method", ["tree_shap", "kernel_shap"])
def test_a_row_alone_is_the_row_in_a_batch(data, method):
    engine, asked = engine_named("local"), options(data, method)
    whole = run(engine, data[1], asked)
    alone = run(engine, data[1].slice(17, 1), asked)
    np.testing.assert_allclose(alone, whole[17:18], rtol=0, atol=1e-12)


def equal_on(case, data, method, partitions: int) -> None:
    asked = options(data, method)
    whole = run(engine_named("local"), data[1], asked)
    order = np.random.default_rng(partitions).permutation(ROWS)
    frame = case.make(data[1].take(pa.array(order)), partitions)
    found = run(case.engine, frame, asked)
    assert np.abs(whole[:, 2:8]).max() > 0.01
    np.testing.assert_allclose(found, whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", ["tree_shap", "kernel_shap"])
def test_engines(data, cluster_case, method):
    equal_on(cluster_case, data, method, 3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("partitions", [1, 7])
def test_partitions_and_order_on_dask(data, request, method, partitions):
    equal_on(make_case("dask", request), data, method, partitions)


@pytest.mark.spark
@pytest.mark.parametrize("method", ["exact_shap", "deep"])
def test_other_methods_on_spark(data, request, method):
    equal_on(make_case("spark", request), data, method, 3)


def test_long_form_and_keys(data, cluster_case):
    asked = options(data, "tree_shap")
    frame = cluster_case.make(data[1], 2)
    long = cluster_case.engine.collect(explain(frame, **asked, key_columns=["id"], long=True))
    assert long.column_names == ["id", "feature", "value"]
    wide = cluster_case.engine.collect(explain(frame, **asked, key_columns=["id"])).to_pandas()
    assert list(wide.columns)[:3] == ["id", "prediction", "base_value"]
    assert set(wide.explained_by) == {"tree_shap"}
    pivot = long.to_pandas().pivot(index="id", columns="feature", values="value")
    expected = wide.sort_values("id")[[f"shap_{name}" for name in FEATURES]]
    np.testing.assert_array_equal(pivot[FEATURES].to_numpy(float), expected.to_numpy(float))


def test_sampled_background_does_not_depend_on_partitions(data, cluster_case):
    table = pa.concat_tables([data[1]] * 3)  # rows that are equal
    whole = sample_rows(engine_named("local"), table, FEATURES, 10, 3)
    cut = sample_rows(cluster_case.engine, cluster_case.make(table, 4), FEATURES, 10, 3)
    assert whole.num_rows == 10
    assert cut.to_pydict() == whole.to_pydict()
    other = sample_rows(engine_named("local"), table, FEATURES, 10, 4)
    assert other.to_pydict() != whole.to_pydict()
