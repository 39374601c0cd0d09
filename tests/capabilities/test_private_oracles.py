"""An error must not tell of one row: every rule, extreme literals, extreme rows.

Each query is answered, or refused before data are read, whether the extreme rows are there or not.
"""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_scale.engines import engine_of
from rai_scale.errors import ConfigError
from rai_scale.privacy import Privacy
from rai_scale.private_queries import (
    QueryRefusedError,
    exact_aggregates,
    load_metadata,
    private_sql,
)
from rai_scale.private_queries.engine_sql.node_rules import RULES
from rai_scale.private_queries.query.parse import parse
from rai_scale.private_queries.query.trees import nodes
from rai_scale.private_queries.release.draw import _places
from rai_scale.private_queries.release.plan import make_plan
from tests.capabilities.private_cases import KEY, exact, people
from tests.conftest import engine_params, make_case

INT64 = 2**63
MICROS = pa.timestamp("us")
COLUMNS = {
    "age": (pa.int64(), [3, -INT64, INT64 - 1, 0, -1, None]),
    "income": (
        pa.float64(),
        [1.5, math.inf, -math.inf, math.nan, 1.7e308, -1.7e308, 5e-324, -0.0, 2.0**53, None],
    ),
    "cost": (pa.decimal128(38, 2), [Decimal("1.25"), Decimal(10) ** 35, -(Decimal(10) ** 35)]),
    "city": (
        pa.string(),
        ["a", "", "\x00", "x" * 300_000, "\u3000 é\u00a0 ", "e\u0301", "\U0001d518" * 99, "1e400"],
    ),
    "flag": (pa.bool_(), [True, False, None]),
    "born": (pa.date32(), [19_782, 2**31 - 1, -(2**31), 2**31 - 2, 2_932_897, -719_163, None]),
    "seen": (
        pa.timestamp("us", "UTC"),
        [0, INT64 - 1, -INT64, 1 - INT64, 253_402_300_800_000_000, -62_135_596_800_000_001, None],
    ),
    "local": (MICROS, [10**15, INT64 - 1, -INT64, 1 - INT64, 10**18, -(10**18), None]),
}
ROWS = 30


def table_of(rows: int) -> pa.Table:
    """Return a table whose first row is ordinary, and each later one extreme in all columns."""
    columns = {"id": pa.array(range(rows), pa.int64())}
    for shift, (name, (kind, values)) in enumerate(COLUMNS.items()):
        picked = [values[0], *(values[(i * (1 + shift % 2)) % len(values)] for i in range(1, rows))]
        plain = pa.int32() if pa.types.is_date(kind) else pa.int64()
        temporal = pa.types.is_temporal(kind)
        columns[name] = pa.array(picked, plain).cast(kind) if temporal else pa.array(picked, kind)
    return pa.table(columns)


ORDINARY, EXTREME = table_of(1), table_of(ROWS)
METADATA = people(cost={"type": "float"}, local={"type": "datetime"}, max_ids=1)

EXPRESSIONS = [
    "age + age",
    "age * age * age",
    "age - income",
    "income * income",
    "income / 0.001",
    "age % 7",
    "income % 0.3",
    "cost * 3",
    "ABS(age)",
    "SIGN(income)",
    "SQUARE(SQUARE(income))",
    "SQRT(income)",
    "SQRT(age * age)",
    "FLOOR(income)",
    "CEIL(income / 3)",
    "CEILING(age)",
    "ROUND(income, 15)",
    "ROUND(income, -15)",
    "ROUND(age, 0)",
    "TRUNC(income, 3)",
    "TRUNCATE(cost, -1)",
    "POWER(income, 3)",
    "CAST(age AS FLOAT)",
    "CAST(age AS VARCHAR)",
    "CAST(city AS VARCHAR)",
    "CASE WHEN income > 0 THEN SQRT(income) ELSE age END",
    "CASE age WHEN 0 THEN 'z' WHEN 3 THEN city END",
    "IIF(flag, income, age)",
    "(UPPER(city))",
    "LOWER(city)",
    "TRIM(city)",
    "CHAR_LENGTH(city)",
    "SUBSTRING(city FROM 2 FOR 1000000)",
    "born",
    "seen",
    "local",
    *(f"EXTRACT({p} FROM born)" for p in ("YEAR", "WEEKDAY", "SECOND")),
    *(f"EXTRACT({p} FROM seen)" for p in ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")),
    *(f"EXTRACT({p} FROM local)" for p in ("YEAR", "WEEKDAY", "SECOND")),
]
CONDITIONS = [
    "age > 1 OR NOT (flag) AND city <> ''",
    "born > '0001-01-01' AND seen <= '9999-12-31T23:59:59' AND local <> '2024-01-01'",
    "income BETWEEN -1E308 AND 1E308 OR city IN ('', 'a') OR flag IS NOT TRUE OR age IS NULL",
    "flag",
    "PI() * age > COALESCE(income, age, 0)",
    "CONCAT(CONCAT(city, 'x', city), CONCAT(city, city, city)) > 'a'",
    "COALESCE(born, '2024-02-29') = born AND flag = 1 OR AGE = TRUE",
]
NUMBERS = ["0", "-1", "1.5", "401", "-400", "9999999999", "9223372036854775808", "1E400", "1E-400"]
NUMBERS += ["1E308", "1" + "0" * 400, "1" + "0" * 5000]
WITH_NUMBERS = [
    *(
        "age + {n}",
        "income * {n}",
        "income - {n}",
        "income / {n}",
        "age % {n}",
        "ROUND(income, {n})",
    ),
    *("TRUNC(income, {n})", "POWER(income, {n})"),
    *("SUBSTRING(city FROM {n} FOR 1)", "SUBSTRING(city FROM 1 FOR {n})"),
    *("SQRT({n})", "CASE WHEN age > {n} THEN 1 END", "IIF(income IN ({n}, 2), 1, 0)"),
    *("CAST(city AS VARCHAR({n}))", "EXTRACT(YEAR FROM {n})"),
]
WHERE_NUMBERS = [
    *("COALESCE(age, {n}) > 1", "CONCAT(city, {n}) = 'a'", "flag = {n}", "city > {n}"),
    *("age BETWEEN {n} AND 5", "income IN (1, {n})", "born > {n}", "local IN ({n})"),
]
REFUSED = [
    *("LOG(income)", "EXP(income)", "LN(age)", "TAN(income)", "RAND()", "NEWID()", "ROUND(income)"),
    *("TRUNC(income)", "CAST(city AS INTEGER)", "CAST(income AS INTEGER)", "CAST(city AS DATE)"),
    *("CAST(income AS VARCHAR)", "income / age", "age % age", "POSITION(city IN 'a')", "flag + 1"),
    *("CHOOSE(age, 'a', 'b')", "DAYNAME(born)", "CURRENT_TIMESTAMP", "SUBSTRING(city FROM age)"),
    *("born + 1", "CAST(income AS BOOLEAN)", "COALESCE(born, '9999-99-99')", "city * 2"),
    *("COALESCE(seen, '0001-01-01T00:00:00+14:00')", "CONCAT(city, age)", "SQRT(city)"),
]


def query_of(expression: str, where: str = "") -> str:
    where = f" WHERE {where}" if where else ""
    return f"SELECT {expression} AS g, COUNT(*) AS n FROM S.people{where} GROUP BY {expression}"


def outcome(query: str) -> str:
    """Return ``refused`` or ``answered``; anything else, or a difference, fails."""
    schema = engine_of(EXTREME).schema(EXTREME)
    try:
        plan = make_plan(query, load_metadata(METADATA), schema, Privacy(epsilon=1, delta=1e-6))
    except ConfigError:
        return "refused"
    for table in (ORDINARY, EXTREME):
        exact_aggregates(plan, table, KEY, schema).to_pylist()
    return "answered"


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_no_row_makes_an_expression_fail(expression):
    assert outcome(query_of(expression)) == "answered"


@pytest.mark.parametrize("condition", CONDITIONS)
def test_no_row_makes_a_condition_fail(condition):
    assert outcome(query_of("flag", condition)) == "answered"


def test_every_rule_is_among_them():
    queries = [query_of(e) for e in EXPRESSIONS] + [query_of("flag", c) for c in CONDITIONS]
    metadata = load_metadata(METADATA)
    trees = (parse(q, metadata).query for q in queries)
    used = {type(node).__name__ for tree in trees for node in nodes(tree)}
    assert set(RULES) <= used


@pytest.mark.parametrize("template", WITH_NUMBERS)
def test_no_literal_makes_a_query_fail_on_a_row(template):
    outcomes = {n: outcome(query_of(template.format(n=n))) for n in NUMBERS}
    answered = {n for n, found in outcomes.items() if found == "answered"}
    if "SUBSTRING" in template:
        assert answered == {"401"}
    if "ROUND" in template or "TRUNC" in template:
        assert answered == {"0", "-1"}


@pytest.mark.parametrize("template", WHERE_NUMBERS)
def test_no_literal_makes_a_condition_fail_on_a_row(template):
    outcomes = {n: outcome(query_of("flag", template.format(n=n))) for n in NUMBERS}
    if "flag" in template:
        assert {n for n, found in outcomes.items() if found == "answered"} == {"0"}


@pytest.mark.parametrize("expression", REFUSED)
def test_what_could_fail_is_refused_before_data_are_read(expression):
    schema = engine_of(EXTREME).schema(EXTREME)
    with pytest.raises(QueryRefusedError):
        make_plan(
            query_of(expression), load_metadata(METADATA), schema, Privacy(epsilon=1, delta=1e-6)
        )


@pytest.mark.parametrize("text", ["a\ud800", "a\0"])
def test_texts_that_an_engine_cannot_hold_are_refused(text):
    assert outcome(query_of("flag", f"city = '{text}'")) == "refused"
    with pytest.raises(ConfigError, match="groups="):
        exact(query_of("city"), ORDINARY, METADATA, groups=[text])


@pytest.mark.parametrize("name", engine_params(["dask", "spark"]))
def test_extreme_rows_give_the_same_integers(name, request):
    """Many groups at once: one query of Spark is as good as many."""
    frame = make_case(name, request).make(EXTREME, 2)
    step = 4 if name == "spark" else 1
    picked = EXPRESSIONS[::step]
    names = ", ".join(f"{e} AS g{i}" for i, e in enumerate(picked))
    where = f"{CONDITIONS[2]} OR {CONDITIONS[5]}"
    query = (
        f"SELECT {names}, COUNT(*) AS n FROM S.people WHERE {where} GROUP BY {', '.join(picked)}"
    )
    expected = exact(query, EXTREME, METADATA)
    assert expected.num_rows > 20
    assert exact(query, frame, METADATA).equals(expected)


# --- dates and times outside of the years 1 to 9999


@pytest.mark.parametrize("name", ["born", "seen", "local"])
@pytest.mark.parametrize("count", [3, 2_500])
def test_public_keys_match_whatever_the_dates_are(name, count):
    first = {"born": dt.date(1970, 1, 1)}.get(name, dt.datetime(1970, 1, 1))
    keys = [first + dt.timedelta(days=i) for i in range(count)]
    query = f"SELECT {name}, COUNT(*) AS n FROM S.people GROUP BY {name}"
    for table in (EXTREME, ORDINARY):
        release = private_sql(
            query,
            {"people": table},
            METADATA,
            groups=[*keys, None],
            privacy=Privacy(epsilon=1, ledger="none"),
        )
        assert len(release.to_pandas()) == count + 1


def test_dates_outside_of_the_years_are_null_everywhere_in_a_query():
    counted = exact("SELECT COUNT(born) AS b, COUNT(seen) AS s FROM S.people", EXTREME, METADATA)
    days = EXTREME["born"].cast(pa.int32()).to_pylist()
    micros = EXTREME["seen"].cast(pa.int64()).to_pylist()
    assert counted["a0"].to_pylist() == [days.count(19_782)]
    assert counted["a1"].to_pylist() == [micros.count(0)]


def test_times_of_seconds_beyond_microseconds_are_null():
    table = pa.table({"id": [1, 2], "seen": pa.array([2**60, 5]).cast(pa.timestamp("s"))})
    found = exact(
        "SELECT COUNT(seen) AS n FROM S.people WHERE seen < '2600-01-01'", table, METADATA
    )
    assert found["a0"].to_pylist() == [1]


cells = st.one_of(st.none(), st.integers(0, 3))


@settings(max_examples=100, deadline=None)
@given(st.sets(st.tuples(cells, cells)), st.sets(st.tuples(cells, cells), min_size=1))
def test_keys_are_matched_as_a_dictionary_would(found, public):
    found, public = list(found), list(public)
    table = pa.table({n: pa.array([k[i] for k in found], pa.int64()) for i, n in enumerate("ab")})
    asked = {n: pa.array([k[i] for k in public], pa.int64()) for i, n in enumerate("ab")}
    place = {key: i for i, key in enumerate(found)}
    assert np.array_equal(_places(asked, table), [place.get(key, -1) for key in public])


# --- a Spark session in another time zone


@pytest.mark.spark
@pytest.mark.parametrize("zone", ["Asia/Seoul", "America/New_York"])
def test_the_time_zone_of_the_session_changes_nothing(spark_session, zone):
    from rai_scale.engines import engine_named

    start = dt.datetime(2024, 3, 10, 1, 30, 0, 123456)  # New York has no half past two that night
    times = [start + dt.timedelta(minutes=20 * i) for i in range(12)] + [dt.datetime(1, 1, 1, 5)]
    table = pa.table(
        {
            "id": pa.array([i % 3 for i in range(13)], pa.int64()),
            "seen": pa.array(times, MICROS).cast(pa.timestamp("us", "UTC")),
            "local": pa.array(times, MICROS),
        }
    )
    query = (
        "SELECT seen, local, EXTRACT(HOUR FROM local) AS h, EXTRACT(HOUR FROM seen) AS i, COUNT(*) AS n "
        "FROM S.people GROUP BY seen, local, EXTRACT(HOUR FROM local), EXTRACT(HOUR FROM seen)"
    )
    expected = exact(query, table, METADATA)
    assert expected.num_rows == 3
    before = spark_session.conf.get("spark.sql.session.timeZone")
    spark_session.conf.set("spark.sql.session.timeZone", zone)
    try:
        frame = engine_named("spark", session=spark_session).from_arrow(table, 2)
        assert exact(query, frame, METADATA).equals(expected)
    finally:
        spark_session.conf.set("spark.sql.session.timeZone", before)
