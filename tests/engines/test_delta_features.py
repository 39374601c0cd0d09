"""What a Delta table asks of its readers and writers is done, or refused by name."""

from __future__ import annotations

import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rai_scale.engines import engine_named
from rai_scale.errors import TableError
from rai_scale.tables import find_tables, read_table, write_table
from tests.engines.delta_logs import (
    MAPPED,
    MAPPED_MODE,
    add,
    column,
    deletion_vector,
    mapped_table,
    metadata,
    protocol,
    put_file,
    put_log,
)

DAY = datetime.date(2024, 1, 2)


def rows_of(case, place):
    frame = read_table(str(place), case.engine)
    return sorted(case.engine.collect(frame).to_pylist(), key=str)


def test_columns_are_read_by_their_physical_names(cluster_case, tmp_path):
    mapped_table(tmp_path / "t")
    empty = {"many": None, "pairs": None, "land": None, "day": None}
    here = {"land": "a b", "day": DAY}
    assert rows_of(cluster_case, tmp_path / "t") == [
        {
            "id": 1,
            "who": {"name": "Ada", "mail": "a@x"},
            "many": [{"x": "p"}],
            "pairs": [("k", {"y": 5})],
            **here,
        },
        {"id": 2, "who": None, "many": [], "pairs": None, **here},
        {"id": 3, "who": {"name": None, "mail": "b"}, "many": None, "pairs": [], **here},
        {"id": 4, "who": {"name": "Bo", "mail": "d@x"}, **empty},
    ]


def test_the_same_rows_as_the_scan_of_deltalake(tmp_path):
    from deltalake import DeltaTable

    mapped_table(tmp_path / "t")
    found = pa.table(DeltaTable(tmp_path / "t").scan())
    ours = engine_named("local").collect(read_table(str(tmp_path / "t")))
    assert ours.to_pylist() == found.to_pylist()


def test_columns_are_read_by_their_ids(tmp_path):
    folder = tmp_path / "t"
    schema = pa.schema(
        [
            pa.field("any", pa.string(), metadata={"PARQUET:field_id": "2"}),
            pa.field("name", pa.int64(), metadata={"PARQUET:field_id": "1"}),
        ]
    )
    folder.mkdir()
    pq.write_table(pa.table([["x"], [7]], schema=schema), folder / "f.parquet")
    fields = [column("id", "long", "c1", 1), column("mail", "string", "c2", 2)]
    settings = {**MAPPED, MAPPED_MODE: "id"}
    old = protocol(reader=2, writer=5)
    put_log(folder, old, metadata(*fields, settings=settings), add(folder, "f.parquet", 1))
    for engine in map(engine_named, ("local", "dask")):
        frame = read_table(str(folder), engine)
        assert engine.collect(frame).to_pylist() == [{"id": 7, "mail": "x"}]
    pq.write_table(pa.table({"c1": [1]}), folder / "f.parquet")
    with pytest.raises(TableError, match="has no ids"):
        engine_named("dask").collect(read_table(str(folder), "dask"))


def test_deleted_rows_stay_deleted(cluster_case, tmp_path):
    folder = tmp_path / "t x%"
    put_file(folder, "f.parquet", a=list(range(25_000)))
    put_file(folder, "x/f.parquet", a=[-1, -2])
    gone = [0, 9_999, 10_000, 24_998]
    put_log(
        folder,
        protocol("deletionVectors"),
        metadata(column("a", "long")),
        add(folder, "f.parquet", 25_000, deletionVector=deletion_vector(gone)),
        add(folder, "x/f.parquet", 2, deletionVector=deletion_vector([1])),
    )
    found = cluster_case.engine.collect(read_table(str(folder), cluster_case.engine))
    assert sorted(found["a"].to_pylist()) == sorted({*range(-1, 25_000)} - set(gone))


def test_wider_types_and_checkpoints_of_the_second_kind(cluster_case, tmp_path):
    folder = tmp_path / "t"
    put_file(folder, "f.parquet", n=pa.array([1], pa.int32()), f=pa.array([1.5], pa.float32()))
    put_file(folder, "g.parquet", n=pa.array([2**40], pa.int64()), f=[2.5])
    fields = metadata(column("n", "long"), column("f", "double"))
    asked = protocol("typeWidening", "v2Checkpoint")
    put_log(folder, asked, fields, add(folder, "f.parquet", 1))
    name = "00000000000000000000.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json"
    log = folder / "_delta_log"
    (log / "00000000000000000000.json").rename(log / name)
    with (log / name).open("a") as file:
        file.write('\n{"checkpointMetadata": {"version": 0}}')
    (source,) = find_tables(str(folder))
    assert source.snapshot == "delta:0"
    put_log(folder, add(folder, "g.parquet", 1), version=1)
    found = rows_of(cluster_case, folder)
    assert found == [{"n": 1, "f": 1.5}, {"n": 2**40, "f": 2.5}]


def test_deletion_vectors_that_the_library_does_not_read_are_refused(tmp_path):
    put_file(tmp_path / "t", "f.parquet", a=[1, 2])
    vector = {"deletionVector": deletion_vector([1])}
    rows = add(tmp_path / "t", "f.parquet", 2, **vector)
    asked = protocol("deletionVectors", "typeWidening")
    put_log(tmp_path / "t", asked, metadata(column("a", "long")), rows)
    for engine in ("local", "dask"):
        with pytest.raises(TableError, match="typeWidening"):
            read_table(str(tmp_path / "t"), engine)


@pytest.mark.parametrize("asked", [protocol("catalogManaged"), protocol("x"), protocol(reader=4)])
def test_what_is_not_known_is_refused(cluster_case, tmp_path, asked):
    put_file(tmp_path / "t", "f.parquet", a=[1])
    actions = [metadata(column("a", "long")), add(tmp_path / "t", "f.parquet", 1)]
    put_log(tmp_path / "t", asked, *actions)
    with pytest.raises(TableError, match=r"catalogManaged|requires readers to support|feature"):
        read_table(str(tmp_path / "t"), cluster_case.engine)


@pytest.mark.parametrize(
    ("asked", "settings", "named"),
    [
        (protocol(reader=2, writer=5), MAPPED, "columnMapping"),
        (protocol("rowTracking", reader=1), {}, "rowTracking"),
        (protocol(reader=1, writer=2), {"delta.appendOnly": "true"}, "appendOnly"),
        (protocol(reader=1, writer=4), {"delta.enableChangeDataFeed": "true"}, "changeDataFeed"),
    ],
)
def test_a_table_that_asks_more_of_writers_is_left_alone(tmp_path, asked, settings, named):
    folder = tmp_path / "t"
    put_file(folder, "f.parquet", c1=[1])
    fields = metadata(column("a", "long", "c1", 1), settings=settings)
    put_log(folder, asked, fields, add(folder, "f.parquet", 1))
    for engine in map(engine_named, ("local", "dask")):
        with pytest.raises(TableError, match=named):
            data = engine.from_arrow(pa.table({"a": [2]}))
            write_table(data, engine, str(folder), "delta", run_id="x")
    assert len(list((folder / "_delta_log").iterdir())) == 1
