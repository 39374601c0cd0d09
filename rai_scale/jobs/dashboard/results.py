"""Finds the results of other jobs, and reads them; nothing is computed again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rai_scale.errors import ConfigError
from rai_scale.jobs.manifest import MANIFEST, Facts, read_manifest
from rai_scale.tables.paths import Place, place_of

FILES = {
    "error-analysis": "error_analysis.json",
    "fairness": "fairness.json",
    "balance": "balance.json",
    "explain": "explain.json",
    "train-ebm": "ebm.json",
    "scan": "findings.json",
    "private-sql": "releases.json",
    "risk": "risk.json",
    "personalization": "personalization.json",
    "synthesize": "synthetic.json",
}
"""The result of each job that has a tab, by the name of its command."""
OWN = "dashboard"


@dataclass(frozen=True)
class Found:
    """The output of a job: its folder, its manifest, and its result as plain values."""

    place: Place
    manifest: Facts
    report: dict[str, Any] | None

    @property
    def job(self) -> str:
        """Name of the command."""
        return command_of(self.manifest["job"])

    @property
    def is_private(self) -> bool:
        """Whether the run was private: its manifest names the scope that was charged."""
        return "epsilon" in self.manifest or "rho" in self.manifest


def command_of(job: str) -> str:
    """Return the name of the command of a job."""
    return job.replace("_", "-")


def find_results(folders: Iterable[str]) -> list[Found]:
    """Return the results in folders, or in the folders inside of these.

    Raises
    ------
    ConfigError
        If a folder has no result, if two results are of the same job, or if a result was changed
        after its run.
    """
    found: dict[tuple[str, bool], Found] = {}
    for folder in folders:
        places = _outputs_in(place_of(folder))
        if not places:
            raise ConfigError(
                f"source: {folder!r} is not the output of a job and holds none: there is no "
                f"{MANIFEST}. Run a job first, such as rai-scale error-analysis."
            )
        for place in places:
            result = _read(place)
            if result is None:
                continue
            key = (result.job, result.is_private)
            if key in found and found[key].place.url != place.url:
                raise ConfigError(
                    f"source: {found[key].place.url!r} and {place.url!r} are both results of "
                    f"{result.job}; name one of them."
                )
            found[key] = result
    if not found:
        raise ConfigError("source: the folders hold no result of a job other than dashboards.")
    return [found[key] for key in sorted(found)]


def _outputs_in(place: Place) -> list[Place]:
    if place.fs.exists(place.child(MANIFEST).path):
        return [place]
    if not place.fs.isdir(place.path):
        return []
    names = sorted(path.rstrip("/").rpartition("/")[2] for path in place.fs.ls(place.path, False))
    inner = [place.child(name) for name in names if not name.startswith((".", "_"))]
    return [each for each in inner if each.fs.exists(each.child(MANIFEST).path)]


def _read(place: Place) -> Found | None:
    manifest = read_manifest(place)
    if manifest is None:
        raise ConfigError(
            f"source: the manifest in {place.url!r} cannot be read; run its job again."
        )
    job = command_of(manifest["job"])
    if job == OWN:
        return None
    name = FILES.get(job)
    if name is None:
        return Found(place, manifest, None)
    with place.child(name).open(compression=None) as file:
        content = file.read()
    known = (manifest["outputs"].get(name) or {}).get("sha256")
    if hashlib.sha256(content).hexdigest() != known:
        raise ConfigError(
            f"source: {name} in {place.url!r} is not the one that its run wrote; run "
            f"rai-scale {job} again."
        )
    return Found(place, manifest, json.loads(content))
