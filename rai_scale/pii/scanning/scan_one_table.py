"""Scan one table: read what is new, count, and judge the columns."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from rai_scale.engines.protocol import Engine
from rai_scale.errors import RaiScaleError
from rai_scale.pii.scanning.claims import TableClaims
from rai_scale.pii.scanning.column_name_search import doubtful_names, search_names
from rai_scale.pii.scanning.column_scans import judge_columns
from rai_scale.pii.scanning.column_types import values_read
from rai_scale.pii.scanning.kept import Kept, TypeChangedError
from rai_scale.pii.scanning.notes import doubts_of, remarks, written_as
from rai_scale.pii.scanning.parts import ALL_ROWS, ScannedPart, added, facts_of
from rai_scale.pii.scanning.sources import ScanInput, bytes_of
from rai_scale.pii.scanning.table_rounds import ScanPlan, scan_part
from rai_scale.pii.scanning.table_scan import ColumnScan, TableScan
from rai_scale.pii.scanning.unread import UNREAD_COLUMN, file_facts
from rai_scale.pii.scanning.value_counts import ALL
from rai_scale.tables.discovery.known_files import VERSION
from rai_scale.tables.exact import duration_columns
from rai_scale.tables.read import is_read_once
from rai_scale.tables.readers.delta import stored_bytes
from rai_scale.tables.readers.documents import holds_documents
from rai_scale.tables.readers.row_numbers import NUMBERS
from rai_scale.tables.source import TableSource

_LOG = logging.getLogger(__name__)
_NOT_THE_TABLE = ("MissingModelError", "MissingExtraError", "ConfigError")
"""Worker errors that would occur for every table."""


def table_steps(  # noqa: PLR0917
    source: ScanInput,
    engine: Engine,
    plan: ScanPlan,
    kept: Kept | None = None,
    continued: bool = False,
    stopped: ScannedPart | None = None,
) -> Generator[None, None, TableScan | None]:
    """Scan one table, in steps: it is read up to the first ``yield``, then counted, then judged.

    The steps of counting are those of :func:`~rai_scale.pii.scanning.value_counts.count_in_steps`.

    A table that cannot be read gets a status and a note instead of an error. The result is None if
    the types of columns have changed.

    Parameters
    ----------
    source : ScanInput
    engine : Engine
    plan : ScanPlan
    kept : Kept, optional
        What earlier runs counted in files that are not read now.
    continued : bool
        Whether later runs may add files.
    stopped : ScannedPart, optional
        What the last run counted in the files that are read now, before its budget ended.
    """
    found = source.found or TableSource(source.name, "frame", "")
    size = read_bytes(found)
    left = plan.spending.why_not(size) if kept is None or found.new_files else None
    facts = _facts(source, found, kept, left)
    if left and not kept:
        return TableScan(**facts, status="left out", note=f"Not scanned: {left}.")
    try:
        if kept and (left or not found.new_files):
            reports: list[str] = []
            schema, parts, hidden = kept.joined(None)
            named = kept.in_names
        else:
            plan.spending.bytes += size or 0
            frame = source.read(engine)
            own = schema = _own_types(engine.schema(frame), found)
            parts, hidden = (), frozenset()
            if kept:
                schema, parts, hidden = kept.joined(own)
            yield
            personal, named = search_names(own.names, doubtful_names(found), engine, plan.config)
            number = sum(not p.complete for p in parts) if continued else None
            part, reports = yield from read_part(frame, engine, plan, own, found, number, stopped)
            del frame
            parts, hidden = (*parts, replace(part, bytes_read=size)), hidden | personal
        columns = tuple(_columns(schema, parts, plan, hidden, kept is not None))
        facts |= file_facts(facts, found, reports)
        columns += (named,) if named and (named.findings or named.errors) else ()
    except TypeChangedError:
        return None
    except Exception as error:
        if getattr(error, "error", "") in _NOT_THE_TABLE:
            raise
        # only messages of this package are known to contain no value
        why = str(error) if isinstance(error, RaiScaleError) else type(error).__name__
        _LOG.warning("table %s cannot be read: %s", source.name, type(error).__name__)
        return TableScan(**{**facts, "partly_read": ()}, status="unreadable", note=why)
    facts |= {"columns": columns, "schema": schema, "parts": parts, **facts_of(parts)}
    written = dict.fromkeys([*(kept.written if kept else ()), *written_as(found)])
    done = TableScan(**facts, status=_status(facts), note=None)
    note = " ".join(remarks(done, written)) or None
    return replace(done, note=note) if note else done


def _facts(
    source: ScanInput, found: TableSource, kept: Kept | None, left: str | None
) -> dict[str, Any]:
    """Return what is known of a table before it is read, as fields of :class:`TableScan`."""
    return {
        "table": source.name,
        "format": found.format,
        "rows": None,
        "rows_scanned": 0,
        "files": len(found.seen) + len(found.files) + len(found.unreadable),
        "columns": (),
        "unreadable": found.unreadable,
        "unreadable_bytes": found.unreadable_bytes,
        "partly_read": kept.partly_read if kept else (),
        "bytes": bytes_of(found),
        "doubts": tuple(dict.fromkeys([*(kept.doubts if kept else ()), *doubts_of(found)])),
        "folder": found.folder,
        "again": found.again,
        "left_out": left,
    }


def _status(facts: dict[str, Any]) -> str:
    """Return the status of a table that was read, as far as it can be read."""
    columns, unreadable = facts["columns"], facts["unreadable"]
    if unreadable and len(unreadable) == facts["files"] and not facts["rows"]:
        return "unreadable"
    unread = any(column.errors or column.unread for column in columns)
    if unreadable or facts["partly_read"] or facts["left_out"] or unread:
        return "partly unreadable"
    sure = any(f.verdict != "unlikely" for c in columns for f in c.findings)
    return "findings" if sure else "clean"


def read_bytes(found: TableSource) -> int | None:
    """Return the size of the files that are read now; None if it is not known."""
    if found.format == "delta" and found.only is None:
        return stored_bytes(found)
    files = [f for f in found.new_files if f.path != VERSION]
    return sum(f.size for f in files) if files else None


def _own_types(schema: pa.Schema, source: TableSource) -> pa.Schema:
    """Return the columns to search, with the types of durations, which are read as integers."""
    own = duration_columns(source)
    about = [*NUMBERS.names] if source.format == "frame" else [*NUMBERS.names, UNREAD_COLUMN]
    about += ["place"] if holds_documents(source) else []  # page numbers and the like
    if not own and schema.metadata is None and not {*about} & {*schema.names}:
        return schema
    read = [f for f in schema if f.name not in about]
    return pa.schema([f.with_type(own.get(f.name.casefold(), f.type)) for f in read])


def read_part(  # noqa: PLR0917
    frame: Any,
    engine: Engine,
    plan: ScanPlan,
    schema: pa.Schema,
    found: TableSource,
    number: int | None,
    stopped: ScannedPart | None = None,
) -> Generator[None, None, tuple[ScannedPart, list[str]]]:
    """Return, in steps, what was counted in the rows of a frame, and reports on files."""
    if not schema.names:
        return ScannedPart((), 0, 0, ALL_ROWS, 0.0, None, False, {}), []
    folder, whole = found.folder or found.location, holds_documents(found)
    files = found if is_read_once(found, engine) else None
    steps = scan_part(frame, engine, plan, schema, folder, whole, number, stopped, files)
    return (yield from steps)


def _columns(
    schema: pa.Schema,
    parts: Sequence[ScannedPart],
    plan: ScanPlan,
    hidden: frozenset[str],
    several: bool,
) -> Iterator[ColumnScan]:
    """Yield the columns of a table, with findings and claims."""
    searched = [field.name for field in schema if values_read(field.type)]
    tables = plan.tables if several else None
    claims = TableClaims(parts, searched, plan.types, plan.guarantee, tables)
    counts = added([part.counts for part in parts])
    counts.pop(ALL, None)
    asked = plan.config.entities
    yield from judge_columns(schema, counts, asked, hidden, claims, samples=plan.samples)
