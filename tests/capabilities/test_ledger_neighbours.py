"""One neighbour relation per scope: what is converted at which price, what is refused."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from rai_scale.errors import ConfigError
from rai_scale.privacy import Ledger, LedgerError, open_ledger
from rai_scale.privacy.costs import Cost, total
from rai_scale.privacy.ledger import lifecycle as life
from rai_scale.privacy.ledger.accounts import Accounts


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", force_ephemeral=True)


def reserved(ledger: Ledger, scope: str, *costs: Cost, key: str | None = None):
    return ledger.reserve(scope, "ann", "visits", costs, idempotency_key=key)


OF_SQL = Cost("count", epsilon=0.5)
OF_EBM = Cost("private_ebm", epsilon=0.5, delta=1e-6, neighbours="replace")


def test_a_replacement_is_not_charged_to_a_scope_of_additions_and_removals(ledger):
    ledger.create_scope("people", epsilon=5, delta=1e-3)
    with pytest.raises(ConfigError, match="neighbours='replace'"):
        reserved(ledger, "people", OF_EBM)
    assert not ledger.budget("people")["spent"].any()
    assert set(ledger.budget("people")["neighbours"]) == {"add-remove"}


def test_a_scope_of_replacements_pays_the_true_price_of_both(ledger):
    ledger.create_scope("people", epsilon=5, delta=1e-3, neighbours="replace")
    reserved(ledger, "people", OF_EBM)
    assert ledger.remaining("people") == {"epsilon": Decimal("4.5"), "delta": Decimal("0.000999")}
    assert ledger.price("people", [OF_SQL]) == {"epsilon": Decimal(1), "delta": 0}
    reserved(ledger, "people", OF_SQL)
    assert ledger.remaining("people")["epsilon"] == Decimal("3.5")
    assert 0 < ledger.pld_epsilon("people", 1e-3) <= 1.5
    assert ledger.verify().ok


@pytest.mark.parametrize("epsilon", ["0.1", "1", "7.5", "200"])
def test_delta_grows_with_the_whole_release(epsilon):
    costs = [Cost("count", epsilon=epsilon), Cost("threshold of rare groups", delta="1e-9")]
    charge = total(costs, "epsilon-delta", "replace")
    assert charge.epsilon == 2 * int(Decimal(epsilon) * 10**12)
    expected = min(1.0, 1e-9 * (1 + math.exp(float(epsilon))))
    assert charge.delta / 10**18 == pytest.approx(expected, rel=1e-12)
    assert Decimal(charge.delta) >= min(10**18, 10**9 * (1 + Decimal(epsilon).exp()))


def test_rho_is_charged_four_times_and_a_delta_beside_it_is_refused():
    assert total([Cost("n", rho="0.1")], "zcdp", "replace").rho == 4 * 10**11
    assert total([Cost("n", rho="0.1")], "zcdp").rho == 10**11
    with pytest.raises(ConfigError, match="delta in addition to rho"):
        total([Cost("n", rho="0.1"), Cost("threshold", delta="1e-9")], "zcdp", "replace")


def test_the_relation_of_a_scope_never_changes(ledger):
    ledger.create_scope("people", epsilon=5)
    ledger.create_scope("people", epsilon=5, neighbours="add-remove")
    with pytest.raises(ConfigError, match="neighbour relation"):
        ledger.create_scope("people", epsilon=5, neighbours="replace")
    with pytest.raises(ConfigError, match="Did you mean 'replace'"):
        ledger.create_scope("others", epsilon=5, neighbours="replaced")


def old_scope(ledger: Ledger, *labels: str) -> None:
    """A scope and charges as they were written before relations were stated."""

    def work(step: life.Step) -> None:
        amount = {"epsilon": 5 * 10**12, "delta": 10**15}
        step.note("scope", "people", **amount, body={"accounting": "epsilon-delta"})
        for number, label in enumerate(labels):
            cost = Cost(label, epsilon=1).to_dict()
            del cost["neighbours"]
            who = {"analyst": "ann", "dataset": "visits", "reservation": f"{number:032x}"}
            body = {"costs": [cost], "visible_to": []}
            key = {"request_key": f"key {number}", "attempt": 1}
            step.note("reserved", "people", **who, **key, epsilon=10**12, body=body)

    ledger._write(work)


@pytest.mark.parametrize(
    ("labels", "relation"),
    [((), "add-remove"), (("count", "sum"), "add-remove"), (("private_ebm",), "replace")],
)
def test_an_older_scope_has_the_relation_of_its_charges(ledger, labels, relation):
    old_scope(ledger, *labels)
    assert set(ledger.budget("people")["neighbours"]) == {relation}
    if relation == "replace":
        reserved(ledger, "people", OF_EBM)
    reserved(ledger, "people", OF_SQL)
    spent = Decimal("1.5") if relation == "replace" else Decimal("0.5")
    assert ledger.remaining("people")["epsilon"] == 5 - len(labels) - spent


def test_an_older_charge_is_found_by_its_key(ledger):
    old_scope(ledger, "count")
    held = reserved(ledger, "people", Cost("count", epsilon=1), key="key 0")
    assert not held.charged


def test_an_older_scope_that_mixed_relations_is_not_spent_from(ledger):
    old_scope(ledger, "count", "private_ebm")
    with pytest.raises(LedgerError, match="a bound for neither"):
        reserved(ledger, "people", OF_SQL)
    assert ledger.verify().ok


def test_events_are_read_once(ledger, monkeypatch):
    ledger.create_scope("people", epsilon=5)
    for _ in range(3):
        reserved(ledger, "people", Cost("count", epsilon=0.1))
    read = []
    real = Accounts._add
    monkeypatch.setattr(Accounts, "_add", lambda self, row: (read.append(row.seq), real(self, row)))
    reserved(ledger, "people", Cost("count", epsilon=0.1))
    reserved(ledger, "people", Cost("count", epsilon=0.1))
    assert read == [4, 5]
