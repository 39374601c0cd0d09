"""Names of columns that are values: searched, not shown, and never the reason of a clean table."""

from __future__ import annotations

import json

import pytest

from rai_scale.pii.scanning.column_name_search import NAMES
from tests.capabilities.scan_lake import scan, table_of

ENGINES = pytest.mark.parametrize("engine", ["local", "dask"])
ROWS = ["Smith,Berlin,asthma", "Miller,Paris,migraine", "Davis,Rome,gout"] * 10


@ENGINES
@pytest.mark.parametrize(
    ("lines", "doubt"),
    [
        (["Kateryna Quintanilla,Pforzheim,leukemia", *ROWS], "nothing shows"),
        (["Kateryna Quintanilla,leukemia since 2019,12 Elm Street"], "no header was recognised"),
    ],
)
def test_a_first_record_that_may_be_data(tmp_path, engine, lines, doubt):
    (tmp_path / "a.csv").write_text("\n".join(lines))
    result = scan(str(tmp_path), engine=engine)
    (table,) = result.tables
    assert any(doubt in said for said in table.doubts)
    assert result.run["status"] == "warnings"
    assert table.status == "findings"
    for text in (result.to_json(), result.to_html(), result.to_pandas().to_csv()):
        assert not any(value in text for value in ("Quintanilla", "Pforzheim", "Elm Street"))


@ENGINES
def test_personal_keys_of_json_are_found_and_not_shown(tmp_path, engine):
    lines = [json.dumps({f"u{i}@example.com": 1}) for i in range(30)]
    (tmp_path / "k.jsonl").write_text("\n".join(lines))
    result = scan(str(tmp_path), engine=engine)
    table = table_of(result, "k")
    (names,) = [c for c in table.columns if c.column == NAMES]
    found = {f.entity: (f.rows_with, f.verdict) for f in names.findings}
    assert found["EMAIL_ADDRESS"] == (30, "personal")
    assert table.status == "findings"
    assert "u1@example.com" not in result.to_json()


@ENGINES
def test_usual_names_are_no_finding(tmp_path, engine):
    header = '"Phone No.","Full Name (Legal)","Größe in cm"'
    (tmp_path / "a.csv").write_text(header + "\n" + "x,y,1\nz,w,2\n" * 5)
    result = scan(str(tmp_path), engine=engine)
    assert [c.column for c in result.tables[0].columns] == [
        "Phone No.",
        "Full Name (Legal)",
        "Größe in cm",
    ]
