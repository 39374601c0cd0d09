"""The file system of a Spark session, for addresses that this process has no driver for.

Listing and reading go through DataFrames and so work on classic Spark and on Connect; single files
are written and deleted on classic Spark only.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
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


class SessionFiles(AbstractFileSystem):
    """Files as a Spark session sees them; paths are whole addresses.

    Parameters
    ----------
    session : SparkSession
        Classic or Connect.
    """

    protocol = "spark-session"
    cachable = False

    def __init__(self, session: Any) -> None:
        super().__init__()
        self._session = ref(session)  # the session keeps its files, not they it
        self._trees: dict[str, dict[str, tuple[int, str]] | None] = {}
        self._lock = RLock()
        self.schemas: dict[str, Any] = {}

    @classmethod
    def of(cls, session: Any) -> SessionFiles:
        """Return the one file system of a session, which remembers what it listed."""
        known = _KNOWN.get(session)
        if known is None:
            known = _KNOWN[session] = cls(session)
        return known

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        return path.rstrip("/") if isinstance(path, str) else [p.rstrip("/") for p in path]

    def unstrip_protocol(self, name: str) -> str:
        """Return the path: it is an address already."""
        return name

    @property
    def session(self) -> Any:
        """The session, which must be in use still."""
        return self._session()

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget what was listed."""
        with self._lock:
            self._trees.clear()
            self.schemas.clear()

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        """List a folder, hidden names included, or the one file that ``path`` is."""
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
        """Return name, size and type of a file or folder."""
        path = path.rstrip("/")
        entries = self.ls(path)
        if len(entries) == 1 and entries[0]["name"] == path:
            return entries[0]
        return _entry(path)

    def exists(self, path: str, **_: Any) -> bool:
        """Whether something is there; a store that cannot be asked is an error."""
        try:
            self.info(path)
        except FileNotFoundError:
            return False
        return True

    def isfile(self, path: str) -> bool:
        """Whether a file is there; a store that cannot be asked is an error."""
        return self.exists(path) and self.info(path)["type"] == "file"

    def _tree(self, path: str) -> tuple[dict[str, tuple[int, str]], str]:
        """Return all files of a listed folder that holds ``path``, and the path inside of it."""
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
        """List everything below ``root``; Spark leaves out hidden names unless they are asked for.

        One listing takes the visible files; one per level of folders takes the hidden ones.
        """
        if hadoop_files.can_write(self.session):
            return self._through_hadoop(root)
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

    def _through_hadoop(self, root: str) -> dict[str, tuple[int, str]] | None:
        try:
            found = hadoop_files.listed(self.session, root)
        except Exception as error:
            raise TableError(
                f"the Spark session cannot list {root!r}: {type(error).__name__}."
            ) from None
        start = len(without_scheme(root).rstrip("/"))
        return (
            None
            if found is None
            else {
                without_scheme(path)[start:].lstrip("/"): (size, repr(changed))
                for path, (size, changed) in found.items()
            }
        )

    def _load(self, root: str, pattern: str) -> dict[str, tuple[int, str]] | None:
        start = without_scheme(root).rstrip("/")
        columns = "path", "length", "CAST(modificationTime AS double) AS changed"
        try:
            rows = self._binary([pattern]).selectExpr(*columns).collect()
        except Exception as error:
            if _NOT_THERE in str(error):
                return None
            raise TableError(
                f"the Spark session cannot list {root!r}: {type(error).__name__}."
            ) from None
        relative = (without_scheme(row["path"])[len(start) :].lstrip("/") for row in rows)
        return {
            name: (int(row["length"]), repr(row["changed"]))
            for name, row in zip(relative, rows, strict=True)
        }

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
        """Write a file in place of the one that is there."""
        self.check_writable(path)
        hadoop_files.save(self.session, path, bytes(value))
        self.invalidate_cache()

    def rm(self, path: str | Iterable[str], recursive: bool = False, maxdepth: Any = None) -> None:
        """Delete files, or folders with all that is in them."""
        for name in [path] if isinstance(path, str) else path:
            self.check_writable(name)
            hadoop_files.delete(self.session, name)
        self.invalidate_cache()

    def _rm(self, path: str) -> None:
        self.rm(path)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Do nothing: folders come with their files."""

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Do nothing: folders come with their files."""

    def check_writable(self, path: str) -> None:
        """Raise :class:`TableError` if this process cannot write through the session."""
        if not hadoop_files.can_write(self.session):
            raise TableError(
                f"{path!r} cannot be written: there is no fsspec driver for it here, and a Spark "
                "Connect session writes no single files. Write to a path where the store is "
                "mounted (/Volumes/... on Databricks), or install the driver of the store "
                "(adlfs, s3fs, gcsfs)."
            )


class _Reading(AbstractBufferedFile):
    def _fetch_range(self, start: int, end: int) -> bytes:
        return self.fs.read_range(self.path, start, end)


class _Writing(io.BytesIO):
    def __init__(self, files: SessionFiles, path: str) -> None:
        super().__init__()
        self._files, self._path = files, path

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is None:
            self.close()

    def close(self) -> None:
        """Write what was collected, once."""
        if not self.closed:
            self._files.pipe_file(self._path, self.getvalue())
        super().close()


def escaped(path: str) -> str:
    """Write a path so that Spark sees no pattern in it."""
    return re.sub(r"([\\*?\[\]{}])", r"\\\1", path)


def _entry(name: str, size: int | None = None, changed: str | None = None) -> dict[str, Any]:
    if size is None:
        return {"name": name, "size": 0, "type": "directory"}
    return {"name": name, "size": size, "type": "file", "mtime": changed}
