"""Documents, workbooks, databases and archives: what is read, and what becomes of every file."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from rai_scale.engines import engine_named
from rai_scale.errors import ConfigError, OptionError, TableError
from rai_scale.tables import DocumentLimits, find_tables, one_table, read_table
from rai_scale.tables.documents.process import end_idle
from rai_scale.tables.exact import why_inexact
from rai_scale.tables.formats import UNREAD
from tests import document_files as made

LOCAL, DASK = engine_named("local"), engine_named("dask")
PLACES = {
    "a.pdf": {"page 1", "page 2"},
    "a.docx": {"document paragraph 1", "header1 paragraph 1"},
    "a.pptx": {"slide1 paragraph 1", "notesSlide1 paragraph 1"},
    "a.eml": {"headers", "body line 1", "page 1"},
    "a.msg": {"headers", "body line 1", "recipients", "page 1"},
    "a.xml": {"line 1"},
    "a.html": {"line 1"},
}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return made.every_kind(tmp_path_factory.mktemp("made"))


def put(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def rows(path, engine=LOCAL, limits=None, **options):
    lake = find_tables(str(path), documents=limits, **options)
    return {t.name: engine.collect(read_table(t, engine, incomplete="warn")) for t in lake}


def states(path, limits=None):
    """Return what became of each file; a file that has a state twice fails."""
    found = {}
    for table in find_tables(str(path), documents=limits):
        reports = []
        if table.files:
            data = LOCAL.collect(read_table(table, LOCAL, incomplete="warn"))
            reports = [json.loads(text) for text in data[UNREAD].drop_null().to_pylist()]
        for report in reports:
            assert set(report) == {"file", "status", "why"}
            found.setdefault(report["file"], []).append((report["status"], report["why"]))
        for file, why in table.unreadable:
            found.setdefault(file, []).append(("not looked at", why))
    return found


@pytest.mark.parametrize("name", sorted(PLACES))
def test_a_document_is_read_with_its_places(good, tmp_path, name):
    (table,) = rows(put(tmp_path, **{name: good[name]})).values()
    assert table.column_names == ["file", "part", "place", "text", UNREAD]
    assert set(table["file"].to_pylist()) == {name}
    assert PLACES[name] <= set(table["place"].to_pylist())
    text = " ".join(" ".join(table["text"].to_pylist()).split())
    assert all(planted in text for planted in made.PLANTED)
    assert table[UNREAD].null_count == table.num_rows


def test_the_tables_of_workbooks_databases_and_binary_files(good, tmp_path):
    names = ("a.xlsx", "a.sqlite", "a.orc", "a.avro")
    found = rows(put(tmp_path, **{name: good[name] for name in names}))
    assert set(found) == {
        "a",
        "a.orc",
        "a.sqlite/people",
        "a.xlsx/People",
        "a.xlsx/(beside the cells)",
    }
    for name in set(found) - {"a.xlsx/(beside the cells)"}:
        data = found[name].drop_columns([UNREAD]).to_pylist()
        assert [str(row["amount"]) for row in data] == [str(row["amount"]) for row in made.ROWS]
        assert {row["note"] for row in data} == {made.TEXT}
    beside = " ".join(found["a.xlsx/(beside the cells)"]["text"].to_pylist())
    assert "in a comment: " + made.TEXT in beside


def test_copies_of_cells_in_a_workbook_are_read(good, tmp_path):
    copy = made.io.BytesIO(good["a.xlsx"])
    with made.zipfile.ZipFile(copy, "a") as package:
        package.writestr("xl/pivotCache/pivotCacheRecords1.xml", '<r><s v="Pivot Smith"/></r>')
        package.writestr("xl/charts/chart1.xml", "<c><pt><v>Chart Smith</v></pt></c>")
    found = rows(put(tmp_path, **{"a.xlsx": copy.getvalue()}))["a/(beside the cells)"]
    text = " ".join(found["text"].to_pylist())
    assert "Pivot Smith" in text
    assert "Chart Smith" in text


def test_files_in_archives_are_read_where_they_are(good, tmp_path):
    inner = made.zipped(**{"letters/a.pdf": good["a.pdf"], "a.xlsx": good["a.xlsx"]})
    outer = made.tarred(**{"old.zip": inner, "a.avro": good["a.avro"], "b.csv": b"a,b\n1,2\n"})
    (table,) = rows(put(tmp_path, **{"all.tar.gz": outer})).values()
    parts = set(table["part"].to_pylist())
    assert {"old.zip/letters/a.pdf", "old.zip/a.xlsx/People", "a.avro", "b.csv"} <= parts
    cells = {r["place"] for r in table.to_pylist() if r["part"] == "old.zip/a.xlsx/People"}
    assert cells == {f"A{n}" for n in range(2, 32)}
    assert states(tmp_path) == {}


def test_other_engines_read_the_same(good, tmp_path):
    put(tmp_path, **good)
    for name, table in rows(tmp_path).items():
        other = rows(tmp_path, DASK)[name] if name == "pdf" else None
        assert other is None or other.to_pylist() == table.to_pylist()
    local, dask = rows(tmp_path), rows(tmp_path, DASK)
    assert {n: t.num_rows for n, t in local.items()} == {n: t.num_rows for n, t in dask.items()}
    for name, table in local.items():
        assert sorted(map(str, table.to_pylist())) == sorted(map(str, dask[name].to_pylist()))


def broken(good, kind, folder):
    """Return ten broken files of a kind: from cut off to another kind under its name."""
    rng = random.Random(kind)
    flipped = bytearray(good)
    for _ in range(20):
        flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
    middle = bytearray(good)
    middle[len(middle) // 3 : len(middle) // 2] = bytes(len(middle) // 2 - len(middle) // 3)
    return {
        "half": good[: len(good) // 2],
        "end": good[:-20],
        "start": good[20:],
        "empty": b"",
        "zeros": bytes(500),
        "noise": rng.randbytes(2000),
        "flipped": bytes(flipped),
        "hole": bytes(middle),
        "picture": b"\x89PNG\r\n\x1a\n" + rng.randbytes(500),
        "doubled": good[:300] + good,
    }


def test_ten_broken_files_of_each_kind_end_in_one_state_each(good, tmp_path):
    total = 0
    for name, content in good.items():
        stem, _, ending = name.partition(".")
        folder = put(tmp_path / ending, **{f"{stem}.{ending}": content})
        for how, damaged in broken(content, name, tmp_path).items():
            put(folder, **{f"{how}.{ending}": damaged})
            total += 1
    began = time.monotonic()
    found = {}
    for folder in sorted(tmp_path.iterdir()):
        for file, reports in states(folder).items():
            assert len({status for status, _ in reports}) == 1, (folder.name, file, reports)
            found[f"{folder.name}/{file}"] = reports[0]
    assert total == 170
    assert time.monotonic() - began < 120
    skipped = find_tables(str(tmp_path)).skipped
    assert {s.reason for s in skipped} == {"empty"}
    assert len(skipped) == 17
    for how in ("zeros", "noise", "picture"):
        bad = {k: v for k, v in found.items() if k.split("/")[1].startswith(f"{how}.")}
        assert len(bad) == 17, how
        assert {status for status, _ in bad.values()} == {"not looked at"}
    assert not [file for file in found if file.split("/")[1].startswith("a.")]
    for _, why in found.values():
        assert not any(planted in why for planted in made.PLANTED)


def test_the_rest_of_an_archive_within_a_damaged_one_is_not_all(good, tmp_path):
    stored = made.io.BytesIO()
    with made.zipfile.ZipFile(stored, "w") as archive:
        archive.writestr("a.txt", made.TEXT)
        archive.writestr("b.docx", good["a.docx"])
    put(tmp_path, **{"a.zip": stored.getvalue()[:-60]})
    ((status, why),) = states(tmp_path)["a.zip"]
    assert (status, why) == ("partly read", "damaged: its list of files is incomplete")


def test_files_behind_a_password_are_named(good, tmp_path):
    secret = made.compound_file({"EncryptedPackage": bytes(5000), "EncryptionInfo": bytes(100)})
    locked = bytearray(made.zipped(**{"a.txt": b"x"}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(mark) + offset] |= 1
    put(
        tmp_path,
        **{
            "a.docx": secret,
            "b.xlsx": secret,
            "c.pdf": made.pdf(password="p"),
            "d.zip": bytes(locked),
        },
    )
    found = states(tmp_path)
    assert set(found) == {"a.docx", "b.xlsx", "c.pdf", "d.zip"}
    assert {state for reports in found.values() for state in reports} == {
        ("not looked at", "password protected")
    }


def test_a_page_without_text_is_not_clean(tmp_path):
    from fpdf import FPDF

    def pages(*texts: str) -> bytes:
        made_of = FPDF()
        made_of.set_font("helvetica")
        for text in texts:
            made_of.add_page()
            made_of.rect(0, 0, 20, 20)
            if text:
                made_of.cell(text=text)
        return bytes(made_of.output())

    put(tmp_path, **{"scan.pdf": pages(""), "half.pdf": pages("", "hello")})
    why = "page without text (a scanned page, for example)"
    assert states(tmp_path) == {
        "scan.pdf": [("not looked at", why)],
        "half.pdf": [("partly read", why)],
    }


def test_a_library_that_is_missing_is_the_reason(good, tmp_path, monkeypatch):
    for name in ("pypdf", "python_calamine", "olefile", "fastavro"):
        hidden = put(tmp_path / "hidden", **{f"{name}.py": b"raise ModuleNotFoundError"})
    end_idle()
    monkeypatch.syspath_prepend(str(hidden))
    names = ("a.pdf", "a.xlsx", "a.msg", "a.avro", "a.docx", "a.zip")
    found = states(put(tmp_path / "lake", **{name: good[name] for name in names}))
    end_idle()
    assert set(found) == {*names} - {"a.docx"}
    for reports in found.values():
        assert "pip install 'rai-scale[documents]'" in reports[0][1]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252", "shift_jis", "koi8-r"])
def test_declared_encodings(tmp_path, encoding):
    word = {"shift_jis": "鈴木", "koi8-r": "Иванов"}.get(encoding, "Müller")
    put(
        tmp_path,
        **{
            "a.xml": made.xml(word, encoding),
            "b.html": f"<html><meta charset={encoding}><p>{word}</p>".encode(encoding),
        },
    )
    for table in rows(tmp_path).values():
        assert word in table["text"][0].as_py()


def deep(levels, content=b"hello"):
    for _ in range(levels):
        content = made.zipped(**{"a.zip": content})
    return content


BOMBS = {
    "ratio.zip": (made.zipped(**{f"{n}.txt": bytes(40 << 20) for n in range(2)}), "max_ratio"),
    "ratio.gz": (made.gzip.compress(b"a" * (40 << 20)), "max_ratio"),
    "deep.zip": (deep(8), "max_depth"),
    "many.zip": (made.zipped(**{str(n): b"x" for n in range(600)}), "max_files"),
    "laughs.xml": (
        b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>',
        "declares XML entities",
    ),
    "outside.xml": (
        b'<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><l>&a;</l>',
        "declares XML entities",
    ),
    "long.html": (b"<p>" + b"word " * 40_000, "max_rows"),
}


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_a_bomb_is_an_answer(tmp_path, name):
    content, why = BOMBS[name]
    limits = DocumentLimits(
        max_files=500, max_ratio=50, max_rows=10 if name == "long.html" else 1000
    )
    ((status, reason),) = states(put(tmp_path, **{name: content}), limits)[name]
    assert why in reason
    assert status in ("partly read", "not looked at")


def test_a_file_that_takes_too_long_or_too_much_memory_is_given_up(tmp_path):
    put(tmp_path, **{"slow.html": b"<" * 2_000_000, "a.html": made.html()})
    (_, why), *_ = states(tmp_path, DocumentLimits(max_seconds=1))["slow.html"]
    assert "1 seconds" in why
    from openpyxl import Workbook

    book = Workbook()
    book.active["XFD1048576"] = book.active["A1"] = "x"
    book.save(tmp_path / "wide.xlsx")
    (_, why), *_ = states(tmp_path, DocumentLimits(max_memory=200 << 20))["wide.xlsx"]
    assert "max_memory" in why


def test_names_and_links_in_archives_write_nothing(tmp_path):
    import io
    import tarfile

    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name in ("../../evil.txt", "/tmp/evil.txt", "a/../../evil.txt"):
            info = tarfile.TarInfo(name)
            info.size = 5
            archive.addfile(info, io.BytesIO(b"hello"))
        for kind, name in (
            (tarfile.SYMTYPE, "link"),
            (tarfile.LNKTYPE, "hard"),
            (tarfile.FIFOTYPE, "f"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    lake = put(
        tmp_path / "lake", **{"t.tar": sink.getvalue(), "z.zip": made.zipped(**{"../e": b"hi"})}
    )
    before = sorted(tmp_path.rglob("*"))
    (table,) = rows(lake).values()
    assert {"../../evil.txt", "/tmp/evil.txt", "../e"} <= set(table["part"].to_pylist())
    assert sorted(tmp_path.rglob("*")) == before
    assert not Path("/tmp/evil.txt").exists()
    assert states(lake)["t.tar"] == [
        ("partly read", "link or device in an archive: not followed (3 times)")
    ]


def test_nothing_is_written_and_no_process_stays(good, tmp_path):
    lake = put(tmp_path / "lake", **good)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before = sorted((path, path.stat().st_mtime_ns) for path in lake.iterdir())
    code = f"""
from rai_scale.tables import find_tables, read_table
for table in find_tables({str(lake)!r}):
    read_table(table, "local", incomplete="warn").fetchall()
from rai_scale.tables.documents.process import _IDLE
print(*(process.pid for process in _IDLE))
"""
    import os

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted((path, path.stat().st_mtime_ns) for path in lake.iterdir()) == before
    assert list(temporary.iterdir()) == []
    pids = done.stdout.split()
    assert pids
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_damaged_file_of_a_table_is_an_error_unless_a_column_is_asked_for(good, tmp_path):
    content = good["a.avro"]
    put(tmp_path, **{"a.avro": content[: len(content) - 40]})
    with pytest.raises(Exception, match=r'a\.avro is .*Pass incomplete="warn"'):
        read_table(str(tmp_path), LOCAL).fetchall()
    data = read_table(str(tmp_path), LOCAL, incomplete="warn").fetchall()
    assert len(data) == 1


def test_documents_do_not_rename_tables_or_get_in_the_way(good, tmp_path):
    put(tmp_path / "t", **{"part-0.csv": b"id,note\n1,x\n", "part-1.csv": b"id,note\n2,y\n"})
    put(tmp_path / "t", **{"README.html": made.html(), "terms.pdf": good["a.pdf"]})
    assert one_table(str(tmp_path / "t")).format == "csv"
    assert {t.name for t in find_tables(str(tmp_path))} == {"t", "t/README", "t/terms"}


def test_a_workbook_with_one_sheet_is_one_table(good, tmp_path):
    put(tmp_path, **{"a.xlsx": good["a.xlsx"]})
    frame = read_table(str(tmp_path / "a.xlsx"), LOCAL)
    assert frame.columns == list(made.ROWS[0])
    assert len(frame.fetchall()) == len(made.ROWS)


@pytest.mark.parametrize("name", ["a.avro", "a.xlsx", "a.pdf"])
def test_folders_of_keys(good, tmp_path, name):
    for year in ("2023", "2024"):
        put(tmp_path / "t" / f"year={year}", **{name: good[name]})
    data = LOCAL.collect(read_table(str(tmp_path), LOCAL))
    if name == "a.pdf":
        assert set(data["file"].to_pylist()) == {"year=2023/a.pdf", "year=2024/a.pdf"}
    else:
        assert data["year"].to_pylist() == ["2023"] * 30 + ["2024"] * 30


def test_redaction_refuses_documents(good, tmp_path):
    put(tmp_path, **{"a.pdf": good["a.pdf"]})
    assert "not redacted" in str(why_inexact(find_tables(str(tmp_path))[0], LOCAL))


def test_limits_are_checked():
    with pytest.raises(OptionError, match="max_bytes must be a positive number"):
        DocumentLimits(max_bytes=0)
    with pytest.raises(ConfigError):
        DocumentLimits(max_seconds="soon")  # type: ignore[arg-type]
    assert DocumentLimits(max_depth=0).max_depth == 0


def test_the_schema_of_a_lazy_frame_opens_no_document(tmp_path):
    put(tmp_path, **{"a.pdf": b"%PDF-1.4 broken"})
    frame = read_table(str(tmp_path), LOCAL)
    assert frame.columns == ["file", "part", "place", "text", UNREAD]
    with pytest.raises(TableError, match="holds no table"):
        find_tables(str(put(tmp_path / "x", **{"a.7z": b"7z"})))


def test_avro_types(tmp_path):
    import io

    import fastavro

    inner = {"type": "record", "name": "inner", "fields": [{"name": "x", "type": ["null", "int"]}]}
    kinds = {
        "d": {"type": "int", "logicalType": "date"},
        "m": {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2},
        "u": ["null", "int", "string"],
        "e": {"type": "enum", "name": "e", "symbols": ["A"]},
        "l": {"type": "array", "items": inner},
        "p": {"type": "map", "values": "string"},
    }
    import datetime
    from decimal import Decimal

    row = {"d": datetime.date(2020, 1, 2), "m": Decimal("1.50"), "u": "a", "e": "A"}
    row |= {"l": [{"x": 1}, {"x": None}], "p": {"k": "v"}}
    sink = io.BytesIO()
    fields = [{"name": n, "type": t} for n, t in kinds.items()]
    fastavro.writer(sink, {"type": "record", "name": "r", "fields": fields}, [row, row | {"u": 5}])
    put(tmp_path, **{"a.avro": sink.getvalue()})
    data = LOCAL.collect(read_table(str(tmp_path), LOCAL))
    assert data.schema.field("m").type == pa.decimal128(6, 2)
    assert data["u"].to_pylist() == ["a", "5"]
    assert data.to_pylist()[0]["l"] == [{"x": 1}, {"x": None}]
