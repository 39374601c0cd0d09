"""Gates of a scan: what may not be found, and that each of them names something that is there."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from rai_scale.errors import ConfigError, MissingExtraError, MissingModelError, did_you_mean
from rai_scale.jobs.scan.config import Gate
from rai_scale.pii.config import AnalyzerConfig
from rai_scale.pii.names import RULES

if TYPE_CHECKING:
    from rai_scale.jobs.scan.config import ScanJob
    from rai_scale.pii.scan_result import ScanResult


def check_names(gates: Iterable[Gate], config: AnalyzerConfig, tables: Iterable[str]) -> None:
    """Raise :class:`ConfigError` where a gate names an entity or table that a scan has not.

    Such a gate would hold whatever is found.
    """
    for gate in gates:
        idle = _no_entity(gate, config) or _no_name(gate.tables, tables, "table")
        if idle:
            raise ConfigError(f"gates: {gate.name!r}: {idle}")


def check_gates(result: ScanResult, config: ScanJob) -> list[dict[str, Any]]:
    """Return each gate with whether it held, and the columns that broke it.

    A gate that names nothing that was scanned does not hold.
    """
    checked = []
    for gate in config.gates:
        broke = sorted(
            {
                f"{table.table}.{column.column}"
                for table, column, finding in result.findings()
                if (not gate.entities or finding.entity in gate.entities)
                and fnmatchcase(table.table, gate.tables)
                and fnmatchcase(column.column, gate.columns)
                and finding.verdict in (gate.verdict, "personal")
            }
        )
        detail = f"{len(broke)} columns, {gate.max_columns} allowed"
        detail += f": {', '.join(broke[:10])}" if broke else ""
        detail += f" and {len(broke) - 10} more" if len(broke) > 10 else ""  # noqa: PLR2004
        idle = None if broke else _idle(gate, result)
        passed = len(broke) <= gate.max_columns and idle is None
        checked.append({"name": gate.name, "passed": passed, "detail": idle or detail})
    if config.max_unreadable_files is not None:
        files = result.totals()["files_unreadable"]
        passed = files <= config.max_unreadable_files
        detail = f"{files} files, {config.max_unreadable_files} allowed"
        checked.append({"name": "unreadable files", "passed": passed, "detail": detail})
    return checked


def _idle(gate: Gate, result: ScanResult) -> str | None:
    tables = [table for table in result.tables if fnmatchcase(table.table, gate.tables)]
    columns = [column.column for table in tables for column in table.columns]
    return (
        _no_entity(gate, result.config)
        or _no_name(gate.tables, [table.table for table in result.tables], "table")
        or _no_name(gate.columns, columns, "column")
    )


def _no_entity(gate: Gate, config: AnalyzerConfig) -> str | None:
    known = _entities(config) if gate.entities else []
    for entity in gate.entities:
        if known and entity not in known:
            hint = did_you_mean(entity, known) or did_you_mean(entity.upper(), known)
            return (
                f"entity {entity!r} is none that this scan looks for, so that the gate would hold "
                f"whatever is there.{hint} It looks for: {', '.join(known)}."
            )
    return None


def _no_name(pattern: str, names: Iterable[str], what: str) -> str | None:
    names = list(names)
    if pattern == "*" or any(fnmatchcase(name, pattern) for name in names):
        return None
    return (
        f"no {what} is named {pattern!r}, so that the gate would hold whatever is there."
        f"{did_you_mean(pattern, names)} There are: {', '.join(sorted(set(names))[:20]) or 'none'}."
    )


def _entities(config: AnalyzerConfig) -> list[str]:
    """Return the entities that a scan can report; none where this process has no model to ask."""
    if config.entities is not None:
        return sorted(config.entities)
    from rai_scale.pii.analyzer import get_analyzer

    try:
        return sorted({*get_analyzer(config).entities, *(entity for entity, _ in RULES)})
    except (MissingModelError, MissingExtraError):
        return []
