"""Permutation importance: scikit-learn's own on the same rows, as parallel tasks."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance as by_sklearn
from sklearn.linear_model import LinearRegression
from sklearn.metrics import fbeta_score, make_scorer

from rai_scale.engines import engine_named
from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.explanations import permutation_importance
from rai_scale.models import Model, sample_rows

FEATURES = ["a", "b", "c"]
RNG = np.random.default_rng(11)
ROWS = pd.DataFrame(RNG.normal(size=(160, 3)), columns=FEATURES)
ROWS["y"] = (ROWS["a"] + RNG.normal(size=160) > 0).astype(int)
ROWS["w"] = RNG.random(160)
FOREST = RandomForestClassifier(6, max_depth=4, random_state=0).fit(ROWS[FEATURES], ROWS["y"])
LOCAL = engine_named("local")


def cut(parts: int = 3):
    return LOCAL.from_arrow(pa.Table.from_pandas(ROWS, preserve_index=False), parts)


def sample(columns, random_state: int, limit: int = 1000) -> pd.DataFrame:
    return sample_rows(LOCAL, cut(), columns, limit, random_state).to_pandas()


@pytest.mark.parametrize("scoring", ["roc_auc", None, make_scorer(fbeta_score, beta=2)])
def test_scores_are_those_of_scikit_learn(scoring):
    rows = sample([*FEATURES, "y"], 7)
    expected = by_sklearn(
        FOREST, rows[FEATURES], rows["y"], scoring=scoring, n_repeats=4, random_state=7
    )
    found = permutation_importance(
        cut(), FOREST, features=FEATURES, y_true="y", scoring=scoring, repeats=4, random_state=7
    )
    assert np.abs(found.importances - expected.importances).max() < 1e-12
    assert np.allclose(found.importances_std, expected.importances_std)
    assert (found.rows, found.total) == (160, 160)
    assert found.to_pandas()["feature"][0] == "a"
    json.dumps(found.to_dict(), allow_nan=False)


def test_weights_a_model_without_names_and_regression():
    rows = sample([*FEATURES, "y", "w"], 1)
    model = LinearRegression().fit(rows[FEATURES].to_numpy(), rows["y"])
    expected = by_sklearn(
        model, rows[FEATURES].to_numpy(), rows["y"], scoring="neg_mean_squared_error",
        random_state=1, sample_weight=rows["w"],
    )  # fmt: skip
    found = permutation_importance(
        cut(), model, features=FEATURES, y_true="y", scoring="neg_mean_squared_error",
        random_state=1, sample_weight="w",
    )  # fmt: skip
    assert np.abs(found.importances - expected.importances).max() < 1e-12
    assert found.to_interpret().data()["names"] == FEATURES


def test_a_function_is_scored_as_the_model_behind_it():
    def predict(frame: pd.DataFrame) -> np.ndarray:
        return FOREST.predict_proba(frame)

    options = {"features": FEATURES, "y_true": "y", "repeats": 2}
    for scoring in ("neg_log_loss", "accuracy"):
        theirs = permutation_importance(cut(), FOREST, scoring=scoring, **options)
        ours = permutation_importance(
            cut(), Model(predict, classes=[0, 1]), scoring=scoring, **options
        )
        assert np.array_equal(ours.importances, theirs.importances)
    regression = permutation_importance(cut(), lambda frame: frame["a"].to_numpy(), **options)
    assert regression.scoring == "r2"
    assert (regression.importances[1:] == 0).all()


def test_a_sample_is_said_and_is_the_same_on_each_engine(cluster_case):
    options = {"features": FEATURES, "y_true": "y", "repeats": 2, "max_rows": 60}
    whole = permutation_importance(ROWS, FOREST, **options)
    assert (whole.rows, whole.total) == (60, 160)
    assert whole.to_dict()["sampled"]
    shuffled = pa.Table.from_pandas(ROWS.sample(frac=1, random_state=3), preserve_index=False)
    found = permutation_importance(cluster_case.make(shuffled, 3), FOREST, **options)
    assert np.array_equal(found.importances, whole.importances)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"scoring": "roc_aux"}, ConfigError, "Did you mean 'roc_auc'"),
        ({"scoring": 3}, ConfigError, "must be a name"),
        ({"y_true": "z"}, MissingColumnError, "'z'"),
        ({"repeats": 0}, ConfigError, "repeats"),
        ({"y_true": "holes"}, ConfigError, "missing in 1 rows"),
    ],
)
def test_what_cannot_be_scored_is_refused(options, error, message):
    holes = pd.array([None, *[1] * 159], dtype="Int64")
    with pytest.raises(error, match=message):
        permutation_importance(
            ROWS.assign(holes=holes), FOREST, **{"features": FEATURES, "y_true": "y", **options}
        )
