"""Check the gates of a scan, and that each of them applies to something."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from rai_scale.errors import ConfigError, MissingExtraError, MissingModelError, did_you_mean
from rai_scale.gates import Figure, check_gates
from rai_scale.jobs.scan.config import ScanGate
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.data_classes.kinds import OWN, is_indirect
from rai_scale.pii.scanning.column_name_rules import RULES
from rai_scale.pii.scanning.guarantee import Guarantee
from rai_scale.pii.scanning.history import Changes
from rai_scale.pii.scanning.result import ScanResult

if TYPE_CHECKING:
    from rai_scale.jobs.scan.config import ScanJob

VERDICTS = {
    "personal_columns": ("personal",),
    "possible_columns": ("personal", "possible"),
    "secret_columns": ("secret",),
    "indirect_columns": ("indirect",),
    "new_personal_columns": ("personal",),
}
"""The verdicts that each metric counts."""
NEW = "new_personal_columns"


def check_names(config: ScanJob, tables: Iterable[str]) -> None:
    """Raise :class:`ConfigError` if a gate names an unknown metric, entity or table.

    Such a gate would always pass.
    """
    tables = list(tables)
    for gate in config.gates:
        idle = (
            _no_number(gate, config.state is not None)
            or _no_entity(gate, config.analyzer)
            or _no_name(gate.tables, tables, "table")
        )
        if idle:
            raise ConfigError(f"gates: {gate.called!r}: {idle}")


def checked_gates(result: ScanResult, config: ScanJob) -> list[dict[str, Any]]:
    """Return each gate, whether it passed, and the columns that made it fail.

    A gate that applies to nothing that was scanned fails.
    """
    numbers = {name: [Figure(value)] for name, value in result.totals().items()}
    checked = []
    for gate in config.gates:
        if gate.metric not in VERDICTS:
            checked += check_gates([gate], numbers)
            continue
        broke = _columns(gate, result)
        detail = f"{len(broke)} columns, {gate.limit:g} allowed"
        detail += f": {', '.join(broke[:10])}" if broke else ""
        detail += f" and {len(broke) - 10} more" if len(broke) > 10 else ""  # noqa: PLR2004
        idle = None if broke else _idle(gate, result)
        found = gate.check([Figure(len(broke))])
        passed = found["passed"] and idle is None
        checked.append({**found, "passed": passed, "detail": idle or detail})
    return checked


def _columns(gate: ScanGate, result: ScanResult) -> list[str]:
    newly = result.changes.newly_personal if result.changes else ()
    return sorted(
        {
            f"{table.table}.{column.column}"
            for table, column, finding in result.findings()
            if (not gate.entities or finding.entity in gate.entities)
            and fnmatchcase(table.table, gate.tables)
            and fnmatchcase(column.column, gate.columns)
            and finding.verdict in VERDICTS[gate.metric]
            and (gate.metric != NEW or (table.table, column.column) in newly)
            and not (gate.metric == "possible_columns" and is_indirect(finding.entity))
        }
    )


def _idle(gate: ScanGate, result: ScanResult) -> str | None:
    tables = [table for table in result.tables if fnmatchcase(table.table, gate.tables)]
    columns = [column.column for table in tables for column in table.columns]
    return (
        _no_entity(gate, result.config)
        or _no_name(gate.tables, [table.table for table in result.tables], "table")
        or _no_name(gate.columns, columns, "column")
    )


def _no_number(gate: ScanGate, with_state: bool) -> str | None:
    blank = ScanResult((), (), {}, AnalyzerConfig(), Guarantee(), 0, changes=Changes(None, None))
    numbers = [*VERDICTS, *blank.totals()]
    of_state = {NEW, *blank.changed_totals()}
    if gate.metric in of_state and not with_state:
        return "it compares with the last run and needs `state`."
    names = [name for name in numbers if with_state or name not in of_state]
    if gate.metric not in names:
        hint = did_you_mean(gate.metric, names)
        return f"a scan has no metric {gate.metric!r}.{hint} The metrics are: {', '.join(names)}."
    if gate.metric not in VERDICTS and (gate.entities, gate.tables, gate.columns) != ((), "*", "*"):
        return f"entities, tables and columns are allowed only with {' and '.join(VERDICTS)}."
    return None


def _no_entity(gate: ScanGate, config: AnalyzerConfig) -> str | None:
    known = _entities(config) if gate.entities else []
    for entity in gate.entities:
        if known and entity not in known:
            hint = did_you_mean(entity, known)
            return (
                f"this scan does not search for entity {entity!r}, so the gate would always pass."
                f"{hint} It searches for: {', '.join(known)}."
            )
    return None


def _no_name(pattern: str, names: Iterable[str], what: str) -> str | None:
    names = list(names)
    if pattern == "*" or any(fnmatchcase(name, pattern) for name in names):
        return None
    return (
        f"no {what} matches {pattern!r}, so the gate would always pass."
        f"{did_you_mean(pattern, names)} The {what}s are: "
        f"{', '.join(sorted(set(names))[:20]) or 'none'}."
    )


def _entities(config: AnalyzerConfig) -> list[str]:
    """Return the entities that a scan can report; none if the model is not installed here."""
    if config.entities is not None:
        return sorted(config.entities)
    from rai_scale.pii.analysis.analyzer import get_analyzer

    try:
        return sorted({*get_analyzer(config).entities, *(entity for entity, _ in RULES), *OWN})
    except (MissingModelError, MissingExtraError):
        return []
