"""Nothing that was not written here is removed, whatever it is called and whatever lies beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest

from rai_scale.engines import engine_named
from rai_scale.errors import TableError
from rai_scale.tables import delete_table, lock, write_parquet, write_table
from rai_scale.tables.ownership import RECORD, make_folder, remove_folder, token_of
from rai_scale.tables.paths import place_of

LOCAL = engine_named("local")
ROWS = LOCAL.from_arrow(pa.table({"a": [1]}))


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def hidden(place):
    (place / ".ssh").mkdir(parents=True)
    (place / ".ssh" / "id").write_text("k")


def beside_a_pointer(place):
    write_table(ROWS, LOCAL, str(place), run_id="one")
    (place / "thesis.docx").write_text("x")


def in_a_run(place):
    write_table(ROWS, LOCAL, str(place), run_id="one")
    (place / "_run-one" / "thesis.docx").write_text("x")


def linked_into_a_run(place):
    hidden(place.parent / "theirs")
    write_table(ROWS, LOCAL, str(place), run_id="one")
    (place / "_run-one" / "part-9.parquet").symlink_to(place.parent / "theirs")


def a_made_up_pointer(place):
    place.mkdir()
    (place / "_current.json").write_text('{"run": "_run-a", "format": "parquet"}')
    (place / "_run-a").mkdir()
    (place / "_run-a" / "part-0.parquet").write_text("theirs")


def a_delta_log(place):
    (place / "_delta_log").mkdir(parents=True)
    (place / "thesis.docx").write_text("x")


def a_delta_table_of_others(place):
    deltalake = pytest.importorskip("deltalake")
    deltalake.write_deltalake(str(place), pa.table({"a": [1]}))


def a_copied_record(place):
    make_folder(place_of(str(place.parent / "ours")))
    place.mkdir()
    (place / RECORD).write_text((place.parent / "ours" / RECORD).read_text())
    (place / "part-0.parquet").write_text("theirs")


def a_link(place):
    write_table(ROWS, LOCAL, str(place.parent / "real"), run_id="one")
    place.symlink_to(place.parent / "real")


@pytest.mark.parametrize(
    "make",
    [
        *(hidden, beside_a_pointer, in_a_run, linked_into_a_run, a_made_up_pointer, a_delta_log),
        *(a_delta_table_of_others, a_copied_record, a_link),
    ],
    ids=lambda make: make.__name__,
)
def test_a_folder_with_anything_else_is_not_deleted(tmp_path, make):
    place = tmp_path / "place"
    make(place)
    before = files(tmp_path)
    with pytest.raises(TableError):
        delete_table(str(place))
    assert files(tmp_path) == before


@pytest.mark.parametrize("format", ["parquet", "delta"])
@pytest.mark.parametrize("engine", [LOCAL, engine_named("dask")], ids=lambda e: e.name)
def test_what_was_written_here_is_deleted(tmp_path, engine, format):
    for run in ("one", "two"):
        data = engine.from_arrow(pa.table({"a": [1, 2]}), 2)
        write_table(data, engine, str(tmp_path / "t"), format, run_id=run)
    delete_table(str(tmp_path / "t"))
    assert files(tmp_path) == []


def test_folders_of_runs_that_are_not_ours_stay(tmp_path):
    write_table(ROWS, LOCAL, str(tmp_path), run_id="one")
    hidden(tmp_path / "_run-notes")
    (tmp_path / "_run-link").symlink_to(tmp_path / "_run-notes")
    write_table(ROWS, LOCAL, str(tmp_path), run_id="two")
    names = ["_current.json", "_run-link", "_run-notes", "_run-two"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert (tmp_path / "_run-notes" / ".ssh" / "id").read_text() == "k"


def test_a_folder_is_only_replaced_by_its_own_writer(tmp_path):
    write_parquet(ROWS, LOCAL, str(tmp_path / "t" / "inner"))
    with pytest.raises(TableError, match=r"did not write.*inner"):
        write_parquet(ROWS, LOCAL, str(tmp_path / "t"))
    assert write_parquet(ROWS, LOCAL, str(tmp_path / "t" / "inner")).rows == 1
    hidden(tmp_path / "_run-x")
    with pytest.raises(TableError, match="did not write"):
        write_table(ROWS, LOCAL, str(tmp_path), run_id="x")


def test_the_same_on_a_store():
    fsspec.filesystem("memory").pipe_file("/owned/t/theirs.txt", b"x")
    place = place_of("memory://owned/t")
    with pytest.raises(TableError, match="did not write"):
        remove_folder(place)
    make_folder(place_of("memory://owned/mine"))
    assert token_of(place_of("memory://owned/mine"))
    remove_folder(place_of("memory://owned/mine"))
    assert not place.fs.exists("/owned/mine")
    assert place.fs.exists("/owned/t/theirs.txt")


def test_staging_is_for_its_owner(tmp_path):
    write_parquet(ROWS, LOCAL, str(tmp_path / "_staging" / "t"), private=True)
    assert (tmp_path / "_staging" / "t").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("address", ["{tmp}/deep/out", "memory://held/out"])
def test_one_run_at_a_time(tmp_path, address):
    place = place_of(address.format(tmp=tmp_path))
    with lock.only_run(place):
        with pytest.raises(TableError, match=f"process {os.getpid()} on"), lock.only_run(place):
            pass
        with pytest.raises(TableError, match="another run is writing"):
            write_table(ROWS, LOCAL, place.url, run_id="one")
        with lock.only_run(place_of(address.format(tmp=tmp_path) + "2")):
            pass
    with lock.only_run(place):
        pass
    assert files(tmp_path) == []
    assert not place.fs.exists(place.child(lock.LOCK).path)


def test_a_lock_ends_with_its_process(tmp_path):
    code = (
        "import sys, time\nfrom rai_scale.tables.lock import only_run\n"
        "from rai_scale.tables.paths import place_of\n"
        "with only_run(place_of(sys.argv[1])):\n    print(flush=True)\n    time.sleep(100)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    try:
        assert process.stdout.readline()
        with pytest.raises(TableError, match=f"process {process.pid} on"):
            write_table(ROWS, LOCAL, str(tmp_path / "out"), run_id="one")
    finally:
        process.kill()
        process.wait()
    write_table(ROWS, LOCAL, str(tmp_path / "out"), run_id="one")


def test_a_lease_that_is_not_renewed_is_over(monkeypatch):
    place = place_of("memory://lease/out")
    old = {"host": "h", "process": 1, "at": "t", "token": "x", "until": time.time() - 1}
    place.fs.pipe_file(place.child(lock.LOCK).path, json.dumps(old).encode())
    monkeypatch.setattr(lock, "LEASE_SECONDS", 1)
    with lock.only_run(place):
        time.sleep(1.5)  # renewed meanwhile
        with pytest.raises(TableError, match="another run"), lock.only_run(place):
            pass
