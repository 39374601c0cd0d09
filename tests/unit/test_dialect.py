"""How text files are written: encodings, delimiters, headers, documents, and what is no text."""

from __future__ import annotations

import json

import pytest

from rai_scale.engines import engine_named
from rai_scale.errors import ConfigError
from rai_scale.tables import find_tables, read_table
from rai_scale.tables.dialect import (
    UTF8,
    CsvOptions,
    NoTextError,
    check_csv_options,
    csv_dialect,
    document_of,
    encoding_doubts,
    encoding_of,
)

LOCAL, DASK = engine_named("local"), engine_named("dask")
PEOPLE = [("Anna", "anna@example.com", "219-09-1001"), ("Bruno", "b@example.com", "219-09-1002")]


def told(text, **asked):
    return csv_dialect(text.encode("utf-8"), True, ",", CsvOptions(**asked))


@pytest.mark.parametrize(
    ("text", "delimiter", "names"),
    [
        ("a,b\n1,2\n", ",", ("a", "b")),
        ("Nr;Betrag\n1;12,50\n2;13,70\n", ";", ("Nr", "Betrag")),
        ("a\tb\n1\t2\n", "\t", ("a", "b")),
        ("a|b|c\n1|2|3\n", "|", ("a", "b", "c")),
        ("id;name", ";", ("id", "name")),
        ("tags\nx;y\nz;w\nq;r\n", ",", ("tags",)),
        ("a,b\n1,2\na,b\n3,4\n", ",", ("a", "b")),
        ('a,b\n"x;y;z",2\n', ",", ("a", "b")),
        ("land,2019,2020\nDE,120,130\n", ",", ("land", "2019", "2020")),
        ("0,1,2\n5,6,7\n", ",", ("0", "1", "2")),
        ("day,2024-01-01\nx,2024-01-02\n", ",", ("column_1", "column_2")),
        ("Anna,anna@example.com\nBruno,b@example.com\n", ",", ("column_1", "column_2")),
        ("219-09-1001\n219-09-1002\n", ",", ("column_1",)),
        ("Berlin,clerk\nParis,smith\nBerlin,smith\nParis,clerk\n", ",", ("column_1", "column_2")),
        ("All customers\na,b\n1,2\n3,4\n5,6\n7,8\n9,9\n", ",", ("column_1", "column_2")),
        ("", ",", ()),
    ],
)
def test_delimiter_and_header(text, delimiter, names):
    found = told(text)
    assert (found.delimiter, found.names) == (delimiter, names)
    assert bool(found.doubts) == (found.names[:1] == ("column_1",))


def test_what_is_asked_for_is_not_guessed():
    assert told("a;b\n1;2\n", delimiter=",").names == ("a;b",)
    assert told("a;b\n1;2\n", header=False).names == ("column_1", "column_2")
    assert told("a@b.com,1\nc@b.com,2\n", header=True).names == ("a@b.com", "1")
    assert check_csv_options({"*.csv": {"encoding": "latin-1"}})["*.csv"].encoding == "latin-1"
    for said, message in (
        ({"delimeter": ";"}, "Did you mean 'delimiter'"),
        ({"delimiter": ";;"}, "one character"),
        ({"encoding": "utf-88"}, "unknown encoding"),
    ):
        with pytest.raises(ConfigError, match=message):
            check_csv_options({"*": said})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_are_told_apart(encoding):
    text = "name,city\nMüller,Köln and more of the same\n" * 20
    head = text.encode(encoding)
    assert head.decode(encoding_of(head)).removeprefix("\ufeff") == text


def test_what_is_neither_utf_8_nor_text():
    assert encoding_of("Müllerweg".encode("latin-1")) == "cp1252"
    damaged = "Müller, Ünal, André".encode() + b"\xff"  # one bad byte does not change the names
    assert encoding_of(damaged) == UTF8
    assert "not UTF-8" in encoding_doubts(damaged, UTF8)[0]
    assert encoding_doubts("Müller".encode(), UTF8) == ()
    assert encoding_of("é".encode()[:1] + b"") == "utf-8-sig"  # cut in the middle of a letter
    for head in (b"%PDF-1.7", b"PK\x03\x04", b"\x1f\x8b", b"\x00\x01\x02\x03" * 40):
        with pytest.raises(NoTextError):
            encoding_of(head)


@pytest.mark.parametrize("engine", [LOCAL, DASK])
@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("latin-1", ";"), ("utf-16", "\t"), ("utf-8-sig", "|")]
)
def test_csv_of_other_tools(tmp_path, engine, encoding, delimiter):
    lines = [("Nr", "Straße"), *((str(i), f"Müllerweg {i}") for i in range(30))]
    text = "\r\n".join(delimiter.join(line) for line in lines)
    (tmp_path / "k.csv").write_bytes(text.encode(encoding))
    rows = engine.collect(read_table(str(tmp_path), engine)).to_pylist()
    assert [(r["Nr"], r["Straße"], r["_corrupt_record"]) for r in rows] == [
        (*line, None) for line in lines[1:]
    ]


@pytest.mark.parametrize("engine", [LOCAL, DASK])
def test_a_first_row_that_is_data_is_a_row(tmp_path, engine):
    (tmp_path / "p.csv").write_text("".join(",".join(p) + "\n" for p in PEOPLE))
    rows = engine.collect(read_table(str(tmp_path), engine)).to_pylist()
    assert [tuple(r.values())[:3] for r in rows] == PEOPLE
    table = find_tables(str(tmp_path), csv={"p.csv": {"header": True}})[0]
    assert len(engine.collect(read_table(table, engine))) == 1


ARRAYS = {
    "indented": json.dumps([{"id": i, "t": "x\ny"} for i in range(3)], indent=2),
    "in a line": json.dumps([{"id": i, "t": "x\ny"} for i in range(3)]),
    "one after another": "\n".join(json.dumps({"id": i, "t": "x\ny"}, indent=1) for i in range(3)),
}


@pytest.mark.parametrize("engine", [LOCAL, DASK])
@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_json_documents(tmp_path, engine, kind, encoding):
    (tmp_path / "d=1").mkdir()
    (tmp_path / "d=1" / "e.json").write_bytes(ARRAYS[kind].encode(encoding))
    rows = engine.collect(read_table(str(tmp_path), engine)).to_pylist()
    wanted = [{"id": str(i), "t": "x\ny", "d": "1", "_corrupt_record": None} for i in range(3)]
    assert rows == wanted


def test_json_lines_stay_lines_and_nothing_of_a_broken_array_is_lost(tmp_path):
    assert not document_of(b'{"a": 1}\n{"a": 2}\n', "utf-8")
    assert not document_of(b'{"a": 1, broken\n{"a": 2}\n{"a": 3}\n', "utf-8")
    assert not document_of(b"text\n", "utf-8")
    (tmp_path / "b.json").write_text('[{"id": 1},\n {"id": 2, "mail": oops a@example.org},\n 3]')
    rows = LOCAL.collect(read_table(str(tmp_path), LOCAL)).to_pylist()
    assert rows[0]["id"] == "1"
    assert any("a@example.org" in (r["_corrupt_record"] or "") for r in rows)
    assert any(r["_corrupt_record"] == "3" for r in rows)


@pytest.mark.parametrize(
    ("text", "encoding", "found"),
    [
        ("Привет, меня зовут Иван Иванов, я живу в Москве", "cp1251", "cp1251"),
        ("Привет, меня зовут Иван Иванов, я живу в Москве", "koi8-r", "koi8_r"),
        ("鈴木さんの電話番号は東京です。田中太郎", "shift_jis", "shift_jis"),
        ("Γιώργος Παπαδόπουλος ζει στην Αθήνα", "cp1253", "cp1253"),
        ("Müller wohnt in Köln, Straße 5, für Übung; größer, schöner, Jürgen", "cp1252", "cp1252"),
        ("José García vive en España, niño, años, corazón, Núñez, peña", "cp1252", "cp1252"),
    ],
)
def test_another_alphabet_is_recognised(text, encoding, found):
    assert encoding_of(text.encode(encoding)) == found
    assert encoding_doubts(text.encode(encoding), found)
