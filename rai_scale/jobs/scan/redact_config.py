"""From a scan to a redaction: a configuration for a person to read, change and run."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import yaml

from rai_scale.errors import ConfigError
from rai_scale.pii.scan_header import NAMES
from rai_scale.pii.scan_result import ColumnScan, ScanResult, TableScan
from rai_scale.pii.verdict import Finding
from rai_scale.tables.paths import Place, place_of, save_bytes

_MARK = "# Made by rai-scale scan; replaced by the next scan as long as it is not changed: "
Csv = dict[str, dict[str, Any]]
MOSTLY = 0.5
"""A field in which a type stands in at least this share of cells is taken to be of that type."""

_KEY = re.compile(r"(^|_)(id|key|uuid|guid)$|^path$", re.IGNORECASE)


def redaction_plan(result: ScanResult) -> dict[str, dict[str, Any]]:
    """Return what to do per table.

    A field that is of one type, by its name or by most of its values, is replaced as a whole, so
    that no cell depends on what a recognizer sees in it. Other columns with personal data are
    analysed; JSON documents and nested values leaf by leaf.
    """
    plan = {}
    for table in result.tables:
        treated = _treat_table(table)
        if treated:
            plan[table.table] = treated
    return plan


def save_plan(text: str, path: str) -> str | None:
    """Write a plan with a mark of its content; one that a person has changed since is not replaced.

    Returns
    -------
    str or None
        What a person should know: where the plan is instead.

    Raises
    ------
    ConfigError
        If there is no place left: both files were changed.
    """
    for target in (path, re.sub(r"(\.ya?ml)?$", r".new\1", path, count=1)):
        place = place_of(target)
        if place.fs.exists(place.path) and not _unchanged(place):
            continue
        save_bytes(place, f"{text}{_MARK}{_digest(text)}\n".encode())
        if target == path:
            return None
        return f"{path} was changed since a scan wrote it and is kept; the new plan is {target}"
    raise ConfigError(
        f"write_redact_config: {path!r} and {target!r} were not written by a scan, or were changed "
        "since. Move one of them away, or name another file."
    )


def _unchanged(place: Place) -> bool:
    try:
        with place.open(compression=None) as file:
            text, _, digest = file.read().decode().rpartition(_MARK)
    except (OSError, UnicodeDecodeError):
        return False
    return digest == f"{_digest(text)}\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def redaction_yaml(result: ScanResult, source: str, engine: str, csv: Csv | None = None) -> str:
    """Return the plan as YAML, with what a person should look at as comments."""
    config = {
        "source": source,
        "output": "out/redacted",
        "engine": engine,
        "analyzer": result.config.model_dump(mode="json", exclude_defaults=True),
        "operators": {"DEFAULT": {"type": "replace"}},
        "max_error_ratio": 0.01,
        **({"csv": csv} if csv else {}),
        "tables": redaction_plan(result),
    }
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=100)
    head = [
        "# Written from a scan: read it before it is run. Tables that are not named here are not",
        "# copied. A key is guessed from names and must not be personal.",
    ]
    doubts = [
        f"#   {table.table}: {column.column} ({', '.join(_possible(column))})"
        for table in result.tables
        for column in table.columns
        if _possible(column) and not _personal(column)
    ]
    if doubts:
        head += ["# Possible, and not treated:", *doubts]
    in_names = [t.table for t in result.tables for c in t.columns if c.top == NAMES]
    if in_names:
        head += ["# Names of columns may be personal, and no redaction changes:"]
        head += [f"#   {name}" for name in in_names]
    return "\n".join([*head, text])


def _treat_table(table: TableScan) -> dict[str, Any]:
    key = _guess_key(table)
    treated: dict[str, Any] = {"key_columns": key}
    wholes: dict[str, str] = {}
    texts: list[str] = []
    documents: list[str] = []
    for column in table.columns:
        if column.top in key or column.top == NAMES or not _personal(column):
            continue
        entity = _whole(column)
        if column.column != column.top:
            documents.append(column.top)
        elif not entity:
            texts.append(column.top)
        if entity:
            wholes[column.column] = entity
    # a JSON column may also have cells that are no documents; they are treated as text there
    documents = list(dict.fromkeys(documents))
    texts = [name for name in dict.fromkeys(texts) if name not in documents]
    wholes = {path: entity for path, entity in wholes.items() if path not in documents}
    if not (texts or documents or wholes):
        return {}
    named = {"columns": texts, "json_columns": documents, "whole_columns": wholes}
    return treated | {name: value for name, value in named.items() if value}


def _whole(column: ColumnScan) -> str | None:
    """Return the entity of a field that is of one type, by its name or by most of its values."""
    named = [f for f in column.findings if f.decided_by in ("both", "name")]
    mostly = [f for f in column.findings if f.verdict == "personal" and (f.share or 0) >= MOSTLY]
    found = [f for f in (*named, *mostly) if f.entity != "NRP"]
    return found[0].entity if column.is_field and found else None


def _personal(column: ColumnScan) -> list[str]:
    return [f.entity for f in column.findings if f.verdict == "personal" and f.entity != "NRP"]


def _possible(column: ColumnScan) -> list[str]:
    """Return what a person should decide; origin and religion are needed to measure fairness."""
    found = column.findings
    return [f.entity for f in found if f.verdict == "possible" or _is_origin(f)]


def _is_origin(finding: Finding) -> bool:
    return finding.entity == "NRP" and finding.verdict == "personal"


def _guess_key(table: TableScan) -> list[str]:
    for column in table.columns:
        full = 0 < 0.99 * table.rows_scanned <= column.non_null  # a corrupt line has no key
        if column.column == column.top and _KEY.search(column.top) and full:
            return [] if _personal(column) else [column.top]
    return []
