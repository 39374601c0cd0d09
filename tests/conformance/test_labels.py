"""Labels of every kind: two classes under many names, several classes, vectors; keys of any type."""

from __future__ import annotations

import datetime
from functools import partial

import fairlearn.metrics as fm
import numpy as np
import pyarrow as pa
import pytest
import sklearn.metrics as skm

from tests.conformance.answers import Question, assert_same
from tests.conformance.tables import cut, people

RATES = (
    *(fm.true_positive_rate, fm.true_negative_rate, fm.false_positive_rate),
    *(fm.false_negative_rate, fm.selection_rate),
)
LABELS = {"sign": ("sign", "sign_guess"), "flag": ("flag", "flag_guess")}
LABELS["real"] = ("real", "real_guess")
MULTICLASS = {
    "accuracy": skm.accuracy_score,
    "zero_one": skm.zero_one_loss,
    "balanced": skm.balanced_accuracy_score,
    "matthews": skm.matthews_corrcoef,
    "kappa": skm.cohen_kappa_score,
    "linear_kappa": partial(skm.cohen_kappa_score, weights="linear"),
    "macro_f1": partial(skm.f1_score, average="macro", zero_division=0),
    "micro_f1": partial(skm.f1_score, average="micro"),
    "weighted_recall": partial(skm.recall_score, average="weighted", zero_division=0),
    "macro_precision": partial(skm.precision_score, average="macro", zero_division=0),
    "large_rate": partial(fm.selection_rate, pos_label="large"),
    "small_and_medium": partial(
        skm.f1_score, average="macro", labels=["small", "medium"], zero_division=0
    ),
    "jaccard": partial(skm.jaccard_score, average="macro", zero_division=0),
    "hamming": skm.hamming_loss,
    "matrix": partial(skm.confusion_matrix, labels=["small", "medium", "large"]),
    "shares": partial(skm.confusion_matrix, labels=["small", "large"], normalize="all"),
}


@pytest.mark.parametrize("metric", RATES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("labels", LABELS)
def test_two_classes_by_another_name(labels, metric):
    """Labels -1 and 1, False and True, 0.0 and 1.0."""
    y_true, y_pred = LABELS[labels]
    question = Question({"m": metric}, y_true, y_pred, ("h",))
    ours = question.ours(cut(people(), f"{labels} {metric.__name__}"))
    assert_same(ours, question.theirs(people()), exact=True)


@pytest.mark.parametrize("positive", ["yes", "no"])
@pytest.mark.parametrize("metric", [*RATES, skm.precision_score, skm.f1_score])
def test_text_labels(metric, positive):
    """The positive label is bound with ``functools.partial``, as in Fairlearn."""
    bound = partial(metric, pos_label=positive)
    question = Question({"m": bound}, "yes", "yes_guess", ("h",), ("d",))
    ours = question.ours(cut(people(), f"{metric.__name__} {positive}"))
    assert_same(ours, question.theirs(people()), exact=True)


@pytest.mark.parametrize("weight", [None, "weight"])
@pytest.mark.parametrize("name", MULTICLASS)
def test_several_classes(name, weight):
    """Metrics over three classes, some of which do not occur in a group."""
    params = {} if weight is None else {name: {"sample_weight": weight}}
    question = Question({name: MULTICLASS[name]}, "size", "size_guess", ("g", "h"), (), params)
    ours = question.ours(cut(people(), f"{name} {weight}"))
    exact = weight is None and name != "shares"
    assert_same(ours, question.theirs(people()), exact=exact)


def test_several_outputs():
    """Labels that are vectors, and a metric that returns one number per output."""
    rng = np.random.default_rng(3)
    values = [pa.FixedSizeListArray.from_arrays(pa.array(rng.random(120)), 2) for _ in "ab"]
    lists = [value.cast(pa.list_(pa.float64())) for value in values]
    table = pa.table({"a": lists[0], "b": lists[1], "g": rng.choice(["x", "y"], 60)})
    frame = table.to_pandas()
    metric = partial(skm.r2_score, multioutput="raw_values")
    ours = Question({"m": metric}, "a", "b").ours(table)
    wanted = fm.MetricFrame(
        metrics={"m": metric},
        y_true=np.stack(frame["a"]),
        y_pred=np.stack(frame["b"]),
        sensitive_features=frame[["g"]],
    )
    np.testing.assert_allclose(ours.overall["m"], wanted.overall["m"], rtol=1e-12)
    for group in ("x", "y"):
        np.testing.assert_allclose(
            ours.by_group.at[group, "m"], wanted.by_group.at[group, "m"], rtol=1e-12
        )


DAYS = [datetime.date(2024, 1, day) for day in (1, 2, 3)]
LEVELS = {
    "int": pa.array([3, 1, 2] * 20),
    "float": pa.array([0.5, 1.5, -2.0] * 20),
    "bool": pa.array([True, False, True] * 20),
    "text": pa.array(["b", "", "a b"] * 20),
    "accents": pa.array(["é", "e", "Z"] * 20),
    "day": pa.array(DAYS * 20),
}


@pytest.mark.parametrize("kind", LEVELS)
def test_levels_of_any_type(kind):
    """Group levels keep their type in the index."""
    rng = np.random.default_rng(8)
    y, p = rng.integers(0, 2, 60), rng.integers(0, 2, 60)
    table = pa.table({"g": LEVELS[kind], "h": pa.array([1, 1, 2, 2] * 15), "y": y, "p": p})
    metrics = {"tpr": fm.true_positive_rate, "n": fm.count}
    for features in (("g",), ("g", "h")):
        question = Question(metrics, sensitive=features)
        assert_same(question.ours(cut(table, kind)), question.theirs(table), exact=True)


TIMES = [datetime.datetime(2024, 1, day) for day in (1, 2, 3)]


@pytest.mark.parametrize(
    "levels",
    [
        pa.array([3, 1, 2] * 20, pa.int8()),
        pa.array([0.5, 1.5, -2.0] * 20, pa.float32()),
        pa.array(TIMES * 20, pa.timestamp("us")),
    ],
    ids=lambda levels: str(levels.type),
)
def test_levels_of_a_width(levels):
    """Levels are equal; their width (int8, microseconds) is the table's."""
    y = pa.array([0, 1, 1, 0, 1] * 12)
    table = pa.table({"g": levels, "y": y, "p": y})
    question = Question({"tpr": fm.true_positive_rate, "n": fm.count})
    ours, wanted = question.ours(cut(table, str(levels.type))), question.theirs(table)
    assert ours.by_group.index.tolist() == wanted.by_group.index.tolist()
    assert (ours.by_group.to_numpy() == wanted.by_group.to_numpy()).all()


@pytest.mark.parametrize(
    "name", ["y_true", "y_pred", "count", "sample_weight", "a b.c`d", "level_0", "index"]
)
def test_groups_may_be_called_anything(name):
    """Names of columns do not meet names that are used inside."""
    table = people().rename_columns([name if n == "g" else n for n in people().column_names])
    question = Question({"rate": fm.selection_rate, "n": fm.count}, sensitive=(name,))
    wanted = Question(question.metrics).theirs(people())
    ours = question.ours(cut(table, name))
    assert ours.by_group.index.name == name
    assert ours.by_group.rename_axis("g").equals(wanted.by_group)


@pytest.mark.parametrize("role", ["y", "p"])
def test_a_group_may_be_the_label_or_the_prediction(role):
    """One column may play two parts."""
    question = Question({"rate": fm.selection_rate, "n": fm.count}, sensitive=(role,))
    assert_same(question.ours(cut(people(), role)), question.theirs(people()), exact=True)
