"""Open the files of all tables: which cannot be read, and how the others are written.

All files of a lake are opened through one pool of threads, so that many small tables cost no more
than one table of many files.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from rai_scale.tables.dialect import CsvOptions
from rai_scale.tables.discovery.delta_walk import logged_files
from rai_scale.tables.discovery.file_tables import file_tables, with_seen
from rai_scale.tables.discovery.known_files import NOTHING, KnownFiles, version_of
from rai_scale.tables.discovery.probe import Probed, probe, probe_session
from rai_scale.tables.formats import DOCUMENTS, FILE_TABLES, TABLE_FORMATS
from rai_scale.tables.path_names import join, shown
from rai_scale.tables.paths import Place
from rai_scale.tables.readers.file_dialect import Headers
from rai_scale.tables.source import FileInfo, TableSource

_THREADS, _TASK_FILES = 8, 32

Grouped = tuple[TableSource, Place, Sequence[FileInfo]]
"""A table, its folder, and its files, before any of them was opened."""


class _ToProbe(NamedTuple):
    format: str
    folder: Place
    file: FileInfo
    named: str
    parts: Headers | None


def checked_tables(
    found: Iterable[Grouped],
    asked: Mapping[str, CsvOptions],
    root: Place,
    known: KnownFiles = NOTHING,
) -> list[TableSource]:
    """Add the files to the tables; those that cannot be opened are listed separately.

    Parameters
    ----------
    found : iterable of (TableSource, Place, sequence of FileInfo)
        A file with tables of its own, such as a workbook, becomes several tables.
    asked : mapping of str to CsvOptions
        Options by pattern of paths in the lake.
    root : Place
        The folder of the lake.
    known : KnownFiles
        Files that an earlier run has read: they are not opened.
    """
    groups = [_divided(*group, known) for group in found]
    to_probe = [
        one for table, folder, files in groups for one in _to_probe(table, folder, files, root)
    ]
    answers = iter(_probed(to_probe, asked))
    tables: list[TableSource] = []
    for table, folder, files in groups:
        if table.format in TABLE_FORMATS:
            tables.append(_with_log(table, known))
        elif table.format in FILE_TABLES:
            new, seen, earlier = known.split_group(table, files)
            opened = file_tables(table, folder, new) if new else []
            tables += with_seen(opened, table, seen, earlier)
        elif table.format in DOCUMENTS:  # they are opened when they are read
            tables.append(replace(table, files=tuple(files)))
        elif table.format == "parquet" and folder.is_of_session:
            tables.append(_with_files(table, probe_session(folder, files) if files else []))
        else:
            tables.append(_with_files(table, [next(answers) for _ in files]))
    return tables


def _divided(
    table: TableSource, folder: Place, files: Sequence[FileInfo], known: KnownFiles
) -> Grouped:
    """Add what is known of all files; those that an earlier run has read are not looked at."""
    if table.format in TABLE_FORMATS:
        return table, folder, files
    files = sorted(files, key=lambda file: file.path)
    snapshot = snapshot_of(files)
    if table.format in FILE_TABLES:  # their tables are divided, not the files
        return replace(table, snapshot=snapshot, folder=folder.url), folder, files
    table = replace(table, snapshot=snapshot, folder=folder.url)
    new, seen = known.split(table, files)
    return replace(table, seen=tuple(seen)) if seen else table, folder, new


def _with_log(table: TableSource, known: KnownFiles) -> TableSource:
    """Divide the files of a table's version by whether an earlier run has read them."""
    if known is NOTHING or table.snapshot is None:
        return table
    logged = logged_files(table) if table.format == "delta" and known.by_file else None
    only, seen = known.split(table, [version_of(table)] if logged is None else logged)
    return replace(table, seen=tuple(seen), only=tuple(only))


def _to_probe(
    table: TableSource, folder: Place, files: Sequence[FileInfo], root: Place
) -> Iterable[_ToProbe]:
    """Return the files of a table that are opened one by one."""
    of_session = table.format == "parquet" and folder.is_of_session
    if of_session or table.format in (*TABLE_FORMATS, *FILE_TABLES, *DOCUMENTS):
        return []
    inside = path_inside(root, folder.url)
    names = (join(inside, file.path) if inside else file.path for file in files)
    parts: Headers | None = {} if len(files) > 1 else None
    return [
        _ToProbe(table.format, folder, file, named, parts)
        for file, named in zip(files, names, strict=True)
    ]


def _probed(files: Sequence[_ToProbe], asked: Mapping[str, CsvOptions]) -> Iterable[Probed]:
    """Open files one after the other until one must be waited for, and the others by threads.

    Threads that only compute Python take turns, and lose time by it.
    """
    size = max(1, min(_TASK_FILES, len(files) // _THREADS))
    tasks = [files[start : start + size] for start in range(0, len(files), size)]

    def done(task: Sequence[_ToProbe]) -> list[Probed]:
        return [probe(*file, asked) for file in task]

    found: list[list[Probed]] = []
    waits = False
    while not waits and len(found) < len(tasks):
        task = tasks[len(found)]
        began, computed = time.monotonic(), time.thread_time()
        found.append(done(task))
        computed = time.thread_time() - computed
        waits = task[0].format == "parquet" or time.monotonic() - began > 2 * computed
    if len(found) < len(tasks):
        with ThreadPoolExecutor(_THREADS) as pool:
            found += pool.map(done, tasks[len(found) :])
    return chain.from_iterable(found)


def _with_files(table: TableSource, probed: Sequence[Probed]) -> TableSource:
    bad = [(file, error) for file, error in probed if error is not None]
    return replace(
        table,
        files=tuple(file for file, error in probed if error is None),
        unreadable=tuple((shown(file.path), error) for file, error in bad),
        unreadable_bytes=tuple(file.size for file, _ in bad),
    )


def path_inside(place: Place, folder: str) -> str:
    """Return the path of a table's folder in its lake."""
    return folder.removeprefix(place.url.rstrip("/")).strip("/")


def snapshot_of(files: Iterable[FileInfo]) -> str:
    """Return a hash of the paths, sizes and times of files."""
    text = "".join([f"{file.path}\0{file.size}\0{file.modified}\n" for file in files])
    return hashlib.sha256(text.encode()).hexdigest()
