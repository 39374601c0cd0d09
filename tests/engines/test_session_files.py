"""A store that only the Spark session opens: listed, read and written through the session.

The store is Hadoop's view of a local folder under a scheme that no driver here knows.
"""

from __future__ import annotations

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rai_scale.engines import engine_named
from rai_scale.errors import TableError
from rai_scale.tables import delete_table, find_tables, read_table, write_table
from rai_scale.tables.paths import MissingDriverError, place_of, save_bytes
from tests.engines.delta_logs import add, column, metadata, protocol, put_file, put_log

VIEW = "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme"
LOCAL = "org.apache.hadoop.fs.LocalFileSystem"
ACCOUNT = "acct.blob.core.windows.net"
PEOPLE = pa.table({"id": [1, 2], "mail": ["a@example.com", None]})


def settings(folder):
    return {
        "fs.wasb.impl": VIEW,
        "fs.viewfs.overload.scheme.target.wasb.impl": LOCAL,
        "fs.viewfs.overload.scheme.target.file.impl": LOCAL,
        f"fs.viewfs.mounttable.{ACCOUNT}.link./lk": f"file://{folder}",
        "fs.wasb.impl.disable.cache": "true",
    }


@pytest.fixture(params=["spark_session", "connect_session"])
def store(request, tmp_path):
    """An engine, the folder behind the store, and the store's address."""
    session = request.getfixturevalue(request.param)
    said = settings(tmp_path)
    for name, value in said.items():
        session.conf.set(name, value)
    engine = engine_named("spark", session=session)
    yield engine, tmp_path, f"wasb://c@{ACCOUNT}{tmp_path}"
    for name in said:
        session.conf.unset(name)


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.spark
def test_a_lake_is_listed_and_read_through_the_session(store):
    engine, folder, address = store
    put(folder / "lake" / "crm [1]" / "notes.csv", b"id,note\n007,x\n")
    put(folder / "lake" / "mails.jsonl.gz", gzip.compress(b'{"id": 1.0}\n'))
    put(folder / "lake" / "letters" / "a.txt", b"one")
    put(folder / "lake" / "_hidden" / "x.csv", b"a\n1\n")
    put_file(folder / "lake", "web/day=1/p.parquet", n=pa.array([1], pa.int32()), s=["x"])
    put_file(folder / "lake", "web/day=2/p.parquet", n=pa.array([2**40]))
    put(folder / "lake" / "web" / "day=2" / "broken.parquet", b"PAR1 no")
    put_file(folder / "lake", "d/old.parquet", a=[1])
    log = [protocol(reader=1, writer=2), metadata(column("a", "long"))]
    put_log(folder / "lake" / "d", *log, add(folder / "lake" / "d", "old.parquet", 1))
    lake = find_tables(f"{address}/lake", engine=engine)
    assert [(t.name, t.format) for t in lake] == [
        ("crm [1]/notes", "csv"),
        ("d", "delta"),
        ("letters/a", "text"),
        ("mails", "jsonl"),
        ("web", "parquet"),
    ]
    assert [t.format for t in lake] == [t.format for t in find_tables(str(folder / "lake"))]
    tables = {table.name: table for table in lake}
    assert [path for path, _ in tables["web"].unreadable] == ["day=2/broken.parquet"]
    rows = engine.collect(read_table(tables["web"], engine)).sort_by("n").to_pylist()
    assert rows == [{"n": 1, "s": "x", "day": "1"}, {"n": 2**40, "s": None, "day": "2"}]
    notes = engine.collect(read_table(tables["crm [1]/notes"], engine)).to_pylist()
    assert notes[0]["id"] == "007"
    mails = engine.collect(read_table(tables["mails"], engine)).to_pylist()
    assert mails == [{"id": "1.0", "_corrupt_record": None}]
    assert engine.collect(read_table(tables["letters/a"], engine))["text"].to_pylist() == ["one"]
    with pytest.raises(TableError, match="Delta"):  # never its files as plain Parquet
        read_table(tables["d"], engine)
    with pytest.raises(TableError, match="does not exist"):
        find_tables(f"{address}/nothing", engine=engine)
    with pytest.raises(MissingDriverError):
        find_tables(f"{address}/lake", engine=engine_named("local"))


@pytest.mark.spark
def test_tables_are_written_through_the_session_or_refused_first(store):
    engine, folder, address = store
    place = f"{address}/out"
    if not hasattr(engine.session, "_jvm"):
        with pytest.raises(TableError, match="Connect"):
            write_table(engine.from_arrow(PEOPLE), engine, place, run_id="one")
        with pytest.raises(TableError, match="Connect"):
            save_bytes(place_of(f"{place}/report.html"), b"x")
        assert not (folder / "out").exists()
        return
    done = write_table(engine.from_arrow(PEOPLE, 2), engine, place, run_id="one")
    assert (done.rows, done.path) == (2, f"{place}/_run-one")
    again = write_table(read_table(place, engine), engine, place, run_id="two")
    assert again.rows == 2
    assert sorted(p.name for p in (folder / "out").iterdir() if p.suffix != ".crc") == [
        "_current.json",
        "_run-two",
    ]
    assert (
        pq.read_table(folder / "out" / "_run-two").sort_by("id").to_pylist() == PEOPLE.to_pylist()
    )
    save_bytes(place_of(f"{address}/report.html"), b"page")
    with place_of(f"{address}/report.html").open() as file:
        assert file.read() == b"page"
    delete_table(place)
    assert not list((folder / "out").glob("_*"))
