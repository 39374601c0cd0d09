"""Keys that no float can tell apart stay apart: in every capability, type of column and engine."""

from decimal import Decimal

import duckdb
import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import rai_scale
from rai_scale.engines.groups import split_groups
from rai_scale.engines.key_values import key_values, row_codes
from rai_scale.fairness import Bootstrap, Comparison
from rai_scale.statistics.cells import Cells
from rai_scale.statistics.keyed_hash import key_hashes

ROWS, EDGE = 240, 2**53
KINDS = {
    "uint64": pa.uint64(),
    "int64": pa.int64(),
    "decimal19": pa.decimal128(19, 0),
    "decimal38": pa.decimal128(38, 0),
    "places": pa.decimal128(38, 4),
}

ALONE = Comparison(depth=0)


def rows(kind: pa.DataType, base: int = EDGE) -> pa.Table:
    """Three groups whose keys are one apart, with labels, predictions and scores."""
    at = np.arange(ROWS)
    values = [base, base + 1, base + 2]
    if pa.types.is_decimal(kind):
        values = [Decimal(value) for value in values]
    key = pa.array(values, kind).take(pa.array(at % 3))
    return pa.table(
        {
            **{"s": key, "c": key, "id": pa.array(at + base)},
            **{"y": at // 3 % 2, "p": (at % 3 > 0) * 1, "q": at // 5 % 7 / 7, "w": at % 4 + 1.0},
        }
    )


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_capability_tells_keys_apart(kind):
    """All answers have three groups, and those of the same rows with small keys."""
    table, small = rows(kind), rows(kind, base=5)
    base = {"y_true": "y", "sensitive_features": ["s"]}
    labels = {**base, "y_pred": "p"}

    def answers(data):
        mf = rai_scale.metric_frame(data, metrics=["selection_rate", "count"], **labels)
        persons = Bootstrap(5, ci_quantiles=[0.5], random_state=1, person="w")
        boot = rai_scale.metric_frame(data, metrics="selection_rate", **labels, bootstrap=persons)
        moments = rai_scale.metric_frame(
            data, metrics="mean_squared_error", **{**labels, "y_pred": "q"}, max_cells=4
        )
        whole = rai_scale.metric_frame(
            data, metrics={"m": lambda y, p: float(np.mean(p))}, per_group=True, **labels
        )
        fitted = rai_scale.fairness.fit_threshold_optimizer(data, score="q", **base)
        hulls = rai_scale.fairness.fit_threshold_optimizer(
            data, score="q", max_cells=2, range_rows=30, **base
        )
        weights = rai_scale.fairness.reweighing(data, **base)
        assessed = rai_scale.assess_fairness(
            data, **labels, control_features="c", bootstrap=None, comparison=ALONE
        )
        drift = rai_scale.fairness.assessment.run_drift.drift(assessed.to_dict(), assessed)
        balance = rai_scale.balance(data, sensitive_features=["s"], y_true="y", y_pred="p")
        curves = rai_scale.fairness.calibration(data, score="q", **base)
        return [
            mf.by_group.to_numpy(),
            boot.by_group_ci[0].to_numpy(),
            moments.by_group.to_numpy(),
            whole.by_group.to_numpy(),
            rai_scale.fairness.disparities(data, metrics="demographic_parity_difference", **labels),
            fitted.counts[["rows", "positives"]].to_numpy(),
            fitted.predict_proba(data, output="r").column("r").to_numpy(),
            hulls.predict_proba(data, output="r").column("r").to_numpy(),
            weights.apply(data, "r").column("r").to_numpy(),
            assessed.tables["by_group"]["value"].to_numpy(),
            (drift["status"] == "compared").to_numpy(),
            balance.groups["rows"].to_numpy(),
            curves.errors["ece"].to_numpy(),
        ]

    found, wanted = answers(table), answers(small)
    assert len(found[0]) == 3
    for mine, other in zip(found, wanted, strict=True):
        assert np.array_equal(mine, other, equal_nan=True)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_levels_are_the_values(kind):
    """Groups are called what Fairlearn calls them, and equal them."""
    table = rows(kind)
    mf = rai_scale.metric_frame(
        table, metrics="selection_rate", y_true="y", y_pred="p", sensitive_features="s"
    )
    frame = table.to_pandas()
    wanted = fm.MetricFrame(
        metrics=fm.selection_rate, y_true=frame.y, y_pred=frame.p, sensitive_features=frame.s
    )
    assert mf.by_group.index.tolist() == wanted.by_group.index.tolist()
    assert mf.by_group.tolist() == wanted.by_group.tolist()


@pytest.mark.parametrize("kind", ["uint64", "decimal19"])
def test_engines_tell_keys_apart(cluster_case, kind):
    """Counting, rows of a group, weights and labels on every engine."""
    table = rows(KINDS[kind])
    data = cluster_case.make(table, 3)
    asked = {"y_true": "y", "y_pred": "p", "sensitive_features": "s"}
    mf = rai_scale.metric_frame(data, metrics=["selection_rate"], **asked)
    assert mf.by_group.index.tolist() == [EDGE, EDGE + 1, EDGE + 2]
    assert mf.by_group["selection_rate"].tolist() == [0.0, 1.0, 1.0]
    moments = rai_scale.metric_frame(
        data, metrics="mean_squared_error", **{**asked, "y_pred": "q"}, max_cells=4
    )
    assert len(moments.by_group) == 3
    weighed = rai_scale.fairness.reweighing(data, y_true="y", sensitive_features=["s"])
    done = cluster_case.engine.collect(weighed.apply(data, "r"))
    assert pc.min_max(done["r"]).as_py() == {"min": 1.0, "max": 1.0}
    labelled = {"y_true": "s", "y_pred": "c", "sensitive_features": "p", "pos_label": EDGE + 1}
    found = rai_scale.assess_fairness(
        data,
        **labelled,
        metrics=["selection_rate"],
        disparities=[],
        bootstrap=None,
        comparison=ALONE,
    )
    assert found.tables["by_group"]["value"].tolist() == [0.0, 0.5]


def test_labels_beyond_floats():
    """Labels and positive labels are compared exactly, signed and unsigned together too."""
    y = np.array([EDGE, EDGE + 1] * 30, dtype=np.uint64)
    p = np.array([EDGE + 1] * 60, dtype=np.int64)
    frame = pd.DataFrame({"y": y, "p": p, "s": np.arange(60) // 30})
    asked = {"y_true": "y", "y_pred": "p", "sensitive_features": "s"}
    for data in (frame, pa.Table.from_pandas(frame), duckdb.from_arrow(pa.table(frame))):
        found = rai_scale.metric_frame(data, metrics="accuracy_score", **asked)
        assert found.overall == 0.5
        assert found.by_group.tolist() == [0.5, 0.5]
    wide = frame.assign(y=pd.Series([2**63 + 1, 2**63 + 2] * 30), p=frame["p"] * 0 + 1)
    assert rai_scale.metric_frame(wide, metrics="accuracy_score", **asked).overall == 0.0


def test_nullable_integers_as_keys_of_groups():
    """A null beside large integers does not make floats of them."""
    table = pa.table({"k": [EDGE, EDGE + 1, None, EDGE, None], "v": range(5)})
    groups = [part["v"].to_pylist() for part in split_groups(table, ["k"])]
    assert sorted(groups) == [[0, 3], [1], [2, 4]]
    assert row_codes(pa.table({"k": [0.0, -0.0, 1.0]}), ["k"]).tolist() == [0, 0, 1]


def test_merged_cells_and_hashes():
    """Cells of signed and unsigned keys merge exactly; a key hashes as its digits do."""
    one = Cells(pd.DataFrame({"k": [1, EDGE]}), np.array([1, 2]))
    two = Cells(pd.DataFrame({"k": np.array([EDGE + 1, 2**63], "uint64")}), np.array([3, 4]))
    merged = one.merge(two)
    assert merged.keys["k"].tolist() == [1, EDGE, EDGE + 1, 2**63]
    assert merged.count.tolist() == [1, 2, 3, 4]
    wide = pa.array([Decimal(EDGE), Decimal(EDGE + 1)], pa.decimal128(38, 0))
    assert len(set(key_hashes(pa.table({"k": wide}), 1).tolist())) == 2
    huge = pa.chunked_array([pa.array([Decimal(10**30), Decimal(10**30 + 1)])])
    assert key_values(huge).tolist() == [10**30, 10**30 + 1]
