"""The tables in workbooks, SQLite, Avro and ORC files, from a look at each file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from rai_scale.names import looks_personal
from rai_scale.tables.dialect import TextDialect
from rai_scale.tables.discovery.known_files import KnownTable
from rai_scale.tables.documents.child import Request
from rai_scale.tables.documents.process import ask
from rai_scale.tables.path_names import join, printable, shown
from rai_scale.tables.paths import Place
from rai_scale.tables.source import FileInfo, TableSource


@dataclass(frozen=True)
class _Found:
    """What a file holds: its tables by name, in order, or why that is not known."""

    tables: dict[str, FileInfo]
    why: str


def file_tables(table: TableSource, folder: Place, files: Sequence[FileInfo]) -> list[TableSource]:
    """Return one table per sheet or table of the files; files that cannot be opened are listed.

    Parameters
    ----------
    table : TableSource
        What is known of all of them: name, format, location, limits.
    folder : Place
        The folder that the files are relative to.
    files : sequence of FileInfo
    """
    with ThreadPoolExecutor(min(8, len(os.sched_getaffinity(0)))) as pool:
        found = list(pool.map(lambda file: _look(table, folder.child(file.path), file), files))
    names = list(dict.fromkeys(name for one in found for name in one.tables))
    unread = [(f, one.why) for f, one in zip(files, found, strict=True) if not one.tables]
    bad = replace(
        table,
        unreadable=tuple((shown(f.path), why or "has no table") for f, why in unread),
        unreadable_bytes=tuple(f.size for f, _ in unread),
    )
    if not names:
        return [bad]
    tables = []
    counted: set[str] = set()
    for number, name in enumerate(names, 1):
        own = [one.tables[name] for one in found if name in one.tables]
        first = [f if f.path not in counted else replace(f, size=0) for f in own]
        again = all(f.path in counted for f in own)
        counted.update(f.path for f in own)
        base = bad if number == 1 else table
        label = f"table_{number}" if looks_personal(name) else printable(name)
        tables.append(
            replace(
                base,
                name=join(table.name, label) if name else table.name,
                files=tuple(first),
                inner=name or None,
                again=again,
            )
        )
    return tables


def with_seen(
    found: Sequence[TableSource],
    whole: TableSource,
    seen: Sequence[FileInfo],
    known: Sequence[KnownTable],
) -> list[TableSource]:
    """Add the files that an earlier run has read, and their tables.

    Parameters
    ----------
    found : sequence of TableSource
        The tables of the other files.
    whole : TableSource
        What is known of all tables.
    seen : sequence of FileInfo
    known : sequence of KnownTable
        The tables of the earlier run.
    """
    if not seen:
        return list(found)
    tables = {t.name: t for t in found if t.files or len(found) > 1}
    bad = found[0] if found and not tables else whole  # all new files cannot be opened
    for table in known:
        mine = [f if not table.again else replace(f, size=0) for f in seen]
        new = replace(bad, name=table.name, inner=table.inner, again=table.again)
        tables[table.name] = replace(tables.get(table.name, new), seen=tuple(mine))
        bad = whole
    return list(tables.values())


def _look(table: TableSource, place: Place, file: FileInfo) -> _Found:
    request = Request(place.url, table.format, None, table.limits)
    *answers, why = ask(request)
    found = {str(facts["inner"]): _with(file, facts, t.schema) for facts, t in _pairs(answers)}
    return _Found(found, str(why))


def _pairs(answers: Sequence[Any]) -> Iterator[tuple[dict[str, Any], pa.Table]]:
    return zip(answers[::2], answers[1::2], strict=False)


def _with(file: FileInfo, facts: dict[str, Any], schema: pa.Schema) -> FileInfo:
    dialect = TextDialect(
        header=facts["header"],
        names=tuple(schema.names),
        doubts=tuple(facts["doubts"]),
        sure_header=facts["sure_header"],
    )
    return replace(file, schema=schema, dialect=dialect)
