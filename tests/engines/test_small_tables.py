"""Small tables that are read in the caller's process: the rows, types and names of other tables."""

from __future__ import annotations

import datetime
import gzip
import json
import random
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rai_scale.engines import engine_named
from rai_scale.engines.arrow_types import canonical_table
from rai_scale.tables import find_tables, read_table
from rai_scale.tables.paths import place_of
from rai_scale.tables.readers import jsonl, small
from rai_scale.tables.readers.file_dialect import dialect_of
from rai_scale.tables.readers.row_numbers import NUMBERS
from rai_scale.tables.readers.small import read_small

LOCAL = engine_named("local")

CSV = {
    "plain": b"id,note\n1,a\n2,b\n",
    "no end": b"id,note\n1,a\n2,b",
    "windows": b"id,note\r\n1,a\r\n2,b\r\n",
    "old mac": b"id,note\r1,a\r2,b\r",
    "mixed ends": b"id,note\r\n1,a\n2,b\r3,c\n",
    "bom": b"\xef\xbb\xbfid,note\n1,\xc3\xa4\n",
    "two boms": b"\xef\xbb\xbf\xef\xbb\xbfid,note\n1,x\n",
    "bom without header": b"\xef\xbb\xbf1,12345678\n2,12345679\n",
    "latin": "id,note\n1,Müller\n2,Größe\n".encode("cp1252"),
    "damaged": "id,note\n1,Müller Ärger Öl Übung\n".encode() + b"2,\xff\n",
    "wide": "id,note\n1,Müller\n".encode("utf-16"),
    "quoted header": b'id,"a ""b"", c"\n1,x\n',
    "header of two lines": b'id,"a\nb"\n1,x\n2,y\n',
    "quoted lines": b'id,note\n1,"a\nb"\n2,"c\r\nd"\n',
    "quotes": b'id,note\n1,""\n2,\n3,"x""y"\n',
    "ragged": b"id,note\n1,a\n2\n3,c,d\n4,e\n",
    "blank lines": b"\n\nid,note\n\n1,a\n\n2,b\n\n",
    "only header": b"id,note\n",
    "only header without end": b"id,note",
    "header and blank lines": b"id,note\n\r\n\n",
    "semicolons": b"id;amount\n1;2,5\n2;3,5\n",
    "tabs": b"id\tnote\n1\ta\n2\tb\n",
    "zeros": b"id,note\n1,a\0b\n2,c\n",
    "one column": b"id\n1\n\n2\n",
    "spaces": b" id , note \n 1 , a \n",
    "long row": b"id,note\n1," + b"x" * 300_000 + b"\n2,y\n",
    "open quote": b'id,note\n1,"a\n2,b\n',
}
JSON = {
    "plain": b'{"a": 1, "b": "x"}\n{"a": 2.50, "c": null}\n',
    "numbers": b'{"a": 1e5, "b": -0.0, "c": NaN, "d": 12345678901234567890123, "e": 1.0}\n',
    "bools": b'{"a": true, "b": "true"}\n{"a": "x", "b": false}\n',
    "nested": b'{"a": {"b": [1, "1", 1.50, {"c": null}]}, "d": [], "e": {}}\n{"a": 1}\n',
    "list of numbers": b'{"a":[1,"2"]}\n{"a":"[1]"}\n',
    "colons": b'{"time": "12:30", "url": "http://x"}\n{"a:b": 1}\n',
    "twice": b'{"a": 1, "a": 2}\n{"a": {"b": 1, "b": 2}}\n{"a": "x:y", "a": 1}\n{"a": 3}\n',
    "broken": b'{"a": 1\nnot json\n[1]\n"a:b"\n12\ntrue\nnull\n{"a": 2} x\n{"a": 3}\n',
    "spaces": b'  {"a" : 1}  \n\t\n\n{ "a":2 }\r\n',
    "bom": b'\xef\xbb\xbf{"a": "\xc3\xa4"}\n\xef\xbb\xbf{"a": 2}\n',
    "not utf-8": b'{"a": "\xff\xfe"}\n{"a": "ok"}\n',
    "surrogates": b'{"a": "\\ud800", "\\udc00": 1}\n{"\\ud83d\\ude00": "x"}\n',
    "control keys": b'{"a\\u0000b": 1, "\\u0085": 2, "": 3}\n',
    "raw control": b'{"a": "x\x01y"}\n{"b": 1}\n',
    "deep": b'{"a": ' + b"[" * 3000 + b"]" * 3000 + b"}\n",
    "document": b'[\n {"a": 1},\n {"a": [2]}\n]\n',
    "object": b'{\n "a": 1,\n "b": {"c": 2}\n}\n',
    "reserved": b'{"_corrupt_record": 1, "text": "x"}\n',
    "wide": '{"a": "ü"}\n'.encode("utf-16"),
    "no end": b'{"a": 1}\n{"a": 2}',
}
TEXT = {"lines": "a\nü\r\n\n".encode(), "bom": b"\xef\xbb\xbfa", "latin": "Müller".encode("cp1252")}
FILES = {
    **{f"csv: {name}": ("a.csv", content) for name, content in CSV.items()},
    **{f"csv.gz: {name}": ("a.csv.gz", gzip.compress(content)) for name, content in CSV.items()},
    **{f"jsonl: {name}": ("a.jsonl", content) for name, content in JSON.items()},
    **{f"jsonl.gz: {name}": ("a.jsonl.gz", gzip.compress(JSON[name])) for name in JSON},
    **{f"text: {name}": ("a.txt", content) for name, content in TEXT.items()},
}


def same(folder, format=None):
    """Compare both ways to read each table; returns whether there was one to compare."""
    lake = find_tables(str(folder), format)
    for table in lake:
        found = read_small(table)
        assert found is not None
        expected = LOCAL.collect(read_table(table, LOCAL, incomplete="warn"))
        rows = found.drop_columns(NUMBERS.names)
        assert LOCAL.schema(rows) == LOCAL.schema(read_table(table, LOCAL))
        assert str(canonical_table(rows).to_pylist()) == str(expected.to_pylist())
    return bool(lake)


@pytest.mark.parametrize("case", FILES)
def test_odd_text_files(tmp_path, case):
    name, content = FILES[case]
    (tmp_path / name).write_bytes(content)
    assert same(tmp_path)
    if name == "a.txt":
        assert same(tmp_path, "lines")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_parts_with_other_columns_in_folders_of_keys(tmp_path, kind):
    contents = list((CSV if kind == "csv" else JSON).values())
    for number, content in enumerate(contents):
        folder = tmp_path / f"t/day={number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"part-{number}.{kind}").write_bytes(content)
    assert same(tmp_path)


def test_parts_are_written_as_each_of_them_alone(tmp_path):
    more = {"other mark": b"id,note\n1;a\n2;b\n", "other code": "id,note\n1,ä\n".encode("cp1252")}
    contents = [b"id,note\n7,x\n8,y\n", *CSV.values(), *more.values(), *CSV.values()]
    for number, content in enumerate(contents):
        (tmp_path / f"part-{number:02}.csv").write_bytes(content)
    (table,) = find_tables(str(tmp_path))
    assert len(table.files) == len(contents)
    for file in table.files:
        assert file.dialect == dialect_of("csv", place_of(table.file_path(file)))


def test_parquet_files_of_all_types(tmp_path):
    noon = datetime.datetime(2024, 2, 29, 12, 30, 15, 123456)
    columns = {
        "small": pa.array([1, None], pa.int8()),
        "unsigned": pa.array([2**64 - 1, 0], pa.uint64()),
        "float": pa.array([1.5, float("nan")], pa.float32()),
        "exact": pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)),
        "long": pa.array([Decimal("1.5"), None], pa.decimal256(60, 2)),
        "text": pa.array(["ä", None], pa.large_string()),
        "word": pa.array(["a", "a"]).dictionary_encode(),
        "raw": pa.array([b"\xff", None], pa.binary()),
        "fixed": pa.array([b"ab", b"cd"], pa.binary(2)),
        "flag": pa.array([True, None]),
        "day": pa.array([noon.date(), None]),
        "seconds": pa.array([noon, None], pa.timestamp("s")),
        "nanos": pa.array([noon, None], pa.timestamp("ns")),
        "zoned": pa.array([noon, None], pa.timestamp("ms", "Europe/Berlin")),
        "time": pa.array([noon.time(), None], pa.time64("us")),
        "duration": pa.array([datetime.timedelta(1), None], pa.duration("us")),
        "nothing": pa.nulls(2),
        "list": pa.array([[1, None], []]),
        "struct": pa.array([{"a": 1, "b": ["x"]}, None]),
        "a.b": pa.array(["dotted", None]),
    }
    for name, column in columns.items():
        (tmp_path / name).mkdir()
        pq.write_table(pa.table({name: column, "other": [1, 2]}), tmp_path / name / "t.parquet")
    for number, kind in enumerate((pa.int32(), pa.float64(), pa.string())):
        folder = tmp_path / f"mixed/year={number}"
        folder.mkdir(parents=True)
        values = pa.array(["1", "2"]).cast(kind)
        pq.write_table(pa.table({"value": values, f"c{number}": [1, 2]}), folder / "p.parquet")
    assert same(tmp_path)


def test_random_lines_of_json(tmp_path):
    rng = random.Random(5)
    texts = ["", "a:b", "[", "{", "ü", "\u2028", '"', "\\", "1", "true"]

    def value(depth):
        kind = rng.randrange(8 if depth else 6)
        if kind == 6:
            return [value(depth - 1) for _ in range(rng.randrange(3))]
        if kind == 7:
            return {rng.choice("abc"): value(depth - 1) for _ in range(rng.randrange(3))}
        return [rng.choice(texts), rng.randrange(-5, 10**6), rng.random(), None, True, False][kind]

    lines = []
    for _ in range(400):
        pairs = [
            f"{json.dumps(rng.choice(['a', 'b', 'c:d', 'ü']))}: {json.dumps(value(2))}"
            for _ in range(rng.randrange(5))
        ]
        lines.append("{" + ", ".join(pairs) + "}")
    for line in lines:
        assert jsonl._parse(line) is None or {
            key: jsonl._text(item) for key, item in jsonl._parse(line).items()
        } == {key: jsonl._text(item) for key, item in jsonl._parse_slowly(line).items()}
        assert (jsonl._parse(line) is None) == (jsonl._parse_slowly(line) is None)
    assert jsonl._parse_all(lines) == list(map(jsonl._parse, lines))
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert same(tmp_path)


ODD_LINES = [
    ['{"a":1', '"b":2}'],
    ['{"a":1},{"b":2}', ""],
    ['{"a":1},{"b":2}', '"c":3}'],
    ['{"a":"x', '{"b":"y"}', '","c":1}'],
    ['{"a":"{"}', '{"a":1}'],
    ['{"a":1,"a":2}', '{"b":"x:y"}'],
    ['{"a":1}', "2", '{"b":3}'],
    ['{"a":1},2', '{"b":3}'],
    ['{"a":[1]}', '{"b":3}'],
    ['{"a":{"b":1}}', '{"b":3}'],
    ['{"a":1}', None, '{"b":true}'],
    ['{"\\u0085":1}', '{"b":3}'],
    ['{"a":1} ', '{"b":3}\r'],
]


@pytest.mark.parametrize("lines", ODD_LINES)
def test_lines_that_are_parsed_together_are_those_that_are_parsed_alone(lines):
    for all_lines in (lines, [*lines, *['{"x": 1.50, "y": null}'] * 300]):
        assert jsonl._parse_all(all_lines) == [jsonl._parse(line) for line in all_lines]


def test_a_table_that_is_large_in_memory_is_not_read_at_once(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_bytes(CSV["plain"])
    (table,) = find_tables(str(tmp_path))
    monkeypatch.setattr(small, "_ROW_BYTES", 10)
    assert read_small(table) is None
    monkeypatch.setattr(small, "_FILE_BYTES", 10)
    assert read_small(table) is None
