"""What kind of answer comes: scalar, Series or DataFrame; cells that are no scalars; refusals."""

from __future__ import annotations

import pickle

import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as skm

from rai_scale.fairness import metric_frame
from rai_scale.measures import CountedMetricFrame
from tests.conformance.answers import ERRORS, METHODS, Question, assert_same, outcome
from tests.conformance.tables import cut, people

ONE = fm.selection_rate
DICTS = {
    "none": {},
    "one": {"rate": ONE},
    "several": {"rate": ONE, "n": fm.count, "tpr": fm.true_positive_rate, "acc": skm.f1_score},
    "with a matrix": {"matrix": skm.confusion_matrix, "rate": ONE},
    "odd names": {"! # \\ | $": ONE, "": fm.count, "y": skm.accuracy_score},
}
CONTROLS = {"no control": (), "one control": ("c",), "two controls": ("c", "d")}


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("metric", [ONE, skm.accuracy_score, fm.count, skm.confusion_matrix])
def test_single_function(metric, control):
    """A bare function gives scalars or Series of its name."""
    question = Question(metric, sensitive=("h",), control=CONTROLS[control])
    ours = question.ours(cut(people(), f"{metric.__name__} {control}"))
    wanted = question.theirs(people())
    assert_same(ours, wanted, exact=True)
    assert isinstance(ours.by_group, pd.Series)
    if not control.endswith("s") and not CONTROLS[control]:
        assert type(ours.overall) is type(wanted.overall)


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("metrics", [name for name in DICTS if name != "none"])
def test_dict(metrics, control):
    """A dict gives Series or DataFrames in the order of its keys, even of one metric."""
    question = Question(DICTS[metrics], sensitive=("h",), control=CONTROLS[control])
    ours = question.ours(cut(people(), f"{metrics} {control}"))
    assert_same(ours, question.theirs(people()), exact=True)
    assert isinstance(ours.by_group, pd.DataFrame)


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("errors", ERRORS)
def test_cells_that_are_no_scalars(errors, control):
    """A confusion matrix has no minimum: refused in Fairlearn's words, or coerced to NaN."""
    question = Question(
        {"matrix": skm.confusion_matrix}, sensitive=("h",), control=CONTROLS[control]
    )
    ours = question.ours(cut(people(), f"matrix {errors} {control}"))
    theirs = question.theirs(people())
    for name in ("group_min", "group_max"):
        mine = outcome(lambda n=name: getattr(ours, n)(errors=errors))
        wanted = outcome(lambda n=name: getattr(theirs, n)(errors=errors))
        assert type(mine) is type(wanted)
        if errors == "raise":
            assert mine == wanted
            assert mine[0] is ValueError
        else:
            assert np.isnan(mine.to_numpy(float)).all()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("group_min", {"errors": "ignore"}),
        ("group_max", {"errors": None}),
        *[(n, {"errors": "warn"}) for n in ("difference", "ratio")],
        *[(n, {"method": "nearest"}) for n in ("difference", "ratio")],
        ("difference_ci", {}),
        ("ratio_ci", {"method": "to_overall"}),
        ("group_min_ci", {}),
        ("group_max_ci", {}),
    ],
)
def test_misused_methods(name, options):
    """Wrong arguments, and intervals that were not asked for, raise Fairlearn's errors."""
    question = Question(ONE)
    ours = question.ours(cut(people(), name))
    theirs = question.theirs(people())
    mine = outcome(lambda: getattr(ours, name)(**options))
    assert mine == outcome(lambda: getattr(theirs, name)(**options))
    assert mine[0] is ValueError


@pytest.mark.parametrize("name", ["overall_ci", "by_group_ci"])
def test_intervals_that_were_not_asked_for(name):
    """Properties raise Fairlearn's error too."""
    question = Question(ONE)
    ours = outcome(lambda: getattr(question.ours(cut(people(), name)), name))
    assert ours == outcome(lambda: getattr(question.theirs(people()), name))


@pytest.mark.parametrize("control", CONTROLS)
def test_counts(control):
    """Rows per group have the index of ``by_group``; combinations without rows have 0."""
    question = Question(ONE, sensitive=("g", "h"), control=CONTROLS[control])
    ours = question.ours(cut(people(), control))
    names = [*CONTROLS[control], "g", "h"]
    wanted = people().to_pandas().groupby(names).size().reindex(ours.by_group.index, fill_value=0)
    assert ours.counts.equals(wanted)
    assert ours.counts.dtype == np.int64
    assert (ours.by_group.isna() == (ours.counts == 0)).all()
    assert ours.bounds.shape == (len(wanted), 1)
    assert (ours.bounds == 0.0).all(axis=None)


def test_is_a_metric_frame():
    """It can stand wherever Fairlearn's can."""
    ours = Question(ONE).ours(people())
    assert isinstance(ours, fm.MetricFrame)
    assert isinstance(ours, CountedMetricFrame)


@pytest.mark.parametrize("metrics", ["none", "several", "with a matrix"][1:])
def test_pickled_result_is_the_same(metrics):
    """A result can be stored, with its cells, and answers as before."""
    ours = Question(DICTS[metrics], sensitive=("g", "h"), control=("d",)).ours(people())
    again = pickle.loads(pickle.dumps(ours))
    assert_same(again, ours, exact=True)
    assert again.counts.equals(ours.counts)
    assert again.flags.equals(ours.flags)
    name = "demographic_parity_difference"
    assert again.disparities(name).equals(ours.disparities(name))


@pytest.mark.parametrize("features", ["g", ["g"], ("g",)])
def test_names_of_features_in_a_string_or_a_list(features):
    """One feature may be given without a list."""
    ours = metric_frame(
        cut(people(), str(features)),
        **{"metrics": ONE, "y_true": "y", "y_pred": "p", "sensitive_features": features},
        control_features="d",
    )
    wanted = Question(ONE, control=("d",)).theirs(people())
    assert_same(ours, wanted, exact=True)


@pytest.mark.parametrize("metrics", ["selection_rate", ["selection_rate", "count"]])
def test_metrics_by_name(metrics):
    """Names stand for functions: one as a bare function, a list as a dict."""
    named = {name: getattr(fm, name) for name in metrics} if isinstance(metrics, list) else ONE
    ours = Question(metrics).ours(cut(people(), str(metrics)))
    assert_same(ours, Question(named).theirs(people()), exact=True)


@pytest.mark.parametrize("method", METHODS)
def test_ratio_is_at_most_one(method):
    """Whichever way a ratio is taken, it is Fairlearn's number from 0 to 1."""
    ours = Question(DICTS["several"], sensitive=("h",)).ours(cut(people(), method))
    assert (ours.ratio(method=method) <= 1).all()
