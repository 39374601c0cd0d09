"""A redaction that is stopped in its own steps, before the lifecycle's: tables one by one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rai_scale.jobs.redact import table as redact_table
from rai_scale.tables import read_table
from rai_scale.tables.paths import place_of
from rai_scale.tables.pointer import read_pointer
from tests.jobs.every_job import run_of
from tests.jobs.small_lake import (
    CLI,
    EMAIL,
    LOCAL,
    cli,
    people_config,
    rows_of,
    state,
    write_config,
)

NEW = ["mail <EMAIL_ADDRESS>"]


class Stopped(BaseException):
    """Not an Exception: like a kill, it is not turned into an exit code."""


def stop_at_call(monkeypatch, module, name, number=1):
    """Make the n-th call of a function stop the run before it does anything."""
    function, calls = getattr(module, name), []

    def stopping(*args, **kwargs):
        calls.append(name)
        if len(calls) == number:
            raise Stopped
        return function(*args, **kwargs)

    monkeypatch.setattr(module, name, stopping)


def change(people):
    more = pa.table({"id": [9], "note": [f"mail {EMAIL}"], "email": [EMAIL]})
    pq.write_table(more, people / "people.parquet")


def visible(out):
    """What a reader sees: the tables through the pointer, not what lies hidden beside them."""
    folder = read_pointer(place_of(str(out)))[0]
    return folder, state(out / folder)


@pytest.fixture
def finished(people, tmp_path):
    """An output of an earlier run, and an input that has changed since."""
    out = tmp_path / "out"
    config = write_config(tmp_path / "r.yaml", people_config(people, out))
    assert cli("redact", config).code == 0
    change(people)
    return config, out


STEPS = {
    "the first file": ("write_parquet", 1),
    "the findings": ("write_parquet", 2),
    "the quarantine": ("write_parquet", 3),
    "the output": ("write_parquet", 4),
    "the report of the table": ("table_report", 1),
    "the end of staging": ("remove_folder", 1),
}


@pytest.mark.parametrize("step", STEPS)
def test_stopped_before(finished, monkeypatch, step):
    config, out = finished
    before = visible(out)
    with monkeypatch.context() as patch:
        stop_at_call(patch, redact_table, *STEPS[step])
        with pytest.raises(Stopped):
            cli("redact", config)
    assert visible(out) == before
    run_of(out)
    ran = cli("redact", config)
    assert ran.code == 0
    assert "already done" not in ran.out
    assert list(rows_of(out, "people")["note"]) == NEW
    assert len(list(out.glob("_run-*"))) == 1
    assert "already done" in cli("redact", config).out


def test_the_steps_are_all_there_are(people, tmp_path, monkeypatch):
    """Every call that writes is one of the steps above."""
    counts = {}
    for name in {name for name, _ in STEPS.values()}:
        function = getattr(redact_table, name)

        def counting(*args, key=name, function=function, **kwargs):
            counts[key] = counts.get(key, 0) + 1
            return function(*args, **kwargs)

        monkeypatch.setattr(redact_table, name, counting)
    config = write_config(tmp_path / "r.yaml", people_config(people, tmp_path / "out"))
    assert cli("redact", config).code == 0
    asked = {}
    for name, number in STEPS.values():
        asked[name] = max(number, asked.get(name, 0))
    assert counts == asked


def delta_rows(out: Path, name: str) -> list[str]:
    return sorted(map(str, read_table(str(out / name), LOCAL).to_arrow_table().to_pylist()))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_delta_tables_are_all_old_or_all_new(people, tmp_path, monkeypatch, number):
    pytest.importorskip("deltalake")
    out = tmp_path / "out"
    config = write_config(tmp_path / "r.yaml", people_config(people, out, format="delta"))
    names = ("people", "_findings/people", "_quarantine/people")
    with monkeypatch.context() as patch:
        stop_at_call(patch, redact_table, "write_table", number)
        with pytest.raises(Stopped):
            cli("redact", config)
    assert not [name for name in names if (out / name).exists()]
    assert cli("redact", config).code == 0
    old = [delta_rows(out, name) for name in names]
    change(people)
    with monkeypatch.context() as patch:
        stop_at_call(patch, redact_table, "write_table", number)
        with pytest.raises(Stopped):
            cli("redact", config)
    assert [delta_rows(out, name) for name in names] == old
    assert len(list(out.glob("_run-*"))) == 1
    assert cli("redact", config).code == 0
    assert list(rows_of(out, "people")["note"]) == NEW


@pytest.mark.parametrize("after", ["_staging", "_findings"])
@pytest.mark.full
def test_killed(people, tmp_path, after):
    """A real kill, when the staging or the outputs of the second of two tables are under way."""
    notes = [f"{EMAIL} wrote {i} times." for i in range(3000)]
    long = pa.table({"id": range(3000), "note": notes, "email": notes})
    out = tmp_path / "out"
    values = people_config(people, out)
    values["tables"]["long"] = {"key_columns": ["id"], "columns": ["note"]}
    pq.write_table(long.slice(0, 5), people / "long.parquet")
    config = write_config(tmp_path / "r.yaml", values)
    assert cli("redact", config).code == 0
    before = visible(out)
    pq.write_table(long, people / "long.parquet")

    place = "_staging/long" if after == "_staging" else "_findings/people"
    process = subprocess.Popen(
        [CLI, "redact", config],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not list(out.glob(f"_run-*/{place}")) or len(list(out.glob("_run-*"))) < 2:
        assert process.poll() is None, "the run ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)

    assert visible(out) == before
    assert len(list(out.glob("_run-*"))) == 2
    pq.write_table(long.slice(0, 9), people / "long.parquet")
    assert cli("redact", config).code == 0
    assert len(rows_of(out, "long")) == 9
    assert len(list(out.glob("_run-*"))) == 1
