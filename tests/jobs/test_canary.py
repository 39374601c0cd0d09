"""Personal values stand in no log, report, manifest or findings of any run, failing runs included."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rai_scale.jobs.demo import run as demo
from rai_scale.samples import SampleLake, planted_values
from tests.conftest import full
from tests.jobs.small_lake import (
    EMAIL,
    MODEL,
    PERSON,
    PHONE,
    ROOT,
    beside_the_output,
    cli,
    file_leaks,
    leaks,
    make_small_lake,
    people_config,
    write_config,
)

VALUES = [PERSON, EMAIL, PHONE, *PERSON.split(), "garcia", "555-2671"]
CODES = {
    "redact operator": 1,  # every row in quarantine
    "redact batch": 3,
    "redact half": 3,
    "scan batch": 2,  # a table that cannot be read
    "scan half": 2,
    "scan recognizer": 2,  # cells that could not be analysed
}


def test_the_check_finds_what_it_looks_for(lake, planted, tmp_path):
    assert len(planted) > 100
    assert len(file_leaks(lake, planted)) > 8
    table = pa.table({"a": [[{"b": planted[0]}]]})
    pq.write_table(table, tmp_path / "nested.parquet", compression="zstd")
    (tmp_path / "escaped.json").write_text(json.dumps({"name": "Zoë Müller"}))
    assert set(file_leaks(tmp_path, [planted[0], "Zoë Müller"])) == {
        "nested.parquet",
        "escaped.json",
    }


def test_scan_and_redaction(runs, planted):
    assert file_leaks(runs / "scan", planted) == {}
    assert sorted(path.name for path in (runs / "night").iterdir()) == [
        "state.parquet",
        "unity.sql",
    ]
    assert file_leaks(runs / "night", planted) == {}
    assert beside_the_output(runs / "redacted", planted) == {}
    for name in ("redact.yaml", "scan.log", "redact.log"):
        assert leaks((runs / name).read_text(), planted) == 0, name
    assert "scanned customers" in (runs / "scan.log").read_text()
    assert "redacted customers" in (runs / "redact.log").read_text()
    records = [line for line in (runs / "scan.log").read_text().splitlines() if line[:1] == "{"]
    assert {"time", "level", "logger", "message"} == set(json.loads(records[0]))


def test_the_redacted_tables_are_mostly_clean(runs, planted):
    """What is left in the output is recall, and no leak; but it must be little."""
    left = file_leaks(runs / "redacted", planted)
    source = file_leaks(runs / "lake", planted)
    source.pop(next(name for name in source if name.endswith("items.parquet")))
    assert sum(left.values()) < 0.1 * sum(source.values())


@pytest.mark.full
def test_demo(tmp_path, monkeypatch, capfd):
    def small(folder, rows, random_state):
        made = make_small_lake(tmp_path / "demo" / "lake", rows=rows)
        items = made / "_truth" / "items.parquet"
        return SampleLake(made, {}, items, len(pd.read_parquet(items)))

    monkeypatch.setattr(demo, "make_sample_lake", small)
    ran = cli("demo", tmp_path / "demo", "--rows", "16", "--log-json")
    assert ran.code == 0, ran.text
    planted = planted_values(tmp_path / "demo" / "lake")
    home = tmp_path / "demo"
    assert leaks(ran.text + "".join(capfd.readouterr()), planted) == 0
    assert file_leaks(home / "scan", planted) == {}
    assert file_leaks(home / "rescan", planted) == {}
    assert beside_the_output(home / "redacted", planted) == {}
    for name in ("report.html", "proof.json", "redact.yaml"):
        assert leaks((home / name).read_text(), planted) == 0, name
    proof = json.loads((home / "proof.json").read_text())
    assert proof["recall"] > 0.7
    assert f"recall {proof['recall']:.1%}" in ran.out


@pytest.fixture
def failing(people, tmp_path):
    """The configurations of the failing commands."""
    halves = pa.table(
        {
            "id": [1, 2],
            "note": [f"first half {PERSON}", f"second half {PERSON} {PHONE}"],
            "email": [EMAIL] * 2,
        }
    )
    (people / "people.parquet").rename(people / "part-0.parquet")
    for part in (1, 2):
        pq.write_table(halves.slice(part - 1, 1), people / f"part-{part}.parquet")
    values = people_config(people, tmp_path)
    values["tables"] = {people.name: values["tables"].pop("people")}
    write_config(tmp_path / "redact.yaml", values)
    scan = {"source": str(people), "output": "", "analyzer": {"model": MODEL}}
    write_config(tmp_path / "scan.yaml", scan)
    return tmp_path


def check_failures(folder, text):
    assert json.loads((folder / "codes.json").read_text()) == CODES, text[-3000:]
    assert leaks(text, VALUES) == 0
    for name in CODES:
        out = folder / name.replace(" ", "_")
        assert file_leaks(out, VALUES) == {}
        assert out.is_dir() == name.startswith("scan") or not list(out.iterdir())
    found = json.loads((folder / "scan_recognizer" / "findings.json").read_text())
    assert found["summary"]["error_cells"] > 0
    found = json.loads((folder / "scan_half" / "findings.json").read_text())
    assert found["tables"][0]["status"] == "unreadable"
    assert "ValueError" in found["tables"][0]["note"]
    assert "ValueError. The original message is withheld" in text


@pytest.mark.parametrize("name", ["local", full("dask")])
def test_runs_that_fail_in_the_workers(name, failing):
    command = [sys.executable, str(ROOT / "tests" / "jobs" / "failing.py"), name, str(failing)]
    done = subprocess.run(
        command,
        cwd=failing,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    check_failures(failing, done.stdout + done.stderr)


@pytest.mark.spark
def test_runs_that_fail_on_a_cluster(cluster, failing):
    done = cluster.submit(ROOT / "tests" / "jobs" / "failing.py", "spark", str(failing))
    assert done.returncode == 0, done.stderr[-3000:]
    check_failures(failing, done.stdout + done.stderr)
    assert "Executor: Exception in task" in done.stderr  # the logs of the executors are there
