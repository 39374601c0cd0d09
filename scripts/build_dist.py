"""Build what a Spark cluster is sent: the package as a zip, its dependencies as an archive.

``rai_scale-<version>.zip`` is for ``--py-files`` (a wheel does not import on executors, a zip
does). ``rai_scale-environment.tar.gz`` is for ``--archives``: a folder of installed packages for
this machine's minor version of Python and platform, which the executors' own Python reads through
``PYTHONPATH``. Only the standard library and pip are used.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import re
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "rai_scale"
LOCK = ROOT / "requirements" / "worker.lock"
# The oldest time that a zip can hold; a fixed one gives equal bytes for equal sources.
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def main() -> None:
    """Build both files into ``--out`` and print their paths; a file that is current is kept."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    out = parser.parse_args().out
    print(build_package(out))
    print(build_environment(out))


def build_package(out: Path) -> Path:
    """Zip the package directory, templates included, for ``--py-files``."""
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"rai_scale-{package_version()}.zip"
    part = target.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in package_files():
            entry = zipfile.ZipInfo(path.relative_to(ROOT).as_posix(), ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    part.replace(target)
    return target


def build_environment(out: Path) -> Path:
    """Pack the locked dependencies of a worker for ``--archives``; reused while the lock holds."""
    out.mkdir(parents=True, exist_ok=True)
    target = out / "rai_scale-environment.tar.gz"
    stamp = out / "rai_scale-environment.key"
    key = environment_key()
    if target.exists() and stamp.exists() and stamp.read_text() == key:
        return target
    with tempfile.TemporaryDirectory(dir=out) as folder:
        installed = Path(folder) / "environment"
        install(installed)
        part = Path(folder) / "environment.tar.gz"
        pack(installed, part)
        part.replace(target)
    stamp.write_text(key)
    return target


def package_version() -> str:
    """Read the version without importing the package."""
    found = re.search(r'__version__\s*=\s*"([^"]+)"', (PACKAGE / "_version.py").read_text())
    if found is None:
        raise SystemExit("build_dist: no __version__ in rai_scale/_version.py")
    return found.group(1)


def package_files() -> Iterator[Path]:
    """Yield the package's files in a fixed order, without compiled ones."""
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def environment_key() -> str:
    """Name what the environment depends on: the lock, this script, Python and the platform."""
    digest = hashlib.sha256(LOCK.read_bytes() + Path(__file__).read_bytes()).hexdigest()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"{python} {sysconfig.get_platform()} {digest}\n"


def install(folder: Path) -> None:
    """Install the worker's lock into ``folder``, from the index that pip is configured for."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps"]
    command += ["--require-hashes", "-r", str(LOCK), "--target", str(folder)]
    subprocess.run(command, check=True)  # noqa: S603 - fixed arguments, no shell


def pack(folder: Path, target: Path) -> None:
    """Write ``folder``'s content to a tar.gz, the same bytes for the same files."""
    # Level 1: most of the bytes are compiled code, which higher levels hardly shrink further.
    with (
        gzip.GzipFile(target, "wb", compresslevel=1, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as archive,
    ):
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            archive.add(path, name, recursive=False, filter=anonymous)


def anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Drop the time and the builder's user from an entry."""
    entry.mtime = 0
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    main()
