"""Entries with hidden names that may be parts of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rai_scale.tables.formats import DOCUMENTS, TABLE_FORMATS, format_of, part_stem
from rai_scale.tables.path_names import base_name, shown
from rai_scale.tables.paths import Place
from rai_scale.tables.source import Skipped, TableSource


def with_hidden(
    tables: Sequence[TableSource], place: Place, hidden: Sequence[Skipped]
) -> list[TableSource]:
    """Add to each table the entries with hidden names in its folder that may contain rows of it.

    If other tables are in that folder too, only entries with the names of the table's parts count.

    Parameters
    ----------
    tables : sequence of TableSource
    place : Place
        The folder of the lake.
    hidden : sequence of Skipped
        All entries with hidden names in the lake.
    """
    hidden = [entry for entry in hidden if not entry.harmless]
    if not hidden:
        return list(tables)
    around: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for table in tables:
        around[True].update(_folders_around(table.folder))
        if table.format not in DOCUMENTS:  # a document does not change what belongs to a table
            around[False].update(_folders_around(table.folder))
    return [
        table
        if table.format in TABLE_FORMATS
        else replace(
            table,
            hidden=tuple(
                _of(table, around[table.format in DOCUMENTS][_below(table)] > 1, place, hidden)
            ),
        )
        for table in tables
    ]


def _below(table: TableSource) -> str:
    return f"{table.folder.rstrip('/')}/"


def _folders_around(folder: str) -> Iterator[str]:
    """Yield a folder and the folders around it, each with a slash at its end."""
    path = f"{folder.rstrip('/')}/"
    while path.count("/"):
        yield path
        head = path.rstrip("/").rpartition("/")
        path = f"{head[0]}/" if head[1] else ""


def _of(
    table: TableSource, shared: bool, place: Place, hidden: Sequence[Skipped]
) -> Iterator[Skipped]:
    stems = {part_stem(base_name(file.path)) for file in table.all_files} if shared else set()
    folder = shown(table.folder[len(place.url) :].strip("/"))
    for entry in hidden:
        name = base_name(entry.path).lstrip("._")
        if folder and not entry.path.startswith(f"{folder}/"):
            continue
        if shared and part_stem(name) not in stems:
            continue
        found = format_of(name)
        if found in (table.format, None) and (entry.files > 1 or found):
            yield entry
