"""Install what ``requirements/dev.lock`` holds, and nothing else.

A complete lock needs no resolver (``--no-deps``), and its builds need no index: the few packages
without a wheel are built by the pinned setuptools (``--no-build-isolation``). Only the standard
library is used, for this runs before anything is installed.
"""

from __future__ import annotations

import ast
import functools
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

LOCK = Path(__file__).resolve().parent.parent / "requirements" / "dev.lock"
# Packages whose modules the lock has from another package; see requirements/overrides.txt.
REPLACED = {"xgboost": "xgboost-cpu"}
# Of a user's pip configuration: where packages come from, and how they are reached.
WHERE_FROM = {
    *("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "proxy"),
    *("cert", "client-cert", "timeout", "default-timeout", "retries", "keyring-provider"),
    *("cache-dir", "no-cache-dir"),
}


def package(text: str) -> str:
    """Return the name that a requirement or a line of a lock begins with, as the index has it."""
    name = re.split(r"[^\w.-]", text, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


@functools.cache
def entries(lock: Path = LOCK) -> dict[str, str]:
    """Return the lines of a lock by package; a package may have several, by marker."""
    found: dict[str, str] = {}
    for entry in re.findall(r"^[A-Za-z0-9].*\n(?:[ #].*\n?)*", lock.read_text(), re.MULTILINE):
        found[package(entry)] = found.get(package(entry), "") + entry
    return found


def install(python: Path, names: Iterable[str], *options: str, lock: Path = LOCK) -> None:
    """Install ``names`` at the versions and hashes of the lock, by the pip of ``python``."""
    locked = entries(lock)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "requirements.txt")
        file.write_text("".join(locked[name] for name in sorted(names)))
        pip(python, "install", "--require-hashes", "-r", str(file), *options)


def pip(python: Path, command: str, *arguments: str) -> None:
    """Run pip, free of whatever the user's settings would change but the source."""
    options = ["--no-deps", "--no-build-isolation"] if command == "install" else []
    subprocess.run(  # noqa: S603 - no shell
        [str(python), "-m", "pip", command, "--quiet", *options, *arguments],
        env=environment(python),
        check=True,
    )


def check(python: Path) -> str:
    """Return what pip finds missing or in conflict, except for replaced packages."""
    found = subprocess.run(  # noqa: S603 - no shell
        [str(python), "-m", "pip", "check"],
        env=environment(python),
        capture_output=True,
        text=True,
        check=False,
    )
    replaced = tuple(f" requires {name}, which is not installed." for name in REPLACED)
    lines = found.stdout.splitlines() if found.returncode else []
    return "\n".join(line for line in lines if not line.endswith(replaced))


@functools.cache
def environment(python: Path) -> dict[str, str]:
    """Return this environment with only the part of pip's configuration that names a source.

    A user's ``user``, ``target``, ``constraint`` or ``no-binary`` would install elsewhere or
    something else; packages on ``PYTHONPATH`` would count as installed.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    listed = subprocess.run(  # noqa: S603 - no shell
        [str(python), "-m", "pip", "config", "list"],
        env=kept,
        check=True,
        capture_output=True,
        text=True,
    )
    settings = dict(line.split("=", 1) for line in listed.stdout.splitlines() if "=" in line)
    kept = {key: value for key, value in kept.items() if not key.startswith("PIP_")}
    for section in ("global", "install", ":env:"):  # the later ones win, as they do in pip
        for key in WHERE_FROM:
            if value := ast.literal_eval(settings.get(f"{section}.{key}", "''")):
                kept["PIP_" + key.upper().replace("-", "_")] = value
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
