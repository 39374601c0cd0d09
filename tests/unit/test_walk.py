"""What is found beside tables: named with its reason and size, never opened, never in the way."""

from __future__ import annotations

import os
import subprocess

import pytest

from rai_scale.errors import TableError
from rai_scale.tables import find_tables
from rai_scale.tables.discovery.file_names import why_unread


def put(path, content=b"a,b\n1,2\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def skipped(lake, **options):
    return {s.path: s for s in find_tables(str(lake), **options).skipped}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("b.DOC", "office"),
        ("c.pst", "mailbox"),
        ("e.feather", "Arrow"),
        ("g.7z", "archive"),
        ("README", "no extension"),
        ("h.xyz", "unknown"),
    ],
)
def test_kinds_that_are_not_read(name, kind):
    assert kind in why_unread(name)


def test_links_pipes_and_names_are_named_and_not_opened(tmp_path):
    lake = tmp_path / "lake"
    put(lake / "a.csv")
    put(tmp_path / "out" / "secret.csv")
    os.mkfifo(lake / "pipe.csv")
    os.symlink(tmp_path / "out" / "secret.csv", lake / "link.csv")
    os.symlink(tmp_path / "out", lake / "folder")
    os.symlink(lake / "a.csv", lake / "again.csv")
    os.symlink(lake / "nothing", lake / "broken.csv")
    os.symlink(tmp_path / "out" / "nothing", lake / "gone.csv")
    put(lake / os.fsdecode(b"\xff.csv"))
    put(lake / "empty.pdf", b"")
    found = skipped(lake)
    assert [t.name for t in find_tables(str(lake))] == ["a"]
    harmless = {path: s.harmless for path, s in found.items()}
    assert harmless == {
        "pipe.csv": False,
        "link.csv": False,
        "folder": False,
        "again.csv": True,
        "broken.csv": False,
        "gone.csv": False,
        "?.csv": False,
        "empty.pdf": True,
    }
    assert "outside" in found["link.csv"].reason
    assert "outside" in found["gone.csv"].reason
    assert "broken" in found["broken.csv"].reason
    with pytest.raises(TableError, match="a pipe, socket or device"):
        find_tables(str(lake / "pipe.csv"))
    assert find_tables(str(lake / "link.csv"))[0].name == "link"  # named by the user


def test_a_pointer_or_log_that_is_a_link_is_not_followed(tmp_path):
    lake = tmp_path / "lake"
    put(lake / "a.csv")
    put(tmp_path / "p.json", b'{"run": "_run-x", "format": "lake"}')
    os.symlink(tmp_path / "p.json", lake / "_current.json")
    os.symlink(tmp_path, lake / "_delta_log")
    assert [t.name for t in find_tables(str(lake))] == ["a"]


@pytest.fixture
def removed_by_rm(tmp_path):
    """Remove the deep folders: pytest's own removal is recursive and fails on them."""
    yield
    subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)


@pytest.mark.usefixtures("removed_by_rm")
def test_folders_of_any_depth_and_folders_that_cannot_be_listed(tmp_path, monkeypatch):
    put(tmp_path / "a.csv")
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        for _ in range(1100):
            os.mkdir("d")
            os.chdir("d")
        put_here = os.open("b.csv", os.O_CREAT | os.O_WRONLY)
        os.write(put_here, b"a\n1\n")
        os.close(put_here)
    finally:
        os.chdir(here)
    assert len(find_tables(str(tmp_path))) == 2
    from rai_scale.tables.discovery import walk

    listed = walk.entries_of

    def denied(place):
        if place.path.endswith("/d"):
            raise PermissionError(13, "no")
        return listed(place)

    monkeypatch.setattr(walk, "entries_of", denied)
    found = skipped(tmp_path)
    assert found["d"].reason == "cannot be listed (PermissionError)"
    assert not found["d"].harmless


def test_hidden_files_are_counted_and_bookkeeping_is_not_data(tmp_path):
    put(tmp_path / "a.csv")
    put(tmp_path / "_backup" / "x" / "p.csv", b"12345")
    put(tmp_path / ".dump.csv", b"123")
    put(tmp_path / "_SUCCESS", b"")
    put(tmp_path / ".a.csv.crc", b"crc")
    found = skipped(tmp_path)
    assert (found["_backup"].files, found["_backup"].bytes) == (1, 5)
    assert (found[".dump.csv"].bytes, found[".dump.csv"].harmless) == (3, False)
    assert found["(bookkeeping of tables)"].files == 2
    told = skipped(tmp_path, ignore=("_backup", ".dump*"))
    assert all(s.harmless for s in told.values())


def test_a_damaged_pointer_below_hides_only_its_folder(tmp_path):
    put(tmp_path / "a.csv")
    put(tmp_path / "t" / "_current.json", b"{")
    assert [t.name for t in find_tables(str(tmp_path))] == ["a"]
    assert skipped(tmp_path)["t"].reason == "its _current.json is damaged"
