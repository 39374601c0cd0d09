"""Where a SQLite book may not live: where it is lost at night, or where locks do not hold."""

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
    """Why a folder will not do. ``lost`` at the end of the job, or else locks do not hold."""

    lost: bool
    what: str


def storage_problem(
    path: str, environ: Mapping[str, str] | None = None, mounts: str | None = None
) -> StorageProblem | None:
    """Say what is wrong with keeping a SQLite database at ``path``, or None.

    Parameters
    ----------
    path
        File of the database; links are followed.
    environ
        Environment of the process, by default its own.
    mounts
        Text in the form of ``/proc/mounts``, by default that of the system (none elsewhere).
    """
    environ = os.environ if environ is None else environ
    mounts = _system_mounts() if mounts is None else mounts
    real = Path(os.path.realpath(path))
    kind = _file_system(real, mounts)
    network = _inside(real, _NETWORK_FOLDERS)
    if network or _is_network(kind):
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
    """Return the type of the file system that holds a path: that of the longest mount point."""
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:  # noqa: PLR2004
            continue
        point = fields[1].replace("\\040", " ")
        if path.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def _is_network(kind: str) -> bool:
    local_fuse = kind in _EPHEMERAL_TYPES
    return not local_fuse and (kind in _NETWORK_TYPES or kind.startswith("fuse."))
