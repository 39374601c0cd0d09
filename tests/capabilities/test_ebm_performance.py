"""ROC, precision-recall and regression performance against interpret's own, on the same rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from interpret.perf import PR, ROC, RegressionPerf
from sklearn import metrics

from rai_scale.errors import ConfigError, WorkerError
from rai_scale.measures import performance

ROWS = 1200


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"sex": rng.choice(["f", "m"], ROWS), "y": rng.integers(0, 2, ROWS)})
    frame["score"] = np.round(np.clip(0.3 * frame.y + 0.7 * rng.random(ROWS), 0, 1), 2)
    frame["other"] = rng.random(ROWS)
    frame["value"] = rng.normal(50, 10, ROWS)
    frame["fitted"] = frame.value + rng.gumbel(0, 3, ROWS)
    frame["weight"] = rng.integers(1, 4, ROWS)
    return frame


def of_column(name, classes=None):
    """Return a model that answers with a column of its input."""
    if classes is None:
        return lambda x: np.asarray(x, dtype=object)[:, 0].astype(float)
    return lambda x: np.column_stack(
        [1 - np.asarray(x, dtype=object)[:, 0].astype(float), np.asarray(x)[:, 0].astype(float)]
    )


@pytest.mark.parametrize(("kind", "made"), [("roc", ROC), ("pr", PR)])
@pytest.mark.parametrize("group", [None, "f", "m"])
def test_curves_are_those_of_interpret(rows, kind, made, group):
    found = performance(rows, y_true="y", score="score", sensitive_features="sex")
    part = rows if group is None else rows[rows.sex == group]
    expected = made(of_column("score", 2)).explain_perf(part[["score"]], part["y"]).data()
    ours = found.explanation(kind, group=group).data()
    for name in ("x_values", "y_values", "threshold"):
        np.testing.assert_array_equal(ours[name], expected[name], err_msg=name)
    assert ours["auc"] == pytest.approx(expected["auc"], abs=1e-12)
    np.testing.assert_allclose(ours["density"]["names"], expected["density"]["names"])
    np.testing.assert_array_equal(ours["density"]["scores"], expected["density"]["scores"])
    assert set(ours) == set(expected) - {"scores"}


@pytest.mark.parametrize("group", [None, "m"])
def test_regression_is_that_of_interpret(rows, group):
    found = performance(rows, y_true="value", score="fitted", sensitive_features=["sex"])
    assert found.task == "regression"
    part = rows if group is None else rows[rows.sex == group]
    expected = RegressionPerf(of_column("fitted")).explain_perf(part[["fitted"]], part["value"])
    ours, theirs = found.explanation(group=group).data(), expected.data()
    for name in ("mse", "rmse", "mae", "r2"):
        assert ours[name] == pytest.approx(theirs[name], rel=1e-10)
    np.testing.assert_allclose(ours["density"]["names"], theirs["density"]["names"])
    np.testing.assert_array_equal(ours["density"]["scores"], theirs["density"]["scores"])


def test_engines_and_partitions_agree(cluster_case, rows):
    table = pa.Table.from_pandas(rows, preserve_index=False)
    alone = performance(rows, y_true="y", score=["score", "other"], sensitive_features="sex")
    cut = performance(
        cluster_case.make(table, 3), y_true="y", score=["score", "other"], sensitive_features="sex"
    )
    pd.testing.assert_frame_equal(alone.by_group, cut.by_group)
    pd.testing.assert_frame_equal(alone.roc("other", "f"), cut.roc("other", "f"))


def test_binned_scores_keep_their_bound(rows):
    found = performance(rows, y_true="y", score="other", bins=40).overall.iloc[0]
    exact = metrics.roc_auc_score(rows.y, rows.other)
    assert 0 < found["auc_bound"] < 0.05
    assert abs(found["auc"] - exact) <= found["auc_bound"]


def test_weights_and_residual_bins(rows):
    found = performance(rows, y_true="value", score="fitted", sample_weight="weight", max_cells=100)
    expected = metrics.r2_score(rows.value, rows.fitted, sample_weight=rows.weight)
    assert found.overall["r2"][0] == pytest.approx(expected, rel=1e-10)
    assert found.explanation().data()["density"]["scores"].sum() == ROWS
    area = performance(rows, y_true="y", score="score", sample_weight="weight").overall["auc"][0]
    assert area == pytest.approx(
        metrics.roc_auc_score(rows.y, rows.score, sample_weight=rows.weight), abs=1e-12
    )


def test_what_does_not_fit_is_refused(rows):
    found = performance(rows, y_true="y", score=["score", "other"], sensitive_features="sex")
    with pytest.raises(ConfigError, match="score, other"):
        found.roc()
    with pytest.raises(ConfigError, match="no such group"):
        found.roc("score", "x")
    with pytest.raises(ConfigError, match="has no curve 'regression'"):
        found.explanation("regression", "score")
    missing = rows.assign(fitted=rows.fitted.where(rows.index != 3))
    with pytest.raises((ConfigError, WorkerError), match="1 rows have no usable value"):
        performance(missing, y_true="value", score="fitted")
