"""Folders of table formats with a log that decides which files, and which of their rows, count.

Read as plain files, they would give deleted rows and old versions again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from rai_scale.tables.path_names import base_name
from rai_scale.tables.paths import Place

_METADATA = re.compile(r"^v?(\d+)(-.*|\.gz)?\.metadata\.json(\.gz)?$")
_ACID = re.compile(r"^(base_\d{7,}|(delete_)?delta_\d{7,}_\d{7,})(_.*)?$")


def kind_of(place: Place, entries: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the table format of a folder, from its entries; None if it has no log of a format."""
    folders = {name for name, entry in entries.items() if entry["type"] == "directory"}
    if "metadata" in folders and any(map(_METADATA.match, _names(place.child("metadata")))):
        return "Iceberg"
    if ".hoodie" in folders:
        return "Hudi"
    if "_versions" in folders and folders & {"data", "_transactions"}:
        return "Lance"
    if {"snapshot", "schema", "manifest"} <= folders:
        return "Paimon"
    return "Hive ACID" if any(map(_ACID.match, folders)) else None


def newest_metadata(place: Place) -> str | None:
    """Return the name of an Iceberg table's newest metadata file; None if there are two."""
    found: dict[int, list[str]] = {}
    for name in _names(place.child("metadata")):
        match = _METADATA.match(name)
        if match:
            found.setdefault(int(match.group(1)), []).append(name)
    newest = found[max(found)]
    return newest[0] if len(newest) == 1 else None


def _names(place: Place) -> Iterable[str]:
    return [base_name(name) for name in place.fs.ls(place.path, detail=False)]
