"""A scan with a state reads what is new, and reports what changed since the last run."""

from __future__ import annotations

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from rai_scale.errors import ConfigError, TableError
from rai_scale.pii.scanning import scan_one_table, table_rounds, tables
from rai_scale.pii.scanning.budget import Spending
from rai_scale.pii.scanning.value_counts import ALL, ROWS
from rai_scale.tables.lock import only_user
from rai_scale.tables.paths import place_of
from tests.capabilities.scan_lake import put, scan

COUNTED = ("table", "column", "entity", "verdict", "rows_with", "share", "rows", "rows_scanned")


def mails(first: int, last: int, key: str = "mail") -> pa.Table:
    values = [f"person{i}@example.org" for i in range(first, last)]
    return pa.table({key: values, "amount": [i % 7 for i in range(first, last)]})


@pytest.fixture
def lake(tmp_path):
    put(tmp_path / "lake" / "people" / "part-1.parquet", mails(0, 30))
    put(tmp_path / "lake" / "people" / "part-2.parquet", mails(30, 60))
    put(tmp_path / "lake" / "stock" / "part-1.parquet", pa.table({"stock": list(range(40))}))
    return tmp_path / "lake"


@pytest.fixture
def rows_read(monkeypatch):
    """The numbers of rows of the parts that are read."""
    read = []
    real = scan_one_table.read_part

    def noting(*arguments, **options):
        part, reports = yield from real(*arguments, **options)
        read.append(part.rows)
        return part, reports

    monkeypatch.setattr(scan_one_table, "read_part", noting)
    return read


def night(lake, **options):
    options = {"entities": ["EMAIL_ADDRESS"], "mode": "full", **options}
    return scan(lake, state=lake.parent / "state.parquet", **options)


def counted(result):
    found = result.to_pandas()[list(COUNTED)]
    return found.sort_values(["table", "column"], ignore_index=True)


def plain(result):
    """The tables of a result, without the dates of findings."""
    undated = [
        replace(
            table,
            columns=tuple(
                replace(
                    c,
                    findings=tuple(
                        replace(f, first_detected=None, last_detected=None, change=None)
                        for f in c.findings
                    ),
                )
                for c in table.columns
            ),
        )
        for table in result.tables
    ]
    return [table.to_dict() for table in undated]


def changes(result):
    return [(c.table, c.column, c.change) for c in result.changes.findings]


def test_only_new_files_are_read_and_the_result_is_that_of_a_whole_scan(lake, rows_read):
    first = night(lake)
    assert (sorted(rows_read), first.changes.files_read) == ([40, 60], 3)
    assert changes(first) == []
    rows_read.clear()
    second = night(lake)
    assert rows_read == []
    assert (second.changes.files_read, second.changes.files_known) == (0, 3)
    assert counted(second).equals(counted(first))
    assert plain(second) == plain(first)
    put(lake / "people" / "part-3.parquet", mails(60, 65))
    third = night(lake)
    assert rows_read == [5]
    whole = scan(lake, entities=["EMAIL_ADDRESS"], mode="full")
    assert counted(third).equals(counted(whole))


def test_an_unchanged_table_is_not_judged_again(lake, monkeypatch):
    """But if what judges has changed, or if its claims depend on the number of tables."""
    mails_and_more = pa.table({"mail": [f"a{i}@example.org" for i in range(3_000)]})
    put(lake / "large" / "part-1.parquet", mails_and_more)
    judged, real = [], scan_one_table._columns

    def noting(*arguments):
        judged.append(arguments[0].names[0])
        return real(*arguments)

    monkeypatch.setattr(scan_one_table, "_columns", noting)
    options = {"mode": "sample", "error": 0.2, "absent_below": 0.02}
    first = night(lake, **options)
    assert sorted(judged) == ["mail", "mail", "stock"]
    judged.clear()
    second = night(lake, **options)
    assert (judged, plain(second), second.totals()["tables"]) == ([], plain(first), 3)
    decision = {"column": "stock", "decision": "personal", "expires": "2099-01-01"}
    decision |= {"reviewer": "data office", "reason": "numbers of people"}
    assert night(lake, **options, overrides=[decision]).totals()["columns_with_findings"] == 3
    assert judged == ["stock"]
    judged.clear()
    put(lake / "new" / "part-1.parquet", mails(0, 9, "other"))
    third = night(lake, **options)  # another table: less probability for each
    assert sorted(judged) == ["mail", "other", "stock"]  # the decision is gone
    (large,) = (t for t in third.tables if t.table == "large")
    (before,) = (t for t in first.tables if t.table == "large")
    assert large.columns[0].findings[0].share_low <= before.columns[0].findings[0].share_low
    judged.clear()
    monkeypatch.setattr(tables, "judging_facts", lambda plan: "other")
    night(lake, **options)
    assert len(judged) == 4


def test_a_late_file_with_an_old_time_is_found(lake, rows_read):
    import os

    night(lake)
    rows_read.clear()
    late = lake / "people" / "part-0.parquet"
    put(late, mails(90, 93))
    os.utime(late, (1_000_000_000, 1_000_000_000))
    night(lake)
    assert rows_read == [3]


def test_a_changed_and_a_removed_file_leave_no_old_counts(lake, rows_read):
    night(lake)
    put(lake / "people" / "part-2.parquet", pa.table({"mail": ["none"] * 9, "amount": [1] * 9}))
    night(lake)
    (lake / "stock" / "part-1.parquet").unlink()
    (lake / "people" / "part-1.parquet").unlink()
    put(lake / "people" / "part-3.parquet", pa.table({"mail": ["x"], "amount": [1]}))
    last = night(lake)
    assert last.changes.gone_tables == ("stock",)
    assert changes(last) == [("people", "mail", "gone")]
    (people,) = last.tables
    (again,) = scan(lake, entities=["EMAIL_ADDRESS"], mode="full").tables
    assert people.to_dict() == again.to_dict()


@pytest.mark.parametrize(
    "changed",
    [{"score_threshold": 0.5}, {"error": 0.1}, {"entities": ["EMAIL_ADDRESS", "URL"]}],
)
def test_another_detector_scans_everything_again(lake, rows_read, changed):
    night(lake)
    rows_read.clear()
    result = night(lake, **changed)
    assert sorted(rows_read) == [40, 60]
    assert result.changes.reasons[0].startswith("everything: changed since the last run:")


def test_other_versions_and_recognizers_scan_everything_again(lake, rows_read, monkeypatch):
    from rai_scale.pii.scanning import detector

    night(lake)
    for name, other in (
        ("_recognizers", lambda: "other"),
        ("language_versions", lambda models: {"spacy": "99"}),
    ):
        rows_read.clear()
        monkeypatch.setattr(detector, name, other)
        night(lake)
        assert sorted(rows_read) == [40, 60], name


def test_a_changed_type_scans_the_table_again_and_is_reported(lake, rows_read):
    night(lake)
    rows_read.clear()
    put(lake / "people" / "part-3.parquet", pa.table({"mail": ["x"], "amount": ["many"]}))
    result = night(lake)
    assert rows_read == [61]
    assert result.changes.reasons == ("people: the type of a column has changed",)
    assert counted(result).equals(counted(scan(lake, entities=["EMAIL_ADDRESS"], mode="full")))


def test_a_new_column_is_found_without_reading_the_old_files(lake, rows_read):
    night(lake)
    rows_read.clear()
    put(lake / "people" / "part-3.parquet", mails(0, 10).append_column("cc", mails(0, 10)["mail"]))
    result = night(lake)
    assert rows_read == [10]
    assert changes(result) == [("people", "cc", "new")]
    assert result.changes.newly_personal == (("people", "cc"),)


def test_first_and_last_detection(lake, monkeypatch):
    first = night(lake).findings().__next__()[2]
    assert (first.first_detected, first.change) == (first.last_detected, None)
    later = "2099-01-01T00:00:00+00:00"

    class Later:
        @staticmethod
        def now(_):
            from datetime import datetime

            return datetime.fromisoformat(later)

    monkeypatch.setattr(tables, "datetime", Later)
    second = next(iter(night(lake).findings()))[2]
    assert (second.first_detected, second.last_detected) == (first.first_detected, later)
    (lake / "people" / "part-1.parquet").unlink()
    (lake / "people" / "part-2.parquet").unlink()
    put(lake / "people" / "part-1.parquet", pa.table({"mail": ["none"] * 9, "amount": [1] * 9}))
    result = night(lake)
    (gone,) = result.changes.findings
    assert (gone.change, gone.last_detected) == ("gone", later)
    row = result.to_pandas().set_index("change").loc["gone"]
    assert (row["column"], row["first_detected"]) == ("mail", first.first_detected)


def test_new_rows_of_a_delta_table(lake, rows_read):
    write_deltalake(str(lake / "visits"), mails(0, 20, "contact"))
    night(lake)
    rows_read.clear()
    write_deltalake(str(lake / "visits"), mails(20, 23, "contact"), mode="append")
    result = night(lake)
    assert rows_read == [3]
    assert counted(result).equals(counted(scan(lake, entities=["EMAIL_ADDRESS"], mode="full")))
    rows_read.clear()
    write_deltalake(str(lake / "visits"), mails(0, 4, "contact"), mode="overwrite")
    night(lake)
    assert rows_read == [4]


def test_the_state_holds_no_value_no_path_and_no_masked_name(lake):
    planted = ("person1@", "Maria", "maria.garcia@example.org", "555-2671")
    folder = lake / "notes" / "owner=Maria Garcia"
    columns = {"maria.garcia@example.org": ["a person1@example.org"], "age": [3]}
    documents = ['{"Maria Garcia": "(415) 555-2671"}']
    put(folder / "part-1.parquet", pa.table({**columns, "doc": documents}))
    first = night(lake, entities=None)
    state = lake.parent / "state.parquet"

    def text():
        file = pq.ParquetFile(state)
        return json.dumps(file.read().to_pylist(), default=str) + str(file.metadata.metadata)

    assert "column_1" in text()
    assert not [
        value for value in planted if value in text() or value.encode() in state.read_bytes()
    ]
    again = night(lake, entities=None)
    assert plain(again) == plain(first)
    put(folder / "part-2.parquet", pa.table({**columns, "doc": documents}))
    third = night(lake, entities=None)
    assert third.changes.files_read == 1
    whole = scan(lake, mode="full")
    assert plain(third) == plain(whole)
    assert not [value for value in planted if value in text()]


@pytest.mark.parametrize(
    "content",
    [b"", b"no state", lambda good: good[:-30], lambda good: good[:300] + b"\0\0" + good[302:]],
)
def test_a_damaged_state_is_an_error(lake, content):
    night(lake)
    state = lake.parent / "state.parquet"
    bad = content(state.read_bytes()) if callable(content) else content
    state.write_bytes(bad)
    with pytest.raises(ConfigError, match="move it away"):
        night(lake)
    assert state.read_bytes() == bad


def test_a_state_of_another_source_or_kind_is_an_error(lake, tmp_path):
    night(lake)
    put(tmp_path / "other" / "a.parquet", mails(0, 3))
    with pytest.raises(ConfigError, match="belongs to the scan of"):
        scan(tmp_path / "other", state=tmp_path / "state.parquet", entities=["EMAIL_ADDRESS"])
    pq.write_table(mails(0, 3), tmp_path / "foreign.parquet")
    with pytest.raises(ConfigError, match="not the state of a scan"):
        scan(lake, state=tmp_path / "foreign.parquet", entities=["EMAIL_ADDRESS"])


def test_two_runs_at_once_have_one_winner(lake, rows_read):
    with only_user(place_of(str(lake.parent / "state.parquet"))):
        with pytest.raises(TableError, match="another run"):
            night(lake)
        assert rows_read == []
    night(lake)
    assert not (lake.parent / "state.parquet.lock").exists()


def test_a_table_that_cannot_be_read_is_not_gone(lake):
    night(lake)
    for part in (lake / "people").iterdir():
        part.write_bytes(b"damaged")
    result = night(lake)
    assert (changes(result), result.changes.gone_tables) == ([], ())
    for n in (1, 2):
        put(lake / "people" / f"part-{n}.parquet", mails(30 * n - 30, 30 * n))
    assert changes(night(lake)) == []


def test_the_next_night_goes_on_where_the_budget_ended(lake, rows_read):
    """Also if tables that come first have new files every night."""
    put(lake / "zebra" / "part-1.parquet", mails(0, 25))
    size = (lake / "people" / "part-1.parquet").stat().st_size
    first = night(lake, budget={"max_bytes": 2 * size + 100})
    assert [t.table for t in first.tables if t.left_out] == ["stock", "zebra"]
    assert first.changes.files_known == 0
    for number in (3, 4):
        put(lake / "people" / f"part-{number}.parquet", mails(0, 30))
    rows_read.clear()
    second = night(lake, budget={"max_bytes": 2 * size + 100})
    assert sorted(rows_read) == [25, 40]
    assert [t.table for t in second.tables if t.left_out] == ["people"]
    assert (changes(second), second.changes.gone_tables) == ([("zebra", "mail", "new")], ())
    rows_read.clear()
    third = night(lake)
    assert rows_read == [60]
    assert not [t.table for t in third.tables if t.left_out]


def test_a_part_that_a_budget_stopped_goes_on_with_its_next_round(lake, monkeypatch):
    values = ["a@example.org", "none"] * 3_000
    put(lake / "half" / "part-1.parquet", pa.table({"mail": values, "amount": [1] * 6_000}))
    options = {"mode": "sample", "error": 0.03, "absent_below": 0.02}
    counted_rows, real = [], table_rounds.count_in_steps

    def noting(*arguments):
        found = yield from real(*arguments)
        counted_rows.append(found[ALL][ROWS][0])
        return found

    monkeypatch.setattr(table_rounds, "count_in_steps", noting)
    whole = scan(lake, state=lake.parent / "other.parquet", entities=["EMAIL_ADDRESS"], **options)
    with monkeypatch.context() as patch:
        asked = iter([None])  # before the first of the tables, whose first round is not enough
        patch.setattr(Spending, "why_not", lambda self, size=None: next(asked, "no time"))
        first = night(lake, **options)
    (half,) = (table for table in first.tables if not table.left_out)
    assert (half.table, half.stopped) == ("half", True)
    done = half.rows_scanned
    counted_rows.clear()
    second = night(lake, **options)
    again = {table.table: table for table in second.tables}["half"]
    assert not again.stopped
    assert sum(counted_rows) == again.rows_scanned - done + 60 + 40
    assert counted(second).equals(counted(whole))
    third = night(lake, **options)
    assert (third.changes.files_read, counted(third).equals(counted(whole))) == (0, True)
