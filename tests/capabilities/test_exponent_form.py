"""Integers in exponent form, as Java writes doubles: searched in their plain digits too."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

import rai_scale
from rai_scale.pii.values.text_leaves import exponent_digits
from rai_scale.tables import find_tables
from tests.capabilities.presidio_alone import MODEL
from tests.capabilities.scan_lake import scan, sure

CARD = "4.012888888881881E15"
DIGITS = "4012888888881881"


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        (CARD, DIGITS),
        (" -4,012888888881881e+15 ", f"-{DIGITS}"),
        ("4.0128888888818811E15", None),  # not whole
        ("4012888888881881E0", DIGITS),
        ("1E-3", None),
        ("1E999", None),
        ("E15", None),
        (f"card {CARD}", None),
    ],
)
def test_digits_of_a_whole_number(text, digits):
    assert exponent_digits(text) == digits


@pytest.fixture
def lake(tmp_path):
    (tmp_path / "table.csv").write_text("no,amount,part\n" + f"{CARD},1.5E3,2.5E-7\n" * 20)
    line = f'{{"no": {CARD}, "as_text": "{CARD}", "in": {{"no": {CARD}}}}}\n'
    (tmp_path / "lines.jsonl").write_text(line * 20)
    return tmp_path


@pytest.mark.parametrize("engine", ["local", "dask"])
def test_a_scan_finds_them_in_text(lake, engine):
    tables = find_tables(str(lake), csv={"*.csv": {"header": True}})
    found = scan(tables, engine=engine)
    assert sure(found, "table") == {"no": "CREDIT_CARD"}
    assert sure(found, "lines") == dict.fromkeys(["no", "as_text", "in.no"], "CREDIT_CARD")


def test_redaction_replaces_them_and_leaves_the_rest_as_it_is_written(cluster_case):
    cells = [CARD, "1.5E9", f'{{"no":{CARD},"n":1.50E9,"s":"{CARD}"}}']
    frame = cluster_case.make(pa.table({"id": range(3), "v": cells, "f": [float(CARD)] * 3}))
    done = rai_scale.redact(
        frame, ["f"], json_columns=["v"], entities=["CREDIT_CARD"], model=MODEL, details=True
    )
    first, second, third = cluster_case.rows(done, "id")
    assert (first["v"], second["v"]) == ("<CREDIT_CARD>", "1.5E9")
    assert {row["f"] for row in (first, second, third)} == {"<CREDIT_CARD>"}
    assert third["v"] == '{"no":"<CREDIT_CARD>","n":1.50E9,"s":"<CREDIT_CARD>"}'
    assert [f["end"] for f in first["_rai_findings"]] == [len(DIGITS)] * 2


def test_what_is_kept_stays_as_it_is_written():
    cell = json.dumps({"no": float(DIGITS) * 1000})
    done = rai_scale.redact(
        pa.table({"v": [cell, f'{{"no":{CARD}}}']}),
        json_columns=["v"],
        operators={"DEFAULT": {"type": "keep"}},
        model=MODEL,
    )
    assert done["v"].to_pylist() == [cell, f'{{"no":{CARD}}}']
