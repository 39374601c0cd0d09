"""``rai-scale budget``: what it prints is what the ledger holds, and its exit codes."""

from __future__ import annotations

import json
import sqlite3

import pytest

from rai_scale.privacy import open_ledger
from rai_scale.privacy.costs import Cost, Mechanism
from tests.jobs.small_lake import cli, shell


@pytest.fixture
def book(tmp_path):
    """The address of a ledger with one scope and one grant, and the ledger."""
    address = f"sqlite:///{tmp_path / 'ledger.db'}"
    ran = budget("create-scope", "patients", "--epsilon", "10", "--delta", "1e-6", ledger=address)
    assert ran.code == 0, ran.text
    ran = budget(
        *("grant", "patients", "--analyst", "ann", "--dataset", "visits"),
        *("--epsilon", "0.3", "--delta", "1e-7", "--window-days", "30"),
        ledger=address,
    )
    assert ran.code == 0, ran.text
    return address, open_ledger(address, force_ephemeral=True)


def budget(*arguments, ledger):
    return cli("budget", *arguments, "--ledger", ledger, "--force-ephemeral")


def as_json(*arguments, ledger):
    ran = budget(*arguments, "--json", ledger=ledger)
    return ran.code, json.loads(ran.out)


def test_show_is_what_the_ledger_says(book):
    address, ledger = book
    noise = Mechanism("discrete_laplace", 10.0, 1.0)
    for _ in range(3):  # three times a tenth is the whole grant
        ledger.reserve("patients", "ann", "visits", [Cost("n", epsilon=0.1, mechanism=noise)])
    code, found = as_json("show", ledger=address)
    assert code == 0
    left = {(row["limit"], row["measure"]): row["remaining"] for row in found["limits"]}
    assert left == {
        ("hard cap", "epsilon"): 9.7,
        ("hard cap", "delta"): 1e-6,
        ("grant", "epsilon"): 0.0,
        ("grant", "delta"): 1e-7,
    }
    assert found["limits"][2]["window_days"] == 30
    tighter = found["pld"]["patients"]
    assert tighter == {"epsilon": ledger.pld_epsilon("patients", 1e-6), "delta": 1e-6}
    ran = budget("show", "patients", ledger=address)
    assert "grant     ann      visits            30  epsilon    0.3    0.3          0" in ran.out
    assert f"epsilon {tighter['epsilon']:.6g} at delta 1e-06" in ran.out
    _, other = as_json("show", "--pld-delta", "0.01", ledger=address)
    assert other["pld"]["patients"]["epsilon"] < tighter["epsilon"]


def test_history_of_all_and_of_some(book):
    address, ledger = book
    ledger.reserve("patients", "ann", "visits", [Cost("n", epsilon=0.1)])
    _, found = as_json("history", ledger=address)
    assert [event["kind"] for event in found["events"]] == ["founded", "scope", "grant", "reserved"]
    assert found["events"][3]["columns"] == "n"
    assert found["events"][3]["at"].startswith("20")
    _, found = as_json("history", "patients", "--analyst", "bob", ledger=address)
    assert found["events"] == []
    ran = budget("history", "patients", "--dataset", "visits", ledger=address)
    assert len(ran.out.strip().splitlines()) == 3
    assert "reserved" in ran.out


def test_a_grant_is_taken_back_and_rho_makes_a_scope_of_zcdp(book):
    address, ledger = book
    assert budget("grant", "patients", "--epsilon", "0", ledger=address).code == 0
    assert ledger.remaining("patients", "bob", "visits")["epsilon"] == 0
    assert budget("create-scope", "staff", "--rho", "0.5", ledger=address).code == 0
    assert set(ledger.remaining("staff")) == {"rho", "delta"}


def test_verify_finds_what_was_changed(book, tmp_path):
    address, _ = book
    code, found = as_json("verify", ledger=address)
    assert (code, found["ok"], found["events"]) == (0, True, 3)
    assert budget("verify", "--anchor", found["anchor"], ledger=address).code == 0
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in names.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE rai_scale_events SET epsilon = 7 WHERE seq = 1")
    ran = budget("verify", ledger=address)
    assert ran.code == 1
    assert "event 1 does not match its hash" in ran.out
    code, found = as_json("verify", ledger=address)
    assert (code, found["ok"]) == (1, False)


WRONG = {
    "no ledger named": (["show"], "Missing option '--ledger'"),
    "none is no ledger": (["show", "--ledger", "none"], "means no ledger"),
    "no such variable": (["show", "--ledger", "env:NO_SUCH_LEDGER"], "variable is not set"),
    "no file there": (["show", "--ledger", "sqlite:////nowhere/l.db"], "no ledger at /nowhere"),
    "an object store": (["show", "--ledger", "s3://bucket/l.db"], "object store"),
    "no amount": (["create-scope", "x", "--ledger", "BOOK"], "needs epsilon and delta"),
    "another cap": (
        ["create-scope", "patients", "--epsilon", "99", "--ledger", "BOOK"],
        "these never change",
    ),
    "no such scope": (["show", "patinets", "--ledger", "BOOK"], "Did you mean 'patients'?"),
    "history of no scope": (["history", "patinets", "--ledger", "BOOK"], "Did you mean"),
    "grant in no scope": (
        ["grant", "patinets", "--epsilon", "1", "--ledger", "BOOK"],
        "Did you mean 'patients'?",
    ),
    "no number": (
        ["grant", "patients", "--epsilon", "much", "--ledger", "BOOK"],
        "must be a finite number",
    ),
    "no anchor": (["verify", "--anchor", "3", "--ledger", "BOOK"], "the form count:hash"),
    "no command": ([], "Usage"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_done(book, monkeypatch, case):
    monkeypatch.delenv("RAI_SCALE_LEDGER", raising=False)
    arguments, said = WRONG[case]
    address, ledger = book
    filled = [address if part == "BOOK" else part for part in arguments]
    before = len(ledger.history())
    ran = cli("budget", *filled, *(["--force-ephemeral"] if filled else []))
    assert ran.code == 3, ran.text
    assert said in ran.text
    assert "Traceback" not in ran.text
    assert len(ledger.history()) == before


def test_a_place_that_is_lost_has_to_be_forced(tmp_path):
    path = tmp_path / "new" / "ledger.db"
    ran = cli("budget", "create-scope", "p", "--epsilon", "1", "--ledger", f"sqlite:///{path}")
    assert (ran.code, "is lost at the end of the job" in ran.err) == (3, True)
    assert not path.exists()


def test_the_address_by_reference_and_by_environment(book, tmp_path):
    address, _ = book
    (tmp_path / "address").write_text(address + "\n")
    assert budget("show", ledger=f"file:{tmp_path / 'address'}").code == 0
    variables = {"RAI_SCALE_LEDGER": "env:TEAM_LEDGER", "TEAM_LEDGER": address}
    ran = shell("budget", "show", "--force-ephemeral", env=variables)
    assert ran.code == 0, ran.text
    assert "patients" in ran.out
