"""Scan one table: read what is new, count, and judge the columns."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, NamedTuple

import pyarrow as pa

from rai_scale.engines.protocol import Engine
from rai_scale.errors import RaiScaleError
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.scanning.column_name_search import doubtful_names, search_names
from rai_scale.pii.scanning.column_scans import judge_columns, values_read
from rai_scale.pii.scanning.night import Kept, TypeChangedError
from rai_scale.pii.scanning.notes import doubts_of, remarks, written_as
from rai_scale.pii.scanning.parts import ALL_ROWS, BY_CONTENT, ScannedPart, added
from rai_scale.pii.scanning.sources import ScanInput
from rai_scale.pii.scanning.table_scan import TableScan
from rai_scale.pii.scanning.unread import UNREAD_COLUMN, with_files
from rai_scale.pii.scanning.value_counts import ALL, ROWS, ScanValues, count_values
from rai_scale.tables.discovery.known_files import VERSION
from rai_scale.tables.exact import duration_columns
from rai_scale.tables.formats import CORRUPT
from rai_scale.tables.readers.documents import holds_documents
from rai_scale.tables.source import TableSource

_LOG = logging.getLogger(__name__)
_NOT_THE_TABLE = ("MissingModelError", "MissingExtraError", "ConfigError")
"""Worker errors that would occur for every table."""


class Sample(NamedTuple):
    """The rows to scan (None for all), the key that chooses them, and the masked samples."""

    rows: int | None
    seed: int
    shapes: int = 0


def scan_table(
    source: ScanInput,
    engine: Engine,
    config: AnalyzerConfig,
    sample: Sample,
    kept: Kept | None = None,
) -> TableScan:
    """Scan one table. A table that cannot be read gets a status and a note instead of an error.

    ``kept`` is what earlier runs counted in files that are not read now.
    """
    found = source.found or TableSource(source.name, "frame", "")
    bad = found.unreadable
    shell = TableScan(
        table=source.name,
        format=found.format,
        rows=None,
        rows_scanned=0,
        files=len(found.seen) + len(found.files) + len(bad),
        status="unreadable",
        note=None,
        columns=(),
        unreadable=bad,
        unreadable_bytes=found.unreadable_bytes,
        bytes=_bytes(found),
        doubts=tuple(dict.fromkeys([*(kept.doubts if kept else ()), *doubts_of(found)])),
        folder=found.folder,
        again=found.again,
    )
    try:
        if kept and not found.new_files:
            reports: list[str] = []
            schema, parts, hidden = kept.joined(None)
            named = kept.in_names
        else:
            frame = source.read(engine)
            own = schema = _own_types(engine.schema(frame), found)
            parts, hidden = (), frozenset()
            if kept:
                schema, parts, hidden = kept.joined(own)
            personal, named = search_names(own.names, doubtful_names(found), engine, config)
            part, reports = read_part(frame, engine, config, sample, own)
            parts, hidden = (*parts, part), hidden | personal
        counts = added([part.counts for part in parts])
        columns = tuple(
            c
            for c in judge_columns(schema, counts, config.entities, hidden, sample.shapes)
            if c.non_null or c.column != CORRUPT
        )
        rows, read = sum(p.rows for p in parts), sum(p.rows_scanned for p in parts)
        shell = with_files(shell, found, reports)
        shell = replace(
            shell, partly_read=(*(kept.partly_read if kept else ()), *shell.partly_read)
        )
        columns += (named,) if named and (named.findings or named.errors) else ()
    except TypeChangedError:
        raise
    except Exception as error:
        if getattr(error, "error", "") in _NOT_THE_TABLE:
            raise
        # only messages of this package are known to contain no value
        why = str(error) if isinstance(error, RaiScaleError) else type(error).__name__
        _LOG.warning("table %s cannot be read: %s", source.name, type(error).__name__)
        return replace(shell, note=why)
    sure = any(f.verdict != "unlikely" for c in columns for f in c.findings)
    partly = (
        shell.unreadable
        or shell.partly_read
        or any(column.errors or column.unread for column in columns)
    )
    status = "partly unreadable" if partly else "findings" if sure else "clean"
    if shell.unreadable and len(shell.unreadable) == shell.files and not rows:
        status = "unreadable"
    shell = replace(shell, schema=schema, status=status, parts=parts)
    done = replace(shell, rows=rows, rows_scanned=read, columns=columns)
    written = dict.fromkeys([*(kept.written if kept else ()), *written_as(found)])
    return replace(done, note=" ".join(remarks(done, written)) or None)


def _bytes(found: TableSource) -> int | None:
    """Return the size of the readable files; None if it is not known."""
    files = [f for f in found.all_files if f.path != VERSION]
    return sum(f.size for f in files) if files or found.unreadable else None


def _own_types(schema: pa.Schema, source: TableSource) -> pa.Schema:
    """Return the columns to search, with the types of durations, which are read as integers."""
    own = duration_columns(source)
    about = [] if source.format == "frame" else [UNREAD_COLUMN]
    about += ["place"] if holds_documents(source) else []  # page numbers and the like
    read = [f for f in schema if f.name not in about]
    return pa.schema([f.with_type(own.get(f.name.casefold(), f.type)) for f in read])


def read_part(
    frame: Any, engine: Engine, config: AnalyzerConfig, sample: Sample, schema: pa.Schema
) -> tuple[ScannedPart, list[str]]:
    """Return what was counted in the rows of a frame, and reports on files."""
    if not schema.names:
        return ScannedPart((), 0, 0, ALL_ROWS, 0.0, None, False, {}), []
    total = None if sample.rows is None else engine.group_counts(frame, [])["count"][0].as_py()
    function = ScanValues(
        config=config,
        analysed={f.name: f.type for f in schema if values_read(f.type)},
        fraction=sample.rows / total if sample.rows and total else 1.0,
        seed=sample.seed,
        shapes=sample.shapes > 0,
    )
    counts = count_values(frame, engine, function)
    # equal rows are chosen together: a table with few distinct rows may have no chosen row
    while counts[ALL][ROWS][0] == 0 and total and function.fraction < 1:
        function = replace(function, fraction=min(1.0, function.fraction * 8))
        counts = count_values(frame, engine, function)
    read = counts.pop(ALL)[ROWS][0]
    reports = [path for column, path in counts if column == UNREAD_COLUMN]
    counts = {at: found for at, found in counts.items() if at[0] != UNREAD_COLUMN}
    rows = read if not total else total - len(reports)
    rule = ALL_ROWS if function.fraction >= 1 else BY_CONTENT
    return ScannedPart((), rows, read, rule, 0.0, None, False, counts), reports
