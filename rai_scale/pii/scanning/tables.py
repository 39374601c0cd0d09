"""Find which columns of a lake hold which types of personal data, and in what share of rows."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from rai_scale._version import __version__
from rai_scale.engines.choose import engine_named
from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError
from rai_scale.pii.analysis.analyzer import get_analyzer
from rai_scale.pii.analysis.config import AnalyzerConfig, analyzer_config
from rai_scale.pii.scanning.detector import detector_facts
from rai_scale.pii.scanning.night import Night, TypeChangedError, opened_night
from rai_scale.pii.scanning.overrides import Override, Overrides, read_overrides
from rai_scale.pii.scanning.result import ScanResult
from rai_scale.pii.scanning.reviewed_columns import apply_overrides
from rai_scale.pii.scanning.scan_one_table import Sample, scan_table
from rai_scale.pii.scanning.sources import Found, ScanInput, resolve
from rai_scale.pii.scanning.table_scan import TableScan
from rai_scale.tables.documents.limits import DocumentLimits, with_images
from rai_scale.tables.find import find_tables
from rai_scale.tables.images.options import Ocr

_LOG = logging.getLogger(__name__)
SAMPLE_ROWS = 10_000
SCORE_THRESHOLD = 0.35


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
    images: bool | Ocr = False,
    state: str | os.PathLike[str] | Night | None = None,
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
    images : bool or Ocr
        For a path: whether, and how, the text of pictures and scanned pages is read by OCR. By
        default they are not looked at.
    state : str or path, optional
        A file in which the scan remembers counts, never a value: files, and versions of Delta and
        Iceberg tables, that it read once are not read again while they and the detector are
        unchanged, and the result has what changed since the last run. It moves on when the scan has
        finished. Frames are always scanned.
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
        If an option is invalid, there is no table, or ``state`` is damaged or of another source.
    MissingExtraError, MissingModelError
        If Presidio or the spaCy model is not installed.
    """
    config = scan_config(analyzer, analyzer_options)
    documents = with_images(documents, images)
    source = os.fspath(source) if isinstance(source, os.PathLike) else source
    if sample_rows is not None and sample_rows < 1:
        raise ConfigError(f"sample_rows must be at least 1, or None; found {sample_rows}.")
    if samples < 0:
        raise ConfigError(f"samples must not be negative; found {samples}.")
    decisions = read_overrides(overrides)
    if config.language_column:
        raise ConfigError("language_column: a scan reads all columns in one language; remove it.")
    sample = Sample(sample_rows, random_state, samples)
    options = _Options(config, sample, decisions, progress)
    if state is None or isinstance(state, Night):
        return _scan(source, resolve(source, engine, documents), options, state)
    with _night(source, engine, os.fspath(state), options, documents) as (night, found):
        result = _scan(source, found, options, night)
        night.save()
    return result


class _Options(NamedTuple):
    config: AnalyzerConfig
    sample: Sample
    decisions: tuple[Override, ...]
    progress: Callable[[list[Any]], Iterable[Any]]


@contextmanager
def _night(
    source: Any, engine: str | Engine | None, state: str, options: _Options, documents: Any
) -> Iterator[tuple[Night, Found]]:
    """Lock a state, and find the tables without opening files that it knows."""
    named = isinstance(source, str)
    runner = engine_named(engine or "local") if isinstance(engine, str | None) else engine
    find = partial(find_tables, source, engine=runner, documents=documents)
    facts = detector_facts(options.config, {"sample": options.sample, "documents": documents})
    about = source if named else "frames"
    with opened_night(
        state, about, facts, lambda known: find(known=known), runner.name != "spark"
    ) as night:
        yield night, resolve(night.lake() if named else source, runner if named else engine)


def _scan(source: Any, found: Found, options: _Options, night: Night | None) -> ScanResult:
    runner, sources, skipped = found
    config, sample = options.config, options.sample
    if runner.name != "spark":
        get_analyzer(config)  # report a missing model or entity once, before any table is read
    started, clock = datetime.now(UTC), time.monotonic()
    tables, sources = _scan_each(sources, runner, options, night)
    decided, applied = apply_overrides(tables, options.decisions, started.date())
    run = {
        "run_id": uuid.uuid4().hex[:12],
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - clock, 1),
        "engine": runner.name,
        "package_version": __version__,
        "model": ", ".join(config.model_names),
        "source": source if isinstance(source, str) else f"{len(sources)} table(s)",
        "status": "ok",
    }
    changes = None
    if night is not None:
        decided, changes = night.compared(decided, [item.found for item in sources], run)
    result = ScanResult(
        tables=decided,
        skipped=skipped,
        run=run,
        config=config,
        sample_rows=sample.rows,
        random_state=sample.seed,
        overrides=applied,
        samples=sample.shapes,
        changes=changes,
    )
    doubtful = any(t.doubts for t in decided) or any(o.outcome != "applied" for o in applied)
    status = "warnings" if result.unread() or doubtful else "ok"
    return replace(result, run={**result.run, "status": status})


def _scan_each(
    sources: list[ScanInput], runner: Engine, options: _Options, night: Night | None
) -> tuple[list[TableScan], list[ScanInput]]:
    """Scan the tables; those whose types have changed are scanned once more, completely."""

    def scanned(item: ScanInput) -> TableScan:
        kept = night.kept(item.found) if night else None
        table = scan_table(item, runner, options.config, options.sample, kept)
        _LOG.info("scanned %s: %s", item.name, table.status)
        return table

    tables: dict[int, TableScan] = {}
    inputs, changed = list(sources), []
    for at, item in enumerate(options.progress(sources)):
        try:
            tables[at] = scanned(item)
        except TypeChangedError:
            changed.append(at)
    if changed and night:
        reopened = night.reopened([sources[at].name for at in changed])
        for at in changed:
            inputs[at] = replace(sources[at], found=reopened[sources[at].name])
            tables[at] = scanned(inputs[at])
    return [tables[at] for at in range(len(sources))], inputs


def scan_config(config: AnalyzerConfig | None, options: Mapping[str, Any]) -> AnalyzerConfig:
    """Return the configuration of the analyzer, with the defaults of a scan."""
    defaults = {"score_threshold": SCORE_THRESHOLD, "column_context": True}
    return analyzer_config(config, options if config is not None else {**defaults, **options})
