"""What verify finds, and what the databases refuse in the first place."""

from __future__ import annotations

import pyarrow as pa
import pytest
from sqlalchemy import text

from rai_scale.errors import BudgetExceededError, ConfigError
from rai_scale.privacy.costs import Cost
from rai_scale.privacy.ledger.ledger import Ledger, open_ledger
from rai_scale.privacy.ledger.problems import LedgerError
from rai_scale.privacy.ledger.reservation import to_ipc
from rai_scale.privacy.ledger.schema import KEY_VARIABLE
from tests.postgres_server import new_postgres_database

TABLES = ("rai_scale_events", "rai_scale_releases")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return new_postgres_database()


def filled(url: str) -> Ledger:
    """Events: 0 founded, 1 scope, 2 grant, 3 reserved, 4 reading, 5 released, 6 reserved."""
    ledger = open_ledger(url, force_ephemeral=True)
    ledger.create_scope("patients", epsilon=1)
    ledger.grant("patients", analyst="ann", epsilon=1)
    held = ledger.reserve("patients", "ann", "visits", [Cost("count", epsilon=0.5)])
    ledger.mark_reading(held)
    ledger.store_release(held, to_ipc(pa.table({"n": [3]})), {"rows": "not told"})
    ledger.reserve("patients", "ann", "visits", [Cost("count", epsilon=0.25)])
    return ledger


def execute(ledger: Ledger, *statements: str) -> None:
    with ledger._journal.database.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def disarm(ledger: Ledger) -> None:
    """Take the triggers away, as the owner of the database can."""
    if ledger._journal.database.engine.dialect.name == "sqlite":
        verbs = ("UPDATE", "DELETE")
        execute(ledger, *(f"DROP TRIGGER {t}_no_{verb}" for t in TABLES for verb in verbs))
    else:
        execute(ledger, *(f"ALTER TABLE {t} DISABLE TRIGGER ALL" for t in TABLES))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", ["UPDATE {} SET at = 0", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_database_refuses_to_change_or_remove(url, table, statement):
    ledger = filled(url)
    if statement.startswith("TRUNCATE") and url.startswith("sqlite"):
        statement = "DELETE FROM {} WHERE true"  # SQLite's own truncation
    with pytest.raises(Exception, match=f"{table} is append-only"):
        execute(ledger, statement.format(table))
    assert ledger.verify().ok


COPIED = "seq + 4, at, kind, scope, analyst, dataset, {}, attempt, request_key, epsilon, delta, rho, body, previous, hash"
FAULTS = {
    "changed amount": ("UPDATE rai_scale_events SET epsilon = 1 WHERE seq = 3", "event 3 does not match"),
    "changed name": ("UPDATE rai_scale_events SET analyst = 'eve' WHERE seq = 6", "event 6 does not match"),
    "changed body": ("UPDATE rai_scale_events SET body = '[]' WHERE seq = 4", "event 4 does not match"),
    "removed first": ("DELETE FROM rai_scale_events WHERE seq = 0", "events 0 to 0 are missing"),
    "removed inside": ("DELETE FROM rai_scale_events WHERE seq = 3", "events 3 to 3 are missing"),
    "removed last": ("DELETE FROM rai_scale_events WHERE seq = 6", "events at the end are missing"),
    "removed all": ("DELETE FROM rai_scale_events", "the head names 7 events"),
    "inserted last": (
        f"INSERT INTO rai_scale_events SELECT {COPIED.format(repr('x'))} FROM rai_scale_events WHERE seq = 3",
        "event 7 does not follow",
    ),
    "changed head": ("UPDATE rai_scale_head SET hash = 'x'", "does not match its seal"),
    "removed head": ("DELETE FROM rai_scale_head", "the head is missing"),
    "changed release": ("UPDATE rai_scale_releases SET metadata = '{}'", "does not match its hash"),
    "removed release": ("DELETE FROM rai_scale_releases", "was removed"),
    "inserted release": (
        "INSERT INTO rai_scale_releases SELECT 'x', attempt, at, arrow, metadata FROM rai_scale_releases",
        "was inserted",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_verify_finds_what_was_done_by_hand(url, fault):
    statement, expected = FAULTS[fault]
    ledger = filled(url)
    before = ledger.verify()
    assert (before.ok, before.events) == (True, 7)
    disarm(ledger)
    execute(ledger, statement)
    found = ledger.verify()
    assert not found.ok
    assert any(expected in problem for problem in found.problems), found.problems


def test_an_inserted_row_between_two_is_found(url):
    ledger = filled(url)
    disarm(ledger)
    execute(
        ledger,
        "UPDATE rai_scale_events SET seq = 7 WHERE seq = 6",
        f"INSERT INTO rai_scale_events SELECT {COPIED.replace('+ 4', '+ 3').format(repr('x'))} "
        "FROM rai_scale_events WHERE seq = 3",
    )
    assert any("event 6 does not follow" in problem for problem in ledger.verify().problems)


def test_nothing_is_charged_to_a_ledger_whose_end_was_removed(url):
    ledger = filled(url)
    disarm(ledger)
    execute(ledger, "DELETE FROM rai_scale_events WHERE seq = 6")
    with pytest.raises(LedgerError, match="Run verify"):
        ledger.reserve("patients", "ann", "visits", [Cost("count", epsilon=0.1)])


EVENT_FAULTS = [name for name, (statement, _) in FAULTS.items() if "releases" not in statement]


@pytest.mark.parametrize("fault", EVENT_FAULTS)
def test_a_ledger_that_does_not_verify_is_not_spent_from(url, fault):
    ledger = filled(url)
    disarm(ledger)
    execute(ledger, FAULTS[fault][0])
    with pytest.raises(LedgerError, match="(?i)run verify|seal of the ledger does not match"):
        open_ledger(url, force_ephemeral=True).reserve(
            "patients", "ann", "visits", [Cost("count", epsilon=0.1)]
        )
    after = ledger.verify()
    assert after.events <= 8  # no charge was added


def test_what_was_read_once_is_not_given_back_by_a_changed_row(tmp_path):
    """An open ledger counts what it has verified, whatever stands in the row now."""
    ledger = filled(f"sqlite:///{tmp_path / 'l.db'}")
    disarm(ledger)
    execute(ledger, "UPDATE rai_scale_events SET epsilon = 0 WHERE seq = 3")
    with pytest.raises(BudgetExceededError):
        ledger.reserve("patients", "ann", "visits", [Cost("count", epsilon=0.5)])


def rewind(ledger: Ledger) -> None:
    """Remove the last event and set the head to the one before, as an expert would without a key."""
    disarm(ledger)
    with ledger._journal.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM rai_scale_events WHERE seq = 6"))
        last = connection.execute(text("SELECT hash FROM rai_scale_events WHERE seq = 5")).scalar()
        seal = open_without_key().seal(6, last)
        connection.execute(
            text("UPDATE rai_scale_head SET length = 6, hash = :h, seal = :s"),
            {"h": last, "s": seal},
        )


def open_without_key():
    from rai_scale.records.sealer import Sealer

    return Sealer()


def test_an_end_removed_with_its_head_is_found_by_an_anchor(url):
    ledger = filled(url)
    anchor = ledger.verify().anchor
    assert ledger.verify(anchor).ok
    rewind(ledger)
    assert ledger.verify().ok  # as the guide says
    assert "event 6 does not match the anchor" in ledger.verify(anchor).problems[0]


def test_an_end_removed_with_its_head_is_found_by_a_key(url, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "a key of enough characters")
    ledger = filled(url)
    assert ledger.verify().keyed
    assert ledger.verify().ok
    rewind(ledger)
    assert any("seal" in problem for problem in ledger.verify().problems)


def test_a_ledger_opens_only_with_the_key_it_was_founded_with(url, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "a key of enough characters")
    filled(url)
    for wrong in ("another key of enough characters", None):
        if wrong:
            monkeypatch.setenv(KEY_VARIABLE, wrong)
        else:
            monkeypatch.delenv(KEY_VARIABLE)
        with pytest.raises(LedgerError, match="seal of the ledger does not match") as failed:
            open_ledger(url, force_ephemeral=True)
        assert "enough" not in str(failed.value)
    monkeypatch.setenv(KEY_VARIABLE, "short")
    with pytest.raises(ConfigError, match="at least 16 characters"):
        open_ledger(url, force_ephemeral=True)


def test_an_anchor_of_another_form_is_refused(tmp_path):
    ledger = filled(f"sqlite:///{tmp_path / 'l.db'}")
    with pytest.raises(ConfigError, match="count:hash"):
        ledger.verify("7")
