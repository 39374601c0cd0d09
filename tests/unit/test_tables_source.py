"""What counts as a table, and what is said about the rest."""

from __future__ import annotations

import os

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rai_scale.engines import engine_named
from rai_scale.errors import TableError
from rai_scale.tables import delete_table, find_tables, one_table, read_table
from rai_scale.tables.formats import format_of, is_part_name, part_stem, stem_of
from rai_scale.tables.path_names import without_scheme
from rai_scale.tables.paths import MissingDriverError, place_of
from rai_scale.tables.pointer import current_path
from rai_scale.tables.write import write_table


def put(path, content=b"a,b\n1,2\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def put_parquet(path, rows=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"a": list(range(rows))}), path)


UUID = "0b4d2b9e-1b1f-4e43-8f0a-7d2f6a2f2a11"


def test_the_tables_of_a_mixed_lake(tmp_path):
    lake = tmp_path / "lake"
    put(lake / "clinic" / "visits.csv")
    put(lake / "clinic" / "doctors.csv")
    put(lake / "loans" / f"part-00000-{UUID}-c000.csv.gz", b"")
    put(lake / "loans" / "_SUCCESS", b"")
    put_parquet(lake / "web" / "day=1" / "x.parquet")
    put_parquet(lake / "web" / "day=2" / "hour=3" / "deep" / "y.parquet")
    put(lake / "mixed" / "sales_2023.csv")
    put(lake / "mixed" / "sales_2024.csv")
    put(lake / "mixed" / "events.jsonl", b"{}\n")
    put(lake / "notes" / "a.txt")
    put(lake / "notes" / "b.md")
    put(lake / "top.csv")
    put(lake / "top.jsonl", b"{}\n")
    put(lake / "_hidden" / "a.csv")
    put(lake / ".git" / "a.csv")
    put(lake / "picture.png")
    os.symlink(lake, lake / "loop")
    found = find_tables(str(lake))
    assert {t.name: (t.format, len(t.files), t.partition_columns) for t in found} == {
        "clinic/doctors": ("csv", 1, ()),
        "clinic/visits": ("csv", 1, ()),
        "loans": ("csv", 1, ()),
        "mixed/events": ("jsonl", 1, ()),
        "mixed/sales": ("csv", 2, ()),
        "notes": ("text", 2, ()),
        "top": ("csv", 1, ()),
        "top.jsonl": ("jsonl", 1, ()),
        "web": ("parquet", 2, ("day", "hour")),
    }
    assert [t.name for t in found] == sorted(t.name for t in found)
    assert {s.path: (s.reason, s.files, s.harmless) for s in found.skipped} == {
        "(bookkeeping of tables)": ("_SUCCESS, .crc and the like", 1, True),
        ".git": ("hidden name (begins with _ or .)", 1, False),
        "_hidden": ("hidden name (begins with _ or .)", 1, False),
        "loop": ("link to a path in this lake, which is read there", 1, True),
        "picture.png": ("picture: not a supported format", 1, False),
    }
    visits = next(t for t in found if t.name == "clinic/visits")
    assert visits.location == str(lake / "clinic" / "visits.csv")
    assert visits.file_path(visits.files[0]) == visits.location


def test_a_path_that_is_one_table(tmp_path):
    put(tmp_path / "t" / "part-0.csv")
    put(tmp_path / "t" / "part-1.csv")
    assert (one_table(str(tmp_path / "t")).name, len(find_tables(str(tmp_path / "t")))) == ("t", 1)
    file = one_table(str(tmp_path / "t" / "part-1.csv"))
    assert (file.name, file.format, len(file.files)) == ("part-1", "csv", 1)
    relative = os.path.relpath(tmp_path / "t")
    assert one_table(relative).location == str(tmp_path / "t")


def test_errors_say_what_to_do(tmp_path):
    put(tmp_path / "customers.csv")
    put(tmp_path / "orders.csv")
    with pytest.raises(TableError, match=r"does not exist\. Did you mean 'customers.csv'\?"):
        find_tables(str(tmp_path / "custmers.csv"))
    with pytest.raises(TableError, match="Its folder .* does not exist either"):
        find_tables(str(tmp_path / "no" / "where"))
    with pytest.raises(TableError, match=r"holds 2 tables; use find_tables.*customers.*orders"):
        read_table(str(tmp_path), engine_named("local"))
    with pytest.raises(TableError, match="Did you mean 'parquet'"):
        find_tables(str(tmp_path), format="parqet")
    put(tmp_path / "pictures" / "a.png")
    with pytest.raises(
        TableError, match=r"holds no table\. Found: 1 file\(s\): picture: not a supp"
    ):
        find_tables(str(tmp_path / "pictures"))
    with pytest.raises(MissingDriverError, match="pip install gcsfs"):
        find_tables("gs://bucket/x")
    with pytest.raises(MissingDriverError, match="azureml-fsspec"):
        find_tables("azureml://subscriptions/1/x")


def test_a_format_that_is_asked_for(tmp_path):
    put(tmp_path / "a.dat")
    put(tmp_path / "b.csv")
    put_parquet(tmp_path / "c.parquet")
    found = find_tables(str(tmp_path), format="lines")
    assert {t.name: t.format for t in found} == {"a.dat": "lines", "b": "lines"}
    assert [s.path for s in found.skipped] == ["c.parquet"]
    assert [s.path for s in find_tables(str(tmp_path), format="parquet").skipped] == ["b.csv"]


def test_unreadable_files_are_named_by_the_type_of_error(tmp_path):
    put_parquet(tmp_path / "t" / "part-0.parquet")
    put(tmp_path / "t" / "part-1.parquet", b"not parquet")
    put(tmp_path / "gone.parquet", b"")
    put(tmp_path / "bad.csv.gz", b"not packed")
    found = {t.name: t for t in find_tables(str(tmp_path))}
    assert found["t"].unreadable == (("part-1.parquet", "ArrowInvalid"),)
    assert [f.path for f in found["t"].files] == ["part-0.parquet"]
    assert found["gone"].unreadable == (("gone.parquet", "ArrowInvalid"),)
    assert found["bad"].unreadable == (("bad.csv.gz", "BadGzipFile"),)
    with pytest.raises(TableError, match=r"'gone' has no readable file: 1 unreadable \(ArrowI"):
        read_table(found["gone"], engine_named("local"))


def test_the_snapshot_changes_with_the_files(tmp_path):
    file = put(tmp_path / "a.csv")
    first = one_table(str(file)).snapshot
    assert one_table(str(file)).snapshot == first
    os.utime(file, (1, 1))
    second = one_table(str(file)).snapshot
    put(file, b"a,b\n1,23\n")
    os.utime(file, (1, 1))
    assert len({first, second, one_table(str(file)).snapshot}) == 3


def test_columns_that_only_case_tells_apart(tmp_path):
    pq.write_table(pa.table({"a": [1], "A": [2]}), tmp_path / "t.parquet")
    with pytest.raises(TableError, match="only in upper and lower case: A, a"):
        read_table(str(tmp_path), engine_named("local"))


@pytest.fixture
def memory():
    store = fsspec.filesystem("memory")
    yield store
    store.rm("/lake", recursive=True)


@pytest.mark.parametrize("name", ["local", "dask"])
def test_a_store_that_is_no_disk(memory, name):
    engine = engine_named(name)
    for month in ("01", "02"):
        with memory.open(f"/lake/p/month={month}/part-0.parquet", "wb") as file:
            pq.write_table(pa.table({"a": [int(month)]}), file)
    memory.pipe_file("/lake/c/visits.csv", b"a,b\n01,\n")
    memory.pipe_file("/lake/c/events.jsonl", b'{"a": 1}\n{"a": 2}\n')
    memory.pipe_file("/lake/t/note.txt", b"hello")
    lake = find_tables("memory://lake")
    assert [t.name for t in lake] == ["c/events", "c/visits", "p", "t/note"]
    rows = {t.name: engine.collect(read_table(t, engine)).to_pylist() for t in lake}
    assert sorted(rows["p"], key=str) == [{"a": 1, "month": "01"}, {"a": 2, "month": "02"}]
    assert rows["c/visits"] == [{"a": "01", "b": None, "_corrupt_record": None}]
    assert [r["a"] for r in rows["c/events"]] == ["1", "2"]
    assert rows["t/note"] == [{"path": "note.txt", "text": "hello"}]
    with pytest.raises(TableError, match="Did you mean 'lake'"):
        find_tables("memory://lakes")
    for run in ("one", "two"):
        write_table(read_table("memory://lake/p", engine), engine, "memory://lake/o", run_id=run)
    assert current_path("memory://lake/o") == "memory://lake/o/_run-two"
    assert engine.collect(read_table("memory://lake/o", engine)).num_rows == 2
    assert not memory.exists("/lake/o/_run-one")
    delete_table("memory://lake/o")
    assert not memory.exists("/lake/o")


def test_addresses_as_the_platforms_write_them():
    assert place_of("dbfs:/Volumes/a/b").url == "/Volumes/a/b"
    assert place_of("dbfs:/a/b/").url == "/dbfs/a/b"
    on_spark = place_of("dbfs:/Volumes/a/b", on_spark=True)
    assert (on_spark.url, on_spark.path) == ("dbfs:/Volumes/a/b", "/Volumes/a/b")
    assert place_of("file:///a/b").url == "/a/b"
    assert {without_scheme(u) for u in ("/a/b", "file:/a/b", "file:///a/b")} == {"/a/b"}


@pytest.mark.parametrize(
    ("name", "format", "stem", "part"),
    [
        (f"part-00000-{UUID}-c000.snappy.parquet", "parquet", f"part-00000-{UUID}-c000", True),
        ("data_0.parquet", "parquet", "data_0", True),
        ("2024-01-31.csv.gz", "csv", "2024-01-31", True),
        ("customers.v2.tsv", "csv", "customers.v2", False),
        ("data.parquet", "parquet", "data", False),
        ("A.JSON", "jsonl", "A", False),
        ("x.7z", None, "x.7z", False),
    ],
)
def test_names_of_files(name, format, stem, part):
    assert (format_of(name), stem_of(name), is_part_name(name)) == (format, stem, part)


def test_part_stems():
    assert part_stem("sales_2023-01.csv") == part_stem("sales_2024.csv") == "sales"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("crm.people", ["crm", "people"]),
        ("main.crm.people", ["main", "crm", "people"]),
        ("main.crm.*", ["main", "crm", "*"]),
        ("`my.crm`.`a``b`", ["my.crm", "a`b"]),
        ("`crm`.people", ["crm", "people"]),
        *((name, None) for name in ("people", "a/b.csv", "crm..people", ".people", "a.b.")),
        *((name, None) for name in ("dbfs:/a.b", "`crm.people", "crm.", "a b.c", "")),
    ],
)
def test_names_of_a_catalog_are_told_from_paths(name, parts):
    from rai_scale.tables.discovery.spark_catalog import name_parts

    assert name_parts(name) == parts
