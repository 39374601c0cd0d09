"""Private SQL from query to release: SmartNoise's grammar, refusals, the ledger, one message."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.errors import BudgetExceededError, ConfigError, MissingColumnError, RaiScaleError
from rai_scale.privacy import Privacy, PrivacyWarning, open_ledger
from rai_scale.privacy.disclosure import (
    PrivateComputationError,
    one_message,
    private_facts,
    restricted_log,
)
from rai_scale.private_queries import advise, dry_run, private_histogram, private_sql
from tests.capabilities.private_cases import people, pums, with_privacy

pytestmark = pytest.mark.filterwarnings("ignore::rai_scale.privacy.ledger.problems.PrivacyWarning")

N = 400
TABLE = pa.table(
    {
        "id": pa.array(range(N), pa.int64()),
        "age": pa.array([20 + i % 50 for i in range(N)], pa.int64()),
        "income": pa.array([float(i % 1000) for i in range(N)]),
        "city": pa.array([["a", "b"][i % 2] for i in range(N)]),
    }
)
LOUD = 1e5
"""An epsilon at which the noise is below one unit, to compare with exact figures."""


def run(query: str, frame=TABLE, metadata=None, **options):
    options = {"epsilon": LOUD, "delta": 1e-6, "ledger": "none", **options}
    return private_sql(
        query, {"people": frame}, metadata or people(max_ids=1), **with_privacy(**options)
    )


ALL = {
    "SELECT city, COUNT(*) AS n FROM S.people GROUP BY city ORDER BY city": [
        ["a", 200],
        ["b", 200],
    ],
    "SELECT COUNT(DISTINCT id) AS n, COUNT(age) AS c, SUM(age) AS s FROM S.people": [
        [400, 400, 17800]
    ],
    "SELECT AVG(age) AS a, VAR(age) AS v, STDDEV(age) AS d FROM S.people": [
        [44.5, 208.25, 14.43087]
    ],
    "SELECT city, SUM(age) / COUNT(*) + 1 AS x FROM S.people GROUP BY city ORDER BY x DESC": [
        ["b", 46.0],
        ["a", 45.0],
    ],
    "SELECT TOP 1 age, COUNT(*) AS n FROM S.people GROUP BY age ORDER BY age DESC": [[69, 8]],
    "SELECT age, COUNT(*) AS n FROM S.people WHERE age < 23 GROUP BY age HAVING n > 5 ORDER BY age LIMIT 2": [
        [20, 8],
        [21, 8],
    ],
    "SELECT age * 2 AS twice, COUNT(*) AS n FROM S.people WHERE age = 20 GROUP BY age * 2": [
        [40, 8]
    ],
    "SELECT COUNT(*) AS n, SQRT(COUNT(*)) AS r FROM S.people WHERE city = 'a'": [[200, 200**0.5]],
}


@pytest.mark.parametrize("query", ALL)
def test_what_smartnoise_accepts_is_answered(query):
    found = run(query).to_pandas()
    expected = ALL[query]
    assert len(found) == len(expected)
    for row, wanted in zip(found.itertuples(index=False), expected, strict=True):
        for value, target in zip(row, wanted, strict=True):
            assert (
                value == target
                if isinstance(target, str)
                else value == pytest.approx(target, rel=1e-3)
            )


@pytest.mark.parametrize("mechanism", ["laplace", "gaussian"])
def test_the_same_call_on_every_engine(cluster_case, mechanism):
    query = "SELECT city, COUNT(*) AS n, AVG(age) AS a FROM S.people GROUP BY city ORDER BY city"
    found = run(query, cluster_case.make(TABLE, 3), epsilon=2000, mechanism=mechanism).to_pandas()
    assert found["city"].tolist() == ["a", "b"]
    assert np.abs(found["n"] - 200).max() <= 3
    assert np.abs(found["a"] - [44, 45]).max() < 1


def test_smartnoise_on_pandas_agrees_within_noise(reference_data):
    import snsql

    frame = pd.read_csv(reference_data / "pums" / "PUMS_pid.csv").dropna()
    query = "SELECT educ, COUNT(*) AS n, SUM(age) AS s FROM PUMS.PUMS GROUP BY educ ORDER BY educ"
    metadata = pums(max_ids=1, censor_dims=False)
    ours = private_sql(
        query, {"PUMS": frame}, metadata, privacy=Privacy(epsilon=LOUD, ledger="none")
    ).to_pandas()
    metadata[""]["PUMS"]["PUMS"]["rows"] = 1000
    reader = snsql.from_df(
        frame, privacy=snsql.Privacy(epsilon=1000.0, delta=1e-6), metadata=metadata
    )
    theirs = reader.execute_df(query)
    assert ours["educ"].tolist() == theirs["educ"].tolist()
    assert np.abs(ours["n"] - theirs["n"]).max() <= 1
    assert np.abs(ours["s"] - theirs["s"]).max() <= 4


def test_ten_reads_of_one_release_are_one_release():
    release = run("SELECT city, COUNT(*) AS n FROM S.people GROUP BY city", epsilon=1)
    reads = [release.to_pandas()["n"].to_numpy() for _ in range(10)]
    assert np.var(reads, axis=0).max() == 0
    shown = release.to_pandas()
    shown["n"] = 0
    assert release.to_pandas()["n"].min() > 0
    assert release.to_json() == release.to_json()
    assert release.facts["time_zone"] == "UTC"


def test_each_column_carries_its_noise():
    release = run(
        "SELECT city, COUNT(*) AS n, AVG(income) AS a FROM S.people GROUP BY city",
        epsilon=3,
        delta=1e-6,
    )
    info = release.columns_info.set_index("column")
    assert info.loc["n", "epsilon"] == pytest.approx(1)
    assert info.loc["n", "noise_scale"] == pytest.approx(1)
    assert info.loc["n", "half_width_95"] == 3
    assert info.loc["a", "epsilon"] == pytest.approx(2)
    assert np.isnan(info.loc["a", "noise_scale"])
    assert info.loc["city", "delta"] == pytest.approx(1e-6)
    assert release.facts["groups"] == "found above the threshold"


def test_public_keys_are_all_there_and_nothing_else_is():
    query = "SELECT city, age, COUNT(*) AS n FROM S.people GROUP BY city, age"
    keys = {"city": ["a", "nowhere", None], "age": [20, 999]}
    release = run(query, groups=keys, delta=0)
    found = release.to_pandas()
    assert len(found) == 6
    assert found["n"].tolist() == [8, 0, 0, 0, 0, 0]
    many = [("a", i) for i in range(3000)]
    assert run(query, groups=many, delta=0).to_pandas()["n"].sum() == 200
    assert release.facts["groups"] == "public"


def test_absent_public_keys_get_noise_too():
    query = "SELECT age, COUNT(*) AS n FROM S.people GROUP BY age"
    found = run(query, groups=range(1000, 1400), epsilon=1, delta=0).to_pandas()
    assert found["n"].std() == pytest.approx(1.36, rel=0.4)


def test_keys_that_do_not_fit_are_refused():
    query = "SELECT city, COUNT(*) AS n FROM S.people GROUP BY city"
    for keys, message in (
        ({"cty": ["a"]}, "Did you mean 'city'"),
        ([1], "not of type text"),
        ([("a", 1)], "1 parts"),
    ):
        with pytest.raises(ConfigError, match=message):
            run(query, groups=keys)


REFUSED = {
    "SELECT id, COUNT(*) AS n FROM S.people GROUP BY id": "privacy unit 'id' in SELECT",
    "SELECT COUNT(*) AS n FROM S.people GROUP BY id + 1": "privacy unit 'id' in GROUP BY",
    "SELECT COUNT(*) AS n FROM S.people WHERE ID = 3": "privacy unit 'id' in WHERE",
    "SELECT SUM(id) AS n FROM S.people": "privacy unit",
    "SELECT age FROM S.people": "would show rows",
    "SELECT COUNT(*) AS n FROM S.people WHERE income / age > 1": "division",
    "SELECT COUNT(*) AS n FROM S.people WHERE income / 0 > 1": "division",
    "SELECT COUNT(*) AS n FROM S.people WHERE age % income = 1": "division",
    "SELECT COUNT(*) AS n FROM S.people WHERE CAST(city AS INTEGER) = 1": "CAST",
    "SELECT COUNT(*) AS n FROM S.people WHERE city > 5": "different kinds",
    "SELECT COUNT(*) AS n FROM S.people WHERE age = 'old'": "literal",
    "SELECT COUNT(*) AS n FROM S.people WHERE LN(income) > 1": "LN on rows",
    "SELECT COUNT(*) AS n FROM S.people WHERE RAND() > 1": "BareFunction",
    "SELECT SUM(CASE WHEN age > 3 THEN seen END) AS n FROM S.people": "got datetime",
    "SELECT SUM(CASE WHEN id = 3 THEN 1 END) AS n FROM S.people": "privacy unit",
    "SELECT COUNT(CASE WHEN id = 3 THEN 1 END) AS n FROM S.people": "privacy unit",
    "SELECT SUM(COUNT(*) + 1) AS n FROM S.people": ".",
    "SELECT COUNT(*) AS n FROM S.people WHERE city LIKE age": "LIKE needs a text",
    "SELECT COUNT(*) AS n FROM S.people WHERE city LIKE 'a\\b'": "escape",
    "SELECT COUNT(*) AS n FROM S.people WHERE age LIKE 'a%'": "a text is expected",
    "SELECT COUNT(*) AS n FROM S.people WHERE city = 'a": "does not end",
    "SELECT COUNT(*) AS n FROM S.people WHERE city = 'a\\'": "does not end",
    "SELECT y.city, COUNT(*) AS n FROM S.people AS x GROUP BY y.city": "reads 'x'",
    "SELECT city, COUNT(*) AS n FROM S.people GROUP BY 3": "not a position",
    "SELECT city, COUNT(*) AS n FROM S.people GROUP BY 2": "an aggregate",
    "SELECT MEDIAN(age) AS n FROM S.people": "MEDIAN",
    "SELECT MAX(age) AS n FROM S.people": "MAX",
    "SELECT AVG(DISTINCT age) AS n FROM S.people": "AVG\\(DISTINCT",
    "SELECT COUNT(DISTINCT LN(income)) AS n FROM S.people": "LN on rows",
    "SELECT SUM(city) AS n FROM S.people": ".",
    "SELECT COUNT(*) AS n FROM S.people JOIN S.people USING (id)": "JOIN",
    "SELECT COUNT(*) AS n FROM S.people, S.people": "JOIN",
    "SELECT COUNT(*) AS n FROM (SELECT age FROM S.people) AS x": "subquery",
    "WITH x AS (SELECT age FROM S.people) SELECT COUNT(*) AS n FROM x": "CTE",
    "SELECT ROW_NUMBER() OVER (ORDER BY age) AS r FROM S.people": "window",
    "SELECT COUNT(*) AS n FROM S.people UNION SELECT COUNT(*) AS n FROM S.people": "UNION",
    "SELECT DISTINCT COUNT(*) AS n FROM S.people GROUP BY age": "DISTINCT",
    "SELECT city, COUNT(*) AS n FROM S.people GROUP BY city HAVING SUM(age) > 10": "HAVING uses SUM",
    "SELECT city, COUNT(*) AS n FROM S.people GROUP BY city ORDER BY SUM(age)": "ORDER BY uses SUM",
    "SELECT city, COUNT(*) AS n FROM S.people GROUP BY city ORDER BY ctiy": "Did you mean 'city'",
    "SELECT COUNT(*) AS n FROM S.people GROUP BY city HAVING city = 'a'": "HAVING uses city",
    "SELECT city, COUNT(*) AS n FROM S.people GROUP BY city HAVING city > 5": "HAVING cannot be",
    "SELECT city, COUNT(*) + income AS n FROM S.people GROUP BY city": "found income",
    "SELECT city, city + COUNT(*) AS n FROM S.people GROUP BY city": "n cannot be computed",
    "SELECT city, COUNT(*) AS n FROM S.people GROUP BY city ORDER BY city + 1": "ORDER BY cannot be",
    "SELECT RAND() AS r, COUNT(*) AS n FROM S.people": "each time it is shown",
    "SELECT city, COUNT(*) AS n FROM S.people GROUP BY city ORDER BY RANDOM()": "each time it",
    "SELECT CURRENT_TIMESTAMP AS r, COUNT(*) AS n FROM S.people": "each time it is shown",
    "SELECT TOP 2 city, COUNT(*) AS n FROM S.people GROUP BY city LIMIT 2": "not both",
    "SELECT COUNT(*), AVG(age) AS column_1 FROM S.people": "two columns of the result",
    "SELECT COUNT(*) AS n, CASE WHEN COUNT(*) > 10 THEN 1 ELSE 0 END AS c FROM S.people": "c uses",
    "SELECT COUNT(*) AS n FROM S.people; SELECT COUNT(*) AS n FROM S.people": ".",
    "SELECT COUNT(*) - 1 + 2 AS n FROM S.people": "parentheses",
    "SELECT COUNT(*) / 0 AS n FROM S.people": "division by zero",
    "SELECT COUNT(*) AS n FROM S.others": "others",
    "SELECT COUNT(*) AS n FROM S.people WHERE nope = 1": "nope",
    "DROP TABLE people": ".",
}


@pytest.mark.parametrize("query", REFUSED)
def test_refusals_name_the_construct_and_charge_nothing(query, tmp_path):
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", force_ephemeral=True)
    ledger.create_scope("S.people.id", epsilon=1, delta=1e-3)
    with pytest.raises(ConfigError, match=REFUSED[query]):
        run(query, ledger=ledger, epsilon=0.5)
    assert float(ledger.remaining("S.people.id")["epsilon"]) == 1


def test_sums_need_bounds():
    metadata = people()
    del metadata[""]["S"]["people"]["age"]["upper"]
    with pytest.raises(ConfigError, match="has no bounds"):
        run("SELECT SUM(age) AS s FROM S.people", metadata=metadata)


def test_a_sensitivity_without_bounds_is_enforced():
    metadata = people(max_ids=1, clamp_columns=False)
    metadata[""]["S"]["people"]["age"] = {"type": "int", "sensitivity": 30}
    assert run("SELECT SUM(age) AS s FROM S.people", metadata=metadata).to_pandas()["s"][
        0
    ] == pytest.approx(sum(min(20 + i % 50, 30) for i in range(N)), abs=5)


def test_groups_found_in_the_data_need_a_delta_or_keys():
    query = "SELECT city, COUNT(*) AS n FROM S.people GROUP BY city"
    with pytest.raises(ConfigError, match="delta above 0"):
        run(query, delta=0)
    with pytest.warns(PrivacyWarning, match="censor_dims"):
        found = run(query, delta=0, metadata=people(max_ids=1, censor_dims=False))
    assert len(found.to_pandas()) == 2


def test_clamped_counts_are_not_negative():
    query = "SELECT age, COUNT(*) AS n FROM S.people GROUP BY age"
    options = {"groups": range(1000, 1100), "epsilon": 0.1, "delta": 0}
    assert run(query, **options).to_pandas()["n"].min() < 0
    clamped = run(query, metadata=people(max_ids=1, clamp_counts=True), **options)
    assert clamped.to_pandas()["n"].min() == 0


def test_a_ledger_has_to_be_named():
    with pytest.raises(ConfigError, match="needs a ledger"):
        run("SELECT COUNT(*) AS n FROM S.people", ledger=None)
    with pytest.warns(PrivacyWarning, match="not charged"):
        run("SELECT COUNT(*) AS n FROM S.people")


@pytest.fixture
def ledger(tmp_path):
    book = open_ledger(f"sqlite:///{tmp_path}/ledger.db", force_ephemeral=True)
    book.create_scope("S.people.id", epsilon=3, delta=1e-3)
    return book


def test_a_rerun_on_the_same_data_shows_the_stored_release_and_charges_nothing(ledger):
    query = "SELECT city, COUNT(*) AS n FROM S.people GROUP BY city"
    first = run(query, ledger=ledger, epsilon=1, snapshot="v1")
    spent = ledger.remaining("S.people.id")
    again = run(
        query.replace("SELECT city", "SELECT  city"), ledger=ledger, epsilon=1, snapshot="v1"
    )
    assert again.arrow == first.arrow
    assert again.to_pandas().equals(first.to_pandas())
    assert ledger.remaining("S.people.id") == spent
    assert float(spent["epsilon"]) == 2
    run(query, ledger=ledger, epsilon=1, snapshot="v2")
    assert float(ledger.remaining("S.people.id")["epsilon"]) == 1


def test_over_budget_is_refused_before_any_data_are_read(ledger):
    read = []

    frame = TABLE.to_pandas()

    from rai_scale.engines import local

    original = local.LocalEngine.aggregate_sql
    local.LocalEngine.aggregate_sql = lambda self, *a, **k: (
        read.append(1) or original(self, *a, **k)
    )
    try:
        with pytest.raises(BudgetExceededError):
            run("SELECT COUNT(*) AS n FROM S.people", frame, ledger=ledger, epsilon=4)
        assert read == []
        run("SELECT COUNT(*) AS n FROM S.people", frame, ledger=ledger, epsilon=1)
        assert read == [1]
    finally:
        local.LocalEngine.aggregate_sql = original


def test_what_is_charged_is_what_was_asked(ledger):
    query = (
        "SELECT city, COUNT(*) AS n, AVG(age) AS a, VAR(income) AS v FROM S.people GROUP BY city"
    )
    run(query, ledger=ledger, epsilon=0.7, delta=1e-5)
    left = ledger.remaining("S.people.id")
    assert 2.3 <= float(left["epsilon"]) < 2.3 + 1e-10
    assert float(left["delta"]) == pytest.approx(1e-3 - 1e-5)
    run(query, ledger=ledger, epsilon=0.7, delta=1e-5, mechanism="gaussian")
    left = ledger.remaining("S.people.id")
    assert 1.6 <= float(left["epsilon"]) < 1.6 + 1e-9


def test_a_zcdp_ledger_is_charged_rho(tmp_path):
    book = open_ledger(f"sqlite:///{tmp_path}/z.db", force_ephemeral=True)
    book.create_scope("S.people.id", rho=1, delta=1e-3, accounting="zcdp")
    run(
        "SELECT COUNT(*) AS n FROM S.people",
        ledger=book,
        epsilon=1,
        delta=1e-6,
        mechanism="gaussian",
    )
    assert 0.97 < float(book.remaining("S.people.id")["rho"]) < 0.99


# --- errors are no oracle

OVERFLOWING = [
    "SELECT COUNT(*) AS n FROM S.people WHERE age * age * age * age * age > 5",
    "SELECT COUNT(*) AS n FROM S.people WHERE income * 1000000000 * income > 5",
    "SELECT SUM(age) AS n, VAR(income) AS v FROM S.people",
    "SELECT FLOOR(income * income) AS f, COUNT(*) AS n FROM S.people GROUP BY FLOOR(income * income)",
]


@pytest.mark.parametrize("query", OVERFLOWING)
def test_no_row_can_make_a_query_fail(cluster_case, query):
    row = {"id": [1], "age": [-(2**63)], "income": [1.7e308], "city": ["x"]}
    frame = cluster_case.make(pa.table(row, schema=TABLE.schema), 1)
    run(query, frame, epsilon=1)


def corpus():
    return [
        (lambda: 1 / 0),
        (lambda: int("Jane Doe")),
        (lambda: np.int64(2**70)),
        (lambda: pa.array([1]).cast(pa.string()).cast(pa.date32())),
        (lambda: (_ for _ in ()).throw(MissingColumnError("Jane Doe"))),
    ]


class Keep(logging.Handler):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


@pytest.fixture
def logs():
    """Handlers of the ordinary log and of the restricted log."""
    ordinary, restricted = Keep(), Keep()
    logging.getLogger().addHandler(ordinary)
    restricted_log().addHandler(restricted)
    yield ordinary.texts, restricted.texts
    logging.getLogger().removeHandler(ordinary)
    restricted_log().removeHandler(restricted)


@pytest.mark.parametrize("fails", corpus())
def test_errors_of_the_engine_are_one_message(fails, logs):
    with pytest.raises(PrivateComputationError) as caught:
        one_message(fails)
    assert str(caught.value) == str(PrivateComputationError())
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    ordinary, restricted = logs
    assert ordinary == []
    assert "Traceback" in restricted[0]


def test_an_engine_that_fails_shows_the_one_message_and_keeps_the_charge(ledger, monkeypatch):
    from rai_scale.engines.local import LocalEngine

    def fail(self, *args, **kwargs):
        raise RuntimeError("row 7: Jane Doe")

    monkeypatch.setattr(LocalEngine, "aggregate_sql", fail)
    with pytest.raises(RaiScaleError) as caught:
        run("SELECT COUNT(*) AS n FROM S.people", ledger=ledger, epsilon=1)
    assert str(caught.value) == str(PrivateComputationError())
    assert float(ledger.remaining("S.people.id")["epsilon"]) == 2


def test_private_manifests_hold_no_counts_and_no_timings():
    facts = {
        "run_id": "r",
        "epsilon": 1,
        "rows_in": 7,
        "seconds": 1.5,
        "error_ratio": 0.1,
        "new": 1,
    }
    assert private_facts(facts) == {"run_id": "r", "epsilon": 1}


# --- planning


def test_a_dry_run_says_cost_noise_and_what_would_remain(ledger):
    query = "SELECT city, COUNT(*) AS n, SUM(income) AS s FROM S.people GROUP BY city"
    plan = dry_run(query, people(max_ids=1), privacy=Privacy(epsilon=1, delta=1e-5, ledger=ledger))
    assert plan.epsilon == 1
    assert plan.remaining_after == {"epsilon": 2.0, "delta": pytest.approx(1e-3 - 1e-5)}
    columns = plan.columns.set_index("aggregate")
    assert columns.loc["rows", "expected_error"] == pytest.approx(2)
    assert columns.loc["sum(income)", "noise_scale"] == pytest.approx(10_000)
    assert "remaining epsilon: 3 before, 2 after" in str(plan)
    assert "times with a zone are read in UTC" in str(plan)
    assert plan.threshold > 10


def test_advise_finds_the_epsilon_of_an_error():
    query = "SELECT city, COUNT(*) AS n, SUM(income) AS s FROM S.people GROUP BY city"
    options = {"delta": 1e-5}
    epsilon = advise(query, people(max_ids=1), {"rows": 4}, **options)
    assert epsilon == pytest.approx(0.5, rel=1e-4)
    found = dry_run(query, people(max_ids=1), **with_privacy(epsilon=epsilon, **options)).columns
    assert found["expected_error"][0] <= 4
    with pytest.raises(ConfigError, match="'rows'"):
        advise(query, people(), {"row": 4}, **options)


def test_histograms_show_every_bin():
    release = private_histogram(
        TABLE,
        "S.people",
        "age",
        people(max_ids=1),
        edges=[0, 20, 30.5, 70, 99],
        privacy=Privacy(epsilon=LOUD, ledger="none"),
    )
    assert release.to_pandas().to_dict("list") == {"bin": [0, 1, 2, 3], "n": [0, 88, 312, 0]}
    release = private_histogram(
        TABLE,
        "S.people",
        "city",
        people(max_ids=1),
        categories=["b", "z"],
        privacy=Privacy(epsilon=LOUD, ledger="none"),
    )
    assert release.to_pandas().to_dict("list") == {"category": ["b", "z"], "n": [200, 0]}
    with pytest.raises(ConfigError, match="ascending"):
        private_histogram(
            TABLE,
            "S.people",
            "age",
            people(),
            edges=[3, 1],
            privacy=Privacy(epsilon=1, ledger="none"),
        )
