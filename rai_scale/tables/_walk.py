"""Walk a folder once: data files, ready tables, and everything that is neither, with the reason.

One entry never stops the walk: what cannot be listed is named. Links, pipes, devices and sockets
are never opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from rai_scale.errors import TableError
from rai_scale.tables import _delta_walk as delta
from rai_scale.tables.file_names import is_bookkeeping, why_unread
from rai_scale.tables.formats import TABLE_FORMATS, check_format, format_of
from rai_scale.tables.listing import entries_of, file_info
from rai_scale.tables.path_names import base_name, hidden, join, printable, shown
from rai_scale.tables.paths import Place
from rai_scale.tables.pointer import (
    CURRENT,
    LAKE,
    POINTER,
    RUN_PREFIX,
    STAGED_POINTER,
    read_pointer,
)
from rai_scale.tables.source import FileInfo, Skipped, TableSource
from rai_scale.tables.table_logs import kind_of, newest_metadata

PAGE = "report.html"
"""The page of a job in its output, which holds no data of its own."""
BESIDE_DELTA = "in the folder of a Delta, and not part of it"
HIDDEN = "hidden name (begins with _ or .)"
IGNORED = "ignored as configured"
NO_FILE = "no file: a pipe, socket or device"


@dataclass(frozen=True)
class Owner:
    """The table folder that files belong to, and the ``key=value`` folders between."""

    folder: str = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """One data file: the table folder it belongs to, and how."""

    owner: Owner
    path: str
    format: str
    info: FileInfo


@dataclass
class Walk:
    """What stands below ``place``.

    ``ignore`` are patterns of paths that are left out, and ``used`` those that fitted something.
    """

    place: Place
    format: str | None
    ignore: Sequence[str] = ()
    files: list[Found] = field(default_factory=list)
    ready: list[tuple[TableSource, Place, list[FileInfo]]] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    _bookkeeping: tuple[int, int] = (0, 0)

    def current_lake(self) -> str | None:
        """Return the folder of the current run where ``place`` is a lake that was written here."""
        entries = entries_of(self.place)
        if delta.LOG in entries or not _has_pointer(entries):
            return None
        run, format = self._pointer("", entries)
        if format != LAKE:
            return None
        self._beside("", entries, "current run")
        return run

    def run(self, in_run: bool = False) -> None:
        """Collect everything; folders wait on a list, so that their depth does not matter."""
        waiting = [("", Owner(), in_run)]
        while waiting:
            folder, owner, run = waiting.pop()
            try:
                entries = entries_of(self.place.child(folder))
                waiting += reversed(list(self._visit(folder, entries, owner, run)))
            except OSError as error:
                self._skip(folder or ".", f"cannot be listed ({type(error).__name__})", None)
            except TableError:
                if not folder:
                    raise
                self._skip(folder, f"its {POINTER} is damaged", None)
        files, size = self._bookkeeping
        if files:
            self._skip("(bookkeeping of tables)", "_SUCCESS, .crc and the like", size, True, files)

    def _visit(
        self, folder: str, entries: dict[str, dict], owner: Owner, run: bool
    ) -> Iterator[tuple[str, Owner, bool]]:
        """Take in the entries of a folder; yields the folders to visit."""
        if _is(entries.get(delta.LOG), "directory"):
            table = self.place.child(folder)
            source = delta.delta_source(table, folder)
            self.ready.append((source, table, []))
            del entries[delta.LOG]
            self._beside_delta(folder, entries, delta.live_files(source))
        elif _has_pointer(entries):
            yield from self._written(folder, entries)
        elif kind := kind_of(self.place.child(folder), entries):
            self._foreign(folder, kind)
        else:
            for name in sorted(entries):
                yield from self._entry(_below(folder, name), entries[name], owner, run)

    def _entry(
        self, path: str, entry: dict, owner: Owner, run: bool
    ) -> Iterator[tuple[str, Owner, bool]]:
        name = base_name(path)
        if (run and name == PAGE) or self._left_out(path, entry, run):
            return
        if entry["type"] == "file":
            self._file(path, entry, owner)
        elif "=" in name:
            yield path, Owner(owner.folder, (*owner.keys, name.split("=", 1)[0])), False
        else:
            yield path, owner if owner.keys else Owner(path), False

    def _left_out(self, path: str, entry: dict, run: bool = False) -> bool:
        """Name an entry that is not to be opened; False where it is to be."""
        name, size = base_name(path), entry["size"] if entry["type"] == "file" else None
        if self._ignored(path):
            self._skip(path, IGNORED, size, harmless=True)
        elif entry.get("islink"):
            reason, harmless = self._link(path)
            self._skip(path, reason, None if harmless else entry["size"], harmless)
        elif entry["type"] not in ("file", "directory"):
            self._skip(path, NO_FILE, None)
        elif name != printable(name):
            self._skip(path, "its name is not UTF-8", size)
        elif hidden(name) and is_bookkeeping(name, run):
            files, known = self._bookkeeping
            self._bookkeeping = files + 1, known + int(size or 0)
        elif hidden(name):
            files, size = (1, entry["size"]) if size is not None else self._count(path)
            self._skip(path, HIDDEN, size, not size, files)
        else:
            return False
        return True

    def _ignored(self, path: str) -> bool:
        name = base_name(path)
        fits = [p for p in self.ignore if fnmatchcase(path, p) or fnmatchcase(name, p)]
        self.used.update(fits)
        return bool(fits)

    def _file(self, path: str, entry: dict, owner: Owner) -> None:
        format = format_of(base_name(path), self.format)
        if format is None or format in TABLE_FORMATS:
            empty = not entry["size"]
            self._skip(path, "empty" if empty else why_unread(path), entry["size"], empty)
            return
        inside = path[len(owner.folder) :].lstrip("/")
        self.files.append(Found(owner, path, format, file_info(inside, entry)))

    def _foreign(self, folder: str, kind: str) -> None:
        """Take an Iceberg table; name one of another format with a log of its own."""
        place = self.place.child(folder)
        if kind != "Iceberg":
            files, size = self._count(folder)
            name = folder or base_name(place.path)
            self._skip(name, f"a {kind} table: not a kind that is read", size, files=files)
            return
        newest = newest_metadata(place)
        snapshot = f"iceberg:{newest}" if newest else None
        table = TableSource(folder, "iceberg", place.url, snapshot=snapshot, folder=place.url)
        self.ready.append((table, place, []))

    def _link(self, path: str) -> tuple[str, bool]:
        target, root = (os.path.realpath(join(self.place.path, p)) for p in (path, ""))
        if not os.path.lexists(target):
            return "link to nothing", True
        if os.path.commonpath([target, root]) == root:
            return "link to a place in this lake, which is read there", True
        return "link to a place outside of the lake: not followed", False

    def _written(self, folder: str, entries: dict[str, dict]) -> Iterator[tuple[str, Owner, bool]]:
        """Take the current run of a table or lake that this package wrote."""
        place = self.place.child(folder)
        run, format = self._pointer(folder, entries)
        self._beside(folder, entries, "current run")
        path = _below(folder, run)
        if format == LAKE:
            yield path, Owner(path), True
            return
        check_format(format)
        files = {
            f"{run}/{name}": entry
            for name, entry in sorted(entries_of(place.child(run)).items())
            if not self._left_out(join(path, name), entry, run=True) and entry["type"] == "file"
        }
        table = TableSource(folder, format, place.url)
        self.ready.append((table, place, [file_info(n, e) for n, e in files.items()]))

    def _pointer(self, folder: str, entries: dict[str, dict]) -> tuple[str, str]:
        place = self.place.child(folder)
        pointer = read_pointer(place)
        if pointer is None:
            raise TableError(f"{place.url!r} was replaced while it was being listed; try again.")
        if not _is(entries.get(pointer[0]), "directory"):
            raise TableError(f"{place.url!r} points to {pointer[0]!r}, which is no folder there.")
        return pointer

    def _beside(self, folder: str, entries: dict[str, dict], what: str) -> None:
        """Name what stands in the folder of a table and is not part of it."""
        for name in sorted(entries):
            path, entry = _below(folder, name), entries[name]
            if name == PAGE or self._left_out(path, entry):
                continue
            files, size = (1, entry["size"]) if entry["type"] == "file" else self._count(path)
            self._skip(
                path, f"in the folder of a {what}, and not part of it", size, files == 0, files
            )

    def _beside_delta(
        self, folder: str, entries: dict[str, dict], live: frozenset[str] | None
    ) -> None:
        """Name the files that the current version does not name; None: its log cannot be read."""
        if live is None:
            self._skip(folder or ".", delta.UNKNOWN, None)
        old: list[int] = []
        for name in sorted(entries):
            path, entry = _below(folder, name), entries[name]
            if name != delta.CHANGES and self._left_out(path, entry):
                continue
            inside = [(path, entry)] if entry["type"] == "file" else self._files_below(path)
            rest: list[int] = []
            for file, said in inside:
                relative, data = file[len(folder) :].lstrip("/"), delta.is_delta_data(file)
                if delta.is_vector(file) or (data and (live is None or relative in live)):
                    continue
                if self._ignored(file):
                    self._skip(file, IGNORED, said["size"], harmless=True)
                else:
                    (old if data else rest).append(int(said["size"] or 0))
            if rest:
                self._skip(path, BESIDE_DELTA, sum(rest), files=len(rest))
        if old:
            self._skip(folder or ".", delta.OLD, sum(old), files=len(old))

    def _count(self, folder: str) -> tuple[int, int]:
        """Return how many files stand below a folder, and their bytes; what can be listed of it."""
        sizes = [int(entry["size"] or 0) for _, entry in self._files_below(folder)]
        return len(sizes), sum(sizes)

    def _files_below(self, folder: str) -> Iterator[tuple[str, dict]]:
        waiting = [folder]
        while waiting:
            path = waiting.pop()
            try:
                entries = entries_of(self.place.child(path))
            except OSError:
                continue
            for name, entry in entries.items():
                if _is(entry, "directory"):
                    waiting.append(join(path, name))
                else:
                    yield join(path, name), entry

    def _skip(
        self, path: str, reason: str, size: int | None, harmless: bool = False, files: int = 1
    ) -> None:
        bytes = None if size is None else int(size)
        self.skipped.append(Skipped(shown(path), reason, files, bytes, harmless))


def _below(folder: str, name: str) -> str:
    return join(folder, name) if folder else name


def _is(entry: dict | None, kind: str) -> bool:
    return entry is not None and entry["type"] == kind and not entry.get("islink")


def _has_pointer(entries: dict[str, dict]) -> bool:
    """Whether a pointer stands here: a file, or a job's link to the one of its current run."""
    found, run = entries.get(POINTER), entries.get(CURRENT, {})
    if found is None or found["type"] == "directory":
        return False
    leads = str(run.get("destination", ""))
    own = found.get("destination") == f"{CURRENT}/{STAGED_POINTER}"
    return not found.get("islink") or (own and leads.startswith(RUN_PREFIX) and "/" not in leads)
