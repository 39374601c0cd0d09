"""Many processes at once, and processes that are killed: the budget holds on real databases."""

from __future__ import annotations

import os
import signal
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import event

from rai_scale.errors import BudgetExceededError
from rai_scale.privacy import Cost, Ledger, LedgerBusyError, open_ledger
from rai_scale.privacy.ledger.reservation import to_ipc
from tests.postgres_server import new_postgres_database

PROCESSES = 16
KEY = "k" * 64
COSTS = [Cost("count", epsilon="0.3"), Cost("income", epsilon="0.2")]
WHO = ("patients", "ann", "visits")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return new_postgres_database()


def opened(url: str, lease: int = 60) -> Ledger:
    return open_ledger(url, force_ephemeral=True, lease_seconds=lease)


def context():
    found = get_context("forkserver")
    found.set_forkserver_preload([__name__])
    return found


def noisy(seed: int) -> bytes:
    return to_ipc(pa.table({"n": [seed, os.getpid()]}))


def spend(url: str, barrier, results) -> None:
    """Open the ledger and reserve until the budget is used up."""
    barrier.wait()
    ledger = opened(url)
    ledger.create_scope("patients", epsilon=3, delta="1e-5")
    taken = 0
    try:
        while True:
            ledger.reserve(*WHO, [Cost("count", epsilon=0.1)])
            taken += 1
    except BudgetExceededError:
        results.put(taken)


def test_sixteen_processes_at_once_never_overspend(url):
    processes = context()
    barrier, results = processes.Barrier(PROCESSES), processes.Queue()
    workers = [
        processes.Process(target=spend, args=(url, barrier, results)) for _ in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    taken = [results.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join(60)
    ledger = opened(url)
    assert sum(taken) == 30
    assert ledger.remaining("patients")["epsilon"] == 0
    assert (ledger.history()["kind"] == "reserved").sum() == 30
    assert ledger.verify().problems == ()


def release_together(url: str, barrier, results, seed: int) -> None:
    """Take up one charge, all at once, each with noise of its own."""
    ledger = opened(url, lease=1)
    barrier.wait()
    held = ledger.reserve(*WHO, COSTS, idempotency_key=KEY, wait=120)
    if held.release is None:
        ledger.mark_reading(held)
        results.put(ledger.store_release(held, noisy(seed), {"seed": seed}).arrow)
    else:
        results.put(held.release.arrow)


def test_eight_runs_of_one_release_show_the_same_bytes_under_one_charge(url):
    ledger = opened(url)
    ledger.create_scope("patients", epsilon="0.5")
    processes = context()
    barrier, results = processes.Barrier(8), processes.Queue()
    workers = [
        processes.Process(target=release_together, args=(url, barrier, results, seed))
        for seed in range(8)
    ]
    for worker in workers:
        worker.start()
    shown = {results.get(timeout=120) for _ in workers}
    for worker in workers:
        worker.join(60)
    assert len(shown) == 1
    assert ledger.remaining("patients")["epsilon"] == 0


STEPS = ("reserving", "reserved", "marking", "reading", "drawn", "storing", "stored")


def live_and_die(url: str, step: str) -> None:
    """Run the life of a release and be killed at a step: between two, or before a commit."""
    ledger = opened(url, lease=0)

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def die_in_commit() -> None:
        event.listen(ledger._journal.database.engine, "commit", die)

    if step == "reserving":
        die_in_commit()
    held = ledger.reserve(*WHO, COSTS, idempotency_key=KEY)
    if step == "reserved":
        die()
    if step == "marking":
        die_in_commit()
    ledger.mark_reading(held)
    if step == "reading":
        die()
    release = noisy(1)
    if step == "drawn":
        die()
    if step == "storing":
        die_in_commit()
    ledger.store_release(held, release, {"noise": "first"})
    die()


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_and_run_again_there_is_one_charge_and_one_release(url, step):
    ledger = opened(url, lease=0)
    ledger.create_scope("patients", epsilon=10)
    worker = context().Process(target=live_and_die, args=(url, step))
    worker.start()
    worker.join(60)
    assert worker.exitcode == -signal.SIGKILL
    spent = float(10 - ledger.remaining("patients")["epsilon"])
    assert spent == (0 if step == "reserving" else 0.5)

    held = ledger.reserve(*WHO, COSTS, idempotency_key=KEY)
    assert held.charged == (step == "reserving")
    assert (held.release is not None) == (step == "stored")
    if held.release is None:
        ledger.mark_reading(held)
        shown = ledger.store_release(held, noisy(2), {"noise": "second"})
        assert shown.metadata == {"noise": "second"}
    else:
        shown = held.release
        assert shown.metadata == {"noise": "first"}

    again = ledger.reserve(*WHO, COSTS, idempotency_key=KEY)
    assert again.release == shown
    assert float(10 - ledger.remaining("patients")["epsilon"]) == 0.5
    assert (ledger.history()["kind"] == "released").sum() == 1
    assert ledger.verify().problems == ()


def test_without_a_key_a_killed_run_stays_charged_and_the_next_is_charged_anew(url):
    ledger = opened(url)
    ledger.create_scope("patients", epsilon=10)
    ledger.mark_reading(ledger.reserve(*WHO, COSTS))
    assert ledger.reserve(*WHO, COSTS).charged
    assert float(ledger.remaining("patients")["epsilon"]) == 9


def test_a_run_that_was_overtaken_shows_the_release_that_was_stored(url):
    slow, quick = opened(url, lease=0), opened(url, lease=0)
    slow.create_scope("patients", epsilon=10)
    first = slow.reserve(*WHO, COSTS, idempotency_key=KEY)
    slow.mark_reading(first)
    second = quick.reserve(*WHO, COSTS, idempotency_key=KEY)
    assert (second.id, second.attempt, second.charged) == (first.id, 2, False)
    quick.mark_reading(second)
    stored = quick.store_release(second, noisy(2), {})
    assert slow.store_release(first, noisy(1), {}) == stored
    assert stored.arrow == noisy(2)


def test_a_live_run_keeps_others_out_until_it_lets_go(url):
    ledger = opened(url)
    ledger.create_scope("patients", epsilon=10)
    held = ledger.reserve(*WHO, COSTS, idempotency_key=KEY)
    with pytest.raises(LedgerBusyError, match="another run is computing the same release"):
        ledger.reserve(*WHO, COSTS, idempotency_key=KEY)
    ledger.abandon(held)
    assert ledger.reserve(*WHO, COSTS, idempotency_key=KEY).id == held.id
