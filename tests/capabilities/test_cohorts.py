"""Cohorts: the same rows on every engine, with one meaning of missing values; and their errors."""

from __future__ import annotations

import datetime as dt
import math
import operator
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from rai_scale.error_analysis import cohort, load_cohorts, save_cohorts
from rai_scale.error_analysis.cohorts.conditions import (
    AllOf,
    AnyOf,
    Compare,
    Missing,
    Not,
    OneOf,
    Outcome,
)
from rai_scale.errors import ConfigError, MissingColumnError

ROWS = pa.table(
    {
        "id": pa.array(range(8), pa.int64()),
        "age": pa.array([20, 30, None, 31, 2**62, -5, 30, 0], pa.int64()),
        "income": [1.5, None, float("nan"), 2.5, float("inf"), -0.0, 0.0, 1e300],
        "sex": ["F", "M", None, "F", "it's", "дом", "", "F"],
        "a b.c": pa.array([Decimal("1.10"), None, *[Decimal("2.00")] * 6], pa.decimal128(9, 2)),
        "flag": [True, None, False, True, False, True, False, None],
        "day": pa.array([dt.date(2024, 1, d) if d else None for d in range(8)]),
        "y": pa.array([0, 1, 0, 1, 0, 1, None, 1], pa.int64()),
        "p": [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, None],
    }
)
CASES = {
    "age <= 30 and (sex = 'F' or income is null)": [0, 1, 7],
    "not age <= 30": [2, 3, 4],
    "age != 30": [0, 3, 4, 5, 7],
    "not (age != 30)": [1, 2, 6],
    "age > 29.5 and age < 4611686018427387904": [1, 3, 6],
    "age = 29.5": [],
    "age < 1e30": [0, 1, 3, 4, 5, 6, 7],
    "18 <= age < 31": [0, 1, 6],
    "age between 0 and 30": [0, 1, 6, 7],
    "income > 1": [0, 3, 4, 7],
    "not income > 1": [1, 2, 5, 6],
    "income = 0": [5, 6],
    "income != 0": [0, 3, 4, 7],
    "income in (1.5, 2.5)": [0, 3],
    "income not in (1.5, 2.5)": [4, 5, 6, 7],
    "not income not in (1.5, 2.5)": [0, 1, 2, 3],
    "sex in ('it''s', 'дом') or sex = ''": [4, 5, 6],
    "sex is missing": [2],
    '"a b.c" <= 1.10': [0],
    "[a b.c] is not null and not `a b.c` = 2": [0],
    "flag = true": [0, 3, 5],
    "not flag = true": [1, 2, 4, 6, 7],
    "day >= '2024-01-06'": [6, 7],
    "wrong": [1, 4],
    "right": [0, 2, 3, 5],
    "not wrong": [0, 2, 3, 5, 6, 7],
    "true": list(range(8)),
    "not true": [],
}


def chosen(case, text, frame) -> list[int]:
    found = cohort(text, y_true="y", y_pred="p").filter(frame)
    return [row["id"] for row in case.rows(found, "id")]


def test_a_cohort_has_the_same_rows_on_every_engine(engine_case):
    frame = engine_case.make(ROWS, 3)
    spark = engine_case.name in ("spark", "connect")
    for text, ids in list(CASES.items())[:: 4 if spark else 1]:
        assert chosen(engine_case, text, frame) == ids, text
    assert cohort("income > 1").count(frame) == 4


def test_a_text_and_a_dictionary_are_the_same_cohort():
    for text in CASES:
        one = cohort(text, y_true="y", y_pred="p")
        for again in (cohort(str(one)), cohort(one.to_dict()["cohort"])):
            assert str(again) == str(one)


def test_a_filter_keeps_the_types_and_the_laziness_of_a_frame(engine_case):
    if engine_case.name in ("spark", "connect"):
        pytest.skip("a filter of Spark's own")
    frame = engine_case.make(ROWS, 2)
    kept = cohort("sex = 'F'").filter(frame)
    assert type(kept) is type(frame)
    if engine_case.name == "pandas":
        assert list(kept.index) == [0, 3, 7]
        assert kept.dtypes.equals(frame.dtypes)


TESTS = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, ">=": operator.ge}


def holds(condition, row) -> bool:
    if isinstance(condition, Not):
        return not holds(condition.part, row)
    if isinstance(condition, AllOf | AnyOf):
        together = all if isinstance(condition, AllOf) else any
        return together(holds(part, row) for part in condition.parts)
    if isinstance(condition, Outcome):
        return None not in (row["y"], row["p"]) and (row["y"] == row["p"]) is condition.right
    value = row[condition.column]
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    if isinstance(condition, Missing):
        return missing
    if isinstance(condition, OneOf):
        return not missing and (value in condition.values) is condition.inside
    return not missing and TESTS[condition.op](value, condition.value)


def any_condition(random, depth):
    kind = random.integers(0, 8 if depth else 5)
    column = ("age", "income")[random.integers(0, 2)]
    value = (0, 30, 1.5, 2.5)[random.integers(0, 4)]
    if kind == 5:
        return Not(any_condition(random, depth - 1))
    if kind > 5:
        parts = tuple(any_condition(random, depth - 1) for _ in range(random.integers(0, 4)))
        return (AllOf if kind == 6 else AnyOf)(parts)
    return (
        Compare(column, list(TESTS)[random.integers(0, 4)], value),
        OneOf(column, (value, 31), bool(random.integers(0, 2))),
        Missing(column),
        Outcome(bool(random.integers(0, 2))),
        OneOf("sex", ("F", ""), bool(random.integers(0, 2))),
    )[kind]


def test_any_condition_means_what_its_parts_mean(engine_case):
    if engine_case.name not in ("local", "dask"):
        pytest.skip("the same SQL")
    random, frame = np.random.default_rng(0), engine_case.make(ROWS, 1)
    rows = ROWS.to_pylist()
    for _ in range(60 if engine_case.name == "local" else 8):
        from rai_scale.error_analysis.cohorts.conditions import to_dict

        condition = any_condition(random, 3)
        expected = [row["id"] for row in rows if holds(condition, row)]
        assert chosen(engine_case, to_dict(condition), frame) == expected, condition


def test_cohorts_are_read_as_they_were_written(tmp_path):
    made = {"young": cohort("age < 30"), "errs": cohort("wrong", y_true="y", y_pred="p")}
    path = save_cohorts(made, tmp_path / "cohorts.yaml")
    found = load_cohorts(path)
    assert list(found) == ["young", "errs"]
    assert [str(one) for one in found.values()] == ["age < 30", "wrong"]
    assert found["errs"].labels == ("y", "p")
    path.write_text("cohorts: [{cohort: age <}]")
    with pytest.raises(ConfigError, match="entry 1 of 'cohorts': cohort: expected a value at"):
        load_cohorts(path)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("age <=", "expected a value at character 7, found the end"),
        ("age <= 3 adn sex = 'F'", "expected 'and', 'or' or the end at character 10.*mean 'and'"),
        ("sex = F", "Put texts in single quotes"),
        ("(age < 3", r"expected '\)' at character 9"),
        ("age = null", "is never true. Use 'is null'"),
        ("age ~ 3", "character 5 cannot be read"),
        ("age <= 'secret'", "column 'age' has type int64: compare it with a number"),
        ("sex > 3", "compare it with a text"),
        ("day > 'secret'", "compare it with a date"),
        ("wrong", "name the columns"),
        ("node 3", "no tree was given"),
        ({"column": "age", "les": 3}, "needs one of"),
        ({"und": []}, "exactly one of the keys"),
        ("(" * 200 + "age < 3" + ")" * 200, "nested"),
    ],
)
def test_what_cannot_be_a_cohort_is_refused_without_values(condition, message):
    with pytest.raises(ConfigError, match=message) as error:
        cohort(condition).filter(ROWS)
    assert "secret" not in str(error.value)
    with pytest.raises(MissingColumnError, match="Did you mean 'income'"):
        cohort("incme > 1").count(ROWS)
