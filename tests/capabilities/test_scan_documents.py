"""Documents in a scan: the recall of plain text, one state per file, no value in any output."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import pyarrow.parquet as pq
import pytest

import rai_scale
from rai_scale.engines import engine_named
from rai_scale.pii import get_analyzer
from rai_scale.pii.scanning.tables import scan_config
from rai_scale.samples import make_sample_lake, planted_values
from rai_scale.samples.documents import TABLES, WRITERS
from rai_scale.tables import DocumentLimits, find_tables, read_table
from rai_scale.tables.readers import documents
from rai_scale.tables.readers.documents import ask
from tests.capabilities.presidio_alone import MODEL

LOCAL = engine_named("local")


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    pytest.importorskip("faker")
    folder = tmp_path_factory.mktemp("made") / "lake"
    return make_sample_lake(folder, rows=5, documents=True).directory


def texts_by_file(lake):
    """Return all text of each file, read as a scan reads it."""
    found = {}
    for table in find_tables(str(lake / "documents")):
        rows = LOCAL.collect(read_table(table, LOCAL)).to_pylist()
        for row in rows:
            name = row.get("file") or row.get("path") or table.files[0].path
            found.setdefault(name, []).append(row["text"] or "")
    return found


def test_recall_of_each_kind_is_that_of_plain_text(lake):
    items = pq.read_table(lake / "_truth" / "documents.parquet").to_pylist()
    analyzer = get_analyzer(scan_config(None, {"model": MODEL, "score_threshold": 0.35}))
    hits, planted = Counter(), Counter()
    texts = texts_by_file(lake)
    assert set(texts) == {item["file"] for item in items}
    for file, parts in texts.items():
        spans = set()
        for text in parts:
            results = analyzer.analyze_values([text], "text")
            for shown, analysis in results:
                spans |= {(r.entity_type, shown[r.start : r.end]) for r in analysis.results}
        kind = file.split(".", 1)[1]
        for item in items:
            if item["file"] == file:
                planted[kind] += 1
                hits[kind] += any(
                    item["entity"] == entity and item["value"] in span for entity, span in spans
                )
    recall = {kind: hits[kind] / planted[kind] for kind in planted}
    assert set(recall) == {*WRITERS, *TABLES}
    assert recall["txt"] > 0.7
    assert {kind: value for kind, value in recall.items() if value < recall["txt"] - 0.02} == {}


def test_a_scan_states_what_became_of_each_file_and_shows_no_value(lake, caplog):
    folder = lake / "documents"
    (folder / "broken.pdf").write_bytes((folder / "letter-1.pdf").read_bytes()[:200])
    half = (folder / "letters.zip").read_bytes()
    (folder / "bomb.gz").write_bytes(gzip.compress(bytes(40 << 20)))
    (folder / "half.zip").write_bytes(half[:-30])
    (folder / "photo.png").write_bytes(b"\x89PNG")
    with caplog.at_level("DEBUG"):
        result = rai_scale.scan(
            folder, model=MODEL, documents=DocumentLimits(max_ratio=20), mode="full"
        )
    totals = result.totals()
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert totals["files_read"] + totals["files_partly_read"] + totals["files_unread"] == len(files)
    assert totals["files_unread"] == 4
    unread = {item.where.split("/")[-1]: item.reason for item in result.unread()}
    assert "max_ratio" in unread["bomb.gz"]
    assert "damaged" in unread["half.zip"]
    assert "picture" in unread["photo.png"]
    tables = {table.table: table for table in result.tables}
    assert tables["pdf"].status == "partly unreadable"
    assert tables["docx"].status == "findings"
    everything = caplog.text + json.dumps(result.to_dict()) + result.to_html()
    assert not [value for value in planted_values(lake) if value in everything]


def test_documents_are_read_once_and_completely(lake, tmp_path, monkeypatch):
    for number in range(40):
        (tmp_path / f"{number}.xml").write_text("<a>" + f"<b>hello {number}</b>" * 400 + "</a>")
    (tmp_path / "broken.xml").write_text("<a><b>hello</b>")
    asked = []
    monkeypatch.setattr(
        documents, "ask", lambda request: asked.append(request.path) or ask(request)
    )
    result = rai_scale.scan(tmp_path, model=MODEL, entities=("EMAIL_ADDRESS",))
    (table,) = result.tables
    assert sorted(asked) == sorted(map(str, tmp_path.glob("*.xml")))
    assert (table.rows_scanned, table.rule) == (table.rows, "all rows")
    assert [name for name, _ in table.partly_read] == ["broken.xml"]


def test_every_engine_finds_the_same(lake, cluster_case):
    folder = lake / "documents"
    (folder / "broken.docx").write_bytes((folder / "letter-1.docx").read_bytes()[:-300])
    columns = ["table", "column", "entity", "verdict", "rows_with", "rows"]
    found = []
    for engine in (LOCAL, cluster_case.engine):
        result = rai_scale.scan(str(folder), engine=engine, model=MODEL, mode="full")
        assert any("broken.docx" in item.where for item in result.unread())
        found.append(result.to_pandas()[columns].to_dict("records"))
        found.append([item.to_dict() for item in result.unread()])
    assert str(found[:2]) == str(found[2:])
