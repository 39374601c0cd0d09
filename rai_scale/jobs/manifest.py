"""The manifest of a run, written last; ``docs/manifest.md`` is its schema."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import Any

from rai_scale.errors import ConfigError
from rai_scale.tables.lock import LOCK
from rai_scale.tables.ownership import files_below
from rai_scale.tables.paths import Place
from rai_scale.tables.source import Lake

MANIFEST = "_manifest.json"
SCHEMA_VERSION = 2
_BLOCK = 1 << 20
Facts = dict[str, Any]


def input_facts(lake: Lake, private: bool) -> list[Facts]:
    """Return the inputs by table, without counts for a private run."""
    return [
        {"table": table.name, "format": table.format, "snapshot": table.snapshot}
        | ({} if private else {"files": len(table.files), **_not_read(table)})
        for table in lake
    ]


def _not_read(table: Any) -> dict[str, list[Facts]]:
    bad = [{"file": name, "error": error} for name, error in table.unreadable]
    hidden = [{"file": s.path, "files": s.files, "bytes": s.bytes} for s in table.hidden]
    return {"unreadable": bad, "hidden": hidden}


def output_facts(target: Place) -> Facts | None:
    """Return the SHA-256, bytes and number of files of an output; None if it does not exist.

    The hash is that of a file's content; of a folder's list of paths and sizes, so that a lake is
    not read once more.
    """
    if not target.fs.exists(target.path):
        return None
    found = hashlib.sha256()
    if target.fs.isfile(target.path):
        with target.open(compression=None) as file:
            while block := file.read(_BLOCK):
                found.update(block)
        return {"sha256": found.hexdigest(), "bytes": _size(target), "files": 1}
    inner = [path for path in files_below(target) if path != LOCK]
    sizes = [(path, _size(target.child(path))) for path in inner]
    found.update(repr(sizes).encode("utf-8", "backslashreplace"))
    total = sum(size for _, size in sizes)
    return {"sha256": found.hexdigest(), "bytes": total, "files": len(sizes)}


def _size(place: Place) -> int:
    return int(place.fs.info(place.path)["size"] or 0)


def read_manifest(output: Place) -> Facts | None:
    """Return the manifest of an output; None if there is none that can be read.

    A manifest of an earlier schema has no hashes, so its run never counts as done.

    Raises
    ------
    ConfigError
        If a later version of this package wrote it.
    """
    output.fs.invalidate_cache()
    place = output.child(MANIFEST)
    try:
        with place.open(compression=None) as file:
            facts = dict(json.loads(file.read()))
    except (OSError, ValueError, TypeError):
        return None
    version = facts.setdefault("schema_version", 1)
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise ConfigError(
            f"{place.url!r} has schema version {version!r}; this version of rai_scale reads up to "
            f"{SCHEMA_VERSION}."
        )
    if version == 1:
        details = facts.get("details") or {}
        facts["unread"] = details.get("unread", 0)
        facts["outputs"] = dict.fromkeys(facts.get("outputs", ()))
        facts |= {"metrics": [], "profile": []}
    return facts


def finished(output: Place, run_id: str | None) -> Facts | None:
    """Return the manifest of a run if it has finished and its outputs are unchanged."""
    facts = None
    with suppress(ConfigError):
        facts = read_manifest(output)
    if facts is None or run_id is None or facts.get("run_id") != run_id or not facts.get("outputs"):
        return None
    same = all(
        known is not None and output_facts(output.child(name)) == known
        for name, known in facts["outputs"].items()
    )
    return facts if same else None
