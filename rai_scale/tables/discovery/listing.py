"""Listings of folders: their entries by name, and the facts about a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rai_scale.tables.paths import Place
from rai_scale.tables.source import FileInfo

Entry = dict[str, Any]
"""What fsspec reports about a file or folder: name, size, type and more."""
Entries = dict[str, Entry]


_CHANGED = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "created")
"""Where stores report a version or the time of the last change."""


def entries_of(place: Place) -> Entries:
    """List a folder; return its entries by name, without the folder itself."""
    itself = place.path.rstrip("/")
    named = ((e["name"].rstrip("/"), e) for e in place.fs.ls(place.path, detail=True))
    return {path.rpartition("/")[2]: e for path, e in named if path not in (itself, "")}


def file_info(path: str, entry: Entry) -> FileInfo:
    """Return the facts about a file; ``path`` is relative to the folder of its table."""
    if "ino" in entry:  # a local file: its time can be set, that of the inode cannot
        modified = f"{entry.get('mtime')} {entry.get('created')}"
    else:
        modified = next((str(entry[n]) for n in _CHANGED if entry.get(n) is not None), "")
    return FileInfo(path, int(entry["size"] or 0), modified)


@dataclass(frozen=True)
class Owner:
    """The table folder that files belong to, and the names of ``key=value`` folders below it."""

    folder: str = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataFile:
    """A data file.

    Attributes
    ----------
    owner : Owner
        The table folder that it belongs to.
    path : str
        Its path in the lake.
    format : str
    info : FileInfo
        Its path relative to the table folder, and its size and time.
    """

    owner: Owner
    path: str
    format: str
    info: FileInfo
