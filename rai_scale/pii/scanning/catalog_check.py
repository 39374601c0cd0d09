"""Check that the tags and column masks of earlier SQL are in place in Unity Catalog."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rai_scale.engines.choose import engine_named
from rai_scale.engines.protocol import Engine
from rai_scale.pii.data_classes.kinds import DIRECT
from rai_scale.pii.scanning.catalog_sql import certain, tags_of
from rai_scale.pii.scanning.result import ScanResult, catalog_parts
from rai_scale.pii.scanning.table_scan import TableScan
from rai_scale.tables.discovery.spark_catalog import column_masks, column_tags

Outcome = Literal["in place", "missing", "not checked"]


@dataclass(frozen=True)
class CatalogCheck:
    """Whether a column with certain findings is tagged, and masked if it has to be.

    Attributes
    ----------
    table, column : str
        ``column`` is empty if the whole table could not be checked.
    outcome : {"in place", "missing", "not checked"}
    detail : str
        Which tags or masks are missing, or why they could not be checked.
    """

    table: str
    column: str
    outcome: Outcome
    detail: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


def check_unity_catalog(
    result: ScanResult, engine: str | Engine = "spark"
) -> tuple[CatalogCheck, ...]:
    """Check that the tags and masks of :func:`unity_catalog_sql` are in place.

    It reads ``information_schema.column_tags`` and ``information_schema.column_masks`` of each
    catalog, and changes nothing.

    Parameters
    ----------
    result : ScanResult
        Of tables named ``catalog.schema.table``.
    engine : {"spark"} or Engine
        By default, the active Spark session.

    Returns
    -------
    tuple of CatalogCheck
        One per column that :func:`unity_catalog_sql` has a statement for; one per table that could
        not be checked, with the reason.
    """
    runner = engine_named(engine) if isinstance(engine, str) else engine
    found: list[CatalogCheck] = []
    for table in result.tables:
        if any(map(certain, table.columns)):
            found += _of_table(table, runner)
    return tuple(found)


def _of_table(table: TableScan, engine: Engine) -> Iterator[CatalogCheck]:
    parts = catalog_parts(table)
    if parts is None:
        yield CatalogCheck(table.table, "", "not checked", "it is not a table of Unity Catalog")
        return
    try:
        tags: dict[str, dict[str, str]] = defaultdict(dict)
        for tagged, name, value in column_tags(engine, parts):
            tags[tagged.casefold()][name] = value
        masks = {masked.casefold() for masked in column_masks(engine, parts)}
    except Exception as error:
        why = f"this session cannot read information_schema of its catalog ({type(error).__name__})"
        yield CatalogCheck(table.table, "", "not checked", why)
        return
    for column in table.columns:
        if not certain(column) or column.masked or column.column != column.top:
            continue
        wanted, name = tags_of(column), column.column.casefold()
        missing = [f"tag {tag}" for tag, value in wanted.items() if tags[name].get(tag) != value]
        if certain(column)[0].verdict in DIRECT and name not in masks:
            missing.append("mask")
        outcome: Outcome = "missing" if missing else "in place"
        yield CatalogCheck(table.table, column.column, outcome, ", ".join(missing))
