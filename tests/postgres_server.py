"""A real PostgreSQL server of the tests' own, in a temp folder, reached by a Unix socket only."""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from functools import cache
from itertools import count
from pathlib import Path

import psycopg
import pytest

NO_SERVER = "no PostgreSQL server found: apt-get install postgresql"
_SECONDS = 60
_names = count()


def _binary(name: str) -> str | None:
    found = shutil.which(name)
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=_version)
    return found or (str(debian[-1]) if debian else None)


def _version(path: Path) -> float:
    return float(path.parts[-3])


class PostgresServer:
    """A server in a folder that is deleted with it; it runs without root's rights."""

    def __init__(self, initdb: str, postgres: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg"))
        self.user, account = _account()
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.user)
            account |= {"extra_groups": []}
        data = self.folder / "data"
        quiet = {"cwd": self.folder, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        make = [initdb, "-D", str(data), "-A", "trust", "-U", "owner", "-E", "UTF8", "--no-sync"]
        subprocess.run(make, check=True, **quiet, **account)
        settings = ["listen_addresses=", f"unix_socket_directories={self.folder}", "fsync=off"]
        options = [part for setting in settings for part in ("-c", setting)]
        self._log = (self.folder / "log").open("wb")
        self._process = subprocess.Popen(
            [postgres, "-D", str(data), *options], stderr=self._log, **quiet, **account
        )
        atexit.register(self.stop)
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + _SECONDS
        while True:
            try:
                self.run("SELECT 1")
                return
            except psycopg.OperationalError:
                if time.monotonic() > end or self._process.poll() is not None:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.1)

    def run(self, statement: str) -> None:
        """Run a statement as the server's owner."""
        address = f"host={self.folder} user=owner dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)

    def new_database(self) -> str:
        """Return the SQLAlchemy URL of an empty database."""
        name = f"ledger{next(_names)}"
        self.run(f"CREATE DATABASE {name}")
        return f"postgresql://owner@/{name}?host={self.folder}"

    def stop(self) -> None:
        """Stop the server and delete its folder."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_SECONDS)
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _account() -> tuple[str, dict]:
    """Return whom to run the server as: it refuses root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name, {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    name = "postgres" if "postgres" in names else "nobody"
    return name, {"user": name, "group": pwd.getpwnam(name).pw_gid}


@cache
def _server() -> PostgresServer | None:
    initdb, postgres = _binary("initdb"), _binary("postgres")
    return PostgresServer(initdb, postgres) if initdb and postgres else None


def new_postgres_database() -> str:
    """Return the URL of an empty database, or skip the test where there is no server."""
    server = _server()
    if server is None:
        pytest.skip(NO_SERVER)
    return server.new_database()
