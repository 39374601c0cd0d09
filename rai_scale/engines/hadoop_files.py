"""Single files through the file system of a classic Spark session.

DataFrames cannot write or delete a single file, or see one whose name is hidden (``_``, ``.``).
Spark Connect has no such access; see :func:`can_write`.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any


def can_write(session: Any) -> bool:
    """Return whether this process can write single files through the session (classic Spark)."""
    try:
        return session._jvm is not None
    except Exception:  # Connect has no such attribute, and some platforms forbid it
        return False


def listed(session: Any, url: str) -> dict[str, tuple[int, float]] | None:
    """List all files below an address, hidden ones included.

    Returns
    -------
    dict of str to (int, float), or None
        Size in bytes and time of the last change (seconds since 1970) by address; None if nothing
        is there.
    """
    files, path = _files_and_path(session, url)
    if not files.exists(path):
        return None
    found = {}
    each = files.listFiles(path, True)
    while each.hasNext():
        file = each.next()
        found[file.getPath().toString()] = int(file.getLen()), file.getModificationTime() / 1000
    return found


def read(session: Any, url: str, start: int, end: int) -> bytes:
    """Return bytes ``[start, end)`` of a file; only for small files (py4j copies them as text)."""
    files, path = _files_and_path(session, url)
    with closing(files.open(path)) as stream:
        stream.seek(start)
        return bytes(stream.readNBytes(end - start))


def save(session: Any, url: str, content: bytes) -> None:
    """Write or replace a file; its folder is created."""
    files, path = _files_and_path(session, url)
    with closing(files.create(path, True)) as stream:
        stream.write(bytearray(content))


def delete(session: Any, url: str) -> None:
    """Delete a file, or a folder with all its content; nothing happens if it does not exist."""
    files, path = _files_and_path(session, url)
    files.delete(path, True)


def _files_and_path(session: Any, url: str) -> tuple[Any, Any]:
    path = session._jvm.org.apache.hadoop.fs.Path(url)
    return path.getFileSystem(session._jsparkSession.sessionState().newHadoopConf()), path
