"""Walk a folder once, and collect data files, complete tables, and skipped entries with reasons.

A single entry never stops the walk: a folder that cannot be listed is skipped with the reason.
Links, pipes, devices and sockets are never opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from rai_scale.errors import TableError
from rai_scale.tables.discovery import delta_walk as delta
from rai_scale.tables.discovery.file_names import is_bookkeeping, why_unread
from rai_scale.tables.discovery.listing import (
    DataFile,
    Entries,
    Entry,
    Owner,
    below,
    entries_of,
    file_info,
    is_a,
)
from rai_scale.tables.discovery.table_logs import kind_of, newest_metadata
from rai_scale.tables.formats import DOCUMENTS, FILE_TABLES, TABLE_FORMATS, check_format, format_of
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

PAGE = "report.html"
"""The report of a job in its output; it contains no rows."""
BESIDE_DELTA = "in the folder of a Delta table, and not part of it"
BESIDE_RUN = "in the folder of a current run, and not part of it"
HIDDEN = "hidden name (begins with _ or .)"
IGNORED = "ignored as configured"
_NEVER_EMPTY = (*DOCUMENTS, *FILE_TABLES)
NO_FILE = "not a file: a pipe, socket or device"


@dataclass
class Walk:
    """The content of the folder ``place``.

    Attributes
    ----------
    place : Place
    format : str, optional
        The format to read files as.
    ignore : sequence of str
        Patterns of paths to leave out.
    images : bool
        Whether pictures are read.
    files : list of DataFile
    ready : list of (TableSource, Place, list of FileInfo)
        Complete tables, with their folder and their files.
    skipped : list of Skipped
    used : set of str
        The patterns of ``ignore`` that matched something.
    """

    place: Place
    format: str | None
    ignore: Sequence[str] = ()
    images: bool = False
    files: list[DataFile] = field(default_factory=list)
    ready: list[tuple[TableSource, Place, list[FileInfo]]] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    _bookkeeping: tuple[int, int] = (0, 0)
    _listed: Entries | None = None

    def current_lake(self) -> str | None:
        """Return the folder of the current run if this package wrote ``place`` as a lake."""
        entries = self._listed = entries_of(self.place)
        if delta.LOG in entries or not _has_pointer(entries):
            return None
        run, format = self._pointer("", entries)
        if format != LAKE:
            return None
        self._beside("", entries)
        return run

    def run(self, in_run: bool = False) -> None:
        """Collect everything; ``in_run``: ``place`` is the folder of a run, as its name may say."""
        waiting = [("", Owner(), in_run or base_name(self.place.path).startswith(RUN_PREFIX))]
        while waiting:
            folder, owner, run = waiting.pop()
            try:
                entries = self._listed or entries_of(self.place.child(folder))
                self._listed = None
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
        self, folder: str, entries: Entries, owner: Owner, run: bool
    ) -> Iterator[tuple[str, Owner, bool]]:
        """Collect the entries of a folder; yields the folders to visit next."""
        if is_a(entries.get(delta.LOG), "directory"):
            table = self.place.child(folder)
            self.ready.append((source := delta.delta_source(table, folder), table, []))
            del entries[delta.LOG]
            self._beside_delta(folder, entries, delta.live_files(source))
        elif _has_pointer(entries):
            yield from self._written(folder, entries)
        elif kind := kind_of(self.place.child(folder), entries):
            self._foreign(folder, kind)
        else:
            start = f"{folder.rstrip('/')}/" if folder else ""
            for name in sorted(entries):
                yield from self._entry(start + name, name, entries[name], owner, run)

    def _entry(
        self, path: str, name: str, entry: Entry, owner: Owner, run: bool
    ) -> Iterator[tuple[str, Owner, bool]]:
        if (run and name == PAGE) or self._left_out(path, entry, run):
            return
        if entry["type"] == "file":
            self._file(path, entry, owner)
        elif "=" in name:
            yield path, Owner(owner.folder, (*owner.keys, name.split("=", 1)[0])), False
        else:
            yield path, owner if owner.keys else Owner(path), False

    def _left_out(self, path: str, entry: Entry, run: bool = False) -> bool:
        """Skip an entry that must not be opened; return whether it was skipped."""
        name, size = base_name(path), entry["size"] if entry["type"] == "file" else None
        if self.ignore and self._ignored(path):
            self._skip(path, IGNORED, size, harmless=True)
        elif entry.get("islink"):
            reason, harmless = self._link(path)
            self._skip(path, reason, None if harmless else entry["size"], harmless)
        elif entry["type"] not in ("file", "directory"):
            self._skip(path, NO_FILE, None)
        elif name != printable(name):
            self._skip(path, "its name is not UTF-8", size)
        elif not hidden(name):
            return False
        elif is_bookkeeping(name, run):
            files, known = self._bookkeeping
            self._bookkeeping = files + 1, known + int(size or 0)
        else:
            files, size = (1, size) if size is not None else self._count(path)
            self._skip(path, HIDDEN, size, not size, files)
        return True

    def _ignored(self, path: str) -> bool:
        fits = {p for p in self.ignore for n in (path, base_name(path)) if fnmatchcase(n, p)}
        self.used.update(fits)
        return bool(fits)

    def _file(self, path: str, entry: Entry, owner: Owner) -> None:
        format = format_of(base_name(path), self.format, self.images)
        empty = not entry["size"]
        if format is None or format in TABLE_FORMATS or (empty and format in _NEVER_EMPTY):
            self._skip(path, "empty" if empty else why_unread(path), entry["size"], empty)
            return
        inside = path[len(owner.folder) :].lstrip("/")
        self.files.append(DataFile(owner, path, format, file_info(inside, entry)))

    def _foreign(self, folder: str, kind: str) -> None:
        """Collect an Iceberg table; skip a table of another format with its own log."""
        place = self.place.child(folder)
        if kind != "Iceberg":
            files, size = self._count(folder)
            name = folder or base_name(place.path)
            self._skip(name, f"a {kind} table: not a supported format", size, files=files)
            return
        newest = newest_metadata(place)
        snapshot = f"iceberg:{newest}" if newest else None
        table = TableSource(folder, "iceberg", place.url, snapshot=snapshot, folder=place.url)
        self.ready.append((table, place, []))

    def _link(self, path: str) -> tuple[str, bool]:
        target, root = (os.path.realpath(join(self.place.path, p)) for p in (path, ""))
        if os.path.commonpath([target, root]) != root:  # also if nothing is there now
            return "link to a path outside the lake: not followed", False
        if not os.path.exists(target):
            return "broken link: it leads to nothing", False
        return "link to a path in this lake, which is read there", True

    def _written(self, folder: str, entries: Entries) -> Iterator[tuple[str, Owner, bool]]:
        """Collect the current run of a table or lake that this package wrote."""
        place = self.place.child(folder)
        run, format = self._pointer(folder, entries)
        self._beside(folder, entries)
        path = below(folder, run)
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

    def _pointer(self, folder: str, entries: Entries) -> tuple[str, str]:
        place = self.place.child(folder)
        pointer = read_pointer(place)
        if pointer is None:
            raise TableError(f"{place.url!r} was replaced while it was listed. Try again.")
        if not is_a(entries.get(pointer[0]), "directory"):
            raise TableError(
                f"{place.url!r} points to {pointer[0]!r}, which is not a folder there."
            )
        return pointer

    def _beside(self, folder: str, entries: Entries) -> None:
        """Skip what is in the folder of a table with runs and is not part of it."""
        for name in sorted(entries):
            path, entry = below(folder, name), entries[name]
            if name == PAGE or self._left_out(path, entry):
                continue
            files, size = (1, entry["size"]) if entry["type"] == "file" else self._count(path)
            self._skip(path, BESIDE_RUN, size, files == 0, files)

    def _beside_delta(self, folder: str, entries: Entries, live: frozenset[str] | None) -> None:
        """Skip files that the current version does not use (``live``; None: unknown)."""
        if live is None:
            self._skip(folder or ".", delta.UNKNOWN, None)
        old: list[int] = []
        for name in sorted(entries):
            path, entry = below(folder, name), entries[name]
            if name != delta.CHANGES and self._left_out(path, entry):
                continue
            inside = [(path, entry)] if entry["type"] == "file" else self._files_below(path)
            rest: list[int] = []
            for file, facts in inside:
                relative, data = file[len(folder) :].lstrip("/"), delta.is_delta_data(file)
                if delta.is_vector(file) or (data and (live is None or relative in live)):
                    continue
                if self._ignored(file):
                    self._skip(file, IGNORED, facts["size"], harmless=True)
                else:
                    (old if data else rest).append(int(facts["size"] or 0))
            if rest:
                self._skip(path, BESIDE_DELTA, sum(rest), files=len(rest))
        if old:
            self._skip(folder or ".", delta.OLD, sum(old), files=len(old))

    def _count(self, folder: str) -> tuple[int, int]:
        """Return the number and bytes of the files below a folder, as far as it can be listed."""
        sizes = [int(entry["size"] or 0) for _, entry in self._files_below(folder)]
        return len(sizes), sum(sizes)

    def _files_below(self, folder: str) -> Iterator[tuple[str, Entry]]:
        waiting = [folder]
        while waiting:
            path = waiting.pop()
            try:
                entries = entries_of(self.place.child(path))
            except OSError:
                continue
            for name, entry in entries.items():
                if is_a(entry, "directory"):
                    waiting.append(join(path, name))
                else:
                    yield join(path, name), entry

    def _skip(
        self, path: str, reason: str, size: int | None, harmless: bool = False, files: int = 1
    ) -> None:
        bytes = None if size is None else int(size)
        self.skipped.append(Skipped(shown(path), reason, files, bytes, harmless))


def _has_pointer(entries: Entries) -> bool:
    """Return whether there is a pointer: a file, or a job's link to that of its current run."""
    found, run = entries.get(POINTER), entries.get(CURRENT, {})
    if found is None or found["type"] == "directory":
        return False
    leads = str(run.get("destination", ""))
    own = found.get("destination") == f"{CURRENT}/{STAGED_POINTER}"
    return not found.get("islink") or (own and leads.startswith(RUN_PREFIX) and "/" not in leads)
