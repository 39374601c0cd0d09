"""Fixtures shared by all tests: one Spark of each kind, and every engine under one name."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import settings

from tests.spark_sessions import NO_JAVA, ConnectServer, classic_session, has_java

os.environ.setdefault("RAI_SCALE_LOCAL_WORKERS", "2")
# Tests end before the code that Java would optimise pays for it: half of the CPU time of Spark.
os.environ.setdefault("SPARK_SUBMIT_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
# Without deadlines: a test does not fail because the machine is busy.
settings.register_profile("brief", settings.default, deadline=None)
settings.register_profile("full", deadline=None)  # pytest --hypothesis-profile=full
settings.load_profile("brief")


def examples(number: int) -> int:
    """Return how many examples of a slow test are tried: a quarter, but in the profile ``full``."""
    return number if settings.get_current_profile_name() == "full" else max(5, number // 4)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items):
    """Give the tests on each kind of Spark to one process, which starts it once, and each file to one.

    The longest groups come first, so that the processes end at about the same time.
    """

    def group(item):
        if item.get_closest_marker("spark"):
            return "connect" if "connect" in item.name else "spark"
        return item.nodeid.partition("::")[0]

    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
    items.sort(
        key=lambda item: (group(item) not in ("spark", "connect"), item.path.parent.name != "jobs")
    )


def pytest_collection_finish(session):
    """Stop if pytest-xdist ignores the groups: each process would start Spark, in twice the time."""
    if getattr(session.config.option, "loadgroup", False):
        ignored = [item.nodeid for item in session.items if "@" not in item.nodeid]
        if ignored:
            raise pytest.UsageError("pytest-xdist ignores groups; use a pytest that it knows")


class Hiding:
    """A finder that does not find some packages."""

    def __init__(self, finder, names):
        self.finder = finder
        self.names = names

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name in self.names else self.finder.find_spec(name, path, target)


@pytest.fixture
def without(monkeypatch):
    """Return a function that takes packages away, as if they were not installed."""

    def hide(*names):
        for name in list(sys.modules):
            if name.split(".")[0] in names:
                monkeypatch.delitem(sys.modules, name)
        finders = [
            one if type(one).__module__ == "rai_scale.lazy" else Hiding(one, names)
            for one in sys.meta_path
        ]
        monkeypatch.setattr(sys, "meta_path", finders)

    return hide


@pytest.fixture(scope="session")
def spark_session():
    """A classic Spark session."""
    if not has_java():
        pytest.skip(NO_JAVA)
    session = classic_session()
    yield session
    session.stop()


@pytest.fixture(scope="session")
def connect_session(tmp_path_factory):
    """A Spark Connect session to a server in a process of its own."""
    if not has_java():
        pytest.skip(NO_JAVA)
    server = ConnectServer(tmp_path_factory.mktemp("connect"))
    session = server.session()
    yield session
    session.stop()  # before the server: a client retries for minutes to leave a server that is gone
    server.stop()


@dataclass(frozen=True)
class EngineCase:
    """An engine and how to give it an Arrow table cut into partitions."""

    name: str
    engine: Any

    def make(self, table: pa.Table, partitions: int = 1) -> Any:
        """Return the engine's own frame of ``table``."""
        if self.name == "pandas":
            return table.to_pandas()
        return self.engine.from_arrow(table, partitions)

    def rows(self, frame: Any, by: str | None = None) -> list[dict]:
        """Execute a frame and return its rows, sorted by a column."""
        rows = self.engine.collect(frame).to_pylist()
        return sorted(rows, key=lambda row: row[by]) if by else rows


def make_case(name: str, request: pytest.FixtureRequest) -> EngineCase:
    """Return the case of this name, starting what it needs."""
    from rai_scale.engines import engine_named

    if name in ("local", "pandas"):
        return EngineCase(name, engine_named("local"))
    if name == "dask":
        return EngineCase(name, engine_named("dask"))
    fixture = {"spark": "spark_session", "connect": "connect_session"}[name]
    return EngineCase(name, engine_named("spark", session=request.getfixturevalue(fixture)))


ENGINE_NAMES = ["local", "pandas", "dask", "spark", "connect"]


def full(*values: Any) -> Any:
    """Return the parameters of a test that only ``make test-full`` runs with them."""
    return pytest.param(*values, marks=pytest.mark.full)


def engine_params(names: list[str]) -> list[Any]:
    """Return pytest parameters, those on Spark marked so."""
    return [
        pytest.param(n, marks=pytest.mark.spark) if n in ("spark", "connect") else n for n in names
    ]


@pytest.fixture(params=engine_params(ENGINE_NAMES))
def engine_case(request) -> EngineCase:
    """Each engine in turn."""
    return make_case(request.param, request)


@pytest.fixture(params=engine_params(["local", "dask", "spark", "connect"]))
def cluster_case(request) -> EngineCase:
    """Each engine with lazy, partitioned frames."""
    return make_case(request.param, request)


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder of reference data; the test is skipped where it is absent."""
    here = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("RAI_SCALE_REFERENCE_DATA", here.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no reference data: set RAI_SCALE_REFERENCE_DATA to its folder")
    return folder
