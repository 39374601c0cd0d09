"""Every way a command can end: its code, one clear message, and never a traceback."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rai_scale.jobs.scan import run as scan
from tests.conftest import full
from tests.jobs.small_lake import EMAIL, MODEL, ROOT, cli, people_config, shell, write_config

GATE = {"name": "no e-mail addresses", "entities": ["EMAIL_ADDRESS"]}


def scan_config(people, tmp_path, **changes):
    base = {"source": str(people), "output": str(tmp_path / "out"), "analyzer": {"model": MODEL}}
    return write_config(tmp_path / "scan.yaml", {**base, **changes})


def redact_config(people, tmp_path, **changes):
    return write_config(
        tmp_path / "redact.yaml", people_config(people, tmp_path / "red", **changes)
    )


def break_one_file(people):
    (people / "half").mkdir()
    pq.write_table(pa.table({"a": ["x"]}), people / "half" / "part-0.parquet")
    (people / "half" / "part-1.parquet").write_bytes(b"no Parquet")


def make_long(people):
    table = pa.table(
        {"id": [1] * 200, "note": ["x" * 1_000_001, *["y"] * 199], "email": ["z"] * 200}
    )
    pq.write_table(table, people / "people.parquet")


def test_ok(people, tmp_path):
    ran = cli("scan", scan_config(people, tmp_path))
    assert (ran.code, ran.out.splitlines()[-1]) == (
        0,
        f"report: {tmp_path / 'out' / 'report.html'}",
    )
    assert "1 table, 3 rows: personal data in 1 of 3 columns" in ran.out
    ran = cli("redact", redact_config(people, tmp_path))
    assert (ran.code, "3 of 3 rows written, 5 values changed, 0 quarantined" in ran.out) == (
        0,
        True,
    )


def test_a_gate_that_fails(people, tmp_path):
    config = scan_config(people, tmp_path, gates=[GATE, {"name": "none", "entities": ["CRYPTO"]}])
    for options in ([], ["--warnings-ok"], []):  # the third run finds the first one done
        ran = cli("scan", config, *options)
        assert ran.code == 1
    assert (tmp_path / "out" / "report.html").exists()
    ran = cli("scan", config, "--set", "random_state=1")
    assert "no e-mail addresses: 1 columns, 0 allowed: people.email" in ran.out
    assert "none:" not in ran.out
    lenient = scan_config(people, tmp_path, gates=[{**GATE, "above": 1}])
    assert cli("scan", lenient).code == 0
    elsewhere = scan_config(people, tmp_path, gates=[{**GATE, "tables": "other*"}])
    ran = cli("scan", elsewhere)  # a gate that matches nothing would always hold
    assert (ran.code, "no table matches 'other*'" in ran.err) == (3, True)
    wrong = {"email_address": {"entities": ["email_address"]}, "emial": {"columns": "emial"}}
    for name, gate in wrong.items():
        ran = cli("scan", scan_config(people, tmp_path, gates=[{"name": name, **gate}]))
        assert ran.code == (3 if name == "email_address" else 1), ran.text
        assert f"Did you mean {'EMAIL_ADDRESS' if ran.code == 3 else 'email'!r}?" in ran.text
    assert cli("scan", scan_config(people, tmp_path, gates=[{**GATE, "columns": "e*"}])).code == 1


def test_warnings_of_a_scan(people, tmp_path):
    break_one_file(people)
    config = scan_config(people, tmp_path)
    ran = cli("scan", config)
    assert (ran.code, "not looked at: 1 item;" in ran.out) == (2, True)
    ran = cli("scan", config, "--warnings-ok")  # the second run finds the first one done
    assert (ran.code, "not looked at: 1 item;" in ran.out) == (2, True)
    assert cli("scan", config, "--set", "warnings_ok=true", "--set", "random_state=5").code == 2
    assert cli("scan", config, "--set", "gates=[{metric: files_unreadable}]").code == 1
    assert cli("scan", config, "--set", "gates=[{metric: files_unreadable, above: 1}]").code == 2


def test_warnings_of_a_redaction(people, tmp_path):
    make_long(people)
    config = redact_config(people, tmp_path)
    ran = cli("redact", config)
    assert (ran.code, "1 quarantined" in ran.out) == (2, True)
    assert cli("redact", config, "--warnings-ok").code == 2  # a row was not looked at
    ran = cli("redact", config, "--set", "max_error_ratio=0.004")
    assert (ran.code, "0.50% of the rows failed; max_error_ratio allows 0.40%" in ran.out) == (
        1,
        True,
    )
    assert cli("redact", config, "--set", "max_error_ratio=0.004", "--warnings-ok").code == 1


WRONG = {
    "no such file": (["scan", "none.yaml"], "none.yaml does not exist."),
    "no such option": (["scan", "SCAN", "--sett", "a=b"], "No such option: --sett"),
    "no such command": (["scann", "SCAN"], "Did you mean 'scan'"),
    "no argument": (["scan"], "Missing argument"),
    "no command": ([], "Usage"),
    "bad number": (["demo", "d", "--rows", "0"], "--rows"),
    "bad engine of the demo": (["demo", "d", "--engine", "sprak"], "unknown engine 'sprak'"),
    "bad engine": (["scan", "SCAN", "--engine", "sprak"], "'local', 'dask' or 'spark'"),
    "unknown key": (["scan", "SCAN", "--set", "random_stat=1"], "Did you mean 'random_state'?"),
    "no source": (["scan", "SCAN", "--set", "source=peple_lake"], "'people_lake'?"),
    "no driver": (["scan", "SCAN", "--set", "source=azureml://x/y"], "pip install azureml-fsspec"),
    "no model": (["scan", "SCAN", "--set", "analyzer.model=none"], "never downloaded"),
    "no entity": (["scan", "SCAN", "--set", "analyzer.entities=[PERSN]"], "'PERSON'?"),
    "no table": (
        ["redact", "REDACT", "--set", "tables={peopel: {columns: [note]}}"],
        "no table 'peopel'. Did you mean 'people'? Its tables are: odd, people.",
    ),
    "no column": (
        ["redact", "REDACT", "--set", "tables.people.columns=[nte]"],
        "table 'people': columns not found: 'nte'. Did you mean 'note'?",
    ),
    "no key": (
        ["redact", "REDACT", "--set", "tables.people.key_columns=[idd]"],
        "Did you mean 'id'?",
    ),
    "no columns": (["redact", "REDACT", "--set", "tables={people: {}}"], "at least one column"),
    "bad operator": (["redact", "REDACT", "--set", "operators.URL.type=msk"], "'msk' for 'URL'"),
    "bad operator form": (["redact", "REDACT", "--set", "operators={URL: {a: b}}"], "'type'"),
    "no secret": (
        ["redact", "REDACT", "--set", "operators.URL={type: encrypt, key: 'env:RAI_NONE'}"],
        "'env:RAI_NONE': the environment variable is not set",
    ),
    "key of the findings": (
        ["redact", "REDACT", "--set", "tables={odd: {key_columns: [start], columns: [note]}}"],
        "are also names of columns of the findings",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_run(people, tmp_path, case, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"start": [1], "note": ["x"]}), people / "odd.parquet")
    files = {"SCAN": scan_config(people, tmp_path), "REDACT": redact_config(people, tmp_path)}
    arguments, said = WRONG[case]
    ran = cli(*(files.get(a, a) for a in arguments))
    assert ran.code == 3, ran.text
    assert said in ran.text
    assert "Traceback" not in ran.text
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "red").exists()


def test_an_error_in_the_middle(people, tmp_path, monkeypatch):
    def broken(*given):
        raise RuntimeError(f"cannot write {EMAIL}")

    monkeypatch.setattr(scan, "redaction_yaml", broken)
    config = scan_config(people, tmp_path, write_redact_config=str(tmp_path / "r.yaml"))
    ran = cli("scan", config)
    assert ran.code == 3
    assert "the job stopped with an unexpected RuntimeError" in ran.err
    assert "at broken:" in ran.err
    assert EMAIL not in ran.text
    assert "Traceback" not in ran.text


@pytest.mark.full
def test_commands_end_their_process_with_the_code(people, tmp_path):
    break_one_file(people)
    config = scan_config(people, tmp_path)
    assert shell("scan", tmp_path / "none.yaml").code == 3
    assert shell("scan", config, "--nonsense").code == 3
    ran = shell("scan", config)
    assert ran.code == 2
    assert ran.out.startswith("2 tables")
    assert "INFO rai_scale.pii.scanning.tables: scanned people: findings" in ran.err
    assert shell("--help").code == 0
    assert shell("version").code == 0


@pytest.mark.parametrize("form", [["--config", "FILE"], full(["--config=FILE"]), full(["FILE"])])
def test_scripts_end_with_the_code(people, tmp_path, form):
    config = scan_config(people, tmp_path, gates=[{**GATE, "above": 1}])
    command = [sys.executable, str(ROOT / "jobs" / "scan.py")]
    command += [part.replace("FILE", config) for part in form]

    def run(*more):
        done = subprocess.run(
            [*command, *more], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
        assert "Traceback" not in done.stderr
        return done.returncode

    assert run("--engine=local") == 0
    if form[0] == "FILE":
        break_one_file(people)
        assert run("--engine", "local") == 2  # a script takes warnings as ok, unread files never
        assert run("--engine", "local", "--set", "gates=[{name: a}]") == 1
        assert run("--engine", "local", "--set", "random_stat=1") == 3
        assert run("--engine", "local", "--nonsense") == 3
