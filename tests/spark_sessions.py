"""One classic and one Connect session for the whole test run, each started only when asked for."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

NO_JAVA = "Spark tests need Java 17: apt-get install openjdk-17-jre-headless"


def has_java() -> bool:
    """Return whether a Java that Spark can use is on the path."""
    return shutil.which("java") is not None or "JAVA_HOME" in os.environ


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port: int) -> bool:
    """Return whether somebody listens on a port of this machine."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def classic_session():
    """Start Spark in this process."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    return (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "3")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )


class ConnectServer:
    """A Connect server in a process of its own, as on Databricks."""

    def __init__(self, folder: Path) -> None:
        import pyspark

        home = Path(pyspark.__file__).parent
        self.port = free_port()
        self.log = (folder / "connect.log").open("w")
        settings = {
            "spark.ui.enabled": "false",
            "spark.connect.grpc.binding.port": str(self.port),
            "spark.connect.grpc.binding.address": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.sql.shuffle.partitions": "3",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
        }
        confs = [part for key, value in settings.items() for part in ("--conf", f"{key}={value}")]
        command = [
            str(home / "bin" / "spark-submit"),
            *("--master", "local[2]"),
            *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
            *confs,
            "spark-internal",
        ]
        here = str(Path(__file__).resolve().parents[1])  # as if installed on the cluster
        env = {**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_HOME": str(home)}
        env["PYTHONPATH"] = here
        self.process = subprocess.Popen(
            command, cwd=folder, env=env, stdout=self.log, stderr=self.log
        )
        self._wait()

    def _wait(self) -> None:
        for _ in range(240):
            if listens(self.port):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.5)
        raise RuntimeError("the Spark Connect server did not start; see connect.log")

    def session(self):
        """Open a session to the server, beside a classic session if there is one."""
        from pyspark.sql.connect.session import SparkSession

        return SparkSession.builder.remote(f"sc://127.0.0.1:{self.port}").getOrCreate()

    def stop(self) -> None:
        """End the server."""
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()
