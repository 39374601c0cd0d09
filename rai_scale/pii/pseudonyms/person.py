"""The person (or conversation) that a row belongs to: the value of a ``per`` column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from rai_scale.engines.plain_texts import plain_number, whole_text
from rai_scale.errors import ConfigError, RaiScaleError, did_you_mean
from rai_scale.names import shown_names

_WRITTEN_FLOAT = re.compile(r"-?(0|[1-9][0-9]{0,15})\.0")
People = tuple[str | None, ...]
"""The values of a row in all ``per`` columns, in their order; None for a missing value."""


class NoPersonError(RaiScaleError):
    """A row has no value in the column that ``per`` names."""


def check_per(columns: Sequence[str], schema: pa.Schema) -> None:
    """Raise :class:`ConfigError` if a ``per`` column is missing, nested or binary."""
    for name in columns:
        if name not in schema.names:
            shown = shown_names(schema.names)
            raise ConfigError(
                f"per: the table has no column {name!r}.{did_you_mean(name, shown)} "
                f"It has: {', '.join(shown)}."
            )
        kind = schema.field(name).type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind):
            raise ConfigError(f"per: column {name!r} has type {kind}; name a column of plain ids.")


def people_of(table: pa.Table, columns: Sequence[str]) -> list[People]:
    """Return the values of the ``per`` columns for each row, as texts.

    Null, NaN, blank texts and values that Python cannot represent are None: rows without an id
    must not count as one person.
    """
    if not columns:
        return [()] * table.num_rows
    texts = ([_person(value) for value in table[name]] for name in columns)
    return list(zip(*texts, strict=True))


def person_in(person: str | None) -> str:
    """Return the person, or raise :class:`NoPersonError` if there is none."""
    if person is None:
        raise NoPersonError("a row has no value in the column that per names.")
    return person


def _person(scalar: pa.Scalar) -> str | None:
    try:
        value: Any = scalar.as_py()
    except Exception:
        return None
    if value is None or value != value:  # noqa: PLR0124
        return None
    text = whole_text(value)
    # pandas writes the integers of a column with a missing value as 1.0
    text = plain_number(text) if _WRITTEN_FLOAT.fullmatch(text) else text
    return text if text.strip() else None
