"""Reports of people: what became of them, and that nothing can be removed."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text

from rai_scale.errors import ConfigError
from rai_scale.personalization import ReportBook, find_bursts
from rai_scale.records.problems import RecordError
from tests.capabilities.test_find_bursts import visits


@pytest.fixture
def address(tmp_path):
    return f"sqlite:///{tmp_path / 'reports.db'}"


def test_what_became_of_reports(address):
    book = ReportBook(address, force_ephemeral=True)
    first = book.report("feedback", "case 7: loans after a visit to a clinic", reporter="user")
    book.report("concern", "children see cards", reporter="team", use_case="offers")
    book.answer(first, "the feature was removed", reviewer="safety team", resolved=False)
    book.answer(first, "checked after a week", reviewer="safety team", resolved=True)
    found = ReportBook(address, force_ephemeral=True).reports()
    assert found.totals() == {
        "reports": 2, "open": 1, "open_feedback": 0, "open_concern": 1, "open_burst": 0,
    }  # fmt: skip
    row = found.reports.iloc[0]
    assert row[["state", "reviewer", "answer"]].tolist() == [
        "resolved", "safety team", "checked after a week",
    ]  # fmt: skip
    assert row["reported"] <= row["answered"]
    assert found.gates({"metric": "open", "above": 0})[0]["passed"] is False
    assert book.verify().totals()


def test_bursts_are_reported_once_and_without_sources(address):
    book = ReportBook(address, force_ephemeral=True)
    found = find_bursts(visits(), item="item", time="t", source="source")
    assert book.report_bursts(found) == len(found.bursts) >= 1
    assert book.report_bursts(found) == 0
    texts = " ".join(book.reports().reports["text"])
    assert "rate in 2025-03-16" in texts and "web" not in texts


def test_a_changed_event_is_found(address):
    book = ReportBook(address, force_ephemeral=True)
    book.report("concern", "children see cards", reporter="owner")
    with create_engine(address).begin() as connection:
        connection.execute(text("DROP TRIGGER rai_scale_reports_events_no_UPDATE"))
        connection.execute(text("UPDATE rai_scale_reports_events SET body = '{}' WHERE seq = 1"))
    with pytest.raises(RecordError):
        book.reports()


def test_what_is_no_report_is_refused(address):
    book = ReportBook(address, force_ephemeral=True)
    with pytest.raises(ConfigError, match="Did you mean 'concern'"):
        book.report("concerns", "x", reporter="user")
    with pytest.raises(ConfigError, match="There are: user, team, owner"):
        book.report("concern", "x", reporter="somebody")
    with pytest.raises(ConfigError, match="write what was reported"):
        book.report("concern", " ", reporter="user")
    with pytest.raises(ConfigError, match="no report 5"):
        book.answer(5, "x", reviewer="team", resolved=True)
