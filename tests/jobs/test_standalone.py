"""A standalone cluster of two workers, one of which loses its executor in the middle of a run."""

from __future__ import annotations

import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import yaml

from tests.jobs.small_lake import (
    ROOT,
    assert_same_tables,
    beside_the_output,
    cli,
    leaks,
    redact_options,
    write_config,
)
from tests.jobs.spark_submit import Cluster, wait_for

pytestmark = [pytest.mark.spark, pytest.mark.proof]


def kill_a_busy_executor(workers: list[subprocess.Popen[bytes]]) -> None:
    """Kill the first executor with a Python worker: its task still loads the language model."""
    busy: list[psutil.Process] = []

    def found() -> bool:
        with suppress(psutil.NoSuchProcess):  # tar, which unpacks the archive, comes and goes
            executors = [e for w in workers for e in psutil.Process(w.pid).children()]
            busy.extend(e for e in executors if pythons(e) > 1)  # a daemon, and its worker
        return bool(busy)

    wait_for(found, "an executor works", seconds=400)
    busy[0].kill()


def pythons(executor: psutil.Process) -> int:
    """Return how many Python processes an executor has."""
    return sum("python" in p.name() for p in executor.children(recursive=True))


def test_a_run_survives_the_loss_of_an_executor(
    cluster: Cluster, runs: Path, planted: list[str], tmp_path: Path
) -> None:
    values = yaml.safe_load((runs / "redact.yaml").read_text())
    values["tables"] = {name: values["tables"][name] for name in ("customers", "web_events")}
    config = write_config(tmp_path / "r.yaml", values)
    assert cli("redact", config, *redact_options(tmp_path / "local")).code == 2
    out = tmp_path / "red"
    with cluster.standalone(2) as (master, workers):
        killer = threading.Thread(target=kill_a_busy_executor, args=[workers])
        killer.start()
        job = ROOT / "jobs" / "redact.py"
        options = ["--config", config, *redact_options(out)]
        done = cluster.submit(job, *options, master=master)
        killer.join()
    text = done.stdout + done.stderr
    assert "Lost executor" in text
    assert "Lost task" in text
    assert done.returncode == 2, text[-4000:]  # one row is quarantined
    assert_same_tables(out, tmp_path / "local")
    assert beside_the_output(out, planted) == {}
    assert leaks(text, planted) == 0
