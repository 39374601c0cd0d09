"""A book of events that is not a ledger: erasures, with columns and a table of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select, text
from sqlalchemy.exc import DBAPIError

from rai_scale.errors import ConfigError
from rai_scale.privacy.ledger.ledger import open_ledger
from rai_scale.records.book import Book
from rai_scale.records.journal import Journal
from rai_scale.records.problems import RecordError
from tests.postgres_server import new_postgres_database

KEY = "ERASURES_KEY"
TABLES = MetaData()
notices = Table("erasures_notices", TABLES, Column("event", Integer, primary_key=True))
BOOK = Book(
    noun="record of erasures",
    prefix="erasures",
    columns=(Column("subject", String(64)), Column("files", Integer, nullable=False)),
    empty={"subject": None, "files": 0},
    key_variable=KEY,
    tables=TABLES,
    only_added_to=(notices,),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'erasures.db'}"
    return new_postgres_database()


def opened(url: str) -> Journal:
    return Journal(url, BOOK, force_ephemeral=True)


def run(journal: Journal, statement: str) -> None:
    with journal.database.engine.begin() as connection:
        connection.execute(text(statement))


def lifted(journal: Journal) -> None:
    """Take the guard of the events away, as an administrator could."""
    postgres = journal.database.engine.dialect.name == "postgresql"
    if postgres:
        run(journal, "DROP TRIGGER erasures_events_rows ON erasures_events")
        return
    for verb in ("UPDATE", "DELETE"):
        run(journal, f"DROP TRIGGER erasures_events_no_{verb}")


def test_events_are_read_back_in_order(url):
    journal = opened(url)
    assert journal.append("asked", subject="s1", body={"basis": "art. 17"}) == 1
    assert journal.append("erased", subject="s1", files=3) == 2
    found = opened(url).events()
    assert [(e["seq"], e["kind"], e["subject"], e["files"]) for e in found] == [
        (0, "founded", None, 0),
        (1, "asked", "s1", 0),
        (2, "erased", "s1", 3),
    ]
    assert found[1]["body"] == '{"basis":"art. 17"}'
    assert found[0]["body"].startswith('{"format":1,"keyed":false,"record of erasures":"')


def test_many_writers_make_one_chain(url):
    opened(url)

    def write(writer: int) -> None:
        journal = opened(url)
        for number in range(5):
            journal.append("erased", subject=f"s{writer}", files=number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    journal = opened(url)
    assert journal.verify().ok
    assert len(journal.events()) == 41


def test_an_event_and_a_row_beside_it_are_written_together(url):
    journal = opened(url)

    def work(connection):
        seq = journal.chain.append(connection, journal.now(connection), kind="erased", files=1)
        connection.execute(insert(notices).values(event=seq))
        return seq

    assert journal.write(work) == 1
    with pytest.raises(RecordError, match="record of erasures"):
        journal.write(work_that_fails(journal))
    assert len(journal.events()) == 2
    assert journal.read(lambda c: c.execute(select(notices.c.event)).scalars().all()) == [1]


def work_that_fails(journal: Journal):
    def work(connection):
        journal.chain.append(connection, journal.now(connection), kind="erased")
        connection.execute(insert(notices).values(event=1))

    return work


@pytest.mark.parametrize("table", ["erasures_events", "erasures_notices"])
def test_the_database_only_adds(url, table):
    journal = opened(url)
    journal.append("erased")
    journal.write(lambda c: c.execute(insert(notices).values(event=1)) and None)
    with pytest.raises(DBAPIError, match=f"{table} is append-only"):
        run(journal, f"DELETE FROM {table}")


def test_what_was_changed_by_hand_is_found_and_not_built_upon(url):
    journal = opened(url)
    for files in range(3):
        journal.append("erased", files=files)
    anchor = journal.verify().anchor
    lifted(journal)
    run(journal, "UPDATE erasures_events SET files = 9 WHERE seq = 2")
    assert journal.verify(anchor).problems == (
        "event 2 does not match its hash: it was changed, or the key differs.",
    )
    with pytest.raises(RecordError, match="record of erasures cannot be verified: event 2"):
        journal.events()
    run(journal, "DELETE FROM erasures_events WHERE seq = 3")
    with pytest.raises(RecordError, match="removed or added by hand"):
        journal.append("erased")
    assert "events at the end are missing" in " ".join(journal.verify().problems)


def test_the_owner_of_a_book_adds_its_own_checks(url):
    journal = opened(url)
    journal.append("erased", files=-1)

    def further(_connection, rows):
        yield from (
            f"event {row['seq']} erased less than nothing." for row in rows if row["files"] < 0
        )

    assert journal.verify(further=further).problems == ("event 1 erased less than nothing.",)


def test_a_key_of_its_own(url, monkeypatch):
    monkeypatch.setenv(KEY, "a key of enough characters")
    assert opened(url).verify().keyed
    monkeypatch.delenv(KEY)
    with pytest.raises(
        RecordError, match=f"seal of the record of erasures does not match: {KEY} is not set"
    ):
        opened(url)
    monkeypatch.setenv(KEY, "short")
    with pytest.raises(ConfigError, match=f"{KEY} must have at least 16"):
        opened(url)


def test_two_books_in_one_database_do_not_touch_each_other(url):
    ledger = open_ledger(url, force_ephemeral=True)
    ledger.create_scope("patients", epsilon=1)
    journal = opened(url)
    journal.append("erased")
    assert ledger.verify().events == 2
    assert journal.verify().ok
    assert ledger.verify().ok


def test_a_place_that_does_not_last_is_refused():
    with pytest.raises(ConfigError, match="a record of erasures in memory is lost"):
        Journal("sqlite://", BOOK)
