"""What comes out of a scan, and that no value of the data does."""

from __future__ import annotations

import json
import logging
import shutil

import dask.dataframe as dd
import pandas as pd
import pytest

from rai_scale.samples import make_sample_lake, planted_values
from tests.capabilities import scan_lake
from tests.capabilities.scan_lake import MODEL, scan, verdicts


def test_nothing_that_was_found_is_in_any_output(lake, scanned, caplog, tmp_path):
    with caplog.at_level(logging.DEBUG):
        result = scan(lake, mode="full")
    page = result.save_html(tmp_path / "report.html").read_text(encoding="utf-8")
    outputs = {
        "json": result.to_json(),
        "html": page,
        "notebook": result._repr_html_(),
        "table": result.to_pandas().to_csv(),
        "repr": repr(result),
        "log": caplog.text,
    }
    assert "scanned people" in outputs["log"]
    for kind, text in outputs.items():
        found = [value for value in scan_lake.planted() if value in text]
        assert not found, f"{len(found)} planted values in {kind}"
    assert page == result.to_html()
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert all(table.table in page for table in result.tables)
    assert outputs["notebook"].startswith("<iframe srcdoc=")


def test_json_round_trip(scanned):
    document = json.loads(scanned.to_json())
    assert document == json.loads(json.dumps(scanned.to_dict()))
    assert document["summary"] == scanned.totals()
    assert scanned.metrics() == {k: float(v) for k, v in scanned.totals().items()}
    assert document["summary"]["tables_unreadable"] == 1
    assert document["summary"]["files_unreadable"] == 2
    assert document["run"]["model"] == MODEL


@pytest.mark.full
def test_the_sample_lake(tmp_path, caplog):
    made = make_sample_lake(tmp_path / "lake", rows=60)
    shutil.rmtree(tmp_path / "lake" / "support_tickets")  # its 600 kB cell takes long
    with caplog.at_level(logging.DEBUG):
        result = scan(made.directory)
    truth = json.loads((made.truth.parent / "columns.json").read_text())
    for name, entry in truth.items():
        if name == "support_tickets":
            continue
        seen = {
            c for (c, _), (verdict, _) in verdicts(result, name).items() if verdict != "unlikely"
        }
        assert set(entry["columns"]) <= seen, name
    assert [item.where for item in result.unread()][:3] == ["README", "_truth", "archive.bin"]
    text = result.to_json() + result.to_html() + result.to_pandas().to_csv() + caplog.text
    assert not [value for value in planted_values(made.directory) if value in text]


def test_the_message_of_a_strange_error_is_withheld(caplog):
    def read(part):
        raise ValueError(f"cannot read {scan_lake.email(part)}")

    meta = pd.DataFrame({"email": pd.Series([], dtype="object")})
    with caplog.at_level(logging.DEBUG):
        result = scan({"t": dd.from_map(read, [1, 2], meta=meta)}, mode="full")
    assert result.tables[0].note == "ValueError"
    assert scan_lake.email(1) not in result.to_json() + result.to_html() + caplog.text
