"""Metrics of all groups at once have the bits of Fairlearn's on the rows of each group."""

import pickle
from functools import partial
from time import process_time

import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as skm

import rai_scale
from rai_scale.errors import ConfigError
from rai_scale.measures.count_metrics import FORMULAS

METRICS = {function.__name__: function for function in FORMULAS}
OTHERS = {"mcc": skm.matthews_corrcoef, "loss": skm.mean_squared_error}


def rows(groups, each, seed=0, kind="int64"):
    """Return labels and predictions of groups, some of one label only."""
    rng = np.random.default_rng(seed)
    n = groups * each
    group = np.arange(n) % groups
    share = np.where(group % 5 == 0, group % 2, 0.4)
    return pd.DataFrame(
        {
            "y": (rng.random(n) < share).astype(kind),
            "p": (rng.random(n) < share).astype(kind),
            "g": group.astype(str),
            "h": rng.integers(0, 3, n),
            "c": rng.integers(0, 2, n),
        }
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["int64", "bool", "float64"])
@pytest.mark.parametrize("control", [None, ["c"]])
def test_bits_of_fairlearn(kind, control):
    """By group and overall, with control features and combinations without rows too."""
    frame = rows(15, 7, kind=kind)
    metrics = {**METRICS, **OTHERS}
    asked = {"sensitive_features": ["g", "h"], "control_features": control}
    found = rai_scale.metric_frame(frame, metrics=metrics, y_true="y", y_pred="p", **asked)
    wanted = fm.MetricFrame(
        metrics=metrics,
        y_true=frame.y,
        y_pred=frame.p,
        **{name: None if columns is None else frame[columns] for name, columns in asked.items()},
    )
    same = pd.testing.assert_frame_equal if control else pd.testing.assert_series_equal
    pd.testing.assert_frame_equal(found.by_group, wanted.by_group, check_exact=True)
    same(found.overall, wanted.overall, check_exact=True)
    for method in ("between_groups", "to_overall"):
        same(found.difference(method=method), wanted.difference(method=method), check_exact=True)
        same(found.ratio(method=method), wanted.ratio(method=method), check_exact=True)
    same(found.group_min(), wanted.group_min(), check_exact=True)


@pytest.mark.parametrize("metrics", ["selection_rate", ["count"], ["count", "accuracy_score"]])
def test_shapes_and_types(metrics):
    """One metric, integers alone and beside floats come as Fairlearn gives them."""
    frame = rows(4, 9)
    found = rai_scale.metric_frame(
        frame, metrics=metrics, y_true="y", y_pred="p", sensitive_features="g"
    )
    functions = METRICS[metrics] if isinstance(metrics, str) else {m: METRICS[m] for m in metrics}
    wanted = fm.MetricFrame(
        metrics=functions, y_true=frame.y, y_pred=frame.p, sensitive_features=frame.g
    )
    same = pd.testing.assert_series_equal if metrics == "selection_rate" else None
    (same or pd.testing.assert_frame_equal)(found.by_group, wanted.by_group, check_exact=True)


def test_many_groups_in_seconds():
    """100,000 groups take seconds, and grow no faster than their number."""
    small, large = rows(20_000, 4), rows(100_000, 4)
    asked = {"metrics": ["selection_rate", "true_positive_rate"], "y_true": "y", "y_pred": "p"}
    spent = []
    for frame in (small, large):
        start = process_time()
        found = rai_scale.metric_frame(frame, sensitive_features="g", **asked)
        spent.append(process_time() - start)
    assert len(found.by_group) == 100_000
    assert spent[1] < 30
    assert spent[1] < 10 * spent[0]


@pytest.mark.full
def test_an_assessment_of_many_groups():
    """Without bounds thousands of groups are assessed; with them the limit says what to do."""
    frame = rows(3_000, 4)
    asked = {"y_true": "y", "y_pred": "p", "sensitive_features": "g"}
    found = rai_scale.assess_fairness(frame, bootstrap=None, **asked)
    assert found.tables["by_group"]["group"].nunique() == 3_000
    with pytest.raises(ConfigError, match=r"bootstrap=None"):
        rai_scale.assess_fairness(frame, **asked)


def test_comparisons_on_demand():
    """Comparisons that are first asked for later are of the values measured."""
    frame = rows(6, 20)
    asked = {"metrics": ["selection_rate", "count"], "y_true": "y", "y_pred": "p"}
    wanted = rai_scale.metric_frame(frame, sensitive_features="g", **asked).ratio()
    found = rai_scale.metric_frame(frame, sensitive_features="g", **asked)
    kept = pickle.loads(pickle.dumps(found))
    found.by_group.loc[:] = 0.5  # the reader's own change
    found.overall[:] = 0.5
    for one in (found, kept):
        pd.testing.assert_series_equal(one.ratio(), wanted, check_exact=True)


def test_a_hundred_groups_ten_times_faster_than_fairlearn():
    """What a frame costs beside its groups is little: at best of three runs."""
    frame = rows(100, 50)
    columns = {"y_true": "y", "y_pred": "p"}
    metrics = {"s": fm.selection_rate, "t": fm.true_positive_rate}
    labels = {name: frame[column] for name, column in columns.items()}

    def seconds(made):
        start = process_time()
        made()
        return process_time() - start

    ours = partial(rai_scale.metric_frame, frame, sensitive_features="g", **columns)
    theirs = partial(fm.MetricFrame, sensitive_features=frame.g, **labels)
    best = [min(seconds(partial(f, metrics=metrics)) for _ in range(3)) for f in (ours, theirs)]
    assert best[1] > 10 * best[0]
