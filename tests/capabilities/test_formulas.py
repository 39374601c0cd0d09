"""Every formula over cells against the reference function over rows."""

from __future__ import annotations

import warnings
from functools import partial

import fairlearn.metrics as flm
import numpy as np
import pytest
import sklearn.metrics as skm
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_scale.errors import ConfigError
from rai_scale.measures.uncertainty.formulas import FORMULAS, vectorised
from tests.conftest import examples

BINARY = [
    flm.true_positive_rate,
    flm.true_negative_rate,
    flm.false_positive_rate,
    flm.false_negative_rate,
    flm.selection_rate,
    flm.mean_prediction,
    partial(flm.selection_rate, pos_label=0),
    partial(flm.true_positive_rate, pos_label=0),
    partial(flm.false_positive_rate, pos_label=0),
    skm.precision_score,
    skm.recall_score,
    skm.f1_score,
    partial(skm.fbeta_score, beta=2.0),
    partial(skm.fbeta_score, beta=0.0),
    partial(skm.precision_score, zero_division=1),
    partial(skm.recall_score, zero_division=np.nan),
    partial(skm.f1_score, zero_division=1.0),
    skm.mean_absolute_error,
    skm.mean_squared_error,
    skm.root_mean_squared_error,
    skm.r2_score,
    partial(skm.r2_score, force_finite=False),
]
AVERAGES = ["macro", "micro", "weighted"]
MULTICLASS = [
    skm.accuracy_score,
    partial(skm.accuracy_score, normalize=False),
    skm.zero_one_loss,
    skm.hamming_loss,
    skm.balanced_accuracy_score,
    partial(skm.balanced_accuracy_score, adjusted=True),
    skm.matthews_corrcoef,
    skm.cohen_kappa_score,
    partial(skm.cohen_kappa_score, weights="linear"),
    partial(skm.cohen_kappa_score, weights="quadratic"),
    partial(skm.cohen_kappa_score, replace_undefined_by=1.0),
    *(
        partial(score, average=average, **more)
        for score in (skm.precision_score, skm.recall_score, skm.f1_score)
        for average in AVERAGES
        for more in ({}, {"labels": [0, 2]}, {"zero_division": np.nan}, {"zero_division": 1})
    ),
]
SCORES = [
    partial(skm.log_loss, labels=[0, 1]),
    skm.brier_score_loss,
    partial(skm.brier_score_loss, scale_by_half=False),
    partial(skm.brier_score_loss, pos_label=1),
    skm.roc_auc_score,
    skm.average_precision_score,
    skm.mean_absolute_error,
    skm.mean_squared_error,
    skm.root_mean_squared_error,
    skm.r2_score,
    flm.mean_prediction,
]


def name_of(metric) -> str:
    if isinstance(metric, partial):
        return f"{metric.func.__name__}({metric.keywords})"
    return metric.__name__


def of_rows(metric, y_true, y_pred, weights) -> float:
    """The reference function on the rows behind the cells; NaN without rows."""
    weights = np.asarray(weights)
    if np.issubdtype(weights.dtype, np.integer):
        rows, more = np.repeat(np.arange(len(weights)), weights), {}
    else:
        # each cell stands for two rows that share its weight
        rows = np.repeat(np.flatnonzero(weights > 0), 2)
        more = {"sample_weight": weights[rows] / 2}
    if not len(rows):
        return np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with np.errstate(all="ignore"):
            return metric(np.asarray(y_true)[rows], np.asarray(y_pred)[rows], **more)


def check(metric, y_true, y_pred, weights) -> None:
    formula = vectorised(metric)
    found = formula(np.array(y_true), np.array(y_pred), np.array(weights))
    expected = [of_rows(metric, y_true, y_pred, w) for w in weights]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def cells(labels, predictions, size):
    """Label cells with counts, or sums of weights without rounding, of three replicates."""
    pair = st.tuples(st.sampled_from(labels), st.sampled_from(predictions))
    whole = st.integers(0, 4) | st.just(0)
    parts = st.integers(0, 40).map(lambda eighths: eighths / 8) | st.just(0.0)

    def with_weights(pairs):
        k = len(pairs)
        weights = st.one_of(
            st.lists(st.lists(whole, min_size=k, max_size=k), min_size=3, max_size=3),
            st.lists(st.lists(parts, min_size=k, max_size=k), min_size=3, max_size=3),
        )
        return st.tuples(st.just([p[0] for p in pairs]), st.just([p[1] for p in pairs]), weights)

    return st.lists(pair, min_size=1, max_size=size, unique=True).flatmap(with_weights)


@pytest.mark.parametrize("metric", BINARY, ids=name_of)
@settings(max_examples=examples(40), deadline=None)
@given(cells([0, 1], [0, 1], 4))
def test_binary_metrics_equal_the_reference(metric, given_cells):
    check(metric, *given_cells)


@pytest.mark.parametrize("metric", MULTICLASS, ids=name_of)
@settings(max_examples=examples(25), deadline=None)
@given(cells([0, 1, 2], [0, 1, 2, 3], 9))
def test_multiclass_metrics_equal_the_reference(metric, given_cells):
    check(metric, *given_cells)


@pytest.mark.parametrize("metric", SCORES, ids=name_of)
@settings(max_examples=40, deadline=None)
@given(cells([0, 1], [0.0, 0.125, 0.3, 0.5, 0.77, 1.0], 9))
def test_score_metrics_equal_the_reference(metric, given_cells):
    check(metric, *given_cells)


def test_every_formula_is_compared_above():
    bare = {m.func if isinstance(m, partial) else m for m in BINARY + MULTICLASS + SCORES}
    assert set(FORMULAS) - bare == {flm.count}
    weights = np.array([[3, 0, 2], [0, 0, 0]])
    found = vectorised(flm.count)(np.arange(3), np.arange(3), weights)
    np.testing.assert_array_equal(found, [5.0, np.nan])


def test_random_weights_and_leading_axes():
    rng = np.random.default_rng(0)
    y_true = np.repeat([0, 1], 20)
    scores = np.tile(np.linspace(0.01, 0.99, 20), 2)
    weights = rng.random((2, 5, 40))
    for metric in SCORES:
        found = vectorised(metric)(y_true, scores, weights)
        assert found.shape == (2, 5)
        again = [[of_rows(metric, y_true, scores, w) for w in part] for part in weights]
        np.testing.assert_allclose(found, again, rtol=1e-12)


def test_text_labels():
    y_true, y_pred = ["no", "yes", "yes"], ["no", "yes", "no"]
    weights = [[3, 2, 1]]
    for metric in (
        partial(flm.true_positive_rate, pos_label="yes"),
        partial(flm.selection_rate, pos_label="yes"),
        partial(skm.f1_score, pos_label="yes"),
        skm.accuracy_score,
        skm.balanced_accuracy_score,
        skm.cohen_kappa_score,
    ):
        check(metric, y_true, y_pred, weights)


@given(cells([0, 1], [0.0, 0.3, 0.5, 1.0], 8))
@settings(deadline=None, max_examples=40)
def test_log_loss_of_one_class_is_nan_where_the_reference_raises(given_cells):
    y_true, y_pred, weights = given_cells
    found = vectorised(skm.log_loss)(np.array(y_true), np.array(y_pred), np.array(weights))
    for value, w in zip(found, weights, strict=True):
        try:
            expected = of_rows(skm.log_loss, y_true, y_pred, w)
        except ValueError:
            expected = np.nan
        np.testing.assert_allclose(value, expected, rtol=1e-12)


@pytest.mark.parametrize(
    "metric",
    [
        lambda y_true, y_pred: 0.0,
        partial(skm.f1_score, average=None),
        partial(skm.accuracy_score, sample_weight=[1.0]),
        partial(skm.zero_one_loss, normalize=False),
        partial(skm.roc_auc_score, max_fpr=0.5),
        partial(skm.mean_squared_error, multioutput="raw_values"),
        partial(skm.accuracy_score, [0, 1]),
        flm.true_positive_rate_difference,
    ],
)
def test_what_has_no_formula_is_said(metric):
    assert vectorised(metric) is None


def test_nested_partials_are_taken_apart():
    metric = partial(partial(skm.fbeta_score, beta=2.0), average="macro")
    check(metric, [0, 1, 2], [0, 2, 2], [[1, 2, 3]])


@pytest.mark.parametrize(
    ("metric", "y_true", "y_pred"),
    [
        (flm.true_positive_rate, [0, 2], [0, 2]),
        (partial(flm.true_positive_rate, pos_label=2), [0, 1], [0, 1]),
        (partial(flm.true_positive_rate, pos_label=2), [0, 1], [0, 2]),
        (skm.precision_score, [0, 1, 2], [0, 1, 2]),
        (skm.precision_score, [0, 2], [0, 2]),
        (skm.roc_auc_score, [0, 1, 2], [0.1, 0.2, 0.3]),
        (skm.average_precision_score, [0, 2], [0.1, 0.2]),
        (skm.brier_score_loss, [0, 1], [0.1, 1.2]),
        (skm.brier_score_loss, ["a", "b"], [0.1, 0.2]),
    ],
)
def test_what_the_reference_refuses_is_refused(metric, y_true, y_pred):
    y_true, y_pred, weights = np.array(y_true), np.array(y_pred), np.ones(len(y_true), dtype=int)
    with pytest.raises(ValueError):
        of_rows(metric, y_true, y_pred, weights)
    with pytest.raises(ConfigError):
        vectorised(metric)(y_true, y_pred, weights)


def test_no_cells_give_nan():
    assert np.isnan(vectorised(skm.accuracy_score)([], [], np.zeros((4, 0)))).all()
