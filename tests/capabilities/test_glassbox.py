"""Linear, tree and APLR models by name, against scikit-learn on the same rows."""

from __future__ import annotations

import importlib.util

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from rai_scale.errors import ConfigError, MissingExtraError
from rai_scale.glassbox import train_glassbox

ROWS = 500


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"id": np.arange(ROWS), "a": rng.normal(size=ROWS)})
    frame["b"] = rng.normal(3, 2, ROWS)
    frame["kind"] = rng.choice(["x", "y"], ROWS)
    frame["value"] = frame.a + 0.3 * frame.b + (frame.kind == "x") + rng.normal(size=ROWS)
    frame["y"] = (frame.value > 1.5).astype(int)
    return frame


def test_logistic_and_ridge_are_scikit_learns(rows):
    x = StandardScaler().fit_transform(rows[["a", "b"]])
    found = train_glassbox(rows, features=["a", "b"], y_true="y", model_params={"C": 0.5})
    expected = LogisticRegression(C=0.5, max_iter=1000).fit(x, rows.y)
    np.testing.assert_allclose(
        found.model.predict_proba(rows[["a", "b"]]), expected.predict_proba(x), atol=1e-5
    )
    found = train_glassbox(rows, features=["a", "b"], y_true="value")
    expected = Ridge().fit(x, rows.value)
    np.testing.assert_allclose(found.model.predict(rows[["a", "b"]]), expected.predict(x))
    assert (found.rows, found.total) == (ROWS, ROWS)


def test_l1_drops_what_tells_nothing(rows):
    noise = rows.assign(noise=np.random.default_rng(0).normal(size=ROWS))
    features = ["a", "noise"]
    options = {"features": features, "penalty": "l1"}
    lasso = train_glassbox(noise, y_true="value", model_params={"alpha": 0.2}, **options).model[-1]
    assert lasso.coef_[1] == 0 != lasso.coef_[0]
    logistic = train_glassbox(noise, y_true="y", model_params={"C": 0.02}, **options).model[-1]
    assert logistic.coef_[0, 1] == 0 != logistic.coef_[0, 0]


def test_tree_is_scikit_learns(rows):
    found = train_glassbox(
        rows, features=["a", "b"], y_true="y", model="tree", model_params={"max_depth": 2}
    )
    expected = DecisionTreeClassifier(max_depth=2, random_state=0).fit(rows[["a", "b"]], rows.y)
    np.testing.assert_allclose(
        found.model.predict_proba(rows[["a", "b"]]), expected.predict_proba(rows[["a", "b"]])
    )


def test_partitions_do_not_matter_and_the_sample_is_limited(cluster_case, rows):
    rows = rows.assign(a=rows.a.where(rows.id % 50 != 0), kind=rows.kind.where(rows.id % 40 != 0))
    options = {"features": ["a", "b", "kind"], "y_true": "y", "max_rows": 300}
    alone = train_glassbox(rows, **options)
    table = pa.Table.from_pandas(rows.sample(frac=1, random_state=0), preserve_index=False)
    found = train_glassbox(cluster_case.make(table, 3), **options)
    assert (found.rows, found.total) == (300, ROWS)
    np.testing.assert_array_equal(found.model[-1].coef_, alone.model[-1].coef_)


def test_aplr_trains_or_says_what_to_install(rows):
    options = {"features": ["a", "b", "kind"], "model": "aplr"}
    if importlib.util.find_spec("aplr") is None:
        with pytest.raises(MissingExtraError, match="pip install"):
            train_glassbox(rows, y_true="y", **options)
        return
    found = train_glassbox(rows, y_true="value", model_params={"m": 50}, **options)
    assert np.corrcoef(found.model.predict(rows[["a", "b", "kind"]]), rows.value)[0, 1] > 0.6
    found = train_glassbox(rows, y_true="y", model_params={"m": 50}, **options)
    predicted = found.model.predict(rows[["a", "b", "kind"]])
    assert (np.array(predicted, dtype=str) == rows.y.astype(str)).mean() > 0.7


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"model": "trea"}, "Did you mean 'tree'"),
        ({"penalty": "l3"}, "l1, l2"),
        ({"features": ["a", "y"]}, "must not include y_true"),
        ({"feature_types": {"a": [1.0]}}, "cut points are for EBMs"),
    ],
)
def test_what_cannot_be_trained_is_refused(rows, changed, words):
    with pytest.raises(ConfigError, match=words):
        train_glassbox(rows, **{"features": ["a"], "y_true": "y", **changed})
