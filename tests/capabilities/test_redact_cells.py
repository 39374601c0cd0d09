"""What each kind of cell becomes, and what happens to one that cannot be analysed."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import rai_scale
from rai_scale.engines import engine_of
from rai_scale.errors import ConfigError, MissingColumnError, WorkerError
from rai_scale.pii.redaction.findings import FailedRows, FindingRows, GoodRows
from tests.capabilities.presidio_alone import MODEL, stock_redact

PERSON = "Anna Smith"
SECRET = "anna.smith@example.com"
TOO_LONG = SECRET + " " + "x" * (1_000_001 - len(SECRET) - 1)


def redact(data, *columns, **options):
    return rai_scale.redact(data, list(columns), model=MODEL, **options)


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pa.array([4095260993934932, None, 7]), ["4095260993934932", None, "7"]),
        (pa.array([1.5, None, float("nan"), -0.0]), ["1.5", None, "nan", "-0.0"]),
        (pa.array([Decimal("2125555555.10"), None]), ["2125555555.10", None]),
        (pa.array([dt.date(1976, 1, 16), None]), ["1976-01-16", None]),
        (
            pa.array([dt.datetime(2024, 1, 2, 3, 4, 5)], pa.timestamp("us")),
            ["2024-01-02 03:04:05"],
        ),
        (pa.array([True, False, None]), ["True", "False", None]),
        (pa.array(["", "  ", "\n", None]), ["", "  ", "\n", None]),
    ],
    ids=["integer", "float", "decimal", "date", "timestamp", "bool", "blank"],
)
def test_cells_that_are_not_text(cluster_case, column, texts):
    table = pa.table({"id": range(len(column)), "v": column})
    out = cluster_case.rows(redact(cluster_case.make(table, 2), "v"), by="id")
    untouched = (None, "nan", "True", "False")
    assert [row["v"] for row in out] == [t if t in untouched else stock_redact(t) for t in texts]


def test_a_dirty_pandas_column():
    values = [f"I am {PERSON}", None, np.nan, 2125555555, 1.5, "", pd.NA]
    out = redact(pd.DataFrame({"v": values}, dtype=object), "v")["v"].tolist()
    assert out[0] == stock_redact(values[0])
    assert [v for v in out if not isinstance(v, str)] == [None, None, None]
    assert out[3] == stock_redact("2125555555")
    assert "PERSON" not in str(out[1:])  # not the PERSON called "nan"


def test_over_long_text_is_an_error_row(engine_case):
    table = pa.table({"id": [0, 1, 2], "v": [f"I am {PERSON}", TOO_LONG, None]})
    out = redact(engine_case.make(table, 2), "v", details=True)
    rows = engine_case.rows(out, by="id")
    assert [row["_rai_status"] for row in rows] == ["ok", "error", "ok"]
    assert rows[1]["_rai_error"] == "v: TextTooLong"
    assert rows[1]["v"] is None
    assert not rows[1]["_rai_findings"]
    assert rows[0]["v"] == stock_redact(f"I am {PERSON}")


def test_over_long_text_stops_the_run_without_details(engine_case):
    table = pa.table({"id": [0, 1], "v": ["ok", TOO_LONG]})
    with pytest.raises(WorkerError) as caught:
        engine_case.engine.collect(redact(engine_case.make(table, 2), "v"))
    assert "v: TextTooLong" in str(caught.value)
    assert "details=True" in str(caught.value)
    assert SECRET not in str(caught.value)
    chain, seen = caught.value, []
    while chain is not None and len(seen) < 9:
        seen.append(str(chain))
        chain = chain.__cause__
    assert SECRET not in "".join(seen)


def test_on_error_null_gives_null():
    out = redact(pa.table({"v": ["ok", TOO_LONG]}), "v", on_error="null")
    assert out.to_pylist() == [{"v": "ok"}, {"v": None}]


def test_max_chars_can_be_lowered():
    out = redact(pa.table({"v": ["x" * 11, "x" * 10]}), "v", max_chars=10, details=True)
    assert out["_rai_error"].to_pylist() == ["v: TextTooLong", None]


def test_output_findings_and_quarantine_come_from_one_staged_table(cluster_case):
    table = pa.table({"id": [0, 1, 2], "v": [f"I am {PERSON}", TOO_LONG, "hi"]})
    staged = redact(cluster_case.make(table, 3), "v", details=True)
    engine = engine_of(staged)
    failed, findings = FailedRows(("id",)), FindingRows(("id",))
    good = engine.map_partitions(staged, GoodRows(("id", "v")), table.schema, label="output")
    schema = engine.schema(staged)
    bad = engine.map_partitions(staged, failed, failed.schema(schema), label="quarantine")
    found = engine.map_partitions(staged, findings, findings.schema(schema), label="findings")
    assert {row["id"] for row in cluster_case.rows(good)} == {0, 2}
    assert cluster_case.rows(bad) == [{"id": 1, "_rai_error": "v: TextTooLong"}]
    rows = cluster_case.rows(found)
    assert [(r["id"], r["column"], r["entity"], r["start"], r["end"]) for r in rows] == [
        (0, "v", "PERSON", 5, 15)
    ]
    assert PERSON not in str(rows)


def test_columns_that_cannot_be_read_are_refused():
    table = pa.table({"raw": [b"x"], "name": ["x"]})
    with pytest.raises(ConfigError, match=r"'raw' is binary; decode it"):
        redact(table, "raw")
    with pytest.raises(MissingColumnError, match="Did you mean 'name'"):
        redact(table, "nmae")


DOCUMENTS = [
    {"user": {"email": SECRET, "id": 7}, "items": [{"note": f"for {PERSON}"}, {"note": None}]},
    ["a", f"call {PERSON}", 3.5, True, {}],
    {"phone": 2125555555, "é": "日本"},
]


def test_json_text_stays_json(engine_case):
    cells = [json.dumps(d) for d in DOCUMENTS] + [f"I am {PERSON}", "{broken", None, "", "42"]
    table = pa.table({"id": range(len(cells)), "doc": cells})
    frame = engine_case.make(table, 3)
    done = rai_scale.redact(frame, json_columns=["doc"], model=MODEL, details=True)
    rows = engine_case.rows(done, by="id")
    first = json.loads(rows[0]["doc"])
    assert first["user"] == {"email": stock_redact(SECRET), "id": 7}
    assert first["items"] == [{"note": stock_redact(f"for {PERSON}")}, {"note": None}]
    assert json.loads(rows[1]["doc"]) == ["a", stock_redact(f"call {PERSON}"), 3.5, True, {}]
    third = json.loads(rows[2]["doc"])
    assert third["é"] == stock_redact("日本")
    assert third["phone"] == redacted_or_same(2125555555)
    assert rows[3]["doc"] == stock_redact(f"I am {PERSON}")
    assert rows[4]["doc"] == stock_redact("{broken")
    assert [row["doc"] for row in rows[5:]] == [None, "", stock_redact("42")]
    paths = {f["column"] for row in rows for f in row["_rai_findings"] or []}
    assert {"doc.user.email", "doc.items[].note", "doc[]", "doc"} <= paths
    assert SECRET not in str(rows)


def redacted_or_same(number: int) -> object:
    text = stock_redact(str(number))
    return number if text == str(number) else text


def test_json_without_findings_is_left_as_it_was_written():
    cell = '{ "a" : 1,\n "b": [ "nothing here" ] }'
    out = rai_scale.redact(pa.table({"d": [cell]}), json_columns=["d"], model=MODEL)
    assert out["d"].to_pylist() == [cell]


def test_nested_columns_keep_their_type():
    kind = pa.struct([("who", pa.string()), ("age", pa.int64()), ("mails", pa.list_(pa.string()))])
    cells = [
        {"who": f"I am {PERSON}", "age": 5, "mails": [SECRET, None]},
        None,
        {"who": None, "age": None, "mails": None},
    ]
    table = pa.table({"d": pa.array(cells, kind)})
    out = rai_scale.redact(table, json_columns=["d"], model=MODEL, details=True)
    assert out.schema.field("d").type == kind
    rows = out.to_pylist()
    assert rows[0]["d"] == {
        "who": stock_redact(f"I am {PERSON}"),
        "age": 5,
        "mails": [stock_redact(SECRET), None],
    }
    assert [row["d"] for row in rows[1:]] == cells[1:]
    assert {f["column"] for f in rows[0]["_rai_findings"]} == {"d.who", "d.mails[]"}


def test_a_leaf_that_fails_fails_its_document_only():
    cells = [json.dumps({"a": "x" * 40, "b": SECRET}), json.dumps({"a": "short"})]
    out = rai_scale.redact(
        pa.table({"d": cells}), json_columns=["d"], model=MODEL, max_chars=30, details=True
    ).to_pylist()
    assert out[0]["d"] is None
    assert out[0]["_rai_error"] == "d.a: TextTooLong"
    assert (out[1]["d"], out[1]["_rai_status"]) == (cells[1], "ok")


@pytest.mark.parametrize("entities", [None, ["SLOW"]])
@pytest.mark.parametrize("silenced", [False, True])
def test_a_pattern_that_does_not_end_is_an_error_row(monkeypatch, entities, silenced):
    import logging

    import presidio_analyzer.pattern_recognizer as module

    monkeypatch.setattr(module, "REGEX_TIMEOUT_SECONDS", 0.05)
    if silenced:
        monkeypatch.setattr(logging.getLogger("presidio-analyzer"), "level", logging.ERROR)
        logging.getLogger("presidio-analyzer").manager._clear_cache()
    slow = {"entity": "SLOW", "regex": "(a|aa)+$", "score": 0.5}
    texts = ["hello", "a" * 80 + "!"]
    out = redact(
        pa.table({"v": texts}), "v", patterns=[slow], entities=entities, details=True
    ).to_pylist()
    assert out[0]["_rai_status"] == "ok"
    assert out[1]["_rai_error"] == "v: RegexTimeout"
    assert out[1]["v"] is None


def test_a_personal_key_of_a_document_is_redacted_and_named_nowhere():
    frame = pd.DataFrame({"doc": ['{"jane.roe@example.com": {"visits": 3}, "kind": "x"}']})
    row = rai_scale.redact(frame, json_columns=["doc"], details=True, model=MODEL).iloc[0]
    assert json.loads(row["doc"]) == {"<EMAIL_ADDRESS>": {"visits": 3}, "kind": "x"}
    assert "jane" not in str(row["_rai_findings"])
    assert "doc.*" in {finding["column"] for finding in row["_rai_findings"]}


def test_a_repeated_key_is_treated_each_time(engine_case):
    cells = [
        f'{{"note":"call {PERSON}","id":1.50,"note":"ok"}}',
        f'{{"note":"ok","big":1e400,"note": "call {PERSON}"}}',
        json.dumps({"log": f'{{"who":"{PERSON}","who":"x"}}'}),
    ]
    done = rai_scale.redact(
        engine_case.make(pa.table({"id": [0, 1, 2], "doc": cells})),
        json_columns=["doc"],
        entities=["PERSON"],
        model=MODEL,
    )
    new = [cell.replace(PERSON, "<PERSON>") for cell in cells]
    assert [row["doc"] for row in engine_case.rows(done, "id")] == new


def test_a_deep_document_is_treated_and_hides_no_other_row(engine_case):
    deep = '{"a":' * 5_000 + f'"{SECRET}"' + "}" * 5_000
    table = pa.table({"id": [0, 1, 2], "doc": [SECRET, deep, "{" * 5_000]})
    done = rai_scale.redact(
        engine_case.make(table), json_columns=["doc"], entities=["EMAIL_ADDRESS"], model=MODEL
    )
    assert [row["doc"] for row in engine_case.rows(done, "id")] == [
        "<EMAIL_ADDRESS>",
        deep.replace(SECRET, "<EMAIL_ADDRESS>"),
        "{" * 5_000,
    ]


def test_a_rule_for_a_leaf_finds_it_whatever_its_key():
    keys = ["code", "Full Name", "a.b", "prénom", "a b.c d"]
    cells = [json.dumps({key: "qx-zz", "other": "qx-zz"}, ensure_ascii=False) for key in keys]
    row = rai_scale.redact(
        pa.table({"j": cells}),
        json_columns=["j"],
        whole_columns={f"j.{key}": "PERSON" for key in keys},
        model=MODEL,
        details=True,
    ).to_pylist()
    assert [json.loads(r["j"]) for r in row] == [{k: "<PERSON>", "other": "qx-zz"} for k in keys]
    assert [f["column"] for r in row for f in r["_rai_findings"]] == [f"j.{key}" for key in keys]


STRUCT = pa.struct([("ssn", pa.int64()), ("tags", pa.list_(pa.float64())), ("n", pa.int64())])


@pytest.mark.parametrize(
    "column",
    [
        pa.array([{"ssn": 219099999, "tags": [2.0, None], "n": 1}, None], STRUCT),
        pa.array([[("ssn", "219099999"), ("n", "1")], None], pa.map_(pa.string(), pa.string())),
        pa.array(['{"ssn":219099999,"tags":[2.0,null],"n":1}', None]),
    ],
    ids=["struct", "map", "text"],
)
def test_a_rule_for_a_leaf_treats_any_type_of_value(cluster_case, column):
    frame = cluster_case.make(pa.table({"id": [0, 1], "s": column}))
    rules = {"s.ssn": "US_SSN"} | ({} if pa.types.is_map(column.type) else {"s.tags": "X"})
    out = rai_scale.redact(frame, json_columns=["s"], whole_columns=rules, model=MODEL)
    first, second = (row["s"] for row in cluster_case.rows(out, "id"))
    found = json.loads(first) if isinstance(first, str) else dict(first)
    assert found["ssn"] == "<US_SSN>"
    assert found.get("tags") in (None, ["<X>", None])
    assert str(found["n"]) == "1"
    assert second is None


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("s.snn", r"no leaf 's.snn'. Did you mean 's.ssn'\? The leaves are: s, s.ssn, s.raw\."),
        ("s.inner.ssn", r"no leaf 's.inner.ssn'"),
        ("n.ssn", r"no leaf 'n.ssn'"),
        ("s.raw", r"'s.raw' is binary"),
        ("t.ssn", r"columns not found: 't.ssn'"),
    ],
)
def test_a_rule_that_can_match_nothing_is_refused(engine_case, rule, message):
    kind = pa.struct([("ssn", pa.int64()), ("raw", pa.binary())])
    table = pa.table({"s": pa.array([{"ssn": 1, "raw": b""}], kind), "n": [1]})
    frame = engine_case.make(table) if engine_case.name != "pandas" else table
    with pytest.raises((ConfigError, MissingColumnError), match=message):
        rai_scale.redact(frame, json_columns=["s", "n"], whole_columns={rule: "X"}, model=MODEL)


def test_a_cell_whose_rules_cannot_be_kept_is_set_aside():
    table = pa.table({"j": ['{"code": "qx', '{"code": "qx"}', "plain"]})
    rows = rai_scale.redact(
        table, json_columns=["j"], whole_columns={"j.code": "X"}, model=MODEL, details=True
    ).to_pylist()
    assert [(r["j"], r["_rai_error"]) for r in rows] == [
        (None, "j: InvalidDocument"),
        ('{"code": "<X>"}', None),
        ("plain", None),
    ]


def test_a_value_that_python_cannot_hold_fails_its_row_only():
    far = pa.array([0, 2**60], pa.timestamp("us"))
    rows = redact(pa.table({"v": far}), "v", details=True).to_pylist()
    assert [row["v"] for row in rows] == [stock_redact("1970-01-01 00:00:00"), None]
    assert [row["_rai_status"] for row in rows] == ["ok", "error"]
    raw = pa.StringArray.from_buffers(2, pa.array([0, 1, 2], pa.int32()).buffers()[1], pa.py_buffer(b"a\xff"))  # fmt: skip
    rows = redact(pa.table({"v": raw}), "v", details=True).to_pylist()
    assert [(row["v"], row["_rai_error"]) for row in rows] == [
        ("a", None),
        (None, "v: UnicodeDecodeError"),
    ]


def test_details_replace_no_column_of_the_frame():
    table = pa.table({"a": [PERSON], "_rai_error": ["mine"]})
    with pytest.raises(ConfigError, match=r"would replace the columns \['_rai_error'\]"):
        redact(table, "a", details=True)
    assert redact(table, "a")["_rai_error"].to_pylist() == ["mine"]


def test_a_column_of_a_union_is_passed_through():
    kinds = pa.array([0, 1], pa.int8())
    mixed = pa.UnionArray.from_sparse(kinds, [pa.array([1, None]), pa.array([None, "x"])])
    table = redact(pa.table({"a": [PERSON, None], "u": mixed}), "a")
    assert table.to_pydict() == {"a": ["<PERSON>", None], "u": [1, "x"]}
