"""Scopes, grants and windows; the life of a release; what is kept and shown."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pyarrow as pa
import pytest

from rai_scale.errors import BudgetExceededError, ConfigError
from rai_scale.privacy import Ledger, LedgerBusyError, LedgerError, open_ledger
from rai_scale.privacy.costs import Cost, Mechanism
from rai_scale.privacy.ledger.amounts import shares, to_units
from rai_scale.privacy.ledger.lifecycle import MAX_ATTEMPTS
from rai_scale.privacy.ledger.release import keep_alive, release_once
from rai_scale.privacy.ledger.reservation import to_ipc
from rai_scale.records.canonical import idempotency_key, mask_literals

KEY = "k" * 64
ARROW = to_ipc(pa.table({"n": [3]}))


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock) -> Ledger:
    found = open_ledger("sqlite://", force_ephemeral=True, clock=clock)
    found.create_scope("patients", epsilon=1, delta="1e-6")
    return found


def spend(ledger: Ledger, epsilon, analyst="ann", dataset="visits", **more):
    return ledger.reserve("patients", analyst, dataset, [Cost("n", epsilon=epsilon)], **more)


def run(ledger: Ledger, epsilon, analyst="ann", **more):
    held = spend(ledger, epsilon, analyst, **more)
    ledger.mark_reading(held)
    return ledger.store_release(held, ARROW, {"of": held.id})


def test_sums_do_not_drift_and_the_refusal_says_what_is_left(ledger):
    for _ in range(9):
        spend(ledger, 0.1)
    with pytest.raises(BudgetExceededError) as refused:
        spend(ledger, 0.2)
    error = pickle.loads(pickle.dumps(refused.value))
    told = (error.scope, error.limit, error.asked, error.spent, error.remaining)
    assert told == ("patients", "hard cap", "0.2", "0.9", "0.1")
    assert "requested epsilon 0.2, spent 0.9, remaining 0.1" in str(error)
    spend(ledger, 0.1)
    assert ledger.remaining("patients") == {"epsilon": 0, "delta": Decimal("1e-6")}


def test_delta_is_counted_apart_and_to_its_own_unit(ledger):
    ledger.reserve("patients", "ann", "visits", [Cost("n", epsilon=0.1, delta="9.99999999999e-7")])
    assert ledger.remaining("patients")["delta"] == Decimal("1e-18")
    with pytest.raises(BudgetExceededError, match="requested delta"):
        ledger.reserve("patients", "ann", "visits", [Cost("n", epsilon=0.1, delta=2e-18)])


def test_costs_are_rounded_up_and_caps_down():
    assert to_units(Fraction(1, 3), "epsilon", up=True) == 333_333_333_334
    assert to_units(Fraction(1, 3), "epsilon", up=False) == 333_333_333_333
    assert to_units(0.1, "epsilon", up=True) == to_units("0.1", "epsilon", up=False) == 10**11


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "much", None, True, 10**7])
def test_amounts_that_are_none_are_refused(ledger, value):
    with pytest.raises(ConfigError, match="epsilon"):
        ledger.create_scope("others", epsilon=value)


def test_shares_never_exceed_what_is_shared():
    parts = shares(1, [1, 1, 1])
    assert sum(parts) <= 1
    assert parts == (Decimal("0.333333333333"),) * 3
    assert shares("0.3", ["0.5", 1.5]) == (Decimal("0.075"), Decimal("0.225"))
    with pytest.raises(ConfigError, match="positive"):
        shares(1, [1, 0])


def test_a_cap_never_changes(ledger):
    ledger.create_scope("patients", epsilon="1.0", delta=1e-6)
    with pytest.raises(ConfigError, match="these never change"):
        ledger.create_scope("patients", epsilon=2, delta="1e-6")
    with pytest.raises(ConfigError, match="Did you mean 'patients'"):
        ledger.reserve("patient", "ann", "visits", [Cost("n", epsilon=0.1)])


def test_a_zcdp_scope_counts_rho(clock):
    ledger = open_ledger("sqlite://", force_ephemeral=True)
    ledger.create_scope("people", accounting="zcdp", rho="0.5", delta="1e-6")
    ledger.reserve("people", "ann", "d", [Cost("n", rho="0.3"), Cost("keys", delta="1e-7")])
    ledger.reserve("people", "ann", "d", [Cost("n", epsilon="0.4")])
    assert ledger.remaining("people") == {"rho": Decimal("0.12"), "delta": Decimal("9e-7")}
    with pytest.raises(BudgetExceededError, match="requested rho 0.13"):
        ledger.reserve("people", "ann", "d", [Cost("n", rho="0.13")])
    with pytest.raises(ConfigError, match="needs rho and delta"):
        ledger.create_scope("others", accounting="zcdp", epsilon=1)


def test_costs_that_a_scope_cannot_count_are_refused(ledger):
    with pytest.raises(ConfigError, match="counts epsilon"):
        ledger.reserve("patients", "ann", "visits", [Cost("n", rho=0.1)])
    with pytest.raises(ConfigError, match="every release has a cost"):
        spend(ledger, 0)
    with pytest.raises(ConfigError, match="at least one cost"):
        ledger.reserve("patients", "ann", "visits", [])
    with pytest.raises(ConfigError, match="list of analysts"):
        spend(ledger, 0.1, visible_to="bob")
    with pytest.raises(ConfigError, match="1 to 64"):
        spend(ledger, 0.1, idempotency_key="k" * 65)
    with pytest.raises(ConfigError, match="Did you mean 'laplace'"):
        Mechanism("laplac", 1, 1)
    assert ledger.remaining("patients")["epsilon"] == 1


def test_grants_hold_beside_the_cap_and_close_the_scope_to_others(ledger):
    ledger.grant("patients", analyst="ann", epsilon="0.5")
    ledger.grant("patients", analyst="ann", dataset="visits", epsilon="0.2")
    ledger.grant("patients", dataset="costs", epsilon="0.9")
    assert ledger.remaining("patients", "ann", "visits")["epsilon"] == Decimal("0.2")
    assert ledger.remaining("patients", "bob", "visits")["epsilon"] == 0
    assert ledger.remaining("patients", "bob", "costs")["epsilon"] == Decimal("0.9")
    with pytest.raises(ConfigError, match="or neither"):
        ledger.remaining("patients", "bob")
    with pytest.raises(BudgetExceededError, match="no grant for you"):
        spend(ledger, 0.1, analyst="bob")
    spend(ledger, 0.2)
    with pytest.raises(BudgetExceededError, match="'ann' on dataset 'visits'"):
        spend(ledger, 0.1)
    spend(ledger, 0.3, dataset="costs")
    with pytest.raises(BudgetExceededError, match="'ann' on dataset '\\*'"):
        spend(ledger, 0.1, dataset="costs")
    spend(ledger, 0.5, analyst="bob", dataset="costs")
    with pytest.raises(BudgetExceededError, match="hard cap"):
        spend(ledger, 0.1, analyst="bob", dataset="costs")


def test_a_later_grant_takes_the_place_of_the_earlier(ledger):
    ledger.grant("patients", analyst="ann", epsilon="0.1")
    spend(ledger, 0.1)
    ledger.grant("patients", analyst="ann", epsilon="0.3")
    spend(ledger, 0.2)
    ledger.grant("patients", analyst="ann", epsilon=0)
    with pytest.raises(BudgetExceededError, match="grant of analyst 'ann'"):
        spend(ledger, 0.1)


def test_a_window_refreshes_a_grant_and_never_the_cap(ledger, clock):
    ledger.grant("patients", analyst="ann", epsilon="0.4", window=timedelta(days=30))
    for _ in range(2):
        spend(ledger, 0.4)
        clock.now += timedelta(days=29)
        with pytest.raises(BudgetExceededError, match="grant of analyst 'ann'"):
            spend(ledger, 0.1)
        clock.now += timedelta(days=1)
    spend(ledger, 0.2)
    clock.now += timedelta(days=3000)
    with pytest.raises(BudgetExceededError, match="hard cap"):
        spend(ledger, 0.1)


def test_a_refund_in_a_window_gives_back_no_more_than_was_charged(ledger, clock):
    ledger.grant("patients", analyst="ann", epsilon="0.4", window=timedelta(days=30))
    held = spend(ledger, 0.4)
    clock.now += timedelta(days=31)
    spend(ledger, 0.3)
    ledger.cancel(held)
    with pytest.raises(BudgetExceededError):
        spend(ledger, 0.2)
    spend(ledger, 0.1)


def test_a_clock_that_is_set_back_makes_no_charge_older(ledger, clock):
    ledger.grant("patients", analyst="ann", epsilon="0.4", window=timedelta(days=30))
    clock.now -= timedelta(days=40)
    spend(ledger, 0.4)
    clock.now += timedelta(days=45)
    with pytest.raises(BudgetExceededError):
        spend(ledger, 0.1)


def test_cancel_refunds_until_data_are_read(ledger):
    held = spend(ledger, 0.4)
    ledger.cancel(held)
    assert ledger.remaining("patients")["epsilon"] == 1
    for step in (ledger.cancel, ledger.mark_reading):
        with pytest.raises(LedgerError, match="was cancelled"):
            step(held)
    held = spend(ledger, 0.4)
    ledger.mark_reading(held)
    with pytest.raises(LedgerError, match="cannot be refunded"):
        ledger.cancel(held.id)
    assert float(ledger.remaining("patients")["epsilon"]) == 0.6


def test_steps_out_of_order_are_refused(ledger):
    held = spend(ledger, 0.1)
    with pytest.raises(LedgerError, match="call mark_reading before"):
        ledger.store_release(held, ARROW, {})
    ledger.mark_reading(held)
    with pytest.raises(ConfigError, match="Arrow IPC"):
        ledger.store_release(held, b"rows", {})
    stored = ledger.store_release(held, ARROW, {"a": 1})
    assert ledger.store_release(held, ARROW, {"a": 1}) == stored
    for arrow, metadata in ((ARROW, {"a": 2}), (to_ipc(pa.table({"n": [4]})), {"a": 1})):
        with pytest.raises(LedgerError, match="a second one is refused"):
            ledger.store_release(held, arrow, metadata)
    with pytest.raises(LedgerError, match="no such reservation"):
        ledger.cancel("0" * 32)


def test_a_rerun_shows_the_stored_bytes_and_charges_nothing(ledger):
    stored = run(ledger, 0.6, idempotency_key=KEY)
    for _ in range(10):
        again = spend(ledger, 0.6, idempotency_key=KEY)
        assert (again.release, again.charged) == (stored, False)
        assert again.release.arrow == ARROW
    assert stored.table().to_pydict() == {"n": [3]}
    assert ledger.release(stored.reservation, "ann") == stored


def test_a_release_is_shown_to_those_who_may_see_it_and_others_pay(ledger):
    stored = run(ledger, 0.3, idempotency_key=KEY, visible_to=["bob"])
    assert spend(ledger, 0.3, "bob", idempotency_key=KEY).release == stored
    other = spend(ledger, 0.3, "eve", idempotency_key=KEY)
    assert other.charged
    assert other.release is None
    for unseen in (stored.reservation, "0" * 32):
        with pytest.raises(ConfigError, match="there is no release"):
            ledger.release(unseen, "eve")
    everybody = run(ledger, 0.1, idempotency_key="j" * 64, visible_to=["*"])
    assert ledger.release(everybody.reservation, "eve") == everybody


def test_a_key_with_other_costs_or_data_is_not_the_same_release(ledger):
    run(ledger, 0.1, idempotency_key=KEY)
    with pytest.raises(LedgerError, match="other costs"):
        spend(ledger, 0.2, idempotency_key=KEY)
    assert spend(ledger, 0.1, dataset="costs", idempotency_key=KEY).charged


def test_failing_runs_under_one_charge_are_bounded(ledger):
    charged = []
    for _ in range(MAX_ATTEMPTS + 1):
        held = spend(ledger, 0.3, idempotency_key=KEY)
        ledger.mark_reading(held)
        ledger.abandon(held)
        charged.append(held.charged)
    assert charged == [True, *[False] * (MAX_ATTEMPTS - 1), True]


def test_release_once_charges_before_it_computes_and_computes_once(ledger):
    seen = []

    def compute():
        seen.append(ledger.history()["kind"].iloc[-1])
        return ARROW, {"rows": 1}

    asked = {"scope": "patients", "analyst": "ann", "dataset": "visits", "idempotency_key": KEY}
    costs = [Cost("n", epsilon=0.7)]
    releases = [release_once(ledger, compute, costs=costs, **asked) for _ in range(3)]
    assert releases[0] == releases[1] == releases[2]
    assert seen == ["reading"]
    with pytest.raises(BudgetExceededError):
        release_once(ledger, compute, costs=costs, **{**asked, "idempotency_key": None})
    assert len(seen) == 1


def test_a_run_that_fails_stays_charged_and_is_taken_up_at_once(ledger):
    asked = {"scope": "patients", "analyst": "ann", "dataset": "visits", "idempotency_key": KEY}
    costs = [Cost("n", epsilon=0.7)]
    with pytest.raises(ZeroDivisionError):
        release_once(ledger, lambda: 1 / 0, costs=costs, **asked)
    assert float(ledger.remaining("patients")["epsilon"]) == 0.3
    release = release_once(ledger, lambda: (ARROW, {}), costs=costs, **asked, wait=0)
    assert release.arrow == ARROW
    assert float(ledger.remaining("patients")["epsilon"]) == 0.3


def test_a_run_that_gives_signs_of_life_is_not_overtaken(tmp_path):
    import time

    url = f"sqlite:///{tmp_path / 'l.db'}"
    ledger = open_ledger(url, force_ephemeral=True, lease_seconds=1)
    ledger.create_scope("patients", epsilon=1)
    held = spend(ledger, 0.1, idempotency_key=KEY)
    with keep_alive(ledger, held, every=0.2):
        time.sleep(1.6)
        with pytest.raises(LedgerBusyError):
            spend(ledger, 0.1, idempotency_key=KEY)
    assert spend(ledger, 0.1, idempotency_key=KEY, wait=10).attempt == 2


def test_a_ledger_is_still_there_when_it_is_opened_again(tmp_path):
    url = f"sqlite:///{tmp_path / 'l.db'}"
    first = open_ledger(url, force_ephemeral=True)
    first.create_scope("patients", epsilon=1)
    stored = run(first, 0.6, idempotency_key=KEY)
    second = open_ledger(url, force_ephemeral=True)
    assert spend(second, 0.6, idempotency_key=KEY).release == stored
    with pytest.raises(BudgetExceededError):
        spend(second, 0.6)


def test_budget_and_history_as_tables(ledger):
    ledger.grant("patients", analyst="ann", epsilon="0.5", window=timedelta(days=30))
    costs = [
        Cost("n", epsilon="0.1"),
        Cost("age", epsilon="0.15", mechanism=Mechanism("laplace", 10, 1)),
    ]
    ledger.reserve("patients", "ann", "visits", costs)
    budget = ledger.budget("patients").set_index(["limit", "measure"])
    assert budget.loc[("hard cap", "epsilon"), ["cap", "spent", "remaining"]].tolist() == [
        1,
        0.25,
        0.75,
    ]
    grant = budget.loc[("grant", "epsilon")]
    assert (grant["analyst"], grant["dataset"], grant["window_days"]) == ("ann", "*", 30)
    assert grant["remaining"] == 0.25
    history = ledger.history("patients", analyst="ann")
    assert history["kind"].tolist() == ["grant", "reserved"]
    assert history["columns"].tolist()[1] == "n, age"
    assert history["at"].iloc[0] == datetime(2026, 1, 1, tzinfo=UTC)
    assert 0 < ledger.pld_epsilon("patients", 1e-9) <= 0.25


def test_queries_are_kept_as_hashes_and_on_request_without_literals(ledger):
    query = "SELECT COUNT(*) FROM visits WHERE name = 'Ada O''Neill' AND age > 41.5 -- Ada"
    spend(ledger, 0.1, query=query)
    spend(ledger, 0.1, query=query, keep_query=True)
    kept = ledger.history()[["query_hash", "query"]].tail(2)
    assert kept["query_hash"].nunique() == 1
    assert kept["query"].tolist() == [
        None,
        "SELECT COUNT(*) FROM visits WHERE name = ? AND age > ?",
    ]
    assert "Ada" not in json.dumps(ledger.history().astype(str).to_dict())


@pytest.mark.parametrize(
    ("query", "masked"),
    [
        ("SELECT a1, `b 2` FROM t2 WHERE x IN (1, .5e3, 0x1F)", None),
        (
            "SELECT a1, `b 2` FROM t2 WHERE x IN (1, .5e3)",
            "SELECT a1, `b 2` FROM t2 WHERE x IN (?, ?)",
        ),
        ('SELECT "Ada" /* Ada\n */ FROM t', "SELECT ? FROM t"),
        ("SELECT 'never ends FROM t", None),
        (r"SELECT 'it\'s Ada' FROM t", None),
        ("SELECT $$Ada$$ FROM t", None),
    ],
)
def test_a_query_is_kept_only_if_its_literals_are_surely_masked(query, masked):
    assert mask_literals(query) == masked


def test_the_idempotency_key_is_of_all_that_shapes_the_release():
    parts = ("SELECT 1", {"rows": {"max_ids": 3}}, {"epsilon": 0.1}, "v7")
    key = idempotency_key(*parts)
    assert key == idempotency_key(" SELECT 1 ", {"rows": {"max_ids": 3}}, {"epsilon": 0.1}, "v7")
    others = [
        ("SELECT 2", *parts[1:]),
        (parts[0], {"rows": {"max_ids": 4}}, *parts[2:]),
        (*parts[:2], {"epsilon": "0.1"}, "v7"),
        (*parts[:3], "v8"),
    ]
    assert len({key, *(idempotency_key(*other) for other in others)}) == 5
    assert idempotency_key(*parts[:3], None) is None
    for parameters in ({"epsilon": float("nan")}, {"rows": {3: "x"}}, {"x": object()}):
        with pytest.raises(ConfigError, match="no canonical form"):
            idempotency_key("SELECT 1", {}, parameters, "v7")


@pytest.mark.parametrize("name", ["", "*", "x" * 201, 3])
def test_names_that_mean_something_else_are_refused(ledger, name):
    with pytest.raises(ConfigError, match="1 to 200 characters"):
        spend(ledger, 0.1, analyst=name)
