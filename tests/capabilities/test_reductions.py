"""Grid search and exponentiated gradient give Fairlearn's predictors on every engine."""

from __future__ import annotations

import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import fairlearn.reductions as fr
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from rai_scale.errors import ConfigError, MissingColumnError, WorkerError
from rai_scale.fairness import (
    MultiplierGrid,
    ReductionSolver,
    TrainingRows,
    exponentiated_gradient,
    grid_search,
)
from rai_scale.fairness.mitigation.reductions import CONSTRAINTS
from tests.conftest import engine_params, full, make_case

X = ["age", "debt"]
ROLES = {"features": X, "y_true": "y", "sensitive_features": ["sex"]}
ENGINES = engine_params(["local", "dask", "spark"])
SEVEN = MultiplierGrid(grid_size=7)
BY_ROW, DISTINCT = TrainingRows(row_order="row"), TrainingRows("distinct_rows")


def people(rows: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    table = pd.DataFrame(
        {
            "row": np.arange(rows),
            "age": rng.integers(0, 5, rows),
            "debt": rng.integers(0, 4, rows),
            "sex": rng.choice(["m", "f", "x"], rows, p=[0.5, 0.4, 0.1]),
            "site": rng.choice(["n", "s"], rows),
            "unused": "text",
        }
    )
    chance = 0.15 + 0.1 * table["age"] + 0.15 * (table["sex"] == "m")
    return table.assign(y=(rng.random(rows) < chance).astype(int))


PEOPLE = people()


def frame_of(request, name, partitions):
    return make_case(name, request).make(pa.Table.from_pandas(PEOPLE), partitions)


@cache
def fairlearns_grid(constraint: str) -> fr.GridSearch:
    search = fr.GridSearch(LogisticRegression(), getattr(fr, constraint)(), grid_size=7)
    return search.fit(PEOPLE[X], PEOPLE["y"], sensitive_features=PEOPLE["sex"])


def assert_same_grid(ours, theirs, coef: float = 1e-9) -> None:
    pd.testing.assert_frame_equal(ours.lambda_vecs_, theirs.lambda_vecs_, check_exact=True)
    pd.testing.assert_frame_equal(ours.gammas_, theirs.gammas_, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours.objectives_, theirs.objectives_, rtol=1e-12)
    assert ours.best_idx_ == theirs.best_idx_
    for mine, other in zip(ours.predictors_, theirs.predictors_, strict=True):
        assert type(mine) is type(other)
        if isinstance(mine, LogisticRegression):
            np.testing.assert_allclose(mine.coef_, other.coef_, rtol=coef)


@pytest.mark.parametrize("constraint", CONSTRAINTS)
@pytest.mark.parametrize("partitions", [full(1), 4])
def test_grid_search_is_fairlearns(request, constraint, partitions):
    frame = frame_of(request, "local", partitions)
    ours = grid_search(frame, LogisticRegression(), **ROLES, constraints=constraint, grid=SEVEN)
    assert_same_grid(ours, fairlearns_grid(constraint))


@pytest.mark.parametrize("name", ENGINES)
def test_grid_search_on_every_engine(request, name):
    frame = frame_of(request, name, 3)
    ours = grid_search(frame, LogisticRegression(), **ROLES, grid=SEVEN, training=BY_ROW)
    theirs = fairlearns_grid("EqualizedOdds")
    assert_same_grid(ours, theirs)
    case = make_case(name, request)
    rows = case.rows(ours.apply(frame, "said", engine=case.engine), by="row")
    assert [row["said"] for row in rows] == theirs.predict(PEOPLE[X]).tolist()
    assert rows[0].keys() == {*PEOPLE.columns, "said"}


@pytest.mark.spark
def test_spark_without_an_order_does_not_depend_on_the_cut(request):
    first, second = (
        grid_search(
            frame_of(request, "spark", n), LogisticRegression(), **ROLES, grid=MultiplierGrid(3)
        )
        for n in (2, 5)
    )
    assert_same_grid(first, second)


def test_grid_of_the_caller_bounds_and_own_selection():
    moment = fr.DemographicParity(ratio_bound=0.7)
    theirs = fr.GridSearch(
        LogisticRegression(), fr.DemographicParity(ratio_bound=0.7), grid_size=5, grid_limit=1.5
    ).fit(PEOPLE[X], PEOPLE["y"], sensitive_features=PEOPLE["sex"])
    grid = theirs.lambda_vecs_.iloc[:, [1, 4]]
    theirs = fr.GridSearch(LogisticRegression(), fr.DemographicParity(ratio_bound=0.7), grid=grid)
    theirs.fit(PEOPLE[X], PEOPLE["y"], sensitive_features=PEOPLE["sex"])
    ours = grid_search(
        PEOPLE, LogisticRegression(), **ROLES, constraints=moment, grid=MultiplierGrid(grid=grid)
    )
    assert_same_grid(ours, theirs)
    assert not moment.data_loaded
    assert ours.to_pandas()["chosen"].sum() == 1

    def worst(objectives, gammas):
        return int(np.argmax(objectives))

    other = grid_search(
        PEOPLE,
        LogisticRegression(),
        **ROLES,
        constraints=moment,
        grid=MultiplierGrid(grid=grid, selection_rule=worst),
    )
    assert other.best_idx_ == int(np.argmax(theirs.objectives_))


def test_the_result_shows_its_points():
    ours = grid_search(PEOPLE, LogisticRegression(), **ROLES, grid=SEVEN)
    points = ours.pareto()
    assert points.chosen == f"grid {ours.best_idx_}"
    assert len(points.table) == 7
    assert "The selection of the grid search" in ours.to_html()
    found = json.loads(ours.to_json())
    assert found["objective"] == ours.objectives_
    assert np.array(found["lambda"]).shape == (7, len(found["constraints"]))
    assert ours.metrics()["objective"] == ours.objectives_[ours.best_idx_]


def test_grid_search_of_a_regression():
    table = PEOPLE.assign(y=PEOPLE["age"] * 0.2 + (PEOPLE["sex"] == "m") * 0.5)
    loss = fr.SquareLoss(0, 2)
    theirs = fr.GridSearch(LinearRegression(), fr.BoundedGroupLoss(loss), grid_size=6)
    theirs.fit(table[X], table["y"], sensitive_features=table["sex"])
    moment = fr.BoundedGroupLoss(loss)
    ours = grid_search(
        table, LinearRegression(), **ROLES, constraints=moment, grid=MultiplierGrid(6)
    )
    assert_same_grid(ours, theirs)
    said = ours.apply(table)["prediction"]
    np.testing.assert_allclose(said, theirs.predict(table[X]), rtol=1e-12)


def test_distinct_rows_give_the_same_trees():
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    theirs = fr.GridSearch(tree, fr.EqualizedOdds(), grid_size=5)
    first_of_group = PEOPLE.sort_values([*X, "sex", "y"], kind="stable")
    theirs.fit(first_of_group[X], first_of_group["y"], sensitive_features=first_of_group["sex"])
    ours = grid_search(PEOPLE, tree, **ROLES, grid=MultiplierGrid(5), training=DISTINCT)
    pd.testing.assert_frame_equal(ours.gammas_, theirs.gammas_, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.objectives_, theirs.objectives_, rtol=1e-9)


class ErrorRateOfAll(fr.ErrorRate):
    """Without this Fairlearn's grid search refuses control features, which its objective ignores."""

    def load_data(self, X, y, *, sensitive_features, control_features=None):
        super().load_data(X, y, sensitive_features=sensitive_features)


CONTROLLED = {
    name: type(name, (getattr(fr, name),), {"default_objective": lambda self: ErrorRateOfAll()})
    for name in ("DemographicParity", "EqualizedOdds")
}
CASES = [
    ("local", "rows"),
    full("local", "distinct_rows"),
    full("dask", "rows"),
    ("dask", "distinct_rows"),
]


@pytest.mark.parametrize("constraint", CONTROLLED)
@pytest.mark.parametrize(("name", "train_on"), CASES)
def test_grid_search_with_control_features_is_fairlearns(request, name, train_on, constraint):
    rows = PEOPLE.sort_values([*X, "site", "sex", "y"]) if train_on == "distinct_rows" else PEOPLE
    theirs = fr.GridSearch(LogisticRegression(tol=1e-10), CONTROLLED[constraint](), grid_size=5)
    people = {"sensitive_features": rows["sex"], "control_features": rows["site"]}
    theirs.fit(rows[X], rows["y"], **people)
    ours = grid_search(
        frame_of(request, name, 3),
        LogisticRegression(tol=1e-10),
        **ROLES,
        control_features=["site"],
        constraints=constraint,
        grid=MultiplierGrid(5),
        training=BY_ROW if train_on == "rows" else DISTINCT,
    )
    assert any("control=s" in event for event in ours.gammas_.index.get_level_values("event"))
    # sums over distinct rows lead the solver to the same point by other steps
    assert_same_grid(ours, theirs, 1e-9 if train_on == "rows" else 1e-7)


def test_a_loss_takes_no_control_features():
    loss = fr.BoundedGroupLoss(fr.SquareLoss(0, 1))
    for fit in (grid_search, exponentiated_gradient):
        with pytest.raises(ConfigError, match="do not support control features"):
            fit(PEOPLE, LinearRegression(), **ROLES, control_features=["site"], constraints=loss)


def test_categories_reach_the_learner():
    table = PEOPLE.assign(debt=pd.Categorical(PEOPLE["debt"], categories=[3, 2, 1, 0, 9]))
    ours = grid_search(table, SeesCategories(), **ROLES, grid=MultiplierGrid(2))
    assert {tuple(p.seen_) for p in ours.predictors_} == {(3, 2, 1, 0, 9)}
    plain = grid_search(
        PEOPLE, SeesCategories(), **ROLES, grid=MultiplierGrid(2), categorical_features=["debt"]
    )
    assert {tuple(p.seen_) for p in plain.predictors_} == {(0, 1, 2, 3)}


class SeesCategories:
    """An estimator of another library: no scikit-learn base class."""

    def fit(self, X, y, sample_weight):
        self.seen_ = X["debt"].cat.categories.tolist()
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


@cache
def fairlearns_gradient(constraint: str, control: bool) -> fr.ExponentiatedGradient:
    extra = {"control_features": PEOPLE["site"]} if control else {}
    theirs = fr.ExponentiatedGradient(
        LogisticRegression(), getattr(fr, constraint)(), max_iter=8, eps=0.05
    )
    return theirs.fit(PEOPLE[X], PEOPLE["y"], sensitive_features=PEOPLE["sex"], **extra)


def gradient(frame, constraint="EqualizedOdds", **options):
    options = {"solver": ReductionSolver(max_iter=8, eps=0.05), **options}
    return exponentiated_gradient(
        frame, LogisticRegression(), **ROLES, constraints=constraint, **options
    )


def assert_same_gradient(ours, theirs) -> None:
    np.testing.assert_allclose(ours.weights_, theirs.weights_, atol=1e-9)
    assert ours.weights_.index.tolist() == theirs.weights_.index.tolist()
    expected = theirs._pmf_predict(PEOPLE[X])[:, 1]
    np.testing.assert_allclose(ours.expected(PEOPLE[X]), expected, atol=1e-9)
    np.testing.assert_allclose(ours.best_gap_, theirs.best_gap_, atol=1e-9)
    assert ours.mitigator.nu == pytest.approx(theirs.nu, rel=1e-12)


@pytest.mark.parametrize("control", [full(False), True], ids=["", "control"])
@pytest.mark.parametrize(
    "constraint", [c if c in ("EqualizedOdds", "ErrorRateParity") else full(c) for c in CONSTRAINTS]
)
@pytest.mark.parametrize("train_on", [full("rows"), "distinct_rows"])
def test_exponentiated_gradient_is_fairlearns(request, constraint, control, train_on):
    frame = frame_of(request, "local", 3)
    site = ["site"] if control else []
    ours = gradient(frame, constraint, control_features=site, training=TrainingRows(train_on))
    assert_same_gradient(ours, fairlearns_gradient(constraint, control))


@pytest.mark.parametrize("name", ENGINES)
def test_exponentiated_gradient_on_every_engine(request, name):
    frame = frame_of(request, name, 4)
    ours = gradient(frame, training=DISTINCT)
    theirs = fairlearns_gradient("EqualizedOdds", False)
    assert_same_gradient(ours, theirs)
    case = make_case(name, request)
    rows = case.rows(ours.apply(frame, engine=case.engine), by="row")
    expected = theirs._pmf_predict(PEOPLE[X])[:, 1]
    np.testing.assert_allclose([row["probability"] for row in rows], expected, atol=1e-9)
    drawn = ours.predict(PEOPLE[X], random_state=3)
    np.testing.assert_array_equal(drawn, theirs.predict(PEOPLE[X], random_state=3))


def test_threads_that_share_a_loaded_mixture_agree():
    """Dask's threads load one object and use it at once; pandas indexes are not made for that."""
    ours = gradient(PEOPLE)
    saved, few = pickle.dumps(ours.mitigator), PEOPLE[X].head(3)
    expected = ours.expected(few).tolist()
    start = threading.Barrier(4)

    def answer(mitigator):
        start.wait()
        return replace(ours, mitigator=mitigator).expected(few).tolist()

    with ThreadPoolExecutor(4) as pool:
        for _ in range(60):
            answers = list(pool.map(answer, [pickle.loads(saved)] * 4))
            assert answers == [expected] * 4


@pytest.mark.parametrize("train_on", ["rows", "distinct_rows"])
def test_exponentiated_gradient_of_a_regression(train_on):
    table = PEOPLE.assign(y=PEOPLE["age"] * 0.2 + (PEOPLE["sex"] == "m") * 0.5)
    loss, bound = fr.SquareLoss(0, 2), 0.03
    theirs = fr.ExponentiatedGradient(
        LinearRegression(), fr.BoundedGroupLoss(loss, upper_bound=bound), max_iter=6
    ).fit(table[X], table["y"], sensitive_features=table["sex"])
    ours = exponentiated_gradient(
        table,
        LinearRegression(),
        **ROLES,
        constraints=fr.BoundedGroupLoss(loss, upper_bound=bound),
        solver=ReductionSolver(max_iter=6),
        training=TrainingRows(train_on),
    )
    np.testing.assert_allclose(ours.weights_, theirs.weights_, atol=1e-9)
    expected = theirs._pmf_predict(table[X])[theirs.weights_.index].dot(theirs.weights_)
    np.testing.assert_allclose(ours.apply(table)["probability"], expected, rtol=1e-9)


@pytest.mark.parametrize("constraint", ["EqualizedOdds", "DemographicParity"])
def test_exponentiated_gradient_with_trees(constraint):
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    theirs = fr.ExponentiatedGradient(tree, getattr(fr, constraint)(), max_iter=8)
    theirs.fit(PEOPLE[X], PEOPLE["y"], sensitive_features=PEOPLE["sex"])
    ours = exponentiated_gradient(
        PEOPLE, tree, **ROLES, constraints=constraint, solver=ReductionSolver(max_iter=8)
    )
    assert_same_gradient(ours, theirs)


def test_costs_of_errors_are_kept():
    costs = {"fp": 0.2, "fn": 0.8}
    theirs = fr.ExponentiatedGradient(
        LogisticRegression(),
        fr.EqualizedOdds(),
        objective=fr.ErrorRate(costs=costs),
        max_iter=8,
        eps=0.05,
        nu=1e-6,
        run_linprog_step=False,
    ).fit(PEOPLE[X], PEOPLE["y"], sensitive_features=PEOPLE["sex"])
    solver = ReductionSolver(max_iter=8, eps=0.05, nu=1e-6, run_linprog_step=False)
    options = {"objective": fr.ErrorRate(costs=costs), "solver": solver, "training": DISTINCT}
    assert_same_gradient(gradient(PEOPLE, **options), theirs)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"constraints": "EqualisedOdds"}, ConfigError, "Did you mean 'EqualizedOdds'"),
        ({"features": ["aeg"]}, MissingColumnError, "Did you mean 'age'"),
        ({"features": []}, ConfigError, "at least one feature"),
        ({"y_true": "age"}, ConfigError, "labels other than 0 and 1"),
        ({"training": TrainingRows(max_rows=100)}, ConfigError, "240 rows.*at most max_rows = 100"),
        ({"constraints": fr.ErrorRate()}, ConfigError, "not a constraint"),
    ],
)
def test_what_cannot_be_used_is_refused(change, error, says):
    with pytest.raises(error, match=says):
        grid_search(PEOPLE, LogisticRegression(), **{**ROLES, **change})


@pytest.mark.parametrize(
    ("options", "change", "says"),
    [
        (TrainingRows, {"train_on": "cells"}, "rows, distinct_rows"),
        (TrainingRows, {"max_rows": 0}, "1 or more"),
        (MultiplierGrid, {"selection_rule": "best"}, "tradeoff_optimization"),
        (MultiplierGrid, {"constraint_weight": 2}, "between 0 and 1"),
        (ReductionSolver, {"eps": 0}, "above 0"),
        (ReductionSolver, {"max_iter": 0}, "1 or more"),
    ],
)
def test_options_are_checked_when_they_are_made(options, change, says):
    with pytest.raises(ConfigError, match=says):
        options(**change)


def test_missing_people_are_counted_and_a_failing_learner_is_named():
    gaps = PEOPLE.assign(sex=PEOPLE["sex"].where(PEOPLE["row"] > 4))
    with pytest.raises(ConfigError, match="'sex' is missing in 5 of 240 rows"):
        grid_search(gaps, LogisticRegression(), **ROLES)
    with pytest.raises(ConfigError, match="no rows"):
        grid_search(PEOPLE.iloc[:0], LogisticRegression(), **ROLES)
    with pytest.raises(WorkerError, match="map_tasks.*KeyError") as caught:
        grid_search(PEOPLE, Fails(), **ROLES)
    assert "secret" not in str(caught.value)


class Fails:
    def fit(self, X, y, sample_weight):
        raise KeyError("secret")
