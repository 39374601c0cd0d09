"""Make the virtual environment from the lock, or bring it up to date; nothing if it is.

``make_venv.py FOLDER`` is run by the Python that the environment is for. One that was interrupted,
moved, or made by another Python is made again: a half-made one looks complete to pip. A folder that
is not the project's own and was not made here is left alone.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import locked

ROOT = Path(__file__).resolve().parent.parent
INPUTS = [locked.LOCK, ROOT / "pyproject.toml", Path(__file__), Path(locked.__file__)]


def main() -> None:
    """Bring the environment in the folder named by the only argument up to date."""
    folder = Path(sys.argv[1]).absolute()
    stamp = folder / ".setup"
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in INPUTS)).hexdigest()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    made_for = f"Python {python} of {sys.base_prefix} in {folder}"
    before = stamp.read_text().splitlines() if stamp.exists() else []
    if before == [made_for, digest]:
        return
    print(
        f"setup: {folder.name} with Python {python}; the first time takes a few minutes", flush=True
    )
    if before[:1] != [made_for]:
        make(folder, stamp)
    stamp.write_text("being made\n")
    fill(folder / "bin" / "python")
    stamp.write_text(f"{made_for}\n{digest}\n")


def make(folder: Path, stamp: Path) -> None:
    """Make an environment that holds pip alone, in place of the one that is there."""
    if folder.exists():
        if not stamp.exists() and folder.resolve() != ROOT / ".venv" and any(folder.iterdir()):
            sys.exit(f"setup: {folder} was not made here. Remove it, or name another with VENV=")
        for path in folder.iterdir():
            path.unlink() if path.is_symlink() or path.is_file() else shutil.rmtree(path)
    folder.mkdir(parents=True, exist_ok=True)
    stamp.write_text("being made\n")
    venv.create(folder, symlinks=True, with_pip=True)


def fill(python: Path) -> None:
    """Install the lock and this project; what the lock no longer holds is removed."""
    names = set(locked.entries())
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    # First what installs and builds the rest: pip and setuptools of the versions that were tried.
    locked.install(python, [locked.package(text) for text in groups["build"]])
    locked.install(python, names)
    locked.pip(python, "install", "-e", str(ROOT))
    listed = subprocess.check_output(  # noqa: S603 - no shell
        [str(python), "-m", "pip", "list", "--format=json"], env=locked.environment(python)
    )
    installed = {locked.package(entry["name"]) for entry in json.loads(listed)}
    if dropped := sorted(installed - names - {"pip", "rai-scale"}):
        locked.pip(python, "uninstall", "--yes", *dropped)
    if problems := locked.check(python):
        sys.exit(f"setup: {problems}")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"setup: {' '.join(error.cmd)} failed; see above. The next run starts over.")
