"""What was written here, told by a record inside of it; nothing else is ever removed.

A name or a marker can be anybody's. A folder is taken to be written here if it holds a record that
names it, and even then it is kept where it holds a file that no writer makes.
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
    """Make a folder with a record in it, in place of one that was written here; return its token.

    Parameters
    ----------
    place : Place
    private : bool
        On a local disk, for its owner alone.

    Raises
    ------
    TableError
        If something else is there.
    """
    remove_folder(place)
    if place.is_local:
        os.makedirs(place.path, 0o700 if private else 0o777, exist_ok=True)
    return put_record(place)


def put_record(place: Place, token: str | None = None, files: Collection[str] = ()) -> str:
    """Record that a folder is written here; return the token of the record.

    ``files`` are names that the folder will hold besides those that writers of tables make.
    """
    token = token or uuid.uuid4().hex
    said: dict[str, Any] = {"made_by": "rai_scale", "folder": base_name(place.path), "token": token}
    if files:
        said["files"] = sorted(files)
    save_bytes(place.child(RECORD), json.dumps(said).encode())
    return token


def token_of(place: Place) -> str | None:
    """Return the token of a folder that was written here, else None."""
    record = _record_of(place)
    return None if record is None else str(record["token"])


def _record_of(place: Place) -> dict[str, Any] | None:
    if is_link(place):
        return None
    try:
        with place.child(RECORD).open(compression=None) as file:
            said = json.loads(file.read(1_000_000))
        ours = said["made_by"] == "rai_scale" and said["folder"] == base_name(place.path)
        return {"token": said["token"], "files": list(said.get("files", ()))} if ours else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove_folder(place: Place) -> None:
    """Remove a folder that was written here; nothing happens if it is absent, or empty and local.

    Raises
    ------
    TableError
        If it holds anything else; it is then left as it is.
    """
    if not is_link(place) and not place.fs.exists(place.path):
        return
    check_ours(place)
    if place.is_local and not os.listdir(place.path):
        os.rmdir(place.path)
        return
    place.fs.rm(place.path, recursive=True)


def check_ours(place: Place, besides: Collection[str] = ()) -> None:
    """Raise :class:`TableError` unless a folder is empty, or was written here with all it holds."""
    if is_link(place):
        raise TableError(f"{place.url!r} is a link; what it leads to is not touched.")
    if place.fs.isfile(place.path):
        raise TableError(f"{place.url!r} is a file, and not a folder that was written here.")
    record = _record_of(place)
    # a run that was killed while it wrote the record left nothing else
    begun = re.compile(rf"\.{re.escape(RECORD)}\.\w+\.part")
    found = [n for n in files_below(place) if n not in besides and not begun.fullmatch(n)]
    if record is not None:
        named = "|".join(map(re.escape, record["files"]))
        known = re.compile(rf"({named})|\.({named})\.\w+\.part")
        found = [n for n in found if not known.fullmatch(n) or is_link(place.child(n))]
    strange = [name for name in found if record is None or not _of_writers(place, name)]
    if strange:
        raise TableError(
            f"{place.url!r} holds {len(strange)} file(s) that were not written here, such as "
            f"{strange[0]!r}; nothing was removed. Move them away, or choose another place."
        )


def remove_where_ours(place: Place) -> None:
    """Remove a folder if it was written here; else say in the log why it stays."""
    try:
        remove_folder(place)
    except TableError as error:
        _LOG.warning("%s", error)
    except OSError as error:  # a reader may hold a file of it
        _LOG.warning("old files in %s were not removed: %s", place.url, type(error).__name__)


def files_below(place: Place) -> list[str]:
    """Return the relative paths of all files below a folder, links and pipes among them."""
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
    """Return whether a local path is itself a link."""
    return place.is_local and os.path.islink(place.path)


def _of_writers(place: Place, name: str) -> bool:
    known = _OF_WRITERS.fullmatch(name) or _OF_DELTA.fullmatch(name)
    return bool(known) and not is_link(place.child(name))
