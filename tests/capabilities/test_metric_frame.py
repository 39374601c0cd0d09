"""metric_frame beyond what Fairlearn has: many scores, bins, rows on workers, refusals."""

from __future__ import annotations

import warnings

import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn.metrics as skm

from rai_scale.engines import engine_named
from rai_scale.errors import ConfigError
from rai_scale.fairness import metric_frame
from rai_scale.measures import CountedMetricFrame

RANKS = {"auc": skm.roc_auc_score, "ap": skm.average_precision_score}
AVERAGES = {
    **{"mean": fm.mean_prediction, "mae": skm.mean_absolute_error, "r2": skm.r2_score},
    **{"mse": skm.mean_squared_error, "rmse": skm.root_mean_squared_error},
    **{"brier": skm.brier_score_loss, "log": skm.log_loss},
}


def scored(rows: int = 1200) -> pa.Table:
    """Return scores of which hardly two are equal."""
    rng = np.random.default_rng(5)
    y = rng.integers(0, 2, rows)
    score = 1 / (1 + np.exp(-rng.normal(2 * y - 1, 1.5)))
    weight = rng.uniform(0.5, 2, rows)
    g, h, d = (rng.choice(list(levels), rows) for levels in ("abc", "xy", "pq"))
    h = np.where(g == "c", "x", h)
    return pa.table({"g": g, "h": h, "d": d, "y": y, "p": score, "w": weight})


TABLE = scored()


def ours(frame, metrics, features=("g",), control=(), **options) -> CountedMetricFrame:
    """Measure."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return metric_frame(
            frame,
            **{"metrics": metrics, "y_true": "y", "y_pred": "p"},
            sensitive_features=features,
            control_features=control,
            **options,
        )


def theirs(metrics, features=("g",), control=(), weight=None) -> fm.MetricFrame:
    """Ask Fairlearn about all rows."""
    frame = TABLE.to_pandas()
    weights = {} if weight is None else {name: {"sample_weight": frame[weight]} for name in metrics}
    return fm.MetricFrame(
        **{"metrics": metrics, "y_true": frame["y"], "y_pred": frame["p"]},
        sensitive_features=frame[list(features)],
        control_features=frame[list(control)] if control else None,
        sample_params=weights,
    )


LIMITS = {"overflow": {"max_cells": 300}, "bins": {"bins": 500}, "few bins": {"bins": 40}}


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("features", [("g",), ("g", "h")])
@pytest.mark.parametrize("limit", LIMITS)
def test_ranks_from_bins_keep_their_bounds(limit, features, weight):
    """AUC and average precision are off by no more than is printed, and not by nothing."""
    cut = engine_named("local").from_arrow(TABLE, 3)
    found = ours(cut, RANKS, features, sample_weight=weight, **LIMITS[limit])
    wanted = theirs(RANKS, features, weight=weight)
    assert found.bounds.index.equals(found.by_group.index)
    off = (found.by_group - wanted.by_group).abs()
    there = found.counts > 0
    assert (off[there] <= found.bounds[there] + 1e-12).all(axis=None)
    assert (found.bounds.loc[there, "auc"] > 0).any()
    assert found.bounds.loc[there, "auc"].max() < 0.05
    assert found.by_group[~there].isna().all(axis=None)


def test_no_bound_where_scores_are_kept():
    """With all distinct scores, the values are exact and the bounds are 0."""
    found = ours(TABLE, RANKS, max_cells=len(TABLE))
    assert (found.bounds == 0).all(axis=None)
    pd.testing.assert_frame_equal(found.by_group, theirs(RANKS).by_group, rtol=1e-12)


def test_more_bins_give_tighter_bounds():
    """The bound tells what bins cost."""
    few, many = (ours(TABLE, RANKS, bins=bins).bounds["auc"].max() for bins in (20, 2000))
    assert many < few / 10


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("control", [(), ("d",), ("d", "h")])
@pytest.mark.parametrize("limit", ["overflow", "bins"])
def test_averages_from_moments(limit, control, weight):
    """Averages over too many rows to count come to 1e-12 of Fairlearn's."""
    cut = engine_named("local").from_arrow(TABLE, 4)
    found = ours(cut, AVERAGES, ("g",), control, sample_weight=weight, **LIMITS[limit])
    wanted = theirs(AVERAGES, ("g",), control, weight)
    pd.testing.assert_frame_equal(found.by_group, wanted.by_group, rtol=1e-12)
    if control:
        pd.testing.assert_frame_equal(found.overall, wanted.overall, rtol=1e-12)
    else:
        pd.testing.assert_series_equal(found.overall, wanted.overall, rtol=1e-12)
    assert (found.bounds == 0).all(axis=None)
    sizes = TABLE.to_pandas().groupby([*control, "g"]).size()
    assert found.counts[found.counts > 0].to_dict() == sizes.to_dict()


def test_overflow_on_engine(engine_case):
    """The way around too many cells is the same on every engine."""
    metrics = {**RANKS, **AVERAGES}
    found = ours(engine_case.make(TABLE, 3), metrics, max_cells=300)
    wanted = theirs(metrics)
    assert list(found.by_group) == list(metrics)
    names = list(AVERAGES)
    pd.testing.assert_frame_equal(found.by_group[names], wanted.by_group[names], rtol=1e-12)
    off = (found.by_group - wanted.by_group).abs()
    assert (off[list(RANKS)] <= found.bounds[list(RANKS)] + 1e-12).all(axis=None)


def largest_gap(y_true, y_pred):
    """Return a number that no counts of pairs with weights are needed for, nor can give."""
    return float(np.max(np.diff(np.sort(y_pred)), initial=0))


def test_rows_of_a_group_on_engine(engine_case):
    """A function without weights sees all rows of a group, on a worker."""
    metrics = {"n": fm.count, "gap": largest_gap}
    found = ours(engine_case.make(TABLE, 3), metrics, ("g", "h"), ("d",), per_group=True)
    wanted = theirs(metrics, ("g", "h"), ("d",))
    pd.testing.assert_frame_equal(found.by_group, wanted.by_group, check_exact=True)
    pd.testing.assert_frame_equal(found.overall, wanted.overall, check_exact=True)


def test_rows_of_all_groups_on_engine(engine_case):
    """Without control features, all rows meet once for ``overall``."""
    found = ours(engine_case.make(TABLE, 3), largest_gap, ("h",), per_group=True)
    assert found.overall == largest_gap(None, TABLE["p"].to_numpy())
    assert found.counts.to_dict() == TABLE.to_pandas().groupby("h").size().to_dict()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metrics": ["accuracy_score"], "max_cells": 50}, "'accuracy_score' cannot be computed"),
        ({"metrics": ["accuracy_score", "roc_auc_score"], "bins": 10}, "bins were requested"),
        ({"metrics": {"f": largest_gap}}, "per_group=True"),
        ({"metrics": {"l": lambda y, p: 0}}, "'l' cannot be computed from counts"),
    ],
)
def test_refused_with_the_reason(options, words):
    """What cannot be computed is refused before anything wrong is shown."""
    metrics = options.pop("metrics") if "metrics" in options else None
    with pytest.raises(ConfigError, match=words):
        ours(TABLE, metrics, **options)


@pytest.mark.parametrize("limit", [{}, {"max_cells": 300}])
@pytest.mark.parametrize("missing", [None, float("nan")])
@pytest.mark.parametrize("metric", ["mean_prediction", "roc_auc_score"])
def test_missing_weights_are_refused(metric, missing, limit):
    """A weight that is not there is not 0; the column is named, on either way."""
    weights = pa.array([missing, *TABLE["w"].to_pylist()[1:]], pa.float64())
    table = TABLE.set_column(TABLE.column_names.index("w"), "w", weights)
    with pytest.raises(ConfigError, match="'w'"):
        ours(table, [metric], sample_weight="w", **limit)


@pytest.mark.parametrize("column", ["y", "p", "g"])
@pytest.mark.parametrize("metric", ["mean_prediction", "roc_auc_score"])
def test_missing_values_are_refused_beyond_the_limit(metric, column):
    """The way around too many cells overlooks nothing either, and quotes no value."""
    values = pa.array([None, *TABLE[column].to_pylist()[1:]], TABLE[column].type)
    table = TABLE.set_column(TABLE.column_names.index(column), column, values)
    with pytest.raises(Exception, match=f"{column!r}") as caught:
        ours(table, [metric], max_cells=300)
    assert str(TABLE["p"][5].as_py()) not in str(caught.value)


def test_cells_count_every_row():
    """``counts`` and ``cells`` add up to the table."""
    table = TABLE.set_column(4, "p", pa.array((TABLE["p"].to_numpy() > 0.5).astype(int)))
    found = ours(table, {"rate": fm.selection_rate}, ("g", "h"), ("d",))
    assert found.counts.sum() == found.cells.rows == table.num_rows
    assert len(found.cells.count) < 50
