"""Apply the decisions of reviewers, which replace the verdicts of a scan until they expire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from rai_scale.pii.data_classes.kinds import is_indirect
from rai_scale.pii.scanning.overrides import AppliedOverride, Override, active
from rai_scale.pii.scanning.table_scan import ColumnScan, TableScan
from rai_scale.pii.scanning.verdict import Finding, Verdict

_LABELS = {
    "personal": "PERSONAL_DATA",
    "quasi-identifier": "QUASI_IDENTIFIER",
    "secret": "SECRET",
    "health": "HEALTH",
    "financial": "FINANCIAL",
}
"""The type of a column that a reviewer decided on, if the scan found none of the class."""


def apply_overrides(
    tables: Sequence[TableScan], overrides: Sequence[Override], today: date
) -> tuple[tuple[TableScan, ...], tuple[AppliedOverride, ...]]:
    """Return the tables with the verdicts of reviewers, and what became of each decision.

    The first decision that matches a column and has not expired counts. An expired decision, one
    that matches no column, and one whose type was not found, change nothing.
    """
    if not overrides:
        return tuple(tables), ()
    counting = active(overrides, today)
    decided = tuple(_decide_table(table, counting) for table in tables)
    used = [c.override for table in decided for c in table.columns if _has_effect(c)]
    outcomes = []
    for override in overrides:
        fits = any(override.matches(t.table, c.column) for t in tables for c in t.columns)
        columns = sum(other is override for other in used)
        outcome = "applied" if columns else "no effect"
        if not fits or override not in counting:
            outcome = "expired" if fits else "no match"
        outcomes.append(AppliedOverride(override, columns, outcome))
    return decided, tuple(outcomes)


def _decide_table(table: TableScan, overrides: Sequence[Override]) -> TableScan:
    columns = []
    for column in table.columns:
        first = next((o for o in overrides if o.matches(table.table, column.column)), None)
        columns.append(_decide(column, first) if first else column)
    if not any(column.override for column in columns):
        return table
    status = table.status
    if status in ("findings", "clean"):
        sure = any(f.verdict != "unlikely" for c in columns for f in c.findings)
        status = "findings" if sure else "clean"
    return replace(table, columns=tuple(columns), status=status)


def _has_effect(column: ColumnScan) -> bool:
    """Return whether a decision is about something that a column has."""
    made = column.override
    if made is None or made.decision != "not personal" or made.entity is None:
        return made is not None
    return any(f.entity == made.entity for f in column.findings)


def _decide(column: ColumnScan, override: Override) -> ColumnScan:
    found = column.findings
    if override.decision == "not personal":
        found = tuple(_rejected(f) if override.entity in (None, f.entity) else f for f in found)
    else:
        entity = override.entity or _best(found, override.decision) or _LABELS[override.decision]
        same = [f for f in found if f.entity == entity]
        verdict = _word(override.decision)
        new = Finding(entity, 0, None, None, None, None, 1.0, "reviewer", verdict)
        base = same[0] if same else new
        sure = replace(base, confidence=1.0, decided_by="reviewer", verdict=verdict)
        others = tuple(f for f in found if f.entity != entity)
        if override.decision != "personal":
            others = tuple(map(_rejected, others))
        found = (sure, *others)
    ordered = sorted(found, key=lambda f: (-f.confidence, f.entity))
    return replace(column, findings=tuple(ordered), override=override, conflict=None)


def _rejected(finding: Finding) -> Finding:
    return replace(finding, confidence=0.0, decided_by="reviewer", verdict="unlikely")


def _best(found: Sequence[Finding], decision: str) -> str | None:
    """Return the most certain type of the class that was decided."""
    for f in found:
        direct = not is_indirect(f.entity) and f.data_class != "secret"
        fits = direct if decision == "personal" else f.data_class == decision
        if fits and f.verdict != "unlikely":
            return f.entity
    return None


def _word(decision: str) -> Verdict:
    if decision == "personal":
        return "personal"
    return "secret" if decision == "secret" else "indirect"
