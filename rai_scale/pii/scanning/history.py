"""What changed since the last finished run: findings and tables, new and gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

from rai_scale.pii.data_classes.kinds import class_of
from rai_scale.pii.scanning.table_scan import ColumnScan, TableScan
from rai_scale.pii.scanning.verdict import Finding

Kind = Literal["new", "gone", "risen", "fallen"]


class FindingKey(NamedTuple):
    """A type of data in a column of a table, by the names that are shown."""

    table: str
    column: str
    entity: str


@dataclass(frozen=True)
class Remembered:
    """A finding of this or an earlier run.

    Attributes
    ----------
    table, column, entity : str
    verdict : str
        In the last run that found it.
    first_detected, last_detected : str
        When the first and the last run that found it started (ISO 8601).
    share, share_low, share_high : float or None
        In the last run that found it.
    present : bool
        Whether the last finished run found it, or could not look.
    """

    table: str
    column: str
    entity: str
    verdict: str
    first_detected: str
    last_detected: str
    share: float | None
    share_low: float | None
    share_high: float | None
    present: bool = True

    @property
    def key(self) -> FindingKey:
        """What it is about."""
        return FindingKey(self.table, self.column, self.entity)


@dataclass(frozen=True)
class Change:
    """A finding that is new, gone, or whose share has changed.

    Attributes
    ----------
    table, column, entity : str
    change : {"new", "gone", "risen", "fallen"}
        ``risen`` and ``fallen``: the intervals of the two shares do not overlap.
    verdict : str
        Now; of a finding that is gone, then.
    verdict_before : str or None
        In the last finished run; None if it did not find it.
    share, share_before : float or None
    first_detected, last_detected : str
        ISO 8601.
    """

    table: str
    column: str
    entity: str
    change: Kind
    verdict: str
    verdict_before: str | None
    share: float | None
    share_before: float | None
    first_detected: str
    last_detected: str

    def gone_row(self) -> dict[str, Any]:
        """Return the row of the table of findings for a finding that is gone."""
        names = ("table", "column", "entity", "change", "first_detected", "last_detected")
        return {**{name: getattr(self, name) for name in names}, "class": class_of(self.entity)}


@dataclass(frozen=True)
class Changes:
    """What changed since the last finished run.

    Attributes
    ----------
    run_id, since : str or None
        The last finished run, and when it started (ISO 8601); None for the first run.
    findings : tuple of Change
    new_tables, gone_tables : tuple of str
    files_read, files_known : int
        Files that were read, and those that were known from earlier runs.
    reasons : tuple of str
        Why files that were known have been read again.
    newly_personal : tuple of (str, str)
        Table and column of the columns that hold personal data and did not in the last run.
    """

    run_id: str | None
    since: str | None
    findings: tuple[Change, ...] = ()
    new_tables: tuple[str, ...] = ()
    gone_tables: tuple[str, ...] = ()
    files_read: int = 0
    files_known: int = 0
    reasons: tuple[str, ...] = ()
    newly_personal: tuple[tuple[str, str], ...] = ()

    def totals(self) -> dict[str, int]:
        """Return the numbers of changed findings and tables, and of files read and known."""
        kinds = Counter(change.change for change in self.findings)
        return {
            **{f"findings_{kind}": kinds[kind] for kind in get_args(Kind)},
            "tables_new": len(self.new_tables),
            "tables_gone": len(self.gone_tables),
            "files_read": self.files_read,
            "files_known": self.files_known,
        }

    def summary(self) -> str:
        """Return one line on what changed."""
        if self.since is None:
            return "first run with this state: there is nothing to compare with"
        numbers = self.totals()
        kinds = {kind: numbers[f"findings_{kind}"] for kind in get_args(Kind)}
        parts = [f"{n} {kind}" for kind, n in kinds.items() if n]
        tables = {"new": len(self.new_tables), "gone": len(self.gone_tables)}
        named = [f"{n} {kind}" for kind, n in tables.items() if n]
        findings = f"findings: {', '.join(parts)}" if parts else "no finding changed"
        known = f"; tables: {', '.join(named)}" if named else ""
        read = f"; {self.files_read:,} files read, {self.files_known:,} known"
        return f"since {self.since}: {findings}{known}{read}"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


def compared(
    tables: Sequence[TableScan],
    before: Sequence[Remembered] | None,
    renamed: Mapping[tuple[str, str], str],
    now: str,
) -> tuple[tuple[TableScan, ...], tuple[Change, ...], tuple[Remembered, ...]]:
    """Compare the findings with those of the last finished run.

    Parameters
    ----------
    tables : sequence of TableScan
    before : sequence of Remembered or None
        None for the first run, which has nothing to compare with.
    renamed : mapping of (str, str) to str
        By table and column, the position that now replaces a name.
    now : str
        When this run started (ISO 8601).

    Returns
    -------
    tables : tuple of TableScan
        With the first and last detection, and the change, of every finding.
    changes : tuple of Change
    remembered : tuple of Remembered
        For the next run.
    """
    old = {}
    for one in before or ():
        now_shown = renamed.get((one.table, one.column), one.column)
        old[FindingKey(one.table, now_shown, one.entity)] = replace(one, column=now_shown)
    changes: list[Change] = []
    kept: dict[FindingKey, Remembered] = {}
    dated = []
    for table in tables:
        columns = []
        for column in table.columns:
            findings = []
            for finding in column.findings:
                key = FindingKey(table.table, column.column, finding.entity)
                if finding.verdict == "unlikely":
                    findings.append(finding)
                    continue
                kept[key] = _remembered(key, finding, old.get(key), now)
                change = _change(finding, kept[key], old.get(key)) if before is not None else None
                changes += [change] if change else []
                findings.append(_dated(finding, kept[key], change))
            columns.append(replace(column, findings=tuple(findings)))
        dated.append(replace(table, columns=tuple(columns)))
    unread = {t.table for t in tables if t.status in ("unreadable", "left out")}
    decided = {(t.table, c.column) for t in tables for c in t.columns if c.override}
    for key, missing in old.items():
        if key in kept:
            continue
        if key.table in unread:
            kept[key] = missing
            continue
        kept[key] = replace(missing, present=False)
        if missing.present and (key.table, key.column) not in decided:
            changes.append(_gone(missing))
    return tuple(dated), tuple(changes), tuple(kept.values())


def _remembered(
    key: FindingKey, finding: Finding, before: Remembered | None, now: str
) -> Remembered:
    first = before.first_detected if before else now
    shares = (finding.share, finding.share_low, finding.share_high)
    return Remembered(*key, finding.verdict, first, now, *shares)


def _change(finding: Finding, one: Remembered, before: Remembered | None) -> Change | None:
    known = before if before is not None and before.present else None
    kind = _kind(finding, known)
    if kind is None:
        return None
    verdict = known.verdict if known else None
    share = known.share if known else None
    dates = (one.first_detected, one.last_detected)
    return Change(*one.key, kind, one.verdict, verdict, one.share, share, *dates)


def _kind(finding: Finding, before: Remembered | None) -> Kind | None:
    if before is None:
        return "new"
    bounds = (finding.share_low, finding.share_high, before.share_low, before.share_high)
    if None in bounds:
        return None
    low, high, low_before, high_before = map(float, bounds)  # type: ignore[arg-type]
    return "risen" if low > high_before else "fallen" if high < low_before else None


def _gone(one: Remembered) -> Change:
    dates = (one.first_detected, one.last_detected)
    return Change(*one.key, "gone", one.verdict, one.verdict, None, one.share, *dates)


def _dated(finding: Finding, one: Remembered, change: Change | None) -> Finding:
    return replace(
        finding,
        first_detected=one.first_detected,
        last_detected=one.last_detected,
        change=change.change if change else None,
    )


def newly_personal(
    tables: Sequence[TableScan], before: Sequence[Remembered] | None
) -> tuple[tuple[str, str], ...]:
    """Return table and column where personal data is certain now and was not in the last run."""
    if before is None:
        return ()
    old = {(o.table, o.column) for o in before if o.present and o.verdict == "personal"}
    now = {(t.table, c.column) for t in tables for c in t.columns if _is_personal(c)}
    return tuple(sorted(now - old))


def _is_personal(column: ColumnScan) -> bool:
    return any(f.verdict == "personal" for f in column.findings)
