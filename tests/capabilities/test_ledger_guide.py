"""What the guide to budgets states is what the code and the databases do."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import create_engine, insert, make_url, select, text
from sqlalchemy.exc import ProgrammingError

from rai_scale.errors import BudgetExceededError
from rai_scale.privacy import Cost
from rai_scale.privacy.ledger import schema
from rai_scale.privacy.ledger.ledger import LEASE_SECONDS, open_ledger
from rai_scale.privacy.ledger.lifecycle import MAX_ATTEMPTS
from rai_scale.privacy.ledger.reservation import to_ipc
from rai_scale.privacy.ledger.schema import KEY_VARIABLE
from tests.postgres_server import new_postgres_database

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "budget.md").read_text()


def test_the_numbers_and_names_of_the_guide_are_those_of_the_code():
    words = " ".join(GUIDE.split())
    assert f"lease of the dead run ({LEASE_SECONDS} s)" in words
    assert f"at most {MAX_ATTEMPTS} times" in words
    assert f"`{KEY_VARIABLE}`" in words


def test_the_example_of_the_guide_runs(tmp_path):
    code = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)[0]
    place = f'"sqlite:///{tmp_path / "l.db"}", force_ephemeral=True'
    names: dict = {}
    exec(code.replace('"sqlite:////srv/rai/ledger.db"', place), names)
    assert float(names["ledger"].remaining("patients", "ann", "visits")["epsilon"]) == 0.5


def test_the_rights_of_the_guide_are_enough_for_jobs_and_not_for_more():
    url = make_url(new_postgres_database())
    owner = open_ledger(url)
    owner.create_scope("patients", epsilon=1)
    with owner._journal.database.engine.begin() as connection:
        connection.execute(text(re.findall(r"```sql\n(.*?)```", GUIDE, re.DOTALL)[0]))
    job = open_ledger(url.set(username="rai_jobs"))
    held = job.reserve("patients", "ann", "visits", [Cost("n", epsilon=1)])
    job.mark_reading(held)
    job.store_release(held, to_ipc(pa.table({"n": [1]})), {})
    with pytest.raises(BudgetExceededError):
        job.reserve("patients", "ann", "visits", [Cost("n", epsilon=1)])
    for statement in (
        "DELETE FROM rai_scale_events",
        "ALTER TABLE rai_scale_events DISABLE TRIGGER ALL",
    ):
        with (
            pytest.raises(ProgrammingError, match="permission denied|must be owner"),
            job._journal.database.engine.begin() as connection,
        ):
            connection.execute(text(statement))
    assert job.verify().ok


def test_an_engine_that_commits_each_statement_does_not_tear_a_step_apart():
    url = make_url(new_postgres_database()).set(drivername="postgresql+psycopg")
    ledger = open_ledger(create_engine(url, isolation_level="AUTOCOMMIT"))

    def fail_half_way(connection):
        connection.execute(insert(schema.leases).values(reservation="x", attempt=1, until=0))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ledger._journal.database.write(fail_half_way)
    assert ledger._journal.database.read(lambda c: c.execute(select(schema.leases)).all()) == []
    level = ledger._journal.database.write(
        lambda c: c.execute(text("SHOW transaction_isolation")).scalar()
    )
    assert level == "serializable"
