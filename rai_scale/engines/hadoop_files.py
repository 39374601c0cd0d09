"""Files through the file system of a classic Spark session: what no DataFrame can write or delete.

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
