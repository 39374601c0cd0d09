"""The pointer: a file with the name of the current run of a table."""

from __future__ import annotations

import json
import re

from rai_scale.errors import TableError
from rai_scale.tables.path_names import base_name
from rai_scale.tables.paths import Place, place_of, save_bytes

POINTER = "_current.json"
RUN_PREFIX = "_run-"
CURRENT = "_current"
"""A link to the current run of a job; the names in the job's output lead through it."""
STAGED_POINTER = "_pointer.json"
"""The name of the pointer in the folder of a run."""
LAKE = "lake"
"""The format in a pointer to a run with several tables."""


def read_pointer(place: Place) -> tuple[str, str] | None:
    """Return the folder and the format of the current run; None if there is no pointer."""
    pointer = place.child(POINTER)
    try:
        with pointer.open(compression=None) as file:
            content = json.loads(file.read())
        folder, format = str(content["run"]), str(content["format"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise TableError(f"{pointer.url!r} is damaged. Restore or delete it.") from None
    if not folder.startswith(RUN_PREFIX) or "/" in folder:
        raise TableError(f"{pointer.url!r} points outside its folder. Restore or delete it.")
    return folder, format


def switch_pointer(place: Place, folder: str, format: str, token: str) -> None:
    """Make a run the current one, atomically.

    Parameters
    ----------
    place : Place
        The folder of the table.
    folder, format, token : str
        The name of the run's folder, its format, and the token of its record.
    """
    content = json.dumps({"run": folder, "format": format, "token": token}).encode()
    save_bytes(place.child(POINTER), content)


def run_folder(run_id: str, current: str | None) -> str:
    """Return the folder for a new run, which is never that of the ``current`` run.

    Raises :class:`TableError` for a run id with other characters than those allowed.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", run_id):
        raise TableError(
            f"run id {run_id!r} may have only letters, digits, dots, dashes and underscores."
        )
    folder = RUN_PREFIX + run_id
    return folder if folder != current else f"{folder}-again"


def names_in(place: Place) -> list[str]:
    """Return the names in a folder, sorted; none if it does not exist."""
    place.fs.invalidate_cache()
    try:
        found = place.fs.ls(place.path, detail=False)
    except FileNotFoundError:
        return []
    return sorted({base_name(name) for name in found} - {base_name(place.path), ""})


def current_path(location: str) -> str:
    """Return the folder with the current files of a table from :func:`write_table`.

    Parameters
    ----------
    location : str
        Path or address of the table, or of a Delta table, whose own folder is returned.

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
    raise TableError(f"{location!r} is not a table that rai_scale wrote: it has no {POINTER}.")
