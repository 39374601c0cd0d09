"""Tables whose files are not their rows: Iceberg is read, the others are named and left alone."""

from __future__ import annotations

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rai_scale.engines import engine_named
from rai_scale.errors import TableError
from rai_scale.tables import find_tables, read_table

PEOPLE = pa.table({"id": [1, 2, 3], "Home Town": ["Ulm", "Bonn", None]})


@pytest.fixture
def iceberg(tmp_path):
    """A table with deleted rows, a renamed and an added column."""
    pytest.importorskip("pyiceberg", reason="needs pyiceberg: pip install 'rai-scale[iceberg]'")
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.types import DoubleType

    where = {"uri": f"sqlite:///{tmp_path}/catalog.db", "warehouse": f"file://{tmp_path}/lake"}
    catalog = SqlCatalog("tests", **where)
    catalog.create_namespace("crm")
    table = catalog.create_table("crm.people", schema=PEOPLE.schema)
    table.append(PEOPLE)
    table.delete("id = 1")
    with table.update_schema() as change:
        change.rename_column("Home Town", "town.name")
        change.add_column("late", DoubleType())
    return table


def test_an_iceberg_folder_is_read_without_its_deleted_rows(cluster_case, iceberg, tmp_path):
    (source,) = find_tables(str(tmp_path / "lake"), engine=cluster_case.engine)
    assert (source.name, source.format) == ("crm/people", "iceberg")
    table = cluster_case.engine.collect(read_table(source, cluster_case.engine))
    assert sorted(table.to_pylist(), key=str) == [
        {"id": 2, "town.name": "Bonn", "late": None},
        {"id": 3, "town.name": None, "late": None},
    ]
    iceberg.append(pa.table({"id": [9], "town.name": ["x"], "late": [0.5]}))
    again = cluster_case.engine.collect(read_table(source, cluster_case.engine))
    assert again.num_rows == 2  # the version that was found
    frame = read_table(str(tmp_path / "lake" / "crm" / "people"), cluster_case.engine)
    assert cluster_case.engine.collect(frame).num_rows == 3


def test_of_two_newest_versions_none_is_guessed(iceberg, tmp_path):
    newest = iceberg.metadata_location.removeprefix("file://")
    shutil.copy(newest, newest.replace(".metadata", "2.metadata"))
    (source,) = find_tables(str(tmp_path / "lake"))
    with pytest.raises(TableError, match="catalog"):
        read_table(source)


def test_an_iceberg_table_without_rows(tmp_path):
    pytest.importorskip("pyiceberg", reason="needs pyiceberg: pip install 'rai-scale[iceberg]'")
    from pyiceberg.catalog.sql import SqlCatalog

    where = {"uri": "sqlite://", "warehouse": f"file://{tmp_path}"}
    catalog = SqlCatalog("empty", **where)
    catalog.create_namespace("a")
    catalog.create_table("a.b", schema=PEOPLE.schema)
    for engine in map(engine_named, ("local", "dask")):
        found = engine.collect(read_table(str(tmp_path), engine))
        assert (found.num_rows, found.column_names) == (0, PEOPLE.column_names)


@pytest.mark.parametrize(
    ("inside", "kind"),
    [
        (".hoodie/hoodie.properties", "Hudi"),
        ("_versions/1.manifest", "Lance"),
        ("delta_0000001_0000002_0000/bucket_00000", "Hive ACID"),
        ("snapshot/snapshot-1", "Paimon"),
    ],
)
def test_tables_of_other_formats_are_named_and_not_read(tmp_path, inside, kind):
    for path in (inside, "data/x", "schema/schema-0", "manifest/m"):
        (tmp_path / "lake" / "t" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lake" / "t" / path).write_text("{}")
    pq.write_table(PEOPLE, tmp_path / "lake" / "t" / "old.parquet")
    pq.write_table(PEOPLE, tmp_path / "lake" / "plain.parquet")
    if kind != "Paimon":
        shutil.rmtree(tmp_path / "lake" / "t" / "schema")
    lake = find_tables(str(tmp_path / "lake"))
    assert [table.name for table in lake] == ["plain"]
    reason = f"a {kind} table: not a supported format"
    assert [(s.path, s.reason) for s in lake.skipped] == [("t", reason)]
    with pytest.raises(TableError, match=kind):
        find_tables(str(tmp_path / "lake" / "t"))
