import subprocess
import sys
from pathlib import Path

import pytest

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
