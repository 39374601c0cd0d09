"""Find which columns of a lake hold which types of personal data, and in what share of rows."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa

from rai_scale._version import __version__
from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, RaiScaleError
from rai_scale.pii.analysis.analyzer import get_analyzer
from rai_scale.pii.analysis.config import AnalyzerConfig, analyzer_config
from rai_scale.pii.scanning.column_name_rules import entities_of_name, shown_type
from rai_scale.pii.scanning.column_name_search import doubtful_names, search_names
from rai_scale.pii.scanning.notes import doubts_of, remarks, written_as
from rai_scale.pii.scanning.result import ScanResult
from rai_scale.pii.scanning.sources import ScanInput, resolve
from rai_scale.pii.scanning.table_scan import ColumnScan, TableScan
from rai_scale.pii.scanning.unread import UNREAD_COLUMN, with_files
from rai_scale.pii.scanning.value_counts import (
    ALL,
    ROWS,
    Counted,
    ScanValues,
    count_values,
    is_fractional,
    split_counts,
)
from rai_scale.pii.scanning.verdict import Seen, judge
from rai_scale.tables.documents.limits import DocumentLimits
from rai_scale.tables.exact import duration_columns
from rai_scale.tables.formats import CORRUPT
from rai_scale.tables.readers.documents import holds_documents
from rai_scale.tables.source import TableSource

_LOG = logging.getLogger(__name__)
SAMPLE_ROWS = 10_000
SCORE_THRESHOLD = 0.35
_NOT_THE_TABLE = ("MissingModelError", "MissingExtraError", "ConfigError")
"""Worker errors that would occur for every table."""


class Sample(NamedTuple):
    """The approximate number of rows to scan (None for all), and the key that chooses them."""

    rows: int | None
    seed: int


def scan(
    source: Any,
    *,
    engine: str | Engine | None = None,
    sample_rows: int | None = SAMPLE_ROWS,
    random_state: int = 0,
    progress: Callable[[list[Any]], Iterable[Any]] = iter,
    documents: DocumentLimits | None = None,
    analyzer: AnalyzerConfig | None = None,
    **analyzer_options: Any,
) -> ScanResult:
    """Find the personal data in a lake, a table or a frame. The scan runs at once.

    Parameters
    ----------
    source : str, path, Lake, mapping of str to frame, or frame
        A path or URL (a folder of tables is a lake), on Spark also ``catalog.schema.*``; the
        result of :func:`find_tables`; frames by name; or one frame.
    engine : {"local", "dask", "spark"} or Engine, optional
        Engine for a path; ``local`` by default. A frame determines its engine.
    sample_rows : int or None
        Approximate number of rows to scan per table, chosen by a keyed hash of their content, so
        that every engine chooses the same rows. None scans all rows. Shares have a 95 % Wilson
        interval, and a type that occurs in fewer than ``3 / sample_rows`` of the rows may be
        missed.
    random_state : int
        Key of the hash.
    progress : callable
        Takes the list of tables and returns an iterable over it, for example a progress bar.
    documents : DocumentLimits, optional
        For a path: limits on reading each document, workbook, database or archive.
    analyzer : AnalyzerConfig, optional
        What to search for. The defaults of a scan are ``score_threshold=0.35`` and
        ``column_context=True`` (the name of a column is a context word for its values).
    **analyzer_options
        The fields of :class:`AnalyzerConfig` instead of ``analyzer``.

    Returns
    -------
    ScanResult
        One entry per table, including clean and unreadable ones.

    Raises
    ------
    TableError
        If the source cannot be found.
    ConfigError
        If an option is invalid, or there is no table.
    MissingExtraError, MissingModelError
        If Presidio or the spaCy model is not installed.
    """
    config = scan_config(analyzer, analyzer_options)
    source = os.fspath(source) if isinstance(source, os.PathLike) else source
    if sample_rows is not None and sample_rows < 1:
        raise ConfigError(f"sample_rows must be at least 1, or None; found {sample_rows}.")
    if config.language_column:
        raise ConfigError("language_column: a scan reads all columns in one language; remove it.")
    runner, sources, skipped = resolve(source, engine, documents)
    if runner.name != "spark":
        get_analyzer(config)  # report a missing model or entity once, before any table is read
    started, clock = datetime.now(UTC), time.monotonic()
    tables = []
    for item in progress(sources):
        tables.append(scan_table(item, runner, config, Sample(sample_rows, random_state)))
        _LOG.info("scanned %s: %s", item.name, tables[-1].status)
    result = ScanResult(
        tables=tuple(tables),
        skipped=skipped,
        run={
            "run_id": uuid.uuid4().hex[:12],
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - clock, 1),
            "engine": runner.name,
            "package_version": __version__,
            "model": ", ".join(config.model_names),
            "source": source if isinstance(source, str) else f"{len(sources)} table(s)",
            "status": "ok",
        },
        config=config,
        sample_rows=sample_rows,
        random_state=random_state,
    )
    status = "warnings" if result.unread() or any(t.doubts for t in tables) else "ok"
    return replace(result, run={**result.run, "status": status})


def scan_config(config: AnalyzerConfig | None, options: Mapping[str, Any]) -> AnalyzerConfig:
    """Return the configuration of the analyzer, with the defaults of a scan."""
    defaults = {"score_threshold": SCORE_THRESHOLD, "column_context": True}
    return analyzer_config(config, options if config is not None else {**defaults, **options})


def scan_table(
    source: ScanInput, engine: Engine, config: AnalyzerConfig, sample: Sample
) -> TableScan:
    """Scan one table. A table that cannot be read gets a status and a note instead of an error."""
    found = source.found or TableSource(source.name, "frame", "")
    bad = found.unreadable
    shell = TableScan(
        table=source.name,
        format=found.format,
        rows=None,
        rows_scanned=0,
        files=len(found.files) + len(bad),
        status="unreadable",
        note=None,
        columns=(),
        unreadable=bad,
        unreadable_bytes=found.unreadable_bytes,
        bytes=sum(f.size for f in found.files) if found.files or bad else None,
        doubts=tuple(doubts_of(found)),
        folder=found.folder,
        again=found.again,
    )
    try:
        frame = source.read(engine)
        schema = _own_types(engine.schema(frame), found)
        hidden, named = search_names(schema.names, doubtful_names(source.found), engine, config)
        rows, read, columns, reports = read_columns(frame, engine, config, sample, schema, hidden)
        shell = with_files(shell, found, reports)
        columns += (named,) if named and (named.findings or named.errors) else ()
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
    shell = replace(shell, schema=schema, status=status)
    done = replace(shell, rows=rows, rows_scanned=read, columns=columns)
    return replace(done, note=" ".join(remarks(done, written_as(found))) or None)


def _own_types(schema: pa.Schema, source: TableSource) -> pa.Schema:
    """Return the columns to search, with the types of durations, which are read as integers."""
    own = duration_columns(source)
    about = [] if source.format == "frame" else [UNREAD_COLUMN]
    about += ["place"] if holds_documents(source) else []  # page numbers and the like
    read = [f for f in schema if f.name not in about]
    return pa.schema([f.with_type(own.get(f.name.casefold(), f.type)) for f in read])


def read_columns(  # noqa: PLR0917
    frame: Any,
    engine: Engine,
    config: AnalyzerConfig,
    sample: Sample,
    schema: pa.Schema,
    hidden: frozenset[str],
) -> tuple[int, int, tuple[ColumnScan, ...], list[str]]:
    """Return the numbers of rows and of scanned rows, the columns, and reports on files."""
    if not schema.names:
        return 0, 0, (), []
    total = None if sample.rows is None else engine.group_counts(frame, [])["count"][0].as_py()
    function = ScanValues(
        config=config,
        analysed={f.name: f.type for f in schema if values_read(f.type)},
        fraction=sample.rows / total if sample.rows and total else 1.0,
        seed=sample.seed,
    )
    counts = count_values(frame, engine, function)
    # equal rows are chosen together: a table with few distinct rows may have no chosen row
    while counts[ALL][ROWS][0] == 0 and total and function.fraction < 1:
        function = replace(function, fraction=min(1.0, function.fraction * 8))
        counts = count_values(frame, engine, function)
    read = counts.pop(ALL)[ROWS][0]
    reports = [path for column, path in counts if column == UNREAD_COLUMN]
    total = total and total - len(reports)
    found = judge_columns(schema, counts, config.entities, hidden)
    kept = tuple(c for c in found if c.non_null or c.column != CORRUPT)
    return read if total is None else total, read, kept, reports


def values_read(kind: pa.DataType) -> bool:
    """Return whether the values of a type are searched; booleans and times hold no other data."""
    return not (pa.types.is_boolean(kind) or pa.types.is_temporal(kind))


def judge_columns(
    schema: pa.Schema, counts: Counted, asked: Sequence[str] | None, hidden: frozenset[str]
) -> Iterator[ColumnScan]:
    """Yield each column and leaf, in the order of the table.

    Parameters
    ----------
    schema : pyarrow.Schema
    counts : Counted
        The result of :func:`count_values`.
    asked : sequence of str or None
        The entities that are searched for; None for all.
    hidden : frozenset of str
        Names that are masked: the position of the column replaces them.
    """
    for position, field in enumerate(schema, 1):
        paths = sorted(path for column, path in counts if column == field.name)
        for path in paths or [field.name]:
            noted, found = split_counts(counts.get((field.name, path), {}))
            # numbers that all have a fraction do not identify anyone: only the column's name counts
            read = values_read(field.type) and bool(noted.words or not is_fractional(field.type))
            seen = Seen(noted.values, noted.words, read=read)
            # a boolean is named after what it is about, which it does not contain
            named = () if pa.types.is_boolean(field.type) else entities_of_name(path)
            named = tuple(entity for entity in named if asked is None or entity in asked)
            people = 2 * found.get("PERSON", (0, 0.0))[0] >= noted.values
            masked = field.name in hidden or (bool(noted.person_name) and people)
            top = f"column_{position}" if masked else field.name
            yield ColumnScan(
                top + path[len(field.name) :],
                top,
                shown_type(field.type),
                noted.values,
                noted.errors,
                seen.is_field,
                tuple(judge(named, seen, found)),
                error_bytes=noted.error_bytes,
                unread=noted.unread,
                unread_bytes=noted.unread_bytes,
                undecoded=noted.undecoded,
                masked=masked,
            )
