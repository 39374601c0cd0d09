"""Build what a Spark cluster is sent: the package as a zip, its dependencies as an archive.

``rai_scale-<version>.zip`` is for ``--py-files`` (a wheel does not import on executors, a zip
does). ``rai_scale-environment.tar.gz`` is for ``--archives``: a folder of installed packages for
this machine's minor version of Python and platform, which the executors' own Python reads through
``PYTHONPATH``. It holds the base, the extras that are asked for (``--extra``, by default ``pii``
with the language model) and single packages of the lock (``--package``, such as the package of a
model that is explained), at the versions of the lock; ``rai_scale-environment.txt`` lists them.
``--wheel`` adds a file of your own, such as another language model, without its requirements.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import re
import sys
import sysconfig
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

import locked
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "rai_scale"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ADVICE = "run make setup; what the lock lacks cannot be packed."
# The oldest time that a zip can hold; a fixed one gives equal bytes for equal sources.
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def main() -> None:
    """Build both files into ``--out`` and print their paths; a file that is current is kept."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--extra", action="append", metavar="NAME", help="by default pii")
    parser.add_argument("--package", action="append", metavar="NAME", default=[])
    parser.add_argument("--wheel", action="append", metavar="FILE", type=Path, default=[])
    asked = parser.parse_args()
    names = needed(requirements(asked.extra or ["pii"], asked.package))
    print(build_package(asked.out))
    print(build_environment(asked.out, names, asked.wheel))


def requirements(extras: list[str], packages: list[str]) -> list[str]:
    """Return what is asked for as requirements; what cannot be packed is refused."""
    known = sorted(set(PROJECT["project"]["optional-dependencies"]) - {"all", "spark", "connect"})
    if wrong := [name for name in extras if name not in known]:
        raise SystemExit(
            f"build_dist: cannot pack the extra {', '.join(wrong)}; there are {', '.join(known)}. "
            "pyspark is the cluster's own."
        )
    if wrong := [name for name in packages if locked.package(name) not in locked.entries()]:
        raise SystemExit(f"build_dist: {', '.join(wrong)} is not in {locked.LOCK.name}")
    model = PROJECT["dependency-groups"]["model"] if "pii" in extras else []
    return [f"rai-scale[{','.join(extras)}]", *packages, *model]


def needed(asked: Iterable[str]) -> list[str]:
    """Follow requirements through the installed packages: all names of the lock that they need."""
    todo = [(Requirement(text), "") for text in asked]
    seen: set[tuple[str, str]] = set()
    for requirement, of_extra in todo:  # grows while it is walked
        if requirement.marker and not requirement.marker.evaluate({"extra": of_extra}):
            continue
        for extra in ["", *requirement.extras]:
            name = locked.package(requirement.name)
            name = locked.REPLACED.get(name, name)
            if (name, extra) not in seen:
                seen.add((name, extra))
                todo += [(Requirement(text), extra) for text in requires(name)]
    return sorted({name for name, _ in seen} - {"rai-scale"})


def requires(name: str) -> list[str]:
    """Return what an installed package asks for; it must be the one that the lock holds."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise SystemExit(f"build_dist: {name} is needed and not installed: {ADVICE}") from None
    entry = locked.entries().get(locked.package(name), "")
    if locked.package(name) != "rai-scale" and f"=={found.version} " not in entry:
        raise SystemExit(f"build_dist: {name} {found.version} is not the lock's: {ADVICE}")
    return found.requires or []


def build_package(out: Path) -> Path:
    """Zip the package directory, templates included, for ``--py-files``."""
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"rai_scale-{package_version()}.zip"
    part = target.with_suffix(f".{os.getpid()}.part")  # another build may be under way
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in package_files():
            entry = zipfile.ZipInfo(path.relative_to(ROOT).as_posix(), ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    part.replace(target)
    return target


def build_environment(out: Path, names: list[str], wheels: list[Path]) -> Path:
    """Pack ``names`` at the lock's versions for ``--archives``; reused while the lock holds."""
    target = out / "rai_scale-environment.tar.gz"
    stamp = out / "rai_scale-environment.key"
    text = "".join(locked.entries()[name] for name in names)
    hashes = [hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels]
    key = environment_key(text + "".join(hashes))
    if target.exists() and stamp.exists() and stamp.read_text() == key:
        return target
    with tempfile.TemporaryDirectory(dir=out) as folder:
        installed = Path(folder) / "environment"
        options = ["--no-compile", "--target", str(installed)]
        locked.install(Path(sys.executable), names, *options)
        if wheels:
            locked.pip(Path(sys.executable), "install", *options, *map(str, wheels))
        part = Path(folder) / "environment.tar.gz"
        pack(installed, part)
        part.replace(target)
    target.with_name("rai_scale-environment.txt").write_text(text)
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


def environment_key(text: str) -> str:
    """Name what the environment depends on: its lock, the scripts, Python and the platform."""
    scripts = Path(__file__).read_bytes() + Path(locked.__file__).read_bytes()
    digest = hashlib.sha256(text.encode() + scripts).hexdigest()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"{python} {sysconfig.get_platform()} {digest}\n"


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
