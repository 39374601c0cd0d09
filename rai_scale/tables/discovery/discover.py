"""Walk a path once and group its files into tables."""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from rai_scale.tables.dialect import CsvOptions, check_fit
from rai_scale.tables.discovery.delta_walk import logged_files
from rai_scale.tables.discovery.file_names import why_unread
from rai_scale.tables.discovery.file_tables import file_tables, with_seen
from rai_scale.tables.discovery.known_files import NOTHING, KnownFiles, version_of
from rai_scale.tables.discovery.listing import DataFile, file_info
from rai_scale.tables.discovery.probe import probe_all
from rai_scale.tables.discovery.walk import HIDDEN, NO_FILE, Walk
from rai_scale.tables.documents.limits import DEFAULT_LIMITS, DocumentLimits
from rai_scale.tables.formats import (
    DOCUMENTS,
    FILE_TABLES,
    TABLE_FORMATS,
    format_of,
    is_part_name,
    part_stem,
    stem_of,
)
from rai_scale.tables.path_names import base_name, join, parent, shown
from rai_scale.tables.paths import Place
from rai_scale.tables.source import FileInfo, Lake, Skipped, TableSource

_LOG = logging.getLogger(__name__)
OTHER_FORMAT = "not of the requested format"


def discover(  # noqa: PLR0917
    place: Place,
    format: str | None,
    ignore: Sequence[str],
    asked: Mapping[str, CsvOptions],
    limits: DocumentLimits = DEFAULT_LIMITS,
    known: KnownFiles = NOTHING,
) -> Lake:
    """Return the tables below an existing path; see :func:`~rai_scale.tables.find_tables`."""
    place.fs.invalidate_cache()
    if not place.fs.isdir(place.path):
        return _one_file(place, format, asked, ignore, limits, known)
    outer = Walk(place, format, ignore)
    run = outer.current_lake()
    walk = Walk(place.child(run), format, ignore) if run else outer
    walk.run(in_run=run is not None)
    place = walk.place
    ready = [
        _with_log(_named(table, place), known)
        if table.format in TABLE_FORMATS
        else _checked(_named(table, place), at, files, asked, place, known)
        for table, at, files in walk.ready
    ]
    named = ready + _group_all(place, walk.files, asked, limits, known)
    fits = [t for t in named if format is None or _fits(t.format, format)]
    idle = _idle(ignore, outer.used | walk.used)
    skipped = [Skipped(shown(t.name), OTHER_FORMAT) for t in named if t not in fits]
    for each in [walk] if walk is outer else [outer, walk]:
        skipped += each.skipped
    skipped += idle
    csv = [f"{_inside(place, t.folder)}/{f}".lstrip("/") for t in named for f in _csv_files(t)]
    check_fit(asked, csv)
    fits = [replace(t, hidden=_hidden_of(t, fits, place, walk.skipped)) for t in fits]
    return Lake(
        tuple(sorted(fits, key=lambda t: t.name)), tuple(sorted(skipped, key=lambda s: s.path))
    )


def _idle(ignore: Sequence[str], used: set[str]) -> list[Skipped]:
    """Report the patterns of ``ignore`` that match nothing, because they may be misspelled."""
    idle = [pattern for pattern in ignore if pattern not in used]
    for pattern in idle:
        _LOG.warning("ignore: nothing in the source matches %r", pattern)
    return [
        Skipped(pattern, "ignore: nothing matches this pattern", 0, 0, True) for pattern in idle
    ]


def _csv_files(table: TableSource) -> list[str]:
    if table.format != "csv":
        return []
    return [*(f.path for f in table.all_files), *(path for path, _ in table.unreadable)]


def _inside(place: Place, folder: str) -> str:
    """Return the path of a table's folder in its lake."""
    return folder.removeprefix(place.url.rstrip("/")).strip("/")


def _hidden_of(
    table: TableSource, tables: Sequence[TableSource], place: Place, skipped: Sequence[Skipped]
) -> tuple[Skipped, ...]:
    """Return the entries with hidden names in a table's folder that may contain rows of it.

    If other tables are in that folder too, only entries with the names of the table's parts count.
    """
    if table.format in TABLE_FORMATS:
        return ()
    if table.format not in DOCUMENTS:  # a document does not change what belongs to a table
        tables = [t for t in tables if t.format not in DOCUMENTS]
    below = f"{table.folder.rstrip('/')}/"
    if any(t is not table and f"{t.folder.rstrip('/')}/".startswith(below) for t in tables):
        stems = {part_stem(base_name(file.path)) for file in table.all_files}
        skipped = [s for s in skipped if part_stem(base_name(s.path).lstrip("._")) in stems]
    folder = shown(table.folder[len(place.url) :].strip("/"))
    within = [s for s in skipped if s.reason == HIDDEN and not s.harmless]
    return tuple(
        s
        for s in within
        if (s.path.startswith(f"{folder}/") or not folder)
        and format_of(base_name(s.path).lstrip("._")) in (table.format, None)
        and (s.files > 1 or format_of(base_name(s.path).lstrip("._")))
    )


def _fits(found: str, asked: str) -> bool:
    return found == asked or not {found, asked} & TABLE_FORMATS


def _one_file(  # noqa: PLR0917
    place: Place,
    format: str | None,
    asked: Mapping[str, CsvOptions],
    ignore: Sequence[str],
    limits: DocumentLimits,
    known: KnownFiles,
) -> Lake:
    name = base_name(place.path)
    format = format or format_of(name)
    entry = place.fs.info(place.path)
    if entry["type"] != "file":
        return Lake((), (Skipped(name, NO_FILE),))
    if format is None or format in TABLE_FORMATS:
        return Lake((), (Skipped(name, why_unread(name), bytes=entry["size"]),))
    folder = Place(parent(place.url), place.fs, parent(place.path))
    files = [file_info(name, entry)]
    table = TableSource(stem_of(name), format, place.url, limits=limits)
    tables = _checked_tables(table, folder, files, asked, folder, known)
    check_fit(asked, [path for table in tables for path in _csv_files(table)])
    return Lake(tuple(tables), tuple(_idle(ignore, set())))


def _group_all(
    place: Place,
    found: list[DataFile],
    asked: Mapping[str, CsvOptions],
    limits: DocumentLimits,
    known: KnownFiles,
) -> list[TableSource]:
    groups: dict[tuple[str, bool, str, str], list[DataFile]] = defaultdict(list)
    for file in found:
        hive = bool(file.owner.keys)
        whole = hive or file.format in ("text", *DOCUMENTS)
        stem = "" if whole else part_stem(base_name(file.path))
        groups[file.owner.folder, hive, file.format, stem].append(file)
    tables_in: dict[tuple[str, bool], int] = defaultdict(int)
    for folder, hive, kind, _ in groups:  # a document does not change the names of tables
        tables_in[folder, hive] += kind not in DOCUMENTS
    tables: list[TableSource] = []
    taken: set[str] = set()
    for key in sorted(groups, key=lambda k: (not k[1], k)):
        files = groups[key]
        others = tables_in[key[0], key[1]] - (key[2] not in DOCUMENTS)
        alone = not others and (key[2] not in DOCUMENTS or _only_kind(key, groups))
        name = _unique(_group_name(key, files, alone), key[2], taken)
        tables += _sources(place, name, key[2], files, asked, limits, known)
    return tables


def _only_kind(
    key: tuple[str, bool, str, str], groups: Iterable[tuple[str, bool, str, str]]
) -> bool:
    return sum(other[:2] == key[:2] for other in groups) == 1


def _group_name(key: tuple[str, bool, str, str], files: list[DataFile], alone: bool) -> str:
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


def _sources(  # noqa: PLR0917
    place: Place,
    name: str,
    format: str,
    files: list[DataFile],
    asked: Mapping[str, CsvOptions],
    limits: DocumentLimits,
    known: KnownFiles,
) -> list[TableSource]:
    folder = place.child(files[0].owner.folder)
    alone = len(files) == 1 and not files[0].owner.keys
    location = folder.child(files[0].info.path).url if alone else folder.url
    # the path of a text or document is a column of its table and holds its key=value folders
    plain = format in ("text", *DOCUMENTS)
    keys = () if plain else tuple(dict.fromkeys(k for f in files for k in f.owner.keys))
    table = TableSource(name, format, location, partition_columns=keys, limits=limits)
    table = _named(table, place)
    return _checked_tables(table, folder, [f.info for f in files], asked, place, known)


def _named(table: TableSource, place: Place) -> TableSource:
    return table if table.name else replace(table, name=base_name(place.path))


def _with_log(table: TableSource, known: KnownFiles) -> TableSource:
    """Divide the files of a table's version by whether an earlier run has read them."""
    if known is NOTHING or table.snapshot is None:
        return table
    logged = logged_files(table) if table.format == "delta" and known.by_file else None
    only, seen = known.split(table, [version_of(table)] if logged is None else logged)
    return replace(table, seen=tuple(seen), only=tuple(only) if seen or logged else None)


def _checked_tables(  # noqa: PLR0917
    table: TableSource,
    folder: Place,
    files: list[FileInfo],
    asked: Mapping[str, CsvOptions],
    root: Place,
    known: KnownFiles,
) -> list[TableSource]:
    """Add the files to a table; those with tables of their own are several."""
    files = sorted(files, key=lambda f: f.path)
    whole = replace(table, snapshot=_snapshot(files), folder=folder.url)
    if table.format in FILE_TABLES:
        new, seen, tables = known.split_group(whole, files)
        return with_seen(file_tables(whole, folder, new) if new else [], whole, seen, tables)
    if table.format in DOCUMENTS:  # they are opened when they are read
        new, seen = known.split(whole, files)
        return [replace(whole, files=tuple(new), seen=tuple(seen))]
    return [_checked(table, folder, files, asked, root, known)]


def _checked(  # noqa: PLR0917
    table: TableSource,
    folder: Place,
    files: list[FileInfo],
    asked: Mapping[str, CsvOptions],
    root: Place,
    known: KnownFiles,
) -> TableSource:
    """Add the files to a table; those that cannot be opened are listed separately."""
    files = sorted(files, key=lambda f: f.path)
    new, seen = known.split(table, files)
    paths = [f.path for f in new]
    probed = probe_all(table.format, folder, paths, asked, _inside(root, folder.url)) if new else []
    checked = [(replace(f, dialect=d), error) for f, (error, d) in zip(new, probed, strict=True)]
    return replace(
        table,
        seen=tuple(seen),
        files=tuple(f for f, error in checked if error is None),
        unreadable=tuple((shown(f.path), error) for f, error in checked if error is not None),
        unreadable_bytes=tuple(f.size for f, error in checked if error is not None),
        snapshot=_snapshot(files),
        folder=folder.url,
    )


def _snapshot(files: Iterable[FileInfo]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.path}\0{file.size}\0{file.modified}\n".encode())
    return digest.hexdigest()
