"""The manifest of a run: written last, it is the commit marker."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from rai_scale._version import __version__
from rai_scale.jobs.outputs import files_of, still_there
from rai_scale.pii.config import AnalyzerConfig
from rai_scale.statistics.json_values import json_text
from rai_scale.tables.paths import place_of, save_bytes
from rai_scale.tables.source import Lake

MANIFEST = "_manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What a run read, did and wrote; no personal value.

    ``rows`` holds in = out + quarantined + skipped; rows of a file that cannot be opened are not
    known, so such files are counted in ``inputs``.
    """

    run_id: str
    job: str
    status: str
    exit_code: int
    config_hash: str
    engine: str
    started: str
    seconds: float
    versions: dict[str, str]
    inputs: list[dict[str, Any]]
    rows: dict[str, int]
    outputs: dict[str, str]
    seeds: dict[str, int] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    def save(self, output: str, names: Iterable[str] | None = None) -> None:
        """Write the manifest into the output folder, whole or not at all.

        With what is there now under ``names`` (by default all outputs), so that a later run can
        tell whether it still is.
        """
        names = self.outputs if names is None else names
        facts = {**asdict(self), "files": files_of(place_of(output), written_names(names))}
        save_bytes(place_of(output).child(MANIFEST), json_text(facts).encode())


def written_names(names: Iterable[str]) -> list[str]:
    """Return names of outputs without the manifest's own."""
    return [name for name in names if name != MANIFEST]


def finished_manifest(output: str, run_id: str) -> Manifest | None:
    """Return the manifest of this very run if it has finished before and its outputs are there."""
    place = place_of(output).child(MANIFEST)
    if not place.fs.exists(place.path):
        return None
    try:
        with place.open(compression=None) as file:
            found = Manifest(**json.loads(file.read()))
    except (ValueError, TypeError):
        return None
    same = found.run_id == run_id and still_there(place_of(output), found.files)
    return found if same else None


def remove_manifest(output: str) -> None:
    """Remove the manifest of the run before, as its output is about to be replaced."""
    place = place_of(output).child(MANIFEST)
    if place.fs.exists(place.path):
        place.fs.rm_file(place.path)


def run_id_of(job: str, config: str, lake: Lake, versions: dict[str, str]) -> str | None:
    """Return an id that is equal for equal configuration, inputs and versions.

    None where the driver cannot tell the state of an input: such a run is never skipped.
    """
    snapshots = [(table.name, table.snapshot) for table in lake]
    if any(snapshot is None for _, snapshot in snapshots):
        return None
    beside = [(s.path, s.reason, s.bytes) for s in lake.skipped if not s.harmless]
    seen = json.dumps([job, config, snapshots, versions, beside], sort_keys=True)
    return hashlib.sha256(seen.encode()).hexdigest()[:16]


def versions_of(config: AnalyzerConfig) -> dict[str, str]:
    """Return the versions that an answer depends on; a folder of a model has its meta's version."""
    found = {"rai_scale": __version__}
    for package in ("presidio-analyzer", "presidio-anonymizer", "spacy", "tldextract"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not on the driver"
    found[f"model {config.model}"] = _model_version(config.model)
    return found


def _model_version(model: str) -> str:
    try:
        import spacy.util

        return str(spacy.util.get_model_meta(spacy.util.get_package_path(model)).get("version"))
    except Exception:
        return "not on the driver"


def unread_files(lake: Lake) -> int:
    """Return how many files of the tables could not be opened."""
    return sum(len(table.unreadable) for table in lake)


def inputs_of(lake: Lake) -> list[dict[str, Any]]:
    """Return what was read, by table."""
    return [
        {
            "table": table.name,
            "format": table.format,
            "snapshot": table.snapshot,
            "files": len(table.files),
            "unreadable": [{"file": name, "error": error} for name, error in table.unreadable],
        }
        for table in lake
    ]
