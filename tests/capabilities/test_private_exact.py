"""The exact inner aggregates: the same integers on every engine, however the data are cut."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_scale.engines import engine_named
from rai_scale.privacy import HashKey
from rai_scale.private_queries import Dialect, QueryRefusedError
from tests.capabilities.private_cases import KEY, exact, people, pums
from tests.conftest import examples

QUERIES = [
    "SELECT educ, married, COUNT(*) AS n, COUNT(DISTINCT pid) AS p, AVG(age) AS a, VAR(income) AS v "
    "FROM PUMS.PUMS WHERE age > 20 AND sex IN (0, 1) GROUP BY educ, married",
    "SELECT COUNT(*) AS n, SUM(income) AS s, STDDEV(age) AS d FROM PUMS.PUMS",
    "SELECT CASE WHEN age * 1.5 > 60 THEN 'old' ELSE 'yo''ung' END AS g, SUM(age) AS s FROM PUMS.PUMS "
    "WHERE ROUND(income / 7.0, 2) % 5 > 1 OR income IS NULL "
    "GROUP BY CASE WHEN age * 1.5 > 60 THEN 'old' ELSE 'yo''ung' END",
    "SELECT FLOOR(income / 30000) AS g, SUM(educ) AS s, COUNT(income) AS c FROM PUMS.PUMS "
    "WHERE NOT (race = 1 AND educ BETWEEN 3 AND 5) GROUP BY FLOOR(income / 30000)",
    "SELECT income, COUNT(*) AS n FROM PUMS.PUMS GROUP BY income",
]
QUERIES[2] = QUERIES[2].replace("yo''ung", "yo\\\\ung")


@pytest.mark.parametrize("name", ["PUMS_dup", "PUMS_null", "PUMS_pid"])
def test_pums_tables_give_the_same_integers_everywhere(cluster_case, reference_data, name):
    frame = pd.read_csv(reference_data / "pums" / f"{name}.csv").convert_dtypes()
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for query in QUERIES if name == "PUMS_dup" else QUERIES[:1]:
        expected = exact(query, table, pums())
        found = exact(query, cluster_case.make(table, 3), pums())
        assert found.equals(expected), query
        assert expected.num_rows >= 1


EDGES = pa.table(
    {
        "id": pa.array([1, 1, 1, 2, 2, 3, None, 4, 4, 5], pa.int64()),
        "age": pa.array([5, 500, -3, None, 7, 2**62, 1, 99, 100, -(2**63)], pa.int64()),
        "income": pa.array(
            [float("nan"), float("inf"), -float("inf"), None, -0.0, 0.0, 1.0, 1e300, 0.1, -1e-320]
        ),
        "city": ["Äb", "äB", None, "", "x'y", 'q"\\', "\u3000a{b}\u00a0 ", "日本", " trim ", "A"],
        "flag": [True, False, None, True, True, False, None, True, False, True],
        "born": pa.array([dt.date(1969, 12, 31), None, *[dt.date(2024, 2, 29)] * 8]),
        "seen": pa.array(
            [dt.datetime(1969, 7, 20, 20, 17, 40, 123456, tzinfo=dt.UTC), None]
            + [dt.datetime(2024, 3, 31, 1, 30, tzinfo=dt.UTC)] * 8,
            pa.timestamp("us", "UTC"),
        ),
    }
)


def grouped(expression: str, where: str = "") -> str:
    where = f"WHERE {where} " if where else ""
    return (
        f"SELECT {expression} AS g, COUNT(*) AS n, SUM(income) AS s, SUM(age) AS a "
        f"FROM S.people {where}GROUP BY {expression}"
    )


EDGE_QUERIES = [
    grouped("income"),
    grouped("city"),
    grouped("flag"),
    grouped("born"),
    grouped("seen"),
    grouped("age"),
    grouped("UPPER(city)"),
    grouped(
        "TRIM(city)",
        "CONCAT(city, 'x') <> 'q\"' AND city IN ('Äb', 'äB', ' trim ', '日本', '\u3000a{b}\u00a0 ')",
    ),
    grouped("SUBSTRING(city FROM 1 FOR 1)"),
    grouped("CHAR_LENGTH(city)", "born >= '2024-01-01' OR seen < '1970-01-01T00:00:00'"),
    grouped("EXTRACT(YEAR FROM seen)", "EXTRACT(HOUR FROM seen) < 21"),
    grouped("EXTRACT(WEEKDAY FROM born)"),
    grouped("SQRT(income)", "income > -5 OR flag"),
    grouped("income * income * age", "COALESCE(age, 3) % 4 < 3"),
    grouped("ROUND(income, 1)", "flag IS NOT TRUE OR ABS(income) >= 0"),
    grouped("IIF(flag, age, 0.5)", "income IS NULL OR income / 3 <> 2"),
    grouped("CEIL(income)", "SIGN(income) >= 0 AND POWER(income, 2) >= 0"),
    grouped("CAST(age AS VARCHAR)", "AGE > 1 OR FLAG = 1 OR PI() * income < 1"),
    grouped("ROUND(age, -1)", "flag IN (0, 1) AND age <> TRUE"),
]


def test_edge_values_give_the_same_integers_everywhere(cluster_case):
    frame = cluster_case.make(EDGES, 3)
    for query in EDGE_QUERIES:
        expected = exact(query, EDGES, people())
        assert expected.num_rows >= 1
        assert exact(query, frame, people()).equals(expected), query


def test_spellings_that_smartnoise_accepts_mean_the_same():
    def rows(where: str) -> int:
        query = f"SELECT COUNT(*) AS n FROM S.people WHERE {where}"
        return exact(query, EDGES, people(max_ids=9))["a0"][0].as_py()

    assert rows("flag = 1") == rows("flag = TRUE") == rows("flag") == 5
    assert rows("flag IN (0)") == rows("flag <> 1") == rows("NOT (flag)") == 3
    assert rows("AGE = 1 OR Age = 7") == rows("age = TRUE OR age = 7") == 1
    assert rows("CAST(age AS VARCHAR) = '500'") == rows("age = 500") == 1
    assert rows("age > PI()") == rows("age >= 4") == 6
    for refused in ('"AGE" = 1', "flag = 2", "CAST(income AS VARCHAR) = '1'", "RANDOM() > age"):
        with pytest.raises(QueryRefusedError):
            rows(refused)


rows = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 5)),
        st.integers(-50, 150),
        st.one_of(st.none(), st.floats(width=32)),
        st.sampled_from(["a", "b", None]),
    ),
    min_size=1,
    max_size=40,
)


def table_of(found: list[tuple]) -> pa.Table:
    columns = zip(*found, strict=True)
    kinds = [pa.int64(), pa.int64(), pa.float64(), pa.string()]
    names = ["id", "age", "income", "city"]
    return pa.table({n: pa.array(c, k) for n, c, k in zip(names, columns, kinds, strict=True)})


LIMITS = [
    {},
    {"groups_per_unit": 1},
    {"rows_per_group": 1},
    {"groups_per_unit": 2, "rows_per_group": 2},
]


@settings(max_examples=examples(25), deadline=None)
@given(rows, st.permutations(range(40)), st.integers(1, 6), st.sampled_from(LIMITS))
def test_any_cut_and_any_order_give_the_same_integers(found, order, partitions, limits):
    table = table_of(found)
    shuffled = table.take([i for i in order if i < table.num_rows])
    query = "SELECT city, COUNT(*) AS n, COUNT(DISTINCT id) AS u, SUM(income) AS s, AVG(age) AS a FROM S.people GROUP BY city"
    metadata = people(max_ids=3)
    expected = exact(query, table, metadata, **limits)
    dask = engine_named("dask").from_arrow(shuffled, partitions)
    local = engine_named("local").from_arrow(shuffled, partitions)
    assert exact(query, dask, metadata, **limits).equals(expected)
    assert exact(query, local, metadata, **limits).equals(expected)


@settings(max_examples=50, deadline=None)
@given(rows, st.integers(1, 3))
def test_the_kept_rows_are_those_of_the_documented_hash(found, most):
    """An independent reading of the definition in ``privacy.bounding``, in plain Python."""
    query = "SELECT city, COUNT(*) AS n, SUM(age) AS a FROM S.people GROUP BY city"
    units = defaultdict(list)
    for unit, age, _, city in found:
        if unit is not None:
            clamped = min(max(age, 0), 100)
            fields = (city, clamped)
            units[unit].append((KEY.row_hash([unit, *fields]), city or "", clamped, city))
    totals: dict = defaultdict(lambda: [0, 0])
    for unit_rows in units.values():
        for _, _, age, city in sorted(unit_rows, key=lambda r: r[:3])[:most]:
            totals[city][0] += 1
            totals[city][1] += age * 2**0
    table = exact(query, table_of(found), people(max_ids=most), groups={"city": ["a", "b", None]})
    got = {r["k0"]: [r["a0"], r["a1"]] for r in table.to_pylist()}
    assert got == dict(totals)


def test_the_hash_is_keyed_and_text_is_sha256():
    assert KEY.row_hash([1, "a", None]) != HashKey(b"another key").row_hash([1, "a", None])
    digest = hashlib.sha256((KEY.text + "a").encode()).hexdigest()[:15]
    assert KEY.field_number("a") == int(digest, 16) % (2**31 - 1)
    first = {HashKey().row_hash([1, 1]) for _ in range(20)}
    assert len(first) == 20


def test_decimals_and_units_of_other_types(cluster_case):
    table = pa.table(
        {
            "id": pa.array(
                [Decimal("1.10"), Decimal("1.10"), Decimal("2.00")], pa.decimal128(20, 2)
            ),
            "income": pa.array(
                [Decimal("0.1"), Decimal("12345678901234567.7"), None], pa.decimal128(38, 10)
            ),
        }
    )
    query = "SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS u, SUM(income) AS s FROM S.people"
    expected = exact(query, table, people(max_ids=5))
    assert expected["a0"].to_pylist() == [3]
    assert expected["a1"].to_pylist() == [2]
    assert exact(query, cluster_case.make(table, 2), people(max_ids=5)).equals(expected)


def test_empty_tables_count_nothing(cluster_case):
    frame = cluster_case.make(EDGES.slice(0, 0))
    query = "SELECT COUNT(*) AS n, SUM(age) AS s FROM S.people"
    assert exact(query, frame, people()).to_pylist() == [{"a0": 0, "a1": 0}]
    assert exact(grouped("city"), frame, people()).num_rows == 0


def test_missing_values_are_filled_where_smartnoise_fills_them():
    metadata = people()
    metadata[""]["S"]["people"]["age"]["missing_value"] = 40
    query = (
        "SELECT age, COUNT(age) AS c, SUM(age) AS s FROM S.people WHERE age IS NULL GROUP BY age"
    )
    table = exact(query, EDGES, metadata)
    assert [r["k0"] for r in table.to_pylist()] == [40]
    assert table.to_pylist()[0]["a0"] == 1


def test_row_privacy_and_promised_rows_are_not_bounded():
    metadata = people(row_privacy=True, id={"type": "int"})
    table = exact("SELECT COUNT(*) AS n FROM S.people", EDGES, metadata)
    assert table["a0"].to_pylist() == [10]
    promised = people(sample_max_ids=False, max_ids=1)
    table = exact("SELECT COUNT(*) AS n FROM S.people", EDGES, promised)
    assert table["a0"].to_pylist() == [9]


def test_texts_are_never_part_of_the_sql():
    spark = Dialect("spark").text("x'); DROP TABLE t; --")
    assert "DROP" not in spark
    assert Dialect("duckdb").text("x'y") == "CAST('x''y' AS VARCHAR)"


def test_columns_of_text_are_not_converted_to_numbers():
    table = pa.table({"id": ["a"], "age": ["12"]})
    with pytest.raises(QueryRefusedError, match="'age' is declared int"):
        exact("SELECT SUM(age) AS s FROM S.people", table, people())


def test_fixed_point_is_as_close_as_the_grid_says():
    values = np.random.default_rng(1).uniform(-900, 4900, 1000)
    table = pa.table({"id": range(1000), "income": values})
    total = exact("SELECT SUM(income) AS s FROM S.people", table, people())["a0"][0].as_py()
    step = 2.0 ** (13 - 28)
    assert abs(total * step - values.sum()) <= 1000 * step / 2
