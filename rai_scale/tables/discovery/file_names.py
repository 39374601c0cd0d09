"""File names: the kind of a file that is not a table, and hidden names without data."""

from __future__ import annotations

import re

_KINDS = {
    "office document of an old format": "doc dot rtf ppt",
    "mailbox": "mbox pst ost",
    "calendar or contacts": "ics vcf",
    "Arrow file": "arrow feather ipc",
    "archive": "7z rar iso",
    "database or statistics file": "mdb accdb duckdb sav dta rds h5 wal",
    "picture": "png jpg jpeg gif bmp tif tiff webp heic dcm",
    "sound or film": "mp3 wav m4a ogg flac mp4 mov avi mkv webm",
    "program or notebook": "py ipynb r sql sh jar java scala js ts",
    "configuration": "yaml yml toml ini cfg conf env properties",
}
_KIND_OF = {ending: kind for kind, endings in _KINDS.items() for ending in endings.split()}

_BOOKKEEPING = re.compile(
    r"_SUCCESS|_(committed|started)_\d+|_metadata|_common_metadata|\..+\.crc|_spark_metadata"
    r"|\.DS_Store|_delta_log|_change_data|_delta_index|_current\.json|_manifest\.json|_pointer\.json|_owner\.json|_run-.+"
)


def why_unread(name: str) -> str:
    """Return why a file with a visible name is not read: its kind, or a missing extension."""
    ending = name.rpartition(".")[2].lower() if "." in name.strip(".") else ""
    if not ending:
        return "no extension: unknown kind of file"
    kind = _KIND_OF.get(ending)
    return f"{kind}: not a supported format" if kind else "unknown kind of file"


def is_bookkeeping(name: str, run: bool = False) -> bool:
    """Return whether a file with a hidden name is bookkeeping of a table writer, without data.

    Parameters
    ----------
    name : str
    run : bool
        Whether it is in the folder of a run of this package.
    """
    ours = run and name in ("_findings", "_quarantine", "_staging")
    return ours or _BOOKKEEPING.fullmatch(name) is not None
