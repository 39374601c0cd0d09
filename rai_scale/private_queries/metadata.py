"""SmartNoise SQL's own metadata, and the limits on a person's contribution in it."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from snsql.metadata import Metadata

from rai_scale.errors import ConfigError
from rai_scale.private_queries.column_names import real_name

Given: TypeAlias = "Metadata | Mapping[str, Any] | str"
_NUMBERS = ("int", "float")


@dataclass(frozen=True)
class TableFacts:
    """What the metadata state about one table.

    Attributes
    ----------
    name : str
        ``schema.table``, as queries call it.
    unit : str, optional
        The privacy unit's column; None with row privacy.
    max_ids : int
        Rows per unit.
    sample_max_ids : bool
        Whether rows have to be bounded; False promises that no unit has more rows.
    censor_dims, clamp_counts : bool
        As in SmartNoise SQL.
    columns : dict
        SmartNoise's column objects by name.
    unit_nullable : bool
        Whether the privacy unit may be null (``nullable``; true by default).
    expressions : dict
        Trees of the columns that are not in the table but computed from it.
    time_zone : str
        In which times with a zone are read.
    """

    name: str
    unit: str | None
    max_ids: int
    sample_max_ids: bool
    censor_dims: bool
    clamp_counts: bool
    columns: dict[str, Any]
    unit_nullable: bool = True
    expressions: Mapping[str, Any] = field(default_factory=dict)
    time_zone: str = "UTC"

    def bounds(self, column: str) -> tuple[float, float]:
        """Return the bounds that a column's values are clamped to.

        Raises
        ------
        ConfigError
            If the metadata do not describe the column, or give neither bounds nor a sensitivity.
        """
        found, column = self.find(column), real_name(column)
        if found is None:
            raise ConfigError(f"column {column!r} is not described in the metadata.")
        kind = found.typename()
        if kind == "boolean":
            return 0.0, 1.0
        if kind not in _NUMBERS:
            raise ConfigError(f"column {column!r} is of type {kind}: it cannot be summed.")
        if found.lower is not None and found.upper is not None:
            if kind == "int":  # integers between the bounds
                return float(math.ceil(found.lower)), float(math.floor(found.upper))
            return float(found.lower), float(found.upper)
        if found.sensitivity is not None:
            most = abs(float(found.sensitivity))
            most = float(math.floor(most)) if kind == "int" else most
            return -most, most
        raise ConfigError(
            f"column {column!r} has no bounds, so one person could change its sum without limit. "
            "Give 'lower' and 'upper' (or 'sensitivity') in the metadata, from public knowledge."
        )

    def whole(self, column: str) -> bool:
        """Return whether a column's values are integers."""
        found = self.find(column)
        return found is not None and found.typename() in ("int", "boolean")

    def find(self, column: str) -> Any | None:
        """Return SmartNoise's object for a column, by its name, encoded or as in its table."""
        plain = real_name(column)
        return next((c for n, c in self.columns.items() if real_name(n) == plain), None)


def load_metadata(given: Given) -> Metadata:
    """Return SmartNoise's metadata object from a YAML file, a mapping or such an object.

    Parameters
    ----------
    given : path, mapping or snsql Metadata
        In smartnoise-sql's own form.

    Raises
    ------
    ConfigError
        If SmartNoise does not accept it.
    """
    try:
        return Metadata.from_(dict(given) if isinstance(given, Mapping) else given)
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise ConfigError(f"the metadata cannot be used: {error}") from None


def table_facts(metadata: Metadata, name: str) -> TableFacts:
    """Return the facts about the table that a query names.

    Raises
    ------
    ConfigError
        If the table is not described, or its privacy unit is ambiguous.
    """
    table = metadata[name]
    if table is None:
        known = ", ".join(repr(t.table_name()) for t in metadata.tables())
        raise ConfigError(f"the metadata do not describe table {name!r}. They describe {known}.")
    units = [column.name for column in table.key_cols()]
    if table.row_privacy and units:
        raise ConfigError("row_privacy is set, and a column is marked private_id: choose one.")
    if not table.row_privacy and len(units) != 1:
        raise ConfigError(
            f"exactly one column must be marked private_id (found {len(units)}), or row_privacy "
            "set."
        )
    if table.max_ids < 1:
        raise ConfigError(f"max_ids must be 1 or more, found {table.max_ids}.")
    columns = dict(table.m_columns)
    if len({real_name(column).lower() for column in columns}) < len(columns):
        raise ConfigError(
            "column names in the metadata must differ in more than upper and lower case."
        )
    return TableFacts(
        table.table_name(),
        None if table.row_privacy else units[0],
        1 if table.row_privacy else table.max_ids,
        False if table.row_privacy else table.sample_max_ids,
        table.censor_dims,
        table.clamp_counts,
        columns,
        not units or bool(getattr(columns[units[0]], "nullable", True)),
    )


def for_post_processing(metadata: Metadata) -> Metadata:
    """Return a copy with which SmartNoise does not bound, clamp or hide: the engine already did."""
    plain = copy.deepcopy(metadata)
    for table in plain.tables():
        table.censor_dims = False
        table.sample_max_ids = False
        table.clamp_columns = False
        table.use_dpsu = False
        for column in table.columns():
            if hasattr(column, "missing_value"):
                column.missing_value = None
    return plain


def to_plain(metadata: Metadata) -> list[Any]:
    """Return the metadata as plain values, for the key of a release."""
    return [
        {
            "table": table.table_name(),
            **{k: v for k, v in vars(table).items() if isinstance(v, int | float | str | None)},
            "columns": [
                {"type": c.typename(), **{k: _plain(v) for k, v in vars(c).items()}}
                for c in table.columns()
            ],
        }
        for table in metadata.tables()
    ]


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | str | None) else str(value)
