"""Recall and precision against a truth of a few items whose answer is known."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rai_scale.errors import TableError
from rai_scale.jobs.redact.prove import prove, read_truth
from tests.jobs.small_lake import EMAIL, MODEL, PERSON, PHONE, cli, write_config

NOTES = [
    f"Mail {EMAIL} now.",  # 0: found
    f"Mail {EMAIL} now.",  # 1: found by a deny list only, so that the name stays
    "Code 123-45-6789x",  # 2: what the truth calls personal and nobody finds
    "The Widget is fine.",  # 3: a false positive, by a deny list
    "x" * 1_000_001,  # 4: quarantined
    "On 2024-01-02 see https://example.org",  # 5: types that precision leaves out
]


def item(key, value, entity, column="note", table="people"):
    text = NOTES[key] if table == "people" and column == "note" else value
    start = max(text.find(value), 0)
    return (table, str(key), column, entity, start, start + len(value), value)


@pytest.fixture
def lake(tmp_path):
    folder = tmp_path / "lake"
    (folder / "_truth").mkdir(parents=True)
    documents = [
        json.dumps({"who": PERSON, "tel": [PHONE, PHONE]}),
        json.dumps({"who": "Acme"}),
        None,
        "no document",
        "{}",
        "{}",
    ]
    people = {"id": [f"p{i}" for i in range(6)], "note": NOTES, "doc": documents}
    pq.write_table(pa.table(people), folder / "people.parquet")
    pq.write_table(pa.table({"id": ["o1"], "email": [EMAIL]}), folder / "other.parquet")
    rows = [
        item(0, EMAIL, "EMAIL_ADDRESS"),
        item(1, EMAIL, "EMAIL_ADDRESS"),
        item(2, "123-45-6789x", "US_SSN"),
        item(4, "xxxx", "PERSON"),
        item(0, PERSON, "PERSON", "doc.who"),
        item(0, PHONE, "PHONE_NUMBER", "doc.tel[0]"),
        item(0, PHONE, "PHONE_NUMBER", "doc.tel[1]"),
        ("other", "o1", "email", "EMAIL_ADDRESS", 0, len(EMAIL), EMAIL),
    ]
    rows = [(t, f"p{k}" if t == "people" else k, *rest) for t, k, *rest in rows]
    names = ["table", "key", "column", "entity", "start", "end", "value"]
    pd.DataFrame(rows, columns=names).to_parquet(folder / "_truth" / "items.parquet")
    columns = {name: {"key": ["id"], "columns": {}} for name in ("people", "other")}
    (folder / "_truth" / "columns.json").write_text(json.dumps(columns))
    return folder


def redact(lake, out, **table):
    analyzer = {"model": MODEL, "deny_lists": {"PRODUCT": ["Widget"]}}
    analyzer["entities"] = ["EMAIL_ADDRESS", "PHONE_NUMBER", "PRODUCT", "DATE_TIME", "URL"]
    values = {"source": str(lake), "output": str(out), "analyzer": analyzer}
    values |= {"max_error_ratio": 0.5, "tables": {"people": {"key_columns": ["id"], **table}}}
    ran = cli("redact", write_config(out.with_suffix(".yaml"), values))
    assert ran.code == 2, ran.text


def test_every_item_is_judged(lake, tmp_path):
    redact(lake, tmp_path / "out", columns=["note"], json_columns=["doc"])
    proof = prove(read_truth(lake), str(tmp_path / "out"))
    # removed: two mails, two phones, the quarantined one; not: the number, the name, the other table
    assert (proof["items"], proof["removed"]) == (8, 5)
    assert proof["recall"] == 5 / 8
    missed = {(m["table"], m["column"], m["entity"]): m["count"] for m in proof["missed"]}
    assert missed == {
        ("people", "note", "US_SSN"): 1,
        ("people", "doc.who", "PERSON"): 1,
        ("other", "email", "EMAIL_ADDRESS"): 1,
    }
    # findings that count: two mails, two phones, the widget
    assert proof["precision"] == 4 / 5
    by_entity = {row["entity"]: row for row in proof["by_entity"]}
    assert by_entity["EMAIL_ADDRESS"]["items"] == 3
    assert by_entity["EMAIL_ADDRESS"]["recall"] == pytest.approx(2 / 3)
    assert by_entity["PERSON"] == {
        "entity": "PERSON",
        "items": 2,
        "removed": 1,
        "recall": 0.5,
        "false_positives": 0,
    }
    by_table = {row["table"]: (row["items"], row["removed"]) for row in proof["by_table"]}
    assert by_table == {"people": (7, 5), "other": (1, 0)}
    assert not any(value in json.dumps(proof) for value in (EMAIL, PERSON, PHONE))


def test_what_was_not_treated_is_missed(lake, tmp_path):
    redact(lake, tmp_path / "out", columns=["note"])
    proof = prove(read_truth(lake), str(tmp_path / "out"))
    assert proof["removed"] == 3
    assert {m["column"] for m in proof["missed"]} == {"note", "doc.who", "doc.tel[0]", "doc.tel[1]", "email"}  # fmt: skip
    assert proof["precision"] == 2 / 3


def test_an_output_that_was_not_written_here(lake):
    with pytest.raises(TableError, match="not a table that rai_scale wrote"):
        prove(read_truth(lake), str(lake))
