"""Awkward input of the fairness functions: names that clash, weights, limits, messages."""

from __future__ import annotations

from decimal import Decimal
from functools import cache

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as skm
from fairlearn.metrics import MetricFrame
from sklearn.linear_model import LogisticRegression

import rai_scale
from rai_scale.engines import engine_of
from rai_scale.errors import ConfigError
from rai_scale.fairness import Bootstrap, MultiplierGrid, reference_table
from rai_scale.fairness.thresholds.counts import group_points
from rai_scale.measures import MetricError
from rai_scale.measures.group_columns import OWN_COLUMNS
from rai_scale.statistics.histogram import ScoreColumns
from tests.conftest import full

ROWS = 60
SECRET = 7.015


def people() -> pd.DataFrame:
    """Return 60 rows of labels, predictions, scores and weights in three groups."""
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "g": np.repeat(["a", "b", "c"], ROWS // 3),
            "y": np.tile([0, 1, 1, 0], ROWS // 4),
            "p": rng.integers(0, 2, ROWS),
            "s": rng.random(ROWS).round(2),
            "w": rng.random(ROWS) + 0.1,
            "u": rng.integers(0, 20, ROWS),
        }
    )


ASKED = {"y_true": "y", "y_pred": "p", "sensitive_features": ["g"]}
SCORED = {"score": "s", "y_true": "y"}


@pytest.mark.parametrize("weight", ["y", "p"])
def test_weight_that_is_also_a_label(weight):
    """The sums of a weight do not take the place of the column's own values."""
    frame = people().assign(y=np.linspace(0.1, 3, ROWS), p=np.linspace(2, 0.5, ROWS) ** 2)
    found = rai_scale.metric_frame(
        frame, metrics={"m": skm.mean_squared_error}, sample_weight=weight, **ASKED
    )
    wanted = MetricFrame(
        metrics={"m": skm.mean_squared_error},
        y_true=frame["y"],
        y_pred=frame["p"],
        sensitive_features=frame[["g"]],
        sample_params={"m": {"sample_weight": frame[weight]}},
    )
    pd.testing.assert_frame_equal(found.by_group, wanted.by_group, rtol=1e-12)


@pytest.mark.parametrize("weights", ["text", "bool"])
@pytest.mark.parametrize("way", ["frame", "moments", "curves", "reweighing", "disparities"])
def test_weights_that_are_no_numbers(way, weights):
    """No engine's own cast decides what a text or a truth value weighs."""
    frame = people()
    frame["w"] = frame["w"].astype(str) if weights == "text" else frame["w"] > 0.5
    ways = {
        "frame": lambda: rai_scale.metric_frame(
            frame, metrics=["selection_rate"], sample_weight="w", **ASKED
        ),
        "moments": lambda: rai_scale.metric_frame(
            frame,
            metrics=["mean_squared_error"],
            sample_weight="w",
            max_cells=5,
            **{**ASKED, "y_pred": "s"},
        ),
        "curves": lambda: rai_scale.fairness.threshold_curves(
            frame, sensitive_features="g", sample_weight="w", **SCORED
        ),
        "reweighing": lambda: rai_scale.fairness.reweighing(
            frame, y_true="y", sensitive_features=["g"], sample_weight="w"
        ),
        "disparities": lambda: rai_scale.fairness.disparities(
            frame, metrics="demographic_parity_ratio", sample_weight="w", **ASKED
        ),
    }
    with pytest.raises(ConfigError, match="weights in column 'w' must be numbers"):
        ways[way]()


def test_infinite_weights_are_not_called_missing():
    """The message names both reasons that a sum is not finite."""
    with pytest.raises(ConfigError, match="missing or infinite"):
        rai_scale.metric_frame(
            people().assign(w=np.inf), metrics=["selection_rate"], sample_weight="w", **ASKED
        )


@pytest.mark.parametrize("name", ["count", "sum_w", "weight", "mass"])
@pytest.mark.parametrize("part", ["g", "y"])
def test_names_of_counts_as_columns(name, part):
    """A column called as a column of the counts changes no number."""
    frame = people()
    other = frame.rename(columns={part: name})
    now = {"sensitive_features": [name if part == "g" else "g"]}
    label = name if part == "y" else "y"
    before = {"sensitive_features": ["g"]}

    curves = rai_scale.fairness.threshold_curves(
        other, score="s", y_true=label, sample_weight="w", **now
    )
    wanted = rai_scale.fairness.threshold_curves(frame, **SCORED, sample_weight="w", **before)
    assert np.allclose(curves.iloc[:, 1:], wanted.iloc[:, 1:], rtol=1e-12, equal_nan=True)

    weighed = rai_scale.fairness.reweighing(other, y_true=label, sample_weight="w", **now)
    wanted = rai_scale.fairness.reweighing(frame, y_true="y", sample_weight="w", **before)
    assert np.allclose(weighed.table["weight"], wanted.table["weight"], rtol=1e-12)
    mine, theirs = weighed.apply(other, "_new"), wanted.apply(frame, "_new")
    assert np.allclose(mine["_new"], theirs["_new"], rtol=1e-12)

    found = rai_scale.balance(other, y_true=label, y_pred="p", sample_weight="w", **now)
    wanted = rai_scale.balance(frame, y_true="y", y_pred="p", sample_weight="w", **before)
    mine, theirs = (t.to_pandas("parity")["demographic_parity"] for t in (found, wanted))
    assert np.allclose(mine, theirs, rtol=1e-12, equal_nan=True)


@pytest.mark.parametrize("name", ["count", "mean", "weight"])
def test_names_of_moments_as_groups(name):
    """A group called as a column of the state of moments is still the group."""
    frame = people()
    asked = {"metrics": ["mean_squared_error"], "y_true": "y", "y_pred": "s", "max_cells": 5}
    found = rai_scale.metric_frame(
        frame.rename(columns={"g": name}), sensitive_features=[name], **asked
    )
    wanted = rai_scale.metric_frame(frame, sensitive_features=["g"], **asked)
    assert np.allclose(found.by_group, wanted.by_group, rtol=1e-12)


@pytest.mark.parametrize("name", ["score", "top", "next_score"])
def test_names_of_hulls_as_groups(name):
    """A group called as a column of the hulls is still the group."""
    engine, frame = engine_of(people()), people()
    options = {"max_cells": 5, "bins": None, "range_rows": 20}
    asked = ScoreColumns((name,), "y", "s", only_0_and_1=True)
    found = group_points(engine, frame.rename(columns={"g": name}), asked, **options)
    wanted = group_points(
        engine, frame, ScoreColumns(("g",), "y", "s", only_0_and_1=True), **options
    )
    assert found.mode == "hulls"
    assert found.levels[name].tolist() == wanted.levels["g"].tolist()
    assert np.array_equal(found.points[0].above, wanted.points[0].above)


@pytest.mark.parametrize("change", ["count", "decimal"])
def test_persons_in_awkward_groups(change):
    """Resampling by person finds its cells whatever the groups are called and made of."""
    frame = people()
    asked = {"metrics": ["selection_rate"], "y_true": "y", "y_pred": "p"}
    asked |= {"bootstrap": Bootstrap(20, ci_quantiles=[0.1, 0.9], random_state=3, person="u")}
    wanted = rai_scale.metric_frame(frame, sensitive_features=["g"], **asked)
    if change == "count":
        other = frame.rename(columns={"g": "count"})
        found = rai_scale.metric_frame(other, sensitive_features=["count"], **asked)
    else:
        levels = {"a": Decimal("1.10"), "b": Decimal("2.20"), "c": Decimal("3.30")}
        other = frame.assign(g=frame["g"].map(levels))
        found = rai_scale.metric_frame(other, sensitive_features=["g"], **asked)
    for mine, theirs in zip(found.by_group_ci, wanted.by_group_ci, strict=True):
        assert np.array_equal(mine, theirs)


@cache
def assessed(own, role):
    """Return the tables of an assessment in which the groups are called ``own``."""
    frame = people().assign(k=np.tile(["u", "v"], ROWS // 2)).rename(columns={"g": own})
    groups = {"sensitive_features": [own, "k"]}
    if role == "control":
        groups = {"sensitive_features": ["k"], "control_features": [own]}
    options = {"bootstrap": None, "metrics": ["selection_rate"], "disparities": []}
    return rai_scale.assess_fairness(frame, y_true="y", y_pred="p", **groups, **options).tables


@pytest.mark.parametrize("role", ["sensitive", full("control")])
@pytest.mark.parametrize("name", sorted(OWN_COLUMNS))
def test_names_of_tables_as_features(name, role):
    """Features called as columns of the tables give the same assessment."""
    found, wanted = assessed(name, role), assessed("g", role)
    for table, columns in {"by_group": ["value", "flags"], "worst_groups": ["value"]}.items():
        pd.testing.assert_frame_equal(found[table][columns], wanted[table][columns])
    assert found["flags"]["metric"].tolist() == wanted["flags"]["metric"].tolist()


@pytest.mark.parametrize("metric", ["log_loss", "precision_score"])
def test_messages_of_libraries_hold_no_value(metric):
    """scikit-learn quotes scores and labels in its messages; ours are without."""
    frame = people().assign(s=people()["s"].where(people()["s"].index != 3, -SECRET))
    frame["t"] = np.where(frame["y"] == 1, "secret", "other")
    of_scores = metric == "log_loss"
    asked = {"y_true": "y", "y_pred": "s"} if of_scores else {"y_true": "t", "y_pred": "t"}
    for function in (skm.log_loss, skm.precision_score):
        if function.__name__ == metric:
            with pytest.raises(ValueError, match="secret|7.01"):
                function(frame[asked["y_true"]], frame[asked["y_pred"]])
    with pytest.raises(MetricError) as caught:
        rai_scale.metric_frame(frame, metrics=[metric], sensitive_features="g", **asked)
    assert "secret" not in str(caught.value)
    assert str(SECRET)[:4] not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_own_errors_pass():
    """What the caller's function raises is the caller's."""

    def mine(y_true, y_pred, sample_weight=None):
        raise ValueError("my own words")

    with pytest.raises(ValueError, match="my own words"):
        rai_scale.metric_frame(people(), metrics={"m": mine}, **ASKED)


def test_assessment_of_scores_as_predictions_says_what_to_do():
    """A column of scores, or of texts, in the place of predicted labels is a clear error."""
    texts = people().assign(p=people()["p"].map({0: "no", 1: "yes"}))
    for frame, column in ((people(), "s"), (texts, "p")):
        with pytest.raises(ConfigError, match=f"not occur in .*'{column}'.*named by score"):
            rai_scale.assess_fairness(frame, **{**ASKED, "y_pred": column}, bootstrap=None)


def test_no_rows():
    """An empty table is a clear error."""
    nothing = people().iloc[:0]
    with pytest.raises(ConfigError, match="no rows"):
        rai_scale.metric_frame(nothing, metrics=["selection_rate"], **ASKED)
    with pytest.raises(ConfigError, match="no rows"):
        rai_scale.fairness.disparities(nothing, metrics="demographic_parity_difference", **ASKED)


def test_misspelt_positive_label():
    """A positive label that no row has does not silently make all rows negative."""
    frame = people().assign(y=people()["y"].map({0: "no", 1: "yes"}), p="no")
    with pytest.raises(ConfigError, match="not among the labels of column"):
        rai_scale.fairness.threshold_curves(
            frame, sensitive_features="g", pos_label="Yes", **SCORED
        )
    with pytest.raises(ConfigError, match="in no row of 'y'"):
        rai_scale.balance(frame, sensitive_features=["g"], y_true="y", pos_label="Yes")
    found = rai_scale.fairness.threshold_curves(
        frame, sensitive_features="g", pos_label="yes", **SCORED
    )
    assert found["true_positive_rate"].iloc[0] == 1


def test_log_loss_of_single_precision():
    """Beyond the limit of cells, scores of 0 and 1 are clipped by their own precision."""
    frame = people().assign(s=np.tile([0, 1, 0.25, 0.75], ROWS // 4).astype(np.float32))
    asked = {**ASKED, "y_pred": "s", "metrics": ["log_loss"]}
    found = rai_scale.metric_frame(frame, max_cells=5, **asked).by_group["log_loss"]
    for group, part in frame.groupby("g"):
        assert found[group] == pytest.approx(skm.log_loss(part["y"], part["s"]), rel=1e-6)


def test_r2_of_one_row():
    """R2 of a single row is NaN beyond the limit of cells too, as in scikit-learn."""
    frame = people()
    frame.loc[0, "g"] = "alone"
    asked = {**ASKED, "y_pred": "s", "metrics": ["r2_score"]}
    found = rai_scale.metric_frame(frame, max_cells=5, **asked).by_group["r2_score"]
    assert np.isnan(found["alone"])
    assert found.notna().sum() == 3


@pytest.mark.parametrize("limit", [float("nan"), float("inf"), "0.1", True])
def test_limits_of_gates(limit):
    """A limit that nothing can exceed is not a gate."""
    gates = [{"metric": "selection_rate_difference", "above": limit}]
    with pytest.raises(ConfigError, match="finite number"):
        rai_scale.assess_fairness(people(), gates=gates, bootstrap=None, **ASKED)


def test_refusals_hold_no_group():
    """Names of groups are values of the data, and not for messages."""
    frame = rai_scale.metric_frame(
        people().replace({"a": "secret"}), metrics=["selection_rate"], **ASKED
    )
    with pytest.raises(ConfigError, match="one of the 3 groups") as caught:
        reference_table(frame, "secre")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda d: rai_scale.fairness.drift(None, None), "not the result of a fairness assessment"),
        (
            lambda d: rai_scale.fairness.fit_threshold_optimizer(
                d, sensitive_features="g", tol=-0.1, **SCORED
            ),
            "tol must be 0 or more",
        ),
        (
            lambda d: rai_scale.fairness.threshold_curves(
                d, sensitive_features=["g", "g"], **SCORED
            ),
            "named twice",
        ),
        (
            lambda d: rai_scale.metric_frame(
                d, metrics=["count"], bootstrap=Bootstrap(3, confidence=95), **ASKED
            ),
            "confidence must be between",
        ),
        (
            lambda d: rai_scale.fairness.reweighing(d, y_true="y", sensitive_features="g").apply(
                d, "y"
            ),
            "another name as output=",
        ),
    ],
)
def test_refusals(call, words):
    """Arguments that make no sense are refused in words."""
    with pytest.raises(ConfigError, match=words):
        call(people())


def test_grid_of_one_group_or_one_row():
    """Where Fairlearn divides by zero, the error says what is missing."""
    asked = {"features": ["s"], "y_true": "y", "sensitive_features": ["g"]}
    asked |= {"constraints": "DemographicParity", "grid": MultiplierGrid(4)}
    for frame, words in (
        (people().assign(g="z"), "single group"),
        (people().iloc[:1], "single row"),
    ):
        with pytest.raises(ConfigError, match=words):
            rai_scale.fairness.grid_search(frame, LogisticRegression(), **asked)


def test_one_name_instead_of_a_list():
    """A single metric or disparity may be given as text."""
    options = {
        "bootstrap": None,
        "metrics": "selection_rate",
        "disparities": "selection_rate_ratio",
    }
    found = rai_scale.assess_fairness(people(), **options, **ASKED)
    assert found.tables["disparities"]["disparity"].iloc[0] == "selection_rate_ratio"
