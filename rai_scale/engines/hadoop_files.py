"""Files through the file system of a classic Spark session: what no DataFrame can do.

That is to write or delete a single file, and to see one whose name is hidden (``_``, ``.``).

Spark Connect has no such thing; see :func:`can_write`.
"""

from __future__ import annotations

from typing import Any


def can_write(session: Any) -> bool:
    """Whether this process can write single files through the session: classic Spark only."""
    try:
        return session._jvm is not None
    except Exception:  # Connect has no such attribute, and some platforms forbid it
        return False


def listed(session: Any, url: str) -> dict[str, tuple[int, float]] | None:
    """Return address, size and time of change of all files below, hidden ones too; None: absent."""
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
    """Return bytes ``[start, end)`` of a file, which must be small: its bytes pass py4j as text."""
    files, path = _files_and_path(session, url)
    stream = files.open(path)
    try:
        stream.seek(start)
        return bytes(stream.readNBytes(end - start))
    finally:
        stream.close()


def save(session: Any, url: str, content: bytes) -> None:
    """Write a file in place of the one that is there; its folder is made."""
    files, path = _files_and_path(session, url)
    stream = files.create(path, True)
    try:
        stream.write(bytearray(content))
    finally:
        stream.close()


def delete(session: Any, url: str) -> None:
    """Delete a file, or a folder with all that is in it; nothing happens if it is absent."""
    files, path = _files_and_path(session, url)
    files.delete(path, True)


def _files_and_path(session: Any, url: str) -> tuple[Any, Any]:
    path = session._jvm.org.apache.hadoop.fs.Path(url)
    return path.getFileSystem(session._jsparkSession.sessionState().newHadoopConf()), path
