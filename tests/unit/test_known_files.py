"""Discovery lists the files that an earlier run has read, and opens only the others."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from rai_scale.tables import find_tables, read_table
from rai_scale.tables.discovery.known_files import KnownFiles, KnownTable, fingerprints, sizes_of
from rai_scale.tables.find import one_table
from rai_scale.tables.paths import Place

SALT = b"key"


def known(lake, by_file=True):
    """What an earlier run knows if it read each table of a lake at once."""
    tables, sizes = {}, sizes_of(lake)
    for t in lake:
        files = [replace(f, size=sizes.get(t.file_path(f), f.size)) for f in t.all_files]
        group = t.name.split("/")[0]
        parts = (fingerprints(files, SALT),)
        tables[t.name] = KnownTable(t.name, t.format, group, t.inner, t.again, parts)
    return KnownFiles(SALT, tables, by_file)


@pytest.fixture
def opened(monkeypatch):
    """The files that are opened for reading."""
    names = []
    real = Place.open

    def noting(self, *arguments, **options):
        names.append(self.path.rsplit("/", 1)[-1])
        return real(self, *arguments, **options)

    monkeypatch.setattr(Place, "open", noting)
    return names


def paths(files):
    return [file.path for file in files]


def test_only_new_files_are_opened(tmp_path, opened):
    for n in (1, 2):
        (tmp_path / f"part-{n}.csv").write_text("name,age\nx,1\n")
    before = known(find_tables(str(tmp_path)))
    opened.clear()
    again = find_tables(str(tmp_path), known=before)
    assert not opened
    assert paths(again[0].seen) == ["part-1.csv", "part-2.csv"]
    assert not again[0].files
    assert again[0].snapshot == find_tables(str(tmp_path))[0].snapshot
    (tmp_path / "part-3.csv").write_text("name,age\nx,1\n")
    opened.clear()
    (table,) = find_tables(str(tmp_path), known=before)
    assert set(opened) == {"part-3.csv"}
    assert (paths(table.files), paths(table.seen)) == (
        ["part-3.csv"],
        ["part-1.csv", "part-2.csv"],
    )


def test_a_part_with_a_changed_file_is_read_again(tmp_path):
    for n in (1, 2, 3):
        (tmp_path / f"part-{n}.csv").write_text("name,age\nx,1\n")
    (table,) = find_tables(str(tmp_path))
    one, two, three = table.files
    halves = (fingerprints([one, two], SALT), fingerprints([three], SALT))
    before = KnownFiles(SALT, {table.name: KnownTable(table.name, "csv", "", None, False, halves)})
    (tmp_path / "part-2.csv").write_text("name,age\ny,2\n")
    (again,) = find_tables(str(tmp_path), known=before)
    assert (paths(again.files), paths(again.seen)) == (
        ["part-1.csv", "part-2.csv"],
        ["part-3.csv"],
    )


def test_tables_of_a_database_are_known_without_opening_it(tmp_path):
    for name in ("b.sqlite", "a.sqlite"):
        with sqlite3.connect(tmp_path / name) as db:
            db.execute("CREATE TABLE people (name TEXT)")
            db.execute("CREATE TABLE visits (day TEXT)")
    lake = find_tables(str(tmp_path))
    tables = known(lake)
    (tmp_path / "a.sqlite").touch()
    again = find_tables(str(tmp_path), known=tables)
    assert [(t.name, paths(t.files), paths(t.seen)) for t in again] == [
        (
            t.name,
            ["a.sqlite"] if t.name.startswith("a") else [],
            [] if t.name.startswith("a") else ["b.sqlite"],
        )
        for t in lake
    ]
    assert [t.inner for t in again] == [t.inner for t in lake]


def test_new_files_of_a_delta_table(tmp_path):
    place = str(tmp_path / "people")
    write_deltalake(place, pa.table({"name": ["a", "b"], "age": [1, 2]}))
    before = known([one_table(place)])
    (first,) = find_tables(place, known=KnownFiles(SALT, {}))
    assert len(first.only) == 1
    before = known([first])
    assert paths(find_tables(place, known=before)[0].seen) == paths(first.only)
    write_deltalake(place, pa.table({"name": ["c"], "age": [3]}), mode="append")
    (table,) = find_tables(place, known=before)
    assert (len(table.only), len(table.seen)) == (1, 1)
    assert read_table(table).fetchall() == [("c", 3)]
    (whole,) = find_tables(place, known=known([first], by_file=False))
    assert whole.seen == ()


def test_a_damaged_file_is_tried_again(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "part-1.parquet")
    (tmp_path / "part-2.parquet").write_bytes(b"no parquet")
    before = known(find_tables(str(tmp_path)))
    (table,) = find_tables(str(tmp_path), known=before)
    assert (paths(table.seen), [name for name, _ in table.unreadable]) == (
        ["part-1.parquet"],
        ["part-2.parquet"],
    )
