"""What values a column has, and the column as SQL that means the same on every engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import pyarrow as pa

from rai_scale.engines.arrow_types import Kind, kind_of_type
from rai_scale.engines.dialect import Dialect, without_nan
from rai_scale.errors import ConfigError, check_columns

NUMBERS = ("int", "decimal", "float")


def kind_of(schema: pa.Schema, name: str) -> Kind | None:
    """Return the kind of a column's values; None for nested, binary and other types."""
    return kind_of_type(schema.field(name).type)


def check_used(schema: pa.Schema, names: Iterable[str]) -> None:
    """Raise if a column does not exist, or its name differs from another only in case."""
    check_columns(names, schema.names)
    folded = Counter(name.lower() for name in schema.names)
    double = [name for name in names if folded[name.lower()] > 1]
    if double:
        raise ConfigError(
            f"column {double[0]!r} and another column differ only in upper and lower case, which "
            "SQL does not distinguish. Rename one of them."
        )


def value_sql(dialect: Dialect, schema: pa.Schema, name: str) -> str:
    """Return a column as SQL, with null instead of NaN and times in UTC."""
    column, kind = dialect.column(name), kind_of(schema, name)
    if kind == "float":
        return without_nan(f"CAST({column} AS DOUBLE)")
    if kind == "time" and schema.field(name).type.tz:
        return dialect.local_time(column)
    return column


def double_sql(dialect: Dialect, schema: pa.Schema, name: str) -> str:
    """Return a column of numbers or true/false values as a double, with null instead of NaN."""
    column, kind = dialect.column(name), kind_of(schema, name)
    if kind == "bool":
        return f"CAST(CASE WHEN {column} THEN 1 WHEN NOT {column} THEN 0 END AS DOUBLE)"
    if kind == "decimal":  # text is rounded correctly on every engine
        return f"CAST({dialect.as_text(column)} AS DOUBLE)"
    return value_sql(dialect, schema, name) if kind == "float" else f"CAST({column} AS DOUBLE)"


def error_sql(dialect: Dialect, schema: pa.Schema, labels: Sequence[str]) -> str:
    """Return 1 where the two label columns differ, 0 where they are equal, else null.

    Raises
    ------
    ConfigError
        If the two columns have values of two types, such as numbers and text.
    """
    kinds = [kind_of(schema, name) for name in labels]
    if None in kinds or len({_family(kind) for kind in kinds}) > 1:
        types = " and ".join(f"{name!r} has {schema.field(name).type}" for name in labels)
        raise ConfigError(
            f"labels and predictions have values of two types that cannot be compared: {types}. "
            "Cast one of the columns."
        )
    mixed = len(set(kinds)) > 1 or (
        kinds[0] == "decimal" and schema.field(labels[0]).type != schema.field(labels[1]).type
    )
    as_sql = double_sql if mixed and "text" not in kinds else value_sql
    true, pred = (as_sql(dialect, schema, name) for name in labels)
    return f"CASE WHEN {true} = {pred} THEN 0 WHEN {true} <> {pred} THEN 1 END"


def _family(kind: Kind | None) -> str:
    return "number" if kind in (*NUMBERS, "bool") else str(kind)


def loss_sql(dialect: Dialect, schema: pa.Schema, labels: Sequence[str], *, squared: bool) -> str:
    """Return the absolute or squared difference of two columns of numbers, as a double.

    Raises
    ------
    ConfigError
        If one of the columns has no numbers.
    """
    for name in labels:
        if kind_of(schema, name) not in NUMBERS:
            raise ConfigError(
                f"column {name!r} has type {schema.field(name).type}; a regression metric needs "
                "numbers. Use metric='error_rate' for labels."
            )
    true, pred = (double_sql(dialect, schema, name) for name in labels)
    gap = f"({true} - {pred})"
    return f"{gap} * {gap}" if squared else f"abs({gap})"
