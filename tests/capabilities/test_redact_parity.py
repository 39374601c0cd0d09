"""Every row as Presidio alone gives it, on every engine, however the rows are cut."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rai_scale
from rai_scale.samples import make_sample_lake
from tests.capabilities.presidio_alone import (
    MODEL,
    settled,
    spans_found,
    stock_analyze,
    stock_redact,
)
from tests.conftest import full

COLUMNS = {
    "customers": ("full_name", "email", "street_address", "notes", "emergency_contact"),
    "support_tickets": ("subject", "body"),
    "clinic": ("patient_name", "doctor_note"),
}


def lake_texts(folder: Path) -> list[str]:
    """The distinct texts of a small lake; unreadable files are left out, and so are giant cells."""
    found: dict[str, None] = {}
    for table, columns in COLUMNS.items():
        for file in sorted((folder / table).rglob("*.parquet")):
            try:
                data = pq.read_table(file, partitioning=None)
            except pa.ArrowInvalid:
                continue
            for column in set(columns) & set(data.column_names):
                found.update(dict.fromkeys(data[column].to_pylist()))
    return [text for text in found if text and len(text) < 5000]


@pytest.fixture(scope="module")
def lake_table(tmp_path_factory) -> pa.Table:
    folder = tmp_path_factory.mktemp("lake") / "lake"
    make_sample_lake(folder, rows=60)
    texts = lake_texts(folder)
    assert len(texts) > 200
    texts = [*texts[::3], None, "", texts[0], "  "]
    return pa.table({"id": range(len(texts)), "text": texts})


def differences(case, table: pa.Table, partitions: int) -> list[int]:
    """The ids of the rows where our answer is not Presidio's."""
    frame = case.make(table, partitions)
    done = rai_scale.redact(frame, "text", model=MODEL, details=True)
    assert type(done) is type(frame)
    rows = case.rows(done, by="id")
    assert [row["id"] for row in rows] == table["id"].to_pylist()
    texts = table["text"].to_pylist()
    return [row["id"] for row, text in zip(rows, texts, strict=True) if not same(row, text)]


def same(row: dict, text: str | None) -> bool:
    if row["_rai_status"] != "ok" or row["_rai_error"] is not None:
        return False
    if text is None:
        return row["text"] is None and not row["_rai_findings"]
    found = settled(text, stock_analyze(text))
    return row["text"] == stock_redact(text) and spans_found(row) == found


@pytest.mark.parametrize("partitions", [1, 3, full(7)])
def test_no_difference_on_the_sample_lake(engine_case, lake_table, partitions):
    if engine_case.name == "pandas" and partitions > 1:
        table = lake_table.slice(0, lake_table.num_rows // partitions)
        assert differences(engine_case, table, 1) == []
        return
    assert differences(engine_case, lake_table, partitions) == []


@pytest.mark.reference
@pytest.mark.full
@pytest.mark.parametrize("partitions", [1, 3, 7])
def test_no_difference_on_presidios_own_sentences(engine_case, reference_data, partitions):
    file = reference_data / "pii" / "generated_small.json"
    texts = [row["full_text"] for row in json.loads(file.read_text())]
    assert len(texts) == 100
    table = pa.table({"id": range(len(texts)), "text": texts})
    if engine_case.name == "pandas":
        table = table.slice(0, table.num_rows // partitions)
    assert differences(engine_case, table, partitions) == []


def test_the_texts_are_not_trivial(lake_table):
    texts = [t for t in lake_table["text"].to_pylist() if t]
    kinds = {r.entity_type for text in texts for r in stock_analyze(text)}
    assert {"PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "DATE_TIME", "LOCATION"} <= kinds
    assert sum(stock_redact(text) != text for text in texts) > len(texts) / 2
