"""What every result offers."""

from __future__ import annotations

import html
import json
import re
import sys

import pytest

from rai_scale.errors import MissingExtraError
from rai_scale.pii import AnalyzerConfig
from rai_scale.pii.scanning.guarantee import Guarantee
from rai_scale.pii.scanning.result import COLUMNS, ScanResult
from rai_scale.pii.scanning.table_scan import ColumnScan, TableScan
from rai_scale.pii.scanning.verdict import Seen, judge
from rai_scale.results import Result
from rai_scale.tables.source import Skipped


@pytest.fixture
def result():
    seen = Seen(8, 8)
    findings = judge(("EMAIL_ADDRESS",), seen, {"EMAIL_ADDRESS": (8, 8.0), "URL": (8, 4.0)})
    email = ColumnScan("e<mail>", "e<mail>", "string", 8, 1, seen.is_field, tuple(findings))
    size = ColumnScan("size", "size", "double", 9, 0, True, ())
    return ScanResult(
        tables=(
            TableScan("people", "csv", 9, 9, 1, "partly unreadable", None, (email, size)),
            TableScan(
                "lost", "csv", None, 0, 1, "unreadable", "OSError", (), (("a.csv", "OSError"),)
            ),
            TableScan("shop", "frame", 5, 5, 0, "clean", None, ()),
        ),
        skipped=(Skipped("photo.xyz", "unknown kind of file", bytes=9),),
        run={
            "run_id": "r1",
            "started": "2026-01-02T03:04:05+00:00",
            "seconds": 1.5,
            "engine": "local",
            "source": "lake",
            "status": "warnings",
        },
        config=AnalyzerConfig(model="m"),
        guarantee=Guarantee(mode="full"),
        random_state=0,
    )


def test_json_is_the_plain_form(result):
    assert json.loads(result.to_json()) == json.loads(json.dumps(result.to_dict()))


def test_json_keeps_letters_and_says_what_is_not_finite():
    class Named(Result):
        def to_dict(self):
            return {"table": "Straße 日本"}

    class Endless(Result):
        def to_dict(self):
            return {"share": float("nan"), "most": float("inf")}

    assert "Straße 日本" in Named().to_json()
    assert json.loads(Endless().to_json()) == {"share": None, "most": "inf"}


def test_the_summary(result):
    assert result.totals() == {
        "tables": 3,
        "columns": 2,
        "rows": 14,
        "rows_scanned": 14,
        "columns_with_findings": 1,
        "columns_with_secrets": 0,
        "columns_with_indirect_data": 0,
        "columns_in_conflict": 0,
        "tables_at_high_risk": 1,
        "tables_clean": 1,
        "tables_unreadable": 1,
        "files_unreadable": 1,
        "files_partly_read": 0,
        "files_read": 1,
        "error_cells": 1,
        "cells_unread": 0,
        "files_unread": 2,
        "tables_unread": 0,
        "items_unread": 3,
        "bytes_unread": 9,
        "bytes_known": 0,
        "unity_missing": 0,
        "unity_not_checked": 0,
    }
    assert result.metrics()["rows"] == 14.0


def test_a_row_per_finding_and_one_per_table_without(result):
    table = result.to_pandas()
    assert {name: str(kind) for name, kind in table.dtypes.items()} == COLUMNS
    assert table["table"].tolist() == ["people", "people", "lost", "shop"]
    assert table["entity"].fillna("-").tolist() == ["EMAIL_ADDRESS", "URL", "-", "-"]
    assert table["rows"].isna().tolist() == [False, False, True, False]


def test_the_page_and_its_frame_in_a_notebook(result, tmp_path):
    page = result.to_html()
    assert "e&lt;mail&gt;" in page
    assert "e<mail>" not in page
    frame = re.fullmatch(r'<iframe srcdoc="([^"]*)" style="[^"]*"></iframe>', result._repr_html_())
    assert html.unescape(frame.group(1)) == page
    saved = result.save_html(tmp_path / "report.html")
    assert saved.read_text(encoding="utf-8") == page
    assert list(tmp_path.iterdir()) == [saved]


def test_a_result_without_tables_of_its_own_has_its_numbers():
    assert list(Result().to_pandas()) == ["metric", "value"]
    assert Result().to_dict() == {"metrics": {}}
    assert Result().metrics() == {}


def test_mlflow_is_an_extra(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match="mlflow"):
        result.log_mlflow()
