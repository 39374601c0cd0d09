"""Ordinary SQL means the same on every engine: texts, names, LIKE, aggregated expressions."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_scale.errors import ConfigError
from rai_scale.privacy import Privacy
from rai_scale.private_queries import load_metadata, private_sql
from rai_scale.private_queries.query.parse import parse
from rai_scale.private_queries.release.plan import make_plan
from tests.capabilities.private_cases import exact, people
from tests.conftest import examples

TEXTS = ["O'Brien", "", "'", "''", "\\", "a\\'b", "C:\\x", "100%", "a_c", "aéc", "a\U0001d518c"]
TEXTS += ["line\nbreak", "-- no", "/* no */", '"q"', "x' OR '1'='1", "tab\t", "\\n", "[a]", "`b`"]
N = len(TEXTS)
TABLE = pa.table(
    {
        "id": range(N),
        "age": pa.array([None, -5, 150, *range(3, N)], pa.int64()),
        "income": [None, -2000.0, 9000.0, *(i * 1.1 for i in range(3, N))],
        "city": TEXTS,
        "flag": [None, *(i % 3 == 0 for i in range(1, N))],
        "born": [dt.date(2020, 1 + i % 12, 28) for i in range(N)],
        "seen": pa.array([dt.datetime(2020, 1 + i % 12, 1, i) for i in range(N)]),
        "date": [i % 2 for i in range(N)],
    }
)
METADATA = people(max_ids=1, censor_dims=False, date={"type": "int"})


def literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def where(condition: str) -> str:
    return f"SELECT COUNT(*) AS n FROM S.people WHERE {condition}"


def number(query: str, frame: Any = TABLE) -> Any:
    found = private_sql(
        query, {"people": frame}, METADATA, privacy=Privacy(epsilon=1e6, delta=0.1, ledger="none")
    )
    return found.to_pandas().iloc[0, 0]


@pytest.mark.parametrize("text", TEXTS)
def test_each_text_is_found_once(text):
    assert number(where(f"city = {literal(text)}")) == 1
    assert number(where(f"city IN ({literal(text)}, 'nobody')")) == 1


def test_texts_mean_the_same_on_every_engine(cluster_case):
    frame = cluster_case.make(TABLE, 3)
    chosen = [t for i, t in enumerate(TEXTS) if i % 2 == 0]
    group = f"CASE WHEN city IN ({', '.join(map(literal, chosen))}) THEN 'it''s' ELSE '\\\\n' END"
    query = f"SELECT {group} AS g, COUNT(*) AS n FROM S.people GROUP BY g"
    found = exact(query, frame, METADATA)
    assert found.equals(exact(query, TABLE, METADATA))
    assert dict(zip(*found.to_pydict().values(), strict=True)) == {
        "it's": len(chosen), "\\n": N - len(chosen),
    }  # fmt: skip


def test_the_spellings_of_an_apostrophe_and_a_back_slash():
    assert number(where("city = 'O''Brien'")) == number(where(r"city = 'O\'Brien'")) == 1
    assert number(where(r"city = 'C:\x'")) == number(where(r"city = 'C:\\x'")) == 1
    assert number(where("city = ''")) == 1
    parsed = parse(where("city = 'O''Brien' -- it's\n/* it's */"), load_metadata(METADATA))
    assert parsed.text == where("city = 'O''Brien'")


LIKES = {
    "city LIKE '%'": N,
    "city LIKE 'a%'": 4,
    "city LIKE 'a_c'": 3,  # one character of any length in bytes
    r"city LIKE 'a\_c'": 1,
    "city LIKE 'a!_c' ESCAPE '!'": 1,
    r"city LIKE '%\%'": 1,
    "city LIKE '%''%'": 5,
    r"city LIKE '%\\\\%'": 4,
    "city LIKE 'line%break'": 1,
    "city LIKE 'A%'": 0,
    "LOWER(city) LIKE 'o''%'": 1,
    "city LIKE ''": 1,
    "city NOT LIKE '%a%' AND city <> ''": N - 8,
    "city LIKE '%!%'": 0,
}


def test_like_means_the_same_on_every_engine(cluster_case):
    frame = cluster_case.make(TABLE, 2)
    for condition, expected in LIKES.items():
        assert exact(where(condition), TABLE, METADATA)["a0"].to_pylist() == [expected], condition
    sums = ", ".join(f"SUM(CASE WHEN {c} THEN 1 END) AS n{i}" for i, c in enumerate(LIKES))
    query = f"SELECT {sums} FROM S.people"
    assert exact(query, frame, METADATA).equals(exact(query, TABLE, METADATA))


@pytest.mark.parametrize(
    ("query", "same"),
    [
        ("SELECT COUNT(1) AS n FROM S.people", "SELECT COUNT(*) AS n FROM S.people"),
        ("SELECT COUNT(*) n FROM S.people p", "SELECT COUNT(*) AS n FROM S.people"),
        (where("Age > 1e1"), where("age > 10.0")),
        (where("age > .5"), where("age > 0.5")),
        (where("p.age > 5").replace("people", "people AS p"), where("age > 5")),
        (where("people.[age] > 5"), where("age > 5")),
        (where("born > DATE '2020-05-01'"), where("born > '2020-05-01'")),
        (where("YEAR(seen) = 2020"), where("EXTRACT(YEAR FROM seen) = 2020")),
        (where("DATE = 1"), where('"date" = 1')),
        (
            "SELECT City, COUNT(*) AS n FROM S.people GROUP BY 1 ORDER BY 2 DESC",
            "SELECT city, COUNT(*) AS n FROM S.people GROUP BY city ORDER BY COUNT(*) DESC",
        ),
        (
            "SELECT date, YEAR(seen) AS year, COUNT(*) AS n FROM S.people GROUP BY DATE, year",
            'SELECT "date", EXTRACT(YEAR FROM seen) AS "year", COUNT(*) AS n FROM S.people '
            'GROUP BY "date", EXTRACT(YEAR FROM seen)',
        ),
    ],
)
def test_spellings_are_one_query(query, same):
    metadata = load_metadata(METADATA)
    assert parse(query, metadata).text == parse(same, metadata).text


def test_columns_called_like_keywords_and_quarters():
    query = "SELECT date, COUNT(*) AS time FROM S.people AS x GROUP BY x.date ORDER BY date DESC"
    found = private_sql(
        query, {"people": TABLE}, METADATA, privacy=Privacy(epsilon=1e6, ledger="none", delta=0)
    )
    assert list(found.to_pandas().columns) == ["date", "time"]
    assert found.to_pandas().to_numpy().tolist() == [[1, N // 2], [0, N - N // 2]]
    for query in ("EXTRACT(QUARTER FROM seen)", "QUARTER(born)"):
        text = f"SELECT {query} AS q, COUNT(*) AS n FROM S.people GROUP BY q"
        assert exact(text, TABLE, METADATA).to_pydict() == {"k0": [1, 2, 3, 4], "a0": [6, 6, 5, 3]}


EXPRESSIONS = {
    "SUM(CASE WHEN age > 5 THEN 1 ELSE 0 END)": "sum(CASE WHEN age > 5 THEN 1 ELSE 0 END)",
    "SUM(flag)": "sum(flag::INT)",
    "COUNT(CASE WHEN flag THEN age END)": "count(CASE WHEN flag THEN age END)",
    "SUM(IIF(flag, Age, 0))": "sum(CASE WHEN flag THEN least(greatest(age, 0), 100) ELSE 0 END)",
    "COUNT(DISTINCT EXTRACT(MONTH FROM seen))": "count(DISTINCT month(seen))",
    "SUM(EXTRACT(HOUR FROM seen))": "sum(hour(seen))",
}


def test_aggregated_expressions_on_every_engine(cluster_case):
    frame = cluster_case.make(TABLE, 3)
    query = f"SELECT {', '.join(f'{e} AS x{i}' for i, e in enumerate(EXPRESSIONS))} FROM S.people"
    found = exact(query, frame, METADATA)
    assert found.equals(exact(query, TABLE, METADATA))
    data = TABLE  # noqa: F841
    wanted = duckdb.sql(f"SELECT {', '.join(EXPRESSIONS.values())} FROM data").fetchone()
    assert wanted is not None
    assert [int(v) for v in wanted] == [column[0].as_py() for column in found.columns]


def test_an_expression_without_bounds_is_not_summed():
    metadata = people(max_ids=1, age={"type": "int"})
    for expression in (
        "age * 2",
        "CHAR_LENGTH(city)",
        "CASE WHEN flag THEN age ELSE 1 END",
        "age / 3",
    ):
        with pytest.raises(ConfigError, match="has no bounds"):
            make_plan(
                f"SELECT SUM({expression}) AS s FROM S.people",
                load_metadata(metadata), None, Privacy(epsilon=1),
            )  # fmt: skip
    with pytest.raises(ConfigError, match="division"):
        exact("SELECT COUNT(income / age) AS s FROM S.people", TABLE, METADATA)


ADVERSARY = [
    "CASE WHEN city IN ('a', 'b') THEN age END", "CASE WHEN city IN ('a') THEN age END",
    "CASE WHEN age > 20 THEN income ELSE -7 END", "income * income - age", "age * age * age",
    "ABS(income - age)", "ROUND(income / 0.001, -1)", "COALESCE(income, age, 3)", "SQUARE(income)",
    "FLOOR(income) % 7", "IIF(flag, age, SQRT(income))", "POWER(age, 3)", "SIGN(income)",
]  # fmt: skip


@settings(max_examples=examples(40), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(-2, 120)),
            st.one_of(st.none(), st.floats()),
            st.booleans(),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_one_person_moves_an_aggregated_expression_by_no_more_than_is_claimed(rows):
    columns = zip(*((99, "a", *row) for row in rows), strict=True)
    kinds = [pa.int64(), pa.string(), pa.int64(), pa.float64(), pa.bool_()]
    arrays = [pa.array(c, k) for c, k in zip(columns, kinds, strict=True)]
    table = pa.table(arrays, names=["id", "city", "age", "income", "flag"])
    metadata = people(max_ids=2)
    sums = ", ".join(f"VAR({e}) AS x{i}" for i, e in enumerate(ADVERSARY))
    query = f"SELECT {sums} FROM S.people"
    plan = make_plan(query, load_metadata(metadata), table.schema, Privacy(epsilon=1, delta=1e-6))
    found = exact(query, table, metadata)
    for i, column in enumerate(plan.budgeted.columns):
        assert abs(found[f"a{i}"][0].as_py()) <= column.sensitivity.each
