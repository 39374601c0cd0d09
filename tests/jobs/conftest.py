import logging
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rai_scale.samples import planted_values
from tests.jobs.small_lake import (
    MODEL,
    cli,
    make_people,
    make_small_lake,
    redact_options,
    write_config,
)
from tests.jobs.spark_submit import Cluster
from tests.spark_sessions import NO_JAVA, has_java

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def dist() -> tuple[Path, Path]:
    """Build (or reuse) the zip and the packed environment, as `make dist` does."""
    command = [sys.executable, str(ROOT / "scripts" / "build_dist.py"), "--out", str(ROOT / "dist")]
    built = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    package, environment = map(Path, built.stdout.split())
    return package, environment


@pytest.fixture(scope="session")
def cluster(dist: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """Prepare executors whose Python is an empty virtual environment."""
    if not has_java():
        pytest.skip(NO_JAVA)
    scratch = tmp_path_factory.mktemp("cluster")
    bare = scratch / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    return Cluster(*dist, python=bare / "bin" / "python", scratch=scratch)


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Give the package's logger back as it was: a command sets it up for a process of its own."""
    logger = logging.getLogger("rai_scale")
    before = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, level, logger.propagate = before
    logger.setLevel(level)


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sample lake; every engine reads all of it."""
    return make_small_lake(tmp_path_factory.mktemp("lake") / "lake")


@pytest.fixture(scope="session")
def planted(lake: Path) -> list[str]:
    """The personal values of the lake that may appear in no output."""
    return planted_values(lake)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """The smallest lake, of this test alone."""
    return make_people(tmp_path / "people_lake")


@pytest.fixture(scope="session")
def runs(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The local engine's scan and redaction of six tables, and the configurations of both."""
    folder = tmp_path_factory.mktemp("runs")
    fewer = shutil.ignore_patterns("products.csv", "loan_decisions.parquet")
    shutil.copytree(lake, folder / "lake", ignore=fewer)
    values = {"source": str(folder / "lake"), "output": str(folder / "scan"), "random_state": 5}
    values |= {"analyzer": {"model": MODEL, "column_context": True}}
    values |= {"write_redact_config": str(folder / "redact.yaml"), "samples": 2}
    values |= {"state": str(folder / "night" / "state.parquet")}
    values |= {"write_unity_sql": str(folder / "night" / "unity.sql")}
    ran = cli("scan", write_config(folder / "scan.yaml", values), "--log-json")
    (folder / "scan.log").write_text(ran.text)
    assert ran.code == 2, ran.text
    ran = cli("redact", folder / "redact.yaml", *redact_options(folder / "redacted"))
    (folder / "redact.log").write_text(ran.text)
    assert ran.code == 2, ran.text
    return folder
