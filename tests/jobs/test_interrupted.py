"""A job that is stopped anywhere leaves its old output or the whole new one, and can be repeated."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from rai_scale.jobs import job, publish
from rai_scale.jobs.manifest import read_manifest
from rai_scale.privacy import Ledger, open_ledger
from rai_scale.tables.lock import only_run
from rai_scale.tables.paths import place_of
from rai_scale.tables.pointer import RUN_PREFIX
from tests.conftest import full
from tests.jobs.every_job import JOBS, PRIVATE, make_table, run_of, set_up
from tests.jobs.small_lake import cli, state


class Stopped(BaseException):
    """Not an Exception: like a kill, it is not turned into an exit code."""


def stop() -> None:
    raise Stopped


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_call(number: int) -> Callable[..., bool]:
    calls = itertools.count(1)
    return lambda *_: next(calls) == number


def to_a_run(_: Any, target: str) -> bool:
    return target.startswith(RUN_PREFIX)


STEPS: dict[str, tuple[Any, str, Callable[[], Callable[..., bool]]]] = {
    "the inputs": (job, "run_id_of", lambda: at_call(1)),
    "the folder of the run": (publish, "make_folder", lambda: at_call(1)),
    "the work's end": (job, "_publish", lambda: at_call(1)),
    "the names": (publish, "put_record", lambda: at_call(1)),
    "the first file": (publish, "save_bytes", lambda: at_call(1)),
    "the second file": (publish, "save_bytes", lambda: at_call(2)),
    "the manifest": (job, "_manifest", lambda: at_call(1)),
    "the names' links": (publish, "_switch", lambda: at_call(1)),
    "the switch": (publish, "_linked", lambda: to_a_run),
    "the old run's end": (publish, "tidy", lambda: at_call(1)),
}
"""Each step of the lifecycle: the call before which a run ends. Only the last comes too late."""
LATE = "the old run's end"
STOPPED = ("balance", "redact", "private sql")
"""Jobs that are stopped before each step in every run of the tests."""
QUICK = ("balance",)


def end_before(step: str, end: Callable[[], None], patch: pytest.MonkeyPatch) -> None:
    module, name, when = (STEPS | RELEASE_STEPS)[step]
    function, meant = getattr(module, name), when()

    def ending(*arguments: Any, **options: Any) -> Any:
        if meant(*arguments):
            end()
        return function(*arguments, **options)

    patch.setattr(module, name, ending)


@pytest.mark.parametrize("name", [n if n in STOPPED else full(n) for n in JOBS])
def test_stopped_before_each_step(name, tmp_path, monkeypatch):
    command, out = set_up(name, tmp_path), tmp_path / "out"
    assert cli(*command).code == 0
    old, before = run_of(out), state(out)
    make_table(tmp_path / "lake", 2)
    for step in STEPS:
        with monkeypatch.context() as patch:
            end_before(step, stop, patch)
            with pytest.raises(Stopped):
                cli(*command)
        if step == LATE:
            break
        assert state(out) == before, step
        assert run_of(out) == old, step
    assert run_of(out) != old
    ran = cli(*command)
    assert (ran.code, "already done" in ran.out) == (0, True), ran.text
    assert len(list(out.glob("_run-*"))) == 1
    make_table(tmp_path / "lake", 3)
    assert cli(*command).code == 0
    assert run_of(out) != old


def killed(step: str, command: list[str]) -> None:
    end_before(step, kill, pytest.MonkeyPatch())
    cli(*command)


@pytest.mark.parametrize("name", [n if n in QUICK else full(n) for n in JOBS])
def test_killed(name, tmp_path):
    """A real kill: nothing is cleaned up, and the next run does it."""
    command, out = set_up(name, tmp_path), tmp_path / "out"
    assert cli(*command).code == 0
    processes = get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    old = run_of(out)
    make_table(tmp_path / "lake", 2)
    for step in ("the second file", "the switch", LATE):
        process = processes.Process(target=killed, args=(step, command))
        process.start()
        process.join(120)
        assert process.exitcode == -signal.SIGKILL
        assert (run_of(out) == old) == (step != LATE)
        assert len(list(out.glob("_run-*"))) == 2
    assert "already done" in cli(*command).out
    assert len(list(out.glob("_run-*"))) == 1


RELEASE_STEPS = {
    "the reading": (Ledger, "mark_reading", lambda: at_call(1)),
    "the release": (Ledger, "store_release", lambda: at_call(1)),
    "the first file": STEPS["the first file"],
}
"""The steps of a private run after its budget is reserved."""


@pytest.mark.parametrize("step", RELEASE_STEPS)
@pytest.mark.parametrize("name", [n if n == "private ebm" else full(n) for n in PRIVATE])
def test_a_private_run_that_was_killed_is_charged_once(name, step, tmp_path):
    command, out = set_up(name, tmp_path), tmp_path / "out"
    processes = get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    process = processes.Process(target=killed, args=(step, command))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    assert read_manifest(place_of(str(out))) is None

    address = f"sqlite:///{tmp_path / 'ledger.db'}"
    with create_engine(address).begin() as connection:  # a minute has passed
        connection.execute(text("UPDATE rai_scale_leases SET until = 0"))
    ledger = open_ledger(address, force_ephemeral=True)
    charged = ledger.budget(PRIVATE[name])["spent"].tolist()
    assert max(charged) > 0
    ran = cli(*command)
    assert ran.code == 0, ran.text
    run_of(out)
    assert ledger.budget(PRIVATE[name])["spent"].tolist() == charged
    kinds = ledger.history(PRIVATE[name])["kind"].tolist()
    assert (kinds.count("reserved"), kinds.count("released")) == (1, 1)


WRITES = ("replace", "symlink", "unlink", "rename", "mkdir", "rmdir")


@pytest.mark.full
def test_stopped_before_every_change_of_a_file(tmp_path, monkeypatch):
    """All changes, one by one, of a run whose names differ from those of the run before."""
    command, out = set_up("balance", tmp_path), tmp_path / "out"
    assert cli(*command).code == 0
    for number in range(1, 200):
        old = run_of(out)
        make_table(tmp_path / "lake", 100 + number)
        report = read_manifest(place_of(str(out)))["outputs"].get("report.html") is None
        sets = ["--set", f"report={str(report).lower()}"]
        with monkeypatch.context() as patch:
            meant = at_call(number)
            for name in WRITES:
                function = getattr(os, name)

                def ending(
                    *given: Any, function: Any = function, meant: Any = meant, **options: Any
                ) -> Any:
                    if meant():
                        raise Stopped
                    return function(*given, **options)

                patch.setattr(os, name, ending)
            try:
                cli(*command, *sets)
            except Stopped:
                ended = False
            else:
                ended = True
        changed = run_of(out) != old
        if ended:
            break
        if not changed:
            assert cli(*command, *sets).code == 0
            assert run_of(out) != old
    assert ended
    assert number > 20


@pytest.mark.parametrize("name", ["balance", full("redact"), full("explain")])
def test_without_links_the_pointer_leads_to_a_whole_run(name, tmp_path, monkeypatch):
    """As on an object store: names in the output are whole where a manifest stands beside them."""
    monkeypatch.setattr(publish, "_links_work", lambda output: False)
    command, out = set_up(name, tmp_path), tmp_path / "out"
    assert cli(*command).code == 0
    old = run_of(out)
    for number in range(1, 40):
        make_table(tmp_path / "lake", 100 + number)
        with monkeypatch.context() as patch:
            meant, function = at_call(number), publish.save_bytes

            def ending(place: Any, content: bytes, meant: Any = meant, function: Any = function):
                if meant():
                    raise Stopped
                function(place, content)

            patch.setattr(publish, "save_bytes", ending)
            try:
                cli(*command)
            except Stopped:
                ended = False
            else:
                ended = True
        run = out / publish.current_run(place_of(str(out)))
        manifest = read_manifest(place_of(str(run)))
        assert manifest is not None
        if read_manifest(place_of(str(out))) is not None:
            assert run_of(out) == manifest["run_id"]
        if ended:
            break
    assert ended
    assert run_of(out) != old


def test_a_second_run_is_refused_and_removes_nothing(tmp_path):
    command, out = set_up("balance", tmp_path), tmp_path / "out"
    assert cli(*command).code == 0
    make_table(tmp_path / "lake", 2)
    with only_run(place_of(str(out))), publish.staged(place_of(str(out)), "other") as stage:
        stage.save("half.parquet", b"x")
        before = state(out)
        ran = cli(*command)
        assert (ran.code, "another run is writing there (process" in ran.err) == (3, True), ran.text
        assert state(out) == before
    ran = cli(*command)
    assert (ran.code, "already done" in ran.out) == (0, False), ran.text


def test_an_output_of_an_earlier_version_is_replaced(tmp_path):
    """There the names were files, and nothing led to a run."""
    command, out = set_up("fairness", tmp_path), tmp_path / "out"
    out.mkdir()
    (out / "by_group.parquet").write_bytes(b"old")
    (out / "_manifest.json").write_text('{"run_id": "a", "outputs": {"by_group.parquet": "x"}}')
    (out / "mine.txt").write_text("kept")
    assert cli(*command).code == 0
    assert (out / "mine.txt").read_text() == "kept"
    os.remove(out / "mine.txt")
    run_of(out)


def test_a_file_of_somebody_else_is_not_replaced(tmp_path):
    command, out = set_up("balance", tmp_path), tmp_path / "out"
    out.mkdir()
    report = out / "report.html"
    for run in ("the first", "a later"):
        report.unlink(missing_ok=True)
        report.write_text("mine")
        ran = cli(*command, "--set", f"title={run}")
        assert ran.code == 3 and "was not written by this package" in ran.text, run
        assert report.read_text() == "mine"
        report.unlink()
        assert cli(*command).code == 0
