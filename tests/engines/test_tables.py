"""Every engine reads and writes the same rows and types."""

from __future__ import annotations

import datetime
import decimal
import gzip
import json
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rai_scale.engines.dialect import without_nan
from rai_scale.errors import TableError
from rai_scale.tables import delete_table, find_tables, read_table
from rai_scale.tables.pointer import current_path
from rai_scale.tables.write import write_table


def rows_of(case, frame, by=None):
    rows = case.engine.collect(frame).to_pylist()
    return sorted(rows, key=lambda row: json.dumps(row if by is None else row[by], default=str))


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def put_parquet(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


NASTY = (
    b'\xef\xbb\xbfid,name,note\n007,"O""Brien, J","line1\nline2"\n008,,""\n009,a\n'
    b'010,a,b,c,d\r\n011,x y , q z\n\n012,a"b,c\n013,\xff\xfe,z\n014,"crlf\r\nin",e\n'
    b'015,\\"x,y\\\n016,"q\n"",r",t,u\n017,NULL,NaN\n"018",\xc3\xa9\xf0\x9f\x98\x80,c'
)
WINDOWS = b'id,name,note\r\n101,"x\r\ny",\r\n\r\n102,,""\r\n103,a,\x01\r\n104,a\r\n'
NASTY_ROWS = [
    ("101", "x\r\ny", None, None),
    ("102", None, "", None),
    ("103", "a", "\x01", None),
    (None, None, None, "104,a"),
    ("007", 'O"Brien, J', "line1\nline2", None),
    ("008", None, "", None),
    (None, None, None, "009,a"),
    (None, None, None, "010,a,b,c,d"),
    ("011", "x y ", " q z", None),
    ("012", 'a"b', "c", None),
    ("013", "\ufffd\ufffd", "z", None),
    ("014", "crlf\r\nin", "e", None),
    ("015", '\\"x', "y\\", None),
    (None, None, None, '016,"q\n"",r",t,u'),
    ("017", "NULL", "NaN", None),
    ("018", "é😀", "c", None),
]


def test_csv_keeps_every_byte_as_text(cluster_case, tmp_path):
    put(tmp_path / "part [0].csv", NASTY)
    put(tmp_path / "part [1].csv", WINDOWS)
    frame = read_table(str(tmp_path), cluster_case.engine)
    assert cluster_case.engine.schema(frame).names == ["id", "name", "note", "_corrupt_record"]
    assert set(cluster_case.engine.schema(frame).types) == {pa.string()}
    found = [tuple(row.values()) for row in rows_of(cluster_case, frame)]
    assert sorted(found, key=str) == sorted(NASTY_ROWS, key=str)
    counts = cluster_case.engine.group_counts(frame, ["_corrupt_record"])
    assert counts.num_rows == 5


def test_csv_of_different_headers_and_partitions(cluster_case, tmp_path):
    put(tmp_path / "t" / "month=01" / "a.csv", b"Month,id,name\nJan,1,x\n")
    put(tmp_path / "t" / "month=02" / "a.csv.gz", gzip.compress(b"ID,city\n2,y\n3\n"))
    put(tmp_path / "t" / "month=02" / "b.tsv", b"id\tname\n4\t'z,z'\n")
    put(tmp_path / "t" / "month=02" / "empty.csv", b"")
    put(tmp_path / "t" / "month=02" / "header.csv", b"id,name")
    frame = read_table(str(tmp_path), cluster_case.engine)
    table = cluster_case.engine.collect(frame)
    assert table.column_names == ["Month_2", "id", "name", "city", "month", "_corrupt_record"]
    found = sorted((tuple(row.values()) for row in table.to_pylist()), key=str)
    assert found == sorted(
        [
            ("Jan", "1", "x", None, "01", None),
            (None, "2", None, "y", "02", None),
            (None, None, None, None, "02", "3"),
            (None, "4", "'z,z'", None, "02", None),
        ],
        key=str,
    )


def test_parquet_unites_the_schemas_of_all_files(cluster_case, tmp_path):
    put_parquet(
        tmp_path / "t" / "day=2024-01-01" / "part-0.parquet",
        number=pa.array([1, None], pa.int32()),
        mixed=pa.array([7, 8], pa.int64()),
        flag=pa.array([True, None]),
        code=pa.array(["a", "b"]).dictionary_encode(),
    )
    put_parquet(
        tmp_path / "t" / "day=__HIVE_DEFAULT_PARTITION__" / "part-0.parquet",
        Number=pa.array([2.5], pa.float64()),
        mixed=pa.array(["x"]),
        flag=pa.array([False]),
        Day=pa.array(["both are kept"]),
        newest=pa.array([[{"k": 1, "v": "w"}]]),
    )
    put_parquet(tmp_path / "t" / "day=a%20b" / "part-0.parquet", mixed=pa.nulls(1, pa.string()))
    frame = read_table(str(tmp_path / "t"), cluster_case.engine)
    table = cluster_case.engine.collect(frame)
    assert table.schema.names == ["number", "mixed", "flag", "code", "Day_2", "newest", "day"]
    assert table.schema.field("number").type == pa.float64()
    assert table.schema.field("mixed").type == pa.string()
    assert table.schema.field("flag").type == pa.bool_()
    assert table.schema.field("code").type == pa.string()
    assert table.schema.field("day").type == pa.string()
    found = sorted((tuple(row.values()) for row in table.to_pylist()), key=lambda r: str(r[1]))
    assert found == [
        (1.0, "7", True, "a", None, None, "2024-01-01"),
        (None, "8", None, "b", None, None, "2024-01-01"),
        (None, None, None, None, None, None, "a b"),
        (2.5, "x", False, None, "both are kept", [{"k": 1, "v": "w"}], None),
    ]


def test_nan_is_missing_although_statistics_of_parquet_leave_it_out(cluster_case, tmp_path):
    put_parquet(tmp_path / "t" / "a.parquet", x=[1.0, math.nan, -0.0, 5.0, math.nan])
    engine, value = cluster_case.engine, without_nan("x")
    frame = read_table(str(tmp_path / "t"), engine)
    for condition, count in (
        (f"{value} IS NULL", 2),
        (f"{value} IS NOT NULL", 3),
        (f"{value} > 0.5", 2),
        (f"NOT ({value} <= 0.5)", 2),
        (f"{value} > 100", 0),
        (f"{without_nan(f'({value} * 2)')} > 1", 2),
    ):
        assert len(rows_of(cluster_case, engine.where(frame, condition))) == count, condition


def test_parquet_types_that_need_words_of_their_own(cluster_case, tmp_path):
    put_parquet(
        tmp_path / "t" / "part-0.parquet",
        when=pa.array([1_700_000_000_123_456_789], pa.timestamp("ns")),
        size=pa.array([2**63], pa.uint64()),
        mixed=pa.array([1.5]),
        nested=pa.array([{"a": 1}], pa.struct([("a", pa.int32())])),
    )
    put_parquet(
        tmp_path / "t" / "part-1.parquet",
        mixed=pa.array(["x"]),
        nested=pa.array([{"a": 2, "b": "y"}]),
    )
    frame = read_table(str(tmp_path / "t"), cluster_case.engine)
    assert rows_of(cluster_case, frame, "mixed") == [
        {
            "when": datetime.datetime(2023, 11, 14, 22, 13, 20, 123456),
            "size": decimal.Decimal(2**63),
            "mixed": "1.5",
            "nested": {"a": 1, "b": None},
        },
        {"when": None, "size": None, "mixed": "x", "nested": {"a": 2, "b": "y"}},
    ]


def test_parquet_keeps_what_can_be_read(cluster_case, tmp_path):
    put_parquet(
        tmp_path / "t" / "part-0.parquet",
        n=[1, 2],
        u=pa.array([1, 2], pa.uint8()),
        f=[float("nan"), None],
    )
    put(tmp_path / "t" / "part-1.parquet", b"PAR1 this is no parquet")
    (source,) = find_tables(str(tmp_path), engine=cluster_case.engine)
    assert source.unreadable == (("part-1.parquet", "ArrowInvalid"),)
    table = cluster_case.engine.collect(read_table(source, cluster_case.engine))
    assert sorted(table["n"].to_pylist()) == [1, 2]
    assert table.schema.types == [pa.int64(), pa.int64(), pa.float64()]
    assert sorted(map(str, table["f"].to_pylist())) == ["None", "nan"]


JSON_LINES = (
    b'{"id": 007}\n'
    b'{"id": 1.10, "name": "O\\u0027B\\n", "x": {"a": [1.0, -0, 1e5], "b": null}}\r\n'
    b'{"id": 12345678901234567890123, "flag": true, "x": [], "name": null}\n'
    b"\n  \n[1, 2]\nnot json\n"
    b'{"id": NaN, "ID": "s", "name": "\xff \\ud800"}'
)


def test_jsonl_is_text_as_it_was_written(cluster_case, tmp_path):
    put(tmp_path / "e" / "day=1" / "a.jsonl", JSON_LINES)
    put(tmp_path / "e" / "day=2" / "b.json.gz", gzip.compress(b'{"late": 1}\n'))
    frame = read_table(str(tmp_path / "e"), cluster_case.engine)
    table = cluster_case.engine.collect(frame)
    names = ["ID", "flag", "id_2", "late", "name", "x", "day", "_corrupt_record"]
    assert table.column_names == names
    assert set(table.schema.types) == {pa.string()}
    found = {tuple(row[n] for n in names) for row in table.to_pylist()}
    assert found == {
        (None, None, None, None, None, None, "1", '{"id": 007}'),
        (None, None, "1.10", None, "O'B\n", '{"a":[1.0,-0,1e5],"b":null}', "1", None),
        (None, "true", "12345678901234567890123", None, None, "[]", "1", None),
        (None, None, None, None, None, None, "1", "[1, 2]"),
        (None, None, None, None, None, None, "1", "not json"),
        ("s", None, "NaN", None, "\xff ?", None, "1", None),
        (None, None, None, "1", None, None, "2", None),
    }


def test_text_and_lines(cluster_case, tmp_path):
    put(tmp_path / "t" / "a b%20.txt", b"\xef\xbb\xbfone\ntwo\xff\n")
    put(tmp_path / "t" / "sub=1" / "c.md", "drei €".encode())
    source = next(s for s in find_tables(str(tmp_path)) if s.name == "t/a b%20")
    rows = rows_of(cluster_case, read_table(source, cluster_case.engine))
    assert rows == [{"path": "a b%20.txt", "text": "one\ntwo\ufffd\n"}]  # its mark says UTF-8
    hive = next(s for s in find_tables(str(tmp_path)) if s.name == "t")
    rows = rows_of(cluster_case, read_table(hive, cluster_case.engine))
    assert rows == [{"path": "sub=1/c.md", "text": "drei €"}]
    file = put(tmp_path / "lines.txt", b"one\r\n\ntwo\xff\rx\n\xe2\x82")
    rows = rows_of(cluster_case, read_table(str(file), cluster_case.engine, format="lines"), "text")
    assert {r["text"] for r in rows} == {"one", "", "two\xff\rx", "\xe2\u201a"}  # Windows-1252
    assert len(rows) == 4


NESTED = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int64()),
        "f": pa.array([1.5, float("inf"), None]),
        "when": pa.array([datetime.datetime(2024, 1, 2, 3, 4, 5, 6), None, None]),
        "money": pa.array([decimal.Decimal("1.10"), None, None], pa.decimal128(10, 2)),
        "found": pa.array(
            [[{"start": 1, "entity": "X"}], [], None],
            pa.list_(pa.struct([("start", pa.int32()), ("entity", pa.string())])),
        ),
    }
)


def assert_same(found, wanted, by="id"):
    found = found.sort_by(by)
    assert found.schema.equals(wanted.schema)
    assert found.to_pylist() == wanted.to_pylist()


def test_write_and_read_again(cluster_case, tmp_path):
    engine, place = cluster_case.engine, str(tmp_path / "out")
    done = write_table(cluster_case.make(NESTED, 2), engine, place, run_id="one")
    assert (done.location, done.rows, done.format) == (place, 3, "parquet")
    assert current_path(place) == done.path == f"{place}/_run-one"
    assert_same(engine.collect(read_table(place, engine)), NESTED)
    assert len(find_tables(str(tmp_path))) == 1
    # a table may be replaced by what is read from it, and be empty
    kept = NESTED.slice(0, 0)
    again = write_table(cluster_case.make(kept, 2), engine, place, run_id="two")
    assert again.rows == 0
    assert_same(engine.collect(read_table(place, engine)), kept)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["_current.json", "_run-two"]
    third = write_table(read_table(place, engine), engine, place, run_id="two")
    assert third.path.endswith("_run-two-again")
    delete_table(place)
    assert not (tmp_path / "out").exists()


class Fails:
    """A table function that fails with a value in its message."""

    def __call__(self, table):
        raise ValueError("secret-value")


def test_an_interrupted_write_leaves_the_old_table(cluster_case, tmp_path, monkeypatch):
    from rai_scale.errors import RaiScaleError
    from rai_scale.tables import write

    engine, place = cluster_case.engine, str(tmp_path / "out")
    write_table(cluster_case.make(NESTED), engine, place, run_id="one")
    new = cluster_case.make(NESTED.slice(0, 1))
    bad = engine.map_partitions(new, Fails(), NESTED.schema, label="test")
    with pytest.raises(RaiScaleError) as failure:
        write_table(bad, engine, place, run_id="two")
    assert "secret" not in str(failure.value)

    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(write, "switch_pointer", killed)
    with pytest.raises(KeyboardInterrupt):
        write_table(new, engine, place, run_id="two")
    assert (tmp_path / "out" / "_run-two").is_dir()  # all files are there, and none is seen
    assert_same(engine.collect(read_table(place, engine)), NESTED)
    monkeypatch.undo()
    assert write_table(new, engine, place, run_id="two").rows == 1
    assert engine.collect(read_table(place, engine))["id"].to_pylist() == [1]


def test_delta(cluster_case, tmp_path):
    from deltalake import DeltaTable, write_deltalake

    engine, place = cluster_case.engine, str(tmp_path / "lake" / "d")
    data = NESTED.drop_columns(["when"])  # Delta keeps times in UTC only
    write_deltalake(place, data.slice(0, 2))
    write_deltalake(place, data.slice(2), mode="append")
    (source,) = find_tables(str(tmp_path / "lake"), engine=engine)
    assert (source.name, source.format, source.snapshot) == ("d", "delta", "delta:1")
    if engine.name == "spark":  # this session has no Delta: deltalake reads the log instead
        assert_same(engine.collect(read_table(source, engine)), data)
        with pytest.raises(TableError, match="no Delta"):
            write_table(cluster_case.make(data), engine, place, "delta", run_id="x")
        return
    assert_same(engine.collect(read_table(source, engine)), data)
    done = write_table(cluster_case.make(data.slice(1), 2), engine, place, "delta", run_id="x")
    assert (done.rows, DeltaTable(place).version()) == (2, 2)
    assert_same(engine.collect(read_table(place, engine)), data.slice(1))
    # the version that was found is the one that is read
    assert engine.collect(read_table(source, engine)).num_rows == 3
    write_table(cluster_case.make(data.slice(0, 0)), engine, place, "delta", run_id="y")
    assert engine.collect(read_table(place, engine)).num_rows == 0
    assert not [p.name for p in (tmp_path / "lake" / "d").iterdir() if p.name.startswith("_stage")]


@pytest.mark.spark
def test_catalog_names(spark_session, tmp_path):
    from rai_scale.engines import engine_named

    engine = engine_named("spark", session=spark_session)
    spark_session.range(3).createOrReplaceTempView("not_listed")
    spark_session.sql("DROP TABLE IF EXISTS rai_numbers")
    spark_session.sql(
        f"CREATE TABLE rai_numbers USING parquet LOCATION '{tmp_path}/t' AS SELECT 1 AS n"
    )
    try:
        lake = find_tables("spark_catalog.default.*", engine=engine)
        assert [t.name for t in lake] == ["spark_catalog.default.rai_numbers"]
        frame = read_table("spark_catalog.default.rai_numbers", engine)
        assert engine.collect(frame).to_pylist() == [{"n": 1}]
        for name in ("default.rai_numbers", "`spark_catalog`.`default`.rai_numbers"):
            assert find_tables(name, engine=engine)[0].location == (
                "`default`.`rai_numbers`" if name[0] == "d" else lake[0].location
            )
            assert engine.collect(read_table(name, engine)).num_rows == 1
        with pytest.raises(TableError, match="Did you mean 'rai_numbers'"):
            find_tables("default.rai_number", engine=engine)
        with pytest.raises(TableError, match="does not exist"):
            find_tables("people.csv", engine=engine)
        with pytest.raises(TableError, match="Did you mean 'rai_numbers'"):
            find_tables("spark_catalog.default.rai_number", engine=engine)
        with pytest.raises(TableError, match="neither a path nor a schema"):
            find_tables("spark_catalog.nowhere.*", engine=engine)
    finally:
        spark_session.sql("DROP TABLE rai_numbers")
