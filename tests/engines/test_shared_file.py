"""A large object travels once and is loaded once per worker process."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pytest

from rai_scale.engines import engine_named
from rai_scale.engines.shared_file import SharedFile, content_name
from tests.conftest import make_case

BIG = 200 * 2**20
LOADS = pa.schema([("pid", pa.int64()), ("size", pa.int64()), ("loads", pa.int64())])
COUNTS: dict[str, int] = {}


def size_of(path: str) -> int:
    COUNTS[path] = COUNTS.get(path, 0) + 1
    return os.path.getsize(path)


@dataclass(frozen=True)
class LoadsOfFile:
    """Loads the file and says how often this process has done so."""

    file: SharedFile

    def __call__(self, table: pa.Table) -> pa.Table:
        size = self.file.load(size_of)
        return pa.table([[os.getpid()], [size], [COUNTS[self.file.path()]]], schema=LOADS)


@pytest.fixture(scope="module")
def big_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("big") / "model.bin"
    with path.open("wb") as file:
        for number in range(BIG // 2**20):
            file.write(number.to_bytes(2, "big") * 2**19)
    return path


def check_loads(case, path) -> None:
    shared = case.engine.publish(str(path))
    frame = case.make(pa.table({"v": range(8)}), 8)
    out = case.engine.map_partitions(frame, LoadsOfFile(shared), LOADS, label="loads")
    rows = case.rows(out)
    assert {row["size"] for row in rows} == {BIG}
    assert {row["loads"] for row in rows} == {1}


@pytest.mark.parametrize("name", ["local", "dask"])
def test_loaded_once_per_process(request, name, big_file):
    check_loads(make_case(name, request), big_file)


@pytest.mark.spark
@pytest.mark.parametrize("name", ["spark", "connect"])
def test_200_mb_on_spark(request, name, big_file):
    check_loads(make_case(name, request), big_file)


@pytest.mark.full
def test_200_mb_on_a_dask_cluster(big_file, request, tmp_path):
    from distributed import Client

    options = {"processes": True, "n_workers": 2, "threads_per_worker": 1}
    with Client(dashboard_address=None, local_directory=str(tmp_path), **options):
        check_loads(make_case("dask", request), big_file)


def test_local_tasks_load_it_once_per_worker(big_file):
    from rai_scale.engines.local import LocalEngine

    engine = LocalEngine(workers=2)
    shared = engine.publish(str(big_file))
    done = engine.map_tasks(LoadTask(shared), range(8), shared=[shared])
    assert {loads for _, loads in done} == {1}


@dataclass(frozen=True)
class LoadTask:
    file: SharedFile

    def __call__(self, _: int) -> tuple[int, int]:
        self.file.load(size_of)
        return os.getpid(), COUNTS[self.file.path()]


def test_threads_load_it_once(tmp_path):
    (tmp_path / "m.bin").write_bytes(b"1")
    shared = engine_named("local").publish(str(tmp_path / "m.bin"))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: shared.load(slowly), range(8)))
    assert all(one is found[0] for one in found)


def slowly(path: str) -> object:
    time.sleep(0.05)
    return object()


def test_equal_content_has_one_name(tmp_path):
    for folder, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "m.bin").write_bytes(content)
    names = [content_name(str(tmp_path / f / "m.bin")) for f in "abc"]
    assert names[0] == names[1] != names[2]
    assert names[0].endswith("-m.bin")
    assert engine_named("local").publish(str(tmp_path / "a" / "m.bin")).name == names[0]
