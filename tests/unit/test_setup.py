"""`make setup` with a lock that is older than its index, by the oldest and the newest pip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pip
import pytest

from tests.unit.tiny_index import TinyIndex, tiny_project

# The pip of Debian 12, which resolved extras of a complete lock to the newest release.
OLD_PIP = """pip==23.0.1 \\
    --hash=sha256:236bcb61156d76c4b8a05821b988c7b8c35bf0da28a4b614e8d6ab5212c25c6f
"""
SITE = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"


class Tree:
    """A tiny project in ``folder``, its index and its set-up."""

    def __init__(self, folder: Path) -> None:
        self.index, self.project = TinyIndex(folder), folder / "project"
        self.venv = self.project / ".venv"
        self.stamp, self.packages = self.venv / ".setup", self.venv / SITE
        self.lock = self.project / "requirements" / "dev.lock"
        self.made_for = ""

    def setup(self, venv: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "scripts/make_venv.py", str(venv or self.venv)]
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
        env |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": self.index.url, **environ}
        return subprocess.run(
            command, cwd=self.project, env=env, capture_output=True, text=True, check=False
        )

    def versions(self) -> dict[str, str]:
        """Return what the set-up installed."""
        code = (
            "import coverage, plugin, sourceonly, rai_scale;"
            "print(coverage.version, plugin.version, sourceonly.built_by, rai_scale.built_by)"
        )
        python = str(self.venv / "bin" / "python")
        return subprocess.check_output([python, "-I", "-c", code], text=True).split()


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Tree:
    """A tree that was set up by the pip that comes with Python."""
    folder = tmp_path_factory.mktemp("tree")
    tiny_project(folder)
    tree = Tree(folder)
    done = tree.setup()
    assert done.returncode == 0, done.stderr
    return tree


@pytest.fixture
def tree(made, tmp_path) -> Tree:
    """A copy of it that knows its new place."""
    tree = Tree(tmp_path / "tree")
    shutil.copytree(made.index.simple.parent, tmp_path / "tree", symlinks=True)
    stamp = made.stamp.read_text().replace(str(made.venv), str(tree.venv))
    tree.stamp.write_text(stamp)
    tree.made_for = stamp.splitlines()[0]
    return tree


def emptied(tree: Tree) -> None:
    """Remove all packages but pip, and change the lock, so that all are installed again."""
    for path in tree.packages.iterdir():
        if not path.name.startswith("pip"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    tree.lock.write_text(tree.lock.read_text() + tree.index.wheel("extra", "1.0"))


# 7.0 of coverage is yanked and 99.0 is out; what has no wheel is built by the locked backend
LOCKED = ["7.0", "1.0", "1.0", "1.0"]


def test_the_pip_of_this_python_installs_the_lock(made):
    assert made.versions() == LOCKED


def replace_pip(tree: Tree, folder: Path) -> None:
    """Put the pip of ``folder`` in the place of the tree's own."""
    for path in tree.packages.glob("pip*"):
        shutil.rmtree(path)
    for path in folder.glob("pip*"):
        shutil.copytree(path, tree.packages / path.name)


def test_the_locked_pip_installs_the_lock(tree):
    emptied(tree)
    replace_pip(tree, Path(pip.__file__).parents[1])
    done = tree.setup()
    assert done.returncode == 0, done.stderr
    assert tree.versions() == LOCKED


@pytest.mark.full
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="pip 23.0.1 does not run on Python 3.12")
def test_the_oldest_pip_does_so_and_settings_of_the_user_do_not_leak_in(tree, tmp_path):
    (tmp_path / "pip.lock").write_text(OLD_PIP)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    command += [str(tmp_path / "old"), "--require-hashes", "-r", str(tmp_path / "pip.lock")]
    fetched = subprocess.run(command, capture_output=True, text=True, check=False)
    if fetched.returncode and "CI" not in os.environ:
        pytest.skip("the index has no pip 23.0.1")
    assert fetched.returncode == 0, fetched.stderr
    emptied(tree)
    replace_pip(tree, tmp_path / "old")
    (tmp_path / "constraints.txt").write_text("coverage>=99\n")
    config = tmp_path / "pip.conf"
    config.write_text(
        f"[global]\nindex-url = {tree.index.url}\nconstraint = {tmp_path}/constraints.txt\n"
        f"[install]\nuser = true\nno-binary = :all:\ntarget = {tmp_path}/elsewhere\n"
    )
    (tmp_path / "coverage.py").write_text("version = 'mine'\n")
    done = tree.setup(PIP_CONFIG_FILE=str(config), PIP_INDEX_URL="", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert tree.versions() == LOCKED


@pytest.mark.full
def test_what_the_lock_drops_is_removed_and_what_it_lacks_is_told(tree):
    whole = tree.lock.read_text()
    needs = tree.index.wheel("lacking", "1.0", meta="Requires-Dist: unheard-of\n")
    tree.lock.write_text(whole + needs)
    done = tree.setup()
    assert done.returncode != 0
    assert "lacking 1.0 requires unheard-of, which is not installed" in done.stderr
    assert (tree.packages / "lacking.py").exists()

    tree.stamp.write_text(f"{tree.made_for}\n")  # as if it had been complete
    tree.lock.write_text(whole)
    done = tree.setup()
    assert done.returncode == 0, done.stderr
    assert not (tree.packages / "lacking.py").exists()


@pytest.mark.full
def test_a_half_made_environment_is_made_anew(tree):
    (tree.packages / "plugin.py").write_text("version = 'half'\n")
    (tree.venv / "bin" / "python").unlink()  # as when the system's Python was replaced
    (tree.venv / "bin" / "python").symlink_to("/gone/python3.11")
    tree.stamp.write_text("being made\n")
    done = tree.setup()
    assert done.returncode == 0, done.stderr
    assert tree.versions() == LOCKED


def test_nothing_is_done_twice_and_nothing_foreign_is_removed(tree, tmp_path):
    done = tree.setup()
    assert (done.returncode, done.stdout) == (0, "")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    done = tree.setup(venv=tmp_path / "mine")
    assert "was not made here" in done.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
