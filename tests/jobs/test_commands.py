"""Commands are made from the table of jobs: dry runs, and the simple case without YAML."""

from __future__ import annotations

import json
import re
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from rai_scale.jobs.metrics import METRIC
from rai_scale.jobs.registry import JOBS as ENTRIES
from tests.jobs.every_job import JOBS, PRIVATE, make_table, run_of, set_up
from tests.jobs.small_lake import EMAIL, MODEL, cli, rows_of, state, write_config


def test_every_job_is_in_the_table_of_tests():
    assert {command for command, _ in JOBS.values()} == {entry.name for entry in ENTRIES}


@pytest.mark.parametrize("name", JOBS)
def test_a_dry_run_says_what_a_run_would_do_and_does_nothing(name, tmp_path, monkeypatch):
    command, out = set_up(name, tmp_path), tmp_path / "out"
    before = state(tmp_path)

    def reading(*_: Any, **__: Any) -> Any:
        raise AssertionError("a row was read")

    with monkeypatch.context() as patch:
        patch.setattr(pq.ParquetFile, "read_row_group", reading)
        patch.setattr(pq.ParquetFile, "iter_batches", reading)
        ran = cli(*command, "--dry-run")
    assert ran.code == 0, ran.text
    read = r"people \((parquet|images), 1 file\)|the result of balance"
    assert re.search(f"would read: ({read})", ran.out)
    assert f"would write to {out}: " in ran.out
    assert ("would charge: nothing" in ran.out) == (name not in PRIVATE)
    assert ("epsilon" in ran.out) == (name in PRIVATE)
    assert state(tmp_path) == before
    assert not out.exists()
    assert cli(*command).code == 0
    if name not in ("redact", "private sql"):  # whose names depend on the source
        written = {path.name for path in out.glob("*.parquet")}
        assert set(re.findall(r"[^ ]+[.]parquet", ran.out)) == written
    ran = cli(*command, "--dry-run")
    assert f"would write: nothing; already done as run {run_of(out)}" in ran.out


@pytest.mark.parametrize("name", JOBS)
def test_the_manifest_of_every_job_has_the_one_schema(name, tmp_path):
    command, out = set_up(name, tmp_path), tmp_path / "out"
    assert cli(*command).code == 0
    manifest = json.loads((out / "_manifest.json").read_text())
    assert manifest["schema_version"] == 2
    read = ["people"] * (name != "dashboard")
    read += ["people", "others"] if name == "risk" else []  # what is known, and not fitted on
    assert [table["table"] for table in manifest["inputs"]] == read
    assert all(len(facts["sha256"]) == 64 for facts in manifest["outputs"].values())
    open_to_all = {"rows", "seconds", "started", "details", "metrics", "profile", "model_hash"}
    if name in PRIVATE:
        assert not open_to_all & set(manifest)
        assert manifest["scope"] == PRIVATE[name]
        return
    assert open_to_all <= set(manifest)
    for profile in manifest["profile"]:
        assert profile["rows"] == 60
        assert profile["nulls"]["age"] == 0
    assert len(manifest["profile"]) == (name not in ("redact-images", "dashboard"))
    assert manifest["metrics"]
    assert all(list(metric) == list(METRIC) for metric in manifest["metrics"])
    assert (manifest["model_hash"] is not None) == (name in ("explain", "risk", "train-ebm"))


def test_the_simple_case_needs_no_yaml(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lake = tmp_path / "lake"
    make_table(lake, 1)
    model = ("--set", f"analyzer.model={MODEL}")
    ran = cli("scan", "lake", *model, "--write-redact-config", "plan.yaml")
    assert ran.code == 0, ran.text
    assert (tmp_path / "out" / "scan" / "report.html").exists()
    assert (tmp_path / "plan.yaml").exists()
    pd.read_parquet(lake / "people.parquet").to_csv("table.csv", index=False)
    ran = cli("redact", "table.csv", "--columns", "note,sex", "--key-columns", "id", *model)
    assert ran.code == 0, ran.text
    assert EMAIL not in set(rows_of(tmp_path / "out" / "redact", "table")["note"])
    labels = ("--y-true", "y", "--y-pred", "p", "--sensitive-features", "sex")
    for command in ("fairness", "balance"):
        ran = cli(command, "lake", *labels, "--output", f"there/{command}")
        assert ran.code == 0, ran.text
        assert (tmp_path / "there" / command / "report.html").exists()
    fast = ("--set", "ebm_params.outer_bags=1")
    ran = cli("train-ebm", "lake", "--features", "age", "--y-true", "y", *fast)
    assert ran.code == 0, ran.text
    pickled = ("--model", "out/ebm/model.pkl", "--set", "model.trusted=true")
    ran = cli("explain", "lake", "--features", "age", *pickled)
    assert ran.code == 0, ran.text


def test_a_private_query_needs_no_yaml(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_table(tmp_path / "lake", 1)
    columns = {"id": {"type": "string", "private_id": True}, "sex": {"type": "string"}}
    tables = {"": {"s": {"people": {"max_ids": 1, **columns}}}}
    metadata = write_config(tmp_path / "meta.yaml", tables)
    ledger = ("--ledger", "sqlite:///ledger.db")
    cli("budget", "create-scope", "people", "--epsilon", "10", *ledger, "--force-ephemeral")
    query = ("private-sql", "SELECT COUNT(*) AS n FROM s.people", "--metadata", metadata)
    who = ("--scope", "people", "--analyst", "ann", "--epsilon", "1")
    who += (*ledger, "--set", "private.force_ephemeral=true")
    ran = cli(*query, "--table", "people=lake", *who, "--dry-run")
    assert ran.code == 0, ran.text
    assert "result: epsilon 1" in ran.out
    ran = cli(*query, "--table", "people=lake", *who)
    assert ran.code == 0, ran.text
    released = pd.read_parquet(tmp_path / "out" / "private_sql" / "result.parquet")
    assert list(released) == ["n"]
    ran = cli(*query, "--table", "lake", *who)
    assert (ran.code, "--table: write it as NAME=VALUE" in ran.err) == (3, True), ran.text


def test_what_a_command_cannot_be_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_table(tmp_path / "lake", 1)
    make_table(tmp_path / "lake" / "more", 1)
    ran = cli("redact", "lake", "--columns", "note")
    assert (ran.code, "holds 2 tables; name in tables" in ran.err) == (3, True), ran.text
    ran = cli("fairness", "lake", "--y-true", "y")
    assert (ran.code, "--y-pred is required." in ran.err) == (3, True), ran.text
    ran = cli("balance", "lake", "--engine", "local", "--set", "engine=dask")
    assert (ran.code, "--set engine is given twice" in ran.err) == (3, True), ran.text
    ran = cli("private-sql", "SELECT 1", "--epsilon", "1")
    assert (ran.code, "--ledger is required." in ran.err) == (3, True), ran.text
    ran = cli("private-sql", "lake.yaml")
    assert (ran.code, "lake.yaml does not exist." in ran.err) == (3, True), ran.text
    assert not (tmp_path / "out").exists()


def test_gates_of_a_balance(tmp_path):
    command, out = set_up("balance", tmp_path), tmp_path / "out"
    gate = "[{metric: sex.max_abs_DPL, above: %s}]"
    assert cli(*command, "--set", f"gates={gate % 0.9}").code == 0
    ran = cli(*command, "--set", f"gates={gate % -1}")
    assert (ran.code, "sex.max_abs_DPL: value" in ran.out) == (1, True), ran.text
    assert json.loads((out / "balance.json").read_text())["run"]["status"] == "failed"
    ran = cli(*command, "--set", "gates=[{metric: sex.max_abs_DPLL, above: 1}]")
    assert (ran.code, "Did you mean" in ran.err) == (3, True), ran.text
