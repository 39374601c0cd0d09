"""Worker processes of the local engine end with their parent, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import psutil
import pytest

from rai_scale.engines.local import LocalEngine
from rai_scale.errors import WorkerError

# the workers hold the interpreter's lock in one long C call, so that no thread of theirs can run
PARENT = """
import re, sys, threading, time
from pathlib import Path
from rai_scale.engines.local import LocalEngine

def busy(number):
    Path(sys.argv[1], f"started-{number}").touch()
    sum(range(20_000_000_000))

def work():
    LocalEngine(workers=2).map_tasks(busy, range(8))

if __name__ == "__main__":
    if sys.argv[2] == "thread":
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        time.sleep(600)
    work()
"""


def children_of(process):
    found = psutil.Process(process.pid).children(recursive=True)
    return [child for child in found if "LokyProcess" in " ".join(child.cmdline())]


@pytest.mark.parametrize(
    ("how", "where"),
    [
        (signal.SIGTERM, "main"),
        (signal.SIGINT, "main"),
        (signal.SIGINT, "thread"),
    ],
)
def test_workers_end_with_their_parent(tmp_path, how, where):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path), where],
        start_new_session=True,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    workers = []
    try:
        deadline = time.monotonic() + 200
        while len(list(tmp_path.glob("started-*"))) < 2:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        workers = children_of(process)
        assert len(workers) == 2
        process.send_signal(how)
        process.wait(timeout=200)
        _, alive = psutil.wait_procs(workers, timeout=30)
        assert not alive
    finally:
        process.kill()
        for worker in workers:
            if worker.is_running():
                worker.kill()


def test_work_that_is_asked_for_in_threads_that_end_is_done():
    """Linux would end a worker with the thread that started it."""
    found: list[list[int]] = []

    def work(pause: float) -> None:
        time.sleep(pause)
        engine = LocalEngine(workers=2)
        found.append(engine.map_tasks(slow_double, range(6)))

    threads = [Thread(target=work, args=(pause,)) for pause in (0, 0.3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found.append(LocalEngine(workers=2).map_tasks(slow_double, range(6)))
    assert found == [[0, 2, 4, 6, 8, 10]] * 3


def slow_double(number: int) -> int:
    time.sleep(0.1)
    return 2 * number


def test_after_an_error_the_rest_is_not_computed(tmp_path):
    def failing(number: int) -> None:
        if number == 0:
            raise ValueError
        time.sleep(0.2)
        (tmp_path / str(number)).touch()

    with pytest.raises(WorkerError):
        LocalEngine(workers=2).map_tasks(failing, range(60))
    time.sleep(1)
    assert len(list(tmp_path.iterdir())) < 10
    assert LocalEngine(workers=2).map_tasks(slow_double, range(3)) == [0, 2, 4]
