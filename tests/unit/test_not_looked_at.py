"""What is beside the rows of a table is said: hidden files, earlier versions, broken files."""

from __future__ import annotations

import gzip
import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rai_scale.engines import engine_named
from rai_scale.errors import TableError
from rai_scale.jobs.inputs import Inputs
from rai_scale.jobs.manifest import input_facts
from rai_scale.tables import find_tables, read_table
from rai_scale.tables.discovery.delta_walk import OLD
from rai_scale.tables.path_names import shown
from rai_scale.tables.source import Lake

ENGINES = pytest.mark.parametrize("engine", [engine_named("local"), engine_named("dask")])
PEOPLE = pa.table({"id": range(20), "email": [f"u{i}@example.com" for i in range(20)]})


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("part/email=zz9%40example.com/p.csv.gz", "part/email=***/p.csv.gz"),
        ("ssn=856-45-6789/name=Anna Smith/x", "ssn=***/name=***/x"),
        (
            "year=2024/day=2024-01-31/country=US/n=12/x",
            "year=2024/day=2024-01-31/country=US/n=12/x",
        ),
        ("date_of_birth=1980-01-02/x", "date_of_birth=***/x"),
        ("phone=2125551234/x", "phone=***/x"),
        ("a/b.csv", "a/b.csv"),
        ("email=zz9@example.com", "email=***"),
    ],
)
def test_values_of_folders_are_not_shown(path, wanted):
    assert shown(path) == wanted


def test_masked_paths_stay_as_many_as_there_are(tmp_path):
    for i in range(3):
        folder = tmp_path / "part" / f"email=u{i}@example.com"
        folder.mkdir(parents=True)
        (folder / "p.csv").write_text("id,note\n1,x\n")
        (folder / "x.png").write_bytes(b"x")
        (folder / "q.csv.gz").write_bytes(b"no gzip")
    lake = find_tables(str(tmp_path))
    assert [s.path for s in lake.skipped] == ["part/email=***/x.png"] * 3
    assert [name for name, _ in lake[0].unreadable] == ["email=***/q.csv.gz"] * 3
    assert "@example.com" not in json.dumps(input_facts(lake, private=False))


def versions(folder):
    from deltalake import DeltaTable, write_deltalake

    write_deltalake(str(folder), PEOPLE)
    DeltaTable(str(folder)).delete("id < 15")
    pq.write_table(PEOPLE, folder / "stray.parquet")


def test_files_of_earlier_versions_of_a_delta_table(tmp_path):
    versions(tmp_path / "d")
    (old,) = [s for s in find_tables(str(tmp_path)).skipped if not s.harmless]
    assert (old.path, old.reason, old.files) == ("d", OLD, 2)
    files = sorted((tmp_path / "d").glob("*.parquet"), key=os.path.getsize)
    assert old.bytes == sum(f.stat().st_size for f in files[1:])  # the smallest has the last rows
    ignored = find_tables(str(tmp_path), ignore=["d/*.parquet"]).skipped
    assert all(s.harmless for s in ignored)


def test_live_files_in_folders_of_a_prefix_are_part_of_a_delta_table(tmp_path):
    from tests.engines.delta_logs import add, column, metadata, protocol, put_file, put_log

    put_file(tmp_path / "d", "2%37/x=1/f.parquet", id=[1])
    put_file(tmp_path / "d", "_change_data/c.parquet", id=[7])
    action = add(tmp_path / "d", "2%37/x=1/f.parquet", 1)
    action["add"]["path"] = "2%2537/x=1/f.parquet"
    put_log(tmp_path / "d", protocol(reader=1, writer=2), metadata(column("id", "long")), action)
    (old,) = [s for s in find_tables(str(tmp_path)).skipped if not s.harmless]
    assert (old.reason, old.files) == (OLD, 1)


def parts(folder):
    folder.mkdir()
    for i in range(2):
        (folder / f"part-{i}.csv").write_text("id,note\n" + "1,x\n" * 100)


@ENGINES
def test_a_path_with_a_broken_file_is_not_read_without_a_word(tmp_path, engine):
    parts(tmp_path / "t")
    broken = gzip.compress(b"id,note\n" + b"1,x\n" * 100)[:-20]
    (tmp_path / "t" / "part-2.csv.gz").write_bytes(broken)
    with pytest.raises(TableError, match=r"part-2\.csv\.gz \(EOFError\)"):
        read_table(str(tmp_path / "t"), engine)
    with pytest.warns(UserWarning, match="1 file"):
        frame = read_table(str(tmp_path / "t"), engine, incomplete="warn")
    assert engine.collect(frame).num_rows == 200
    (found,) = find_tables(str(tmp_path / "t"))
    assert Inputs(Lake((found,))).unread == 1


@ENGINES
def test_hidden_files_beside_the_rows_are_counted(tmp_path, engine):
    parts(tmp_path / "t")
    (tmp_path / "t" / "_part-2.csv").write_text("id,note\n1,x\n")
    (tmp_path / "t" / ".gitignore").write_text("x")
    with pytest.warns(UserWarning, match="hidden"):
        read_table(str(tmp_path / "t"), engine)
    (found,) = find_tables(str(tmp_path / "t"))
    assert Inputs(Lake((found,))).unread == 1
    assert input_facts(Lake((found,)), private=False)[0]["hidden"][0]["file"] == "_part-2.csv"


def test_hidden_files_of_a_lake_are_not_those_of_each_table(tmp_path):
    for name in ("orders.csv", "_orders.csv", "people.csv", "_truth/items.csv", "_truth/x.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("id,note\n1,x\n")
    hidden = {t.name: [s.path for s in t.hidden] for t in find_tables(str(tmp_path))}
    assert hidden == {"orders": ["_orders.csv"], "people": []}


def test_a_change_is_seen_though_size_and_time_are_the_same(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,note\n1,x\n")
    before, time = find_tables(str(path))[0].snapshot, path.stat()
    path.write_text("id,note\n1,y\n")
    os.utime(path, ns=(time.st_atime_ns, time.st_mtime_ns))
    assert find_tables(str(path))[0].snapshot != before
