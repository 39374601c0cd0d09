"""What a run has judged of a table, as text: the next run shows it again if nothing has changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from rai_scale.pii.scanning.later import Later
from rai_scale.pii.scanning.sources import bytes_of
from rai_scale.pii.scanning.table_scan import Absent, ColumnScan, TableScan
from rai_scale.pii.scanning.verdict import Finding
from rai_scale.tables.source import TableSource

if TYPE_CHECKING:
    from rai_scale.pii.scanning.table_rounds import ScanPlan

_CODE = ("pii.scanning", "pii.data_classes", "statistics")
"""The packages that turn counts into columns, findings and claims."""
_FACTS = (
    *("rows", "rows_scanned", "status", "note", "partly_read", "doubts"),
    *("rule", "bytes_read", "stopped"),
)
_COLUMN = [field.name for field in fields(ColumnScan)]
_FINDINGS, _SHAPES, _ABSENT = (_COLUMN.index(name) for name in ("findings", "shapes", "absent"))
_FIRST, _LAST, _CHANGE = (
    [field.name for field in fields(Finding)].index(name)
    for name in ("first_detected", "last_detected", "change")
)


class Judged(NamedTuple):
    """Fields of a ``TableScan`` and its columns as JSON, without values of the data.

    ``tables`` is the number of tables of the run if the claims depend on it, else 0.
    """

    facts: str
    columns: str
    tables: int


class Judging(NamedTuple):
    """What judgements of a run depend on.

    ``facts`` is the result of :func:`judging_facts`, ``tables`` the number of tables of the run,
    and ``now`` when it started (ISO 8601).
    """

    facts: str
    tables: int
    now: str


def judging_facts(plan: ScanPlan) -> str:
    """Return a hash of what judges counts, apart from the number of tables of a run."""
    about = [asdict(plan.guarantee), sorted(plan.types), plan.config.entities, plan.samples]
    return hashlib.sha256((_code() + json.dumps(about)).encode()).hexdigest()


@cache
def _code() -> str:
    found = hashlib.sha256()
    for package in _CODE:
        files = resources.files(f"rai_scale.{package}").iterdir()
        for file in sorted(files, key=lambda file: file.name):
            if file.name.endswith((".py", ".yaml")):
                found.update(f"{package}/{file.name}\0".encode() + file.read_bytes())
    return found.hexdigest()


def judged_of(scan: TableScan, tables: int) -> Judged:
    """Return what was judged of a table, to be stored."""
    facts = [getattr(scan, name) for name in _FACTS]
    depends = not all(part.complete for part in scan.parts)
    columns = json.dumps([_values(column) for column in scan.columns])
    return Judged(json.dumps(facts), columns, tables if depends else 0)


def _values(column: ColumnScan) -> list[Any]:
    found = [list(vars(finding).values()) for finding in column.findings]
    for finding in found:
        finding[_LAST] = finding[_CHANGE] = None
    values = list(vars(column).values())
    values[_FINDINGS] = found
    values[_ABSENT] = column.absent and list(vars(column.absent).values())
    return values


def shown_again(judged: Judged, found: TableSource, schema: pa.Schema, now: str) -> TableScan:
    """Return a table as the last run judged it.

    Parameters
    ----------
    judged : Judged
    found : TableSource
        None of its files is new.
    schema : pyarrow.Schema
    now : str
        When this run started (ISO 8601): its findings are detected again.
    """
    facts = dict(zip(_FACTS, json.loads(judged.facts), strict=True))
    facts["partly_read"] = tuple((name, why) for name, why in facts["partly_read"])
    facts["doubts"] = tuple(facts["doubts"])
    return TableScan(
        found.name,
        found.format,
        files=len(found.seen),
        columns=Later(lambda: [_column(each, now) for each in json.loads(judged.columns)]),
        folder=found.folder,
        again=found.again,
        bytes=bytes_of(found),
        schema=schema,
        **facts,
    )


def _column(values: list[Any], now: str) -> ColumnScan:
    values[_FINDINGS] = tuple(_finding(finding, now) for finding in values[_FINDINGS])
    values[_SHAPES] = tuple(values[_SHAPES])
    values[_ABSENT] = values[_ABSENT] and Absent(*values[_ABSENT])
    return ColumnScan(*values)


def _finding(values: list[Any], now: str) -> Finding:
    values[_LAST] = values[_FIRST] and now
    return Finding(*values)
