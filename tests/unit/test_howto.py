"""The commands and snippets of the how-to pages run as they stand, on the sample lake."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import reduce
from pathlib import Path

import pytest

from rai_scale.samples import make_sample_lake

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "howto").glob("*.md"))
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
ON_SPARK = {"redact_spark.md", "databricks.md"}
"""``test_readme.py`` runs them with a session."""
CHANGES = {
    "sqlite:////srv/rai/ledger.db": "sqlite:///ledger.db",
    'ledger="sqlite:///ledger.db"': 'ledger="sqlite:///ledger.db", force_ephemeral=True',
}
"""A test's folder does not last, and a ledger asks for one that does."""


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return the language and the code of the blocks that run."""
    found = []
    for indent, language, text in BLOCK.findall(page.read_text()):
        code = re.sub(f"^{indent}", "", text, flags=re.MULTILINE)
        found.append(
            (language, reduce(lambda done, pair: done.replace(*pair), CHANGES.items(), code))
        )
    return found


@pytest.mark.full
@pytest.mark.parametrize("page", [p for p in PAGES if p.name not in ON_SPARK], ids=lambda p: p.stem)
def test_the_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_sample_lake("sample_lake", rows=150)
    names: dict = {}
    for language, code in blocks(page):
        if language == "yaml" and code.startswith("# "):
            Path(code[2 : code.index("\n")]).write_text(code)
        if language == "bash":
            shell(code)
        if language == "python":
            exec(compile(code, page.name, "exec"), names)


def shell(code: str) -> None:
    """Run commands; a command that warns or whose gate fails has run."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    code = re.sub(r"^(rai-scale budget .*?)( +#.*)?$", r"\1 --force-ephemeral", code, flags=re.M)
    run = subprocess.run(["bash", "-c", code], env=env, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1, 2) and "Traceback" not in run.stderr, run.stderr


def test_every_page_is_in_the_navigation_and_on_the_first_page():
    navigation = (ROOT / "mkdocs.yml").read_text()
    first = (ROOT / "docs" / "index.md").read_text()
    for page in sorted((ROOT / "docs").rglob("*.md")):
        name = page.relative_to(ROOT / "docs").as_posix()
        assert f"- {name}\n" in navigation, name
        if name.startswith("howto/"):
            assert f"]({name})" in first, name
