"""The scan: the same findings on every engine, however the rows are cut."""

from __future__ import annotations

import random

import dask.dataframe as dd
import deltalake
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from rai_scale.engines import engine_named
from rai_scale.errors import ConfigError, MissingModelError, TableError, WorkerError
from tests.capabilities import scan_lake
from tests.capabilities.scan_lake import scan, sure, table_of, verdicts
from tests.conftest import full


def assert_same(found, expected):
    order = ["table", "column", "entity"]
    frames = [r.to_pandas().sort_values(order, ignore_index=True) for r in (found, expected)]
    pd.testing.assert_frame_equal(*frames, check_exact=True)
    for one, other in zip(found.tables, expected.tables, strict=True):
        assert one == other  # clean columns, notes and unreadable files too


def test_a_lake_has_the_same_findings_on_every_engine(cluster_case, lake, scanned):
    assert_same(scan(lake, engine=cluster_case.engine), scanned)


@pytest.mark.parametrize("partitions", [1, 3, full(7)])
def test_a_frame_is_scanned_alike_however_it_is_cut(engine_case, partitions):
    people = scan_lake.people(range(scan_lake.PEOPLE))
    shuffled = people.take(random.Random(partitions).sample(range(40), 40))
    shuffled = shuffled.select(list(reversed(shuffled.column_names)))
    frame = engine_case.make(shuffled, partitions)
    expected = scan({"people": people})
    found = scan({"people": frame})
    pairs = [{c.column: c for c in result.tables[0].columns} for result in (found, expected)]
    assert pairs[0] == pairs[1]
    assert found.tables[0].rows_scanned == expected.tables[0].rows_scanned == 40


def test_what_is_found_and_how_it_was_decided(scanned):
    people = verdicts(scanned, "people")
    assert people["customerEmail", "EMAIL_ADDRESS"] == ("personal", "both")
    assert people["full_name", "PERSON"] == ("personal", "both")
    assert people["comment", "EMAIL_ADDRESS"] == ("personal", "values")
    assert people["birth_date", "DATE_TIME"] == ("personal", "name")
    assert people["address.city", "LOCATION"][1] == "both"
    assert people["contacts[].note", "PHONE_NUMBER"][1] == "values"
    assert people["nick_name", "PERSON"][1] == "both"
    assert not {"is_email_verified", "id"} & {column for column, _ in people}
    assert people["income", "INCOME"] == ("indirect", "name")
    assert sure(scanned, "calls")["phone"] == "PHONE_NUMBER"
    assert sure(scanned, "events") == {"user.email": "EMAIL_ADDRESS"}


def test_shares_are_of_the_rows_with_a_value(scanned):
    rows = scanned.to_pandas().set_index(["table", "column", "entity"])
    email = rows.loc[("people", "customerEmail", "EMAIL_ADDRESS")]
    assert (email["rows_with"], email["values"], email["share"]) == (32, 32, 1.0)
    comment = rows.loc[("people", "comment", "EMAIL_ADDRESS")]
    assert (comment["rows_with"], comment["values"]) == (10, 10)  # an empty text is not a value
    born = rows.loc[("people", "birth_date", "DATE_TIME")]
    assert born["values"] == 40
    assert born[["share", "share_low", "share_high", "mean_score"]].isna().all()
    assert (rows.dropna(subset="share").eval("share_low <= share <= share_high")).all()


def test_every_table_and_file_is_listed(scanned):
    statuses = {table.table: table.status for table in scanned.tables}
    assert statuses == {
        "calls": "findings",
        "empty": "clean",
        "events": "findings",
        "half": "partly unreadable",
        "lost/only": "unreadable",
        "nothing": "clean",
        "people": "findings",
        "shop/stock": "clean",
        "visits": "findings",
    }
    assert [(s.path, s.bytes) for s in scanned.skipped] == [("photo.xyz", 2)]
    assert table_of(scanned, "half").unreadable == (("part-1.parquet", "ArrowInvalid"),)
    assert "1 of 2" in table_of(scanned, "half").note
    assert sure(scanned, "half") == {"email": "EMAIL_ADDRESS"}
    assert "no readable file" in table_of(scanned, "lost/only").note
    for name in ("calls", "events"):
        assert "cannot be parsed: 1" in table_of(scanned, name).note
        assert ("_corrupt_record", "EMAIL_ADDRESS") in verdicts(scanned, name)
    listed = scanned.to_pandas().set_index("table")
    assert pd.isna(listed.loc["lost/only", "rows"])
    assert listed.loc["empty", "rows"] == 0
    assert pd.isna(listed.loc["shop/stock", "entity"])
    assert scanned.run["status"] == "warnings"
    unread = {item["where"]: item["bytes"] for item in scanned.to_dict()["not_looked_at"]}
    assert unread == {"photo.xyz": 2, "half/part-1.parquet": 17, "lost/only/only.parquet": 18}


def test_columns_without_values_are_listed_and_clean(scanned):
    columns = {c.column: c for c in table_of(scanned, "empty").columns}
    assert [*columns] == scan_lake.people(range(0)).column_names
    assert {c.non_null for c in columns.values()} == {0}
    (nothing,) = table_of(scanned, "nothing").columns
    assert (nothing.column, nothing.non_null, nothing.findings) == ("email", 0, ())


def test_a_delta_table_whose_log_is_damaged(cluster_case, tmp_path):
    deltalake.write_deltalake(str(tmp_path / "people"), scan_lake.people(range(3)))
    (log,) = (tmp_path / "people" / "_delta_log").glob("*.json")
    log.write_text("no log")
    result = scan(tmp_path, engine=cluster_case.engine)
    assert [(t.format, t.status) for t in result.tables] == [("delta", "unreadable")]
    assert "Delta table 'people'" in result.tables[0].note


def test_damage_that_shows_only_when_rows_are_read(cluster_case, tmp_path):
    scan_lake.put(tmp_path / "bad.parquet", pa.table({"email": [scan_lake.email(1)] * 9}))
    scan_lake.put(tmp_path / "good.parquet", pa.table({"email": [scan_lake.email(1)] * 9}))
    scan_lake.damage_pages(tmp_path / "bad.parquet")
    result = scan(tmp_path, engine=cluster_case.engine)
    assert [table.status for table in result.tables] == ["unreadable", "findings"]
    assert result.tables[0].note.isidentifier()  # the type of the error


def test_cells_that_fail_are_counted(cluster_case):
    texts = ["x" * 1_000_001, scan_lake.email(1), None, "n/a", "y" * 1_000_001]
    frame = cluster_case.make(pa.table({"text": texts}), 2)
    (column,) = scan(frame).tables[0].columns
    assert (column.errors, column.non_null) == (2, 4)
    assert "EMAIL_ADDRESS" in {f.entity for f in column.findings}


def test_a_missing_model_is_said_before_any_table_is_read(lake):
    unread = {"t": dd.from_map(_never, [0], meta=pd.DataFrame({"a": pd.Series([], dtype="str")}))}
    for source in (unread, lake):
        with pytest.raises(MissingModelError, match=r"en_core_web_none.*not installed"):
            scan(source, model="en_core_web_none")


def _never(part):
    raise AssertionError("a table was read")


@pytest.mark.spark
@pytest.mark.parametrize("session", ["spark_session", "connect_session"])
def test_a_model_that_spark_workers_lack_is_an_error(session, request):
    engine = engine_named("spark", session=request.getfixturevalue(session))
    frame = engine.from_arrow(pa.table({"email": [scan_lake.email(1)]}))
    with pytest.raises(WorkerError, match=r"MissingModelError.*en_core_web_none") as caught:
        scan({"t": frame}, model="en_core_web_none")
    assert scan_lake.email(1) not in str(caught.value)


def test_arguments_that_cannot_be_used(cluster_case, lake):
    frame = cluster_case.make(pa.table({"a": ["x"]}))
    for wrong in ({"mode": "all"}, {"error": 0}, {"confidence": 1.0}, {"absent_below": 2}):
        with pytest.raises(ConfigError, match=f"{next(iter(wrong))} must be"):
            scan(frame, **wrong)
    with pytest.raises(ConfigError, match="budget: max_bytes must be positive"):
        scan(frame, budget={"max_bytes": 0})
    with pytest.raises(ConfigError, match="scor_threshold"):
        scan(frame, scor_threshold=0.5)
    with pytest.raises(TableError, match="no_such_lake"):
        scan(lake / "no_such_lake", engine=cluster_case.engine)
    with pytest.raises(ConfigError, match="no table"):
        scan({})
    with pytest.raises(ConfigError, match="different engines"):
        scan({"a": pd.DataFrame({"a": ["x"]}), "b": dd.from_pandas(pd.DataFrame({"a": ["x"]}))})


def test_only_the_entities_that_were_asked_for():
    people = scan_lake.people(range(8))
    result = scan(people, entities=("EMAIL_ADDRESS",))
    assert {f.entity for _, _, f in result.findings()} == {"EMAIL_ADDRESS"}
    with pytest.raises(ConfigError, match="Did you mean 'EMAIL_ADDRESS'"):
        scan(people, entities=("EMAIL_ADRESS",))


def test_a_flag_is_not_what_it_is_named_after():
    result = scan(pa.table({"email": [True, False], "phone": [True, None]}))
    assert list(result.findings()) == []
    assert result.tables[0].status == "clean"


def test_a_frame_without_columns_is_clean():
    result = scan({"none": pd.DataFrame(index=range(3)), "empty": pd.DataFrame()})
    assert [(t.status, t.columns) for t in result.tables] == [("clean", ())] * 2


def test_numbers_that_identify_are_found():
    digits = [f"4{i:03d}55520{i:02d}" for i in range(10)]
    table = pa.table({"phone": pc.cast(pa.array(digits), pa.int64())})
    assert verdicts(scan(table), "frame")["phone", "PHONE_NUMBER"][1] in ("name", "both")
