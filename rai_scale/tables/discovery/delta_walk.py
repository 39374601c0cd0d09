"""The files in the folder of a Delta table, and which of them its current version uses."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pyarrow as pa

from rai_scale.tables.path_names import base_name, without_scheme
from rai_scale.tables.paths import Place
from rai_scale.tables.readers.delta_log import delta_table, is_plain
from rai_scale.tables.source import FileInfo, TableSource

OLD = "data files that the current version does not use: of earlier versions, or unrelated"
UNKNOWN = "its log cannot be read here, so files of earlier versions are not recognised"
CHANGES = "_change_data"
LOG = "_delta_log"
_VERSION = re.compile(r"^(\d{20})\.(json|checkpoint\..+)$")


def delta_source(table: Place, folder: str) -> TableSource:
    """Return the Delta table in ``folder`` of a lake, in the newest version of its log."""
    names = [base_name(n) for n in table.fs.ls(table.child(LOG).path, detail=False)]
    versions = [int(m.group(1)) for m in map(_VERSION.match, names) if m]
    snapshot = f"delta:{max(versions)}" if versions else None
    return TableSource(folder, "delta", table.url, snapshot=snapshot, folder=table.url)


def live_files(source: TableSource) -> frozenset[str] | None:
    """Return the paths, relative to the folder, of the files of the version that was found.

    None if this process cannot read the log.
    """
    try:
        version = int(source.snapshot.split(":")[1]) if source.snapshot else None
        table = delta_table(source.location, version)
        paths = pa.table(table.get_add_actions())["path"].to_pylist()
    except Exception:  # reading the table will report it
        return None
    start = without_scheme(source.location).rstrip("/") + "/"
    found = (unquote(path) for path in paths)
    return frozenset(
        without_scheme(path).removeprefix(start) if "://" in path or path[0] == "/" else path
        for path in found
    )


def logged_files(source: TableSource) -> list[FileInfo] | None:
    """Return the files of the version that was found.

    None if this process cannot read the log, or if the log changes what is in a file.
    """
    try:
        version = int(source.snapshot.split(":")[1]) if source.snapshot else None
        table = delta_table(source.location, version)
        if not is_plain(table):
            return None
        actions = pa.table(table.get_add_actions()).to_pylist()
        facts = [
            (unquote(a["path"]), a["size_bytes"], str(a["modification_time"])) for a in actions
        ]
    except Exception:  # reading the table will report it
        return None
    return [FileInfo(*each) for each in sorted(facts)]


def is_delta_data(path: str) -> bool:
    """Return whether a file may contain rows of a Delta table."""
    return path.lower().endswith(".parquet")


def is_vector(path: str) -> bool:
    """Return whether a file is a deletion vector."""
    name = base_name(path)
    return name.startswith("deletion_vector_") and name.endswith(".bin")
