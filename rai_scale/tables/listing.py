"""What a listing of a folder says: entries by name, and the facts of a file."""

from __future__ import annotations

from typing import Any

from rai_scale.tables.path_names import base_name
from rai_scale.tables.paths import Place
from rai_scale.tables.source import FileInfo


def entries_of(place: Place) -> dict[str, dict]:
    """List a folder: entries by name, without itself."""
    found = place.fs.ls(place.path, detail=True)
    itself = place.path.rstrip("/")
    return {base_name(e["name"]): e for e in found if e["name"].rstrip("/") not in (itself, "")}


def file_info(path: str, entry: dict[str, Any]) -> FileInfo:
    """Return what a listing says of a file."""
    names = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "created")
    modified = next((str(entry[n]) for n in names if entry.get(n) is not None), "")
    if "ino" in entry:  # of a local file: who sets back its time still changes that of the change
        modified = f"{modified} {entry.get('created')}"
    return FileInfo(path, int(entry["size"] or 0), modified)
