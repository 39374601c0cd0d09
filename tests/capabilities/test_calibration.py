"""Calibration by group equals scikit-learn's curve; rates at many thresholds equal a confusion matrix."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix

from rai_scale.errors import ConfigError
from rai_scale.fairness import calibration
from rai_scale.fairness.thresholds.curves import snapped, threshold_curves
from tests.capabilities.threshold_data import random_rows

COLUMNS = {"score": "score", "y_true": "y", "sensitive_features": "group"}


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("ties", [1, 2, None])
def test_each_group_has_scikit_learns_curve(strategy, ties):
    rows = random_rows(500, 1, ties)
    for n_bins in (1, 5, 10, 17):
        found = calibration(rows, **COLUMNS, n_bins=n_bins, strategy=strategy)
        assert found.exact_edges
        for group, part in rows.groupby("group"):
            true, mean = calibration_curve(
                part["y"], part["score"], n_bins=n_bins, strategy=strategy
            )
            curve = found.curve[found.curve["group"] == group]
            np.testing.assert_array_equal(curve["observed_rate"], true)
            np.testing.assert_allclose(curve["mean_score"], mean, rtol=1e-12)
            assert curve["count"].sum() == len(part)
            assert (curve["ci_low"] <= true).all()
            assert (curve["ci_high"] >= true).all()


def test_errors_are_means_and_maxima_of_gaps():
    rows = random_rows(300, 2)
    found = calibration(rows, **COLUMNS, n_bins=8)
    for (_, part), (_, error) in zip(rows.groupby("group"), found.errors.iterrows(), strict=True):
        bins = np.maximum(np.ceil(part["score"] * 8), 1)
        sums = part.groupby(bins)[["y", "score"]].agg(["mean", "size"])
        gaps = (sums["y"]["mean"] - sums["score"]["mean"]).abs()
        assert error["ece"] == pytest.approx((gaps * sums["y"]["size"]).sum() / len(part))
        assert error["mce"] == pytest.approx(gaps.max())
        assert error["count"] == len(part)


def test_weights_count_as_rows():
    rows = random_rows(200, 3)
    times = np.random.default_rng(0).integers(1, 4, len(rows))
    repeated = rows.loc[np.repeat(rows.index, times)]
    for strategy in ("uniform", "quantile"):
        weighted = calibration(
            rows.assign(w=times), **COLUMNS, sample_weight="w", n_bins=1, strategy=strategy
        )
        whole = calibration(repeated, **COLUMNS, n_bins=1, strategy=strategy)
        for name in ("mean_score", "observed_rate"):
            np.testing.assert_allclose(weighted.curve[name], whole.curve[name], rtol=1e-12)
        np.testing.assert_allclose(weighted.errors["ece"], whole.errors["ece"], rtol=1e-9)
        assert weighted.curve["count"].sum() == 200
    curves = threshold_curves(rows.assign(w=times), **COLUMNS, sample_weight="w")
    same = threshold_curves(repeated, **COLUMNS)
    pd.testing.assert_frame_equal(curves.drop(columns="count"), same.drop(columns="count"))


def test_every_engine_gives_the_same_figures(engine_case):
    rows = random_rows(300, 4)
    frame = engine_case.make(pa.Table.from_pandas(rows), 3)
    for strategy in ("uniform", "quantile"):
        ours = calibration(frame, **COLUMNS, strategy=strategy)
        whole = calibration(rows, **COLUMNS, strategy=strategy)
        pd.testing.assert_frame_equal(ours.curve, whole.curve, rtol=1e-12, check_dtype=False)
        pd.testing.assert_frame_equal(ours.errors, whole.errors, rtol=1e-12, check_dtype=False)
    pd.testing.assert_frame_equal(
        threshold_curves(frame, **COLUMNS), threshold_curves(rows, **COLUMNS), check_dtype=False
    )


def test_quantiles_of_bins_are_close_and_say_so():
    rows = random_rows(600, 5, ties=None)
    found = calibration(rows, **COLUMNS, strategy="quantile", max_cells=50)
    assert not found.exact_edges
    exact = calibration(rows, **COLUMNS, strategy="quantile")
    np.testing.assert_allclose(found.curve["count"], exact.curve["count"], atol=2)
    inside = (found.curve["mean_score"] <= found.curve["upper"]) & (
        found.curve["mean_score"] >= found.curve["lower"] - 1e-4
    )
    assert inside.all()


def test_what_calibration_refuses():
    rows = random_rows(60, 6)
    with pytest.raises(ConfigError, match="Did you mean 'quantile'"):
        calibration(rows, **COLUMNS, strategy="quantiles")
    with pytest.raises(ConfigError, match=r"outside \[0, 1\]"):
        calibration(rows.assign(score=rows["score"] + 1), **COLUMNS)
    with pytest.raises(ConfigError, match="n_bins"):
        calibration(rows, **COLUMNS, n_bins=0)
    with pytest.raises(ConfigError, match="3 rows have no usable value"):
        calibration(rows.assign(group=rows["group"].where(rows["id"] > 2)), **COLUMNS)


def rates(part: pd.DataFrame, threshold: float) -> dict[str, float]:
    """The rates of one group at one threshold, from scikit-learn's confusion matrix."""
    predicted = (part["score"] >= threshold).astype(int)
    tn, fp, fn, tp = confusion_matrix(part["y"], predicted, labels=[0, 1]).ravel().tolist()

    def share(a: int, b: int) -> float:
        return a / b if b else float("nan")

    return {
        "count": len(part),
        "selection_rate": share(tp + fp, len(part)),
        "true_positive_rate": share(tp, tp + fn),
        "false_positive_rate": share(fp, tn + fp),
        "true_negative_rate": share(tn, tn + fp),
        "false_negative_rate": share(fn, tp + fn),
        "positive_predictive_value": share(tp, tp + fp),
        "false_discovery_rate": share(fp, tp + fp),
        "negative_predictive_value": share(tn, tn + fn),
        "false_omission_rate": share(fn, tn + fn),
        "accuracy": share(tp + tn, len(part)),
    }


@pytest.mark.parametrize("bins", [None, 10, 7])
def test_rates_at_every_threshold_are_those_of_the_rows(bins):
    rows = random_rows(300, 7, ties=1 if bins == 10 else 3)
    thresholds = [-1, 0, 0.1, 0.3, 0.5, 0.501, 0.95, 1, 1.5]
    curves = threshold_curves(rows, **COLUMNS, thresholds=thresholds, bins=bins)
    assert curves["threshold"].tolist() == thresholds * 3
    if bins is None:
        assert (curves["applied"] == curves["threshold"]).all()
    else:
        assert (curves["applied"] - curves["threshold"]).abs().max() <= 0.5 / bins + 1e-12
    for _, row in curves.iterrows():
        expected = rates(rows[rows["group"] == row["group"]], row["applied"])
        for name, value in expected.items():
            assert row[name] == value or (np.isnan(row[name]) and np.isnan(value)), name


def test_thresholds_by_default_cover_the_scores():
    rows = random_rows(90, 8)
    curves = threshold_curves(rows, **COLUMNS)
    assert sorted(set(curves["threshold"])) == list(np.linspace(0, 1, 101))
    far = threshold_curves(rows.assign(score=rows["score"] * 10), **COLUMNS)
    assert far["threshold"].max() == rows["score"].max() * 10
    everyone = threshold_curves(rows, score="score", y_true="y", sensitive_features=[])
    assert len(everyone) == 101
    assert everyone["count"].eq(90).all()
    with pytest.raises(ConfigError, match="thresholds"):
        threshold_curves(rows, **COLUMNS, thresholds=[np.nan])


def test_snapped_thresholds_select_whole_bins():
    edges = np.linspace(0, 1, 5)
    asked = np.array([0.0, 0.1, 0.13, 0.5, 0.88, 1.0, 2.0])
    found = snapped(asked, edges)
    after = np.nextafter(edges, 2)
    assert list(found) == [0.0, 0.0, after[1], after[2], after[4], after[4], 2.0]
