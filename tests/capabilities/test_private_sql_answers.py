"""What a release shows: quoted names, missing groups, values without an answer, who may see it."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import sys
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from rai_scale.errors import ConfigError
from rai_scale.privacy import Privacy, PrivacyWarning, open_ledger
from rai_scale.private_queries import (
    QueryRefusedError,
    load_metadata,
    private_histogram,
    private_sql,
)
from rai_scale.private_queries.release.plan import make_plan
from tests.capabilities.private_cases import people, with_privacy

pytestmark = pytest.mark.filterwarnings("ignore::rai_scale.privacy.ledger.problems.PrivacyWarning")

LOUD = {"epsilon": 1e6, "delta": 1e-6, "ledger": "none"}
ROWS = 60
TABLE = pa.table(
    {
        "id": pa.array(range(ROWS), pa.int64()),
        "age": pa.array([20 + i % 3 if i % 4 else None for i in range(ROWS)], pa.int64()),
        "city": pa.array([["a", "b", None][i % 3] for i in range(ROWS)]),
        "income": pa.array([float(i) for i in range(ROWS)]),
    }
)


def ask(query: str, table: pa.Table = TABLE, metadata=None, **options):
    metadata = metadata or people(max_ids=1)
    return private_sql(query, {"people": table}, metadata, **with_privacy(**{**LOUD, **options}))


def rows(query: str, *arguments, **options) -> list[list]:
    found = ask(query, *arguments, **options).to_pandas()
    return found.astype(object).where(found.notna(), None).to_numpy().tolist()


# --- quoted names

QUOTED = {
    "": {
        "S": {
            "people": {
                "max_ids": 1,
                '"p id"': {"type": "int", "private_id": True},
                '"x y"': {"type": "int", "lower": 0, "upper": 10},
            }
        }
    }
}
SPACED = pa.table({"p id": range(30), "x y": [i % 3 for i in range(30)]})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('SELECT COUNT(DISTINCT "p id") AS n, COUNT("p id") AS m FROM S.people', [[30, 30]]),
        ('SELECT SUM("x y") AS s, AVG("x y") AS a, COUNT("x y") AS c FROM S.people', [[30, 1, 30]]),
        ('SELECT VAR("x y") AS v, COUNT(DISTINCT "x y") AS d FROM S.people', [[2 / 3, 3]]),
        (
            'SELECT "x y", COUNT(*) AS "my n" FROM S.people WHERE "x y" < 2 GROUP BY "x y" '
            'HAVING "my n" > 5 ORDER BY "x y" DESC',
            [[1, 10], [0, 10]],
        ),
    ],
)
def test_quoted_names(query, expected):
    found = np.array(rows(query, SPACED, QUOTED), dtype=float)
    assert found == pytest.approx(np.array(expected, dtype=float), rel=1e-3)


NAMES = ["re.paid", "order total €", "gender identity", 'in "quotes"', "a]b`", "9lives", "select"]


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("name", [*NAMES, "plain", "naïve"])
def test_a_key_of_the_metadata_is_the_name_as_it_is_or_in_quotes(name, quoted):
    def written(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    number = {"type": "int", "lower": 0, "upper": 10}
    columns = {"cust.id": {"type": "int", "private_id": True}, name: number}
    described = {written(n) if quoted else n: kind for n, kind in columns.items()}
    metadata = {"": {"S": {"people": {"max_ids": 1, **described}}}}
    table = pa.table({"cust.id": range(30), name: [i % 3 for i in range(30)]})
    column = written(name)
    found = ask(
        f'SELECT {column}, SUM({column}) AS s, COUNT(DISTINCT "cust.id") AS "a b" FROM S.people '
        f"WHERE people.{column} > 0 GROUP BY {column} HAVING s > 5 ORDER BY {column} DESC",
        *(table, metadata),
    ).to_pandas()
    assert list(found) == [name, "s", "a b"]
    assert found.to_numpy(float) == pytest.approx(np.array([[2, 20, 10], [1, 10, 10]]), rel=1e-3)
    with pytest.raises(ConfigError, match="the privacy unit .*cust.id"):
        ask('SELECT "cust.id", COUNT(*) AS n FROM S.people GROUP BY "cust.id"', table, metadata)


@pytest.mark.parametrize(
    ("query", "near"),
    [
        ("SELECT SUM(order total €) AS s FROM S.people", "at 'order'"),
        ("SELECT COUNT(*) AS n FROM S.people WHERE", "at its end"),
        ("SELECT COUNT(*) AS n FROM S.people ?", "at '\\?'"),
    ],
)
def test_a_query_that_cannot_be_parsed_names_the_place_and_not_the_grammar(query, near):
    with pytest.raises(
        QueryRefusedError, match=f"cannot be parsed {near}.*double quotes"
    ) as caught:
        ask(query, SPACED, QUOTED)
    assert "expecting" not in str(caught.value)


def test_the_noise_of_quoted_columns_is_told():
    query = 'SELECT SUM("x y") AS s, AVG("x y") AS a FROM S.people'
    release = ask(query, SPACED, QUOTED, epsilon=2)
    info = release.columns_info.set_index("column")
    assert info["made_of"].tolist() == ["sum(x y)", "sum(x y), count(x y)"]
    assert info.loc["s", "noise_scale"] == 10
    assert release.intervals()[["a_low", "a_high"]].notna().all(axis=None)


def test_the_unit_is_refused_under_its_quoted_name():
    for query in ('SELECT "p id" FROM S.people', 'SELECT SUM("p id") AS s FROM S.people'):
        with pytest.raises(ConfigError, match="privacy unit|would show rows"):
            ask(query, SPACED, QUOTED)


def test_two_names_that_become_one_are_refused():
    metadata = {"": {"S": {"people": {**people()[""]["S"]["people"], '"age"': {"type": "int"}}}}}
    with pytest.raises(ConfigError, match="upper and lower case"):
        ask("SELECT COUNT(*) AS n FROM S.people", metadata=metadata)


# --- missing groups and values

NULLS = "SELECT city, COUNT(*) AS n FROM S.people GROUP BY city "


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("ORDER BY city", [None, "a", "b"]),
        ("ORDER BY city DESC", ["b", "a", None]),
        ("HAVING city = 'a' OR n > 5 ORDER BY city", [None, "a", "b"]),
        ("HAVING city <> 'a' ORDER BY city", ["b"]),
        ("HAVING NOT (city = 'a') ORDER BY city", ["b"]),
        ("HAVING NOT (city = 'a' AND n > 5) ORDER BY city", ["b"]),
        ("HAVING city IS NULL", [None]),
        ("HAVING city IN ('b', 'c')", ["b"]),
    ],
)
def test_a_missing_group_is_unknown_in_comparisons_and_sorts_first(rest, expected):
    assert [row[0] for row in rows(NULLS + rest)] == expected


def test_order_holds_over_several_keys():
    query = (
        "SELECT age, city, COUNT(*) AS n FROM S.people GROUP BY age, city ORDER BY city DESC, age"
    )
    found = [row[:2] for row in rows(query)]
    assert found == sorted(
        sorted(found, key=lambda r: (r[0] is not None, r[0])),
        key=lambda r: (r[1] is not None, r[1] or ""),
        reverse=True,
    )
    assert len(found) == 6


def test_a_cell_that_has_no_answer_is_missing_and_the_rest_is_shown():
    """Age 20 has no rows, its square root of a negative number is not a number."""
    query = (
        "SELECT age, COUNT(*) AS n, POWER(COUNT(*) - 3, 0.5) AS p, "
        "COUNT(*) / SQRT(COUNT(*) - 3) AS r, age + COUNT(*) AS t "
        "FROM S.people GROUP BY age ORDER BY age"
    )
    found = rows(query, groups=[None, 20, 99], delta=0)
    assert [row[:2] for row in found] == [[None, 15], [20, 15], [99, 0]]
    assert [row[2] is None for row in found] == [False, False, True]
    assert [row[3] is None for row in found] == [False, False, True]
    assert [row[4] for row in found] == [None, 35, 99]


def test_powers_do_not_wrap_around():
    assert rows("SELECT POWER(SUM(income), 7) AS p FROM S.people")[0][0] == pytest.approx(
        1770.0**7, rel=1e-2
    )


def test_a_quotient_by_a_small_number_is_a_quotient():
    """smartnoise-sql gives 0 where the divisor is between -1 and 1."""
    found = rows("SELECT COUNT(*) / 0.5 AS a, COUNT(*) / (COUNT(*) - COUNT(*)) AS b FROM S.people")
    assert found == [[120, 0]]


def test_functions_of_numbers_are_numbers_and_sort_as_such():
    query = "SELECT age, ROUND(COUNT(*) * 1.5, 1) AS r FROM S.people GROUP BY age ORDER BY r"
    found = [row[1] for row in rows(query, groups=[20, 21, 55], delta=0)]
    assert found == sorted(found)
    assert found[0] == 0.0


def test_any_answer_can_be_stored_as_a_table():
    query = (
        "SELECT age, IIF(COUNT(*) > 5, 'many', COUNT(*)) AS m, POWER(COUNT(*), 20) AS p, "
        "COUNT(*) + 100000000000000000000 AS h FROM S.people GROUP BY age ORDER BY age"
    )
    release = ask(query, groups=[20, 99], delta=0)
    found = pa.Table.from_pandas(release.to_pandas()).to_pylist()
    assert [row["m"] for row in found] == ["many", "0"]
    assert found[0]["p"] == pytest.approx(15.0**20)
    assert found[0]["h"] == pytest.approx(1e20)
    assert release.to_html()


def test_distinct_and_parentheses_are_another_spelling(tmp_path):
    plain = "SELECT city, COUNT(*) AS n FROM S.people GROUP BY city"
    texts = [
        plain,
        plain.replace("SELECT", "SELECT DISTINCT"),
        plain.replace("S.people", "(S.people)"),
        plain.replace("S.people", "((S.people)) AS q"),
    ]
    plans = [
        make_plan(t, load_metadata(people()), None, Privacy(epsilon=1, delta=1e-6)) for t in texts
    ]
    assert {plan.parsed.text for plan in plans} == {plans[0].parsed.text}


@pytest.mark.parametrize("edges", [[0, 1e-5, 1], [-1e-7, 0, 3e22], [5e-324, 0.1, 1e300]])
def test_edges_of_any_size(edges):
    values = [edges[0], (edges[0] + edges[1]) / 2, edges[1], edges[2]]
    table = pa.table({"id": range(40), "income": pa.array(values * 10)})
    release = private_histogram(
        table, "S.people", "income", people(max_ids=1), edges=edges, **with_privacy(**LOUD)
    )
    inside = [10 * sum(a <= v < b for v in values) for a, b in itertools.pairwise(edges)]
    assert release.to_pandas()["n"].tolist() == inside


# --- a release is a result


def test_a_release_says_for_each_column_where_its_interval_is():
    query = (
        "SELECT city, COUNT(*) AS n, AVG(age) AS a, SIN(COUNT(*)) AS l, 7 AS seven "
        "FROM S.people GROUP BY city HAVING n > 5 ORDER BY city DESC LIMIT 2"
    )
    release = ask(query, epsilon=300.0)
    info = release.columns_info.set_index("column")
    assert info["made_of"].tolist() == ["group", "rows", "sum(age), count(age)", "rows", "constant"]
    per_row = "per row, see intervals()"
    assert info["interval"].tolist() == ["none", "half_width_95", per_row, "none", "none"]
    assert info.loc["a", "epsilon"] == pytest.approx(200)
    assert info.loc["seven", ["epsilon", "delta"]].tolist() == [0, 0]
    shown = release.intervals(shown=True)
    assert shown["city"].tolist() == release.to_pandas()["city"].tolist() == ["b", "a"]
    assert len(release.intervals()) == 3
    assert (shown["a_low"] <= release.to_pandas()["a"]).all()


def test_a_release_is_a_page_and_a_run_of_mlflow(tmp_path, monkeypatch):
    query = "SELECT city, COUNT(*) AS n, AVG(income) AS a FROM S.people GROUP BY city ORDER BY city"
    release = ask(query, epsilon=1.5, groups={"city": ["a", "b", "<z>"]}, delta=0)
    page = release.save_html(tmp_path / "release.html").read_text()
    assert "&lt;z&gt;" in page
    assert "<z>" not in page
    assert "in the table" in page
    assert " to " in page
    assert "No ledger was used" not in page
    assert "srcdoc" in release._repr_html_()
    assert json.loads(release.to_json())["result"]["city"] == ["<z>", "a", "b"]
    logged = {}
    fake = SimpleNamespace(
        log_metrics=logged.update, log_artifact=lambda path: logged.update(path=path)
    )
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    release.log_mlflow()
    assert logged["epsilon"] == pytest.approx(1.5)
    assert logged["rows"] == 3
    assert logged["path"].endswith("report.html")


# --- sharing


@pytest.fixture
def ledger(tmp_path):
    book = open_ledger(f"sqlite:///{tmp_path}/ledger.db", force_ephemeral=True)
    book.create_scope("S.people.id", epsilon=10, delta=1e-3)
    return book


def test_the_owner_shows_a_release_to_others_later(ledger):
    query = "SELECT COUNT(*) AS n FROM S.people"
    options = {"ledger": ledger, "epsilon": 1, "delta": 0, "snapshot": "v1"}

    def spent() -> float:
        return 10 - float(ledger.remaining("S.people.id")["epsilon"])

    first = ask(query, analyst="ann", **options)
    carols = ask(query, analyst="carol", **options)
    assert spent() == 2
    with pytest.warns(PrivacyWarning, match="another analyst") as heard:
        ask(query, analyst="ann", visible_to=("bob", "carol"), **options)
        assert ask(query, analyst="bob", visible_to=("dan",), **options).arrow == first.arrow
    assert len(heard) == 1
    ask(query, analyst="ann", visible_to=("bob",), **options)  # said before
    ask(query, analyst="ann", visible_to=("eve",), **options)
    assert ask(query, analyst="eve", **options).reservation == first.reservation
    assert ask(query, analyst="carol", **options).reservation == carols.reservation  # her own
    assert ledger.release(first.reservation, "bob").arrow == first.arrow
    assert spent() == 2
    ask(query, analyst="dan", **options)
    assert spent() == 3
    history = ledger.history()
    assert history["kind"].tolist().count("shared") == 2
    assert ledger.verify().problems == ()


def test_sharing_uses_up_no_attempt(ledger):
    cost = [
        make_plan(
            "SELECT COUNT(*) AS n FROM S.people",
            load_metadata(people()),
            None,
            Privacy(epsilon=1, delta=0),
        )
    ]
    costs, key = cost[0].budgeted.costs, "k" * 64
    who = ("S.people.id", "ann", "people", costs)
    ledger.abandon(ledger.reserve(*who, idempotency_key=key))
    for name in ("bob", "carol", "dan", "eve", "fay", "gil"):
        held = ledger.reserve(*who, idempotency_key=key, visible_to=[name])
        ledger.abandon(held)
        if held.charged:
            break
    assert held.attempt == 1  # charged again after five attempts, and not before
    assert name == "fay"


# --- averages and variances in their public bounds


def test_averages_and_variances_stay_in_their_bounds():
    """Free post-processing of few values with much noise, in expressions and intervals too."""
    data = pa.table({"id": range(4), "age": [30, None, 40, 50], "flag": [True, False, None, True]})
    query = (
        "SELECT AVG(age) AS a, VAR(age) AS v, STDDEV(age) AS d, AVG(age) * 2 AS b, AVG(flag) AS f, "
        "AVG(CASE WHEN age > 35 THEN 1 ELSE 0 END) AS c, SUM(age) / COUNT(age) AS m FROM S.people"
    )
    most = {"a": 100, "v": 2500, "d": 50, "b": 200, "f": 1, "c": 1, "m": 100}
    for _ in range(20):
        release = ask(query, data, people(max_ids=1), epsilon=0.3, delta=0)
        found, intervals = release.to_pandas(), release.intervals()
        for name, top in most.items():
            value = found[name][0]
            assert 0 <= value <= top + 1e-3
            low, high = (intervals[f"{name}_{end}"][0] for end in ("low", "high"))
            assert -1e-9 <= low <= high <= top + 1e-3


# --- what HAVING says is what WHERE says of the same values

_KINDS = pa.table(
    {
        "id": pa.array(range(200), pa.int64()),
        "city": pa.array(
            [["Berlin", "Bern", "a_c", "line\nbreak", None][i % 5] for i in range(200)]
        ),
        "flag": pa.array([[True, False, None, None, True][i % 5] for i in range(200)]),
        "seen": pa.array([dt.datetime(2020, 1, 1 + i % 5) for i in range(200)]),
        "age": pa.array([[-7, 5, 10, 20, None][i % 5] for i in range(200)], pa.int64()),
    }
)
_CONDITIONS = {
    "city": [
        *("LIKE 'Ber%'", "NOT LIKE 'Ber%'", "LIKE 'a!_c' ESCAPE '!'", "LIKE '%'", "LIKE 'line%k'"),
        *("IN ('Bern')", "NOT IN ('Bern')", "BETWEEN 'Berlin' AND 'Bern'", "IS NULL"),
    ],
    "flag": ["IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE", "= TRUE", "IN (TRUE)"],
    "seen": [
        *("= '2020-01-02'", "IN ('2020-01-02', '2020-01-03')", "= '2020-01-02T01:00:00+01:00'"),
        *("BETWEEN '2020-01-02' AND '2020-01-04'", "NOT BETWEEN '2020-01-02' AND '2020-01-04'"),
    ],
    "age": [
        *("BETWEEN 5 AND 10", "NOT BETWEEN 5 AND 10", "IN ('5')", "IN (5, 10)", "% 3 = 2"),
        *("% 3 = -1", "> '5'", "<> 5"),
    ],
}


@pytest.mark.parametrize(("column", "test"), [(c, t) for c, ts in _CONDITIONS.items() for t in ts])
def test_having_and_where_mean_the_same(column, test):
    query = f"SELECT {column}, COUNT(*) AS n FROM S.people {{}} GROUP BY {column} {{}} ORDER BY n"
    where = rows(query.format(f"WHERE {column} {test}", ""), _KINDS)
    having = rows(query.format("", f"HAVING {column} {test}"), _KINDS)
    assert len(where) < 5
    assert sorted(map(str, having)) == sorted(map(str, where))


def test_a_missing_group_has_no_capitals():
    query = "SELECT city, COUNT(*) AS n FROM S.people GROUP BY city HAVING UPPER(city) = 'NONE'"
    assert rows(query, _KINDS) == []


@pytest.mark.parametrize("test", ["n LIKE '4%'", "city = 5", "city IN (5)", "seen = 5"])
def test_values_of_different_kinds_are_refused_in_having(test):
    column = "seen" if "seen" in test else "city"
    query = f"SELECT {column}, COUNT(*) AS n FROM S.people GROUP BY {column} HAVING {test}"
    with pytest.raises(ConfigError, match="HAVING cannot be computed"):
        ask(query, _KINDS)
