"""The map of the house: every folder is on it, and the paths that guides name are there."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAP = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
GUIDES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
HOMES = {"private_sql.md": "private_queries"}
"""Guides that name the files of one room without the room."""


def spelled_out(path: str) -> list[str]:
    """Return the paths of one with alternatives in braces."""
    parts = re.split(r"\{([^}]*)\}", path)
    return ["".join(chosen) for chosen in product(*(part.split(",") for part in parts))]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_the_files_that_a_guide_names_are_there(guide):
    text = guide.read_text(encoding="utf-8")
    homes = [ROOT, ROOT / "rai_scale"]
    if guide.name in HOMES:
        homes.append(ROOT / "rai_scale" / HOMES[guide.name])
    for named in re.findall(r"(?<![\w/.<>*-])((?:[\w{},-]+/)+[\w{},-]+\.py|\w+\.py(?=`))", text):
        for path in spelled_out(named):
            mine = "/" in path or guide.name in HOMES
            assert not mine or any((home / path).exists() for home in homes), f"{path} is gone"


def test_every_folder_is_on_the_map_with_what_it_holds():
    rows = dict(re.findall(r"^\| `(?:rai_scale/)?([\w/]+)/` \| (.+) \|$", MAP, re.MULTILINE))
    rooms = {
        p.parent.relative_to(ROOT / "rai_scale") for p in ROOT.glob("rai_scale/*/**/__init__.py")
    }
    jobs = {room for room in rooms if len(room.parts) > 1 and room.parts[0] == "jobs"}
    assert set(rows) == {room.as_posix() for room in rooms - jobs}


def test_the_map_is_in_the_order_of_imports():
    from tests.architecture.test_imports import LAYERS

    rows = [LAYERS[room] for room in re.findall(r"^\| `(\w+)/` \|", MAP, re.MULTILINE)]
    assert rows == sorted(rows, reverse=True)
