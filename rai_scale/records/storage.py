"""Folders that cannot hold a SQLite book: it would be lost, or its locks would not work."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/mounts")

_EPHEMERAL_FOLDERS = {
    "/tmp": "a temp folder",  # noqa: S108
    "/var/tmp": "a temp folder",  # noqa: S108
    "/dev/shm": "memory",  # noqa: S108
    "/run": "memory",
    "/local_disk0": "a Databricks cluster's own disk",
    "/databricks/driver": "a Databricks driver's own disk",
    "/mnt/batch": "an Azure Batch or Azure ML node's own disk",
    "/mnt/resource": "an Azure machine's temporary disk",
}
_NETWORK_FOLDERS = {
    "/dbfs": "DBFS, which is an object store",
    "/Volumes": "a Unity Catalog volume, which is an object store",
    "/Workspace": "Databricks workspace files",
}
_EPHEMERAL_TYPES = {"tmpfs", "ramfs", "overlay", "aufs", "fuse.fuse-overlayfs"}
_NETWORK_TYPES = {
    *("nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs"),
    *("glusterfs", "beegfs", "ocfs2", "gfs2", "fuse", "fuseblk"),
}
_EPHEMERAL_VARIABLES = {
    "DATABRICKS_RUNTIME_VERSION": "a Databricks cluster's own disk",
    "AZUREML_RUN_ID": "an Azure ML job's own disk",
    "AZ_BATCH_TASK_ID": "an Azure Batch task's own disk",
    "CONTAINER_ID": "a YARN container's own folder",
}
_TEMP_VARIABLES = ("TMPDIR", "TEMP", "TMP", "SPARK_LOCAL_DIRS", "LOCAL_DIRS")


@dataclass(frozen=True)
class StorageProblem:
    """Why a folder cannot hold a SQLite database.

    Attributes
    ----------
    lost : bool
        Whether the file is lost at the end of the job; if False, locks do not work there.
    what : str
        A description of the storage.
    """

    lost: bool
    what: str


def storage_problem(
    path: str, environ: Mapping[str, str] | None = None, mounts: str | None = None
) -> StorageProblem | None:
    """Return why a SQLite database cannot be stored at ``path``; None if it can.

    Parameters
    ----------
    path : str
        The file of the database; links are followed.
    environ : mapping of str to str, optional
        The environment variables; by default, those of this process.
    mounts : str, optional
        A text in the format of ``/proc/mounts``; by default, that file, if there is one.
    """
    environ = os.environ if environ is None else environ
    mounts = _system_mounts() if mounts is None else mounts
    real = Path(os.path.realpath(path))
    kind = _file_system(real, mounts)
    network = _inside(real, _NETWORK_FOLDERS)
    is_fuse = kind.startswith("fuse.") and kind not in _EPHEMERAL_TYPES
    if network or is_fuse or kind in _NETWORK_TYPES:
        return StorageProblem(False, network or f"a network file system ({kind})")
    if kind in _EPHEMERAL_TYPES:
        what = "memory" if kind in ("tmpfs", "ramfs") else "a container's own layer"
        return StorageProblem(True, f"{what} ({kind})")
    for name, what in _EPHEMERAL_VARIABLES.items():
        if environ.get(name):
            return StorageProblem(True, f"{what} ({name} is set)")
    lost = _inside(real, {**_EPHEMERAL_FOLDERS, **_temp_folders(environ)})
    return StorageProblem(True, lost) if lost else None


def _system_mounts() -> str:
    try:
        return MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _temp_folders(environ: Mapping[str, str]) -> dict[str, str]:
    found = [tempfile.gettempdir()]
    for name in _TEMP_VARIABLES:
        found += [folder for folder in environ.get(name, "").split(",") if folder]
    return {os.path.realpath(folder): "a temp folder" for folder in found}


def _inside(path: Path, folders: Mapping[str, str]) -> str | None:
    for folder, what in folders.items():
        if folder != "/" and path.is_relative_to(folder):
            return f"{what} ({folder})"
    return None


def _file_system(path: Path, mounts: str) -> str:
    """Return the type of the file system of a path: that of the longest mount point above it."""
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:  # noqa: PLR2004
            continue
        point = fields[1].replace("\\040", " ")
        if path.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind
