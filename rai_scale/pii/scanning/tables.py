"""Find which columns of a lake hold which types of personal data, and in what share of rows."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from rai_scale._version import __version__
from rai_scale.engines.choose import engine_named
from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError
from rai_scale.pii.analysis.config import AnalyzerConfig, analyzer_config
from rai_scale.pii.scanning.budget import Budget, Spending
from rai_scale.pii.scanning.detector import detector_facts
from rai_scale.pii.scanning.guarantee import Guarantee, Mode
from rai_scale.pii.scanning.judged import Judging, judging_facts
from rai_scale.pii.scanning.night import Night, opened_night
from rai_scale.pii.scanning.overrides import (
    Override,
    Overrides,
    check_rejected,
    read_overrides,
)
from rai_scale.pii.scanning.result import ScanResult
from rai_scale.pii.scanning.reviewed_columns import apply_overrides
from rai_scale.pii.scanning.scan_one_table import table_steps
from rai_scale.pii.scanning.searched_types import known_on, types_on
from rai_scale.pii.scanning.small_tables import in_groups, side_by_side
from rai_scale.pii.scanning.sources import Found, ScanInput, resolve
from rai_scale.pii.scanning.table_rounds import ScanPlan, sample_facts
from rai_scale.pii.scanning.table_scan import TableScan
from rai_scale.tables.documents.limits import DocumentLimits, with_images
from rai_scale.tables.find import find_tables
from rai_scale.tables.images.options import Ocr

_LOG = logging.getLogger(__name__)
SCORE_THRESHOLD = 0.35


def scan(
    source: Any,
    *,
    engine: str | Engine | None = None,
    mode: Mode = "sample",
    error: float = 0.02,
    confidence: float = 0.95,
    absent_below: float = 0.001,
    budget: Budget | Mapping[str, Any] | None = None,
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
    mode : {"sample", "full"}
        Whether to analyse as many rows of each table as the claims below need, or all rows. Rows
        are chosen by a keyed hash of their file and number, or of their content and copy number
        where these are not known; every engine chooses the same rows. Documents are always
        analysed completely.
    error : float
        Largest distance, from 0 to 1, between the reported share of rows with a type and the share
        in the whole table.
    confidence : float
        Probability, from 0.5 to 1, with which all claims of the run hold together: shares, and
        types that are claimed to be absent. The bounds are exact (Clopper & Pearson 1934, for a
        finite population), and corrected for rounds, tables, columns and types (Bonferroni).
    absent_below : float
        A type without any hit is claimed to be in at most this share of the rows, from 0 to 1.
    budget : Budget or mapping, optional
        ``max_bytes`` and ``max_seconds`` of the run. What it leaves out is listed as not scanned.
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
    guarantee = Guarantee(mode, error, confidence, absent_below)
    spending = Spending(budget if isinstance(budget, Budget) else Budget(**(budget or {})))
    if samples < 0:
        raise ConfigError(f"samples must not be negative; found {samples}.")
    decisions = read_overrides(overrides)
    if config.language_column:
        raise ConfigError("language_column: a scan reads all columns in one language; remove it.")
    plan = ScanPlan(config, guarantee, frozenset(), 1, random_state, samples, spending)
    options = _Options(plan, decisions, progress)
    if state is None or isinstance(state, Night):
        return _scan(source, resolve(source, engine, documents), options, state)
    with _night(source, engine, os.fspath(state), options, documents) as (night, found):
        result = _scan(source, found, options, night)
        night.save()
    return result


class _Options(NamedTuple):
    plan: ScanPlan
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
    facts = detector_facts(options.plan.config, sample_facts(options.plan, documents=documents))
    about = source if named else "frames"
    with opened_night(
        state, about, facts, lambda known: find(known=known), runner.name != "spark"
    ) as night:
        yield night, resolve(night.lake() if named else source, runner if named else engine)


def _scan(source: Any, found: Found, options: _Options, night: Night | None) -> ScanResult:
    runner, sources, skipped = found
    config = options.plan.config
    types = types_on(runner, config)  # reports a missing model or entity before a table is read
    if {made.entity for made in options.decisions} - types - {None}:
        check_rejected(options.decisions, known_on(runner, config))
    plan = replace(options.plan, types=types, tables=len(sources))
    options = options._replace(plan=plan)
    started, clock = datetime.now(UTC), time.monotonic()
    judging = Judging(judging_facts(plan), len(sources), started.isoformat(timespec="seconds"))
    tables, sources = _scan_each(sources, runner, options, night, judging)
    decided, applied = apply_overrides(tables, options.decisions, started.date())
    run: dict[str, Any] = {
        "run_id": uuid.uuid4().hex[:12],
        "started": judging.now,
        "seconds": round(time.monotonic() - clock, 1),
        "engine": runner.name,
        "package_version": __version__,
        "model": ", ".join(config.model_names),
        "source": source if isinstance(source, str) else f"{len(sources)} table(s)",
        "status": "ok",
    }
    changes = None
    if night is not None:
        decided, changes = night.compared(
            decided, [item.found for item in sources], run["run_id"], judging
        )
    result = ScanResult(
        tables=decided,
        skipped=skipped,
        run=run,
        config=config,
        guarantee=plan.guarantee,
        random_state=plan.seed,
        overrides=applied,
        samples=plan.samples,
        changes=changes,
        types=tuple(sorted(types)),
    )
    doubtful = any(t.doubts for t in decided) or any(o.outcome != "applied" for o in applied)
    status = "warnings" if result.unread() or doubtful else "ok"
    return replace(result, run={**result.run, "status": status})


def _scan_each(
    sources: list[ScanInput],
    runner: Engine,
    options: _Options,
    night: Night | None,
    judging: Judging,
) -> tuple[list[TableScan], list[ScanInput]]:
    """Scan the tables; those whose types have changed are scanned once more, completely."""
    inputs, continued = list(sources), night is not None

    def steps(at: int) -> Generator[None, None, TableScan | None]:
        item = inputs[at]
        kept = night.kept(item.found) if night else None
        stopped = night.stopped(item.found) if night else None
        return table_steps(item, runner, options.plan, kept, continued, stopped)

    tables: dict[int, TableScan] = {}
    for at, item in enumerate(sources):
        known = night.judged(item.found, judging, options.decisions) if night else None
        if known:
            tables[at] = known
    if tables:
        _LOG.info("%d table(s) are unchanged", len(tables))
    order = night.order([item.name for item in sources]) if night else list(range(len(sources)))
    order = [at for at in order if at not in tables]
    shown = options.progress([sources[at] for at in order])
    places = (at for at, _ in zip(order, shown, strict=True))
    changed = []
    for group in in_groups(places, sources, runner, options.plan.spending.budget):
        done = side_by_side([steps(at) for at in group])
        tables |= {at: table for at, table in zip(group, done, strict=True) if table}
        changed += [at for at in group if at not in tables]
        for at in tables.keys() & group:
            _LOG.info("scanned %s: %s", sources[at].name, tables[at].status)
    if changed and night:
        reopened = night.reopened([sources[at].name for at in changed])
        for at in changed:
            inputs[at] = replace(sources[at], found=reopened[sources[at].name])
            (table,) = side_by_side([steps(at)])
            assert table is not None
            tables[at] = table
    return [tables[at] for at in range(len(sources))], inputs


def scan_config(config: AnalyzerConfig | None, options: Mapping[str, Any]) -> AnalyzerConfig:
    """Return the configuration of the analyzer, with the defaults of a scan."""
    defaults = {"score_threshold": SCORE_THRESHOLD, "column_context": True}
    return analyzer_config(config, options if config is not None else {**defaults, **options})
