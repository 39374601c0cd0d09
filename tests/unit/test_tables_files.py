"""Reading and writing of single formats, where engines do not matter or two must agree."""

from __future__ import annotations

import csv
import gc
import io

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_scale.engines import engine_named
from rai_scale.errors import TableError
from rai_scale.tables import delete_table, find_tables, pointer, read_table
from rai_scale.tables.column_names import unique_names
from rai_scale.tables.pointer import current_path
from rai_scale.tables.readers import csv as csv_reader
from rai_scale.tables.readers import parquet as parquet_reader
from rai_scale.tables.readers import text as text_reader
from rai_scale.tables.write import write_table

LOCAL, DASK = engine_named("local"), engine_named("dask")
# a file with a share of these is not taken for text
NOT_IN_TEXT = "".join(map(chr, [*range(9), *range(14, 27), *range(28, 32)]))
CELLS = st.text(
    st.one_of(
        st.sampled_from("\",\n\r\t\\ 'a0"),
        st.characters(codec="utf-8", exclude_characters=NOT_IN_TEXT),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=6))
def test_csv_round_trip(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("csv")
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("x", "y", "z"), *rows])
    (folder / "t.csv").write_bytes(text.getvalue().encode())
    wanted = [(*row, None) for row in rows]
    for engine in (LOCAL, DASK):
        found = engine.collect(read_table(str(folder), engine)).to_pylist()
        assert [tuple(row.values()) for row in found] == wanted


def test_csv_rows_longer_than_a_block(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_reader, "_BLOCK_BYTES", 1 << 10)
    lines = [f"{i},{'y' * (i * 40)}\n" + (f"bad{i}\n" if i % 7 == 0 else "") for i in range(200)]
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(lines))
    table = LOCAL.collect(read_table(str(tmp_path), LOCAL))
    good = [row for row in table.to_pylist() if row["_corrupt_record"] is None]
    assert [(int(row["a"]), len(row["b"] or "")) for row in good] == [
        (i, i * 40) for i in range(200)
    ]
    corrupt = [v for v in table["_corrupt_record"].to_pylist() if v]
    assert corrupt == [f"bad{i}" for i in range(0, 200, 7)]


def test_csv_errors_do_not_quote_the_row(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_reader, "_BLOCK_BYTES", 64)
    monkeypatch.setattr(csv_reader, "_MAX_BLOCK_BYTES", 64)
    (tmp_path / "t.csv").write_text("a,b\n1,2\n" + "secret" * 1000 + ",1\n")
    frame = read_table(str(tmp_path), DASK)
    with pytest.raises(TableError, match="cannot be read: ArrowInvalid") as error:
        DASK.collect(frame)
    assert "secret" not in str(error.value)


def test_lines_do_not_depend_on_where_a_file_is_cut(tmp_path, monkeypatch):
    content = "".join(f"line {i} {'é' * (i % 5)}\n" for i in range(60)) + "\n\nlast"
    (tmp_path / "t.txt").write_bytes(content.encode())
    wanted = content.split("\n")
    for size in (1, 2, 7, 64, 1 << 20):
        monkeypatch.setattr(text_reader, "_PIECE_BYTES", size)
        frame = read_table(str(tmp_path), LOCAL, format="lines")
        assert LOCAL.collect(frame)["text"].to_pylist() == wanted


def test_row_groups_are_partitions_and_columns_are_chosen(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_reader, "_PIECE_BYTES", 1)
    table = pa.table({"a": list(range(10)), "b.c": list("abcdefghij")})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=4)
    frame = read_table(str(tmp_path), DASK)
    assert frame.npartitions == 3
    assert list(frame[["b.c"]].compute()["b.c"]) == list("abcdefghij")
    assert DASK.collect(frame).equals(table)


def test_dask_reads_only_the_columns_that_are_used(tmp_path, monkeypatch):
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), tmp_path / "t.parquet")
    asked = []
    read = parquet_reader.ParquetReader.__call__

    def watched(self, piece, columns=None):
        asked.append(columns)
        return read(self, piece, columns)

    monkeypatch.setattr(parquet_reader.ParquetReader, "__call__", watched)
    frame = read_table(str(tmp_path), DASK)
    assert frame["b"].compute(scheduler="sync").to_list() == ["x"]
    assert asked == [["b"]]


def test_local_parquet_is_duckdb_s_own_scan(tmp_path):
    odd = tmp_path / "a [x]*'q"
    odd.mkdir()
    for i in range(2):
        pq.write_table(pa.table({"a": [i]}), odd / f"part-{i}.parquet")
    frame = read_table(str(odd), LOCAL)
    gc.collect()
    assert isinstance(frame, duckdb.DuckDBPyRelation)
    assert "READ_PARQUET" in frame.explain().upper()
    assert sorted(LOCAL.collect(frame)["a"].to_pylist()) == [0, 1]
    assert sorted(DASK.collect(read_table(str(odd), DASK))["a"].to_pylist()) == [0, 1]


@pytest.mark.parametrize("engine", [LOCAL, DASK])
@pytest.mark.parametrize(
    ("files", "wanted", "values"),
    [
        ((pa.array([1], pa.int8()), pa.array([2], pa.int32())), pa.int32(), [1, 2]),
        ((pa.array([1], pa.int64()), pa.array([0.5], pa.float32())), pa.float64(), [0.5, 1.0]),
        ((pa.array([True]), pa.array([2])), pa.string(), ["2", "true"]),
        ((pa.nulls(1), pa.array([2])), pa.int64(), [2, None]),
        ((pa.nulls(1), pa.nulls(1)), pa.string(), [None, None]),
        ((pa.array([b"\xff"]), pa.array(["x"])), pa.string(), ["x", "\ufffd"]),
        ((pa.array([[1]]), pa.array([{"k": "é"}])), pa.string(), ["[1]", '{"k":"é"}']),
        ((pa.array([1], pa.duration("s")), pa.array([2])), pa.int64(), [1, 2]),
    ],
)
def test_types_of_two_files(tmp_path, engine, files, wanted, values):
    a, b = files
    pq.write_table(pa.table({"x": a}), tmp_path / "part-0.parquet")
    pq.write_table(pa.table({"x": b}), tmp_path / "part-1.parquet")
    table = engine.collect(read_table(str(tmp_path), engine))
    assert table.schema.field("x").type == wanted
    assert sorted(table["x"].to_pylist(), key=str) == sorted(values, key=str)


def test_decimals_are_never_narrowed(tmp_path):
    big, fine = pa.array(["123456789012.5"]), pa.array(["0.12345"])
    pq.write_table(pa.table({"x": big.cast(pa.decimal128(13, 1))}), tmp_path / "part-0.parquet")
    pq.write_table(pa.table({"x": fine.cast(pa.decimal128(6, 5))}), tmp_path / "part-1.parquet")
    pq.write_table(pa.table({"x": pa.array([2**62])}), tmp_path / "part-2.parquet")
    for engine in (LOCAL, DASK):
        column = engine.collect(read_table(str(tmp_path), engine))["x"]
        assert column.type == pa.decimal128(24, 5)
        assert {str(v.normalize()) for v in column.to_pylist()} == {
            "123456789012.5",
            "0.12345",
            "4611686018427387904",
        }


def test_column_names_that_every_engine_can_tell_apart():
    assert unique_names(["id", "ID", "", "id_2"]) == ["id", "ID_2", "column_3", "id_2_2"]


def test_a_table_is_not_written_over_what_is_not_ours(tmp_path):
    data = LOCAL.from_arrow(pa.table({"a": [1]}))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep")
    for call in (
        lambda place: write_table(data, LOCAL, place, run_id="one"),
        delete_table,
    ):
        with pytest.raises(TableError, match="did not write"):
            call(str(tmp_path / "mine"))
    assert (tmp_path / "mine" / "letter.txt").read_text() == "keep"
    with pytest.raises(TableError, match="is a file"):
        write_table(data, LOCAL, str(tmp_path / "mine" / "letter.txt"), run_id="one")
    with pytest.raises(TableError, match="run id"):
        write_table(data, LOCAL, str(tmp_path / "o"), run_id="../x")
    with pytest.raises(TableError, match="Did you mean 'parquet'"):
        write_table(data, LOCAL, str(tmp_path / "o"), "parqet", run_id="x")
    write_table(data, LOCAL, str(tmp_path / "o"), run_id="one")
    with pytest.raises(TableError, match="holds a parquet table"):
        write_table(data, LOCAL, str(tmp_path / "o"), "delta", run_id="two")
    with pytest.raises(TableError, match="has no _current.json"):
        current_path(str(tmp_path / "mine"))
    delete_table(str(tmp_path / "absent"))


def test_a_damaged_pointer_is_an_error_and_not_an_empty_table(tmp_path):
    for said in ("{", "[]", '{"run": "../elsewhere", "format": "parquet"}'):
        (tmp_path / pointer.POINTER).write_text(said)
        with pytest.raises(TableError, match="Restore or delete"):
            find_tables(str(tmp_path))


def test_many_rows_are_cut_into_row_groups_and_files(tmp_path, monkeypatch):
    from rai_scale.tables.readers import local

    monkeypatch.setattr(local, "_GROUP_ROWS", 20_000)
    monkeypatch.setattr(local, "_FILE_BYTES", 300_000)
    data = duckdb.connect().sql("SELECT range AS a FROM range(100000)")
    done = write_table(data, LOCAL, str(tmp_path / "t"), run_id="r")
    assert (done.rows, len(done.files)) == (100_000, 3)
    back = LOCAL.collect(read_table(str(tmp_path / "t"), LOCAL))
    assert back["a"].to_pylist() == list(range(100_000))


def test_a_failed_store_keeps_the_reason_and_no_value(tmp_path, monkeypatch):
    from rai_scale.tables.readers import local

    def full(*args):
        raise OSError(28, "secret-value")

    monkeypatch.setattr(local, "write_files", full)
    data = LOCAL.from_arrow(pa.table({"a": [1]}))
    with pytest.raises(TableError, match=r"OSError \(No space left on device\)") as error:
        write_table(data, LOCAL, str(tmp_path / "t"), run_id="r")
    assert "secret" not in str(error.value)
