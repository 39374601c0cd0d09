"""Finding tables of a Spark catalog by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rai_scale.engines.spark import quoted
from rai_scale.errors import TableError, did_you_mean
from rai_scale.tables.source import TableSource

_PART = re.compile(r"(?:`((?:[^`]|``)+)`|([^`./\\:\s]+))(?:\.(?=.)|$)")
_SCHEMA_AND_TABLE, _WITH_CATALOG = 2, 3


def name_parts(name: str) -> list[str] | None:
    """Split ``schema.table`` or ``catalog.schema.table``; None if it is not such a name.

    A part in backticks may contain any character; a backtick in it is doubled.
    """
    parts, at = [], 0
    while at < len(name):
        match = _PART.match(name, at)
        if match is None:
            return None
        parts.append(match.group(2) or match.group(1).replace("``", "`"))
        at = match.end()
    return parts if len(parts) >= _SCHEMA_AND_TABLE else None


def catalog_tables(name: str, engine: Any) -> list[TableSource] | None:
    """Find the table of a name, or all tables of a schema (``schema.*``).

    Parameters
    ----------
    name : str
    engine : SparkEngine

    Returns
    -------
    list of TableSource, or None
        None if it is not the name of a table, or if a name of two parts has an unknown schema: it
        may be meant as the path of a file.

    Raises
    ------
    TableError
        If the catalog, the schema or the table does not exist.
    """
    parts = name_parts(name)
    if parts is None:
        return None
    schema, table = parts[:-1], parts[-1]
    try:
        found = _tables(engine.session, schema)
    except Exception as error:
        if len(parts) < _WITH_CATALOG and "NOT_FOUND" in str(error):
            return None
        raise TableError(
            f"{'.'.join(schema)!r} is neither a path nor a schema of this session's catalog "
            f"({type(error).__name__})."
        ) from None
    if table != "*" and table.lower() not in {t.lower() for t in found}:
        raise TableError(
            f"{name!r}: there is no such table in {'.'.join(schema)!r}.{did_you_mean(table, found)}"
        )
    wanted = found if table == "*" else [table]
    if not wanted:
        raise TableError(f"the schema {'.'.join(schema)!r} has no tables.")
    return [
        TableSource(".".join([*schema, t]), "catalog", ".".join(map(quoted, [*schema, t])))
        for t in wanted
    ]


def _tables(session: Any, schema: Sequence[str]) -> list[str]:
    rows = session.sql(f"SHOW TABLES IN {'.'.join(map(quoted, schema))}").collect()
    return sorted(row["tableName"] for row in rows if not row["isTemporary"])


def column_tags(engine: Any, parts: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return column, name and value of each tag of the columns of a table in Unity Catalog.

    Parameters
    ----------
    engine : SparkEngine
    parts : sequence of str
        Catalog, schema and table.
    """
    names = ("column_name", "tag_name", "tag_value")
    return [tuple(row) for row in _information(engine, parts, "column_tags", names)]


def column_masks(engine: Any, parts: Sequence[str]) -> list[str]:
    """Return the columns of a table in Unity Catalog that have a mask."""
    return [row[0] for row in _information(engine, parts, "column_masks", ("column_name",))]


def _information(engine: Any, parts: Sequence[str], view: str, names: Sequence[str]) -> list[Any]:
    from pyspark.sql import functions

    catalog, schema, table = parts
    frame = engine.session.table(".".join(map(quoted, (catalog, "information_schema", view))))
    for name, value in (("schema_name", schema), ("table_name", table)):
        frame = frame.where(functions.lower(name) == value.lower())
    return list(frame.select(*names).collect())
