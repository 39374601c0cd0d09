"""The file that says which run of a table is the current one."""

from __future__ import annotations

import json
import re

from rai_scale.errors import TableError
from rai_scale.tables.path_names import base_name
from rai_scale.tables.paths import Place, place_of, save_bytes

POINTER = "_current.json"
RUN_PREFIX = "_run-"
CURRENT = "_current"
"""A link to the current run of a job, through which the names of its output lead."""
STAGED_POINTER = "_pointer.json"
"""The pointer in the folder of a run, where its usual name would lead to another run."""
LAKE = "lake"
"""Format of a pointer whose run folder holds several tables."""


def read_pointer(place: Place) -> tuple[str, str] | None:
    """Return (folder, format) of the current run of a table folder, or None if it has none."""
    pointer = place.child(POINTER)
    try:
        with pointer.open(compression=None) as file:
            said = json.loads(file.read())
        folder, format = str(said["run"]), str(said["format"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise TableError(
            f"{pointer.url!r} is not a pointer to a run; restore or delete it."
        ) from None
    if not folder.startswith(RUN_PREFIX) or "/" in folder:
        raise TableError(f"{pointer.url!r} points outside of its folder; restore or delete it.")
    return folder, format


def switch_pointer(place: Place, folder: str, format: str, token: str) -> None:
    """Make ``folder`` the current run, in one step that cannot be half done."""
    content = json.dumps({"run": folder, "format": format, "token": token}).encode()
    save_bytes(place.child(POINTER), content)


def run_folder(run_id: str, current: str | None) -> str:
    """Return the folder to write a run into: never the one that is being read."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", run_id):
        raise TableError(f"run id {run_id!r} must be letters, digits, dots, dashes or underscores.")
    folder = RUN_PREFIX + run_id
    return folder if folder != current else f"{folder}-again"


def names_in(place: Place) -> list[str]:
    """Return the names in a folder; none where it does not exist."""
    place.fs.invalidate_cache()
    try:
        found = place.fs.ls(place.path, detail=False)
    except FileNotFoundError:
        return []
    return sorted({base_name(name) for name in found} - {base_name(place.path), ""})


def current_path(location: str) -> str:
    """Return the folder that holds the current files of a table that ``write_table`` wrote.

    Raises
    ------
    TableError
        If ``location`` is neither such a table nor a Delta table.
    """
    place = place_of(location)
    pointer = read_pointer(place)
    if pointer is not None:
        return place.child(pointer[0]).url
    if "_delta_log" in names_in(place):
        return place.url
    raise TableError(f"{location!r} is not a table that was written here: it has no {POINTER}.")
