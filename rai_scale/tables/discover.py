"""Walk a path once and cut its files into tables."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from rai_scale.errors import TableError
from rai_scale.tables.formats import (
    check_format,
    format_of,
    is_part_name,
    part_stem,
    stem_of,
)
from rai_scale.tables.paths import Place, base_name, hidden, join, parent
from rai_scale.tables.pointer import LAKE, POINTER, read_pointer
from rai_scale.tables.probe import probe
from rai_scale.tables.source import FileInfo, Lake, TableSource

_VERSION = re.compile(r"^(\d{20})\.(json|checkpoint.*\.parquet)$")


@dataclass(frozen=True)
class _Owner:
    """The table folder that files belong to, and the ``key=value`` folders between."""

    folder: str = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Found:
    """One data file: the table folder it belongs to, and how."""

    owner: _Owner
    path: str
    format: str
    info: FileInfo


@dataclass
class _Walk:
    place: Place
    format: str | None
    files: list[_Found] = field(default_factory=list)
    ready: list[TableSource] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def visit(self, folder: str, owner: _Owner) -> None:
        """Collect what is in ``folder`` and below."""
        entries = {
            base_name(e["name"]): e
            for e in self.place.fs.ls(join(self.place.path, folder), detail=True)
            if base_name(e["name"]) and e["name"].rstrip("/") != join(self.place.path, folder)
        }
        if "_delta_log" in entries:
            self.ready.append(_delta_source(self.place, folder))
        elif POINTER in entries:
            self._written_table(folder)
        else:
            for name in sorted(entries):
                if not hidden(name):
                    self._entry(join(folder, name) if folder else name, entries[name], owner)

    def _entry(self, path: str, entry: dict, owner: _Owner) -> None:
        name = base_name(path)
        if entry["type"] != "directory":
            self._file(path, entry, owner)
        elif entry.get("islink"):
            self.skipped.append(path)  # a link may lead back to where the walk came from
        elif "=" in name:
            self.visit(path, _Owner(owner.folder, (*owner.keys, name.split("=", 1)[0])))
        else:
            self.visit(path, owner if owner.keys else _Owner(path))

    def _file(self, path: str, entry: dict, owner: _Owner) -> None:
        format = format_of(base_name(path), self.format)
        if format is None or format == "delta":
            self.skipped.append(path)
            return
        inside = path[len(owner.folder) :].lstrip("/")
        info = FileInfo(inside, int(entry["size"] or 0), _modified(entry))
        self.files.append(_Found(owner, path, format, info))

    def _written_table(self, folder: str) -> None:
        place = self.place.child(folder)
        pointer = read_pointer(place)
        if pointer is None:
            raise TableError(f"{place.url!r} was replaced while it was being listed; try again.")
        run, format = pointer
        if format == LAKE:
            self.visit(join(folder, run), _Owner(join(folder, run)))
            return
        check_format(format)
        files = [
            FileInfo(f"{run}/{base_name(e['name'])}", int(e["size"]), _modified(e))
            for e in place.fs.ls(place.child(run).path, detail=True)
            if e["type"] == "file" and not hidden(base_name(e["name"]))
        ]
        table = TableSource(folder, format, place.url)
        self.ready.append(_checked(table, place, files))


def discover(place: Place, format: str | None) -> Lake:
    """Return the tables below ``place``, which exists; see :func:`find_tables` for the rules."""
    place.fs.invalidate_cache()
    if not place.fs.isdir(place.path):
        return _one_file(place, format)
    pointer = read_pointer(place)
    if pointer is not None and pointer[1] == LAKE:
        place = place.child(pointer[0])
    walk = _Walk(place, format)
    walk.visit("", _Owner())
    tables = walk.ready + _group_all(place, walk.files)
    named = [t if t.name else replace(t, name=base_name(place.path)) for t in tables]
    fits = [t for t in named if format is None or (format == "delta") == (t.format == "delta")]
    skipped = [*walk.skipped, *(t.name for t in named if t not in fits)]
    return Lake(tuple(sorted(fits, key=lambda t: t.name)), tuple(sorted(skipped)))


def _one_file(place: Place, asked: str | None) -> Lake:
    name = base_name(place.path)
    format = asked or format_of(name)
    if format is None or format == "delta":
        return Lake((), (name,))
    entry = place.fs.info(place.path)
    folder = Place(parent(place.url), place.fs, parent(place.path))
    files = [FileInfo(name, int(entry["size"] or 0), _modified(entry))]
    return Lake((_checked(TableSource(stem_of(name), format, place.url), folder, files),))


def _group_all(place: Place, found: list[_Found]) -> list[TableSource]:
    groups: dict[tuple[str, bool, str, str], list[_Found]] = defaultdict(list)
    for file in found:
        hive = bool(file.owner.keys)
        stem = "" if hive or file.format == "text" else part_stem(base_name(file.path))
        groups[file.owner.folder, hive, file.format, stem].append(file)
    beside: dict[tuple[str, bool], int] = defaultdict(int)
    for folder, hive, _, _ in groups:
        beside[folder, hive] += 1
    tables: list[TableSource] = []
    taken: set[str] = set()
    for key in sorted(groups, key=lambda k: (not k[1], k)):
        files = groups[key]
        name = _unique(_group_name(key, files, beside[key[0], key[1]] == 1), key[2], taken)
        tables.append(_source(place, name, key[2], files))
    return tables


def _group_name(key: tuple[str, bool, str, str], files: list[_Found], alone: bool) -> str:
    folder, hive, format, stem = key
    whole = len(files) > 1 or is_part_name(base_name(files[0].path))
    if hive or (alone and whole):
        return folder
    if len(files) == 1:
        stem = stem_of(base_name(files[0].path))
    return (join(folder, stem or format) if folder else stem) or format


def _unique(name: str, format: str, taken: set[str]) -> str:
    tries = [name, f"{name}.{format}" if name else format]
    tries += [f"{tries[1]}.{n}" for n in range(2, 1000)]
    unique = next(t for t in tries if t.casefold() not in taken)
    taken.add(unique.casefold())
    return unique


def _source(place: Place, name: str, format: str, files: list[_Found]) -> TableSource:
    folder = place.child(files[0].owner.folder)
    alone = len(files) == 1 and not files[0].owner.keys
    location = folder.child(files[0].info.path).url if alone else folder.url
    # the path of a text file is a column of its table and holds its key=value folders
    keys = () if format == "text" else tuple(dict.fromkeys(k for f in files for k in f.owner.keys))
    table = TableSource(name, format, location, partition_columns=keys)
    return _checked(table, folder, [f.info for f in files])


def _checked(table: TableSource, folder: Place, files: list[FileInfo]) -> TableSource:
    """Fill in the files, those that cannot be opened apart from the others."""
    files = sorted(files, key=lambda f: f.path)
    with ThreadPoolExecutor(8) as pool:
        errors = list(pool.map(lambda f: probe(table.format, folder.child(f.path)), files))
    checked = list(zip(files, errors, strict=True))
    return replace(
        table,
        files=tuple(f for f, error in checked if error is None),
        unreadable=tuple((f.path, error) for f, error in checked if error is not None),
        snapshot=_snapshot(files),
        folder=folder.url,
    )


def _snapshot(files: Iterable[FileInfo]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.path}\0{file.size}\0{file.modified}\n".encode())
    return digest.hexdigest()


def _modified(entry: dict[str, Any]) -> str:
    names = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "created")
    return next((str(entry[n]) for n in names if entry.get(n) is not None), "")


def _delta_source(place: Place, folder: str) -> TableSource:
    table = place.child(folder)
    names = [base_name(n) for n in table.fs.ls(table.child("_delta_log").path, detail=False)]
    versions = [int(m.group(1)) for m in map(_VERSION.match, names) if m]
    snapshot = f"delta:{max(versions)}" if versions else None
    return TableSource(folder, "delta", table.url, snapshot=snapshot, folder=table.url)
