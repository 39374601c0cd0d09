"""Reading never loses a value without a word: repeated keys, odd names, hidden and broken files."""

from __future__ import annotations

import datetime
import decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rai_scale.engines import engine_named
from rai_scale.errors import TableError
from rai_scale.tables import find_tables, read_table
from rai_scale.tables.exact import check_exact

ENGINES = pytest.mark.parametrize("engine", [engine_named("local"), engine_named("dask")])


def rows_of(path, engine):
    return engine.collect(read_table(str(path), engine)).to_pylist()


@ENGINES
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
@pytest.mark.parametrize(
    "line",
    [
        '{"id": 1, "email": "u1@example.com", "email": null}',
        '{"id": 1, "who": [{"email": "u1@example.com", "email": "x"}]}',
        '{"\\ud800": "u1@example.com", "\\ud801": 2}',
    ],
)
def test_a_repeated_key_of_json_loses_no_value(tmp_path, engine, name, line):
    lines = ['{"id": 0}', line]
    text = "[" + ",\n".join(lines) + "]" if name == "a.json" else "\n".join(lines)
    (tmp_path / name).write_text(text)
    rows = rows_of(tmp_path, engine)
    assert [(row["id"], row["_corrupt_record"]) for row in rows] == [("0", None), (None, line)]


@ENGINES
def test_a_quote_in_the_name_of_a_column(tmp_path, engine):
    (tmp_path / "a.csv").write_text('id,"q""x"\n1,a\n2,b\n')
    frame = read_table(str(tmp_path), engine)
    kept = engine.map_partitions(frame, lambda t: t, engine.schema(frame), label="x")
    assert engine.collect(kept)['q"x'].to_pylist() == ["a", "b"]
    grouped = engine.map_groups(
        frame, ['q"x'], lambda t: t, engine.schema(frame), inputs=engine.columns(frame), label="x"
    )
    assert sorted(engine.collect(grouped)['q"x'].to_pylist()) == ["a", "b"]


def put_parquet(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


@ENGINES
def test_a_folder_hides_no_column_of_a_file(tmp_path, engine):
    put_parquet(tmp_path / "p" / "writer=A" / "x.parquet", writer=["u1@example.com", "A"])
    put_parquet(tmp_path / "p" / "writer=B" / "x.parquet", writer=["B", "B"])
    (tmp_path / "c" / "writer=A").mkdir(parents=True)
    (tmp_path / "c" / "writer=A" / "x.csv").write_text("id,writer\n1,u1@example.com\n")
    (tmp_path / "j" / "writer=A").mkdir(parents=True)
    (tmp_path / "j" / "writer=A" / "x.jsonl").write_text('{"writer": "u1@example.com"}\n')
    for folder, others in (("p", {"A", "B"}), ("c", set()), ("j", set())):
        rows = rows_of(tmp_path / folder, engine)
        assert {row["writer_2"] for row in rows} == {"u1@example.com", *others}
        assert {row["writer"] for row in rows} == ({"A", "B"} if folder == "p" else {"A"})


@ENGINES
def test_a_column_that_says_what_its_folder_says_is_one_column(tmp_path, engine):
    for year in (2023, 2024):
        put_parquet(tmp_path / f"year={year}" / "x.parquet", year=[year, year], n=[1, 2])
    rows = rows_of(tmp_path, engine)
    assert [row["year"] for row in rows] == ["2023", "2023", "2024", "2024"]
    assert rows[0].keys() == {"n", "year"}


@ENGINES
@pytest.mark.parametrize("folder", ["text=u1@example.com", "a=1/a=2", "_corrupt_record=1"])
def test_folders_whose_values_would_be_lost_are_refused(tmp_path, engine, folder):
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "x.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(TableError, match="would be lost"):
        rows_of(tmp_path, engine)


@ENGINES
def test_decimals_of_256_bits_are_exact(tmp_path, engine):
    card, long = decimal.Decimal(4012888888881881), decimal.Decimal("1" * 45)
    put_parquet(
        tmp_path / "x.parquet",
        card=pa.array([card], pa.decimal256(30, 2)),
        long=pa.array([long], pa.decimal256(50, 0)),
        nested=pa.array([[{"a": long}]], pa.list_(pa.struct([("a", pa.decimal256(50, 0))]))),
    )
    assert rows_of(tmp_path, engine) == [
        {"card": card, "long": "1" * 45, "nested": [{"a": "1" * 45}]}
    ]


@ENGINES
def test_what_a_copy_would_change_is_refused(tmp_path, engine):
    whole, cut = 1_700_000_000_123_456_000, 1_700_000_000_123_456_789
    put_parquet(tmp_path / "fine.parquet", t=pa.array([whole, None], pa.timestamp("ns", "UTC")))
    put_parquet(
        tmp_path / "cut.parquet",
        **{"a.b": pa.array([cut], pa.timestamp("ns"))},
        s=pa.array([[{"t": cut}]], pa.list_(pa.struct([("t", pa.timestamp("ns"))]))),
        d=pa.array([datetime.timedelta(1)]),
    )
    (tmp_path / "doubt.csv").write_text("Smith,gout\nMiller,asthma\nDavis,none\n")
    tables = {table.name: table for table in find_tables(str(tmp_path))}
    check_exact(tables["fine"], engine)
    with pytest.raises(TableError, match=r"a\.b, d, s cannot be copied"):
        check_exact(tables["cut"], engine)
    with pytest.raises(TableError, match="header: true or false"):
        check_exact(tables["doubt"], engine)
