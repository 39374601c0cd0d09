"""A real ``spark-submit`` whose executors have nothing but what `make dist` built."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark

from tests.spark_sessions import free_port, listens


@dataclass(frozen=True)
class Cluster:
    """What a submission sends (``package``, ``environment``) and the executors' own ``python``."""

    package: Path
    environment: Path
    python: Path
    scratch: Path

    def submit(
        self,
        script: Path,
        *args: str,
        conf: dict[str, str] | None = None,
        master: str = "local-cluster[1,1,1024]",
    ) -> subprocess.CompletedProcess[str]:
        """Run ``script`` with its executors in processes of their own; output is captured."""
        settings = {
            "spark.executorEnv.PYTHONPATH": "environment",
            "spark.executor.extraJavaOptions": os.environ["SPARK_SUBMIT_OPTS"],
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.local.dir": str(self.scratch / "local"),
            "spark.ui.enabled": "false",
            **(conf or {}),
        }
        command = [str(Path(sys.executable).parent / "spark-submit")]
        command += ["--master", master]
        for key, value in settings.items():
            command += ["--conf", f"{key}={value}"]
        command += ["--py-files", str(self.package)]
        command += ["--archives", f"{self.environment}#environment"]
        command += [str(script), *args]
        return self.run(command)

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run ``command``; the logs of its executors are added to ``stderr``."""
        home = self.spark_home()
        try:
            done = subprocess.run(
                command,
                cwd=self.scratch,
                env={**self.environ(), "SPARK_HOME": str(home)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=500,
                check=False,
            )
            logs = [path.read_text() for path in sorted(home.glob("work/*/*/std*"))]
            done.stderr = "\n".join([done.stderr, *logs])
            return done
        finally:
            shutil.rmtree(home / "work", ignore_errors=True)

    @contextmanager
    def standalone(self, workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
        """Start a master and workers of one core; give its address and the workers."""
        port = str(free_port())
        address = f"spark://127.0.0.1:{port}"
        started: list[subprocess.Popen[bytes]] = []
        try:
            started.append(self._daemon("master.Master", "--port", port))
            wait_for(lambda: listens(int(port)), "the master listens")
            for _ in range(workers):
                started.append(self._daemon("worker.Worker", "-c", "1", "-m", "1g", address))
            yield address, started[1:]
        finally:
            for process in reversed(started):  # a worker ends its executors
                process.terminate()
                process.wait(timeout=30)

    def _daemon(self, name: str, *args: str) -> subprocess.Popen[bytes]:
        home = self.spark_home()
        command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}"]
        command += ["--host", "127.0.0.1", "--webui-port", "0", *args]
        environ = {**self.environ(), "SPARK_HOME": str(home)}
        with (self.scratch / f"{name}.log").open("ab") as log:
            return subprocess.Popen(command, env=environ, stdout=log, stderr=log)

    def spark_home(self) -> Path:
        """Link the installed Spark into the scratch folder: executors work inside SPARK_HOME."""
        home = self.scratch / "spark"
        if not home.exists():
            home.mkdir()
            for path in Path(pyspark.__file__).parent.iterdir():
                if path.name != "work":  # of an application that somebody ran without this
                    (home / path.name).symlink_to(path)
        return home

    def environ(self) -> dict[str, str]:
        """Return this process's environment without what would lend an executor our packages."""
        lent = ("PYTHON", "PYSPARK_", "SPARK_", "VIRTUAL_ENV")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(lent)}
        return {
            **kept,
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_DRIVER_PYTHON": sys.executable,
            "PYSPARK_PYTHON": str(self.python),
        }


def wait_for(ready: Callable[[], bool], what: str, seconds: float = 120) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s until {what}")
        time.sleep(0.05)
