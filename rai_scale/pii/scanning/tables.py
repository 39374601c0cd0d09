"""Find which columns of a lake hold which types of personal data, and in what share of rows."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa

from rai_scale._version import __version__
from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, RaiScaleError
from rai_scale.pii.analysis.analyzer import get_analyzer
from rai_scale.pii.analysis.config import AnalyzerConfig, analyzer_config
from rai_scale.pii.scanning.column_name_search import doubtful_names, search_names
from rai_scale.pii.scanning.column_scans import judge_columns, values_read
from rai_scale.pii.scanning.notes import doubts_of, remarks, written_as
from rai_scale.pii.scanning.overrides import Overrides, read_overrides
from rai_scale.pii.scanning.result import ScanResult
from rai_scale.pii.scanning.reviewed_columns import apply_overrides
from rai_scale.pii.scanning.sources import ScanInput, resolve
from rai_scale.pii.scanning.table_scan import ColumnScan, TableScan
from rai_scale.pii.scanning.unread import UNREAD_COLUMN, with_files
from rai_scale.pii.scanning.value_counts import (
    ALL,
    ROWS,
    ScanValues,
    count_values,
)
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
    """The rows to scan (None for all), the key that chooses them, and the masked samples."""

    rows: int | None
    seed: int
    shapes: int = 0


def scan(
    source: Any,
    *,
    engine: str | Engine | None = None,
    sample_rows: int | None = SAMPLE_ROWS,
    random_state: int = 0,
    overrides: Overrides | None = None,
    samples: int = 0,
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
    overrides : str, path, or iterable of Override or mapping, optional
        Decisions of reviewers, or the YAML file that holds them. They replace verdicts until they
        expire; see :class:`Override`.
    samples : int
        Number of masked samples per column with findings, 0 by default: the most frequent shapes
        of its values, such as ``Aaaa 99-9999``, never a value.
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
    if samples < 0:
        raise ConfigError(f"samples must not be negative; found {samples}.")
    decisions = read_overrides(overrides)
    if config.language_column:
        raise ConfigError("language_column: a scan reads all columns in one language; remove it.")
    runner, sources, skipped = resolve(source, engine, documents)
    if runner.name != "spark":
        get_analyzer(config)  # report a missing model or entity once, before any table is read
    started, clock = datetime.now(UTC), time.monotonic()
    tables = []
    for item in progress(sources):
        tables.append(scan_table(item, runner, config, Sample(sample_rows, random_state, samples)))
        _LOG.info("scanned %s: %s", item.name, tables[-1].status)
    decided, applied = apply_overrides(tables, decisions, started.date())
    result = ScanResult(
        tables=decided,
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
        overrides=applied,
        samples=samples,
    )
    doubtful = any(t.doubts for t in tables) or any(o.outcome != "applied" for o in applied)
    status = "warnings" if result.unread() or doubtful else "ok"
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
        shapes=sample.shapes > 0,
    )
    counts = count_values(frame, engine, function)
    # equal rows are chosen together: a table with few distinct rows may have no chosen row
    while counts[ALL][ROWS][0] == 0 and total and function.fraction < 1:
        function = replace(function, fraction=min(1.0, function.fraction * 8))
        counts = count_values(frame, engine, function)
    read = counts.pop(ALL)[ROWS][0]
    reports = [path for column, path in counts if column == UNREAD_COLUMN]
    total = total and total - len(reports)
    found = judge_columns(schema, counts, config.entities, hidden, sample.shapes)
    kept = tuple(c for c in found if c.non_null or c.column != CORRUPT)
    return read if total is None else total, read, kept, reports
