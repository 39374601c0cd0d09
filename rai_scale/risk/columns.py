"""The columns of a measurement: their roles, their types, and notes on values that look alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from rai_scale.engines.arrow_types import is_text
from rai_scale.engines.counts import refuse_nested
from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS
from rai_scale.errors import ConfigError

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

_MIXED = ("mixed", "mixed-integer")


@dataclass(frozen=True)
class Columns:
    """A frame whose columns have the short names of the SQL.

    Attributes
    ----------
    data : frame of the engine
    short : dict of str to str
        The short name of each of the caller's columns.
    types : dict of str to pyarrow.DataType
        By short name.
    """

    data: Any
    short: Mapping[str, str]
    types: Mapping[str, pa.DataType]

    def of_kind(self, is_kind: Any) -> list[str]:
        """Return the short names of the columns whose type is of a kind."""
        return [name for name, kind in self.types.items() if is_kind(kind)]

    @property
    def texts(self) -> list[str]:
        """The short names of text columns."""
        return self.of_kind(is_text)

    @property
    def floats(self) -> list[str]:
        """The short names of columns of floats."""
        return self.of_kind(pa.types.is_floating)

    def called(self, short: str) -> str:
        """Return the caller's name of a column."""
        return next(name for name, other in self.short.items() if other == short)


def short_columns(engine: Engine, frame: Any, short: Mapping[str, str]) -> Columns:
    """Keep the named columns under short names; lazy.

    Raises
    ------
    ConfigError
        If a column has a type that cannot define groups.
    """
    data = engine.with_names(frame, short)
    if isinstance(data, pd.DataFrame):  # converted once, and not by each statement
        data = engine.collect(data)
    schema = engine.schema(data)
    named = pa.schema([schema.field(new).with_name(old) for old, new in short.items()])
    refuse_nested(named, named.names)
    return Columns(data, dict(short), {field.name: field.type for field in schema})


def one_role_each(roles: Mapping[str, Sequence[str]]) -> None:
    """Raise :class:`ConfigError` for a column that is named twice."""
    named = [(name, role) for role, names in roles.items() for name in names]
    for at, (name, role) in enumerate(named):
        for other, before in named[:at]:
            if other == name:
                raise ConfigError(
                    f"column {name!r} is named as {before} and as {role}. Name it once."
                    if role != before
                    else f"column {name!r} is named twice as {role}."
                )


def refuse_measured(names: Sequence[str], measured: Sequence[str]) -> None:
    """Raise :class:`ConfigError` for groups whose columns have the names of the numbers."""
    for name in names:
        if name in measured:
            raise ConfigError(
                f"groups by column {name!r} cannot be shown: the table of groups has a number of "
                "this name. Rename the column."
            )


def mixed_notes(frame: Any, names: Sequence[str]) -> list[str]:
    """Return a note for each object column of a pandas frame that mixes types, as 1 and "1"."""
    if not isinstance(frame, pd.DataFrame):
        return []
    return [
        f"column {name!r} mixes types (such as numbers and text). Its values were compared as "
        "text: 1, 1.0 and '1' are equal. Give the column one type."
        for name in names
        if frame[name].dtype == object and pd.api.types.infer_dtype(frame[name]) in _MIXED
    ]


def float_notes(engine: Engine, columns: Columns) -> list[str]:
    """Return a note for each column of floats with NaN or -0.0; executes if there are floats."""
    names = columns.floats
    if not names:
        return []
    kind = "VARCHAR" if engine.dialect == "duckdb" else "STRING"
    flags = []
    for name in names:
        flags += [f"CASE WHEN isnan({name}) THEN 1 ELSE 0 END AS nan_{name}"]
        zero = f"{name} = 0 AND CAST({name} AS {kind}) LIKE '-%'"
        flags += [f"CASE WHEN {zero} THEN 1 ELSE 0 END AS zero_{name}"]
    sums = [f"{form}_{name}" for name in names for form in ("nan", "zero")]
    # made of fixed names only
    rows = f"SELECT 1 AS one, {', '.join(flags)} FROM {SQL_DATA}"  # noqa: S608
    added = ", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in sums)
    totals = f"SELECT one, {added} FROM {SQL_ROWS} GROUP BY one"  # noqa: S608
    table = engine.aggregate_sql(columns.data, rows, totals, keys=["one"])
    found = table.to_pylist()[0] if table.num_rows else {}
    notes = []
    for name in names:
        if found.get(f"nan_{name}"):
            notes.append(
                f"column {columns.called(name)!r} has {found[f'nan_{name}']:,} values NaN, which "
                "are one value of their own, different from null."
            )
        if found.get(f"zero_{name}"):
            notes.append(
                f"column {columns.called(name)!r} has {found[f'zero_{name}']:,} values -0.0, "
                "which are equal to 0.0."
            )
    return notes
