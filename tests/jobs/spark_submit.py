"""A real ``spark-submit`` whose executors have nothing but what `make dist` built."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pyspark


@dataclass(frozen=True)
class Cluster:
    """What a submission sends (``package``, ``environment``) and the executors' own ``python``."""

    package: Path
    environment: Path
    python: Path
    scratch: Path

    def submit(
        self, script: Path, *args: str, conf: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run ``script`` with its executor in a process of its own; output is captured."""
        settings = {
            "spark.executorEnv.PYTHONPATH": "environment",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.local.dir": str(self.scratch / "local"),
            "spark.ui.enabled": "false",
            **(conf or {}),
        }
        command = [str(Path(sys.executable).parent / "spark-submit")]
        command += ["--master", "local-cluster[1,1,1024]"]
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
