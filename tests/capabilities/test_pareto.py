"""Candidates side by side: numbers from counts, the optimal ones, the chosen one, the chart."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from rai_scale.errors import ConfigError, MissingColumnError, WorkerError
from rai_scale.fairness import ScoreThreshold, evaluate_candidates, pareto
from tests.conftest import engine_params, make_case


def table_of(*points: tuple[float, float]) -> pd.DataFrame:
    names = [f"model {i}" for i in range(len(points))]
    numbers = pd.DataFrame(points, columns=["performance", "disparity"], dtype=float)
    return numbers.assign(candidate=names)


POINTS = table_of((0.90, 0.30), (0.85, 0.10), (0.84, 0.12), (0.70, 0.01), (0.85, 0.10))


def test_optimal_and_chosen():
    result = pareto(POINTS)
    optimal = result.table.set_index("candidate")["pareto_optimal"].to_dict()
    assert optimal == {
        "model 0": True,
        "model 1": True,
        "model 2": False,
        "model 3": True,
        "model 4": True,
    }
    assert result.chosen == "model 1"  # 0.5 * 0.15 + 0.5 * 0.10 is the least, the first of equals
    assert result.rule == "least 0.5 * error + 0.5 * disparity"
    assert pareto(POINTS, disparity_weight=0.0).chosen == "model 0"
    assert pareto(POINTS, disparity_weight=1.0).chosen == "model 3"
    assert result.metrics() == {"performance": 0.85, "disparity": 0.10}


def test_other_rules():
    fair = pareto(POINTS, max_disparity=0.05)
    assert (fair.chosen, fair.rule) == ("model 3", "best with disparity at most 0.05")

    def my_rule(table):
        return table["candidate"].iloc[2]

    own = pareto(POINTS, rule=my_rule)
    assert (own.chosen, own.rule) == ("model 2", "the caller's rule my_rule")
    error = POINTS.assign(performance=1 - POINTS["performance"])
    lower = pareto(error, higher_is_better=False)
    assert lower.chosen == "model 1"
    assert lower.table["candidate"].tolist() == pareto(POINTS).table["candidate"].tolist()


@given(
    st.lists(
        st.tuples(st.integers(0, 4).map(lambda n: n / 4), st.integers(0, 4).map(lambda n: n / 4)),
        min_size=1,
        max_size=9,
    )
)
def test_a_point_is_optimal_if_none_dominates_it(points):
    table = pareto(table_of(*points)).table
    for row in table.itertuples():
        dominated = any(
            p >= row.performance
            and d <= row.disparity
            and (p, d) != (row.performance, row.disparity)
            for p, d in points
        )
        assert row.pareto_optimal != dominated
    assert table["chosen"].sum() == 1
    assert table.loc[table["chosen"], "pareto_optimal"].all()


def test_chart_and_page():
    table = POINTS.rename(columns={"performance": "accuracy"})
    table.loc[1, "candidate"] = "<b>odd</b>"
    result = pareto(table, performance="accuracy")
    chart = ElementTree.fromstring(result.to_svg())
    circles = [e for e in chart.iter() if e.tag.endswith("circle")]
    assert len(circles) == len(POINTS) + 1  # a ring for the chosen one
    assert sum(c.get("fill") != "none" for c in circles) == 4
    page = result.to_html()
    assert "<b>odd</b>" not in page and "&lt;b&gt;odd" in page
    assert "least 0.5 * error" in page
    found = json.loads(result.to_json())
    assert found["chosen"] == "<b>odd</b>" and len(found["candidates"]) == 5
    assert pareto(table_of((0.5, 0.0))).to_svg().count("<circle") == 2  # one point has an axis too


@pytest.mark.parametrize(
    ("table", "options", "error", "says"),
    [
        (POINTS, {"performance": "performence"}, MissingColumnError, "Did you mean 'performance'"),
        (POINTS.iloc[:0], {}, ConfigError, "no candidates"),
        (POINTS.assign(candidate="a"), {}, ConfigError, "same name"),
        (table_of((np.nan, 0.1)), {}, ConfigError, "'model 0'"),
        (POINTS, {"disparity_weight": -1}, ConfigError, "between 0 and 1"),
        (POINTS, {"max_disparity": 0.001}, ConfigError, "the least is 0.01"),
        (POINTS, {"rule": lambda t: "none"}, ConfigError, "'none', which is not a candidate"),
        (POINTS, {"rule": lambda t: "a", "max_disparity": 1}, ConfigError, "not both"),
    ],
)
def test_what_cannot_be_compared_is_refused(table, options, error, says):
    with pytest.raises(error, match=says):
        pareto(table, **options)


def people(rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(9)
    table = pd.DataFrame({"age": rng.integers(0, 9, rows), "sex": rng.choice(["f", "m"], rows)})
    chance = 0.1 + 0.05 * table["age"] + 0.2 * (table["sex"] == "m")
    return table.assign(y=(rng.random(rows) < chance).astype(int))


PEOPLE = people()
MODEL = LogisticRegression().fit(PEOPLE[["age"]], PEOPLE["y"])
CANDIDATES = {
    "model": MODEL,
    "low bar": ScoreThreshold(MODEL, 0.3),
    "none": lambda X: np.zeros(len(X)),
}
ROLES = {"features": ["age"], "y_true": "y", "sensitive_features": ["sex"]}


@pytest.mark.parametrize("name", engine_params(["local", "pandas", "dask", "spark"]))
def test_candidates_are_measured_as_on_their_rows(request, name):
    case = make_case(name, request)
    frame = case.make(pa.Table.from_pandas(PEOPLE), 3)
    found = evaluate_candidates(frame, CANDIDATES, **ROLES, engine=case.engine)
    for row, candidate in zip(found.to_dict("records"), CANDIDATES.values(), strict=True):
        said = getattr(candidate, "predict", candidate)(PEOPLE[["age"]])
        odds = equalized_odds_difference(PEOPLE["y"], said, sensitive_features=PEOPLE["sex"])
        assert row["accuracy_score"] == pytest.approx(accuracy_score(PEOPLE["y"], said), rel=1e-12)
        assert row["equalized_odds_difference"] == odds
    chosen = pareto(found, performance="accuracy_score", disparity="equalized_odds_difference")
    assert chosen.chosen in CANDIDATES


def test_other_metrics_by_name_or_as_functions():
    found = evaluate_candidates(
        PEOPLE,
        {"model": MODEL},
        **ROLES,
        performance=balanced_accuracy_score,
        disparity="demographic_parity_difference",
    )
    said = MODEL.predict(PEOPLE[["age"]])
    gap = demographic_parity_difference(PEOPLE["y"], said, sensitive_features=PEOPLE["sex"])
    assert found["demographic_parity_difference"].tolist() == [gap]
    balanced = balanced_accuracy_score(PEOPLE["y"], said)
    assert found["balanced_accuracy_score"].iloc[0] == pytest.approx(balanced, rel=1e-12)


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ConfigError, match="Did you mean 'accuracy_score'"):
        evaluate_candidates(PEOPLE, CANDIDATES, **ROLES, performance="acuracy_score")
    with pytest.raises(ConfigError, match="at least one candidate"):
        evaluate_candidates(PEOPLE, {}, **ROLES)
    with pytest.raises(ConfigError, match="categories that were used in training"):
        evaluate_candidates(PEOPLE, CANDIDATES, **ROLES, categorical_features=["age"])
    gaps = PEOPLE.assign(sex=PEOPLE["sex"].where(PEOPLE.index > 1))
    with pytest.raises(ConfigError, match="'sex' is missing in 2 of 300 rows"):
        evaluate_candidates(gaps, CANDIDATES, **ROLES)
    with pytest.raises(WorkerError, match="evaluate_candidates.*ZeroDivisionError"):
        evaluate_candidates(PEOPLE, {"broken": lambda X: 1 / 0}, **ROLES)
