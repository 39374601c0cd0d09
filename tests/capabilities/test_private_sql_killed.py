"""Processes that are killed inside of private_sql and its job, and what a re-run finds."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine, event, text

from rai_scale.engines.local import LocalEngine
from rai_scale.jobs.private_sql import run as job
from rai_scale.privacy import Ledger, open_ledger
from rai_scale.private_queries import api
from tests.capabilities.private_cases import people, with_privacy
from tests.conftest import full
from tests.jobs.small_lake import cli, write_config

SCOPE = "S.people.id"
QUERY = "SELECT city, COUNT(*) AS n, SUM(income) AS s FROM S.people GROUP BY city"
TABLE = pa.table(
    {
        "id": pa.array(range(3000), pa.int64()),
        "income": [float(i % 100) for i in range(3000)],
        "city": [["a", "b"][i % 2] for i in range(3000)],
    }
)


def opened(folder: Path) -> Ledger:
    return open_ledger(f"sqlite:///{folder}/ledger.db", force_ephemeral=True, lease_seconds=0)


def spent(folder: Path) -> float:
    return 10 - float(opened(folder).remaining(SCOPE)["epsilon"])


def events(folder: Path) -> list[str]:
    return opened(folder).history(SCOPE)["kind"].tolist()


def ask(folder: Path) -> Any:
    options = {"ledger": opened(folder), "epsilon": 1, "delta": 1e-6, "snapshot": "v1"}
    return api.private_sql(QUERY, {"people": TABLE}, people(max_ids=1), **with_privacy(**options))


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def in_the_aggregate() -> None:
    """Be killed by another thread while the engine works."""
    compute = LocalEngine.aggregate_sql

    def working(self: LocalEngine, *arguments: Any, **options: Any) -> pa.Table:
        threading.Timer(0.05, die).start()
        while True:
            compute(self, *arguments, **options)

    LocalEngine.aggregate_sql = working  # type: ignore[method-assign]


def after_the_draw(folder: Path, number: int = 1) -> None:
    """Be killed when the noise of the n-th release was drawn, which is kept to be compared."""
    make, calls = api.encoded, []

    def drawn(*arguments: Any) -> Any:
        found = make(*arguments)
        calls.append(found)
        if len(calls) == number:
            (folder / "drawn.arrow").write_bytes(found[0])
            die()
        return found

    api.encoded = drawn  # type: ignore[assignment]


def while_storing(folder: Path) -> None:
    """Be killed in the commit of the release."""
    store = Ledger.store_release

    def storing(self: Ledger, *arguments: Any) -> Any:
        (folder / "drawn.arrow").write_bytes(arguments[1])
        event.listen(self._journal.database.engine, "commit", die)
        return store(self, *arguments)

    Ledger.store_release = storing  # type: ignore[method-assign]


def dying(step: str, folder: Path) -> None:
    if step == "in the aggregate":
        in_the_aggregate()
    else:
        {"after the draw": after_the_draw, "while storing": while_storing}[step](folder)
    ask(folder)


def killed(target: Callable[..., None], *arguments: object) -> None:
    processes = get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    worker = processes.Process(target=target, args=arguments)
    worker.start()
    worker.join(60)
    assert worker.exitcode == -signal.SIGKILL


@pytest.mark.parametrize(
    "step", [full("in the aggregate"), "after the draw", full("while storing")]
)
def test_a_run_that_was_killed_is_charged_once_and_released_once(step, tmp_path):
    opened(tmp_path).create_scope(SCOPE, epsilon=10, delta=1e-3)
    killed(dying, step, tmp_path)
    charge = spent(tmp_path)
    assert charge == pytest.approx(1)
    assert events(tmp_path)[-2:] == ["reserved", "reading"]  # charged, and nothing was released
    shown = ask(tmp_path)
    assert ask(tmp_path).arrow == shown.arrow
    drawn = tmp_path / "drawn.arrow"
    assert drawn.exists() == (step != "in the aggregate")
    if drawn.exists():
        assert drawn.read_bytes() != shown.arrow  # noise that nobody saw is not shown later either
    assert spent(tmp_path) == charge
    assert events(tmp_path)[1:] == ["reserved", "reading", "resumed", "reading", "released"]
    assert opened(tmp_path).verify().problems == ()


# --- the job


def configured(folder: Path) -> str:
    (folder / "people").mkdir()
    pq.write_table(TABLE, folder / "people" / "part-0.parquet")
    queries = [
        {"name": f"q{i}", "query": f"SELECT COUNT(*) AS n FROM S.people WHERE income > {i}"}
        for i in range(3)
    ]
    values = {
        "source": {"people": str(folder / "people")},
        "metadata": people(max_ids=1),
        "output": str(folder / "out"),
        "private": {
            **{"ledger": f"sqlite:///{folder}/ledger.db", "force_ephemeral": True},
            **{"scope": SCOPE, "analyst": "ann", "epsilon": 3.0},
        },
        "queries": queries,
    }
    return write_config(folder / "private.yaml", values)


def dying_job(step: str, folder: Path) -> None:
    if step == "in the second release":
        after_the_draw(folder, number=2)
    else:
        job.outputs_of = die  # type: ignore[assignment]
    cli("private-sql", folder / "private.yaml")


@pytest.mark.parametrize(
    ("step", "reserved", "released", "charged"),
    [full("in the second release", 2, 1, 2), ("before the outputs", 3, 3, 0)],
)
def test_a_job_that_was_killed_is_run_again(step, reserved, released, charged, tmp_path):
    opened(tmp_path).create_scope(SCOPE, epsilon=10, delta=1e-3)
    path = configured(tmp_path)
    killed(dying_job, step, tmp_path)
    (left,) = (tmp_path / "out").glob("_run-*")
    assert [p.name for p in left.iterdir()] == ["_owner.json"]  # nothing released
    found = events(tmp_path)
    assert (found.count("reserved"), found.count("released")) == (reserved, released)
    assert spent(tmp_path) == pytest.approx(reserved)
    before = {
        name: opened(tmp_path).release(name, "ann").arrow
        for name in opened(tmp_path).history(SCOPE).query("kind == 'released'")["reservation"]
    }
    with create_engine(f"sqlite:///{tmp_path}/ledger.db").begin() as connection:
        connection.execute(text("UPDATE rai_scale_leases SET until = 0"))  # a minute has passed
    ran = cli("private-sql", path)
    assert ran.code == 0, ran.text
    assert spent(tmp_path) == pytest.approx(3)
    found = events(tmp_path)
    assert (found.count("reserved"), found.count("released")) == (3, 3)
    assert {k: opened(tmp_path).release(k, "ann").arrow for k in before} == before
    assert sorted(p.name for p in (tmp_path / "out").glob("*.parquet")) == sorted(
        f"q{i}{kind}.parquet" for i in range(3) for kind in ("", ".intervals")
    )
    assert ("0 charged now" in ran.out) == (charged == 0)
    assert opened(tmp_path).verify().problems == ()
