"""Turn a scan into the configuration of a redaction, for a person to review, change and run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pyarrow as pa
import yaml

from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.jobs.scan.config import ScanJob
from rai_scale.pii.data_classes.kinds import DIRECT, is_indirect
from rai_scale.pii.redaction.operators import Operators
from rai_scale.pii.redaction.policy import ColumnPolicy, policy_specs
from rai_scale.pii.redaction.policy_checks import check_policy
from rai_scale.pii.redaction.rules import make_policy
from rai_scale.pii.scanning.column_name_search import NAMES
from rai_scale.pii.scanning.result import ScanResult
from rai_scale.pii.scanning.table_scan import ColumnScan, TableScan
from rai_scale.pii.scanning.verdict import Finding
from rai_scale.tables.exact import why_inexact
from rai_scale.tables.formats import CORRUPT
from rai_scale.tables.source import Lake

MOSTLY = 0.5
"""A field holds a type if at least this share of its values has it."""

_KEY = re.compile(r"(^|_)(id|key|uuid|guid)$|^path$", re.IGNORECASE)


class TablePlan(NamedTuple):
    """The rules for a table, and the columns that no rule can redact, with the reason."""

    treated: dict[str, Any]
    refused: list[str]


def redaction_plan(
    result: ScanResult, inexact: Mapping[str, str] = MappingProxyType({})
) -> dict[str, TablePlan]:
    """Return the rules per table; redaction accepts all of them.

    ``inexact`` gives the reason for each table that cannot be copied unchanged: it has no rules.

    The values of a field that holds one type, according to its name or to most of its values, are
    replaced as a whole, so that they do not depend on a recognizer. Other columns with personal
    data are analysed, JSON documents and nested values leaf by leaf.
    """
    plans = {table.table: _treat_table(table) for table in result.tables}
    for name, why in inexact.items():
        plans[name] = TablePlan({}, [*plans[name].refused, f"the whole table: {why}"])
    return {name: plan for name, plan in plans.items() if plan.treated or plan.refused}


def inexact_tables(result: ScanResult, lake: Lake, engine: Engine) -> dict[str, str]:
    """Return why tables that would be redacted cannot be copied; this may read columns."""
    plans = redaction_plan(result)
    planned = [table for table in lake if table.name in plans and plans[table.name].treated]
    found = {table.name: why_inexact(table, engine) for table in planned}
    return {name: why for name, why in found.items() if why}


def redaction_yaml(
    result: ScanResult,
    config: ScanJob,
    inexact: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the plan as YAML, with comments on what a person should review."""
    plans = redaction_plan(result, inexact)
    plan = {
        "source": config.source,
        "output": "out/redacted",
        "engine": config.engine,
        "analyzer": result.config.model_dump(mode="json", exclude_defaults=True),
        "operators": {"DEFAULT": {"type": "replace"}},
        "max_error_ratio": 0.01,
        **({"csv": config.csv} if config.csv else {}),
        **({"ignore": list(config.ignore)} if config.ignore else {}),
        "tables": {name: plan.treated for name, plan in plans.items() if plan.treated},
    }
    text = yaml.safe_dump(plan, sort_keys=False, allow_unicode=True, width=100)
    head = [
        "Made from a scan: review it before you run it. Tables that are not named here are not",
        "copied. Key columns are guessed from names; they must not hold personal data.",
    ]
    doubts = [
        f"  {table.table}: {column.column} ({', '.join(_possible(column))})"
        for table in result.tables
        for column in table.columns
        if _possible(column) and not _personal(column)
    ]
    refused = [f"  {name}: {why}" for name, plan in plans.items() for why in plan.refused]
    named = [f"  {t.table}" for t in result.tables for c in t.columns if c.top == NAMES]
    for title, lines in (
        ("Personal data that this configuration does not redact:", refused),
        ("Possible and indirect personal data that this configuration does not redact:", doubts),
        ("Column names may be personal data, which redaction does not change:", named),
    ):
        head += [title, *lines] if lines else []
    if not plan["tables"]:
        head.append("There is nothing to redact, so this configuration cannot be run.")
    return "\n".join([*map(_comment, head), text])


def _comment(text: str) -> str:
    """Return a text as a one-line comment; a name may contain line ends or invalid characters."""
    return "# " + "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _treat_table(table: TableScan) -> TablePlan:
    key = _guess_key(table)
    texts: dict[str, None] = {}
    documents: dict[str, None] = {}
    wholes: dict[str, str] = {}
    refused = []
    for column in table.columns:
        if column.top in (*key, NAMES, CORRUPT) or not _personal(column):
            continue
        rules, why = _treat_column(table, column)
        for path, spec in rules.items():
            if spec.entity:
                wholes[path] = spec.entity
            else:
                (documents if spec.json_text else texts)[path] = None
        refused += [f"{column.column} ({', '.join(_personal(column))}): {why}"] if why else []
    # a JSON column may also have values that are not documents; redaction treats them as text
    treated = {
        "columns": [name for name in texts if name not in documents],
        "json_columns": list(documents),
        "whole_columns": {path: e for path, e in wholes.items() if path not in documents},
    }
    treated = {name: value for name, value in treated.items() if value}
    return TablePlan({"key_columns": key, **treated} if treated else {}, refused)


def _treat_column(
    table: TableScan, column: ColumnScan
) -> tuple[dict[str, ColumnPolicy], str | None]:
    """Return the rules for a column or leaf that redaction accepts, or why there are none."""
    if column.masked:
        return {}, "its name is hidden, and a rule would have to show it; rename the column"
    top, path, entity = column.top, column.column, _whole(column)
    if "…" in path:  # no rule can name a truncated path
        entity = None
    if path == top:
        rules = policy_specs(whole_columns={top: entity}) if entity else policy_specs(columns=top)
        why = _why_refused(table, rules)
        return ({} if why else rules), why
    document = policy_specs(json_columns=top)
    why = _why_refused(table, document)
    if why:
        return {}, why
    schema = table.schema
    is_text = schema is None or path not in _unread(document, schema, top)
    # a rule for all values of a map would replace its keys too, so texts are analysed instead
    if entity and not (is_text and path.endswith(".*")):
        ruled = document | policy_specs(whole_columns={path: entity})
        why = _why_refused(table, ruled)
        if why is None:
            return ruled, None
    if is_text:
        return document, None
    # the keys and values of a map share a path, and the others may be texts
    some = document if "*" in path else {}
    return some, why or "it is not text, and is redacted only if whole_columns names it"


def _unread(specs: Mapping[str, ColumnPolicy], schema: pa.Schema, name: str) -> dict[str, str]:
    return dict(make_policy(specs, Operators(), schema).fitted(name, schema).unread)


def _why_refused(table: TableScan, rules: Mapping[str, ColumnPolicy]) -> str | None:
    """Return why redaction refuses rules for a table; None if it accepts them."""
    if table.schema is None:
        return None
    try:
        check_policy(make_policy(rules, Operators(), table.schema), table.schema)
    except (ConfigError, MissingColumnError) as error:
        return str(error)
    return None


def _whole(column: ColumnScan) -> str | None:
    """Return the type of a field, according to its name or to most of its values."""
    named = [f for f in column.findings if f.decided_by in ("both", "name")]
    mostly = [f for f in column.findings if f.verdict in DIRECT and (f.share or 0) >= MOSTLY]
    decided = [f for f in column.findings if f.decided_by == "reviewer" and f.verdict in DIRECT]
    found = [f for f in (*decided, *named, *mostly) if _is_proposed(f)]
    return found[0].entity if column.is_field and found else None


def _personal(column: ColumnScan) -> list[str]:
    return [f.entity for f in column.findings if f.verdict in DIRECT and _is_proposed(f)]


def _possible(column: ColumnScan) -> list[str]:
    """Return what a person should decide on; fairness checks need origin and religion."""
    found = column.findings
    return [f.entity for f in found if f.verdict in ("possible", "indirect") or _is_origin(f)]


def _is_proposed(finding: Finding) -> bool:
    """Return whether a type is redacted: fairness checks need origin and quasi-identifiers."""
    indirect = is_indirect(finding.entity) and finding.verdict not in DIRECT
    return finding.entity != "NRP" and not indirect


def _is_origin(finding: Finding) -> bool:
    return finding.entity == "NRP" and finding.verdict == "personal"


def _guess_key(table: TableScan) -> list[str]:
    for column in table.columns:
        full = 0 < 0.99 * table.rows_scanned <= column.non_null  # a corrupt line has no key
        if column.column == column.top and _KEY.search(column.top) and full:
            return [] if _personal(column) else [column.top]
    return []
