"""When a published row may belong to a known one: conditions, and the types that they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from rai_scale.engines.arrow_types import kind_of_type
from rai_scale.engines.dialect import Dialect, without_nan
from rai_scale.errors import ConfigError, did_you_mean

ConditionKind = Literal["equal", "prefix", "within_band", "near"]
KINDS = ("equal", "prefix", "within_band", "near")
_NUMBERS = ("int", "decimal", "float")
_LEAST_PARTS = 2


@dataclass(frozen=True)
class Condition:
    """A comparison of a published column with a known one.

    Attributes
    ----------
    kind : {"equal", "prefix", "within_band", "near"}
    published, known : str
        The names of the columns.
    size : float
        The number of characters of ``prefix``, the distance of ``near``.
    """

    kind: str
    published: str
    known: str
    size: float = 0

    def named(self) -> str:
        """Return the condition as a reader writes it."""
        same = self.published == self.known
        column = self.published if same else f"{self.published} = {self.known}"
        size = f", {self.size:g}" if self.kind in ("prefix", "near") else ""
        return f"{self.kind}({column}{size})"


def conditions_of(on: Sequence[Sequence[Any]]) -> list[Condition]:
    """Return conditions from tuples (kind, column) or (kind, column, size).

    A column is a name, or a pair (published, known).

    Raises
    ------
    ConfigError
        For an unknown kind, a missing or unsuitable size, or a repeated condition.
    """
    found = [_condition(one) for one in on]
    if not found:
        raise ConfigError("on: give at least one condition, such as ('equal', 'gender').")
    if len(set(found)) < len(found):
        raise ConfigError("on: a condition is given twice.")
    return found


def _condition(one: Sequence[Any]) -> Condition:
    parts = list(one) if isinstance(one, Sequence) and not isinstance(one, str) else []
    if len(parts) < _LEAST_PARTS or parts[0] not in KINDS:
        hint = did_you_mean(str(parts[0]), KINDS) if parts else ""
        raise ConfigError(
            "on: each condition is a kind and a column, such as ('equal', 'gender') or "
            f"('prefix', 'zip', 3). The kinds are {', '.join(KINDS)}.{hint}"
        )
    kind, column, *size = parts
    pair = [column, column] if isinstance(column, str) else list(column)
    if len(pair) != _LEAST_PARTS or not all(isinstance(name, str) for name in pair):
        raise ConfigError(f"on: {kind} needs a column, or a pair of names (published, known).")
    if kind in ("equal", "within_band"):
        if size:
            raise ConfigError(f"on: {kind} takes a column only.")
        return Condition(kind, pair[0], pair[1])
    needed = "a number of characters" if kind == "prefix" else "a distance"
    number = size[0] if len(size) == 1 else None
    whole = isinstance(number, int) and not isinstance(number, bool) and number >= 1
    if not (whole or (kind == "near" and isinstance(number, int | float) and number >= 0)):
        raise ConfigError(f"on: {kind} needs a column and {needed}, such as 3.")
    return Condition(kind, pair[0], pair[1], float(number or 0))


def check_types(one: Condition, published: pa.DataType, known: pa.DataType) -> None:
    """Raise :class:`ConfigError` if the two columns cannot be compared; no value is shown."""
    a, b = kind_of_type(published), kind_of_type(known)
    families = {"number" if kind in _NUMBERS else kind for kind in (a, b)}
    if one.kind == "within_band":
        suited = a == "text" and b in _NUMBERS
        needs = "text such as '20-29' in the published table, and a number in the known one"
    elif one.kind == "prefix":
        suited, needs = a == b == "text", "text in both tables"
    elif one.kind == "near":
        suited = families in ({"number"}, {"date"})
        needs = "numbers in both tables, or dates (with the distance in days)"
    else:
        suited = len(families) == 1 and a is not None and (a != "time" or published == known)
        needs = "the same type in both tables"
    if suited:
        return
    number_and_text = families == {"number", "text"} and one.kind != "within_band"
    why = (
        " A text never equals a number, so the attack would find nothing and prove nothing. If the "
        "values are codes, such as zip codes, read them as text in both tables: numbers have lost "
        "their leading zeros."
        if number_and_text
        else ""
    )
    raise ConfigError(
        f"on: {one.named()} needs {needs}. Column {one.published!r} of the published table has "
        f"type {published}, and {one.known!r} of the known table has type {known}.{why}"
    )


def value_sql(
    one: Condition, column: str, types: tuple[pa.DataType, pa.DataType], dialect: Dialect
) -> str:
    """Return the SQL of the value that is compared, of the same type on both sides."""
    kinds = {kind_of_type(kind) for kind in types}
    if one.kind == "prefix":
        return f"substr({column}, 1, {int(one.size)})"
    if one.kind in ("within_band", "near"):
        if kinds == {"date"}:
            return f"CAST({dialect.days(column)} AS DOUBLE)"
        return without_nan(f"CAST({column} AS DOUBLE)")
    if kinds <= {"text", "date", "time"}:
        return column
    if kinds in ({"int"}, {"bool"}):
        return f"CAST({column} AS BIGINT)"
    double = without_nan(f"CAST({column} AS DOUBLE)")
    return double if kinds == {"float"} else f"TRY_CAST({column} AS DECIMAL(38, 10))"


def match_sql(at: int, one: Condition, published: str, known: str) -> str:
    """Return the SQL of what is compared after the blocks are equal; empty if nothing is."""
    p, k = published, known
    if one.kind == "near":
        return f"abs({p}.r{at} - {k}.x{at}) <= CAST('{float(one.size)!r}' AS DOUBLE)"
    if one.kind == "within_band":
        x = f"{k}.x{at}"
        return (
            f"({p}.lo{at} < {x} OR ({p}.lo{at} = {x} AND {p}.lo_open{at} = 0)) AND "
            f"({p}.hi{at} > {x} OR ({p}.hi{at} = {x} AND {p}.hi_open{at} = 0))"
        )
    return ""


def columns_of(conditions: Sequence[Condition], side: str) -> Mapping[str, str]:
    """Return the short name of each column of a side (``published`` or ``known``)."""
    names = dict.fromkeys(getattr(one, side) for one in conditions)
    return {name: f"c{at}" for at, name in enumerate(names)}
