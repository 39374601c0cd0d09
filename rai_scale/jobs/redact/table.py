"""Redact one table: stage the expensive pass, then derive output, findings and quarantine."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rai_scale.engines.counts import merge_counts
from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, GateFailed, MissingColumnError, check_columns
from rai_scale.names import looks_personal
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.redaction.findings import (
    DETAILS,
    ERROR,
    FAILED,
    FINDING,
    STATUS,
    CountFindings,
    FailedRows,
    FindingRows,
    GoodRows,
    QuarantineCorrupt,
)
from rai_scale.pii.redaction.frames import redact
from rai_scale.pii.redaction.operators import Operators
from rai_scale.pii.redaction.policy import ColumnPolicy
from rai_scale.pii.redaction.rules import make_policy
from rai_scale.pii.values.nested import Fitted
from rai_scale.pii.values.text_leaves import is_inside
from rai_scale.tables.exact import check_exact
from rai_scale.tables.formats import CORRUPT
from rai_scale.tables.ownership import remove_folder
from rai_scale.tables.paths import Place
from rai_scale.tables.read import read_table
from rai_scale.tables.source import TableSource
from rai_scale.tables.write import write_parquet, write_table

_LOG = logging.getLogger(__name__)
FINDINGS_FOLDER, QUARANTINE_FOLDER, STAGING_FOLDER = "_findings", "_quarantine", "_staging"

HOW = {
    **{"redact": "analysed", "whole": "whole value", "pseudonym": "pseudonym", "tokenize": "token"},
    **{"generalise": "generalised", "null": "made null", "drop": "dropped", "keep": "kept"},
}
"""How the report describes each action of a policy."""


@dataclass(frozen=True)
class TableRun:
    """The rules for a table, and the folder of the run."""

    policy: dict[str, ColumnPolicy]
    strict: bool
    key: tuple[str, ...]
    analyzer: AnalyzerConfig
    operators: Operators
    folder: Place
    delta: Place | None
    run_id: str

    def staging(self, table: str) -> Place:
        """Return the staging folder of a table."""
        return self.folder.child(f"{STAGING_FOLDER}/{table}")


def stage_table(source: TableSource, frame: Any, engine: Engine, run: TableRun) -> dict[str, Any]:
    """Execute :func:`redacted_frame`, the expensive pass; return the report of the table."""
    staging = run.staging(source.name)
    write_parquet(frame, engine, staging.url, private=True)
    staged = read_table(staging.url, engine, format="parquet")
    output = run.folder.child(source.name) if run.delta is None else run.delta.child(source.name)
    return {**table_report(source, engine, run, staged), "output": output.path}


def write_outputs(source: TableSource, engine: Engine, run: TableRun) -> None:
    """Write output, findings and quarantine from the staged table, and remove it.

    Parquet is written into the folder of the run; each Delta table is one commit.
    """
    staging = run.staging(source.name)
    staged = read_table(staging.url, engine, format="parquet")
    schema = engine.schema(staged)
    kept = tuple(n for n in schema.names if n not in (*DETAILS.names, CORRUPT))
    good, found, failed = GoodRows(kept), FindingRows(run.key), FailedRows(run.key)
    outputs: list[tuple[str, Any, pa.Schema]] = [
        (f"{FINDINGS_FOLDER}/{source.name}", found, found.schema(schema)),
        (f"{QUARANTINE_FOLDER}/{source.name}", failed, failed.schema(schema)),
        (source.name, good, pa.schema([schema.field(n) for n in kept])),
    ]
    for name, rows, columns in outputs:
        taken = engine.map_partitions(staged, rows, columns, label=type(rows).__name__)
        if run.delta is None:
            write_parquet(taken, engine, run.folder.child(name).url)
        else:
            write_table(taken, engine, run.delta.child(name).url, "delta", run_id=run.run_id)
    remove_folder(staging)


def redacted_frame(
    source: TableSource, engine: Engine, run: TableRun, read_rows: bool = True
) -> Any:
    """Return the lazy frame that is staged; invalid columns and options raise an error here."""
    check_exact(source, engine, read_rows)
    table = read_table(source, engine)
    check_columns(run.key, engine.columns(table))
    taken = sorted({*run.key} & {*FINDING.names, ERROR})
    if taken:
        raise ConfigError(
            f"key_columns: {taken} are also names of columns of the findings; rename these columns "
            "or choose others."
        )
    internal = [CORRUPT] if CORRUPT in engine.columns(table) else []  # ends in the quarantine only
    frame = redact(
        table,
        policy={**dict.fromkeys(internal, ColumnPolicy(action="keep")), **run.policy},
        strict=run.strict,
        operators=run.operators,
        details=True,
        analyzer=run.analyzer,
    )
    if CORRUPT not in engine.columns(frame):
        return frame
    corrupt = QuarantineCorrupt()
    return engine.with_columns(
        frame, corrupt, corrupt.outputs, inputs=corrupt.inputs, label="quarantine"
    )


def table_report(source: TableSource, engine: Engine, run: TableRun, staged: Any) -> dict[str, Any]:
    """Count the staged rows by status and error, and the findings."""
    rows = engine.group_counts(staged, [STATUS, ERROR]).to_pylist()
    total = sum(row["count"] for row in rows)
    bad = sum(row["count"] for row in rows if row[STATUS] == FAILED)
    counted = engine.map_partitions(staged, CountFindings(), CountFindings.schema, label="count")
    found = merge_counts(engine.collect(counted), ["column", "entity", "operator"]).to_pylist()
    per_column: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in found:
        if row["entity"] is not None:
            item = {"entity": row["entity"], "operator": row["operator"], "count": row["findings"]}
            per_column[row["column"]].append(item)
    schema = engine.schema(staged)
    scope = scope_report(schema, run, per_column)
    silent = [
        path
        for path, spec in run.policy.items()
        if spec.action != "keep"
        and not any(found == path or is_inside(found, path) for found in per_column)
    ]
    return {
        "table": source.name,
        "rows_in": total,
        "rows_out": total - bad,
        "rows_quarantined": bad,
        "rows_skipped": 0,
        "files_unreadable": len(source.unreadable),
        "cells_changed": sum(row["cells"] for row in found),
        "columns": [
            {
                "column": shown_path(schema.names, column),
                "how": HOW[run.policy[column].action] if column in run.policy else "analysed",
                "findings": sorted(per_column[column], key=lambda f: (-f["count"], f["entity"])),
            }
            for column in sorted([*per_column, *silent])
        ],
        "errors": [
            {"error": row[ERROR], "rows": row["count"]} for row in rows if row[STATUS] == FAILED
        ],
        **scope,
        "warnings": bool(bad or source.unreadable or scope["rules_without_effect"]),
    }


def scope_report(
    schema: pa.Schema, run: TableRun, per_column: Mapping[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    """Return the columns and leaves that were copied unchanged, and the rules without effect.

    Rules without effect are those for leaves of JSON text and keys of maps, which matched no value;
    a leaf of the schema may be empty.
    """
    names = [name for name in schema.names if name not in (*DETAILS.names, CORRUPT)]
    left = {
        path: spec
        for path, spec in run.policy.items()
        if path in names or any(is_inside(path, name) for name in names)
    }
    policy = make_policy(left, run.operators, schema)
    fitted = [policy.fitted(name, schema) for name in policy.documents]
    return {
        "carried_columns": [shown_path(names, n) for n in names if n not in policy.worked],
        "carried_leaves": [
            {"leaf": shown_path(names, path), "type": kind}
            for found in fitted
            for path, kind in _distinct(found)
        ],
        "personal_names": [n for n, name in enumerate(names, 1) if looks_personal(name)],
        "rules_without_effect": sorted(
            rule for found in fitted for rule in found.open - found.met if not per_column.get(rule)
        ),
    }


def shown_path(names: Sequence[str], path: str) -> str:
    """Return a path as reports show it: the position replaces a column name that is personal."""
    for position, name in enumerate(names, 1):
        if (path == name or is_inside(path, name)) and looks_personal(name):
            return f"column_{position}{path[len(name) :]}"
    return path


def _distinct(fitted: Fitted) -> list[tuple[str, str]]:
    """Return the leaves below the column itself, which is analysed as text."""
    return [leaf for leaf in dict.fromkeys(fitted.unread) if leaf[0] != fitted.paths[0]]


def check_error_ratio(table: dict[str, Any], allowed: float) -> None:
    """Raise :class:`GateFailed` if too many rows of a table failed; nothing is published then."""
    ratio = table["rows_quarantined"] / max(1, table["rows_in"])
    if ratio > allowed:
        kinds = ", ".join(f"{e['error']} ({e['rows']})" for e in table["errors"][:5])
        raise GateFailed(
            f"table {table['table']!r}: {ratio:.2%} of the rows failed; max_error_ratio allows "
            f"{allowed:.2%}. Errors: {kinds}. The previous output is unchanged."
        )


@contextmanager
def naming(table: str) -> Iterator[None]:
    """Name the table: in the message of an error about its columns, otherwise in the log."""
    try:
        yield
    except (ConfigError, MissingColumnError) as error:
        raise type(error)(f"table {table!r}: {error}") from None
    except Exception as error:
        _LOG.error("table %s failed: %s", table, type(error).__name__)
        raise
