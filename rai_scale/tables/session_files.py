"""The file system of a Spark session, for addresses for which this process has no driver.

Listing and reading use DataFrames, and so work on classic Spark and on Connect; single files can be
written and deleted on classic Spark only.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from threading import RLock
from typing import Any
from weakref import WeakKeyDictionary, ref

from fsspec import AbstractFileSystem
from fsspec.spec import AbstractBufferedFile

from rai_scale.engines import hadoop_files
from rai_scale.errors import TableError
from rai_scale.tables.path_names import without_scheme

_NOT_THERE = "PATH_NOT_FOUND"
_HIDDEN = "[_.]*"
_KNOWN: WeakKeyDictionary[Any, SessionFiles] = WeakKeyDictionary()


class SessionFiles(AbstractFileSystem):  # type: ignore[misc]
    """Files as a Spark session sees them; paths are full addresses.

    Parameters
    ----------
    session : SparkSession
        Classic or Connect.
    """

    protocol = "spark-session"
    cachable = False

    def __init__(self, session: Any) -> None:
        super().__init__()
        self._session = ref(session)  # these files must not keep the session alive
        self._trees: dict[str, dict[str, tuple[int, str]] | None] = {}
        self._lock = RLock()
        self.schemas: dict[str, Any] = {}

    @classmethod
    def of(cls, session: Any) -> SessionFiles:
        """Return the only file system of a session, which caches its listings."""
        known = _KNOWN.get(session)
        if known is None:
            known = _KNOWN[session] = cls(session)
        return known

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        return path.rstrip("/") if isinstance(path, str) else [p.rstrip("/") for p in path]

    def unstrip_protocol(self, name: str) -> str:
        """Return the path, which is a full address already."""
        return name

    @property
    def session(self) -> Any:
        """The session; None if it is no longer in use."""
        return self._session()

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget all listings."""
        with self._lock:
            self._trees.clear()
            self.schemas.clear()

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        """List a folder, hidden names included; for a file, its own entry."""
        path = path.rstrip("/")
        tree, inside = self._tree(path)
        below = f"{inside}/" if inside else ""
        found: dict[str, dict[str, Any]] = {}
        for name, (size, changed) in tree.items():
            if name == inside:
                return [_entry(path, size, changed)] if detail else [path]
            if name.startswith(below):
                child, _, rest = name[len(below) :].partition("/")
                full = f"{path}/{child}"
                found[child] = _entry(full) if rest else _entry(full, size, changed)
        if not found and inside:
            raise FileNotFoundError(path)
        entries = [found[name] for name in sorted(found)]
        return entries if detail else [entry["name"] for entry in entries]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return the name, size and type of a file or folder."""
        path = path.rstrip("/")
        entries = self.ls(path)
        if len(entries) == 1 and entries[0]["name"] == path:
            return dict(entries[0])
        return _entry(path)

    def exists(self, path: str, **_: Any) -> bool:
        """Return whether a path exists; raises :class:`TableError` if the store does not answer."""
        try:
            self.info(path)
        except FileNotFoundError:
            return False
        return True

    def isfile(self, path: str) -> bool:
        """Return whether a path is a file; raises :class:`TableError` as :meth:`exists`."""
        return self.exists(path) and self.info(path)["type"] == "file"

    def _tree(self, path: str) -> tuple[dict[str, tuple[int, str]], str]:
        """Return the files of a listed folder that contains ``path``, and the path within it."""
        with self._lock:
            for root, known in self._trees.items():
                if known and path.startswith(f"{root}/"):
                    return known, path[len(root) + 1 :]
            if path not in self._trees:
                self._trees[path] = self._walk(path)
            tree = self._trees[path]
        if tree is None:
            raise FileNotFoundError(path)
        return tree, ""

    def _walk(self, root: str) -> dict[str, tuple[int, str]] | None:
        """List everything below ``root``; Spark lists hidden names only if a pattern has them.

        One listing gives the visible files, and one per level of folders the hidden ones.
        """
        session = self.session
        if hadoop_files.can_write(session):
            return _listing(root, lambda: hadoop_files.listed(session, root))
        plain = escaped(root)
        tree = self._load(root, plain)
        depth, there = 0, tree is not None
        found = tree or {}
        while "" not in found and depth <= max((n.count("/") for n in found), default=0):
            more = self._load(root, f"{plain}{'/*' * depth}/{_HIDDEN}")
            found.update(more or {})
            there = there or more is not None
            depth += 1
        return found if there else None

    def _load(self, root: str, pattern: str) -> dict[str, tuple[int, str]] | None:
        columns = "path", "length", "CAST(modificationTime AS double) AS changed"

        def files() -> dict[str, tuple[int, float]]:
            rows = self._binary([pattern]).selectExpr(*columns).collect()
            return {row["path"]: (int(row["length"]), row["changed"]) for row in rows}

        return _listing(root, files)

    def _binary(self, patterns: Sequence[str]) -> Any:
        reader = self.session.read.format("binaryFile").option("recursiveFileLookup", "true")
        return reader.load(list(patterns))

    def read_range(self, path: str, start: int, end: int) -> bytes:
        """Return bytes ``[start, end)`` of a file; an executor reads all of it (at most 2 GB)."""
        name = path.rsplit("/", 1)[-1]
        if name.startswith(("_", ".")) and hadoop_files.can_write(self.session):
            return hadoop_files.read(self.session, path, start, end)
        part = f"substring(content, {start + 1}, {end - start}) AS part"
        try:
            row = self._binary([escaped(path)]).selectExpr(part).first()
        except Exception as error:
            if _NOT_THERE in str(error):
                raise FileNotFoundError(path) from None
            raise OSError(f"the Spark session cannot read it: {type(error).__name__}") from None
        if row is None:
            raise FileNotFoundError(path)
        return bytes(row["part"])

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if mode == "rb":
            options.pop("autocommit", None)
            return _Reading(self, path, mode, size=self.info(path)["size"], **options)
        self.check_writable(path)
        return _Writing(self, path)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        """Write or replace a file."""
        self.check_writable(path)
        hadoop_files.save(self.session, path, bytes(value))
        self.invalidate_cache()

    def rm(self, path: str | Iterable[str], recursive: bool = False, maxdepth: Any = None) -> None:
        """Delete files, or folders with all their content."""
        for name in [path] if isinstance(path, str) else path:
            self.check_writable(name)
            hadoop_files.delete(self.session, name)
        self.invalidate_cache()

    def _rm(self, path: str) -> None:
        self.rm(path)

    def makedirs(self, path: str, *_: Any, **__: Any) -> None:
        """Do nothing: folders come into being with their files."""

    mkdir = makedirs

    def check_writable(self, path: str) -> None:
        """Raise :class:`TableError` if this process cannot write through the session."""
        if not hadoop_files.can_write(self.session):
            raise TableError(
                f"{path!r} cannot be written: there is no fsspec driver for it here, and Spark "
                "Connect cannot write single files. Write to a path where the store is mounted "
                "(/Volumes/... on Databricks), or install the store's driver (adlfs, s3fs, gcsfs)."
            )


class _Reading(AbstractBufferedFile):  # type: ignore[misc]
    def _fetch_range(self, start: int, end: int) -> bytes:
        return bytes(self.fs.read_range(self.path, start, end))


class _Writing(io.BytesIO):
    def __init__(self, files: SessionFiles, path: str) -> None:
        super().__init__()
        self._files, self._path = files, path

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is None:
            self.close()

    def close(self) -> None:
        """Write the collected bytes, once."""
        if not self.closed:
            self._files.pipe_file(self._path, self.getvalue())
        super().close()


def _listing(
    root: str, list_files: Callable[[], dict[str, tuple[int, float]] | None]
) -> dict[str, tuple[int, str]] | None:
    """Return size and time of change of files by path below ``root``; None if it is absent."""
    try:
        found = list_files()
    except Exception as error:
        if _NOT_THERE in str(error):
            return None
        kind = type(error).__name__
        raise TableError(f"the Spark session cannot list {root!r}: {kind}.") from None
    start = len(without_scheme(root).rstrip("/"))
    if found is None:
        return None
    return {
        without_scheme(path)[start:].lstrip("/"): (size, repr(changed))
        for path, (size, changed) in found.items()
    }


def escaped(path: str) -> str:
    """Escape the characters of a path that Spark would read as a pattern."""
    return re.sub(r"([\\*?\[\]{}])", r"\\\1", path)


def _entry(name: str, size: int | None = None, changed: str | None = None) -> dict[str, Any]:
    if size is None:
        return {"name": name, "size": 0, "type": "directory"}
    return {"name": name, "size": size, "type": "file", "mtime": changed}
