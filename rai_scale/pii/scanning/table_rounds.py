"""Analyse the rows of a table in rounds until its claims hold, or all of them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import pyarrow as pa

from rai_scale.engines.protocol import Engine
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.scanning.budget import Spending
from rai_scale.pii.scanning.claims import TableClaims
from rai_scale.pii.scanning.column_types import values_read
from rai_scale.pii.scanning.draws import Draw, draw
from rai_scale.pii.scanning.guarantee import Guarantee, Round, round_of, rounds
from rai_scale.pii.scanning.parts import ALL_ROWS, Counted, ScannedPart, added
from rai_scale.pii.scanning.unread import UNREAD_COLUMN
from rai_scale.pii.scanning.value_counts import (
    ALL,
    FILES,
    PERSON_NAME,
    ROWS,
    ScanValues,
    count_in_steps,
)
from rai_scale.tables.source import TableSource


@dataclass(frozen=True)
class ScanPlan:
    """What is the same for all tables of a run.

    Attributes
    ----------
    config : AnalyzerConfig
    guarantee : Guarantee
    types : frozenset of str
        The types that are searched.
    tables : int
        Tables of the run, which share the probability of wrong claims.
    seed : int
        Key of the hash that chooses rows.
    samples : int
        Number of masked samples per column with findings.
    spending : Spending
    """

    config: AnalyzerConfig
    guarantee: Guarantee
    types: frozenset[str] = frozenset()
    tables: int = 1
    seed: int = 0
    samples: int = 0
    spending: Spending = field(default_factory=Spending)


def sample_facts(plan: ScanPlan, **options: Any) -> dict[str, Any]:
    """Return what the counts of a table depend on, other than the detector, as plain values."""
    sample = [*asdict(plan.guarantee).values(), plan.seed, plan.samples > 0]
    return {"sample": sample, **options}


def scan_part(  # noqa: PLR0917
    frame: Any,
    engine: Engine,
    plan: ScanPlan,
    schema: pa.Schema,
    folder: str = "",
    whole: bool = False,
    number: int | None = None,
    stopped: ScannedPart | None = None,
    files: TableSource | None = None,
) -> Generator[None, None, tuple[ScannedPart, list[str]]]:
    """Analyse the rows of a frame, in steps.

    Parameters
    ----------
    frame : frame of the engine
        With the columns of :mod:`~rai_scale.tables.readers.row_numbers` if places are known.
    engine : Engine
    plan : ScanPlan
    schema : pyarrow.Schema
        The columns to search.
    folder : str
        The folder that paths of files are relative to.
    whole : bool
        Whether all rows are analysed in one pass: reading them costs as much as the analysis.
    number : int, optional
        See :meth:`Guarantee.part_alpha`.
    stopped : ScannedPart, optional
        What an earlier run counted in the same rows before its budget ended; its rounds are not
        repeated.
    files : TableSource, optional
        See :func:`~rai_scale.pii.scanning.draws.draw`.

    Returns
    -------
    tuple of (ScannedPart, list of str)
        The part, and reports on files that were not read completely.
    """
    analysed = {f.name: f.type for f in schema if values_read(f.type)}
    function = ScanValues(plan.config, analysed, shapes=plan.samples > 0)
    if whole or plan.guarantee.mode == "full":
        counts, reports = _split((yield from count_in_steps(frame, engine, function)))
        return _part(counts, _rows(counts), ALL_ROWS, 0.0), reports
    alpha = plan.guarantee.part_alpha(plan.tables, number)
    planned = partial(
        rounds,
        alpha=alpha,
        columns=len(analysed),
        types=len(plan.types),
        guarantee=plan.guarantee,
    )
    drawn = draw(frame, engine, folder, plan.seed, planned, files)
    return (yield from _in_rounds(drawn, planned(drawn.total), engine, function, plan, stopped))


def _in_rounds(  # noqa: PLR0917
    drawn: Draw,
    planned: tuple[Round, ...],
    engine: Engine,
    function: ScanValues,
    plan: ScanPlan,
    stopped: ScannedPart | None,
) -> Generator[None, None, tuple[ScannedPart, list[str]]]:
    before, done = _done(stopped, drawn, planned)
    found = set(drawn.reports)
    for number, (end, alpha) in enumerate(planned):
        if done and end <= before:  # a table without rows has one round as well
            continue
        rows, chosen = drawn.rows(before, end)
        counting = function if chosen is None else replace(function, chosen=chosen)
        counts, reports = _split((yield from count_in_steps(rows, engine, counting)))
        done.append(counts)
        found |= set(reports)
        before = end
        part = _part(added(done), drawn.total, drawn.rule, alpha)
        if part.complete or _all_hold(part, function, plan):
            break
        if number + 1 < len(planned) and plan.spending.why_not():
            part = replace(part, stopped=True)
            break
    if part.complete:
        part = replace(part, rule=ALL_ROWS, alpha=0.0)
    return part, sorted(found)


def _done(
    stopped: ScannedPart | None, drawn: Draw, planned: tuple[Round, ...]
) -> tuple[int, list[Counted]]:
    """Return the rows up to the last round of an earlier run, and what it counted."""
    if stopped is None or (stopped.rule, stopped.rows) != (drawn.rule, drawn.total):
        return 0, []
    end = round_of(stopped.rows_scanned)
    return (end, [stopped.counts]) if end < planned[-1].rows else (0, [])


def _all_hold(part: ScannedPart, function: ScanValues, plan: ScanPlan) -> bool:
    claims = TableClaims([part], list(function.analysed), plan.types, plan.guarantee)
    return claims.all_hold()


def _split(counts: Counted) -> tuple[Counted, list[str]]:
    """Separate the counts from the reports on files."""
    reports = [path for (column, path), found in counts.items() if FILES in found]
    return {at: found for at, found in counts.items() if at[0] != UNREAD_COLUMN}, reports


def _rows(counts: Counted) -> int:
    return counts[ALL][ROWS][0]


def _part(counts: Counted, total: int, rule: str, alpha: float) -> ScannedPart:
    for found in counts.values():
        if PERSON_NAME in found:  # counted once per batch
            found[PERSON_NAME] = (1, 0.0)
    return ScannedPart((), total, _rows(counts), rule, alpha, None, False, counts)
