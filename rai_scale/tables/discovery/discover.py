"""Walk a path once and group its files into tables."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count

from rai_scale.tables.dialect import CsvOptions, check_fit
from rai_scale.tables.discovery.check import Grouped, checked_tables, path_inside
from rai_scale.tables.discovery.file_names import why_unread
from rai_scale.tables.discovery.hidden_parts import with_hidden
from rai_scale.tables.discovery.known_files import NOTHING, KnownFiles
from rai_scale.tables.discovery.listing import DataFile, file_info
from rai_scale.tables.discovery.walk import HIDDEN, NO_FILE, Walk
from rai_scale.tables.documents.limits import DEFAULT_LIMITS, DocumentLimits
from rai_scale.tables.formats import (
    DOCUMENTS,
    TABLE_FORMATS,
    format_of,
    is_part_name,
    part_stem,
    stem_of,
)
from rai_scale.tables.path_names import base_name, join, parent, shown
from rai_scale.tables.paths import Place
from rai_scale.tables.source import Lake, Skipped, TableSource

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
    images = limits.images is not None
    outer = Walk(place, format, ignore, images)
    run = outer.current_lake()
    walk = Walk(place.child(run), format, ignore, images) if run else outer
    walk.run(in_run=run is not None)
    place = walk.place
    found = [*walk.ready, *_group_all(place, walk.files, limits)]
    found = [(_named(table, place), folder, files) for table, folder, files in found]
    named = checked_tables(found, asked, place, known)
    fits = [t for t in named if format is None or _fits(t.format, format)]
    idle = _idle(ignore, outer.used | walk.used)
    others = [t for t in named if format is not None and not _fits(t.format, format)]
    skipped = [Skipped(shown(t.name), OTHER_FORMAT) for t in others]
    for each in [walk] if walk is outer else [outer, walk]:
        skipped += each.skipped
    skipped += idle
    csv = [f"{path_inside(place, t.folder)}/{f}".lstrip("/") for t in named for f in _csv_files(t)]
    check_fit(asked, csv)
    fits = with_hidden(fits, place, [s for s in walk.skipped if s.reason == HIDDEN])
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


def _named(table: TableSource, place: Place) -> TableSource:
    return table if table.name else replace(table, name=base_name(place.path))


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
    format = format or format_of(name, images=limits.images is not None)
    entry = place.fs.info(place.path)
    if entry["type"] != "file":
        return Lake((), (Skipped(name, NO_FILE),))
    if format is None or format in TABLE_FORMATS:
        return Lake((), (Skipped(name, why_unread(name), bytes=entry["size"]),))
    folder = Place(parent(place.url), place.fs, parent(place.path))
    files = [file_info(name, entry)]
    table = TableSource(stem_of(name), format, place.url, limits=limits)
    tables = checked_tables([(table, folder, files)], asked, folder, known)
    check_fit(asked, [path for table in tables for path in _csv_files(table)])
    return Lake(tuple(tables), tuple(_idle(ignore, set())))


def _csv_files(table: TableSource) -> list[str]:
    if table.format != "csv":
        return []
    return [*(f.path for f in table.all_files), *(path for path, _ in table.unreadable)]


def _group_all(
    place: Place,
    found: list[DataFile],
    limits: DocumentLimits,
) -> list[Grouped]:
    groups: dict[tuple[str, bool, str, str], list[DataFile]] = defaultdict(list)
    for file in found:
        hive = bool(file.owner.keys)
        whole = hive or file.format in ("text", *DOCUMENTS)
        stem = "" if whole else part_stem(base_name(file.path))
        groups[file.owner.folder, hive, file.format, stem].append(file)
    tables_in: dict[tuple[str, bool], int] = defaultdict(int)
    for folder, hive, kind, _ in groups:  # a document does not change the names of tables
        tables_in[folder, hive] += kind not in DOCUMENTS
    tables: list[Grouped] = []
    taken: set[str] = set()
    for key in sorted(groups, key=lambda k: (not k[1], k)):
        files = groups[key]
        others = tables_in[key[0], key[1]] - (key[2] not in DOCUMENTS)
        alone = not others and (key[2] not in DOCUMENTS or _only_kind(key, groups))
        name = _unique(_group_name(key, files, alone), key[2], taken)
        tables.append(_source(place, name, key[2], files, limits))
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
    second = f"{name}.{format}" if name else format
    tries = chain([name, second], (f"{second}.{n}" for n in count(2)))
    unique = next(t for t in tries if t.casefold() not in taken)
    taken.add(unique.casefold())
    return unique


def _source(
    place: Place, name: str, format: str, files: list[DataFile], limits: DocumentLimits
) -> Grouped:
    folder = place.child(files[0].owner.folder)
    alone = len(files) == 1 and not files[0].owner.keys
    location = folder.child(files[0].info.path).url if alone else folder.url
    # the path of a text or document is a column of its table and holds its key=value folders
    plain = format in ("text", *DOCUMENTS)
    keys = () if plain else tuple(dict.fromkeys(k for f in files for k in f.owner.keys))
    table = TableSource(name, format, location, partition_columns=keys, limits=limits)
    return table, folder, [f.info for f in files]
