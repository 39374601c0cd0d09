"""Scores and exact local explanations of EBMs over frames, against interpret."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

from rai_scale.engines import engine_of
from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.glassbox import score_ebm

FEATURES = ["a", "b", "kind"]
ROWS = 300


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"id": np.arange(ROWS), "a": rng.normal(size=ROWS)})
    frame["b"] = rng.integers(0, 9, ROWS)
    frame["kind"] = rng.choice(["x", "y", "z"], ROWS)
    frame["y"] = (frame.a + (frame.kind == "x") + rng.normal(size=ROWS) > 0.5).astype(int)
    frame["three"] = frame.b % 3
    return frame


def fitted(made, rows, target, pairs):
    model = made(interactions=pairs, max_rounds=20, outer_bags=2, n_jobs=1)
    return model.fit(rows[FEATURES], rows[target])


def collected(frame) -> pd.DataFrame:
    return engine_of(frame).collect(frame).to_pandas().sort_values("id", ignore_index=True)


def test_scores_and_terms_are_interprets_own(engine_case, rows):
    model = fitted(ExplainableBoostingClassifier, rows, "y", [("a", "kind")])
    given = rows.assign(kind=rows.kind.where(rows.id % 7 != 0, "new"))
    frame = engine_case.make(pa.Table.from_pandas(given, preserve_index=False), 3)
    found = collected(score_ebm(frame, model))
    np.testing.assert_array_equal(found["prediction"], model.predict_proba(given[FEATURES])[:, 1])
    terms = model.eval_terms(given[FEATURES])
    np.testing.assert_array_equal(found[[f"ebm_{name}" for name in model.term_names_]], terms)
    log_odds = found["base_value"] + terms.sum(axis=1)
    np.testing.assert_allclose(found["prediction"], 1 / (1 + np.exp(-log_odds)), atol=1e-12)
    local = model.explain_local(given[FEATURES].iloc[:3]).data(1)
    np.testing.assert_array_equal(local["scores"], terms[1])


def test_regression_and_three_classes(rows):
    model = fitted(ExplainableBoostingRegressor, rows, "b", 0)
    found = score_ebm(rows, model, contributions=False, key_columns=["id"])
    assert list(found.columns) == ["id", "prediction"]
    np.testing.assert_array_equal(found["prediction"], model.predict(rows[FEATURES]))
    model = fitted(ExplainableBoostingClassifier, rows, "three", 0)
    found = score_ebm(rows, model)
    names = [f"prediction_{name}" for name in (0, 1, 2)]
    np.testing.assert_array_equal(found[names], model.predict_proba(rows[FEATURES]))
    np.testing.assert_array_equal(
        found[["ebm_b_0", "ebm_b_1", "ebm_b_2"]], model.eval_terms(rows[FEATURES])[:, 1]
    )


def test_what_cannot_be_scored_is_refused(rows):
    model = fitted(ExplainableBoostingRegressor, rows, "b", 0)
    with pytest.raises(ConfigError, match="not a fitted EBM"):
        score_ebm(rows, lambda frame: frame)
    with pytest.raises(MissingColumnError, match="kind"):
        score_ebm(rows.drop(columns="kind"), model)
    with pytest.raises(ConfigError, match="already has columns ebm_a"):
        score_ebm(rows.assign(ebm_a=1.0), model)
    with pytest.raises(ConfigError, match="already has columns prediction; drop or rename"):
        score_ebm(rows.assign(prediction=1.0), model)
    kept = score_ebm(rows.assign(prediction=1.0), model, contributions=False, key_columns=["id"])
    assert list(kept.columns) == ["id", "prediction"]
    with pytest.raises(ConfigError, match="must hold numbers"):
        score_ebm(rows.assign(a="text"), model)
