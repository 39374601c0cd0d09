"""A budget in rho: zero-concentrated differential privacy, from the call to the ledger."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rai_scale.errors import BudgetExceededError, ConfigError
from rai_scale.privacy import Privacy, open_ledger
from rai_scale.privacy.ledger.amounts import exact
from rai_scale.privacy.noise import epsilon_for, rho_for
from rai_scale.private_queries import advise, dry_run, load_metadata, private_sql
from rai_scale.private_queries.release.plan import make_plan
from tests.capabilities.private_cases import people, with_privacy

METADATA = people(max_ids=3)
FOUND = "SELECT city, COUNT(*) AS n, SUM(age) AS s FROM S.people GROUP BY city"
WHOLE = "SELECT COUNT(*) AS n, SUM(age) AS s FROM S.people"
GAUSSIAN = {"mechanism": "gaussian"}
TABLE = pa.table(
    {"id": [i // 2 for i in range(600)], "age": [30, 50] * 300, "city": ["a", "b", "c"] * 200}
)


def planned(query: str, **budget: object):
    options = {"delta": 0, **GAUSSIAN, **budget}
    return make_plan(query, load_metadata(METADATA), None, **with_privacy(**options)).budgeted


@pytest.fixture
def book(tmp_path):
    book = open_ledger(f"sqlite:///{tmp_path}/ledger.db", force_ephemeral=True)
    book.create_scope("S.people.id", rho="0.5", delta="1e-5", accounting="zcdp")
    return book


@pytest.mark.parametrize("query", [FOUND, WHOLE])
def test_the_noise_is_the_stated_one(query):
    budgeted = planned(query, rho="0.2", delta=1e-6 if query == FOUND else 0)
    k = len(budgeted.columns)
    assert k == (3 if query == FOUND else 2)
    for column in budgeted.columns:
        stated = math.sqrt(k / (2 * 0.2)) * column.sensitivity.l2
        assert stated <= column.noise.scale * (1 + 1e-12) <= stated * (1 + 1e-9)
        assert column.rho == exact("0.2", "rho") / k
        assert column.noise.spent(column.sensitivity) <= column.rho


def test_epsilon_and_the_rho_that_it_converts_to_are_one_noise():
    by_epsilon = planned(WHOLE, epsilon=1, delta=1e-6)
    by_rho = planned(WHOLE, rho=rho_for(exact(1, "epsilon"), exact(1e-6, "delta")), delta=1e-6)
    for one, other in zip(by_epsilon.columns, by_rho.columns, strict=True):
        assert one.noise == other.noise
    (first,), (second,) = by_epsilon.costs, by_rho.costs
    assert first.rho == second.rho and first.delta == second.delta
    assert float(second.epsilon) == pytest.approx(1, rel=1e-9)


@given(st.floats(1e-6, 1e3), st.floats(1e-15, 0.5))
def test_a_conversion_there_and_back_never_gains(rho, delta):
    found = epsilon_for(exact(rho, "rho"), exact(delta, "delta"))
    assert rho_for(found, exact(delta, "delta")) == pytest.approx(rho, rel=1e-6)
    assert float(found) >= rho + 2 * math.sqrt(rho * -math.log(delta))


def test_delta_pays_for_naming_groups_only():
    budgeted = planned(FOUND, rho=0.2, delta=1e-6)
    noise, threshold = budgeted.costs
    assert (noise.epsilon, noise.delta, float(noise.rho)) == (None, 0, 0.2)
    assert (threshold.rho, float(threshold.delta)) == (None, 1e-6)
    halved = planned(FOUND, epsilon=1, delta=1e-6)
    assert float(halved.costs[1].delta) == 0.5e-6


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({}, "exactly one of epsilon and rho"),
        ({"epsilon": 1, "rho": 0.1}, "exactly one of epsilon and rho"),
        ({"rho": 0.1, "mechanism": "laplace"}, "mechanism='gaussian'"),
        ({"rho": 0}, "rho must be above 0"),
        ({"rho": -1}, "rho must be between"),
        ({"rho": "much"}, "rho must be a finite number"),
        ({"rho": 0.1, "delta": 0}, "delta above 0"),
        ({"rho": 0.1, "delta": 1}, "delta must be"),
    ],
)
def test_budgets_that_cannot_be_are_refused_before_the_charge(book, budget, said):
    options = {"delta": 1e-6, "ledger": book, **GAUSSIAN, **budget}
    with pytest.raises(ConfigError, match=said):
        private_sql(FOUND, {"people": TABLE}, METADATA, **with_privacy(**options))
    assert float(book.remaining("S.people.id")["rho"]) == 0.5


def test_a_scope_of_zcdp_is_charged_rho_and_the_thresholds_delta(book):
    options = {"delta": "1e-6", "ledger": book, "snapshot": "v1", **GAUSSIAN}
    release = private_sql(FOUND, {"people": TABLE}, METADATA, **with_privacy(rho="0.3", **options))
    left = book.remaining("S.people.id")
    assert (str(left["rho"]), float(left["delta"])) == ("0.2", 9e-6)
    assert release.metrics() == {"rho": 0.3, "delta": 1e-6, "rows": 3.0}
    again = private_sql(FOUND, {"people": TABLE}, METADATA, **with_privacy(rho="0.30", **options))
    assert again.arrow == release.arrow and book.remaining("S.people.id") == left
    with pytest.raises(BudgetExceededError, match="rho"):
        private_sql(FOUND, {"people": TABLE}, METADATA, **with_privacy(rho="0.21", **options))


def test_a_scope_of_epsilon_needs_a_delta_at_which_rho_is_converted(tmp_path):
    book = open_ledger(f"sqlite:///{tmp_path}/ledger.db", force_ephemeral=True)
    book.create_scope("S.people.id", epsilon=5, delta=1e-5)
    options = {"ledger": book, "rho": 0.1, **GAUSSIAN}
    with pytest.raises(ConfigError, match="accounting='zcdp'"):
        private_sql(WHOLE, {"people": TABLE}, METADATA, **with_privacy(**options))
    release = private_sql(
        WHOLE, {"people": TABLE}, METADATA, **with_privacy(delta="1e-6", **options)
    )
    epsilon = 0.1 + 2 * math.sqrt(0.1 * math.log(1e6))
    assert 5 - float(book.remaining("S.people.id")["epsilon"]) == pytest.approx(epsilon, abs=1e-9)
    assert release.metrics()["epsilon"] == pytest.approx(epsilon)


def test_what_is_shown_names_rho(book):
    options = {"rho": 0.3, "delta": 1e-6, **GAUSSIAN}
    release = private_sql(
        FOUND, {"people": TABLE}, METADATA, **with_privacy(ledger=book, **options)
    )
    info = release.columns_info.set_index("column")
    assert info.loc["n", "rho"] == pytest.approx(0.1) and math.isnan(info.loc["n", "epsilon"])
    page = release.to_html()
    assert "at a total cost of rho 0.3 and delta 1e-06" in page and ">Rho</th>" in page
    shown = dry_run(FOUND, METADATA, **with_privacy(ledger=book, **options))
    assert "charged: rho 0.3, delta 1e-06" in str(shown) and shown.epsilon is None
    assert shown.remaining_after["rho"] == pytest.approx(0.5 - 0.6)
    plain = private_sql(
        FOUND, {"people": TABLE}, METADATA, privacy=Privacy(epsilon=1, delta=1e-6, ledger="none")
    )
    assert ">Rho</th>" not in plain.to_html()


def test_advice_in_rho():
    options = {"delta": 1e-6, **GAUSSIAN}
    rho = advise(FOUND, METADATA, {"sum(age)": 700}, measure="rho", **options)
    columns = dry_run(FOUND, METADATA, **with_privacy(rho=rho, **options)).columns.set_index(
        "aggregate"
    )
    assert columns.loc["sum(age)", "expected_error"] == pytest.approx(700, rel=1e-6)
    with pytest.raises(ConfigError, match="choose one of epsilon, rho"):
        advise(FOUND, METADATA, 5, measure="delta", **options)
