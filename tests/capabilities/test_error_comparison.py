"""Cohorts side by side, and one tree on two runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn.metrics as skm

from rai_scale.error_analysis import (
    cohort,
    cohort_rows,
    compare_cohorts,
    error_drift,
    error_tree,
)
from rai_scale.errors import ConfigError

LABELS = {"y_true": "y", "y_pred": "p"}


def table(rows=4000, seed=0, late=0.0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"age": random.integers(18, 80, rows) * 1.0, "pay": random.normal(size=rows)}
    )
    frame["kind"] = random.choice(["a", "b", None], rows)
    frame.loc[::10, "pay"] = None
    frame["shap_age"], frame["shap_pay"] = random.normal(size=rows), 2 * random.normal(size=rows)
    frame["y"] = random.integers(0, 2, rows)
    share = 0.1 + 0.3 * (frame["age"] < 30) + late * (frame["kind"] == "a")
    wrong = random.random(rows) < share
    return frame.assign(p=np.where(wrong, 1 - frame["y"], frame["y"]))


def test_cohorts_are_compared_with_the_first(engine_case):
    if engine_case.name in ("spark", "connect"):
        pytest.skip("the operations of the tree")
    frame = table()
    made = engine_case.make(pa.Table.from_pandas(frame), 3)
    cohorts = {"old": "age >= 30", "young": "age < 30", "few": "age < 25 or age > 78"}
    metrics = ["error_rate", "f1_macro"]
    found = compare_cohorts(
        made, cohorts, **LABELS, metrics=metrics, shap_prefix="shap_", n_boot=20
    )
    young = frame[frame["age"] < 30]
    values = found.values.set_index(["cohort", "metric"])
    wrong = young["y"] != young["p"]
    assert values.loc[("young", "error_rate"), "value"] == pytest.approx(wrong.mean(), abs=1e-12)
    f1 = skm.f1_score(young["y"], young["p"], average="macro")
    assert values.loc[("young", "f1_macro"), "value"] == pytest.approx(f1, abs=1e-12)
    for metric in metrics:
        row = values.loc[("young", metric)]
        assert row.low < row.difference < row.high
        assert row.low * row.high > 0
    assert np.isnan(values.loc[("few", "error_rate"), "low"])
    assert "'few' has rows of the first cohort" in found.summary()

    shares = found.distributions
    own = shares[(shares["feature"] == "kind") & (shares["cohort"] == "young")].set_index("item")
    assert own["rows"]["kind is null"] == young["kind"].isna().sum()
    assert set(own.index) == {"kind = 'a'", "kind = 'b'", "kind is null"}
    assert shares.groupby(["feature", "cohort"])["share"].sum().tolist() == pytest.approx([1] * 9)
    distances = found.distances.set_index(["feature", "cohort"])["jensen_shannon"]
    assert distances["age", "young"] > 0.5
    assert distances["pay", "young"] < 0.01
    quantiles = found.quantiles.set_index(["feature", "cohort"])
    median = np.percentile(young["pay"].dropna(), 50)
    assert quantiles.loc[("pay", "young"), "p50"] == pytest.approx(median, abs=1e-12)
    assert quantiles.loc[("pay", "young"), "missing"] == young["pay"].isna().sum()
    best = found.importances[found.importances["rank"] == 1].set_index("cohort")
    assert best.loc["young", "feature"] == "pay"
    assert best.loc["young", "mean_abs"] == pytest.approx(young["shap_pay"].abs().mean(), rel=1e-12)


def test_one_tree_on_two_runs(engine_case):
    if engine_case.name in ("spark", "connect"):
        pytest.skip("the operations of the tree")
    first, second = table(), table(seed=1, late=0.3)
    made = [engine_case.make(pa.Table.from_pandas(f), 2) for f in (first, second)]
    tree = error_tree(first, **LABELS, features=["age", "kind"], max_depth=2)
    found = error_drift(*made, **LABELS, tree=tree)
    assert found.nodes["rows_before"].tolist() == tree.nodes["rows"].tolist()
    for node in found.nodes.itertuples():
        rows = tree.cohort(node.node).filter(second)
        assert node.rows_after == len(rows)
        assert node.error_rate_after == pytest.approx((rows["y"] != rows["p"]).mean(), abs=1e-12)
        assert node.low < node.change < node.high
    assert found.nodes["significant"][0]
    assert 0 <= found.psi < 0.05
    same = error_drift(first, table(seed=2), **LABELS, features="age")
    assert not same.nodes["significant"].any()


def test_bad_comparisons_are_one_message():
    frame = table(200)
    with pytest.raises(ConfigError, match="at least two cohorts"):
        compare_cohorts(frame, [cohort("age < 30")], **LABELS)
    with pytest.raises(ConfigError, match="'b' has no rows"):
        compare_cohorts(frame, {"a": "age < 30", "b": "age > 1000"}, **LABELS)
    with pytest.raises(ConfigError, match="same name"):
        compare_cohorts(frame, [cohort("age < 30"), cohort("age < 30")], **LABELS)
    with pytest.raises(ConfigError, match="counts of errors"):
        error_drift(frame, frame, **LABELS, metric="mean_absolute_error")


def test_rows_of_a_cohort_are_the_same_on_every_engine(engine_case):
    if engine_case.name in ("spark", "connect"):
        pytest.skip("a sample of rows is tested on Spark")
    frame = table(500).assign(score=lambda t: np.where(t["pay"].isna(), 0.95, 0.6))
    made = engine_case.make(pa.Table.from_pandas(frame), 3)
    found = cohort_rows(made, "age < 40", **LABELS, score="score", columns=["age", "pay"], rows=12)
    assert found["wrong"].tolist() == [True] * 12 + [False] * 12
    assert found["suspected_label"].tolist() == (found["pay"].isna() & found["wrong"]).tolist()
    assert (found["age"] < 40).all()
    same = cohort_rows(frame, "age < 40", **LABELS, score="score", columns=["age", "pay"], rows=12)
    assert found["age"].tolist() == same["age"].tolist()
    with pytest.raises(ConfigError, match="must be numbers"):
        cohort_rows(frame, "age < 40", **LABELS, score="kind")
