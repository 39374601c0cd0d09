"""A project, its lock and a package index of a few hundred bytes, for tests of the set-up."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# A build backend in the place of setuptools and hatchling; it records which release of it built.
BACKEND = """
import zipfile
VERSION = "{version}"
def build_wheel(folder, settings=None, metadata=None):
    name, version = open("PKG").read().split()
    wheel = f"{{name}}-{{version}}-py3-none-any.whl"
    info = f"{{name}}-{{version}}.dist-info"
    with zipfile.ZipFile(f"{{folder}}/{{wheel}}", "w") as file:
        file.writestr(f"{{name}}.py", f"built_by = {{VERSION!r}}")
        file.writestr(f"{{info}}/METADATA", f"Metadata-Version: 2.1\\nName: {{name}}\\nVersion: {{version}}\\n")
        file.writestr(f"{{info}}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        file.writestr(f"{{info}}/RECORD", "")
    return wheel
build_editable = build_wheel
"""
PYPROJECT = '[build-system]\nrequires = ["tinybackend"]\nbuild-backend = "tinybackend"\n'
GROUPS = '[dependency-groups]\nbuild = ["tinybackend>=1"]\n'


class TinyIndex:
    """An index in ``folder``/simple that pip reads as a URL."""

    def __init__(self, folder: Path) -> None:
        self.simple = folder / "simple"
        self.url = self.simple.as_uri()

    def add(self, name: str, filename: str, content: bytes, *, yanked: bool = False) -> str:
        """Publish a file; return its line of a lock."""
        page = self.simple / name
        page.mkdir(parents=True, exist_ok=True)
        (page / filename).write_bytes(content)
        links = page / "index.html"
        before = links.read_text() if links.exists() else "<!DOCTYPE html>\n"
        mark = ' data-yanked="withdrawn"' if yanked else ""
        links.write_text(f'{before}<a href="{filename}"{mark}>{filename}</a>\n')
        version = filename.split("-")[1].removesuffix(".tar.gz")
        return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"

    def wheel(
        self, name: str, version: str, *, code: str = "", meta: str = "", yanked: bool = False
    ) -> str:
        """Publish a wheel of one module; return its line of a lock."""
        held, info = io.BytesIO(), f"{name}-{version}.dist-info"
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{meta}"
        tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        with zipfile.ZipFile(held, "w") as file:
            file.writestr(f"{name}.py", code or f"version = {version!r}\n")
            file.writestr(f"{info}/METADATA", head)
            file.writestr(f"{info}/WHEEL", tag)
            file.writestr(f"{info}/RECORD", "")
        return self.add(name, f"{name}-{version}-py3-none-any.whl", held.getvalue(), yanked=yanked)

    def sdist(self, name: str, version: str) -> str:
        """Publish a source archive that needs the backend; return its line of a lock."""
        held, top = io.BytesIO(), f"{name}-{version}"
        meta = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        files = {"PKG": f"{name} {version}", "pyproject.toml": PYPROJECT, "PKG-INFO": meta}
        with tarfile.open(fileobj=held, mode="w:gz") as archive:
            for file, text in files.items():
                entry = tarfile.TarInfo(f"{top}/{file}")
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text.encode()))
        return self.add(name, f"{top}.tar.gz", held.getvalue())


def tiny_project(folder: Path) -> None:
    """Make a project with our scripts whose lock is older than its index in every way."""
    index, project = TinyIndex(folder), folder / "project"
    shutil.copytree(ROOT / "scripts", project / "scripts")
    (project / "requirements").mkdir()
    (project / "pyproject.toml").write_text(PYPROJECT + GROUPS)
    (project / "PKG").write_text("rai_scale 0")
    lines = [
        index.wheel("tinybackend", "1.0", code=BACKEND.format(version="1.0")),
        index.wheel("plugin", "1.0", meta="Requires-Dist: coverage[toml]>=7\n"),
        index.wheel("coverage", "7.0", meta="Provides-Extra: toml\n", yanked=True),
        index.sdist("sourceonly", "1.0"),
    ]
    # released since
    index.wheel("tinybackend", "2.0", code="raise SystemExit('the newest backend was used')")
    index.wheel("coverage", "99.0", meta="Provides-Extra: toml\n")
    index.wheel("plugin", "2.0")
    (project / "requirements" / "dev.lock").write_text("".join(lines))
