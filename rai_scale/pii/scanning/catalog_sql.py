"""Unity Catalog statements for a person to review: tags, and masks of direct identifiers."""

from __future__ import annotations

import re

from rai_scale.names import quoted
from rai_scale.pii.data_classes.kinds import DIRECT
from rai_scale.pii.scanning.result import ScanResult, catalog_parts
from rai_scale.pii.scanning.table_scan import ColumnScan
from rai_scale.pii.scanning.verdict import Finding

_TYPES = {
    "string": "STRING",
    "large_string": "STRING",
    "int8": "TINYINT",
    "int16": "SMALLINT",
    "int32": "INT",
    "int64": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "date32[day]": "DATE",
    "binary": "BINARY",
}
_DECIMAL = re.compile(r"decimal128\((\d+), (\d+)\)")


def unity_catalog_sql(result: ScanResult, readers: str = "pii_readers") -> str:
    """Return SQL that tags and masks the columns of a scan in Unity Catalog.

    Review the statements, then run them as an owner of the tables. Each column with a certain
    finding gets the tags ``rai_class``, ``rai_entity`` and ``rai_verdict``. A column with direct
    identifiers or secrets also gets a mask: members of a group see the values, and others see NULL.

    Parameters
    ----------
    result : ScanResult
        Of tables named ``catalog.schema.table``; the others are listed in comments.
    readers : str
        The account group whose members may read the masked columns.

    Returns
    -------
    str
        Statements with quoted names. They contain no value of the data.
    """
    lines = [
        "-- Tags and column masks proposed by rai-scale scan. Review them before you run them.",
        f"-- Masked columns can be read by members of the group {_comment(readers)}.",
    ]
    functions: dict[str, None] = {}
    statements: list[str] = []
    for table in result.tables:
        if not any(map(certain, table.columns)):
            continue
        parts = catalog_parts(table)
        if parts is None:
            statements.append(f"-- Not a table of Unity Catalog: {_comment(table.table)}")
            continue
        for column in table.columns:
            if certain(column):
                statements += _of_column(column, parts, readers, functions)
    return "\n".join([*lines, *functions, *statements, ""])


def _of_column(
    column: ColumnScan, parts: tuple[str, str, str], readers: str, functions: dict[str, None]
) -> list[str]:
    if column.masked or column.column != column.top:
        kind = "hidden name" if column.masked else "part of a column"
        return [f"-- No statement ({kind}): {_comment('.'.join(parts))}, {_comment(column.column)}"]
    found = certain(column)
    best = found[0]
    pairs = ", ".join(f"{_text(key)} = {_text(value)}" for key, value in tags_of(column).items())
    change = f"ALTER TABLE {_name(*parts)} ALTER COLUMN {_name(column.column)}"
    statements = [f"{change} SET TAGS ({pairs});"]
    if best.verdict not in DIRECT:
        return statements
    type_name = _sql_type(column.type)
    if type_name is None:
        return [*statements, f"-- No mask for the type of {_comment(column.column)}"]
    mask = _name(
        parts[0], parts[1], "rai_mask_" + re.sub(r"\W+", "_", type_name.lower()).strip("_")
    )
    functions[
        f"CREATE OR REPLACE FUNCTION {mask}(value {type_name}) RETURNS {type_name}\n"
        f"  RETURN CASE WHEN is_account_group_member({_text(readers)}) THEN value END;"
    ] = None
    return [*statements, f"{change} SET MASK {mask};"]


def tags_of(column: ColumnScan) -> dict[str, str]:
    """Return the tags of a column with certain findings."""
    best = certain(column)[0]
    return {"rai_class": best.data_class, "rai_entity": best.entity, "rai_verdict": best.verdict}


def certain(column: ColumnScan) -> list[Finding]:
    """Return the findings that are acted on, direct identifiers and secrets first."""
    sure = [f for f in column.findings if f.verdict in (*DIRECT, "indirect")]
    return sorted(sure, key=lambda f: f.verdict not in DIRECT)


def _sql_type(kind: str) -> str | None:
    decimal = _DECIMAL.fullmatch(kind)
    if decimal:
        return f"DECIMAL({decimal[1]}, {decimal[2]})"
    return "TIMESTAMP" if kind.startswith("timestamp") else _TYPES.get(kind)


def _name(*parts: str) -> str:
    return ".".join(quoted(part, "`") for part in parts)


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _comment(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
