"""A corpus of queries: smartnoise-sql on pandas and private_sql give the same table.

Both get an epsilon at which the noise is far below the tolerance. Without ORDER BY the order of
rows is nobody's promise and is left out.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import pandas as pd
import pytest
import snsql

from rai_scale.errors import ConfigError
from rai_scale.private_queries import private_sql
from tests.capabilities.private_cases import with_privacy

pytestmark = pytest.mark.filterwarnings("ignore")

ROWS = 240
PEOPLE = pd.DataFrame(
    {
        "id": range(ROWS),
        "age": [20 + i % 10 % 4 for i in range(ROWS)],
        "income": [float(i % 48) * 10.5 for i in range(ROWS)],
        "city": [["a", "a", "a", "b", "b", "c"][i % 6] for i in range(ROWS)],
        "flag": [i % 4 == 0 for i in range(ROWS)],
        "x y": [i % 7 for i in range(ROWS)],
    }
)
METADATA: dict[str, Any] = {
    "": {
        "S": {
            "people": {
                "max_ids": 1,
                "rows": ROWS,
                "censor_dims": False,
                "clamp_counts": False,
                "sample_max_ids": False,
                "id": {"type": "int", "private_id": True},
                "age": {"type": "int", "lower": 0, "upper": 100},
                "income": {"type": "float", "lower": 0, "upper": 1000},
                "city": {"type": "string"},
                "flag": {"type": "boolean"},
                '"x y"': {"type": "int", "lower": 0, "upper": 10},
            }
        }
    }
}
BY = "FROM S.people GROUP BY city"
CORPUS = f"""
SELECT COUNT(*) AS n FROM S.people
SELECT COUNT(*) FROM S.people
SELECT COUNT(*), AVG(age) FROM S.people
SELECT COUNT(age) AS n, COUNT(ALL age) AS m, COUNT(DISTINCT id) AS p, COUNT(id) AS q FROM S.people
SELECT COUNT(DISTINCT age) AS n FROM S.people
SELECT SUM(age) AS s, SUM(income) AS t FROM S.people
SELECT AVG(age) AS a, VAR(age) AS v, VARIANCE(age) AS w, STDDEV(age) AS d, STD(age) AS e FROM S.people
select count(*) as n, Sum(age) As s from S.people
SELECT COUNT(*) AS n FROM S.people AS q
SELECT COUNT(*) AS n FROM (S.people)
SELECT COUNT(*) AS n FROM (S.people) AS q
SELECT COUNT(*) AS n FROM ((S.people))
SELECT city, COUNT(*) AS n {BY}
SELECT DISTINCT city, COUNT(*) AS n {BY}
SELECT DISTINCT COUNT(*) AS n FROM S.people
SELECT ALL city, COUNT(*) AS n {BY}
SELECT city, city AS d, COUNT(*) AS n {BY}
SELECT city AS Town, COUNT(*) AS N {BY} ORDER BY Town DESC
SELECT city, COUNT(*) AS "my n" {BY}
SELECT age, city, COUNT(*) AS n FROM S.people GROUP BY age, city ORDER BY city, age DESC
SELECT city, COUNT(*) AS n {BY} ORDER BY n
SELECT city, COUNT(*) AS n {BY} ORDER BY COUNT(*) DESC
SELECT city, COUNT(*) AS n {BY} ORDER BY n * 2 + 1
SELECT city, SUM(income) AS s {BY} ORDER BY s DESC LIMIT 2
SELECT TOP 2 city, COUNT(*) AS n {BY} ORDER BY city
SELECT city, COUNT(*) AS n {BY} ORDER BY city LIMIT 1
SELECT city, COUNT(*) AS n {BY} HAVING n > 60
SELECT city, COUNT(*) AS n {BY} HAVING COUNT(*) > 60 AND city <> 'b'
SELECT city, COUNT(*) AS n {BY} HAVING n > 100 OR n < 60 ORDER BY city
SELECT city, COUNT(*) AS n {BY} HAVING NOT (city = 'a') ORDER BY city
SELECT city, COUNT(*) AS n {BY} HAVING city IN ('a', 'c') ORDER BY city
SELECT city, COUNT(*) AS n {BY} HAVING n BETWEEN 30 AND 100 ORDER BY city
SELECT city, SUM(age) AS s {BY} HAVING SUM(age) > 1000 ORDER BY SUM(age)
SELECT COUNT(*) AS n FROM S.people HAVING n > 1000
SELECT COUNT(*) * 2 + 1 AS n, 2 * COUNT(*) AS m, 10 AS ten FROM S.people
SELECT (SUM(age) - 20 * COUNT(*)) / COUNT(*) AS x FROM S.people
SELECT SUM(age) / COUNT(*) AS a, AVG(age) AS b FROM S.people
SELECT COUNT(*) / 1.5 AS h, COUNT(*) % 7 AS r FROM S.people
SELECT POWER(COUNT(*), 2) AS p, SQRT(COUNT(*)) AS q FROM S.people
SELECT ROUND(AVG(income), 0) AS r, ABS(COUNT(*)) AS b, SIGN(COUNT(*)) AS s FROM S.people
SELECT LN(COUNT(*)) AS l, LOG10(COUNT(*)) AS t, EXP(COUNT(*) / 100) AS e FROM S.people
SELECT CEILING(AVG(income) / 100) AS c, FLOOR(AVG(income) / 100) AS f FROM S.people
SELECT IIF(COUNT(*) > 10, 1, 0) AS c, COUNT(*) AS n FROM S.people
SELECT city, AVG(age) + COUNT(*) AS x {BY} ORDER BY x
SELECT FLOOR(income / 100) AS b, COUNT(*) AS n FROM S.people GROUP BY FLOOR(income / 100) ORDER BY b
SELECT age * 2 + 1 AS b, COUNT(*) AS n FROM S.people GROUP BY age * 2 + 1 ORDER BY b
SELECT age % 2 AS b, COUNT(*) AS n FROM S.people GROUP BY age % 2 ORDER BY b
SELECT UPPER(city) AS u, COUNT(*) AS n FROM S.people GROUP BY UPPER(city) ORDER BY u
SELECT CASE WHEN age < 22 THEN 'y' ELSE 'o' END AS u, COUNT(*) AS n FROM S.people GROUP BY CASE WHEN age < 22 THEN 'y' ELSE 'o' END ORDER BY u
SELECT flag, COUNT(*) AS n FROM S.people GROUP BY flag ORDER BY flag
SELECT age, AVG(income) AS a FROM S.people GROUP BY age ORDER BY age
SELECT COUNT(*) AS n FROM S.people WHERE age > 21
SELECT COUNT(*) AS n FROM S.people WHERE flag
SELECT COUNT(*) AS n FROM S.people WHERE flag = TRUE AND age <> 20
SELECT COUNT(*) AS n FROM S.people WHERE age BETWEEN 21 AND 22
SELECT COUNT(*) AS n FROM S.people WHERE age NOT BETWEEN 21 AND 22
SELECT COUNT(*) AS n FROM S.people WHERE city IN ('a', 'c')
SELECT COUNT(*) AS n FROM S.people WHERE city NOT IN ('a', 'c')
SELECT COUNT(*) AS n FROM S.people WHERE city IS NOT NULL AND NOT (age = 20 OR age > 22)
SELECT COUNT(*) AS n FROM S.people WHERE ABS(age - 22) <= 1
SELECT COUNT(*) AS n FROM S.people WHERE age * 2 > 43 AND income + age < 300
SELECT COUNT(*) AS n FROM S.people WHERE LOWER(city) = 'a' AND UPPER(city) = 'A'
SELECT COUNT(*) AS n FROM S.people WHERE COALESCE(city, 'z') = 'a'
SELECT COUNT(*) AS n FROM S.people WHERE ROUND(income / 10, 0) > 3
SELECT COUNT(*) AS n FROM S.people WHERE 1 = 1
SELECT COUNT(*) AS n FROM S.people WHERE "x y" > 3
SELECT SUM(age) AS s FROM S.people WHERE "x y" = 3 AND income < 400.5
SELECT city, COUNT(*) AS n FROM S.people WHERE income > 100 GROUP BY city HAVING n > 5 ORDER BY n DESC LIMIT 2
""".strip().splitlines()
NOBODY = f"""
SELECT city, COUNT(*) AS n {BY} HAVING SUM(age) > 10
SELECT city, COUNT(*) AS n {BY} HAVING n > 10 AND SUM(age) > 3
SELECT city, COUNT(*) AS n {BY} ORDER BY SUM(age)
SELECT city, COUNT(*) AS n {BY} ORDER BY h
SELECT city, COUNT(*) AS n {BY} HAVING n > 10 OR m > 10
SELECT COUNT(*) AS n {BY} ORDER BY city
SELECT RAND() AS r, COUNT(*) AS n FROM S.people
SELECT PI() AS p, COUNT(*) AS n FROM S.people
SELECT TOP 2 city, COUNT(*) AS n {BY} LIMIT 1
SELECT COUNT(*) AS n, COUNT(*) AS n FROM S.people
SELECT CASE WHEN COUNT(*) > 10 THEN 1 ELSE 0 END AS c, COUNT(*) AS n FROM S.people
""".strip().splitlines()


@pytest.fixture(scope="module")
def upstream():
    privacy = snsql.Privacy(epsilon=1e4, delta=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield snsql.from_df(PEOPLE, privacy=privacy, metadata=METADATA)


def ours(query: str) -> pd.DataFrame:
    options = {"epsilon": 1e6, "delta": 1e-6, "ledger": "none"}
    return private_sql(query, {"people": PEOPLE}, METADATA, **with_privacy(**options)).to_pandas()


def alike(theirs: Any, value: Any) -> bool:
    if isinstance(value, str) or value is None:
        return theirs == value
    return math.isclose(float(theirs), float(value), rel_tol=0.02, abs_tol=1.5)


@pytest.mark.parametrize("query", CORPUS)
def test_the_same_table(query, upstream):
    names, *expected = upstream.execute(query)
    found = ours(query)
    assert list(found.columns) == [
        f"column_{i + 1}" if name == "???" else name.strip('"') for i, name in enumerate(names)
    ]
    rows = list(found.itertuples(index=False, name=None))
    if "ORDER BY" not in query:
        expected, rows = sorted(expected, key=str), sorted(rows, key=str)
    assert len(rows) == len(expected)
    for row, wanted in zip(rows, expected, strict=True):
        assert all(alike(t, v) for t, v in zip(wanted, row, strict=True)), (wanted, row)


@pytest.mark.parametrize("query", NOBODY)
def test_what_upstream_cannot_answer_is_refused(query, upstream):
    with pytest.raises((ValueError, TypeError, AttributeError)):
        list(upstream.execute(query))
    with pytest.raises(ConfigError):
        ours(query)
