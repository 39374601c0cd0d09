"""What code written for Fairlearn's MetricFrame relies on: its errors, names and intervals."""

from __future__ import annotations

import functools

import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn.metrics as skm

from rai_scale.engines import engine_named
from rai_scale.errors import ConfigError
from rai_scale.fairness import Bootstrap, metric_frame
from rai_scale.measures import draw_replicates
from tests.conformance.answers import Question, assert_same, outcome
from tests.conformance.tables import cut, people

BOOT = {"n_boot": 3, "ci_quantiles": [0.5]}
MISUSES = {
    "no metric": {"metrics": None},
    "a number for a metric": {"metrics": 3},
    "none among metrics": {"metrics": {"a": fm.count, "b": None}},
    "a number among metrics": {"metrics": {"a": 3}},
    "params in a list": {"sample_params": ["weight"]},
    "params of no metric": {"sample_params": {"b": {"sample_weight": None}}},
    "params that are no dict": {"sample_params": {"a": 3}},
    "the same feature twice": {"control_features": ["g"]},
    "replicates with no quantile": {**BOOT, "ci_quantiles": []},
    "quantiles without replicates": {**BOOT, "n_boot": None},
    "no replicate": {**BOOT, "n_boot": 0},
    "half a replicate": {**BOOT, "n_boot": 0.5},
    "a quantile of 0": {**BOOT, "ci_quantiles": [0.0, 0.5]},
    "a quantile of 1": {**BOOT, "ci_quantiles": [1.0]},
    "a quantile that is a text": {**BOOT, "ci_quantiles": ["0.5"]},
    "a seed that is a text": {**BOOT, "random_state": "seed"},
    "a seed that is a fraction": {**BOOT, "random_state": 1.5},
    "intervals of matrices": {**BOOT, "metrics": skm.confusion_matrix},
}


def asked(change):
    """Return the arguments that this package and Fairlearn have in common, and their features."""
    given = {"metrics": {"a": skm.accuracy_score}, "sensitive_features": ["g"], **change}
    return given.pop("sensitive_features"), given.pop("control_features", None), given


def theirs(change):
    """Ask Fairlearn with its arrays."""
    frame = people().to_pandas()
    sensitive, control, given = asked(change)
    return fm.MetricFrame(
        y_true=frame["y"],
        y_pred=frame["p"],
        sensitive_features=frame[sensitive],
        control_features=None if control is None else frame[control],
        **given,
    )


def ours(change):
    """Ask this package with columns."""
    sensitive, control, given = asked(change)
    boot = {name: given.pop(name) for name in (*BOOT, "random_state") if name in given}
    return metric_frame(
        cut(people(), str(change)),
        y_true="y",
        y_pred="p",
        sensitive_features=sensitive,
        control_features=control,
        bootstrap=Bootstrap(**boot) if boot else None,
        **given,
    )


@pytest.mark.parametrize("misuse", MISUSES)
def test_refusals_are_fairlearns_errors(misuse):
    """The error is one of this package, a ValueError, and begins with Fairlearn's sentence."""
    kind, sentence = outcome(lambda: theirs(MISUSES[misuse]))
    assert kind is ValueError
    with pytest.raises(ConfigError) as found:
        ours(MISUSES[misuse])
    assert isinstance(found.value, ValueError)
    assert found.value.args[0] == sentence
    assert len(str(found.value)) > len(sentence) + 1


def test_error_of_matrices_has_fairlearns_cause():
    """NumPy's complaint is chained."""
    causes = []
    for ask in (ours, theirs):
        with pytest.raises(ValueError, match="non-scalar") as found:
            ask(MISUSES["intervals of matrices"])
        causes.append(str(found.value.__cause__))
    assert causes[0] == causes[1]


def test_function_without_a_name():
    """A partial is called as Fairlearn calls it, with a warning."""
    nameless = functools.partial(fm.selection_rate, pos_label=1)
    with pytest.warns(UserWarning, match="__name__"):
        wanted = theirs({"metrics": nameless})
    with pytest.warns(UserWarning, match="__name__"):
        found = ours({"metrics": nameless})
    assert_same(found, wanted, exact=True)


def test_quantiles_may_be_an_array():
    """As in Fairlearn, any sequence of floats will do."""
    quantiles = np.array([0.1, 0.9])
    found, wanted = (ask({"n_boot": 3, "ci_quantiles": quantiles}) for ask in (ours, theirs))
    assert len(found.overall_ci) == len(wanted.overall_ci) == 2


def share(y_true, y_pred, cost):
    """Return the mean cost of a wrong row, without knowing of weights."""
    return float(np.mean(cost * (y_true != y_pred)))


def weighted_share(y_true, y_pred, cost, sample_weight):
    """Return the same from counts."""
    return float(np.average(cost * (y_true != y_pred), weights=sample_weight))


@pytest.mark.full
def test_intervals_of_a_function_without_weights():
    """Its replicates are those of the same function on counts."""
    columns = {"cost": "cost"}
    answers = [
        Question({"m": function, "n": fm.count}, "y", "p", ("h",), ("d",), {"m": columns}).ours(
            cut(people(), function.__name__),
            per_group=True,
            bootstrap=Bootstrap(40, ci_quantiles=[0.1, 0.5, 0.9], random_state=8),
        )
        for function in (share, weighted_share)
    ]
    rows, counts = (answer.replicates for answer in answers)
    assert rows.metrics == counts.metrics == ("m", "n")
    np.testing.assert_allclose(rows.by_group, counts.by_group, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(rows.overall, counts.overall, rtol=1e-12, atol=1e-15)
    assert np.nanstd(rows.overall[..., 0]) > 0


def test_intervals_of_a_function_alone():
    """Without a counted metric beside it, it has intervals too."""

    def agreement(y_true, y_pred):
        return float(np.mean(y_true == y_pred))

    options = {"bootstrap": Bootstrap(40, ci_quantiles=[0.5], random_state=8)}
    found = Question(agreement).ours(people(), per_group=True, **options)
    wanted = Question(skm.accuracy_score).ours(people(), **options)
    pd.testing.assert_series_equal(
        found.by_group_ci[0], wanted.by_group_ci[0], check_names=False, rtol=1e-12
    )


@pytest.mark.parametrize(
    ("limits", "rows", "words"),
    [
        ({"max_cells": 30}, 1000, "too many distinct values"),
        ({"bins": 20}, 1000, "too many distinct values"),
        ({}, 159, "160 rows on the driver; the limit is 159"),
    ],
)
def test_intervals_that_would_need_all_rows(monkeypatch, limits, rows, words):
    """What cannot be resampled on the driver is refused; without intervals it is computed."""
    monkeypatch.setattr(draw_replicates, "REPEATED_ROWS", rows)
    metrics = {"auc": skm.roc_auc_score, "m": lambda y_true, y_pred: float(np.max(y_pred))}
    question = Question(metrics, "y", "score", ("d",))
    plain = question.ours(people(), per_group=True, **limits)
    assert plain.by_group["m"].tolist() == question.theirs(people()).by_group["m"].tolist()
    with pytest.raises(ConfigError, match=words):
        question.ours(people(), per_group=True, **limits, bootstrap=Bootstrap(**BOOT))


def vectors():
    """Return the table with two equal outputs in place of each number, and its groups."""
    pairs = {
        name: pa.array([[v, v] for v in people()[name].to_pylist()], pa.list_(pa.float64()))
        for name in ("number", "guess")
    }
    return pa.table({**pairs, "h": people()["h"]})


def test_intervals_of_vectors():
    """Labels that are vectors are resampled as numbers are."""
    options = {"bootstrap": Bootstrap(20, ci_quantiles=[0.5], random_state=4)}
    question = Question({"m": skm.mean_squared_error}, "number", "guess", ("h",))
    found, wanted = (question.ours(table, **options).replicates for table in (vectors(), people()))
    np.testing.assert_allclose(found.by_group, wanted.by_group, rtol=1e-12)
    np.testing.assert_allclose(found.overall, wanted.overall, rtol=1e-12)


def test_vectors_in_partitions_of_dask():
    """Lists of numbers are counted where the engine groups with pyarrow."""
    engine = engine_named("dask")
    metric = {"m": functools.partial(skm.r2_score, multioutput="raw_values")}
    question = Question(metric, "number", "guess", ("h",))
    found = question.ours(engine.from_arrow(vectors(), 3))
    wanted = question.ours(vectors())
    assert len(found.cells.count) == len(wanted.cells.count)
    for group in wanted.by_group.index:
        np.testing.assert_allclose(found.by_group.at[group, "m"], wanted.by_group.at[group, "m"])


def test_numbers_missing_in_vectors():
    """They are refused, and not taken for numbers."""
    table = vectors().set_column(0, "number", pa.array([[1.0, None]] * 160))
    question = Question({"m": skm.mean_squared_error}, "number", "guess", ("h",))
    with pytest.raises(ConfigError, match="'number' is missing in 160 of 160 rows"):
        question.ours(table)
    frame = engine_named("dask").from_arrow(table, 2)
    with pytest.raises(Exception, match=r"'number': .* numbers in the lists"):
        question.ours(frame)
