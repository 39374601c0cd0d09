"""Folders that this package wrote, recognised by a record in them; no others are ever removed.

Any program may use the same names. So a folder counts as written by this package only if it has a
record with its name, and it is kept if it also holds a file that no writer creates.
"""

from __future__ import annotations

import json
import logging
import os
import re
import uuid
from collections.abc import Collection
from typing import Any

from rai_scale.errors import TableError
from rai_scale.tables.path_names import base_name
from rai_scale.tables.paths import Place, save_bytes

RECORD = "_owner.json"
_LOG = logging.getLogger(__name__)
_OF_WRITERS = re.compile(
    r"""
    (.*/)?_temporary/.* |                                    # of an interrupted Spark job
    (.*/)?( _owner\.json | \._owner\.json\.\w+\.part | _SUCCESS | \..*\.crc
        | _(started|committed)_\w+                            # of Databricks' writer
        | part-[\w.-]+\.parquet )
    """,
    re.VERBOSE,
)
_OF_DELTA = re.compile(
    r"""
    (.*/)?_delta_log/( \d{20}\.[\w.-]+ | _last_checkpoint | \.[\w.-]+ | _sidecars/[\w.-]+
        | _commits/[\w.-]+ | _commit_[\w.-]+ | \d{20}\.\d{20}\.compacted\.json )
    | (.*/)?( deletion_vector_[\w-]+\.bin | _change_data/[\w.-]+\.parquet )
    """,
    re.VERBOSE,
)


def make_folder(place: Place, private: bool = False) -> str:
    """Create a folder with a record in it; a folder that this package wrote is replaced.

    Parameters
    ----------
    place : Place
    private : bool
        Whether only its owner may read it, on a local disk.

    Returns
    -------
    str
        The token of the record.

    Raises
    ------
    TableError
        If there are files of another program.
    """
    remove_folder(place)
    if place.is_local:
        os.makedirs(place.path, 0o700 if private else 0o777, exist_ok=True)
    return put_record(place)


def put_record(place: Place, token: str | None = None, files: Collection[str] = ()) -> str:
    """Write the record that this package writes a folder.

    Parameters
    ----------
    place : Place
        The folder.
    token : str, optional
        A random token by default.
    files : collection of str
        Names in the folder, in addition to those that writers of tables create. A name that ends
        with ``/`` stands for all files below it.

    Returns
    -------
    str
        The token.
    """
    token = token or uuid.uuid4().hex
    record: dict[str, Any] = {"made_by": "rai_scale", "folder": base_name(place.path)}
    record |= {"token": token, **({"files": sorted(files)} if files else {})}
    save_bytes(place.child(RECORD), json.dumps(record).encode())
    return token


def token_of(place: Place) -> str | None:
    """Return the token of a folder that this package wrote, else None."""
    record = _record_of(place)
    return None if record is None else str(record["token"])


def names_recorded(place: Place) -> list[str]:
    """Return the names in the record of a folder."""
    record = _record_of(place)
    return [] if record is None else record["files"]


def _record_of(place: Place) -> dict[str, Any] | None:
    if is_link(place):
        return None
    try:
        with place.child(RECORD).open(compression=None) as file:
            record = json.loads(file.read(1_000_000))
        ours = record["made_by"] == "rai_scale" and record["folder"] == base_name(place.path)
        return {"token": record["token"], "files": list(record.get("files", ()))} if ours else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove_folder(place: Place) -> None:
    """Remove a folder that this package wrote; nothing happens if it does not exist.

    Raises
    ------
    TableError
        If it contains anything else; nothing is then removed.
    """
    if not is_link(place) and not place.fs.exists(place.path):
        return
    check_ours(place)
    if place.is_local and not os.listdir(place.path):
        os.rmdir(place.path)
        return
    place.fs.rm(place.path, recursive=True)


def check_ours(place: Place, ignored: Collection[str] = ()) -> None:
    """Raise :class:`TableError` if a folder contains files that this package did not write.

    ``ignored`` are names that are not checked.
    """
    if is_link(place):
        raise TableError(f"{place.url!r} is a link; its target is not changed.")
    if place.fs.isfile(place.path):
        raise TableError(f"{place.url!r} is a file, and not a folder that rai_scale wrote.")
    record = _record_of(place)
    # a run that was killed while it wrote the record left only this file
    begun = re.compile(rf"\.{re.escape(RECORD)}\.\w+\.part")
    found = [n for n in files_below(place) if n not in ignored and not begun.fullmatch(n)]
    if record is not None:
        named = "|".join(re.escape(n) + ".*" * n.endswith("/") for n in record["files"])
        known = re.compile(rf"({named})|\.({named})\.\w+\.part", re.DOTALL)
        found = [n for n in found if not known.fullmatch(n) or is_link(place.child(n))]
    writers = [p.fullmatch for p in (_OF_WRITERS, _OF_DELTA) if record is not None]
    strange = [
        n for n in found if not any(is_of(n) for is_of in writers) or is_link(place.child(n))
    ]
    if strange:
        raise TableError(
            f"{place.url!r} holds {len(strange)} file(s) that rai_scale did not write, such as "
            f"{strange[0]!r}. Nothing was removed. Move them, or choose another location."
        )


def remove_where_ours(place: Place) -> None:
    """Remove a folder if this package wrote it; otherwise log why it is kept."""
    try:
        remove_folder(place)
    except TableError as error:
        _LOG.warning("%s", error)
    except OSError as error:  # a reader may have a file of it open
        _LOG.warning("old files in %s were not removed: %s", place.url, type(error).__name__)


def files_below(place: Place) -> list[str]:
    """Return the relative paths of all files below a folder, including links and pipes."""
    if not place.is_local:
        place.fs.invalidate_cache()
        start = len(place.path.rstrip("/")) + 1
        return sorted(name[start:] for name in place.fs.find(place.path))
    found = []
    for folder, folders, files in os.walk(place.path):
        linked = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        found += [os.path.relpath(os.path.join(folder, n), place.path) for n in [*files, *linked]]
    return sorted(found)


def is_link(place: Place) -> bool:
    """Return whether a path is a symbolic link on a local disk."""
    return place.is_local and os.path.islink(place.path)
