"""Files that an earlier run has read: discovery lists them and does not open them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.tables.formats import TABLE_FORMATS
from rai_scale.tables.source import FileInfo, TableSource

PRINT = pa.binary()
VERSION = "(version)"
"""The only file of a table whose version is known and whose files are not."""


@dataclass(frozen=True)
class KnownTable:
    """A table of an earlier run.

    Attributes
    ----------
    name, format : str
    group : str
        The name of its file or folder, which other tables (sheets) may share.
    inner : str or None
    again : bool
        As in :class:`~rai_scale.tables.source.TableSource`.
    parts : sequence of pyarrow.Array
        The fingerprints of the files of each part, which was read at once.
    listing : bytes or None
        The fingerprint of the list of all files, if all of them were read: see :func:`listing_of`.
    """

    name: str
    format: str
    group: str
    inner: str | None
    again: bool
    parts: Sequence[pa.Array]
    listing: bytes | None = None

    def unchanged(self, prints: pa.Array) -> list[bool]:
        """Return for each part whether all its files are among the fingerprints."""
        return [bool(pc.all(pc.is_in(part, value_set=prints)).as_py()) for part in self.parts]

    def kept(self, prints: pa.Array) -> list[bool]:
        """Return for each fingerprint whether it belongs to an unchanged part."""
        fits = self.unchanged(prints)
        known = [part for part, fit in zip(self.parts, fits, strict=True) if fit]
        if not known:
            return [False] * len(prints)
        found: list[bool] = pc.is_in(prints, value_set=pa.concat_arrays(known)).to_pylist()
        return found


@dataclass(frozen=True)
class KnownFiles:
    """The tables of an earlier run, by name.

    A part of which a file has changed or is gone is not known any more: the rest of its files is
    read again, because only the counts of the whole part are kept.

    Attributes
    ----------
    salt : bytes
        Key of the fingerprints, which hide the paths.
    tables : mapping of str to KnownTable
    by_file : bool
        Whether the engine can read some files of a Delta table; otherwise a new version is read
        completely.
    """

    salt: bytes
    tables: Mapping[str, KnownTable]
    by_file: bool = True

    def prints(self, files: Iterable[FileInfo]) -> pa.Array:
        """Return the fingerprint of each file: of its path, size, and time or entity tag."""
        return fingerprints(files, self.salt)

    def split(
        self, table: TableSource, files: Sequence[FileInfo]
    ) -> tuple[list[FileInfo], list[FileInfo]]:
        """Return the files to read, and those of unchanged parts."""
        known = self.tables.get(table.name)
        if known is None or known.format != table.format or not files:
            return list(files), []
        if self._same_listing(table, known):
            return [], list(files)
        return _divided(files, known.kept(self.prints(files)))

    def _same_listing(self, table: TableSource, known: KnownTable) -> bool:
        if known.listing is None or table.format in TABLE_FORMATS:
            return False  # a new Delta table may have the version of the old one
        return known.listing == listing_of(table.snapshot, self.salt)

    def split_group(
        self, table: TableSource, files: Sequence[FileInfo]
    ) -> tuple[list[FileInfo], list[FileInfo], list[KnownTable]]:
        """Do the same for files with several tables each, and return these tables.

        If one part has changed, all files are read again: a file has rows of several tables.
        """
        known = [t for t in self._by_group.get(table.name, ()) if t.format == table.format]
        if not known:
            return list(files), [], []
        if all(self._same_listing(table, one) for one in known):
            return [], list(files), known
        prints = self.prints(files)
        if len(known) > 1 and not all(all(t.unchanged(prints)) for t in known):
            return list(files), [], []
        kept = [any(each) for each in zip(*(t.kept(prints) for t in known), strict=True)]
        return *_divided(files, kept), known

    @cached_property
    def _by_group(self) -> dict[str, list[KnownTable]]:
        groups: dict[str, list[KnownTable]] = {}
        for table in self.tables.values():
            groups.setdefault(table.group, []).append(table)
        return groups


NOTHING = KnownFiles(b"", {})


def fingerprints(files: Iterable[FileInfo], salt: bytes) -> pa.Array:
    """Return keyed hashes of paths, sizes, and times or entity tags, shape (files,), 16 bytes.

    A store that reports neither a time nor an entity tag cannot show that a file has changed: such
    a file is always read again.
    """
    return pa.array([_print(file, salt) for file in files], PRINT)


def _print(file: FileInfo, salt: bytes) -> bytes:
    if not file.modified:
        return os.urandom(16)
    facts = f"{file.path}\0{file.size}\0{file.modified}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(facts, key=salt, digest_size=16).digest()


def listing_of(snapshot: str | None, salt: bytes) -> bytes | None:
    """Return a keyed hash of the state of a table, such as its list of files; 16 bytes."""
    if snapshot is None:
        return None
    return hashlib.blake2b(snapshot.encode(), key=salt, digest_size=16).digest()


def sizes_of(tables: Iterable[TableSource]) -> dict[str, int]:
    """Return by full path the sizes of files with several tables, which only one table counts."""
    sizes: dict[str, int] = {}
    for table in tables:
        for file in table.all_files if table.inner is not None else ():
            path = table.file_path(file)
            sizes[path] = max(file.size, sizes.get(path, 0))
    return sizes


def version_of(table: TableSource) -> FileInfo:
    """Return the version of a table as if it were a file."""
    return FileInfo(VERSION, 0, str(table.snapshot))


def _divided(
    files: Sequence[FileInfo], kept: Iterable[bool]
) -> tuple[list[FileInfo], list[FileInfo]]:
    halves: dict[bool, list[Any]] = {False: [], True: []}
    for file, known in zip(files, kept, strict=True):
        halves[known].append(file)
    return halves[False], halves[True]
