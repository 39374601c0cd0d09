"""Which files in the folder of a Delta table its current version does not name."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pyarrow as pa

from rai_scale.tables._delta_log import delta_table
from rai_scale.tables.path_names import base_name, without_scheme
from rai_scale.tables.paths import Place
from rai_scale.tables.source import TableSource

OLD = "data files that the current version does not name: of earlier versions, or strays"
UNKNOWN = "its log cannot be read here: files of earlier versions, and strays, are not told apart"
CHANGES = "_change_data"
LOG = "_delta_log"
_VERSION = re.compile(r"^(\d{20})\.(json|checkpoint\..+)$")


def delta_source(table: Place, folder: str) -> TableSource:
    """Return a Delta table in the newest version that its log has."""
    names = [base_name(n) for n in table.fs.ls(table.child(LOG).path, detail=False)]
    versions = [int(m.group(1)) for m in map(_VERSION.match, names) if m]
    snapshot = f"delta:{max(versions)}" if versions else None
    return TableSource(folder, "delta", table.url, snapshot=snapshot, folder=table.url)


def live_files(source: TableSource) -> frozenset[str] | None:
    """Return the paths, inside the folder, of the files of the version that was found.

    None where the log cannot be read in this process.
    """
    try:
        version = int(source.snapshot.split(":")[1]) if source.snapshot else None
        table = delta_table(source.location, version)
        paths = pa.table(table.get_add_actions())["path"].to_pylist()
    except Exception:  # whatever it is, reading the table says it
        return None
    start = without_scheme(source.location).rstrip("/") + "/"
    found = (unquote(path) for path in paths)
    return frozenset(
        without_scheme(path).removeprefix(start) if "://" in path or path[0] == "/" else path
        for path in found
    )


def is_delta_data(path: str) -> bool:
    """Whether a file looks like rows of a Delta table; a deletion vector holds none."""
    return path.lower().endswith(".parquet")


def is_vector(path: str) -> bool:
    """Whether a file tells which rows are deleted."""
    name = base_name(path)
    return name.startswith("deletion_vector_") and name.endswith(".bin")
